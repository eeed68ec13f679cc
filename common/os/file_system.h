/*
 * file_system - the system calls that touch files, as a table.
 *
 * Everything durable goes through this seam, so that a test can fail the
 * n-th call, or record the calls and cut the power between any two of them.
 * Each function behaves as the system call of its name: -1 and errno on
 * failure. Descriptors are real ones, also under a test's table, so that
 * files can be mapped.
 *
 * Threads  A table may be called from any thread.
 */
#ifndef COMMON_OS_FILE_SYSTEM_H
#define COMMON_OS_FILE_SYSTEM_H

#include <stdint.h>
#include <sys/types.h>

struct file_system {
	int (*open)(
	    struct file_system *fs, const char *path, int flags, mode_t mode);
	int (*close)(struct file_system *fs, int fd);
	ssize_t (*pread)(struct file_system *fs, int fd, void *bytes,
	    size_t size, off_t offset);
	ssize_t (*pwrite)(struct file_system *fs, int fd, const void *bytes,
	    size_t size, off_t offset);
	/*
	 * pwrite's job through a shared mapping of the file's beginning: what
	 * is stored there is in the file, and no system call is made.
	 */
	ssize_t (*mapped_write)(struct file_system *fs, int fd, void *mapping,
	    const void *bytes, size_t size, off_t offset);
	/* Has the disk begin to write these bytes; a hint, and no sync. */
	void (*write_out)(
	    struct file_system *fs, int fd, off_t offset, off_t size);
	int (*fdatasync)(struct file_system *fs, int fd);
	int (*fsync)(struct file_system *fs, int fd); /* directories too */
	int (*ftruncate)(struct file_system *fs, int fd, off_t size);
	/* posix_fallocate's job, but -1 and errno as the others. */
	int (*allocate)(struct file_system *fs, int fd, off_t size);
	/*
	 * Takes the blocks for bytes up to `size` and leaves the file's size
	 * as it is. 0, too, where the file system knows no such thing.
	 */
	int (*reserve)(struct file_system *fs, int fd, off_t size);
	int (*rename)(struct file_system *fs, const char *from, const char *to);
	int (*link)(struct file_system *fs, const char *from, const char *to);
	int (*unlink)(struct file_system *fs, const char *path);
	int (*mkdir)(struct file_system *fs, const char *path, mode_t mode);
	/* statvfs's job: bytes that may still be written, and all there are. */
	int (*space)(struct file_system *fs, const char *path,
	    uint64_t *free_bytes, uint64_t *total_bytes);
};

/* The operating system's. Stateless; never freed. */
struct file_system *file_system_real(void);

#endif
