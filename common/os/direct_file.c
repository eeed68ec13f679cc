#include "common/os/direct_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct direct_file {
	struct file_system *fs; /* borrowed */
	int fd;
	bool is_direct;
	char *path;
};

enum status
direct_file_open(struct file_system *fs, const char *path,
    struct direct_file **out, struct error *err)
{
	struct direct_file *file;
	bool is_direct = true;
	int fd = fs->open(fs, path, O_RDONLY | O_DIRECT, 0);

	*out = NULL;
	if (fd < 0 && errno == EINVAL) {
		is_direct = false;
		fd = fs->open(fs, path, O_RDONLY, 0);
	}
	if (fd < 0 && errno == ENOENT)
		return error_set(
		    err, STATUS_NOT_FOUND, "open %s: no such file", path);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	file = mem_new(sizeof(*file));
	file->fs = fs;
	file->fd = fd;
	file->is_direct = is_direct;
	file->path = mem_dup_string(path);
	*out = file;
	return STATUS_OK;
}

void
direct_file_close(struct direct_file *file)
{
	if (file == NULL)
		return;
	(void)file->fs->close(file->fs, file->fd);
	mem_free(file->path);
	mem_free(file);
}

/* Whether the cache has all of it already. */
static bool
is_cached(
    const struct direct_file *file, uint64_t offset, void *bytes, size_t size)
{
	struct iovec vector = {bytes, size};

	return preadv2(file->fd, &vector, 1, (off_t)offset, RWF_NOWAIT) ==
	    (ssize_t)size;
}

enum status
direct_file_read(struct direct_file *file, uint64_t offset, void *bytes,
    size_t size, size_t *got, struct error *err)
{
	bool let_go = !file->is_direct && !is_cached(file, offset, bytes, size);

	CHECK(offset % DIRECT_FILE_ALIGN == 0);
	CHECK(size % DIRECT_FILE_ALIGN == 0);
	CHECK((uintptr_t)bytes % DIRECT_FILE_ALIGN == 0);
	*got = 0;
	/* A read that stopped within a page has met the end of the file. */
	while (*got < size && *got % DIRECT_FILE_ALIGN == 0) {
		ssize_t count =
		    file->fs->pread(file->fs, file->fd, (uint8_t *)bytes + *got,
			size - *got, (off_t)(offset + *got));

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return error_set_errno(
			    err, errno, "read %s", file->path);
		if (count == 0)
			break;
		*got += (size_t)count;
	}
	if (let_go)
		(void)posix_fadvise(
		    file->fd, (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
	return STATUS_OK;
}

void *
direct_file_allocate(size_t size)
{
	void *bytes = NULL;

	CHECK(posix_memalign(&bytes, DIRECT_FILE_ALIGN, size) == 0);
	return memset(bytes, 0, size);
}

void
direct_file_free(void *bytes)
{
	free(bytes);
}
