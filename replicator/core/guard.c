#include "replicator/core/guard.h"

#include <string.h>

#include "common/base/check.h"

void
guard_stale_result(struct raft_message *message, bool is_stale)
{
	struct raft_append_entries_result *result =
	    &message->append_entries_result;

	if (message->type != RAFT_APPEND_ENTRIES_RESULT || !is_stale)
		return;
	result->rejected = 0;
	result->last_log_index = 0;
}

void
guard_pre_vote_term(const struct raft *raft, struct raft_message *message)
{
	struct raft_request_vote_result *result = &message->request_vote_result;

	if (message->type == RAFT_REQUEST_VOTE_RESULT && result->pre_vote &&
	    !result->vote_granted && result->term < raft->current_term)
		result->term = raft->current_term;
}

bool
guard_sole_voter(const struct configuration *configuration, uint64_t id)
{
	for (size_t i = 0; i < configuration->count; i++) {
		const struct server *server = &configuration->servers[i];

		if (server->role == SERVER_VOTER && server->id != id)
			return false;
	}
	return configuration_voter_count(configuration) == 1;
}

bool
guard_stale_rejection(
    const struct raft *raft, uint64_t from, const struct raft_message *message)
{
	const struct raft_append_entries_result *result =
	    &message->append_entries_result;
	raft_index match = 0;

	return message->type == RAFT_APPEND_ENTRIES_RESULT &&
	    raft->state == RAFT_LEADER && result->term == raft->current_term &&
	    result->rejected != 0 &&
	    raft_match_index((struct raft *)(uintptr_t)raft, from, &match) ==
	    0 &&
	    result->rejected <= match;
}

void
guard_rebase(
    struct message *message, uint64_t snapshot_index, uint64_t snapshot_term)
{
	struct raft_append_entries *append = &message->raft.append_entries;
	uint64_t below = snapshot_index - append->prev_log_index;
	size_t skip =
	    below > message->entry_count ? message->entry_count : (size_t)below;

	message->entry_count -= skip;
	if (skip > 0)
		memmove(message->entries, message->entries + skip,
		    message->entry_count * sizeof(*message->entries));
	append->prev_log_index = snapshot_index;
	append->prev_log_term = snapshot_term;
}

static struct raft_server *
self_of(struct raft *raft)
{
	for (unsigned i = 0; i < raft->configuration.n; i++) {
		if (raft->configuration.servers[i].id == raft->id)
			return &raft->configuration.servers[i];
	}
	return NULL;
}

struct new_voter
guard_new_voter_begin(struct raft *raft, uint64_t heard_ms_ago)
{
	struct new_voter voter = {.is_changed = false};
	struct raft_server *self = self_of(raft);

	if (raft->state != RAFT_FOLLOWER ||
	    (self != NULL && self->role == RAFT_VOTER))
		return voter;
	voter.is_changed = true;
	if (self == NULL) {
		voter.is_added = true;
		/* No member has an empty address: it cannot be there twice. */
		CHECK(raft_configuration_add(
			  &raft->configuration, raft->id, "", RAFT_VOTER) == 0);
	} else {
		voter.role = self->role;
		self->role = RAFT_VOTER;
	}
	if (heard_ms_ago >= raft->election_timeout) {
		voter.leader = raft->follower_state.current_leader.id;
		raft->follower_state.current_leader.id = 0;
	}
	return voter;
}

void
guard_new_voter_end(struct raft *raft, const struct new_voter *voter)
{
	if (!voter->is_changed)
		return;
	if (voter->is_added)
		/* Added last, and a vote changes no configuration. */
		raft_free(raft->configuration.servers[--raft->configuration.n]
			      .address);
	else
		self_of(raft)->role = voter->role;
	if (voter->leader != 0 && raft->state == RAFT_FOLLOWER &&
	    raft->follower_state.current_leader.id == 0)
		raft->follower_state.current_leader.id = voter->leader;
}

uint64_t
guard_timer(const struct raft *raft, uint64_t deadline_ms, uint64_t fired_ms)
{
	uint64_t earliest = fired_ms + raft->heartbeat_timeout;

	if (raft->state == RAFT_LEADER && deadline_ms < earliest)
		return earliest;
	return deadline_ms;
}
