/*
 * node_probe - looks at a node from outside its workers: at their metrics
 * segments, at /proc, at the control block, and at the store as a reader.
 *
 * Nothing here asks a worker anything or waits for one, so that a node is
 * seen also when a worker is stuck or away. What is open of the store keeps
 * unlinked files alive; node_probe_refresh(), called from a timer, lets them
 * go.
 *
 * Failure    What cannot be read is part of what was found (node_state.h).
 * Ownership  A state and what it points to belongs to the probe, until its
 *            next call.
 */
#ifndef FRONTEND_EXPORTER_NODE_PROBE_H
#define FRONTEND_EXPORTER_NODE_PROBE_H

#include <stddef.h>

#include "common/base/status.h"
#include "frontend/exporter/node_state.h"

struct clock;
struct node_probe;

/* All strings are copied. */
struct node_probe_options {
	const char *node_id;
	const char *store_id;
	const char *runtime_directory; /* with shard-0 below it */
	const char *data_directory;
	const struct clock *clock; /* borrowed while the probe is open */
	uint32_t server_pid;
	const int *segment_fds; /* of all workers; theirs to close */
	size_t segment_count;
};

enum status node_probe_open(const struct node_probe_options *options,
    struct node_probe **out, struct error *err) MUST_CHECK;

/* Looks at everything now. */
const struct node_state *node_probe_look(struct node_probe *probe);

/* Moves on to the current view, so that the files of older ones can go. */
void node_probe_refresh(struct node_probe *probe);

/* NULL is allowed. */
void node_probe_close(struct node_probe *probe);

#endif
