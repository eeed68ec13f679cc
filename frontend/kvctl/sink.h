/*
 * sink - one question to the `storaged` of a node on this host.
 *
 * Work on the whole store (a checkpoint, a flush) is asked of the process that
 * does it, over the socket by which frontends send it writes (common/ipc).
 */
#ifndef FRONTEND_KVCTL_SINK_H
#define FRONTEND_KVCTL_SINK_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/ipc/message.h"

struct sink_options {
	const char *data_dir; /* NULL: ./data, else the system's node */
	uint64_t timeout_ms;
};

/*
 * Sends one request and appends the payload of its reply. UNAVAILABLE when
 * nobody is there; UNKNOWN when the request went out and no answer came.
 */
enum status sink_ask(const struct sink_options *options, enum ipc_type type,
    struct slice payload, struct buffer *reply, struct error *err) MUST_CHECK;

#endif
