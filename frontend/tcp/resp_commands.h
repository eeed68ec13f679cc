/*
 * resp_commands - what each command of the Redis protocol does here.
 *
 * A parsed request is a call (tcp_call.h). Replies and errors are those of
 * Redis 7.0. No sockets, no loop, no clock: bytes and tables in, bytes out.
 *
 * Failure    Whatever is wrong with a request, or with reading for it, becomes
 *            an error reply.
 * Ownership  A call borrows everything; what it needs later it copies.
 * Limits     TCP_STEPS_MAX for one run; a reply has at most
 *            RESP_REPLY_BYTES_MAX, or it is an error.
 */
#ifndef FRONTEND_TCP_RESP_COMMANDS_H
#define FRONTEND_TCP_RESP_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "frontend/tcp/tcp_call.h"

#define RESP_REPLY_BYTES_MAX (64u << 20)

/* The release of Redis whose replies these are. */
#define RESP_REDIS_VERSION "7.0.15"

struct batch_builder;
struct reply_cursor;
struct reply_group;
struct resp_command;
struct tcp_store;

/* One connection. Zeroed but for the id, it is a new one. */
struct resp_session {
	uint64_t id;
	bool is_resp3;
	struct buffer name;
};
void resp_session_deinit(struct resp_session *session);

/* How the result of a group is to be told; a plain value. */
struct resp_pending {
	uint8_t form; /* enum pending_form of resp_handlers.h */
	bool is_resp3;
};

/* One request and all that it may touch. */
struct resp_call {
	const struct slice *arguments; /* the name first */
	uint32_t count;
	struct resp_session *session;
	const struct tcp_server *server;
	const struct tcp_store *store; /* READ */
	struct tcp_task *task; /* READ; deinit it when it is done */
	struct batch_builder *batch; /* WRITE */
	struct resp_pending *pending; /* WRITE */
	struct buffer *out;
	const struct resp_command *command; /* set by resp_call_find() */
};

/*
 * Finds the command that the arguments name and checks their number. REPLIED
 * with an error in `out`, or CLOSE, is the end of the call; AGAIN means that
 * resp_call_run() is to be called, and *class says with what.
 */
enum tcp_outcome resp_call_find(struct resp_call *call, enum tcp_class *class);

/* Runs a found call. */
enum tcp_outcome resp_call_run(struct resp_call *call);

/*
 * Writes the reply for a group whose result is known; not for
 * GROUP_REPLY_FULL, which is sent again. `cursor` is at the group's commands.
 */
void resp_pending_reply(const struct resp_pending *pending,
    const struct reply_group *group, struct reply_cursor *cursor,
    struct buffer *out);

/*
 * Writes the error for a group whose result never came: not applied, or (if
 * `is_unknown`) perhaps applied. `err` says why.
 */
void
resp_pending_fail(const struct error *err, bool is_unknown, struct buffer *out);

/* Writes the error for a read that failed. */
void resp_read_fail(const struct error *err, struct buffer *out);

#endif
