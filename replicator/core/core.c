#include "replicator/core/core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "replicator/core/core_private.h"

#if !defined(RAFT_VERSION_NUMBER) || RAFT_VERSION_NUMBER < 2201
#error "libraft 0.22.1 or later is needed: older ones lose acknowledged writes"
#endif

/*
 * libraft compares this with a threshold of free disk that is not set here:
 * the disk is watched elsewhere.
 */
#define CAPACITY_ANY UINT16_MAX

bool
core_has_guard(const struct core *core, enum guard guard)
{
	return (core->options.guards_off & (unsigned)guard) == 0;
}

enum status
core_fail(struct core *core, struct error *err)
{
	return error_copy(&core->failure, err);
}

enum status
core_begin(struct core *core, uint64_t now_ms, struct error *err)
{
	if (core->failure.code != STATUS_OK)
		return error_copy(err, &core->failure);
	CHECK(now_ms >= core->now_ms);
	core->now_ms = now_ms;
	return STATUS_OK;
}

/* libraft's allocations fail as little as ours: see mem.h. */
static void *
raft_new(size_t size)
{
	void *memory = raft_malloc(size == 0 ? 1 : size);

	CHECK(memory != NULL);
	return memory;
}

void
core_to_raft(
    const struct configuration *configuration, struct raft_configuration *out)
{
	raft_configuration_init(out);
	for (size_t i = 0; i < configuration->count; i++) {
		const struct server *server = &configuration->servers[i];

		CHECK(raft_configuration_add(out, server->id, server->name,
			  (int)server->role) == 0);
	}
}

struct raft_entry *
core_raft_entries(const struct log_entry *entries, size_t count)
{
	struct raft_entry *out = raft_new(count * sizeof(*out));
	size_t size = 0;
	uint8_t *chunk;

	for (size_t i = 0; i < count; i++)
		size += entries[i].data.size;
	chunk = raft_new(size);
	for (size_t i = 0; i < count; i++) {
		struct slice data = entries[i].data;

		out[i] = (struct raft_entry){
		    .term = entries[i].term,
		    .type = (enum raft_entry_type)entries[i].kind,
		    .buf = {chunk, data.size},
		};
		if (data.size > 0)
			memcpy(chunk, data.data, data.size);
		chunk += data.size;
	}
	for (size_t i = 0; i < count; i++)
		out[i].batch = chunk - size;
	return out;
}

/* Configurations: a short list, newest last. */

const struct dated_configuration *
core_configuration_at(const struct core *core, uint64_t index)
{
	for (size_t i = core->configuration_count; i > 0; i--) {
		if (core->configurations[i - 1].index <= index)
			return &core->configurations[i - 1];
	}
	return NULL;
}

static void
push_configuration(struct core *core, uint64_t index,
    const struct configuration *configuration)
{
	if (core->configuration_count == core->configuration_capacity) {
		core->configuration_capacity =
		    core->configuration_capacity * 2 + 4;
		core->configurations = mem_resize(core->configurations,
		    core->configuration_capacity *
			sizeof(*core->configurations));
	}
	core->configurations[core->configuration_count++] =
	    (struct dated_configuration){index, *configuration};
}

void
core_set_snapshot(struct core *core, const struct snapshot *snapshot)
{
	size_t kept = 0;

	core->snapshot = *snapshot;
	buffer_clear(&core->content, SIZE_MAX);
	buffer_append_slice(&core->content, snapshot->content);
	core->snapshot.content = buffer_slice(&core->content);
	for (size_t i = 0; i < core->configuration_count; i++) {
		if (core->configurations[i].index >
		    snapshot->configuration_index)
			core->configurations[kept++] = core->configurations[i];
	}
	core->configuration_count = kept;
	push_configuration(
	    core, snapshot->configuration_index, &snapshot->configuration);
	/* The snapshot's goes in front of those that came later. */
	for (size_t i = kept; i > 0; i--) {
		struct dated_configuration later = core->configurations[i - 1];

		core->configurations[i - 1] = core->configurations[i];
		core->configurations[i] = later;
	}
}

/* Takes notice of an entry's configuration, if it holds one. */
static enum status
note_entry(struct core *core, uint64_t index, const struct log_entry *entry,
    struct error *err)
{
	struct configuration configuration;

	if (entry->kind != LOG_ENTRY_CONFIGURATION)
		return STATUS_OK;
	if (configuration_decode(entry->data, &configuration, err) != STATUS_OK)
		return error_wrap(err, "log entry %" PRIu64, index);
	push_configuration(core, index, &configuration);
	return STATUS_OK;
}

/* The log */

static void
cut_log(struct core *core, uint64_t index)
{
	while (core->configuration_count > 0 &&
	    core->configurations[core->configuration_count - 1].index >= index)
		core->configuration_count--;
	for (size_t i = 0; i < core->append_count; i++) {
		if (core->appends[i].last >= index)
			core->appends[i].last = index - 1;
	}
	if (core->stored_index >= index)
		core->stored_index = index - 1;
	core->last_index = index - 1;
}

static void
push_append(struct core *core, uint64_t first, uint64_t last)
{
	if (core->append_count == core->append_capacity) {
		core->append_capacity = core->append_capacity * 2 + 16;
		core->appends = mem_resize(core->appends,
		    core->append_capacity * sizeof(*core->appends));
	}
	core->appends[core->append_count++] =
	    (struct pending_append){first, last};
}

static struct log_entry *
scratch_entries(struct core *core, size_t count)
{
	if (count > core->scratch_capacity) {
		core->scratch_capacity = count;
		core->scratch =
		    mem_resize(core->scratch, count * sizeof(*core->scratch));
	}
	return core->scratch;
}

static enum status
take_entries(
    struct core *core, const struct raft_update *update, struct error *err)
{
	size_t count = update->entries.n;
	uint64_t first = update->entries.index;
	struct log_entry *entries = scratch_entries(core, count);
	enum status status;

	CHECK(count > 0 && first > core->commit_index &&
	    first <= core->last_index + 1);
	for (size_t i = 0; i < count; i++) {
		const struct raft_entry *entry = &update->entries.batch[i];

		entries[i] = (struct log_entry){entry->term,
		    (enum log_entry_kind)entry->type,
		    slice_of(entry->buf.base, entry->buf.len)};
	}
	if (first <= core->last_index)
		cut_log(core, first);
	status =
	    core->host.append(core->host.context, first, entries, count, err);
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = note_entry(core, first + i, &entries[i], err);
	if (status != STATUS_OK)
		return status;
	core->last_index = first + count - 1;
	push_append(core, first, core->last_index);
	return STATUS_OK;
}

static enum status
take_snapshot(
    struct core *core, const struct raft_update *update, struct error *err)
{
	const struct raft_snapshot_metadata *metadata =
	    &update->snapshot.metadata;
	struct snapshot snapshot = {
	    .index = metadata->index,
	    .term = metadata->term,
	    .configuration_index = metadata->configuration_index,
	    .content = slice_of(
		update->snapshot.chunk.base, update->snapshot.chunk.len),
	};

	CHECK(!core->is_installing && metadata->index > core->commit_index);
	CHECK(metadata->configuration.n <= CONFIGURATION_SERVERS_MAX);
	for (unsigned i = 0; i < metadata->configuration.n; i++) {
		const struct raft_server *from =
		    &metadata->configuration.servers[i];
		struct server *to = &snapshot.configuration.servers[i];

		to->id = from->id;
		to->role = (enum server_role)from->role;
		snprintf(to->name, sizeof(to->name), "%s", from->address);
		snapshot.configuration.count++;
	}
	core->is_installing = true;
	core->installing = *metadata;
	for (size_t i = 0; i < core->append_count; i++)
		core->appends[i].last = 0;
	core->configuration_count = 0;
	core_set_snapshot(core, &snapshot);
	core->first_index = snapshot.index + 1;
	core->last_index = snapshot.index;
	core->stored_index = 0;
	return core->host.install(core->host.context, &core->snapshot, err);
}

/* Messages */

static enum status
put_entries_in(struct core *core, const struct raft_append_entries *append,
    struct message *message, struct error *err)
{
	size_t count = append->n_entries;

	message->entries = scratch_entries(core, count);
	message->entry_count = count;
	for (size_t i = 0; i < count; i++) {
		uint64_t index = append->prev_log_index + 1 + i;

		CHECK(index >= core->first_index && index <= core->last_index);
		if (core->host.entry(core->host.context, index,
			&message->entries[i], err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

static enum status
send_message(struct core *core, const struct raft_message *raft, bool is_stale,
    struct error *err)
{
	struct message message = {
	    .from = core->options.id,
	    .to = raft->server_id,
	    .raft = *raft,
	};
	struct buffer configuration = {0};

	if (core_has_guard(core, GUARD_STALE_RESULT))
		guard_stale_result(&message.raft, is_stale);
	if (core_has_guard(core, GUARD_PRE_VOTE_TERM))
		guard_pre_vote_term(&core->raft, &message.raft);
	if (raft->type == RAFT_APPEND_ENTRIES &&
	    put_entries_in(core, &raft->append_entries, &message, err) !=
		STATUS_OK)
		return err->code;
	if (raft->type == RAFT_INSTALL_SNAPSHOT) {
		CHECK(
		    raft->install_snapshot.last_index == core->snapshot.index &&
		    raft->install_snapshot.last_term == core->snapshot.term);
		configuration_encode(
		    &core->snapshot.configuration, &configuration);
		message.configuration = buffer_slice(&configuration);
		message.content = core->snapshot.content;
	}
	buffer_clear(&core->frame, SIZE_MAX);
	frame_encode(&message, &core->frame);
	buffer_deinit(&configuration);
	core->host.send(
	    core->host.context, raft->server_id, buffer_slice(&core->frame));
	return STATUS_OK;
}

/* Steps */

/* A refusal, which changes nothing, or the end. */
static enum status
judge(struct core *core, const struct raft_event *event, int code,
    struct error *err)
{
	bool may_refuse = event->type == RAFT_SUBMIT ||
	    event->type == RAFT_TRANSFER || event->type == RAFT_CATCH_UP;

	if (may_refuse && code == RAFT_NOTLEADER)
		return error_set(
		    err, STATUS_UNAVAILABLE, "this node is not the leader");
	if (may_refuse && code == RAFT_CANTCHANGE)
		return error_set(
		    err, STATUS_BUSY, "another change is under way");
	if (may_refuse && (code == RAFT_BADID || code == RAFT_NOTFOUND))
		return error_set(
		    err, STATUS_NOT_FOUND, "there is no such node");
	(void)error_set(err, STATUS_IO, "raft event %d: %s: %s",
	    (int)event->type, raft_strerror(code), raft_errmsg(&core->raft));
	return core_fail(core, err);
}

/*
 * A leader cannot tell what is committed before an entry of its own term is;
 * libraft adds one only where older entries wait.
 */
static enum status
become_leader(
    struct core *core, const struct raft_update *update, struct error *err)
{
	static const uint8_t nothing[8];
	struct log_entry barrier = {
	    .term = core->raft.current_term,
	    .kind = LOG_ENTRY_BARRIER,
	    .data = slice_of(nothing, sizeof(nothing)),
	};
	struct raft_event event = {.type = RAFT_SUBMIT};
	enum status status;

	core->term_index = core->last_index + 1;
	if (update->flags & RAFT_UPDATE_ENTRIES) {
		core->term_index = update->entries.index;
		return STATUS_OK;
	}
	event.submit.entries = core_raft_entries(&barrier, 1);
	event.submit.n = 1;
	status = core_step(core, &event, false, err);
	raft_free(event.submit.entries);
	return status;
}

static void
note_deadline(struct core *core)
{
	uint64_t deadline = raft_timeout(&core->raft);

	if (deadline <= core->now_ms)
		deadline = core->now_ms + 1;
	if (core_has_guard(core, GUARD_TIMER))
		deadline = guard_timer(&core->raft, deadline, core->fired_ms);
	core->deadline_ms = deadline;
}

static enum status
follow(struct core *core, const struct raft_update *update, bool was_leader,
    bool is_stale, struct error *err)
{
	const struct core_host *host = &core->host;
	struct raft *raft = &core->raft;

	if ((update->flags &
		(RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR)) != 0 &&
	    host->save_vote(host->context, raft->current_term, raft->voted_for,
		err) != STATUS_OK)
		return err->code;
	if ((update->flags & RAFT_UPDATE_ENTRIES) &&
	    take_entries(core, update, err) != STATUS_OK)
		return err->code;
	if ((update->flags & RAFT_UPDATE_SNAPSHOT) &&
	    take_snapshot(core, update, err) != STATUS_OK)
		return err->code;
	if (update->flags & RAFT_UPDATE_MESSAGES) {
		for (unsigned i = 0; i < update->messages.n; i++) {
			if (send_message(core, &update->messages.batch[i],
				is_stale, err) != STATUS_OK)
				return err->code;
		}
	}
	if (raft->state == RAFT_LEADER && !was_leader &&
	    become_leader(core, update, err) != STATUS_OK)
		return err->code;
	return core_advance(core, err);
}

enum status
core_step(struct core *core, struct raft_event *event, bool is_stale,
    struct error *err)
{
	bool was_leader = core->raft.state == RAFT_LEADER;
	bool was_installing = core->is_installing;
	struct raft_update update = {0};
	void *batch = NULL;
	enum status status;
	int code;

	event->time = core->now_ms;
	event->capacity = CAPACITY_ANY;
	code = raft_step(&core->raft, event, &update);
	if (code != 0)
		return judge(core, event, code, err);
	/* The bytes of entries and of a snapshot are ours now. */
	if (update.flags & RAFT_UPDATE_ENTRIES)
		batch = update.entries.batch[0].batch;
	status = follow(core, &update, was_leader, is_stale, err);
	raft_free(batch);
	if (update.flags & RAFT_UPDATE_SNAPSHOT) {
		raft_free(update.snapshot.chunk.base);
		if (core->is_installing == was_installing)
			raft_configuration_close(
			    &update.snapshot.metadata.configuration);
	}
	if (status != STATUS_OK)
		return core_fail(core, err);
	note_deadline(core);
	return STATUS_OK;
}

/*
 * libraft's commit index may go back (D); ours does not. It must hear of a
 * committed configuration before the next message.
 */
enum status
core_advance(struct core *core, struct error *err)
{
	uint64_t index = raft_commit_index(&core->raft);

	if (core->is_installing)
		return STATUS_OK;
	if (index > core->commit_index || !core_has_guard(core, GUARD_COMMIT)) {
		core->commit_index = index;
		core->host.commit(core->host.context, index);
	}
	for (size_t i = 0; i < core->configuration_count; i++) {
		const struct dated_configuration *dated =
		    &core->configurations[i];
		struct raft_event event = {.type = RAFT_CONFIGURATION};

		if (dated->index <= core->applied_configuration_index ||
		    dated->index > core->commit_index)
			continue;
		core->applied_configuration_index = dated->index;
		event.configuration.index = dated->index;
		core_to_raft(&dated->configuration, &event.configuration.conf);
		if (core_step(core, &event, false, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/* Start and end */

static enum status
read_log(struct core *core, struct raft_entry **out, struct error *err)
{
	size_t count = (size_t)(core->last_index + 1 - core->first_index);
	struct log_entry *entries = mem_new_array(count + 1, sizeof(*entries));
	enum status status = STATUS_OK;

	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		struct log_entry *entry = &entries[i];

		status = core->host.entry(
		    core->host.context, core->first_index + i, entry, err);
		if (status == STATUS_OK)
			status =
			    note_entry(core, core->first_index + i, entry, err);
		/* libraft reads the terms, and no commands. */
		if (entry->kind == LOG_ENTRY_COMMANDS)
			entry->data.size = 0;
	}
	if (status == STATUS_OK && count > 0)
		*out = core_raft_entries(entries, count);
	mem_free(entries);
	return status;
}

/* Of the newest configuration in the log or the snapshot. */
static enum status
raise_sole_voter(
    struct core *core, struct core_durable *durable, struct error *err)
{
	const struct dated_configuration *newest =
	    core_configuration_at(core, UINT64_MAX);

	if (!core_has_guard(core, GUARD_SOLE_VOTER) || durable->term == 0 ||
	    newest == NULL ||
	    !guard_sole_voter(&newest->configuration, core->options.id))
		return STATUS_OK;
	durable->term++;
	durable->voted_for = core->options.id;
	return core->host.save_vote(
	    core->host.context, durable->term, durable->voted_for, err);
}

static enum status
start(struct core *core, struct core_durable *durable, struct error *err)
{
	struct raft_event event = {.type = RAFT_START};
	struct raft_snapshot_metadata metadata;
	struct raft_entry *entries = NULL;
	enum status status;

	if (durable->snapshot.index > 0)
		core_set_snapshot(core, &durable->snapshot);
	core->applied_configuration_index =
	    durable->snapshot.configuration_index;
	if (read_log(core, &entries, err) != STATUS_OK)
		return err->code;
	if (raise_sole_voter(core, durable, err) != STATUS_OK)
		return err->code;
	event.start.term = durable->term;
	event.start.voted_for = durable->voted_for;
	event.start.start_index = core->first_index;
	event.start.entries = entries;
	event.start.n_entries =
	    (unsigned)(core->last_index + 1 - core->first_index);
	if (durable->snapshot.index > 0) {
		metadata = (struct raft_snapshot_metadata){
		    .index = durable->snapshot.index,
		    .term = durable->snapshot.term,
		    .configuration_index =
			durable->snapshot.configuration_index,
		};
		core_to_raft(
		    &durable->snapshot.configuration, &metadata.configuration);
		event.start.metadata = &metadata;
	}
	status = core_step(core, &event, false, err);
	if (entries != NULL) {
		raft_free(entries[0].batch);
		raft_free(entries);
	}
	return status;
}

static void
configure(struct core *core)
{
	const struct core_options *options = &core->options;
	struct raft *raft = &core->raft;

	CHECK(raft_init(raft, NULL, NULL, options->id, options->name) == 0);
	/* A tracer makes each step five times slower. */
	raft->tracer = NULL;
	raft_seed(raft, options->seed);
	raft_set_pre_vote(raft, true);
	raft_set_election_timeout(raft, options->election_timeout_ms);
	raft_set_heartbeat_timeout(raft, options->heartbeat_ms);
	raft_set_install_snapshot_timeout(raft, options->install_timeout_ms);
	raft_set_max_inflight_entries(raft, options->inflight_entries_max);
	raft_set_max_catch_up_round_duration(
	    raft, options->election_timeout_ms * 10);
}

enum status
core_create(const struct core_options *options, const struct core_host *host,
    const struct core_durable *durable, uint64_t now_ms, struct core **out,
    struct error *err)
{
	struct core_durable from = *durable;
	struct core *core;

	if (durable->last_index < durable->snapshot.index ||
	    durable->first_index > durable->snapshot.index + 1)
		return error_set(err, STATUS_CORRUPT,
		    "the log from %" PRIu64 " to %" PRIu64
		    " does not reach the snapshot at %" PRIu64,
		    durable->first_index, durable->last_index,
		    durable->snapshot.index);
	core = mem_new(sizeof(*core));
	core->options = *options;
	core->host = *host;
	core->now_ms = now_ms;
	core->first_index = durable->first_index;
	core->last_index = durable->last_index;
	core->stored_index = durable->last_index;
	core->commit_index = durable->snapshot.index;
	configure(core);
	if (start(core, &from, err) != STATUS_OK) {
		core_close(core);
		return err->code;
	}
	*out = core;
	return STATUS_OK;
}

void
core_close(struct core *core)
{
	if (core == NULL)
		return;
	if (core->is_installing)
		raft_configuration_close(&core->installing.configuration);
	raft_close(&core->raft, NULL);
	mem_free(core->configurations);
	mem_free(core->appends);
	mem_free(core->scratch);
	buffer_deinit(&core->content);
	buffer_deinit(&core->frame);
	mem_free(core);
}

enum status
core_timeout(struct core *core, uint64_t now_ms, struct error *err)
{
	struct raft_event event = {.type = RAFT_TIMEOUT};

	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	core->fired_ms = now_ms;
	return core_step(core, &event, false, err);
}

enum status
core_persisted(struct core *core, uint64_t now_ms, struct error *err)
{
	struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};
	struct pending_append append;

	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	CHECK(core->append_count > 0);
	append = core->appends[0];
	core->append_count--;
	memmove(core->appends, core->appends + 1,
	    core->append_count * sizeof(*core->appends));
	if (append.last < append.first || append.last <= core->stored_index ||
	    core->is_installing)
		return STATUS_OK;
	core->stored_index = append.last;
	event.persisted_entries.index = append.last;
	return core_step(core, &event, false, err);
}

/* What there is to know */

uint64_t
core_deadline_ms(const struct core *core)
{
	return core->deadline_ms;
}

enum core_state
core_state(const struct core *core)
{
	switch (core->raft.state) {
	case RAFT_LEADER:
		return CORE_LEADER;
	case RAFT_CANDIDATE:
		return CORE_CANDIDATE;
	default:
		return CORE_FOLLOWER;
	}
}

uint64_t
core_term(const struct core *core)
{
	return core->raft.current_term;
}

uint64_t
core_leader(const struct core *core)
{
	if (core->raft.state == RAFT_LEADER)
		return core->options.id;
	if (core->raft.state == RAFT_FOLLOWER)
		return core->raft.follower_state.current_leader.id;
	return 0;
}

uint64_t
core_commit_index(const struct core *core)
{
	return core->commit_index;
}

uint64_t
core_first_index(const struct core *core)
{
	return core->first_index;
}

uint64_t
core_last_index(const struct core *core)
{
	return core->last_index;
}

bool
core_is_installing(const struct core *core)
{
	return core->is_installing;
}

const struct configuration *
core_configuration(const struct core *core)
{
	static const struct configuration none;
	const struct dated_configuration *newest =
	    core_configuration_at(core, UINT64_MAX);

	return newest == NULL ? &none : &newest->configuration;
}

uint64_t
core_configuration_index(const struct core *core)
{
	const struct dated_configuration *newest =
	    core_configuration_at(core, UINT64_MAX);

	return newest == NULL ? 0 : newest->index;
}
