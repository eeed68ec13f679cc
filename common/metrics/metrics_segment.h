/*
 * metrics_segment - the metrics of one worker in shared memory.
 *
 * The supervisor creates a segment for each worker before it first starts it,
 * hands the descriptor to the worker (which counts in it, metrics.h) and to
 * the exporter (which reads it), and notes in it whether the worker is up. A
 * worker's death changes nothing in it, and nobody waits for anybody.
 *
 * Failure    A segment of another build, or one that is none, is refused at
 *            open; its size is sealed, so that a mapping never faults.
 * Ownership  The descriptor is the creator's to close, at any time.
 * Threads    A reader and the noting of state may run beside the writer.
 */
#ifndef COMMON_METRICS_METRICS_SEGMENT_H
#define COMMON_METRICS_METRICS_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/metrics/metrics.h"

#define METRICS_NAME_BYTES_MAX 31
#define METRIC_LABELS_MAX 2

/* Buckets of a histogram; the last one has no bound. */
#define METRIC_BUCKET_COUNT 49

enum metric_kind {
	METRIC_KIND_COUNTER,
	METRIC_KIND_GAUGE,
	METRIC_KIND_GAUGE_SECONDS, /* in nanoseconds */
	METRIC_KIND_SECONDS, /* histogram, in nanoseconds */
	METRIC_KIND_SIZES, /* histogram */
};

enum metric_place {
	METRIC_PLACE_FRONTEND,
	METRIC_PLACE_STORAGED,
	METRIC_PLACE_NONE, /* a worker with no metrics of its own */
};

struct metric_info {
	const char *name;
	const char *help;
	enum metric_kind kind;
	enum metric_place place;
	const char *label_names[METRIC_LABELS_MAX]; /* NULL: no label */
	unsigned label_counts[METRIC_LABELS_MAX]; /* at least 1 */
};

struct metric_histogram {
	uint64_t count;
	uint64_t sum; /* nanoseconds, or plain */
	uint64_t buckets[METRIC_BUCKET_COUNT];
};

struct metrics_worker {
	char name[METRICS_NAME_BYTES_MAX + 1];
	enum metric_place place;
	bool up;
	uint32_t pid; /* 0: there is no process */
	uint64_t restarts;
	uint64_t started_ms; /* since 1970; 0: never */
};

struct metrics_segment;

const struct metric_info *metric_info(enum metric metric);

/* The word for a label's value: label 0 or 1, value below its count. */
const char *
metric_label_word(enum metric metric, unsigned label, unsigned value);

/*
 * The greatest value that bucket `index` takes: seconds, or plain. Not for
 * the last one.
 */
double metric_bucket_bound(enum metric_kind kind, unsigned index);

/* Creates a zeroed segment for a worker; *fd is close-on-exec. */
enum status metrics_segment_create(const char *name, enum metric_place place,
    int *fd, struct error *err) MUST_CHECK;

/* Maps a segment; `writable` for the supervisor, which notes state. */
enum status metrics_segment_open(int fd, bool writable,
    struct metrics_segment **out, struct error *err) MUST_CHECK;

/* Notes the state of the worker (the name and place stay). */
void metrics_segment_note(struct metrics_segment *segment, bool up,
    uint32_t pid, uint64_t restarts, uint64_t started_ms);

void metrics_segment_worker(
    const struct metrics_segment *segment, struct metrics_worker *out);

/* A counter or gauge. */
uint64_t metrics_segment_value(const struct metrics_segment *segment,
    enum metric metric, unsigned first, unsigned second);

/* `count` is the sum of the buckets that are read with it. */
void metrics_segment_histogram(const struct metrics_segment *segment,
    enum metric metric, unsigned first, unsigned second,
    struct metric_histogram *out);

/* Unmaps. NULL is allowed. */
void metrics_segment_close(struct metrics_segment *segment);

#endif
