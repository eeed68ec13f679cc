/* sim_server - one server: a core, its memory and its disk. */
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "replicator/core/guard.h"
#include "tests/simulation/sim.h"

#define ELECTION_MS 200
#define HEARTBEAT_MS 40
#define INSTALL_MS 700
#define SNAPSHOT_TRAILING_MAX 12

uint64_t
sim_log_last(const struct sim_log *log)
{
	return log->first + log->count - 1;
}

struct sim_entry *
sim_log_at(struct sim_log *log, uint64_t index)
{
	if (index < log->first || index > sim_log_last(log))
		return NULL;
	return &log->entries[index - log->first];
}

void
sim_log_push(struct sim_log *log, const struct sim_entry *entry)
{
	if (log->count == log->capacity) {
		log->capacity = log->capacity * 2 + 8;
		log->entries = mem_resize(
		    log->entries, log->capacity * sizeof(*log->entries));
	}
	log->entries[log->count++] = *entry;
}

void
sim_log_cut(struct sim_log *log, uint64_t index)
{
	if (index < log->first)
		log->count = 0;
	else if (index <= sim_log_last(log))
		log->count = (size_t)(index - log->first);
}

void
sim_log_drop_before(struct sim_log *log, uint64_t index)
{
	size_t dropped = (size_t)(index - log->first);

	if (index <= log->first)
		return;
	if (dropped > log->count)
		dropped = log->count;
	log->count -= dropped;
	memmove(log->entries, log->entries + dropped,
	    log->count * sizeof(*log->entries));
	log->first = index;
}

void
sim_log_copy(struct sim_log *to, const struct sim_log *from)
{
	to->first = from->first;
	to->count = 0;
	for (size_t i = 0; i < from->count; i++)
		sim_log_push(to, &from->entries[i]);
}

uint64_t
sim_server_durable_last(const struct sim_server *server)
{
	uint64_t last = sim_log_last(&server->disk);
	uint64_t snapshot = server->disk_snapshot.snapshot.index;

	return server->disk.count == 0 || last < snapshot ? snapshot : last;
}

/* The disk */

static void
queue_write(struct sim_server *server, struct sim_write *write)
{
	if (server->last_write == NULL)
		server->writes = write;
	else
		server->last_write->next = write;
	server->last_write = write;
	if (server->writes == write)
		sim_set_disk(server);
}

static struct sim_write *
take_write(struct sim_server *server)
{
	struct sim_write *write = server->writes;

	server->writes = write->next;
	if (server->writes == NULL)
		server->last_write = NULL;
	return write;
}

static void
free_write(struct sim_write *write)
{
	mem_free(write->entries.entries);
	mem_free(write);
}

/* Puts a write on the disk; of an append, the first `count` entries. */
static void
store(struct sim_server *server, const struct sim_write *write, size_t count)
{
	switch (write->kind) {
	case SIM_APPEND:
		sim_log_cut(&server->disk, write->entries.first);
		if (server->disk.count == 0)
			server->disk.first = write->entries.first;
		for (size_t i = 0; i < count; i++)
			sim_log_push(&server->disk, &write->entries.entries[i]);
		return;
	case SIM_TAKE:
		server->disk_snapshot = write->snapshot;
		if (write->index > write->trailing)
			sim_log_drop_before(
			    &server->disk, write->index - write->trailing + 1);
		return;
	case SIM_INSTALL:
		server->disk_snapshot = write->snapshot;
		server->disk.count = 0;
		server->disk.first = write->snapshot.snapshot.index + 1;
		return;
	}
}

/* What the core has done */

static enum status
save_vote(void *context, uint64_t term, uint64_t voted_for, struct error *err)
{
	struct sim_server *server = context;

	if (term < server->disk_term)
		sim_fail(
		    server->sim, "server %s: the term went back", server->name);
	server->disk_term = term;
	server->disk_vote = voted_for;
	/* The vote is on disk, and nobody has heard of it. */
	if (server->sim->has_faults && server->core != NULL &&
	    sim_chance(server->sim, 0.003)) {
		server->must_crash = true;
		return error_set(err, STATUS_IO, "power");
	}
	return STATUS_OK;
}

static enum status
append(void *context, uint64_t index, const struct log_entry *entries,
    size_t count, struct error *err)
{
	struct sim_server *server = context;
	struct sim_write *write = mem_new(sizeof(*write));

	write->kind = SIM_APPEND;
	write->entries.first = index;
	if (index <= server->applied)
		sim_fail(server->sim, "server %s cuts what it has applied",
		    server->name);
	if (index > sim_log_last(&server->log) + 1)
		sim_fail(
		    server->sim, "server %s: a gap in the log", server->name);
	sim_log_cut(&server->log, index);
	for (size_t i = 0; i < count; i++) {
		struct sim_entry entry = {
		    .term = entries[i].term,
		    .kind = entries[i].kind,
		    .size = entries[i].data.size,
		};

		CHECK(entry.size <= SIM_DATA_BYTES_MAX);
		memcpy(entry.data, entries[i].data.data, entry.size);
		sim_log_push(&server->log, &entry);
		sim_log_push(&write->entries, &entry);
	}
	queue_write(server, write);
	return STATUS_OK;
}

static enum status
entry_at(
    void *context, uint64_t index, struct log_entry *out, struct error *err)
{
	struct sim_server *server = context;
	struct sim_entry *entry = sim_log_at(&server->log, index);

	if (entry == NULL) {
		sim_fail(server->sim, "server %s has no entry %llu",
		    server->name, (unsigned long long)index);
		server->must_crash = true;
		return error_set(err, STATUS_IO, "no such entry");
	}
	*out = (struct log_entry){
	    entry->term, entry->kind, slice_of(entry->data, entry->size)};
	return STATUS_OK;
}

static enum status
install(void *context, const struct snapshot *snapshot, struct error *err)
{
	struct sim_server *server = context;
	struct sim_write *write = mem_new(sizeof(*write));

	write->kind = SIM_INSTALL;
	write->snapshot.snapshot = *snapshot;
	write->snapshot.snapshot.content = SLICE_EMPTY;
	CHECK(snapshot->content.size == sizeof(uint64_t));
	memcpy(
	    &write->snapshot.state, snapshot->content.data, sizeof(uint64_t));
	server->log.count = 0;
	server->log.first = snapshot->index + 1;
	server->sim->done.installed++;
	queue_write(server, write);
	return STATUS_OK;
}

static void
acknowledge(
    struct sim_server *server, uint64_t index, const struct sim_entry *entry)
{
	for (size_t i = 0; i < server->pending_count; i++) {
		struct sim_pending *pending = &server->pending[i];

		if (pending->index != index)
			continue;
		if (pending->term == entry->term)
			server->sim->done.acknowledged++;
		*pending = server->pending[--server->pending_count];
		return;
	}
}

static void
commit(void *context, uint64_t index)
{
	struct sim_server *server = context;

	if (index < server->commit)
		sim_fail(server->sim, "server %s: the commit index went back",
		    server->name);
	server->commit = index;
	while (server->applied < index && !sim_failed(server->sim)) {
		uint64_t next = server->applied + 1;
		struct sim_entry *entry = sim_log_at(&server->log, next);

		if (entry == NULL) {
			sim_fail(server->sim,
			    "server %s commits %llu, which it does not have",
			    server->name, (unsigned long long)next);
			return;
		}
		server->state = server->state * 31 + sim_entry_hash(entry);
		server->applied = next;
		sim_check_applied(server, next, entry);
		acknowledge(server, next, entry);
		if (entry->kind == LOG_ENTRY_CONFIGURATION)
			server->sim->done.changes++;
	}
}

static void
send_frame(void *context, uint64_t to, struct slice frame)
{
	struct sim_server *server = context;

	sim_check_frame(server, frame);
	sim_send(server, to, frame);
}

/* Life */

static void
begin_snapshot(struct sim_server *server)
{
	struct sim *sim = server->sim;
	struct sim_write *write;

	if (server->is_taking || core_is_installing(server->core) ||
	    server->applied <=
		server->disk_snapshot.snapshot.index + sim->snapshot_entries ||
	    sim_log_at(&server->log, server->applied) == NULL)
		return;
	write = mem_new(sizeof(*write));
	write->kind = SIM_TAKE;
	write->index = server->applied;
	write->trailing = (unsigned)sim_below(sim, SNAPSHOT_TRAILING_MAX);
	write->snapshot.state = server->state;
	/* What the core will say of it, seen from the log alone. */
	write->snapshot.snapshot = server->disk_snapshot.snapshot;
	write->snapshot.snapshot.index = server->applied;
	write->snapshot.snapshot.term =
	    sim_log_at(&server->log, server->applied)->term;
	for (uint64_t i = server->log.first; i <= server->applied; i++) {
		struct sim_entry *entry = sim_log_at(&server->log, i);
		struct error err;

		if (entry->kind != LOG_ENTRY_CONFIGURATION)
			continue;
		write->snapshot.snapshot.configuration_index = i;
		CHECK(configuration_decode(slice_of(entry->data, entry->size),
			  &write->snapshot.snapshot.configuration,
			  &err) == STATUS_OK);
	}
	server->is_taking = true;
	queue_write(server, write);
}

void
sim_server_after(
    struct sim_server *server, enum status status, const struct error *err)
{
	struct sim *sim = server->sim;
	bool is_leader;

	sim->done.steps++;
	if (server->must_crash) {
		server->must_crash = false;
		sim_server_crash(server);
		sim_set_restart(server, sim->now_ms + sim_below(sim, 2000));
		return;
	}
	if (status != STATUS_OK && status != STATUS_UNAVAILABLE &&
	    status != STATUS_BUSY && status != STATUS_NOT_FOUND &&
	    status != STATUS_INVALID) {
		sim_fail(sim, "server %s ends: %s", server->name, err->text);
		return;
	}
	is_leader = core_state(server->core) == CORE_LEADER;
	if (is_leader && !server->was_leader)
		sim_check_leader(server);
	if (!is_leader)
		server->pending_count = 0;
	server->was_leader = is_leader;
	sim_set_timer(server, core_deadline_ms(server->core));
	begin_snapshot(server);
}

void
sim_server_start(struct sim_server *server)
{
	struct sim *sim = server->sim;
	struct core_options options = {
	    .id = server->id,
	    .name = server->name,
	    .election_timeout_ms = ELECTION_MS,
	    .heartbeat_ms = HEARTBEAT_MS,
	    .install_timeout_ms = INSTALL_MS,
	    .inflight_entries_max = 16 + (unsigned)sim_below(sim, 48),
	    .seed = (uint32_t)sim_below(sim, UINT32_MAX),
	    .guards_off = sim->guards_off,
	};
	struct core_host host = {
	    .context = server,
	    .save_vote = save_vote,
	    .append = append,
	    .entry = entry_at,
	    .install = install,
	    .commit = commit,
	    .send = send_frame,
	};
	struct core_durable durable = {
	    .term = server->disk_term,
	    .voted_for = server->disk_vote,
	    .snapshot = server->disk_snapshot.snapshot,
	};
	struct error err;
	enum status status;

	durable.snapshot.content =
	    slice_of(&server->disk_snapshot.state, sizeof(uint64_t));
	sim_log_copy(&server->log, &server->disk);
	if (server->log.count == 0)
		server->log.first = durable.snapshot.index + 1;
	durable.first_index = server->log.first;
	durable.last_index = sim_log_last(&server->log);
	server->incarnation++;
	server->applied = durable.snapshot.index;
	server->commit = durable.snapshot.index;
	server->state = server->disk_snapshot.state;
	server->is_taking = false;
	server->was_leader = false;
	status = core_create(
	    &options, &host, &durable, sim->now_ms, &server->core, &err);
	if (status != STATUS_OK) {
		server->core = NULL;
		sim_fail(sim, "server %s does not start: %s", server->name,
		    err.text);
		return;
	}
	sim_server_after(server, status, &err);
}

void
sim_server_crash(struct sim_server *server)
{
	struct sim *sim = server->sim;
	size_t reached = (size_t)sim_below(sim, 3);

	/* Some of what was on its way has arrived, the last one in part. */
	while (server->writes != NULL) {
		struct sim_write *write = take_write(server);

		if (reached > 0 && write->kind == SIM_APPEND) {
			size_t count =
			    (size_t)sim_below(sim, write->entries.count + 1);

			store(server, write, count);
			reached =
			    count < write->entries.count ? 0 : reached - 1;
		} else if (reached > 0) {
			store(server, write, 0);
			reached--;
		}
		free_write(write);
	}
	core_close(server->core);
	server->core = NULL;
	server->incarnation++;
	server->pending_count = 0;
	sim->done.crashes++;
}

void
sim_server_timeout(struct sim_server *server)
{
	struct error err;

	server->timeouts++;
	sim_server_after(server,
	    core_timeout(server->core, server->sim->now_ms, &err), &err);
}

void
sim_server_receive(struct sim_server *server, uint64_t from, struct slice frame)
{
	struct error rejected;
	struct error err;
	enum status status = core_receive(
	    server->core, server->sim->now_ms, from, frame, &rejected, &err);

	if (rejected.code != STATUS_OK)
		sim_fail(
		    server->sim, "server %s: %s", server->name, rejected.text);
	sim_server_after(server, status, &err);
}

static enum status
finish_take(
    struct sim_server *server, const struct sim_write *write, struct error *err)
{
	enum status status;

	server->is_taking = false;
	if (core_is_installing(server->core) ||
	    write->index <= core_first_index(server->core) - 1)
		return STATUS_OK;
	status = core_snapshot(server->core, server->sim->now_ms, write->index,
	    slice_of(&write->snapshot.state, sizeof(uint64_t)), write->trailing,
	    err);
	if (status == STATUS_OK)
		sim_log_drop_before(
		    &server->log, core_first_index(server->core));
	server->sim->done.taken++;
	return status;
}

static enum status
finish_install(
    struct sim_server *server, const struct sim_write *write, struct error *err)
{
	uint64_t index = write->snapshot.snapshot.index;

	server->applied = index;
	server->commit = index;
	server->state = write->snapshot.state;
	if (index <= server->sim->history_last &&
	    server->sim->history[index].state != server->state)
		sim_fail(server->sim, "server %s installs another state",
		    server->name);
	return core_installed(server->core, server->sim->now_ms, err);
}

void
sim_server_disk(struct sim_server *server)
{
	struct sim_write *write = take_write(server);
	enum status status = STATUS_OK;
	struct error err;

	store(server, write, write->entries.count);
	if (server->writes != NULL)
		sim_set_disk(server);
	if (write->kind == SIM_APPEND)
		status =
		    core_persisted(server->core, server->sim->now_ms, &err);
	else if (write->kind == SIM_TAKE)
		status = finish_take(server, write, &err);
	else
		status = finish_install(server, write, &err);
	free_write(write);
	sim_server_after(server, status, &err);
}

void
sim_server_propose(struct sim_server *server, size_t count)
{
	struct sim *sim = server->sim;
	uint64_t values[8];
	struct slice batches[8];
	size_t begun = server->pending_count;
	uint64_t first = core_last_index(server->core) + 1;
	uint64_t term = core_term(server->core);
	uint64_t given;
	struct error err;
	enum status status;

	/* Noted before: one voter alone may commit within the call. */
	for (size_t i = 0; i < count; i++) {
		values[i] = ++sim->next_value;
		batches[i] = slice_of(&values[i], sizeof(values[i]));
		if (server->pending_count < SIM_PENDING_MAX)
			server->pending[server->pending_count++] =
			    (struct sim_pending){first + i, term, values[i]};
	}
	status = core_propose(
	    server->core, sim->now_ms, batches, count, &given, &err);
	if (status != STATUS_OK)
		server->pending_count = begun;
	else if (given != first)
		sim_fail(
		    sim, "server %s proposes at another index", server->name);
	sim_server_after(server, status, &err);
}
