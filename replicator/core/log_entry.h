/*
 * log_entry - one entry of the replicated log.
 */
#ifndef REPLICATOR_CORE_LOG_ENTRY_H
#define REPLICATOR_CORE_LOG_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

/* The numbers are libraft's, and stand in the log's files. */
enum log_entry_kind {
	LOG_ENTRY_COMMANDS = 1, /* batches of clients */
	LOG_ENTRY_BARRIER = 2, /* nothing: a leader's first entry */
	LOG_ENTRY_CONFIGURATION = 3, /* who the members are from here on */
};

#define LOG_ENTRY_BYTES_MAX ((uint32_t)64 << 20)

struct log_entry {
	uint64_t term;
	enum log_entry_kind kind;
	struct slice data; /* borrowed */
};

#endif
