/*
 * ipc_server - the answering side: a write sink's socket.
 *
 * Requests that have arrived are handed over one by one, then on_turn_end is
 * called once, so that the owner can treat them as one group. Each is
 * answered with ipc_request_reply(), then or later.
 *
 * Failure    Bytes that are no request, or one of another version, are
 *            answered here with the reason and never handed over. A client
 *            that is gone gets its reply nowhere.
 * Ownership  A request belongs to the server; it is valid until it is
 *            answered. Its payload is borrowed until then.
 * Threads    As ipc_client.
 * Limits     IPC_REQUESTS_MAX requests are handed over and unanswered; more
 *            wait in the sockets.
 */
#ifndef COMMON_IPC_IPC_SERVER_H
#define COMMON_IPC_IPC_SERVER_H

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/ipc/message.h"

#define IPC_REQUESTS_MAX 64

struct ipc_request;
struct ipc_server;
struct loop;

struct ipc_server_options {
	const char *path; /* of the socket; copied, replaced if stale */
	/* One request. HELLO is answered by the server itself. */
	void (*on_request)(void *context, struct ipc_request *request,
	    enum ipc_type type, struct slice payload);
	/* All that had arrived were handed over. */
	void (*on_turn_end)(void *context);
	void *context;
};

/* STATUS_INVALID for a path that is too long, BUSY where another serves. */
enum status
ipc_server_create(struct loop *loop, const struct ipc_server_options *options,
    struct ipc_server **out, struct error *err) MUST_CHECK;

/* Answers and forgets the request. */
void ipc_request_reply(
    struct ipc_request *request, enum status status, struct slice payload);

/*
 * Never waits for a client. Requests that are unanswered are dropped, and so
 * are answers that are still on their way; some memory stays behind. Not from
 * inside a callback of this server. NULL is allowed.
 */
void ipc_server_close(struct ipc_server *server);

#endif
