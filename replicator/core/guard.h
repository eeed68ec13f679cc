/*
 * guard - the faults of libraft 0.22.1, each kept from doing harm.
 *
 * Each was seen in the packaged library, Debian 0.22.1-1~bpo12+1; a letter
 * names it here, in guard.c and in the tests, which show that what it guards
 * against happens without it. A library that has been mended keeps working:
 * a guard then has nothing to do.
 *
 * Threads  Pure, but for the struct raft they are given.
 */
#ifndef REPLICATOR_CORE_GUARD_H
#define REPLICATOR_CORE_GUARD_H

#include <raft.h>
#include <stdbool.h>
#include <stdint.h>

#include "replicator/core/configuration.h"
#include "replicator/core/frame.h"

enum guard {
	GUARD_STALE_RESULT = 1 << 0, /* A */
	GUARD_SPLIT = 1 << 1, /* B */
	GUARD_SOLE_VOTER = 1 << 2, /* C */
	GUARD_COMMIT = 1 << 3, /* D */
	GUARD_NEW_VOTER = 1 << 4, /* G, the voter's side */
	GUARD_CHANGE_STORED = 1 << 5, /* G, the leader's side */
	GUARD_TIMER = 1 << 6, /* H */
	GUARD_STALE_REJECTION = 1 << 7, /* I */
	GUARD_PRE_VOTE_TERM = 1 << 8, /* J */
	GUARD_REBASE = 1 << 9, /* K */
	GUARD_INSTALLING = 1 << 10, /* L */
};

/*
 * A: the answer to a message of an older term, or one that the log cannot
 * take, may say "accepted" with a number that was never set. `is_stale`: it
 * answers a message of an older term.
 */
void guard_stale_result(struct raft_message *message, bool is_stale);

/*
 * J: a refused pre-vote carries the candidate's term, so that one that is
 * behind never learns of a later term, and there is no leader.
 */
void guard_pre_vote_term(const struct raft *raft, struct raft_message *message);

/*
 * C: the only voter makes itself leader without a new term, so what it lost
 * in a crash and what it writes afterwards may have the same index and term.
 * True if the term must be raised before the start.
 */
bool guard_sole_voter(const struct configuration *configuration, uint64_t id);

/*
 * I: a refusal that was overtaken by an acceptance moves the next index to
 * or below the match index, and nothing is sent any more. True: drop it.
 */
bool guard_stale_rejection(
    const struct raft *raft, uint64_t from, const struct raft_message *message);

/*
 * K: entries that begin below the compacted prefix are refused for ever, or
 * end the process when they begin at 0. Moves the message up to the snapshot,
 * which is committed, so that the leader has it.
 */
void guard_rebase(
    struct message *message, uint64_t snapshot_index, uint64_t snapshot_term);

/* G: see guard_new_voter_begin(). */
struct new_voter {
	bool is_changed; /* the role below is not the one it had */
	bool is_added; /* it was no member at all */
	int role;
	raft_id leader;
};

/*
 * G: a server that is no voter by its own log never votes; where the others
 * have not heard of the change yet, or it has not, and they need its vote,
 * they wait for ever. Raft has servers vote without regard to their own
 * configuration: this server is a voter while it handles a RequestVote.
 * `heard_ms_ago`: since a leader was heard of; one that is long silent is no
 * reason to refuse.
 */
struct new_voter
guard_new_voter_begin(struct raft *raft, uint64_t heard_ms_ago);
void guard_new_voter_end(struct raft *raft, const struct new_voter *voter);

/*
 * H: the deadline stays in the past for a spare that was once caught up. A
 * leader is not due again within a heartbeat of its last time.
 */
uint64_t
guard_timer(const struct raft *raft, uint64_t deadline_ms, uint64_t fired_ms);

#endif
