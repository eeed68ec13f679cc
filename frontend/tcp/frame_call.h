/*
 * frame_call - what each operation of the binary protocol does here.
 *
 * Requests come decoded from frontend/protocol; what a call is, tcp_call.h
 * says. PROTOCOL.md specifies the replies.
 *
 * Failure    Whatever goes wrong becomes a reply that says so.
 * Ownership  A call borrows everything; what it needs later it copies.
 */
#ifndef FRONTEND_TCP_FRAME_CALL_H
#define FRONTEND_TCP_FRAME_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "frontend/tcp/tcp_call.h"

struct batch_builder;
struct frame_request;
struct reply_cursor;
struct reply_group;
struct tcp_store;

/* What the reply to a write needs; a plain value. */
struct frame_pending {
	uint64_t id;
	uint8_t opcode;
};

struct frame_call {
	const struct frame_request *request;
	const struct tcp_server *server;
	const struct tcp_store *store; /* READ */
	struct tcp_task *task; /* READ; deinit it when it is done */
	struct batch_builder *batch; /* WRITE */
	struct frame_pending *pending; /* WRITE */
	struct buffer *out;
};

/* With what a request is to be called. */
enum tcp_class frame_call_class(const struct frame_request *request);

enum tcp_outcome frame_call_run(struct frame_call *call);

/*
 * Writes the reply for a group whose result is known; not for
 * GROUP_REPLY_FULL, which is sent again. `cursor` is at the group's commands.
 */
void frame_pending_reply(const struct frame_pending *pending,
    const struct reply_group *group, struct reply_cursor *cursor,
    struct buffer *out);

/*
 * Writes the failure of a group whose result never came: not applied, or (if
 * `is_unknown`) perhaps applied.
 */
void
frame_pending_fail(const struct frame_pending *pending, const struct error *err,
    bool is_unknown, uint32_t retry_after_ms, struct buffer *out);

/* Writes the failure of a read. */
void frame_read_fail(const struct frame_request *request,
    const struct error *err, struct buffer *out);

#endif
