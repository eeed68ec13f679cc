/*
 * metrics - counters, gauges and histograms of this process.
 *
 * They are declared in metrics.def and kept in one table of numbers: at first
 * in private memory, so that libraries and tests count without preparation;
 * after metrics_publish() in a segment that the supervisor owns, so that they
 * outlive this process and others read them (metrics_segment.h).
 *
 * A metric has up to two labels; `first` and `second` are the numbers of
 * their values (an enumerator below, or a level), 0 where there is no label.
 *
 * Threads  metrics_publish() runs before there are others; all else may be
 *          called from any thread. Numbers are exact, but several of them
 *          are not read at one instant.
 */
#ifndef COMMON_METRICS_METRICS_H
#define COMMON_METRICS_METRICS_H

#include <stdint.h>

#include "common/base/status.h"

enum metric {
#define METRIC(id, ...) METRIC_##id,
#include "common/metrics/metrics.def"
	METRIC_COUNT
};

enum metric_operation {
#define METRIC_OPERATION(id, word) METRIC_OPERATION_##id,
#include "common/metrics/metrics.def"
	METRIC_OPERATION_COUNT
};

enum metric_protocol {
#define METRIC_PROTOCOL(id, word) METRIC_PROTOCOL_##id,
#include "common/metrics/metrics.def"
	METRIC_PROTOCOL_COUNT
};

enum metric_reason {
#define METRIC_REASON(id, word) METRIC_REASON_##id,
#include "common/metrics/metrics.def"
	METRIC_REASON_COUNT
};

#define METRIC_LEVEL_COUNT 8

/* A counter grows by `number`. */
void metrics_add(
    enum metric metric, unsigned first, unsigned second, uint64_t number);

/* A gauge takes a value, or moves by `delta`. */
void metrics_set(
    enum metric metric, unsigned first, unsigned second, uint64_t value);
void metrics_move(
    enum metric metric, unsigned first, unsigned second, int64_t delta);

/* A histogram takes one value: a duration in nanoseconds, or a size. */
void metrics_observe(
    enum metric metric, unsigned first, unsigned second, uint64_t value);

/* The same value `count` times. */
void metrics_observe_many(enum metric metric, unsigned first, unsigned second,
    uint64_t value, uint64_t count);

/*
 * Continues in the segment behind `fd`, which this process then leaves open:
 * counters and histograms go on from what they hold, gauges from what this
 * process has set. STATUS_VERSION for a segment of another build.
 */
enum status metrics_publish(int fd, struct error *err) MUST_CHECK;

#endif
