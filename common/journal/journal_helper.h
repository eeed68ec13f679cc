/*
 * journal_helper - a thread that spares the writer of mapped segments waiting.
 *
 * What the kernel does for a segment that is written through a mapping takes
 * the thread that asks for it a microsecond a page or many milliseconds at a
 * time: finding pages for what is written next, handing what was written to
 * the disk, unmapping, removing. None of it has an answer that anybody needs,
 * so it is asked for here, in order, except that pages come first.
 *
 * Ownership  As each function says. Close the helper last: it first does all
 *            that it was given.
 * Threads    Owned by one; it has a thread of its own inside.
 */
#ifndef COMMON_JOURNAL_JOURNAL_HELPER_H
#define COMMON_JOURNAL_JOURNAL_HELPER_H

#include <stddef.h>
#include <stdint.h>

struct file;
struct file_system;
struct journal_helper;

/* The file system is borrowed. */
struct journal_helper *journal_helper_create(struct file_system *fs);

/*
 * Makes the pages of a mapping present, to be written. It stays mapped until
 * journal_helper_leave().
 */
void journal_helper_prefault(
    struct journal_helper *helper, void *pages, size_t size_bytes);

/*
 * Has the disk write these whole pages, of which `pages` is the mapping, and
 * which are not written again. All stays open and mapped until leave().
 */
void journal_helper_write_out(struct journal_helper *helper, struct file *file,
    void *pages, uint64_t offset, uint64_t size_bytes);

/* Unmaps and closes a segment; both are taken. */
void journal_helper_leave(struct journal_helper *helper, struct file *file,
    void *mapping, size_t size_bytes);

/* Removes a file; one that stays is removed by the next recovery. */
void journal_helper_remove(struct journal_helper *helper, const char *path);

/* NULL is allowed. */
void journal_helper_close(struct journal_helper *helper);

#endif
