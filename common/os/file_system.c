#include "common/os/file_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int
real_open(struct file_system *fs, const char *path, int flags, mode_t mode)
{
	(void)fs;
	return open(path, flags | O_CLOEXEC, mode);
}

static int
real_close(struct file_system *fs, int fd)
{
	(void)fs;
	return close(fd);
}

static ssize_t
real_pread(
    struct file_system *fs, int fd, void *bytes, size_t size, off_t offset)
{
	(void)fs;
	return pread(fd, bytes, size, offset);
}

static ssize_t
real_pwrite(struct file_system *fs, int fd, const void *bytes, size_t size,
    off_t offset)
{
	(void)fs;
	return pwrite(fd, bytes, size, offset);
}

static ssize_t
real_mapped_write(struct file_system *fs, int fd, void *mapping,
    const void *bytes, size_t size, off_t offset)
{
	(void)fs;
	(void)fd;
	memcpy((uint8_t *)mapping + offset, bytes, size);
	return (ssize_t)size;
}

static void
real_write_out(struct file_system *fs, int fd, off_t offset, off_t size)
{
	(void)fs;
	(void)sync_file_range(fd, offset, size, SYNC_FILE_RANGE_WRITE);
}

static int
real_fdatasync(struct file_system *fs, int fd)
{
	(void)fs;
	return fdatasync(fd);
}

static int
real_fsync(struct file_system *fs, int fd)
{
	(void)fs;
	return fsync(fd);
}

static int
real_ftruncate(struct file_system *fs, int fd, off_t size)
{
	(void)fs;
	return ftruncate(fd, size);
}

static int
real_allocate(struct file_system *fs, int fd, off_t size)
{
	int errnum;

	(void)fs;
	errnum = posix_fallocate(fd, 0, size);
	if (errnum == 0)
		return 0;
	errno = errnum;
	return -1;
}

static int
real_reserve(struct file_system *fs, int fd, off_t size)
{
	(void)fs;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -1;
}

static int
real_rename(struct file_system *fs, const char *from, const char *to)
{
	(void)fs;
	return rename(from, to);
}

static int
real_link(struct file_system *fs, const char *from, const char *to)
{
	(void)fs;
	return link(from, to);
}

static int
real_unlink(struct file_system *fs, const char *path)
{
	(void)fs;
	return unlink(path);
}

static int
real_mkdir(struct file_system *fs, const char *path, mode_t mode)
{
	(void)fs;
	return mkdir(path, mode);
}

static int
real_space(struct file_system *fs, const char *path, uint64_t *free_bytes,
    uint64_t *total_bytes)
{
	struct statvfs info;

	(void)fs;
	if (statvfs(path, &info) != 0)
		return -1;
	*free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
	/* What is kept for root is not ours to fill. */
	*total_bytes =
	    (uint64_t)(info.f_blocks - info.f_bfree) * info.f_frsize +
	    *free_bytes;
	return 0;
}

struct file_system *
file_system_real(void)
{
	static struct file_system real = {
	    .open = real_open,
	    .close = real_close,
	    .pread = real_pread,
	    .pwrite = real_pwrite,
	    .mapped_write = real_mapped_write,
	    .write_out = real_write_out,
	    .fdatasync = real_fdatasync,
	    .fsync = real_fsync,
	    .ftruncate = real_ftruncate,
	    .allocate = real_allocate,
	    .reserve = real_reserve,
	    .rename = real_rename,
	    .link = real_link,
	    .unlink = real_unlink,
	    .mkdir = real_mkdir,
	    .space = real_space,
	};

	return &real;
}
