/*
 * ipc_peer - the two sides of a connection of common/ipc, for its tests.
 *
 * A peer process is the test's program executed again, since nng does not
 * survive a fork; it ends with the test. Every wait is bounded.
 */
#ifndef TESTS_SUPPORT_IPC_IPC_PEER_H
#define TESTS_SUPPORT_IPC_IPC_PEER_H

#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/ipc/ipc_client.h"
#include "common/ipc/ipc_server.h"

/*
 * A server that answers a payload with the number of requests of its turn
 * and the payload, except "silence", which it never answers, and "sleep",
 * which it thinks about.
 */
struct answering {
	struct loop *loop;
	struct ipc_server *server;
	struct ipc_request *requests[IPC_REQUESTS_MAX];
	struct slice payloads[IPC_REQUESTS_MAX];
	unsigned count;
	unsigned turns;
	bool is_leaving; /* after the first turn */
};

enum status answering_init(struct answering *answering, struct loop *loop,
    const char *path, struct error *err);

/*
 * Serves until it is killed, or until the first turn's answers are given,
 * and then closes after the delay. An exit code.
 */
int answering_serve(const char *path, bool is_leaving, unsigned long delay_us);

/* A client, and what it was told. */
struct asking {
	struct loop *loop;
	struct ipc_client *client;
	struct loop_timer *patience;
	unsigned ready;
	unsigned replies;
	unsigned lost;
	bool is_late; /* nothing came in time */
	uint64_t incarnation;
	enum status status;
	struct buffer reply;
	unsigned *done; /* counted down; the loop stops at 0 */
};

void asking_init(struct asking *asking, struct loop *loop, const char *path);
void asking_deinit(struct asking *asking);

/* Until the next event that the client is told of; false if none comes. */
bool asking_event(struct asking *asking);

/* The same; the test's case ends if none comes. */
void asking_await(struct asking *asking);

/* This program with the arguments `what`, `path` and `number`. */
pid_t peer_start(const char *what, const char *path, unsigned number);

/* This program with --serve: it is to call answering_serve(). */
pid_t peer_serve(const char *path);
void peer_kill(pid_t child);

/* True if it comes to its end by itself, and well. */
bool peer_ends_well(pid_t child);

/*
 * Ends this process if peer_guard_stop() does not come soon: for calls that
 * must not wait.
 */
void peer_guard_start(void);
void peer_guard_stop(void);

#endif
