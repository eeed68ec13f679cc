/*
 * exposition - writes metrics in Prometheus' text format, version 0.0.4.
 *
 * A family is a head (help and type) and behind it all of its samples:
 *
 *     exposition_family(out, "kvstore_x_total", EXPOSITION_COUNTER, "Help.");
 *     exposition_sample(out, "kvstore_x_total", labels, 1, 17);
 *
 * Names and label names are the program's own; help texts and label values
 * may hold any bytes.
 */
#ifndef FRONTEND_EXPORTER_EXPOSITION_H
#define FRONTEND_EXPORTER_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/metrics/metrics_segment.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define EXPOSITION_LABELS_MAX 4

enum exposition_type {
	EXPOSITION_COUNTER,
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
};

struct exposition_label {
	const char *name;
	const char *value;
};

/* The labels of one sample; `count` of them. */
struct exposition_labels {
	struct exposition_label list[EXPOSITION_LABELS_MAX];
	size_t count;
};

void exposition_label_add(
    struct exposition_labels *labels, const char *name, const char *value);

void exposition_family(struct buffer *out, const char *name,
    enum exposition_type type, const char *help);

/* A sample that is a whole number. */
void exposition_number(struct buffer *out, const char *name,
    const struct exposition_labels *labels, uint64_t value);

/* A sample in seconds, exact to the nanosecond. */
void exposition_seconds(struct buffer *out, const char *name,
    const struct exposition_labels *labels, uint64_t value_ns);

/*
 * The samples of one histogram. Every second bucket is written: bounds then
 * double, which halves what a scrape costs and is as fine as it need be.
 */
void exposition_histogram(struct buffer *out, const char *name,
    const struct exposition_labels *labels, enum metric_kind kind,
    const struct metric_histogram *histogram);

#endif
