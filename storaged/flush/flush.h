/*
 * flush - makes a table of level 0 from a frozen memtable.
 *
 * Threads  Any; what it reads no longer changes.
 */
#ifndef STORAGED_FLUSH_FLUSH_H
#define STORAGED_FLUSH_FLUSH_H

#include "common/base/status.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "storaged/compaction/rewrite.h"

/*
 * Writes everything in `memtable`. A memtable without anything that lasts
 * makes no table.
 */
enum status flush_memtable(const struct rewrite_options *options,
    const struct memtable_reader *memtable, struct rewrite_result *result,
    struct error *err) MUST_CHECK;

#endif
