/* engine_open - opening, recovery and closing. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/command/batch.h"
#include "common/log/log.h"
#include "common/os/bus_guard.h"
#include "storaged/engine_state.h"
#include "storaged/maintenance/maintenance.h"
#include "storaged/reserve/reserve.h"
#include "storaged/scrub/scrub.h"
#include "storaged/tree/tree.h"

#define MIB ((uint64_t)1 << 20)
#define JOURNAL_SEGMENT_UNIT 4096
#define SPARES_MAX 16

_Static_assert(ENGINE_LEVEL_COUNT == LEVEL_COUNT, "one number of levels");

enum status
engine_fail(struct engine *engine, struct error *err)
{
	return error_copy(&engine->failure, err);
}

static uint64_t
within(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static void
fill_defaults(struct engine_options *options)
{
	uint64_t segment_bytes;

	if (options->fs == NULL)
		options->fs = file_system_real();
	if (options->clock == NULL)
		options->clock = &clock_system;
	if (options->memtable_bytes == 0)
		options->memtable_bytes = 10000000;
	if (options->table_bytes_max == 0)
		options->table_bytes_max =
		    within(4 * options->memtable_bytes, 8 * MIB, 256 * MIB);
	if (options->level1_bytes_max == 0)
		options->level1_bytes_max =
		    within(8 * options->memtable_bytes, 64 * MIB, UINT64_MAX);
	/*
	 * Synced segments are written twice, the first time with zeroes, and
	 * that keeps syncs waiting: not much of it at a time, and little for
	 * a store that takes little.
	 */
	segment_bytes = options->journal_segment_bytes;
	if (segment_bytes == 0)
		segment_bytes = within(2 * options->memtable_bytes, 4 * MIB,
		    options->sync == ENGINE_SYNC_ALWAYS ? 8 * MIB : 64 * MIB);
	options->journal_segment_bytes =
	    segment_bytes / JOURNAL_SEGMENT_UNIT * JOURNAL_SEGMENT_UNIT;
	if (options->manifest_bytes_min == 0)
		options->manifest_bytes_min = MIB;
	if (options->cache_bytes == 0)
		options->cache_bytes = 32 * MIB;
	if (options->scrub_interval_ms == 0)
		options->scrub_interval_ms = 86400000;
	if (options->memtable_age_ms_max == 0)
		options->memtable_age_ms_max = 60000;
	if (options->sync_interval_ms == 0)
		options->sync_interval_ms = 1000;
}

/* DIRECTORY/shard-N, created where it is missing. */
static enum status
make_shard_directory(const struct engine_options *options,
    const char *directory, char out[PATH_BYTES_MAX], struct error *err)
{
	char name[32];

	snprintf(name, sizeof(name), "shard-%u", options->shard);
	path_join(out, directory, name);
	return directory_create(options->fs, out, 0750, err);
}

/*
 * A folder that is there already may have been made by an incarnation that
 * ended before it had synced the name. So the names are synced each time:
 * those in the data directory here, and those in the shard's by tree_open().
 */

static enum status
make_directories(struct engine *engine, struct error *err)
{
	const struct engine_options *options = &engine->options;

	if (make_shard_directory(options, options->data_directory,
		engine->shard_directory, err) != STATUS_OK ||
	    directory_sync(options->fs, options->data_directory, err) !=
		STATUS_OK ||
	    make_shard_directory(options, options->runtime_directory,
		engine->runtime_directory, err) != STATUS_OK)
		return err->code;
	path_join(
	    engine->journal_directory, engine->shard_directory, "journal");
	return directory_create(
	    options->fs, engine->journal_directory, 0750, err);
}

static enum status
open_tree(struct engine *engine, struct error *err)
{
	const struct engine_options *options = &engine->options;
	struct tree_options tree = {
	    .fs = options->fs,
	    .shard = options->shard,
	    .store_id = options->store_id,
	    .shard_directory = engine->shard_directory,
	    .runtime_directory = engine->runtime_directory,
	    .memtable_bytes = options->memtable_bytes,
	    .cache_bytes = options->cache_bytes,
	    .manifest_bytes_min = options->manifest_bytes_min,
	    .threads = !options->without_threads,
	};
	const struct catalog *catalog;
	const struct recovery_point *point;

	if (tree_open(&tree, &engine->tree, err) != STATUS_OK)
		return err->code;
	catalog = tree_catalog(engine->tree);
	if (catalog->torn_offset != 0)
		log_event(LOG_WARN, "manifest_torn_tail",
		    "file=%s/manifest-%016" PRIx64 " offset=%" PRIu64,
		    engine->shard_directory, catalog->torn_manifest,
		    catalog->torn_offset);
	point = &catalog->recovery;
	engine->applied_sequence = point->sequence;
	if (point->sequence == 0)
		engine->apply = apply_create();
	else if (apply_decode(buffer_slice(&point->writers), &engine->apply,
		     err) != STATUS_OK)
		return error_wrap(
		    err, "recovery point %" PRIu64, point->sequence);
	engine->store = engine_store(engine);
	return STATUS_OK;
}

static void
create_maintenance(struct engine *engine)
{
	const struct engine_options *options = &engine->options;
	struct maintenance_options maintenance = {
	    .fs = options->fs,
	    .shard = options->shard,
	    .store_id = options->store_id,
	    .shard_directory = engine->shard_directory,
	    .runtime_directory = engine->runtime_directory,
	    .journal_directory = engine->journal_directory,
	    .memtable_bytes = options->memtable_bytes,
	    .journal_segment_bytes = options->journal_segment_bytes,
	    .journal_mapped = options->sync != ENGINE_SYNC_ALWAYS,
	    .block_bytes = options->block_bytes,
	    .table_bytes_max = options->table_bytes_max,
	    .threads = !options->without_threads,
	};

	engine->pick = (struct pick_options){
	    .level0_count_trigger = LEVEL0_COUNT_TRIGGER,
	    .level0_count_quiet = LEVEL0_COUNT_QUIET,
	    .level0_count_due = LEVEL0_COUNT_DUE,
	    .level1_bytes_max = options->level1_bytes_max,
	    .level_multiplier = 10,
	};
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		engine->pick.compression[i] = options->compression[i];
	maintenance.pick = engine->pick;
	maintenance.damage = &engine->damage;
	engine->maintenance = maintenance_create(&maintenance, engine->tree);
}

static void
create_scrub(struct engine *engine)
{
	struct scrub_options options = {
	    .fs = engine->options.fs,
	    .shard_directory = engine->shard_directory,
	    .store_id = engine->options.store_id,
	    .damage = &engine->damage,
	    .bytes_per_s = engine->options.scrub_bytes_per_s,
	    .interval_ms = engine->options.scrub_interval_ms,
	};

	if (options.bytes_per_s > 0)
		engine->scrub = scrub_create(
		    &options, maintenance_background(engine->maintenance));
}

/* One record of the journal that the tables do not have yet. */
static enum status
on_record(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct engine *engine = context;
	struct apply_result result;
	struct batch batch;

	if (batch_decode(payload, &batch, err) != STATUS_OK ||
	    batch.command_count + 1 != count ||
	    first_sequence != engine->applied_sequence + 1) {
		/* Its checksum is right: whoever wrote it wrote no batch. */
		error_set(err, STATUS_CORRUPT,
		    "the record of sequence %" PRIu64
		    " is no batch that follows %" PRIu64,
		    first_sequence, engine->applied_sequence);
		return err->code;
	}
	if (apply_batch(engine->apply, &batch, first_sequence, &engine->store,
		&result, err) != STATUS_OK)
		return error_wrap(
		    err, "apply batch at sequence %" PRIu64, first_sequence);
	engine->applied_sequence = first_sequence + batch.command_count;
	return STATUS_OK;
}

/* A flush gives up as many segments as two memtables filled, or fewer. */
static unsigned
journal_spares_max(const struct engine_options *options)
{
	return (unsigned)within(
	    2 * options->memtable_bytes / options->journal_segment_bytes, 2,
	    SPARES_MAX);
}

static enum status
recover(struct engine *engine, struct error *err)
{
	const struct engine_options *options = &engine->options;
	struct journal_recovery report;
	struct journal *opened;
	uint64_t begun_ms = clock_monotonic_ms(options->clock);

	engine->journal_options = (struct journal_options){
	    .fs = options->fs,
	    .directory = engine->journal_directory,
	    .store_id = options->store_id,
	    .shard = options->shard,
	    .segment_bytes = options->journal_segment_bytes,
	    .spares_max = journal_spares_max(options),
	    .mapped = options->sync != ENGINE_SYNC_ALWAYS,
	    .helped = !options->without_threads,
	};
	if (journal_open(&engine->journal_options, engine->applied_sequence,
		on_record, engine, &report, &opened, err) != STATUS_OK)
		return error_wrap(err, "recover journal");
	engine->journal = opened;
	if (report.torn)
		log_event(LOG_INFO, "journal_torn_tail",
		    "file=%s offset=%" PRIu64, report.torn_path,
		    report.torn_offset);
	log_event(LOG_INFO, "recovered",
	    "shard=%u sequence=%" PRIu64 " records=%" PRIu64
	    " segments=%" PRIu64 " ms=%" PRIu64,
	    options->shard, engine->applied_sequence, report.record_count,
	    report.segment_count,
	    clock_monotonic_ms(options->clock) - begun_ms);
	return STATUS_OK;
}

enum status
engine_open(const struct engine_options *options, struct engine **out,
    struct error *err)
{
	struct engine *engine = mem_new(sizeof(*engine));
	const struct clock *clock;

	*out = NULL;
	engine->options = *options;
	fill_defaults(&engine->options);
	clock = engine->options.clock;
	bus_guard_install();
	if (make_directories(engine, err) != STATUS_OK ||
	    engine_space_open(engine, err) != STATUS_OK ||
	    open_tree(engine, err) != STATUS_OK)
		goto fail;
	create_maintenance(engine);
	if (recover(engine, err) != STATUS_OK ||
	    tree_go_live(engine->tree, engine->applied_sequence,
		apply_clock_ms(engine->apply), err) != STATUS_OK)
		goto fail;
	maintenance_attach_journal(engine->maintenance, engine->journal);
	create_scrub(engine);
	engine->stamp = stamp_start(apply_clock_ms(engine->apply),
	    clock_wall_ms(clock), clock_monotonic_ms(clock));
	/*
	 * The first tick looks at the disk and lets writes in. The first of
	 * them would otherwise wait for its memtable.
	 */
	if (engine_tick(engine, err) != STATUS_OK)
		goto fail;
	while (!engine->options.without_threads &&
	    maintenance_makes_memtable(engine->maintenance)) {
		maintenance_wait(engine->maintenance);
		if (engine_tick(engine, err) != STATUS_OK)
			goto fail;
	}
	*out = engine;
	return STATUS_OK;
fail:
	(void)engine_close(engine, &(struct error){0});
	return err->code;
}

int
engine_descriptor(const struct engine *engine)
{
	return maintenance_descriptor(engine->maintenance);
}

enum status
engine_close(struct engine *engine, struct error *err)
{
	enum status status = STATUS_OK;

	if (engine == NULL)
		return STATUS_OK;
	if (engine->tree != NULL && tree_control(engine->tree) != NULL)
		control_set_write_state(
		    tree_control(engine->tree), CONTROL_WRITES_DOWN, 0);
	if (engine->journal != NULL && engine->unsynced &&
	    engine->failure.code == STATUS_OK)
		status = journal_commit(engine->journal, true, err);
	maintenance_close(engine->maintenance);
	scrub_close(engine->scrub);
	damage_list_deinit(&engine->damage);
	engine_checkpoint_close(engine);
	journal_close(engine->journal);
	apply_close(engine->apply);
	reserve_close(engine->space.reserve);
	tree_close(engine->tree);
	mem_free(engine);
	return status;
}
