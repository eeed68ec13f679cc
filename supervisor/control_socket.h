/*
 * control_socket - the UNIX socket by which kvctl asks and commands. Requests
 * and answers are lines; README.md lists them.
 *
 * Failure  A client that misbehaves is disconnected; nobody else notices.
 * Limits   CONTROL_SOCKET_CLIENTS_MAX at a time (who was silent longest makes
 *          room), CONTROL_SOCKET_LINE_BYTES_MAX a request.
 */
#ifndef SUPERVISOR_CONTROL_SOCKET_H
#define SUPERVISOR_CONTROL_SOCKET_H

#include <poll.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

#define CONTROL_SOCKET_CLIENTS_MAX 16
#define CONTROL_SOCKET_LINE_BYTES_MAX 256
/* Descriptors that control_socket_prepare_poll() fills in. */
#define CONTROL_SOCKET_POLL_MAX (1 + CONTROL_SOCKET_CLIENTS_MAX)

struct control_socket;

/* Appends the answer to one request, without the line feed. */
typedef void control_socket_on_request(
    void *context, const char *line, struct buffer *answer);

/* Listens at `path`, replacing what stands there. */
enum status
control_socket_open(const char *path, control_socket_on_request *on_request,
    void *context, struct control_socket **out, struct error *err) MUST_CHECK;

/* Fills in what to poll for; returns how many of `fds` that were. */
size_t
control_socket_prepare_poll(struct control_socket *control, struct pollfd *fds);

/* Serves what poll(2) found in the same `fds`. */
void control_socket_on_poll(
    struct control_socket *control, const struct pollfd *fds);

/* Disconnects all and frees. NULL is allowed. */
void control_socket_close(struct control_socket *control);

#endif
