/*
 * ipc_client - the asking side of a worker's connection to a write sink.
 *
 * It connects by itself, again and again, and exchanges versions each time;
 * then it is ready for one request at a time. It never sends anything twice:
 * when the connection goes, a request's fate is unknown and its owner
 * decides.
 *
 * Failure    A lost connection is on_lost, once; then on_ready comes when
 *            there is one again. A request ends in on_reply or on_lost.
 * Ownership  Payloads are borrowed for the length of a call.
 * Threads    Everything, callbacks included, is on the loop's thread. The
 *            library below starts threads of its own with the first client:
 *            privileges are dropped before, and nothing forks afterwards.
 * Limits     IPC_PAYLOAD_BYTES_MAX; an address is a path of at most
 *            IPC_PATH_BYTES_MAX bytes. A client that is closed leaves some
 *            memory behind: a process has one, and closes it at its end.
 */
#ifndef COMMON_IPC_IPC_CLIENT_H
#define COMMON_IPC_IPC_CLIENT_H

#include <stdbool.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/ipc/message.h"

#define IPC_PATH_BYTES_MAX 107

struct ipc_client;
struct loop;

/* No callback comes before the call that caused it has returned. */
struct ipc_client_options {
	const char *path; /* of the socket; copied */
	/*
	 * Connected, and the versions agree. `incarnation` is a number that
	 * the server drew when it started.
	 */
	void (*on_ready)(void *context, uint64_t incarnation);
	/* The answer; `payload` is borrowed for the length of the call. */
	void (*on_reply)(
	    void *context, enum status status, struct slice payload);
	/* The connection is gone, and the answer with it if one was due. */
	void (*on_lost)(void *context);
	void *context;
};

/* STATUS_INVALID for a path that is too long. */
enum status
ipc_client_create(struct loop *loop, const struct ipc_client_options *options,
    struct ipc_client **out, struct error *err) MUST_CHECK;

/* Connected, and no request in flight. */
bool ipc_client_is_ready(const struct ipc_client *client);

/* Sends a request; the client must be ready. */
void ipc_client_send(
    struct ipc_client *client, enum ipc_type type, struct slice payload);

/*
 * Never waits for the other side, whatever is in flight. No callback comes
 * afterwards. Not from inside a callback of this client
 * (loop_defer does it). NULL is allowed.
 */
void ipc_client_close(struct ipc_client *client);

#endif
