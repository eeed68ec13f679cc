/*
 * sim - a cluster in one process: servers, disks, a network and a clock, all
 * driven by one seed.
 *
 * Servers are real cores. A disk keeps what was synced and, in a crash, some
 * of the rest; the network loses, doubles, delays and reorders frames, and is
 * cut in pieces. After each step the invariants of Raft are checked (section
 * 5 of the paper, by their names there), and the first one that is broken
 * ends the run with a text.
 *
 * sim_server.c is a server around its core, sim_check.c the invariants,
 * sim_world.c time, network and faults. The same seed gives the same run.
 */
#ifndef TESTS_SIMULATION_SIM_H
#define TESTS_SIMULATION_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "replicator/core/core.h"

#define SIM_SERVERS_MAX 7
#define SIM_DATA_BYTES_MAX 256
#define SIM_PENDING_MAX 1024

struct sim_entry {
	uint64_t term;
	enum log_entry_kind kind;
	size_t size;
	uint8_t data[SIM_DATA_BYTES_MAX];
};

struct sim_log {
	uint64_t first; /* index of entries[0] */
	size_t count;
	size_t capacity;
	struct sim_entry *entries;
};

/* A snapshot of the applied state, which is a running hash. */
struct sim_snapshot {
	struct snapshot snapshot; /* without content */
	uint64_t state;
};

enum sim_write_kind {
	SIM_APPEND,
	SIM_TAKE,
	SIM_INSTALL
};

/* Something on its way to a disk. */
struct sim_write {
	enum sim_write_kind kind;
	struct sim_log entries; /* of APPEND */
	uint64_t index; /* of TAKE */
	unsigned trailing;
	struct sim_snapshot snapshot; /* of TAKE and INSTALL */
	struct sim_write *next;
};

/* What a client waits for. */
struct sim_pending {
	uint64_t index;
	uint64_t term;
	uint64_t value;
};

struct sim_server {
	struct sim *sim;
	uint64_t id;
	char name[8];
	struct core *core; /* NULL: down */
	unsigned incarnation;
	bool must_crash; /* in the middle of a step */
	bool was_leader;

	/* In memory */
	struct sim_log log;
	uint64_t applied;
	uint64_t state;
	uint64_t commit;
	bool is_taking;
	struct sim_write *writes; /* oldest first */
	struct sim_write *last_write;
	uint64_t timer; /* which timer event counts */
	unsigned timeouts; /* since the second began */
	struct sim_pending pending[SIM_PENDING_MAX];
	size_t pending_count;

	/* On disk */
	uint64_t disk_term;
	uint64_t disk_vote;
	struct sim_log disk;
	struct sim_snapshot disk_snapshot;
};

/* Committed, as the first server to apply it saw it. */
struct sim_committed {
	uint64_t term;
	uint64_t hash;
	uint64_t state; /* behind it */
	uint64_t committed_in; /* the term of the leader that committed it */
};

struct sim_event;

struct sim_count {
	uint64_t seeds, steps, frames, committed, acknowledged, elections;
	uint64_t crashes, taken, installed, changes, promoted, removed;
	uint64_t transfers;
};

struct sim {
	struct rng rng;
	uint64_t seed;
	uint64_t now_ms;
	unsigned guards_off;
	bool has_faults;
	bool may_change; /* membership */
	size_t voters; /* at the beginning */
	size_t count; /* servers, joiners included */
	struct sim_server servers[SIM_SERVERS_MAX + 1]; /* by id, from 1 */
	bool is_cut[SIM_SERVERS_MAX + 1][SIM_SERVERS_MAX + 1];
	double loss;
	double doubling;
	uint64_t delay_min_ms;
	uint64_t delay_max_ms;
	uint64_t snapshot_entries; /* applied between two snapshots */

	struct sim_event *events; /* a heap by time */
	size_t event_count;
	size_t event_capacity;
	uint64_t event_number;

	struct sim_committed *history; /* from index 1 */
	uint64_t history_last;
	size_t history_capacity;
	uint64_t *leaders; /* by term: who led it */
	size_t leaders_capacity;
	/* by term and voter: for whom it voted */
	uint64_t (*votes)[SIM_SERVERS_MAX + 1];
	size_t votes_capacity;

	uint64_t next_value;
	char failure[256]; /* "" while all is well */
	struct sim_count done;
};

/* Runs one seed; false, and `failure`, when an invariant is broken. */
bool sim_run(struct sim *sim, uint64_t seed);
void sim_deinit(struct sim *sim);

/* Notes the first failure. */
void sim_fail(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
static inline bool
sim_failed(const struct sim *sim)
{
	return sim->failure[0] != '\0';
}

/* Chance */
uint64_t sim_below(struct sim *sim, uint64_t limit);
bool sim_chance(struct sim *sim, double probability);

/* Logs */
struct sim_entry *sim_log_at(struct sim_log *log, uint64_t index);
uint64_t sim_log_last(const struct sim_log *log);
void sim_log_push(struct sim_log *log, const struct sim_entry *entry);
void sim_log_cut(struct sim_log *log, uint64_t index);
void sim_log_drop_before(struct sim_log *log, uint64_t index);
void sim_log_copy(struct sim_log *to, const struct sim_log *from);

/* A server */
void sim_server_start(struct sim_server *server);
void sim_server_crash(struct sim_server *server);
void sim_server_timeout(struct sim_server *server);
void sim_server_receive(
    struct sim_server *server, uint64_t from, struct slice frame);
void sim_server_disk(struct sim_server *server); /* the oldest write is done */
void sim_server_propose(struct sim_server *server, size_t count);
/* After every call of the core: crashes, timers, what the disk may begin. */
void sim_server_after(
    struct sim_server *server, enum status status, const struct error *err);
uint64_t sim_server_durable_last(const struct sim_server *server);

/* The world as a server sees it. */
void sim_send(struct sim_server *from, uint64_t to, struct slice frame);
void sim_set_timer(struct sim_server *server, uint64_t at_ms);
void sim_set_disk(struct sim_server *server);
void sim_set_restart(struct sim_server *server, uint64_t at_ms);

/* Invariants */
void sim_check_applied(
    struct sim_server *server, uint64_t index, const struct sim_entry *entry);
void sim_check_leader(struct sim_server *server);
void sim_check_frame(struct sim_server *server, struct slice frame);
void sim_check_second(struct sim *sim); /* once in a second */
void sim_check_end(struct sim *sim);
uint64_t sim_entry_hash(const struct sim_entry *entry);

#endif
