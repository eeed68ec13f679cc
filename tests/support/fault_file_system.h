/*
 * fault_file_system - a file system that fails on command and can lose power.
 *
 * Its table passes every call but syncs on to the real file system, so files
 * can be mapped and locked, and records it. Calls are numbered from 0 in the
 * order in which they took place. A test can
 *   - make call n fail, or write or read less than it was asked to;
 *   - materialise, into a fresh folder, what a disk may hold when the power
 *     is cut after the first n calls.
 *
 * Only what lies under the root folder is recorded; calls on other files (a
 * runtime directory, say) are counted and can fail, and a power cut takes
 * those files away. What the root holds at creation is on disk. Writes
 * through a mapping are not seen. Folders cannot be renamed.
 *
 * What survives a power cut. Data that a sync covered, and names that a sync
 * of their folder covered. What came later may or may not: each piece (512
 * or 4096 bytes) of each written range shows its old bytes or those after any
 * of the unsynced writes to it; the size is one of the unsynced sizes; each
 * unsynced creation, rename, link and removal of a name happened or not. A
 * file's data belongs to the file, under whatever names it is reachable. When
 * a sync fails, each page it should have written is on disk or lost, and
 * lost pages are not written by a later sync, though readers still see them,
 * as on Linux; and so with the names of files, when a sync of a folder fails.
 *
 * Failure  What a test itself does wrong aborts.
 * Threads  The table may be called from any thread; calls take place one at
 *          a time. The other functions: when no call is under way.
 */
#ifndef TESTS_SUPPORT_FAULT_FILE_SYSTEM_H
#define TESTS_SUPPORT_FAULT_FILE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/os/file_system.h"

struct fault_file_system;

enum fault_kind {
	FAULT_ERROR, /* -1 and errno; nothing happens */
	FAULT_ERROR_AFTER_HALF, /* a write does half of it, then the same */
	FAULT_ERROR_FROM, /* this call and all later ones but close */
	FAULT_SHORT, /* a read or write does half and says so */
};

/* `root` must exist; it is borrowed for the call. */
struct fault_file_system *fault_file_system_create(const char *root);

/* Frees; descriptors still open stay so. NULL is allowed. */
void fault_file_system_close(struct fault_file_system *fault);

/* The table to give to the code under test, borrowed until close. */
struct file_system *fault_file_system_table(struct fault_file_system *fault);

/* Arms one fault for call number `call`, in place of the one before. */
void fault_file_system_fail(struct fault_file_system *fault, uint64_t call,
    enum fault_kind kind, int errnum);

/* Nothing fails any more. */
void fault_file_system_heal(struct fault_file_system *fault);

/* Whether the armed fault has struck. */
bool fault_file_system_struck(const struct fault_file_system *fault);

/* Calls so far; the next one gets this number. From any thread. */
uint64_t fault_file_system_calls(struct fault_file_system *fault);

/*
 * Whether call number `call` changes what a disk may hold, so that power cuts
 * before and after it are different ones.
 */
bool fault_file_system_call_matters(
    const struct fault_file_system *fault, uint64_t call);

/* "pwrite shard-0/current 0+4096", borrowed until the next such call. */
const char *
fault_file_system_describe(struct fault_file_system *fault, uint64_t call);

/*
 * Describes the first call that trusted a file or folder again, by a write or
 * a sync, after a sync of it had failed; NULL if none did. Looks at the calls
 * from `from` up to, not including, `until`.
 */
const char *fault_file_system_find_retry(
    struct fault_file_system *fault, uint64_t from, uint64_t until);

/*
 * From now on materialise() shows a disk that ignores the syncs of files and
 * folders whose path fits `pattern`, as fnmatch(3) has it with FNM_PATHNAME;
 * NULL: one that ignores none. How a test learns whether it would notice
 * that a sync is missing.
 */
void fault_file_system_ignore_syncs(
    struct fault_file_system *fault, const char *pattern);

/*
 * Writes to `target`, which is created or empty, what the root may hold
 * after the first `calls` calls and a power cut. The same `seed` gives the
 * same outcome. Cheap when `calls` ascends from one call of this function to
 * the next.
 */
void fault_file_system_materialise(struct fault_file_system *fault,
    uint64_t calls, uint64_t seed, const char *target);

#endif
