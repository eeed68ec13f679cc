/*
 * direct_file - reads a file from the disk, past the page cache.
 *
 * What the cache holds may be sound while the disk no longer is, and reading
 * everything through it would push out what readers need. Where a file system
 * cannot do that (a tmpfs), reads go through the cache after all, and what was
 * not in it before is let go again.
 *
 * Threads  A struct direct_file belongs to one thread.
 */
#ifndef COMMON_OS_DIRECT_FILE_H
#define COMMON_OS_DIRECT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"

/* Offsets, sizes and addresses of memory are multiples of it. */
#define DIRECT_FILE_ALIGN 4096

struct direct_file;

/* STATUS_NOT_FOUND where there is none. */
enum status direct_file_open(struct file_system *fs, const char *path,
    struct direct_file **out, struct error *err) MUST_CHECK;

/* NULL is allowed. */
void direct_file_close(struct direct_file *file);

/* Reads up to `size` bytes; *got is less only at the end of the file. */
enum status direct_file_read(struct direct_file *file, uint64_t offset,
    void *bytes, size_t size, size_t *got, struct error *err) MUST_CHECK;

/* Memory for it, zeroed; freed with direct_file_free(). */
void *direct_file_allocate(size_t size);
void direct_file_free(void *bytes);

#endif
