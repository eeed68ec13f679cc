/*
 * compaction - merges tables into new ones on one level.
 *
 * Threads  Any: inputs are immutable files, opened anew by the call.
 */
#ifndef STORAGED_COMPACTION_COMPACTION_H
#define STORAGED_COMPACTION_COMPACTION_H

#include <stddef.h>

#include "common/base/status.h"
#include "storaged/compaction/rewrite.h"

/*
 * Merges the `count` inputs. Those that a range tombstone of another input
 * covers whole are not even read. `older` and `stop` as for rewrite_run().
 */
enum status compaction_run(const struct rewrite_options *options,
    struct table_file *const *inputs, size_t count, struct older_tables *older,
    const atomic_bool *stop, struct rewrite_result *result,
    struct error *err) MUST_CHECK;

/*
 * Why a compaction could not read its inputs: reads each of them to the end.
 * Gives an array with as many errors as inputs, for the caller to free, whose
 * code is STATUS_OK where a table is sound.
 */
struct error *compaction_find_damage(const struct rewrite_options *options,
    struct table_file *const *inputs, size_t count);

#endif
