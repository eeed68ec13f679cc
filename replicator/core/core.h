/*
 * core - the consensus of one server, as a pure state machine.
 *
 * Events go in (a frame from a peer, a time that has come, something that is
 * now on disk, batches to replicate); what follows from them is done through
 * a table of functions: store, send, apply. libraft decides; this room feeds
 * it as it must be fed, keeps its faults from doing harm (guard.h), and hides
 * it from everyone else.
 *
 * Durability  Term and vote are durable before anything is sent that follows
 *             from them. A follower acknowledges entries only when
 *             core_persisted() has told that they are on disk.
 * Failure     A refusal (UNAVAILABLE: not the leader; BUSY: a change is under
 *             way; NOT_FOUND, INVALID) changes nothing. Any other status ends
 *             the core: every later call returns it, and the process stops.
 * Ownership   What the host lends and is lent is borrowed for the call.
 * Threads     One thread, the same for all cores of a process.
 * Limits      See configuration.h and log_entry.h.
 */
#ifndef REPLICATOR_CORE_CORE_H
#define REPLICATOR_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "replicator/core/configuration.h"
#include "replicator/core/log_entry.h"

struct core;

/* A point up to which the log may be missing. */
struct snapshot {
	uint64_t index; /* 0: there is none */
	uint64_t term;
	uint64_t configuration_index;
	struct configuration configuration;
	struct slice content; /* what an installing server needs; small */
};

/* What the core has done for it. All but send() may fail, which ends it. */
struct core_host {
	void *context;

	/* Returns when term and vote are durable. */
	enum status (*save_vote)(void *context, uint64_t term,
	    uint64_t voted_for, struct error *err);

	/*
	 * Cuts the log in front of `index`, then appends. entry() shows them
	 * at once; core_persisted() tells when they are durable, call by call
	 * in the same order, also those that were cut off meanwhile.
	 */
	enum status (*append)(void *context, uint64_t index,
	    const struct log_entry *entries, size_t count, struct error *err);

	/* The entry at `index`, which the log has; borrowed until it moves. */
	enum status (*entry)(void *context, uint64_t index,
	    struct log_entry *out, struct error *err);

	/*
	 * Drops the whole log and switches to the snapshot, whose content is
	 * here already; then calls core_installed().
	 */
	enum status (*install)(
	    void *context, const struct snapshot *snapshot, struct error *err);

	/* Everything up to `index` may be applied, and is never taken back. */
	void (*commit)(void *context, uint64_t index);

	/* Sends, or drops: frames may be lost. */
	void (*send)(void *context, uint64_t to, struct slice frame);
};

struct core_options {
	uint64_t id; /* random, not 0, never used again */
	const char *name; /* borrowed until the core is closed */
	unsigned election_timeout_ms;
	unsigned heartbeat_ms;
	unsigned install_timeout_ms; /* after which a snapshot is sent again */
	unsigned inflight_entries_max; /* sent to a peer, not acknowledged */
	uint32_t seed; /* of the election timeouts */
	unsigned guards_off; /* enum guard; 0 but for tests */
};

/* What is on disk; the entries themselves are read through the host. */
struct core_durable {
	uint64_t term; /* 0 in a server that has yet to join */
	uint64_t voted_for;
	struct snapshot snapshot;
	uint64_t first_index; /* of the log: snapshot.index + 1 or before it */
	uint64_t last_index; /* first_index - 1: no entries */
};

enum core_state {
	CORE_FOLLOWER,
	CORE_CANDIDATE,
	CORE_LEADER
};

/* Starts. `now_ms` here and below is monotonic, and never goes back. */
enum status core_create(const struct core_options *options,
    const struct core_host *host, const struct core_durable *durable,
    uint64_t now_ms, struct core **out, struct error *err) MUST_CHECK;

/* NULL is allowed. */
void core_close(struct core *core);

/* When core_timeout() is due next; changes with every call below. */
uint64_t core_deadline_ms(const struct core *core);

enum status
core_timeout(struct core *core, uint64_t now_ms, struct error *err) MUST_CHECK;

/*
 * Takes a frame that `from` sent. One that makes no sense is STATUS_CORRUPT
 * in `rejected` and changes nothing. A frame that installs a snapshot is
 * given only when its content is here (frame_decode() shows it).
 */
enum status core_receive(struct core *core, uint64_t now_ms, uint64_t from,
    struct slice frame, struct error *rejected, struct error *err) MUST_CHECK;

/* The oldest append that was not reported yet is durable. */
enum status core_persisted(
    struct core *core, uint64_t now_ms, struct error *err) MUST_CHECK;

/*
 * Appends an entry of commands for each of `batches`, if this is the leader.
 * They will be committed in this term or never: compare core_term() when
 * `first_index` and those behind it are committed.
 */
enum status
core_propose(struct core *core, uint64_t now_ms, const struct slice *batches,
    size_t count, uint64_t *first_index, struct error *err) MUST_CHECK;

/*
 * Changes who the members are. BUSY while another change, or a voter's
 * knowledge of it, is under way. INVALID: nothing, or too much at once.
 */
enum status core_change(struct core *core, uint64_t now_ms,
    const struct configuration *configuration, struct error *err) MUST_CHECK;

enum catch_up {
	CATCH_UP_NONE,
	CATCH_UP_RUNNING,
	CATCH_UP_DONE,
	CATCH_UP_FAILED
};

/* Brings a spare or stand-by up to the log, so that it may become a voter. */
enum status core_catch_up(struct core *core, uint64_t now_ms, uint64_t id,
    struct error *err) MUST_CHECK;
enum catch_up core_catch_up_state(struct core *core, uint64_t id);

/* Hands leadership to a voter; 0: whoever is best. */
enum status core_transfer(struct core *core, uint64_t now_ms, uint64_t id,
    struct error *err) MUST_CHECK;

/*
 * The snapshot at `index`, which is applied, is durable. Up to `trailing`
 * entries in front of it are kept; core_first_index() says from where on.
 * Nothing is done while a snapshot is being installed.
 */
enum status core_snapshot(struct core *core, uint64_t now_ms, uint64_t index,
    struct slice content, unsigned trailing, struct error *err) MUST_CHECK;

/* What install() began is durable and switched to. */
enum status core_installed(
    struct core *core, uint64_t now_ms, struct error *err) MUST_CHECK;

enum core_state core_state(const struct core *core);
uint64_t core_term(const struct core *core);
uint64_t core_leader(const struct core *core); /* 0: not known */
uint64_t core_commit_index(const struct core *core);
uint64_t core_first_index(const struct core *core);
uint64_t core_last_index(const struct core *core);
bool core_is_installing(const struct core *core);

/* Up to which index a member has the leader's log; 0 where not known. */
uint64_t core_match_index(struct core *core, uint64_t id);

/* The newest configuration in the log, committed or not, and its index. */
const struct configuration *core_configuration(const struct core *core);
uint64_t core_configuration_index(const struct core *core);

#endif
