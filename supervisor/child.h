/*
 * child - one worker in its slot: whether it runs, is ready, is to stop.
 *
 * Time comes in as arguments (milliseconds of a monotonic clock). Whoever
 * polls `control_fd` and reaps processes tells the child what happened.
 *
 * Ownership  The plan and the metrics descriptor are borrowed.
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "supervisor/plan.h"
#include "supervisor/restart_policy.h"

/*
 *            start            READY              stop
 * STOPPED ----------> STARTING -----> READY ----------> STOPPING
 *    ^  ^                |  ^           |  exit             |
 *    |  |           exit |  | due       v                   |
 *    |  |                +->WAITING <---+                   |
 *    |  +-- stop ------------+                              |
 *    +------------------------------------------- exit -----+
 *
 * A STARTING child can be stopped too. One that was to be started again goes
 * from STOPPING by STOPPED to STARTING at once.
 */
enum child_state {
	CHILD_STOPPED,
	CHILD_STARTING,
	CHILD_READY,
	CHILD_STOPPING,
	CHILD_WAITING,
};

enum child_exit {
	CHILD_EXIT_WANTED, /* it was told to stop */
	CHILD_EXIT_FAILED, /* it is WAITING now */
	CHILD_EXIT_REFUSED, /* the same; a sysexits code before it was ready */
};

struct child_options {
	const char *path; /* of the executable */
	const int *fds; /* for descriptors 4 and up */
	size_t fd_count;
};

#define CHILD_EXIT_BYTES_MAX 48

struct child {
	const struct worker_plan *plan;
	enum child_state state;
	pid_t pid; /* 0 unless it runs */
	int control_fd; /* -1 unless it runs and listens */
	bool is_again; /* STOPPING, to be started again */
	struct restart_policy policy;
	uint64_t due_ms; /* WAITING: of the start; STOPPING: of the kill */
	uint64_t started_ms;
	uint64_t ready_ms;
	uint64_t heard_ms; /* its last sign of life */
	uint64_t restarts;
	int exit_code; /* of the last run; -1 where a signal ended it */
	char last_exit[CHILD_EXIT_BYTES_MAX]; /* "signal 9 (Killed)" */
	struct metrics_segment *segment; /* owned */
	struct buffer received;
};

/* Takes its place STOPPED; the segment behind `metrics_fd` notes its life. */
enum status child_init(struct child *child, const struct worker_plan *plan,
    const struct restart_policy *policy, int metrics_fd,
    struct error *err) MUST_CHECK;
void child_deinit(struct child *child);

/* The word of a state ("ready"). */
const char *child_state_name(enum child_state state);

/* True while there is a process. */
bool child_is_running(const struct child *child);

/*
 * Starts it from STOPPED or WAITING and gives it its settings. When that
 * fails it is WAITING, as if it had died, and the failure is returned.
 */
enum status
child_start(struct child *child, const struct child_options *options,
    uint64_t now_ms, struct error *err) MUST_CHECK;

/* Takes what has arrived on control_fd; true if it has become READY. */
bool child_on_readable(struct child *child, uint64_t now_ms);

/* The process ended with waitpid(2)'s `status`. */
enum child_exit child_on_exit(struct child *child, int status, uint64_t now_ms);

/*
 * Asks it to stop; at `kill_ms` it is due to be killed. `is_again`: it is to
 * be started again when it has ended. From WAITING it is STOPPED at once.
 */
void child_stop(
    struct child *child, bool is_again, uint64_t now_ms, uint64_t kill_ms);

/* Kills the process, if there is one. */
void child_kill(struct child *child);

#endif
