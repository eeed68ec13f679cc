/*
 * test_guard - each guard, in a script that goes wrong without it.
 *
 * Each case plays the same script twice, with the guard and without: the
 * second time the fault of the library must show, or the guard is not needed.
 * B, C, D, H and L are shown by whole simulated clusters as well: see
 * tests/simulation/test_raft_simulation.c.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "replicator/core/core.h"
#include "replicator/core/frame.h"
#include "replicator/core/guard.h"
#include "tests/support/suite.h"

#define ENTRIES_MAX 64

/* One server, its log in memory and durable at once. */
struct node {
	struct core *core;
	uint64_t now_ms;
	struct log_entry entries[ENTRIES_MAX]; /* data owned; from index 1 */
	uint64_t last;
	size_t unreported; /* appends */
	uint64_t committed;
	bool went_back; /* the commit index */
	struct message sent[6]; /* the last of each kind, fields alone */
	bool was_sent[6];
	uint64_t prev_max; /* the furthest place entries were sent from */
};

static enum status
save_vote(void *context, uint64_t term, uint64_t voted_for, struct error *err)
{
	return STATUS_OK;
}

static enum status
append(void *context, uint64_t index, const struct log_entry *entries,
    size_t count, struct error *err)
{
	struct node *node = context;

	for (uint64_t i = index; i <= node->last; i++)
		mem_free((void *)(uintptr_t)node->entries[i].data.data);
	for (size_t i = 0; i < count; i++) {
		node->entries[index + i] = entries[i];
		node->entries[index + i].data.data =
		    mem_dup(entries[i].data.data, entries[i].data.size);
	}
	node->last = index + count - 1;
	node->unreported++;
	return STATUS_OK;
}

static enum status
entry_at(
    void *context, uint64_t index, struct log_entry *out, struct error *err)
{
	struct node *node = context;

	*out = node->entries[index];
	return STATUS_OK;
}

static enum status
install(void *context, const struct snapshot *snapshot, struct error *err)
{
	return STATUS_OK;
}

static void
commit(void *context, uint64_t index)
{
	struct node *node = context;

	node->went_back |= index < node->committed;
	node->committed = index;
}

static void
send_frame(void *context, uint64_t to, struct slice bytes)
{
	struct node *node = context;
	struct message message;
	struct error err;
	size_t kind;

	ASSERT_OK(frame_decode(bytes, &message, &err), &err);
	kind = (size_t)message.raft.type - 1;
	if (message.raft.type == RAFT_APPEND_ENTRIES && to == 3 &&
	    message.entry_count > 0 &&
	    message.raft.append_entries.prev_log_index + message.entry_count >
		node->prev_max)
		node->prev_max = message.raft.append_entries.prev_log_index +
		    message.entry_count;
	node->sent[kind] = message;
	node->was_sent[kind] = true;
	message_deinit(&message);
}

/* Roles by letter, from server 1 on: voter, stand-by, spare (p). */
static struct configuration
members(const char *roles)
{
	struct configuration out = {.count = strlen(roles)};

	for (size_t i = 0; i < out.count; i++) {
		out.servers[i].id = i + 1;
		out.servers[i].role = roles[i] == 'v' ? SERVER_VOTER
		    : roles[i] == 's'                 ? SERVER_STANDBY
						      : SERVER_SPARE;
		snprintf(out.servers[i].name, sizeof(out.servers[i].name),
		    "n%zu", i + 1);
	}
	return out;
}

static struct log_entry
owned_entry(uint64_t term, const char *roles)
{
	struct log_entry entry = {.term = term, .kind = LOG_ENTRY_COMMANDS};
	struct buffer bytes = {0};
	struct configuration configuration;

	if (roles == NULL) {
		buffer_append(&bytes, "command.", 8);
	} else {
		configuration = members(roles);
		configuration_encode(&configuration, &bytes);
		entry.kind = LOG_ENTRY_CONFIGURATION;
	}
	entry.data = slice_of(
	    mem_dup(bytes.data, buffer_size(&bytes)), buffer_size(&bytes));
	buffer_deinit(&bytes);
	return entry;
}

static void
node_init(struct node *node, uint64_t id, uint64_t term, const char *roles,
    uint64_t commands, uint64_t snapshot_index, unsigned guards_off)
{
	struct core_options options = {
	    .id = id,
	    .name = "me",
	    .election_timeout_ms = 1000,
	    .heartbeat_ms = 100,
	    .install_timeout_ms = 1000,
	    .inflight_entries_max = 32,
	    .seed = 77,
	    .guards_off = guards_off,
	};
	struct core_host host = {
	    node, save_vote, append, entry_at, install, commit, send_frame};
	struct core_durable durable = {.term = term, .first_index = 1};
	struct error err;

	*node = (struct node){.now_ms = 1000};
	node->entries[++node->last] = owned_entry(1, roles);
	for (uint64_t i = 0; i < commands; i++)
		node->entries[++node->last] = owned_entry(1, NULL);
	durable.last_index = node->last;
	if (snapshot_index > 0) {
		durable.snapshot = (struct snapshot){.index = snapshot_index,
		    .term = 1,
		    .configuration_index = 1,
		    .configuration = members(roles)};
		durable.first_index = snapshot_index + 1;
		node->committed = snapshot_index;
	}
	ASSERT_OK(core_create(&options, &host, &durable, node->now_ms,
		      &node->core, &err),
	    &err);
}

static void
node_deinit(struct node *node)
{
	core_close(node->core);
	for (uint64_t i = 1; i <= node->last; i++)
		mem_free((void *)(uintptr_t)node->entries[i].data.data);
}

static void
persist(struct node *node)
{
	struct error err;

	for (; node->unreported > 0; node->unreported--)
		ASSERT_OK(core_persisted(node->core, node->now_ms, &err), &err);
}

static void
give(struct node *node, uint64_t from, struct message *message)
{
	struct buffer bytes = {0};
	struct error rejected;
	struct error err;

	message->from = from;
	frame_encode(message, &bytes);
	ASSERT_OK(core_receive(node->core, node->now_ms, from,
		      buffer_slice(&bytes), &rejected, &err),
	    &err);
	CU_ASSERT_EQUAL(rejected.code, STATUS_OK);
	buffer_deinit(&bytes);
}

static struct message
result(uint64_t to, uint64_t term, uint64_t rejected, uint64_t last)
{
	struct message message = {.to = to};

	message.raft.type = RAFT_APPEND_ENTRIES_RESULT;
	message.raft.append_entries_result =
	    (struct raft_append_entries_result){2, term, rejected, last, 0, 0};
	return message;
}

static struct message
vote_result(uint64_t to, uint64_t term, bool is_pre_vote)
{
	struct message message = {.to = to};

	message.raft.type = RAFT_REQUEST_VOTE_RESULT;
	message.raft.request_vote_result =
	    (struct raft_request_vote_result){2, term, true, is_pre_vote, 0, 0};
	return message;
}

static struct message
entries_message(uint64_t to, uint64_t term, uint64_t prev, uint64_t committed,
    struct log_entry *entries, size_t count)
{
	struct message message = {
	    .to = to, .entries = entries, .entry_count = count};

	message.raft.type = RAFT_APPEND_ENTRIES;
	message.raft.append_entries = (struct raft_append_entries){
	    1, term, prev, prev == 0 ? 0 : 1, committed, NULL, 0};
	return message;
}

static void
tick(struct node *node, uint64_t ms)
{
	struct error err;

	node->now_ms += ms;
	ASSERT_OK(core_timeout(node->core, node->now_ms, &err), &err);
}

/* Makes server 1 the leader with the vote of server 2. */
static void
lead(struct node *node)
{
	struct message pre_vote;
	struct message vote;

	tick(node, 5000);
	pre_vote = vote_result(1, core_term(node->core) + 1, true);
	give(node, 2, &pre_vote);
	vote = vote_result(1, core_term(node->core), false);
	give(node, 2, &vote);
	CU_ASSERT_EQUAL_FATAL(core_state(node->core), CORE_LEADER);
	persist(node);
}

static void
propose(struct node *node, size_t count)
{
	static const uint8_t bytes[8] = "command";
	uint64_t first;
	struct error err;

	for (size_t i = 0; i < count; i++) {
		struct slice one = slice_of(bytes, sizeof(bytes));

		ASSERT_OK(core_propose(
			      node->core, node->now_ms, &one, 1, &first, &err),
		    &err);
	}
	persist(node);
}

/* A: what the garbage in such an answer does to a leader. */
static bool
a_stale_answer_commits(bool is_guarded)
{
	struct message garbage = result(1, 0, 0, 0x7f0000000000);
	struct node node;
	bool committed;

	node_init(&node, 1, 5, "vvv", 0, 0, 0);
	lead(&node);
	propose(&node, 1);
	garbage.raft.append_entries_result.term = core_term(node.core);
	/* As it leaves a follower that answers an older term. */
	if (is_guarded)
		guard_stale_result(&garbage.raft, true);
	give(&node, 3, &garbage);
	committed = node.committed >= node.last;
	node_deinit(&node);
	return committed;
}

static void
a_stale_answer_is_no_acknowledgement(void)
{
	CU_ASSERT_FALSE(a_stale_answer_commits(true));
	CU_ASSERT_TRUE(a_stale_answer_commits(false));
}

/* B: a change behind commands in one batch, then leadership. */
static enum status
change_after_mixed_batch(unsigned guards_off)
{
	struct configuration next = members("vvv");
	struct log_entry entries[3];
	struct message append_message;
	struct node node;
	struct error err;
	enum status status;

	node_init(&node, 1, 1, "vvv", 0, 0, guards_off);
	entries[0] = owned_entry(1, NULL);
	entries[1] = owned_entry(1, NULL);
	entries[2] = owned_entry(1, "vvvp");
	append_message = entries_message(1, 1, 1, 1, entries, 3);
	give(&node, 2, &append_message);
	persist(&node);
	append_message = entries_message(1, 1, 4, 4, NULL, 0);
	give(&node, 2, &append_message);
	lead(&node);
	append_message = result(1, core_term(node.core), 0, node.last);
	give(&node, 2, &append_message);
	give(&node, 3, &append_message);
	status = core_change(node.core, node.now_ms, &next, &err);
	for (size_t i = 0; i < 3; i++)
		mem_free((void *)(uintptr_t)entries[i].data.data);
	node_deinit(&node);
	return status;
}

static void
a_change_behind_commands_is_counted(void)
{
	CU_ASSERT_EQUAL(change_after_mixed_batch(0), STATUS_OK);
	CU_ASSERT_NOT_EQUAL(change_after_mixed_batch(GUARD_SPLIT), STATUS_OK);
}

/* D: a later commit index with an earlier place in the log. */
static bool
commit_goes_back(unsigned guards_off)
{
	struct message later = entries_message(3, 1, 10, 10, NULL, 0);
	struct message early = entries_message(3, 1, 5, 12, NULL, 0);
	struct node node;
	bool went_back;

	node_init(&node, 3, 1, "vvv", 9, 0, guards_off);
	give(&node, 1, &later);
	give(&node, 1, &early);
	went_back = node.went_back;
	node_deinit(&node);
	return went_back;
}

static void
the_commit_index_never_goes_back(void)
{
	CU_ASSERT_FALSE(commit_goes_back(0));
	CU_ASSERT_TRUE(commit_goes_back(GUARD_COMMIT));
}

/* G: asked for a vote before it knows that it may. */
static bool
new_voter_votes(const char *roles, unsigned guards_off)
{
	struct message request = {.to = 4};
	struct node node;
	bool granted;

	node_init(&node, 4, 1, roles, 0, 0, guards_off);
	node.now_ms += 100000;
	request.raft.type = RAFT_REQUEST_VOTE;
	request.raft.request_vote =
	    (struct raft_request_vote){2, 9, 1, 50, 8, false, false};
	give(&node, 1, &request);
	granted = node.sent[RAFT_REQUEST_VOTE_RESULT - 1]
		      .raft.request_vote_result.vote_granted;
	node_deinit(&node);
	return granted;
}

static void
a_voter_votes_before_it_knows_that_it_is_one(void)
{
	CU_ASSERT_TRUE(new_voter_votes("vvvp", 0));
	CU_ASSERT_FALSE(new_voter_votes("vvvp", GUARD_NEW_VOTER));
	/* Its removal is in its log, and perhaps in no other. */
	CU_ASSERT_TRUE(new_voter_votes("vvv", 0));
	CU_ASSERT_FALSE(new_voter_votes("vvv", GUARD_NEW_VOTER));
}

/* G, the leader's side: server 3 has not stored the first change. */
static enum status
second_change(unsigned guards_off)
{
	struct configuration first = members("vvvp");
	struct configuration second = members("vvv");
	struct message stored;
	struct node node;
	struct error err;
	enum status status;

	node_init(&node, 1, 1, "vvv", 0, 0, guards_off);
	lead(&node);
	stored = result(1, core_term(node.core), 0, node.last);
	give(&node, 2, &stored);
	give(&node, 3, &stored);
	ASSERT_OK(core_change(node.core, node.now_ms, &first, &err), &err);
	persist(&node);
	stored = result(1, core_term(node.core), 0, node.last);
	give(&node, 2, &stored);
	CU_ASSERT_EQUAL(core_commit_index(node.core), node.last);
	status = core_change(node.core, node.now_ms, &second, &err);
	node_deinit(&node);
	return status;
}

static void
the_next_change_waits_for_every_voter(void)
{
	CU_ASSERT_EQUAL(second_change(0), STATUS_BUSY);
	CU_ASSERT_EQUAL(second_change(GUARD_CHANGE_STORED), STATUS_OK);
}

/* I: a refusal at the match index, of a server that was silent for a while. */
static bool
sends_on_after_stale_refusal(unsigned guards_off)
{
	struct message of2;
	struct message of3;
	struct node node;
	uint64_t term;
	bool sent;

	node_init(&node, 1, 1, "vvv", 0, 0, guards_off);
	lead(&node);
	propose(&node, 4);
	term = core_term(node.core);
	of3 = result(1, term, 0, 3);
	give(&node, 3, &of3);
	of2 = result(1, term, 0, node.last);
	for (int i = 0; i < 20; i++) {
		give(&node, 2, &of2);
		tick(&node, 150);
	}
	of3 = result(1, term, 3, 0);
	give(&node, 3, &of3);
	node.prev_max = 0;
	for (int i = 0; i < 20; i++) {
		give(&node, 2, &of2);
		tick(&node, 150);
		of3 = result(1, term, 0, 0);
		give(&node, 3, &of3);
	}
	sent = node.prev_max == node.last;
	node_deinit(&node);
	return sent;
}

static void
a_stale_refusal_does_not_end_replication(void)
{
	CU_ASSERT_TRUE(sends_on_after_stale_refusal(0));
	CU_ASSERT_FALSE(sends_on_after_stale_refusal(GUARD_STALE_REJECTION));
}

/* J: what a candidate of an old term learns from a refusal. */
static uint64_t
term_in_refused_pre_vote(unsigned guards_off)
{
	struct message request = {.to = 3};
	struct node node;
	uint64_t term;

	node_init(&node, 3, 7, "vvv", 5, 0, guards_off);
	request.raft.type = RAFT_REQUEST_VOTE;
	request.raft.request_vote =
	    (struct raft_request_vote){2, 2, 1, 1, 1, false, true};
	give(&node, 1, &request);
	CU_ASSERT_TRUE(node.was_sent[RAFT_REQUEST_VOTE_RESULT - 1]);
	term = node.sent[RAFT_REQUEST_VOTE_RESULT - 1].term;
	node_deinit(&node);
	return term;
}

static void
a_refused_pre_vote_tells_the_later_term(void)
{
	CU_ASSERT_EQUAL(term_in_refused_pre_vote(0), 7);
	CU_ASSERT_EQUAL(term_in_refused_pre_vote(GUARD_PRE_VOTE_TERM), 2);
}

/* K: entries that begin where the log has been compacted. */
static uint64_t
last_after_old_entries(unsigned guards_off)
{
	struct log_entry entries[8];
	struct message old;
	struct node node;
	uint64_t last;

	node_init(&node, 3, 1, "vvv", 9, 10, guards_off);
	for (size_t i = 0; i < 8; i++)
		entries[i] = owned_entry(1, NULL);
	old = entries_message(3, 1, 5, 5, entries, 8);
	give(&node, 1, &old);
	last = core_last_index(node.core);
	for (size_t i = 0; i < 8; i++)
		mem_free((void *)(uintptr_t)entries[i].data.data);
	node_deinit(&node);
	return last;
}

static void
entries_from_below_the_snapshot_are_taken(void)
{
	CU_ASSERT_EQUAL(last_after_old_entries(0), 13);
	CU_ASSERT_EQUAL(last_after_old_entries(GUARD_REBASE), 10);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(a_stale_answer_is_no_acknowledgement),
	    SUITE_CASE(a_change_behind_commands_is_counted),
	    SUITE_CASE(the_commit_index_never_goes_back),
	    SUITE_CASE(a_voter_votes_before_it_knows_that_it_is_one),
	    SUITE_CASE(the_next_change_waits_for_every_voter),
	    SUITE_CASE(a_stale_refusal_does_not_end_replication),
	    SUITE_CASE(a_refused_pre_vote_tells_the_later_term),
	    SUITE_CASE(entries_from_below_the_snapshot_are_taken),
	};

	return suite_run("guard", cases, SUITE_COUNT(cases), argc, argv);
}
