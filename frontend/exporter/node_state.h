/*
 * node_state - all that the exporter tells of a node, as it was at one
 * moment: a plain value, so that what is made of it is decided and tested
 * without a node.
 */
#ifndef FRONTEND_EXPORTER_NODE_STATE_H
#define FRONTEND_EXPORTER_NODE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/view/control.h"
#include "common/metrics/metrics_segment.h"
#include "frontend/exporter/process_usage.h"

struct node_worker {
	struct metrics_worker worker;
	const struct metrics_segment *segment; /* borrowed */
	char role[METRICS_NAME_BYTES_MAX + 1]; /* "http" of "http-0" */
	const char *number; /* "0" of "http-0", "" of "exporter"; in worker */
	struct process_usage usage;
};

/* The store, as this process, a reader like the frontends, finds it. */
struct node_store {
	/* Why the control block could not be read; STATUS_OK: it could. */
	struct error control_error;
	struct control_state control;
	/* Why the view could not be opened; STATUS_OK: it could. */
	struct error view_error;
	uint64_t key_estimate;
};

struct node_state {
	const char *version;
	const char *node_id;
	const char *store_id;
	uint64_t now_ms; /* since 1970 */
	struct process_usage server;
	const struct node_worker *workers;
	size_t worker_count;
	struct node_store store;
};

#endif
