/*
 * tcp_call - what the calls of both protocols of the TCP door have in common.
 *
 * A request is a call: it is answered at once, or reads the store, or becomes
 * a group in a batch and is answered when the group's result is known. The
 * owner keeps the order on a connection: replies go out in the order of the
 * requests, and before a call of TCP_CLASS_READ runs, the writes in front of
 * it have their results.
 */
#ifndef FRONTEND_TCP_TCP_CALL_H
#define FRONTEND_TCP_TCP_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"

struct resp_selection;

/* Entries that one run of a call inspects, or keys that it looks up. */
#define TCP_STEPS_MAX 2048u

enum tcp_class {
	TCP_CLASS_LOCAL, /* needs nothing */
	TCP_CLASS_READ, /* needs the store */
	TCP_CLASS_WRITE, /* needs the batch */
};

enum tcp_outcome {
	TCP_REPLIED, /* the reply is in the output */
	TCP_QUEUED, /* a group is in the batch, the pending is filled in */
	TCP_FULL, /* no room in the batch: send it, then run again */
	TCP_AGAIN, /* not done: run again, in a later turn of the loop */
	TCP_CLOSE, /* end the connection when the output is sent */
};

/* What a call that takes several runs has so far. Zeroed: nothing. */
struct tcp_task {
	bool is_started;
	uint32_t next;
	uint64_t count;
	struct buffer resume;
	struct buffer gathered;
	struct resp_selection *selection;
};

/* Whether a call has left anything in the task. */
static inline bool
tcp_task_has_begun(const struct tcp_task *task)
{
	return task->is_started || task->resume.data != NULL ||
	    task->gathered.data != NULL || task->selection != NULL;
}

/* To be called when a call with this task is done; the task is zeroed. */
void tcp_task_deinit(struct tcp_task *task);

/* What the server tells about itself; kept current by the owner. */
struct tcp_server {
	const char *version;
	const char *node_id;
	const char *store_id; /* 32 hexadecimal digits */
	const char *run_id; /* 40 hexadecimal digits */
	unsigned tcp_port;
	unsigned connections_max;
	size_t key_bytes_max;
	size_t value_bytes_max;
	size_t payload_bytes_max;
	uint64_t uptime_ms;
	uint64_t connections;
	uint64_t connections_accepted;
	uint64_t commands_processed;
};

#endif
