/*
 * worker_metrics - what the workers count in their segments, in Prometheus'
 * format: one family for each line of metrics.def.
 *
 * Frontends are summed up: it does not matter which of them served a
 * request. Numbers of the store carry the shard that they are of. Counters
 * of a worker that died stay in its segment, so that nothing falls back; its
 * gauges count as 0 for a frontend, whose connections went with it, and stay
 * for `storaged`, whose tables and memtables are still there and read from.
 */
#ifndef FRONTEND_EXPORTER_WORKER_METRICS_H
#define FRONTEND_EXPORTER_WORKER_METRICS_H

#include "common/base/buffer.h"
#include "common/metrics/metrics.h"
#include "frontend/exporter/node_state.h"

/* Appends all families. */
void worker_metrics_append(struct buffer *out, const struct node_state *node);

/* The sum of a counter or gauge over all workers that have it. */
uint64_t worker_metrics_sum(const struct node_state *node, enum metric metric,
    unsigned first, unsigned second);

#endif
