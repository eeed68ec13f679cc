/* sim_check - the invariants of Raft, by the names they have in the paper. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "replicator/core/frame.h"
#include "tests/simulation/sim.h"

#define TIMEOUTS_PER_SECOND_MAX 100

void
sim_fail(struct sim *sim, const char *format, ...)
{
	va_list arguments;

	if (sim_failed(sim))
		return;
	va_start(arguments, format);
	vsnprintf(sim->failure, sizeof(sim->failure), format, arguments);
	va_end(arguments);
}

uint64_t
sim_entry_hash(const struct sim_entry *entry)
{
	uint64_t hash = entry->term * 1000003 + entry->kind;

	for (size_t i = 0; i < entry->size; i++)
		hash = (hash ^ entry->data[i]) * 0x100000001b3u;
	return hash;
}

/* State Machine Safety: nobody applies another entry at the same index. */
void
sim_check_applied(
    struct sim_server *server, uint64_t index, const struct sim_entry *entry)
{
	struct sim *sim = server->sim;
	struct sim_committed *known;

	if (index > sim->history_last + 1) {
		sim_fail(sim, "server %s applies %llu, nobody %llu",
		    server->name, (unsigned long long)index,
		    (unsigned long long)sim->history_last + 1);
		return;
	}
	if (index > sim->history_last) {
		if (index >= sim->history_capacity) {
			sim->history_capacity = index * 2 + 64;
			sim->history = mem_resize(sim->history,
			    sim->history_capacity * sizeof(*sim->history));
		}
		sim->history_last = index;
		sim->history[index] = (struct sim_committed){entry->term,
		    sim_entry_hash(entry), server->state, server->disk_term};
	}
	known = &sim->history[index];
	if (known->hash != sim_entry_hash(entry) || known->term != entry->term)
		sim_fail(sim,
		    "state machine safety: server %s applies another entry "
		    "%llu, of term %llu and not %llu",
		    server->name, (unsigned long long)index,
		    (unsigned long long)entry->term,
		    (unsigned long long)known->term);
	else if (known->state != server->state)
		sim_fail(sim, "server %s is in another state behind %llu",
		    server->name, (unsigned long long)index);
}

/* Election Safety: one leader in a term. */
static void
check_election(struct sim_server *server)
{
	struct sim *sim = server->sim;
	uint64_t term = core_term(server->core);
	uint64_t who = server->id << 32 | server->incarnation;

	if (term >= sim->leaders_capacity) {
		size_t capacity = (size_t)term + 64;

		sim->leaders =
		    mem_resize(sim->leaders, capacity * sizeof(*sim->leaders));
		memset(sim->leaders + sim->leaders_capacity, 0,
		    (capacity - sim->leaders_capacity) * sizeof(*sim->leaders));
		sim->leaders_capacity = capacity;
	}
	if (sim->leaders[term] != 0 && sim->leaders[term] != who)
		sim_fail(sim, "election safety: term %llu has two leaders",
		    (unsigned long long)term);
	sim->leaders[term] = who;
	sim->done.elections++;
}

/*
 * Leader Completeness: a new leader has all that was committed in earlier
 * terms. A vote that came late may make one of a term that is over.
 */
void
sim_check_leader(struct sim_server *server)
{
	struct sim *sim = server->sim;
	uint64_t begin = server->disk_snapshot.snapshot.index + 1;

	check_election(server);
	for (uint64_t i = begin; i <= sim->history_last; i++) {
		struct sim_entry *entry = sim_log_at(&server->log, i);

		if (sim->history[i].committed_in >= core_term(server->core))
			continue;
		if (entry == NULL ||
		    sim_entry_hash(entry) != sim->history[i].hash) {
			sim_fail(sim,
			    "leader completeness: server %s leads term %llu "
			    "without committed entry %llu",
			    server->name,
			    (unsigned long long)core_term(server->core),
			    (unsigned long long)i);
			return;
		}
	}
}

/* A voter gives its vote to one server in a term, across crashes too. */
static void
check_vote(struct sim_server *server, const struct message *message)
{
	struct sim *sim = server->sim;
	uint64_t term = message->term;

	if (message->raft.request_vote_result.pre_vote ||
	    !message->raft.request_vote_result.vote_granted)
		return;
	if (server->disk_term != term || server->disk_vote != message->to)
		sim_fail(sim, "server %s votes, and its disk does not know it",
		    server->name);
	if (term >= sim->votes_capacity) {
		size_t capacity = (size_t)term + 64;

		sim->votes =
		    mem_resize(sim->votes, capacity * sizeof(*sim->votes));
		memset(sim->votes + sim->votes_capacity, 0,
		    (capacity - sim->votes_capacity) * sizeof(*sim->votes));
		sim->votes_capacity = capacity;
	}
	if (sim->votes[term][server->id] != 0 &&
	    sim->votes[term][server->id] != message->to)
		sim_fail(sim, "server %s votes twice in term %llu",
		    server->name, (unsigned long long)term);
	sim->votes[term][server->id] = message->to;
}

/* Such a term is only thought of. */
static bool
is_pre_vote(const struct raft_message *raft)
{
	return (raft->type == RAFT_REQUEST_VOTE &&
		   raft->request_vote.pre_vote) ||
	    (raft->type == RAFT_REQUEST_VOTE_RESULT &&
		raft->request_vote_result.pre_vote);
}

/* What is acknowledged is on disk; what is said follows from what is. */
void
sim_check_frame(struct sim_server *server, struct slice frame)
{
	const struct raft_append_entries_result *result;
	struct sim *sim = server->sim;
	struct message message;
	struct error err;

	sim->done.frames++;
	if (frame_decode(frame, &message, &err) != STATUS_OK) {
		sim_fail(sim, "server %s sends what is no frame: %s",
		    server->name, err.text);
		return;
	}
	if (!is_pre_vote(&message.raft) && message.term > server->disk_term)
		sim_fail(sim,
		    "server %s speaks in a term that its disk does "
		    "not know",
		    server->name);
	result = &message.raft.append_entries_result;
	if (message.raft.type == RAFT_APPEND_ENTRIES_RESULT &&
	    result->rejected == 0 &&
	    result->last_log_index > sim_server_durable_last(server))
		sim_fail(sim,
		    "server %s acknowledges %llu with %llu on its disk",
		    server->name, (unsigned long long)result->last_log_index,
		    (unsigned long long)sim_server_durable_last(server));
	if (message.raft.type == RAFT_REQUEST_VOTE_RESULT)
		check_vote(server, &message);
	message_deinit(&message);
}

/* Log Matching, of two logs: same term at an index, same log up to there. */
static void
check_two_logs(
    struct sim *sim, struct sim_server *left, struct sim_server *right)
{
	uint64_t begin = left->disk.first > right->disk.first
	    ? left->disk.first
	    : right->disk.first;
	uint64_t end = sim_log_last(&left->disk) < sim_log_last(&right->disk)
	    ? sim_log_last(&left->disk)
	    : sim_log_last(&right->disk);
	bool must_match = false;

	for (uint64_t i = end; i >= begin && i > 0; i--) {
		struct sim_entry *a = sim_log_at(&left->disk, i);
		struct sim_entry *b = sim_log_at(&right->disk, i);

		if (a == NULL || b == NULL)
			return;
		must_match |= a->term == b->term;
		if (must_match && sim_entry_hash(a) != sim_entry_hash(b)) {
			sim_fail(sim, "log matching: servers %s and %s at %llu",
			    left->name, right->name, (unsigned long long)i);
			return;
		}
	}
}

/* Nobody wakes more often than a leader's heartbeats and elections ask. */
static void
check_timeouts(struct sim_server *server)
{
	if (server->timeouts > TIMEOUTS_PER_SECOND_MAX)
		sim_fail(server->sim, "server %s wakes %u times in a second",
		    server->name, server->timeouts);
	server->timeouts = 0;
}

void
sim_check_second(struct sim *sim)
{
	for (size_t i = 1; i <= sim->count; i++) {
		check_timeouts(&sim->servers[i]);
		for (size_t j = i + 1; j <= sim->count; j++)
			check_two_logs(sim, &sim->servers[i], &sim->servers[j]);
	}
}

/* The next change is taken as the first one was. */
static void
check_change(struct sim_server *leader, const struct configuration *members)
{
	struct configuration next = *members;
	struct error err;

	next.servers[next.count] = (struct server){
	    .id = UINT64_C(1) << 32, .role = SERVER_SPARE, .name = "another"};
	next.count++;
	if (core_change(leader->core, leader->sim->now_ms, &next, &err) !=
	    STATUS_OK)
		sim_fail(leader->sim, "liveness: leader %s takes no change: %s",
		    leader->name, err.text);
}

/* After a long quiet time there is a leader, and all have everything. */
void
sim_check_end(struct sim *sim)
{
	const struct configuration *members;
	struct sim_server *leader = NULL;

	for (size_t i = 1; i <= sim->count; i++) {
		if (sim->servers[i].core != NULL &&
		    core_state(sim->servers[i].core) == CORE_LEADER)
			leader = &sim->servers[i];
	}
	if (leader == NULL) {
		sim_fail(sim, "liveness: nobody leads");
		return;
	}
	members = core_configuration(leader->core);
	for (size_t i = 0; i < members->count; i++) {
		struct sim_server *server =
		    &sim->servers[members->servers[i].id];

		if (members->servers[i].role == SERVER_SPARE)
			continue;
		if (server->applied != sim->history_last)
			sim_fail(sim,
			    "liveness: server %s has applied %llu of %llu",
			    server->name, (unsigned long long)server->applied,
			    (unsigned long long)sim->history_last);
		if (core_configuration_index(server->core) >
		    core_commit_index(server->core))
			sim_fail(sim, "liveness: a change hangs at server %s",
			    server->name);
	}
	sim_check_second(sim);
	if (!sim_failed(sim))
		check_change(leader, members);
}
