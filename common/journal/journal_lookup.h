/*
 * journal_lookup - reads single records of a journal that is being written.
 *
 * Whoever keeps the positions of records (journal.h) can have their payloads
 * back later, from the files, with their checksums verified.
 *
 * Failure    STATUS_CORRUPT, with file and offset, where the record that was
 *            once there is no more. The next call may ask for another.
 * Ownership  The options' strings are borrowed until the lookup is closed; a
 *            payload is borrowed until the next call.
 * Threads    One at a time, which need not be the journal's.
 * Limits     Holds JOURNAL_LOOKUP_FILES_MAX files open, and one record.
 */
#ifndef COMMON_JOURNAL_JOURNAL_LOOKUP_H
#define COMMON_JOURNAL_JOURNAL_LOOKUP_H

#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/journal/journal.h"

#define JOURNAL_LOOKUP_FILES_MAX 4

struct journal_lookup;

/* Of the journal with these options, for as long as that is open. */
struct journal_lookup *
journal_lookup_create(const struct journal_options *options);

/*
 * The record at a position that the journal gave: one that a commit has
 * written, and that is not given up.
 */
enum status journal_lookup_read(struct journal_lookup *lookup,
    const struct journal_position *position, struct slice *payload,
    struct error *err) MUST_CHECK;

/* Closes the files of segments before this one: nobody asks for them again. */
void journal_lookup_forget(struct journal_lookup *lookup, uint64_t segment);

/* NULL is allowed. */
void journal_lookup_close(struct journal_lookup *lookup);

#endif
