/*
 * node_fixture - a node that is not there: its state, with real segments in
 * which the tests write what they like.
 */
#ifndef TESTS_UNIT_FRONTEND_EXPORTER_NODE_FIXTURE_H
#define TESTS_UNIT_FRONTEND_EXPORTER_NODE_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/metrics/metrics_format.h"
#include "common/metrics/metrics_segment.h"
#include "frontend/exporter/node_state.h"

enum {
	FIXTURE_STORAGED,
	FIXTURE_HTTP,
	FIXTURE_TCP,
	FIXTURE_TCP_1,
	FIXTURE_EXPORTER,
	FIXTURE_WORKERS
};

struct node_fixture {
	struct node_state state;
	struct node_worker workers[FIXTURE_WORKERS];
	struct metrics_segment *segments[FIXTURE_WORKERS]; /* writable */
	struct metrics_layout *layouts[FIXTURE_WORKERS];
	int fds[FIXTURE_WORKERS];
};

static inline void
fixture_worker_init(struct node_fixture *fixture, int which, const char *name,
    const char *role, const char *number, enum metric_place place)
{
	struct node_worker *worker = &fixture->workers[which];
	struct error err;

	CHECK(metrics_segment_create(name, place, &fixture->fds[which], &err) ==
	    STATUS_OK);
	CHECK(metrics_segment_open(fixture->fds[which], true,
		  &fixture->segments[which], &err) == STATUS_OK);
	CHECK(metrics_layout_map(fixture->fds[which], PROT_READ | PROT_WRITE,
		  &fixture->layouts[which], &err) == STATUS_OK);
	metrics_segment_note(fixture->segments[which], true,
	    100 + (uint32_t)which, 0, 1700000000000);
	worker->segment = fixture->segments[which];
	metrics_segment_worker(worker->segment, &worker->worker);
	snprintf(worker->role, sizeof(worker->role), "%s", role);
	worker->number = number;
	worker->usage = (struct process_usage){.is_known = true,
	    .cpu_ns = UINT64_C(1500000000) * (unsigned)(which + 1),
	    .resident_bytes = 4096,
	    .virtual_bytes = 8192,
	    .thread_count = 2};
}

/* A node on which all is well. */
static inline void
fixture_init(struct node_fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture_worker_init(fixture, FIXTURE_STORAGED, "storaged-0", "storaged",
	    "0", METRIC_PLACE_STORAGED);
	fixture_worker_init(fixture, FIXTURE_HTTP, "http-0", "http", "0",
	    METRIC_PLACE_FRONTEND);
	fixture_worker_init(
	    fixture, FIXTURE_TCP, "tcp-0", "tcp", "0", METRIC_PLACE_FRONTEND);
	fixture_worker_init(
	    fixture, FIXTURE_TCP_1, "tcp-1", "tcp", "1", METRIC_PLACE_FRONTEND);
	fixture_worker_init(fixture, FIXTURE_EXPORTER, "exporter", "exporter",
	    "", METRIC_PLACE_NONE);
	fixture->state = (struct node_state){
	    .version = "1.2.3",
	    .node_id = "node \"a\" <b>",
	    .store_id = "00112233445566778899aabbccddeeff",
	    .now_ms = 1700000000000 + 90061000,
	    .server = {.is_known = true, .cpu_ns = 10000000},
	    .workers = fixture->workers,
	    .worker_count = FIXTURE_WORKERS,
	    .store = {.key_estimate = 42,
		.control = {.published_sequence = 99, .view_number = 7}},
	};
}

/* Something was noted of a worker. */
static inline void
fixture_note(
    struct node_fixture *fixture, int which, bool up, uint64_t restarts)
{
	metrics_segment_note(fixture->segments[which], up,
	    up ? 100 + (uint32_t)which : 0, restarts, up ? 1700000000000 : 0);
	metrics_segment_worker(
	    fixture->segments[which], &fixture->workers[which].worker);
}

/* A worker counts. */
static inline void
fixture_set(struct node_fixture *fixture, int which, enum metric metric,
    unsigned first, unsigned second, uint64_t value)
{
	fixture->layouts[which]
	    ->cells[metric_cell_index(metric, first, second)] = value;
}

/* One cell of a histogram: its sum, then its buckets. */
static inline void
fixture_set_part(struct node_fixture *fixture, int which, enum metric metric,
    unsigned first, unsigned second, unsigned part, uint64_t value)
{
	fixture->layouts[which]
	    ->cells[metric_cell_index(metric, first, second) + part] = value;
}

static inline void
fixture_deinit(struct node_fixture *fixture)
{
	for (int i = 0; i < FIXTURE_WORKERS; i++) {
		metrics_segment_close(fixture->segments[i]);
		munmap(fixture->layouts[i], sizeof(*fixture->layouts[i]));
		close(fixture->fds[i]);
	}
}

/* True if the text of `out` has `part` somewhere in it. */
static inline bool
text_has(const struct buffer *out, const char *part)
{
	struct slice text = buffer_slice(out);

	return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

#endif
