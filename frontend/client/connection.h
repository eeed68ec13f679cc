/*
 * connection - a client's TCP connection that never waits longer than told.
 *
 * Failure    UNAVAILABLE: nobody there, or gone; TIMEOUT: too slow. Either
 *            names the endpoint.
 * Threads    None inside; belongs to one thread.
 */
#ifndef FRONTEND_CLIENT_CONNECTION_H
#define FRONTEND_CLIENT_CONNECTION_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

struct connection;

/*
 * Connects to "host:port", "[address]:port" or ":port" (this host); tries all
 * addresses of the name. STATUS_INVALID if the endpoint is none.
 */
enum status connection_open(const char *endpoint, uint64_t timeout_ms,
    struct connection **out, struct error *err) MUST_CHECK;

/* NULL is allowed. */
void connection_close(struct connection *connection);

/*
 * Waits until something can be moved, at most until `deadline_ns` of the
 * monotonic clock: sends from the front of `output`, and receives to the end
 * of `input`. OK once at least a byte was moved.
 */
enum status
connection_move(struct connection *connection, struct buffer *output,
    struct buffer *input, uint64_t deadline_ns, struct error *err) MUST_CHECK;

#endif
