/*
 * health - judges whether a node serves, and says why not.
 *
 * A node is ready when every one of its checks passes: each role has a worker
 * that is up, the store can be read, and writes are taken (also when they are
 * delayed). It is alive as long as there is somebody to say so: whatever is
 * wrong within it, the server mends, and starting the node again would not
 * mend it sooner.
 */
#ifndef FRONTEND_EXPORTER_HEALTH_H
#define FRONTEND_EXPORTER_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "frontend/exporter/node_state.h"

#define HEALTH_CHECKS_MAX 8
#define HEALTH_REASON_BYTES_MAX 320

struct health_check {
	const char *name; /* "storaged", "http", "tcp", "reads", "writes" */
	bool passes;
	char reason[HEALTH_REASON_BYTES_MAX]; /* how it is, in words */
};

struct health {
	bool is_ready;
	struct health_check checks[HEALTH_CHECKS_MAX];
	size_t check_count;
};

/* Names are borrowed from `node`. */
void health_judge(const struct node_state *node, struct health *out);

/* Appends the text for /readyz: a verdict, then a line for each check. */
void health_append(struct buffer *out, const struct health *health);

/* Appends the text for /livez. */
void health_append_alive(struct buffer *out, const struct node_state *node);

#endif
