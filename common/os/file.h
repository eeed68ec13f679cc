/*
 * file - files over the file_system seam, with errors that name the path.
 *
 * Durability  Bytes are on disk after file_sync(), a name is after
 *             directory_sync() of its folder (common/os/path).
 *             file_replace() does all of it.
 * Failure     Every failure names the operation and the path. A short write
 *             is continued; nothing that failed is retried, and a file whose
 *             write or sync failed is the caller's to abandon.
 * Ownership   A struct file is the caller's to close.
 * Threads     A struct file belongs to one thread at a time; reads at an
 *             offset may be shared.
 */
#ifndef COMMON_OS_FILE_H
#define COMMON_OS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/os/file_system.h"

struct file;

/* Opens a file that exists, to read. STATUS_NOT_FOUND where there is none. */
enum status file_open(struct file_system *fs, const char *path,
    struct file **out, struct error *err) MUST_CHECK;

/* Opens a file that exists, to read and write. */
enum status file_open_writable(struct file_system *fs, const char *path,
    struct file **out, struct error *err) MUST_CHECK;

/* Creates an empty file, also where one stood before, to read and write. */
enum status file_create(struct file_system *fs, const char *path,
    struct file **out, struct error *err) MUST_CHECK;

/* As file_create(), but STATUS_CONFLICT where the name is taken. */
enum status file_create_new(struct file_system *fs, const char *path,
    struct file **out, struct error *err) MUST_CHECK;

/* Closes without syncing and frees. NULL is allowed. */
void file_close(struct file *file);

/* The descriptor, borrowed until file_close(). For mapping and locking. */
int file_descriptor(const struct file *file);

/* The path it was opened under, borrowed until file_close(). */
const char *file_path(const struct file *file);

enum status file_size(
    struct file *file, uint64_t *size_bytes, struct error *err) MUST_CHECK;

/* Reads up to `size` bytes; *got is less only at the end of the file. */
enum status file_read_at(struct file *file, uint64_t offset, void *bytes,
    size_t size, size_t *got, struct error *err) MUST_CHECK;

/* Writes all of `bytes`. */
enum status file_write_at(struct file *file, uint64_t offset,
    struct slice bytes, struct error *err) MUST_CHECK;

/*
 * Writes all of `bytes` through `mapping`, which file_map() made of this file
 * and which reaches that far. STATUS_IO where a page cannot be had.
 */
enum status file_write_mapped(struct file *file, void *mapping, uint64_t offset,
    struct slice bytes, struct error *err) MUST_CHECK;

/*
 * Has the disk begin to write these bytes, so that a sync later finds little
 * left to do. Tells nothing of whether it could.
 */
void file_write_out(struct file *file, uint64_t offset, uint64_t size_bytes);

/*
 * fdatasync. STATUS_UNSYNCED when it fails, for whatever reason: what is on
 * disk is not known then, and a second sync that succeeds would not say.
 */
enum status file_sync(struct file *file, struct error *err) MUST_CHECK;

enum status file_truncate(
    struct file *file, uint64_t size_bytes, struct error *err) MUST_CHECK;

/* Reserves `size_bytes` so that writes and mappings within cannot run out. */
enum status file_allocate(
    struct file *file, uint64_t size_bytes, struct error *err) MUST_CHECK;

/*
 * As file_allocate(), but the file keeps its size: what is written up to there
 * will find its space. Where the file system cannot, it is OK all the same.
 */
enum status file_reserve(
    struct file *file, uint64_t size_bytes, struct error *err) MUST_CHECK;

/*
 * Maps `size_bytes` from the start, shared; unmap with file_unmap(). The
 * mapping outlives the struct file.
 */
enum status file_map(struct file *file, size_t size_bytes, bool writable,
    void **out, struct error *err) MUST_CHECK;
void file_unmap(void *mapping, size_t size_bytes);

/*
 * Makes the pages of a writable mapping present, so that touching them later
 * does not wait for the kernel. Their space must be reserved.
 */
void file_populate(void *mapping, size_t size_bytes);

/* The same as a hint: does nothing where that would fail. */
void file_prefault(void *mapping, size_t size_bytes);

/*
 * Takes pages out of a mapping that touches them no more for a while; they
 * come back from the file when it does. Whoever writes them out need not take
 * the right to write from each page in turn, which interrupts every processor
 * that runs a thread of this process once a page.
 */
void file_leave_pages(void *mapping, size_t size_bytes);

/*
 * How often this thread has had to wait for a page of a mapping to come from
 * its file. Costs a system call.
 */
uint64_t file_fault_count(void);

/* Appends the whole content to `out`; STATUS_INVALID above `size_max`. */
enum status file_read_whole(struct file_system *fs, const char *path,
    size_t size_max, struct buffer *out, struct error *err) MUST_CHECK;

/*
 * Writes `bytes` to a new file under a passing name, syncs it, renames it to
 * `path` and syncs the folder: afterwards the file is durably the new one,
 * after a crash the old one or the new.
 */
enum status file_replace(struct file_system *fs, const char *path,
    struct slice bytes, struct error *err) MUST_CHECK;

/*
 * Locks an open file against other processes until it is closed.
 * STATUS_BUSY when another holds it.
 */
enum status file_lock(struct file *file, struct error *err) MUST_CHECK;

#endif
