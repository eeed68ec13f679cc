#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/bus_guard.h"
#include "common/os/path.h"

struct file {
	struct file_system *fs; /* borrowed */
	int fd;
	char *path;
};

static enum status
open_as(struct file_system *fs, const char *path, int flags, struct file **out,
    struct error *err)
{
	int fd = fs->open(fs, path, flags, 0640);
	struct file *file;

	*out = NULL;
	if (fd < 0 && errno == ENOENT)
		return error_set(
		    err, STATUS_NOT_FOUND, "open %s: no such file", path);
	if (fd < 0 && errno == EEXIST)
		return error_set(
		    err, STATUS_CONFLICT, "create %s: it exists", path);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	file = mem_new(sizeof(*file));
	file->fs = fs;
	file->fd = fd;
	file->path = mem_dup_string(path);
	*out = file;
	return STATUS_OK;
}

enum status
file_open(struct file_system *fs, const char *path, struct file **out,
    struct error *err)
{
	return open_as(fs, path, O_RDONLY, out, err);
}

enum status
file_open_writable(struct file_system *fs, const char *path, struct file **out,
    struct error *err)
{
	return open_as(fs, path, O_RDWR, out, err);
}

enum status
file_create(struct file_system *fs, const char *path, struct file **out,
    struct error *err)
{
	return open_as(fs, path, O_RDWR | O_CREAT | O_TRUNC, out, err);
}

enum status
file_create_new(struct file_system *fs, const char *path, struct file **out,
    struct error *err)
{
	return open_as(fs, path, O_RDWR | O_CREAT | O_EXCL, out, err);
}

void
file_close(struct file *file)
{
	if (file == NULL)
		return;
	/* What must be durable was synced; close has nothing more to say. */
	(void)file->fs->close(file->fs, file->fd);
	mem_free(file->path);
	mem_free(file);
}

int
file_descriptor(const struct file *file)
{
	return file->fd;
}

const char *
file_path(const struct file *file)
{
	return file->path;
}

enum status
file_size(struct file *file, uint64_t *size_bytes, struct error *err)
{
	struct stat info;

	if (fstat(file->fd, &info) != 0)
		return error_set_errno(err, errno, "stat %s", file->path);
	*size_bytes = (uint64_t)info.st_size;
	return STATUS_OK;
}

enum status
file_read_at(struct file *file, uint64_t offset, void *bytes, size_t size,
    size_t *got, struct error *err)
{
	*got = 0;
	while (*got < size) {
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
	return STATUS_OK;
}

enum status
file_write_at(
    struct file *file, uint64_t offset, struct slice bytes, struct error *err)
{
	size_t done = 0;

	while (done < bytes.size) {
		ssize_t count =
		    file->fs->pwrite(file->fs, file->fd, bytes.data + done,
			bytes.size - done, (off_t)(offset + done));

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return error_set_errno(
			    err, errno, "write %s", file->path);
		done += (size_t)count;
	}
	return STATUS_OK;
}

struct mapped_write {
	struct file *file;
	void *mapping;
	uint64_t offset;
	struct slice bytes;
};

/* Runs inside a bus guard. */
static enum status
write_mapped(void *context, struct error *err)
{
	const struct mapped_write *write = context;
	struct file *file = write->file;
	size_t done = 0;

	while (done < write->bytes.size) {
		ssize_t count = file->fs->mapped_write(file->fs, file->fd,
		    write->mapping, write->bytes.data + done,
		    write->bytes.size - done, (off_t)(write->offset + done));

		if (count < 0)
			return error_set_errno(
			    err, errno, "write %s", file->path);
		done += (size_t)count;
	}
	return STATUS_OK;
}

enum status
file_write_mapped(struct file *file, void *mapping, uint64_t offset,
    struct slice bytes, struct error *err)
{
	struct mapped_write write = {file, mapping, offset, bytes};

	if (bus_guard_run(write_mapped, &write, err) != STATUS_OK)
		return error_wrap(err, "%s", file->path);
	return STATUS_OK;
}

void
file_write_out(struct file *file, uint64_t offset, uint64_t size_bytes)
{
	file->fs->write_out(
	    file->fs, file->fd, (off_t)offset, (off_t)size_bytes);
}

enum status
file_sync(struct file *file, struct error *err)
{
	if (file->fs->fdatasync(file->fs, file->fd) != 0) {
		error_set_errno(err, errno, "sync %s", file->path);
		return err->code = STATUS_UNSYNCED;
	}
	return STATUS_OK;
}

enum status
file_truncate(struct file *file, uint64_t size_bytes, struct error *err)
{
	if (file->fs->ftruncate(file->fs, file->fd, (off_t)size_bytes) != 0)
		return error_set_errno(err, errno, "truncate %s", file->path);
	return STATUS_OK;
}

enum status
file_allocate(struct file *file, uint64_t size_bytes, struct error *err)
{
	int result;

	/* A signal ends it early, on tmpfs above all. */
	do {
		result =
		    file->fs->allocate(file->fs, file->fd, (off_t)size_bytes);
	} while (result != 0 && errno == EINTR);
	if (result != 0)
		return error_set_errno(err, errno, "allocate %s", file->path);
	return STATUS_OK;
}

enum status
file_reserve(struct file *file, uint64_t size_bytes, struct error *err)
{
	int result;

	do {
		result =
		    file->fs->reserve(file->fs, file->fd, (off_t)size_bytes);
	} while (result != 0 && errno == EINTR);
	if (result != 0)
		return error_set_errno(
		    err, errno, "reserve space for %s", file->path);
	return STATUS_OK;
}

enum status
file_map(struct file *file, size_t size_bytes, bool writable, void **out,
    struct error *err)
{
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;

	*out = mmap(NULL, size_bytes, protection, MAP_SHARED, file->fd, 0);
	if (*out == MAP_FAILED) {
		*out = NULL;
		return error_set_errno(err, errno, "map %s", file->path);
	}
	return STATUS_OK;
}

void
file_unmap(void *mapping, size_t size_bytes)
{
	if (mapping != NULL)
		CHECK(munmap(mapping, size_bytes) == 0);
}

void
file_populate(void *mapping, size_t size_bytes)
{
	const volatile uint8_t *bytes = mapping;

#ifdef MADV_POPULATE_WRITE
	if (madvise(mapping, size_bytes, MADV_POPULATE_WRITE) == 0)
		return;
#endif
	/* A kernel before 5.14: a read of each page does as well in tmpfs. */
	for (size_t i = 0; i < size_bytes; i += 4096)
		(void)bytes[i];
}

void
file_prefault(void *mapping, size_t size_bytes)
{
#ifdef MADV_POPULATE_WRITE
	(void)madvise(mapping, size_bytes, MADV_POPULATE_WRITE);
#else
	(void)mapping;
	(void)size_bytes;
#endif
}

void
file_leave_pages(void *mapping, size_t size_bytes)
{
	(void)madvise(mapping, size_bytes, MADV_DONTNEED);
}

uint64_t
file_fault_count(void)
{
	struct rusage usage;

	CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
	return (uint64_t)usage.ru_majflt;
}

enum status
file_read_whole(struct file_system *fs, const char *path, size_t size_max,
    struct buffer *out, struct error *err)
{
	struct file *file;
	uint64_t size;
	size_t got;

	if (file_open(fs, path, &file, err) != STATUS_OK)
		return err->code;
	if (file_size(file, &size, err) != STATUS_OK)
		goto fail;
	if (size > size_max) {
		error_set(err, STATUS_INVALID,
		    "%s: %llu bytes, more than the limit of %zu", path,
		    (unsigned long long)size, size_max);
		goto fail;
	}
	if (file_read_at(file, 0, buffer_reserve(out, (size_t)size),
		(size_t)size, &got, err) != STATUS_OK)
		goto fail;
	buffer_commit(out, got);
	file_close(file);
	return STATUS_OK;
fail:
	file_close(file);
	return err->code;
}

enum status
file_replace(struct file_system *fs, const char *path, struct slice bytes,
    struct error *err)
{
	char passing[PATH_BYTES_MAX];
	char directory[PATH_BYTES_MAX];
	struct file *file;
	const char *slash = strrchr(path, '/');
	int size;

	size = snprintf(passing, sizeof(passing), "%s.new", path);
	CHECK(size > 0 && size < PATH_BYTES_MAX);
	snprintf(directory, sizeof(directory), "%.*s",
	    slash == NULL ? 1 : (int)(slash - path),
	    slash == NULL ? "." : path);
	if (file_create(fs, passing, &file, err) != STATUS_OK)
		return err->code;
	if (file_write_at(file, 0, bytes, err) != STATUS_OK ||
	    file_sync(file, err) != STATUS_OK) {
		file_close(file);
		return err->code;
	}
	file_close(file);
	if (path_rename(fs, passing, path, err) != STATUS_OK)
		return err->code;
	return directory_sync(fs, directory[0] == '\0' ? "/" : directory, err);
}

enum status
file_lock(struct file *file, struct error *err)
{
	if (flock(file->fd, LOCK_EX | LOCK_NB) == 0)
		return STATUS_OK;
	if (errno == EWOULDBLOCK)
		return error_set(err, STATUS_BUSY,
		    "%s is locked by another process", file->path);
	return error_set_errno(err, errno, "lock %s", file->path);
}
