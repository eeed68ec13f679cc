#include "common/metrics/metrics.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "common/base/check.h"
#include "common/metrics/metrics_format.h"

/* Where the numbers are until (and unless) a segment takes them. */
static _Atomic uint64_t private_cells[METRIC_CELL_COUNT];
static _Atomic uint64_t *cells = private_cells;

static void
cell_add(unsigned index, uint64_t number)
{
	atomic_fetch_add_explicit(&cells[index], number, memory_order_relaxed);
}

void
metrics_add(
    enum metric metric, unsigned first, unsigned second, uint64_t number)
{
	CHECK_SLOW(metric_info(metric)->kind == METRIC_KIND_COUNTER);
	cell_add(metric_cell_index(metric, first, second), number);
}

static bool
is_gauge(enum metric metric)
{
	enum metric_kind kind = metric_info(metric)->kind;

	return kind == METRIC_KIND_GAUGE || kind == METRIC_KIND_GAUGE_SECONDS;
}

void
metrics_set(enum metric metric, unsigned first, unsigned second, uint64_t value)
{
	CHECK_SLOW(is_gauge(metric));
	atomic_store_explicit(&cells[metric_cell_index(metric, first, second)],
	    value, memory_order_relaxed);
}

void
metrics_move(enum metric metric, unsigned first, unsigned second, int64_t delta)
{
	CHECK_SLOW(is_gauge(metric));
	cell_add(metric_cell_index(metric, first, second), (uint64_t)delta);
}

/*
 * Bounds go 1, 1.5, 2, 3, 4, 6, ... times the least one: two to each power
 * of two, so that a quantile is off by less than half.
 */
static unsigned
bucket_of(uint64_t value, unsigned least_bits)
{
	unsigned bits;
	unsigned octave;
	unsigned index;

	if (value <= UINT64_C(1) << least_bits)
		return 0;
	bits = 63u - (unsigned)__builtin_clzll(value - 1);
	octave = bits - least_bits;
	index = 2 * octave + 2;
	if (value <= (UINT64_C(1) << bits) + (UINT64_C(1) << bits >> 1))
		index--;
	return index < METRIC_BUCKET_COUNT ? index : METRIC_BUCKET_COUNT - 1;
}

void
metrics_observe(
    enum metric metric, unsigned first, unsigned second, uint64_t value)
{
	metrics_observe_many(metric, first, second, value, 1);
}

void
metrics_observe_many(enum metric metric, unsigned first, unsigned second,
    uint64_t value, uint64_t count)
{
	enum metric_kind kind = metric_info(metric)->kind;
	unsigned index = metric_cell_index(metric, first, second);
	unsigned least_bits = kind == METRIC_KIND_SECONDS ? 10 : 0;

	CHECK_SLOW(kind == METRIC_KIND_SECONDS || kind == METRIC_KIND_SIZES);
	cell_add(index, value * count);
	cell_add(index + 1 + bucket_of(value, least_bits), count);
}

/* What was counted in private memory moves into the segment. */
static void
move_cells(enum metric metric, _Atomic uint64_t *to)
{
	unsigned end = METRIC_CELL_COUNT;

	if (metric + 1 < METRIC_COUNT)
		end = metric_cell_index(metric + 1, 0, 0);
	for (unsigned i = metric_cell_index(metric, 0, 0); i < end; i++) {
		uint64_t value = atomic_exchange_explicit(
		    &private_cells[i], 0, memory_order_relaxed);

		if (is_gauge(metric))
			atomic_store_explicit(
			    &to[i], value, memory_order_relaxed);
		else
			atomic_fetch_add_explicit(
			    &to[i], value, memory_order_relaxed);
	}
}

enum status
metrics_publish(int fd, struct error *err)
{
	struct metrics_layout *layout;
	enum status status;

	CHECK(cells == private_cells);
	status = metrics_layout_map(fd, PROT_READ | PROT_WRITE, &layout, err);
	if (status != STATUS_OK)
		return status;
	for (unsigned i = 0; i < METRIC_COUNT; i++)
		move_cells((enum metric)i, layout->cells);
	cells = layout->cells;
	return STATUS_OK;
}
