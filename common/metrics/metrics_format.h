/*
 * metrics_format - the layout of a metrics segment, for its writers and
 * readers: a header, then one 64-bit number after another. A counter or
 * gauge takes one for each combination of its labels' values; a histogram
 * one for the sum and one for each bucket.
 */
#ifndef COMMON_METRICS_METRICS_FORMAT_H
#define COMMON_METRICS_METRICS_FORMAT_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/metrics/metrics.h"
#include "common/metrics/metrics_segment.h"

#define METRICS_MAGIC 0x736369727465766bu /* "kvetrics" */

struct metrics_header {
	uint64_t magic;
	uint64_t table_hash; /* of metrics.def: equal only for equal tables */
	char name[METRICS_NAME_BYTES_MAX + 1];
	uint32_t place;
	_Atomic uint32_t up;
	_Atomic uint32_t pid;
	_Atomic uint64_t restarts;
	_Atomic uint64_t started_ms;
};

#define METRIC_LABEL_VALUES_NONE 1
#define METRIC_LABEL_VALUES_OPERATION METRIC_OPERATION_COUNT
#define METRIC_LABEL_VALUES_PROTOCOL METRIC_PROTOCOL_COUNT
#define METRIC_LABEL_VALUES_REASON METRIC_REASON_COUNT
#define METRIC_LABEL_VALUES_LEVEL METRIC_LEVEL_COUNT

#define METRIC_CELLS_COUNTER 1
#define METRIC_CELLS_GAUGE 1
#define METRIC_CELLS_GAUGE_SECONDS 1
#define METRIC_CELLS_SECONDS (METRIC_BUCKET_COUNT + 1)
#define METRIC_CELLS_SIZES (METRIC_BUCKET_COUNT + 1)

/* METRIC_CELL_<ID> is the index of a metric's first number. */
enum metric_cell {
#define METRIC(id, name, kind, place, label1, label2, help)           \
	METRIC_CELL_##id,                                             \
	    METRIC_CELL_LAST_##id = METRIC_CELL_##id +                \
	    METRIC_CELLS_##kind * (int)METRIC_LABEL_VALUES_##label1 * \
		(int)METRIC_LABEL_VALUES_##label2 -                   \
	    1,
#include "common/metrics/metrics.def"
	METRIC_CELL_COUNT
};

struct metrics_layout {
	struct metrics_header header;
	_Atomic uint64_t cells[METRIC_CELL_COUNT];
};

/* Index of the first number of one combination of label values. */
unsigned metric_cell_index(enum metric metric, unsigned first, unsigned second);

/* Maps a segment after checking that it is one of this build's. */
enum status metrics_layout_map(int fd, int protection,
    struct metrics_layout **out, struct error *err) MUST_CHECK;

#endif
