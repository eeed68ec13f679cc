#include "storaged/scrub/scrub.h"

#include <inttypes.h>

#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/lsm/table/table_scrub.h"
#include "common/metrics/metrics.h"
#include "common/os/clock.h"
#include "common/os/path.h"
#include "storaged/background/background.h"
#include "storaged/manifest/catalog.h"
#include "storaged/manifest/damage_list.h"

/* Read at a time: few system calls, and the end comes soon when asked for. */
#define SLICE_BYTES_MIN ((uint64_t)256 << 10)
#define SLICE_BYTES_MAX ((uint64_t)4 << 20)

struct scrub {
	struct job job; /* first: a job is cast back */
	struct scrub_options options;
	struct background *background;
	/* The job's input and output; its alone while it runs. */
	struct table_scrub *table;
	size_t slice_bytes;
	bool is_done;
	enum status status;
	struct error error;
	/* The engine's thread alone: */
	bool running;
	bool finished; /* and not yet taken in */
	uint64_t number; /* of the table under way; 0: none */
	uint64_t table_bytes; /* its size */
	bool in_round;
	uint64_t last_number; /* in this round */
	uint64_t number_end; /* tables from here on wait for the next round */
	uint64_t round_begun_ms;
	uint64_t finished_bytes; /* of tables that are done in this round */
	uint64_t read_bytes; /* of the table under way */
	uint64_t allowance; /* bytes that may be read now */
	uint64_t allowance_ms;
	struct scrub_status counts;
};

static void
run_slice(struct job *job)
{
	struct scrub *scrub = (struct scrub *)job;

	scrub->status = table_scrub_step(
	    scrub->table, scrub->slice_bytes, &scrub->is_done, &scrub->error);
}

static void
on_slice_done(struct job *job)
{
	struct scrub *scrub = (struct scrub *)job;

	scrub->running = false;
	scrub->finished = true;
}

struct scrub *
scrub_create(const struct scrub_options *options, struct background *background)
{
	struct scrub *scrub = mem_new(sizeof(*scrub));

	scrub->options = *options;
	scrub->background = background;
	scrub->job.run = run_slice;
	scrub->job.on_done = on_slice_done;
	return scrub;
}

void
scrub_close(struct scrub *scrub)
{
	if (scrub == NULL)
		return;
	table_scrub_close(scrub->table);
	mem_free(scrub);
}

/* The table with the least number after the last one, before the end. */
static const struct table_file *
next_table(const struct scrub *scrub, const struct catalog *catalog)
{
	const struct table_file *next = NULL;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog->levels[i].count; t++) {
			const struct table_file *table =
			    catalog->levels[i].tables[t];
			uint64_t number = table->summary.number;

			if (number > scrub->last_number &&
			    number < scrub->number_end &&
			    (next == NULL || number < next->summary.number))
				next = table;
		}
	}
	return next;
}

static void
end_table(struct scrub *scrub)
{
	table_scrub_close(scrub->table);
	scrub->table = NULL;
	scrub->finished_bytes += scrub->table_bytes;
	scrub->read_bytes = 0;
	scrub->number = 0;
}

/* What could not be read for want of descriptors or memory is read again. */
static void
put_back_table(struct scrub *scrub)
{
	scrub->last_number = scrub->number - 1;
	scrub->table_bytes = 0;
	end_table(scrub);
}

static void
note_damage(struct scrub *scrub)
{
	scrub->counts.error_count++;
	metrics_add(METRIC_SCRUB_ERRORS, 0, 0, 1);
	log_event(LOG_ERROR, "scrub_damage", "error=\"%s\"", scrub->error.text);
	damage_list_add(scrub->options.damage, scrub->number, &scrub->error);
}

static void
take_slice(struct scrub *scrub, const struct catalog *catalog)
{
	uint64_t read = table_scrub_bytes(scrub->table) - scrub->read_bytes;

	scrub->finished = false;
	scrub->read_bytes += read;
	scrub->allowance -= read < scrub->allowance ? read : scrub->allowance;
	metrics_add(METRIC_SCRUB_BYTES, 0, 0, read);
	if (scrub->status == STATUS_BUSY) {
		put_back_table(scrub);
		return;
	}
	/* What a compaction has replaced since then harms nobody. */
	if (scrub->status != STATUS_OK &&
	    catalog_find(catalog, scrub->number) != NULL)
		note_damage(scrub);
	if (scrub->status != STATUS_OK || scrub->is_done)
		end_table(scrub);
}

static uint64_t
greatest_number(const struct catalog *catalog)
{
	uint64_t greatest = 0;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog->levels[i].count; t++) {
			uint64_t number =
			    catalog->levels[i].tables[t]->summary.number;

			if (number > greatest)
				greatest = number;
		}
	}
	return greatest;
}

static void
begin_round(struct scrub *scrub, const struct catalog *catalog, uint64_t now_ms)
{
	scrub->in_round = true;
	scrub->round_begun_ms = now_ms;
	scrub->last_number = 0;
	scrub->number_end = greatest_number(catalog) + 1;
	scrub->finished_bytes = 0;
	scrub->counts.round_bytes = catalog_bytes(catalog);
}

static void
end_round(struct scrub *scrub)
{
	scrub->in_round = false;
	scrub->counts.round_bytes = 0;
	scrub->counts.rounds++;
	metrics_add(METRIC_SCRUB_ROUNDS, 0, 0, 1);
	metrics_set(METRIC_SCRUB_LAST_ROUND, 0, 0,
	    clock_wall_ms(&clock_system) * 1000000);
}

static void
begin_table(struct scrub *scrub, const struct table_file *table)
{
	char path[PATH_BYTES_MAX];
	struct table_scrub_options options = {
	    .fs = scrub->options.fs,
	    .path = path,
	    .number = table->summary.number,
	    .store_id = scrub->options.store_id,
	    .size_bytes = table->summary.size_bytes,
	};

	table_file_path(
	    path, scrub->options.shard_directory, table->summary.number);
	scrub->table = table_scrub_create(&options);
	scrub->number = scrub->last_number = table->summary.number;
	scrub->table_bytes = table->summary.size_bytes;
}

/* Lets the allowance grow with time, by no more than a slice at once. */
static void
add_allowance(struct scrub *scrub, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - scrub->allowance_ms;
	uint64_t rate = scrub->options.bytes_per_s;

	scrub->allowance_ms = now_ms;
	if (passed_ms > 1000)
		passed_ms = 1000;
	scrub->allowance +=
	    rate / 1000 * passed_ms + rate % 1000 * passed_ms / 1000;
	if (scrub->allowance > SLICE_BYTES_MAX)
		scrub->allowance = SLICE_BYTES_MAX;
}

static void
show(const struct scrub *scrub)
{
	struct scrub_status status;

	scrub_status(scrub, &status);
	metrics_set(METRIC_SCRUB_ROUND_BYTES, 0, 0, status.round_bytes);
	metrics_set(METRIC_SCRUB_DONE_BYTES, 0, 0, status.done_bytes);
}

void
scrub_step(struct scrub *scrub, const struct catalog *catalog, uint64_t now_ms)
{
	const struct table_file *table;

	add_allowance(scrub, now_ms);
	if (scrub->finished)
		take_slice(scrub, catalog);
	show(scrub);
	if (scrub->running || scrub->allowance < SLICE_BYTES_MIN)
		return;
	if (!scrub->in_round &&
	    (scrub->counts.rounds == 0 ||
		now_ms >= scrub->round_begun_ms + scrub->options.interval_ms))
		begin_round(scrub, catalog, now_ms);
	if (!scrub->in_round)
		return;
	if (scrub->table == NULL) {
		table = next_table(scrub, catalog);
		if (table == NULL) {
			end_round(scrub);
			return;
		}
		begin_table(scrub, table);
	}
	scrub->slice_bytes = (size_t)scrub->allowance;
	scrub->running = true;
	background_submit(scrub->background, LANE_SIDE, &scrub->job);
}

void
scrub_status(const struct scrub *scrub, struct scrub_status *out)
{
	*out = scrub->counts;
	out->done_bytes =
	    scrub->in_round ? scrub->finished_bytes + scrub->read_bytes : 0;
	if (out->done_bytes > out->round_bytes)
		out->done_bytes = out->round_bytes;
}
