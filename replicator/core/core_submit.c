/* core_submit - what a node itself wants: entries, changes, snapshots. */
#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "replicator/core/core_private.h"

static enum status
submit(struct core *core, struct log_entry *entries, size_t count,
    struct error *err)
{
	struct raft_event event = {.type = RAFT_SUBMIT};
	enum status status;

	for (size_t i = 0; i < count; i++)
		entries[i].term = core->raft.current_term;
	event.submit.entries = core_raft_entries(entries, count);
	event.submit.n = (unsigned)count;
	status = core_step(core, &event, false, err);
	/* What was refused is still ours. */
	if (status != STATUS_OK)
		raft_free(event.submit.entries[0].batch);
	raft_free(event.submit.entries);
	return status;
}

enum status
core_propose(struct core *core, uint64_t now_ms, const struct slice *batches,
    size_t count, uint64_t *first_index, struct error *err)
{
	struct log_entry *entries;
	enum status status;

	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	CHECK(count > 0);
	entries = mem_new_array(count, sizeof(*entries));
	for (size_t i = 0; i < count; i++) {
		CHECK(batches[i].size > 0 &&
		    batches[i].size <= LOG_ENTRY_BYTES_MAX);
		entries[i].kind = LOG_ENTRY_COMMANDS;
		entries[i].data = batches[i];
	}
	*first_index = core->last_index + 1;
	status = submit(core, entries, count, err);
	mem_free(entries);
	return status;
}

/* Voters that become something else or come anew between two. */
static size_t
voter_changes(const struct configuration *from, const struct configuration *to)
{
	size_t changes = 0;

	for (size_t i = 0; i < to->count; i++) {
		const struct server *before = configuration_find(
		    (struct configuration *)(uintptr_t)from, to->servers[i].id);
		bool was = before != NULL && before->role == SERVER_VOTER;

		changes += was != (to->servers[i].role == SERVER_VOTER);
	}
	for (size_t i = 0; i < from->count; i++) {
		if (from->servers[i].role == SERVER_VOTER &&
		    configuration_find((struct configuration *)(uintptr_t)to,
			from->servers[i].id) == NULL)
			changes++;
	}
	return changes;
}

/*
 * G: every voter has the last change in its log before the next one, so that
 * no majority can hang on somebody who does not know that it votes.
 */
static enum status
check_stored(struct core *core, struct error *err)
{
	const struct configuration *now = core_configuration(core);
	uint64_t index = core_configuration_index(core);

	for (size_t i = 0; i < now->count; i++) {
		const struct server *server = &now->servers[i];

		if (server->role == SERVER_VOTER &&
		    server->id != core->options.id &&
		    core_match_index(core, server->id) < index)
			return error_set(err, STATUS_BUSY,
			    "%s does not have the last change yet",
			    server->name);
	}
	return STATUS_OK;
}

static enum status
check_change(
    struct core *core, const struct configuration *next, struct error *err)
{
	const struct configuration *now = core_configuration(core);

	if (core->raft.state != RAFT_LEADER)
		return error_set(
		    err, STATUS_UNAVAILABLE, "this node is not the leader");
	if (core->commit_index < core->term_index)
		return error_set(err, STATUS_BUSY,
		    "this leader has committed nothing of its term yet");
	if (core_configuration_index(core) > core->commit_index)
		return error_set(
		    err, STATUS_BUSY, "another change is under way");
	if (voter_changes(now, next) > 1)
		return error_set(err, STATUS_INVALID,
		    "one voter can be added or removed at a time");
	/* C: what a sole voter has lost cannot be told from what it has. */
	if (configuration_voter_count(next) <
	    (configuration_voter_count(now) > 1 ? 2u : 1u))
		return error_set(err, STATUS_INVALID,
		    "a cluster does not shrink to %zu voters",
		    configuration_voter_count(next));
	if (!core_has_guard(core, GUARD_CHANGE_STORED))
		return STATUS_OK;
	return check_stored(core, err);
}

enum status
core_change(struct core *core, uint64_t now_ms,
    const struct configuration *configuration, struct error *err)
{
	struct buffer bytes = {0};
	struct log_entry entry = {.kind = LOG_ENTRY_CONFIGURATION};
	enum status status;

	if (core_begin(core, now_ms, err) != STATUS_OK ||
	    check_change(core, configuration, err) != STATUS_OK)
		return err->code;
	configuration_encode(configuration, &bytes);
	entry.data = buffer_slice(&bytes);
	status = submit(core, &entry, 1, err);
	buffer_deinit(&bytes);
	return status;
}

enum status
core_catch_up(
    struct core *core, uint64_t now_ms, uint64_t id, struct error *err)
{
	struct raft_event event = {.type = RAFT_CATCH_UP};

	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	/* libraft checks nothing of this. */
	if (core->raft.state != RAFT_LEADER)
		return error_set(
		    err, STATUS_UNAVAILABLE, "this node is not the leader");
	if (id == core->options.id ||
	    configuration_find(
		(struct configuration *)(uintptr_t)core_configuration(core),
		id) == NULL)
		return error_set(
		    err, STATUS_NOT_FOUND, "there is no such other node");
	event.catch_up.server_id = id;
	return core_step(core, &event, false, err);
}

enum catch_up
core_catch_up_state(struct core *core, uint64_t id)
{
	int status = RAFT_CATCH_UP_NONE;

	if (core->raft.state != RAFT_LEADER ||
	    raft_catch_up(&core->raft, id, &status) != 0)
		return CATCH_UP_NONE;
	switch (status) {
	case RAFT_CATCH_UP_RUNNING:
		return CATCH_UP_RUNNING;
	case RAFT_CATCH_UP_FINISHED:
		return CATCH_UP_DONE;
	case RAFT_CATCH_UP_ABORTED:
		return CATCH_UP_FAILED;
	default:
		return CATCH_UP_NONE;
	}
}

enum status
core_transfer(
    struct core *core, uint64_t now_ms, uint64_t id, struct error *err)
{
	struct raft_event event = {.type = RAFT_TRANSFER};

	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	event.transfer.server_id = id;
	return core_step(core, &event, false, err);
}

uint64_t
core_match_index(struct core *core, uint64_t id)
{
	raft_index match = 0;

	if (core->raft.state != RAFT_LEADER ||
	    raft_match_index(&core->raft, id, &match) != 0)
		return 0;
	return match;
}

enum status
core_snapshot(struct core *core, uint64_t now_ms, uint64_t index,
    struct slice content, unsigned trailing, struct error *err)
{
	const struct dated_configuration *dated;
	struct raft_event event = {.type = RAFT_SNAPSHOT};
	struct snapshot snapshot = {.index = index, .content = content};
	struct log_entry entry;

	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	if (core->is_installing || index <= core->snapshot.index)
		return STATUS_OK;
	CHECK(index <= core->commit_index);
	if (core->host.entry(core->host.context, index, &entry, err) !=
	    STATUS_OK)
		return core_fail(core, err);
	dated = core_configuration_at(core, index);
	CHECK(dated != NULL);
	snapshot.term = entry.term;
	snapshot.configuration_index = dated->index;
	snapshot.configuration = dated->configuration;
	core_set_snapshot(core, &snapshot);
	if (index > trailing && index - trailing >= core->first_index)
		core->first_index = index - trailing + 1;
	event.snapshot.metadata = (struct raft_snapshot_metadata){
	    .index = index,
	    .term = snapshot.term,
	    .configuration_index = snapshot.configuration_index,
	};
	core_to_raft(
	    &snapshot.configuration, &event.snapshot.metadata.configuration);
	event.snapshot.trailing = trailing;
	return core_step(core, &event, false, err);
}

enum status
core_installed(struct core *core, uint64_t now_ms, struct error *err)
{
	struct raft_event event = {.type = RAFT_PERSISTED_SNAPSHOT};

	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	CHECK(core->is_installing);
	core->is_installing = false;
	core->stored_index = core->snapshot.index;
	core->applied_configuration_index = core->snapshot.configuration_index;
	core->commit_index = core->snapshot.index;
	event.persisted_snapshot.metadata = core->installing;
	event.persisted_snapshot.last = true;
	return core_step(core, &event, false, err);
}
