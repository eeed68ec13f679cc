/*
 * supervisor - one node: its directories, sockets and workers, and the loop
 * that keeps them going.
 *
 * Failure    What is wrong at the start is returned, with an exit code of
 *            sysexits.h; later troubles are logged and answered by restarts.
 * Ownership  The configuration is borrowed.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/os/path.h"
#include "supervisor/child.h"
#include "supervisor/listen.h"
#include "supervisor/plan.h"

struct config;
struct control_socket;
struct data_directory;
struct runtime_directory;

enum supervisor_state {
	SUPERVISOR_STARTING, /* until all workers are ready */
	SUPERVISOR_SERVING,
	SUPERVISOR_STOPPING,
};

#define NODE_ID_BYTES_MAX 65

struct supervisor {
	const struct config *config;
	enum supervisor_state state;
	const char *program_name; /* argv[0], for the text at the start */
	char program_folder[PATH_BYTES_MAX]; /* of the workers' programs */
	char node_id[NODE_ID_BYTES_MAX];
	struct data_directory *data;
	struct runtime_directory *runtime;
	int listeners[WORKER_ROLE_COUNT]; /* by role; -1 where there is none */
	int metrics_fds[PLAN_WORKERS_MAX]; /* by worker */
	struct plan *plan;
	struct child children[PLAN_WORKERS_MAX]; /* as in the plan */
	size_t child_count;
	struct control_socket *control;
	int signal_fd;
	uint64_t started_ms;
	uint64_t wake_ms; /* when poll(2) was to return at the latest */
	uint64_t alive_due_ms; /* when the service manager must hear of us */
	uint64_t kill_ms; /* STOPPING: when patience ends */
	unsigned stop_step;
	bool is_killing; /* a second signal, or patience has ended */
	int exit_code;
};

/*
 * Takes the directories, opens the sockets, and prepares the workers.
 * *exit_code says what to exit with on failure; in any case call
 * supervisor_close().
 */
enum status
supervisor_open(struct supervisor *supervisor, const struct config *config,
    const char *program_name, int *exit_code, struct error *err) MUST_CHECK;

/* Runs the workers until it is told to stop; returns the exit code. */
int supervisor_run(struct supervisor *supervisor);

/* Kills what still runs and gives everything back. */
void supervisor_close(struct supervisor *supervisor);

/* True if all workers are ready. */
bool supervisor_is_whole(const struct supervisor *supervisor);

/* Tells a worker to stop and starts it again when it has. */
void supervisor_restart(struct supervisor *supervisor, struct child *child);

#endif
