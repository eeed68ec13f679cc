/*
 * journal_recovery - reads a journal after whatever happened to it.
 *
 * Inside common/journal only; the rules stand in journal_recovery.c and in
 * storaged/FORMAT.md.
 */
#ifndef COMMON_JOURNAL_JOURNAL_RECOVERY_H
#define COMMON_JOURNAL_JOURNAL_RECOVERY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/journal/journal.h"
#include "common/journal/journal_writer.h"

/* A whole segment before the one that is written. */
struct journal_segment {
	uint64_t number;
	uint64_t last_sequence; /* below its first where it holds no record */
	uint64_t size_bytes;
};

struct journal_recovered {
	struct journal_segment *segments; /* oldest first, without the tail */
	size_t segment_count;
	uint64_t last_sequence;
	struct journal_writer tail; /* durable, with room or full */
};

/* As journal_open(); the caller frees what is in *recovered, in any case. */
enum status journal_recover(const struct journal_options *options,
    uint64_t after_sequence, journal_on_record *on_record, void *context,
    struct journal_recovery *recovery, struct journal_recovered *recovered,
    struct error *err) MUST_CHECK;

#endif
