/*
 * plan - which workers a node has, and what each is given. Pure: it follows
 * from the configuration and the facts alone.
 */
#ifndef SUPERVISOR_PLAN_H
#define SUPERVISOR_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/metrics/metrics_segment.h"

struct config;

enum worker_role {
	WORKER_STORAGED,
	WORKER_HTTP,
	WORKER_TCP,
	WORKER_EXPORTER,
};
#define WORKER_ROLE_COUNT 4

/* storaged, 64 each of http and tcp, the exporter. */
#define PLAN_WORKERS_MAX 130
/* Lock, metrics and listener, and for the exporter each one's metrics. */
#define PLAN_FDS_MAX (3 + PLAN_WORKERS_MAX)

enum plan_fd_kind {
	PLAN_FD_LOCK,
	PLAN_FD_LISTENER, /* of the role `which` */
	PLAN_FD_METRICS, /* of the worker `which` */
};

struct plan_fd {
	enum plan_fd_kind kind;
	unsigned which;
};

struct worker_plan {
	char name[METRICS_NAME_BYTES_MAX + 1]; /* "http-0" */
	enum worker_role role;
	const char *program; /* name of the executable beside the server's */
	struct plan_fd fds[PLAN_FDS_MAX]; /* the i-th is its descriptor 4 + i */
	size_t fd_count;
	struct buffer settings; /* the text of its SETTINGS message */
};

/* What is known only when the server runs. Borrowed. */
struct plan_facts {
	const char *data_path;
	const char *runtime_path;
	const char *store_id;
	const char *node_id;
	uint64_t heartbeat_ms;
};

struct plan {
	struct worker_plan workers[PLAN_WORKERS_MAX]; /* in order of start */
	size_t worker_count;
};

/* The word of a role ("http"). */
const char *worker_role_name(enum worker_role role);

/* Owned by the caller. */
struct plan *
plan_create(const struct config *config, const struct plan_facts *facts);

/* NULL is allowed. */
void plan_close(struct plan *plan);

/*
 * The step of an orderly end in which a worker is stopped: a later step
 * begins when the workers of the one before have ended.
 */
unsigned plan_stop_step(enum worker_role role);
#define PLAN_STOP_STEPS 3

#endif
