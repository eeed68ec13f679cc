/*
 * core_private - what the files of the core share: core.c starts, steps and
 * does what follows from a step; core_receive.c feeds frames; core_submit.c
 * proposes, changes and snapshots. Nobody else includes this.
 */
#ifndef REPLICATOR_CORE_CORE_PRIVATE_H
#define REPLICATOR_CORE_CORE_PRIVATE_H

#include <raft.h>

#include "common/base/buffer.h"
#include "replicator/core/core.h"
#include "replicator/core/guard.h"

/* A configuration and the index of its entry. */
struct dated_configuration {
	uint64_t index;
	struct configuration configuration;
};

/* What was given to append(): `last` goes back when the log is cut. */
struct pending_append {
	uint64_t first;
	uint64_t last;
};

struct core {
	struct raft raft;
	struct core_options options;
	struct core_host host;
	uint64_t now_ms;
	uint64_t deadline_ms;
	uint64_t fired_ms; /* when core_timeout() was last called */
	uint64_t heard_ms; /* when a leader was last heard of */

	uint64_t first_index; /* of the log */
	uint64_t last_index;
	uint64_t stored_index;
	uint64_t commit_index; /* the greatest libraft has told */
	uint64_t term_index; /* where the term of this leader begins */

	/* The newest snapshot; its content is owned here. */
	struct snapshot snapshot;
	struct buffer content;
	bool is_installing;
	struct raft_snapshot_metadata installing; /* libraft's, held for it */

	/* Of the log and the snapshot, ascending; at most one uncommitted. */
	struct dated_configuration *configurations;
	size_t configuration_count;
	size_t configuration_capacity;
	uint64_t applied_configuration_index;

	/* In the order of append(). */
	struct pending_append *appends;
	size_t append_count;
	size_t append_capacity;

	struct log_entry *scratch; /* for what is handed to the host */
	size_t scratch_capacity;
	struct buffer frame;
	struct error failure; /* not OK once the core has ended */
};

/*
 * One event to libraft, and all that follows from it. `is_stale`: the event
 * is a message of an older term.
 */
enum status core_step(struct core *core, struct raft_event *event,
    bool is_stale, struct error *err) MUST_CHECK;

/* Notes the failure that ends the core and returns it. */
enum status core_fail(struct core *core, struct error *err);

/* Sets the time of an event; fails where the core has ended. */
enum status
core_begin(struct core *core, uint64_t now_ms, struct error *err) MUST_CHECK;

/* Entries in libraft's memory: an array and one chunk for all their bytes. */
struct raft_entry *
core_raft_entries(const struct log_entry *entries, size_t count);

/* In libraft's memory. */
void core_to_raft(
    const struct configuration *configuration, struct raft_configuration *out);

bool core_has_guard(const struct core *core, enum guard guard);

/* The configuration in force at `index`; NULL if there was none. */
const struct dated_configuration *
core_configuration_at(const struct core *core, uint64_t index);

/* Makes `snapshot` the newest, and forgets what came before it. */
void core_set_snapshot(struct core *core, const struct snapshot *snapshot);

/* Applies to libraft what is committed. */
enum status core_advance(struct core *core, struct error *err) MUST_CHECK;

#endif
