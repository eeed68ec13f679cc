#include "storaged/maintenance/maintenance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/journal/journal.h"
#include "common/log/log.h"
#include "common/lsm/view/view_path.h"
#include "common/metrics/metrics.h"
#include "common/os/clock.h"
#include "common/os/path.h"
#include "storaged/background/background.h"
#include "storaged/compaction/compaction.h"
#include "storaged/compaction/shortage.h"
#include "storaged/flush/flush.h"
#include "storaged/maintenance/task.h"
#include "storaged/maintenance/view_space.h"
#include "storaged/manifest/damage_list.h"
#include "storaged/tree/tree.h"

/* So long after the last flush none is taken to follow soon. */
#define QUIET_MS 10000

/* Moves and drops of tables in one step. */
#define INSTALLS_MAX 4

struct maintenance {
	struct maintenance_options options;
	char shard_directory[PATH_BYTES_MAX];
	char runtime_directory[PATH_BYTES_MAX];
	char journal_directory[PATH_BYTES_MAX];
	struct tree *tree;
	struct journal *journal; /* NULL during recovery */
	struct task_group group;
	uint64_t flushed_ms; /* monotonic; of the last flush */
	struct maintenance_space space;
	uint64_t compaction_wants; /* free bytes, so that one can begin */
	uint64_t compaction_failed_bytes; /* the input of one without room */
	struct view_space view_space;

	struct flush_task {
		struct task task;
		struct rewrite_options rewrite;
		const struct memtable_reader *memtable;
		struct rewrite_result result;
	} flush;
	struct compaction_task {
		struct task task;
		struct rewrite_options rewrite;
		struct pick pick;
		struct older_tables older;
		struct rewrite_result result;
		struct error *damage; /* of each input, if it failed */
	} compaction;
	struct memtable_task {
		struct task task;
		const struct maintenance *owner;
		struct memtable_options memtable;
		struct memtable_writer *made;
	} memtable;
	struct segment_task {
		struct task task;
		struct journal_options journal;
		struct journal_spare *made;
	} segment;
};

static enum status
note_failure(struct maintenance *maintenance, struct task *task,
    const char *what, uint64_t now_ms, struct error *err)
{
	return task_failed(
	    task, what, maintenance->space.free_bytes, now_ms, err);
}

/*
 * The tree could not take in what was made, for want of space: as if the job
 * itself had failed. Anything else ends the engine.
 */
static enum status
note_not_taken(struct maintenance *maintenance, struct task *task,
    const char *what, uint64_t now_ms, struct error *err)
{
	if (err->code != STATUS_NO_SPACE)
		return err->code;
	task->status = error_copy(&task->error, err);
	return note_failure(maintenance, task, what, now_ms, err);
}

static void
rewrite_options_init(const struct maintenance *maintenance,
    struct rewrite_options *rewrite, unsigned level)
{
	const struct catalog *catalog = tree_catalog(maintenance->tree);

	*rewrite = (struct rewrite_options){
	    .fs = maintenance->options.fs,
	    .shard_directory = maintenance->shard_directory,
	    .store_id = maintenance->options.store_id,
	    .next_number = tree_next_number(maintenance->tree),
	    .compression = maintenance->options.pick.compression[level],
	    .block_bytes = maintenance->options.block_bytes,
	    .table_bytes_max = maintenance->options.table_bytes_max,
	    .level = level,
	    .clock_ms = catalog->recovery.clock_ms,
	};
}

static void
run_flush(struct task *task)
{
	struct flush_task *flush = (struct flush_task *)task;

	flush->task.status = flush_memtable(&flush->rewrite, flush->memtable,
	    &flush->result, &flush->task.error);
}

static void
prepare_flush(struct maintenance *maintenance)
{
	struct flush_task *flush = &maintenance->flush;
	const struct frozen_memtable *oldest =
	    tree_oldest_frozen(maintenance->tree);

	rewrite_options_init(maintenance, &flush->rewrite, 0);
	/* One memtable makes one table, and its own point is its clock. */
	flush->rewrite.table_bytes_max = UINT64_MAX;
	flush->rewrite.clock_ms = oldest->point.clock_ms;
	flush->memtable = memtable_writer_reader(oldest->memtable);
}

static void
release_journal(struct maintenance *maintenance)
{
	uint64_t sequence = tree_catalog(maintenance->tree)->recovery.sequence;
	struct error err;

	if (maintenance->journal == NULL)
		return;
	/* What cannot be released now is released with the next flush. */
	if (journal_release(maintenance->journal, sequence, &err) != STATUS_OK)
		log_event(LOG_WARN, "journal_release_failed", "error=\"%s\"",
		    err.text);
}

static void
count_reclaimed(const struct rewrite_result *result)
{
	metrics_add(METRIC_EXPIRED_DROPPED, 0, 0, result->expired_entries);
	metrics_add(
	    METRIC_TOMBSTONES_DROPPED, 0, 0, result->dropped_tombstones);
}

static enum status
take_flush(struct maintenance *maintenance, uint64_t now_ms, struct error *err)
{
	struct flush_task *flush = &maintenance->flush;
	struct rewrite_result *result = &flush->result;
	enum status status;

	if (flush->task.status != STATUS_OK)
		return note_failure(
		    maintenance, &flush->task, "flush", now_ms, err);
	metrics_add(METRIC_FLUSHES, 0, 0, 1);
	metrics_add(METRIC_FLUSH_BYTES, 0, 0, result->written_bytes);
	count_reclaimed(result);
	metrics_observe(METRIC_FLUSH_SECONDS, 0, 0,
	    clock_monotonic_ns(&clock_system) - flush->task.begun_ns);
	maintenance->flushed_ms = now_ms;
	status = tree_install_flush(
	    maintenance->tree, result->tables, result->count, err);
	/* The tree has taken the tables, whatever came of it. */
	result->count = 0;
	rewrite_result_deinit(result);
	if (status != STATUS_OK)
		return note_not_taken(
		    maintenance, &flush->task, "flush", now_ms, err);
	task_went_well(&flush->task);
	release_journal(maintenance);
	return STATUS_OK;
}

static void
run_compaction(struct task *task)
{
	struct compaction_task *compaction = (struct compaction_task *)task;

	compaction->task.status = compaction_run(&compaction->rewrite,
	    compaction->pick.inputs, compaction->pick.input_count,
	    &compaction->older, background_stop(task->group->background),
	    &compaction->result, &compaction->task.error);
	if (compaction->task.status == STATUS_CORRUPT ||
	    compaction->task.status == STATUS_IO)
		compaction->damage =
		    compaction_find_damage(&compaction->rewrite,
			compaction->pick.inputs, compaction->pick.input_count);
}

static void
prepare_compaction(struct maintenance *maintenance, struct pick *pick)
{
	struct compaction_task *compaction = &maintenance->compaction;
	const struct catalog *catalog = tree_catalog(maintenance->tree);

	compaction->pick = *pick;
	compaction->older = (struct older_tables){0};
	rewrite_options_init(
	    maintenance, &compaction->rewrite, pick->output_level);
	compaction->rewrite.disk_left_min = maintenance->space.floor_bytes;
	if (pick->shadow_count > 0)
		compaction->rewrite.hidden_above =
		    pick->inputs[0]->summary.sequence_max;
	/*
	 * While this runs nothing else removes tables, so the levels below
	 * can be borrowed: flushes only add to level 0. The arrays of level
	 * 0 are never among them.
	 */
	for (unsigned i = pick->output_level + 1; i < LEVEL_COUNT; i++) {
		compaction->older.runs[i] = catalog->levels[i].tables;
		compaction->older.counts[i] = catalog->levels[i].count;
	}
}

static enum status
take_compaction(
    struct maintenance *maintenance, uint64_t now_ms, struct error *err)
{
	struct compaction_task *compaction = &maintenance->compaction;
	struct rewrite_result *result = &compaction->result;
	struct pick *pick = &compaction->pick;
	enum status status;
	bool damaged;

	/* A small one that fits does not show that the great one would. */
	if (pick->shadow_count == 0)
		maintenance->compaction_failed_bytes = 0;
	if (compaction->task.status != STATUS_OK) {
		if (compaction->task.status == STATUS_NO_SPACE)
			maintenance->compaction_failed_bytes =
			    shortage_input_bytes(pick);
		damaged = damage_list_mark(maintenance->options.damage,
		    pick->inputs, compaction->damage, pick->input_count);
		mem_free(compaction->damage);
		compaction->damage = NULL;
		compaction_pick_deinit(pick);
		/* What can be done without those is begun at once. */
		return damaged ? STATUS_OK
			       : note_failure(maintenance, &compaction->task,
				     "compaction", now_ms, err);
	}
	metrics_add(METRIC_COMPACTIONS, pick->level, 0, 1);
	metrics_add(
	    METRIC_COMPACTION_WRITTEN_BYTES, 0, 0, result->written_bytes);
	metrics_observe(METRIC_COMPACTION_SECONDS, 0, 0,
	    clock_monotonic_ns(&clock_system) - compaction->task.begun_ns);
	count_reclaimed(result);
	for (size_t i = 0; i < pick->input_count; i++)
		metrics_add(METRIC_COMPACTION_READ_BYTES, 0, 0,
		    pick->inputs[i]->summary.size_bytes);
	status = tree_install_tables(maintenance->tree, pick->inputs,
	    pick->input_count - pick->shadow_count, result->tables,
	    result->count, err);
	result->count = 0;
	rewrite_result_deinit(result);
	compaction_pick_deinit(pick);
	if (status != STATUS_OK)
		return note_not_taken(
		    maintenance, &compaction->task, "compaction", now_ms, err);
	task_went_well(&compaction->task);
	return STATUS_OK;
}

static void
count_dropped(const struct pick *pick)
{
	metrics_add(METRIC_TABLES_DROPPED, 0, 0, pick->input_count);
	for (size_t i = 0; i < pick->input_count; i++) {
		const struct table_summary *summary = &pick->inputs[i]->summary;

		metrics_add(
		    METRIC_EXPIRED_DROPPED, 0, 0, summary->expiring_count);
		metrics_add(
		    METRIC_TOMBSTONES_DROPPED, 0, 0, summary->tombstone_count);
	}
}

/* Performs a pick that needs no reading. */
static enum status
install_pick(
    struct maintenance *maintenance, struct pick *pick, struct error *err)
{
	enum status status;

	if (pick->kind == PICK_DROP)
		count_dropped(pick);
	if (pick->kind == PICK_MOVE)
		status = tree_install_move(maintenance->tree, pick->inputs,
		    pick->input_count, pick->output_level, err);
	else
		status = tree_install_tables(maintenance->tree, pick->inputs,
		    pick->input_count, NULL, 0, err);
	compaction_pick_deinit(pick);
	return status;
}

/*
 * What to compact: when the disk is short, or has no room for all that the
 * next compaction might write, one that gives space back.
 */
static struct pick
choose(struct maintenance *maintenance)
{
	const struct maintenance_space *space = &maintenance->space;
	const struct catalog *catalog = tree_catalog(maintenance->tree);
	const struct pick_options *options = &maintenance->options.pick;
	struct pick pick = compaction_pick(catalog, options);
	uint64_t budget = space->free_bytes > space->floor_bytes
	    ? space->free_bytes - space->floor_bytes
	    : 0;
	bool fits =
	    pick.kind != PICK_REWRITE || shortage_input_bytes(&pick) <= budget;
	struct pick better;

	maintenance->compaction_wants = 0;
	if (fits && (!space->is_short || pick.kind == PICK_DROP))
		return pick;
	better = shortage_pick(catalog, options,
	    &(struct shortage){
		.budget_bytes = budget,
		.failed_bytes = maintenance->compaction_failed_bytes,
	    },
	    &maintenance->compaction_wants);
	/* The next time the great ones have another chance. */
	if (better.kind == PICK_NOTHING)
		maintenance->compaction_failed_bytes = 0;
	/* What needs no space is never in vain. */
	if (better.kind == PICK_NOTHING && fits)
		return pick;
	compaction_pick_deinit(&pick);
	return better;
}

static enum status
start_compaction(
    struct maintenance *maintenance, uint64_t now_ms, struct error *err)
{
	maintenance->options.pick.quiet =
	    now_ms >= maintenance->flushed_ms + QUIET_MS;
	/* Each waits for the disk, on this thread: the rest can wait. */
	for (int i = 0; i < INSTALLS_MAX; i++) {
		struct pick pick = choose(maintenance);

		if (pick.kind == PICK_NOTHING) {
			/* What once failed is no longer to be done. */
			task_went_well(&maintenance->compaction.task);
			return STATUS_OK;
		}
		if (pick.kind == PICK_REWRITE) {
			prepare_compaction(maintenance, &pick);
			task_start(&maintenance->compaction.task, LANE_COMPACT);
			return STATUS_OK;
		}
		if (install_pick(maintenance, &pick, err) != STATUS_OK)
			return note_not_taken(maintenance,
			    &maintenance->compaction.task, "compaction", now_ms,
			    err);
	}
	return STATUS_OK;
}

static void
run_memtable(struct task *task)
{
	struct memtable_task *memtable = (struct memtable_task *)task;
	const struct maintenance *owner = memtable->owner;
	char path[PATH_BYTES_MAX];

	view_path_memtable(
	    path, owner->runtime_directory, memtable->memtable.number);
	task->status =
	    tree_check_space(owner->options.fs, owner->runtime_directory,
		memtable->memtable.capacity_bytes, &task->error);
	if (task->status == STATUS_OK)
		task->status = memtable_writer_create(owner->options.fs, path,
		    &memtable->memtable, &memtable->made, &task->error);
}

static void
start_memtable(struct maintenance *maintenance)
{
	struct memtable_task *task = &maintenance->memtable;

	task->memtable = (struct memtable_options){
	    .number = atomic_fetch_add(tree_next_number(maintenance->tree), 1),
	    .store_id = maintenance->options.store_id,
	    .shard = maintenance->options.shard,
	    .first_sequence = 1,
	    .capacity_bytes = maintenance->options.memtable_bytes,
	};
	task_start(&task->task, LANE_FLUSH);
}

static void
run_segment(struct task *task)
{
	struct segment_task *segment = (struct segment_task *)task;

	task->status = journal_spare_prepare(
	    &segment->journal, &segment->made, &task->error);
}

static void
start_segment(struct maintenance *maintenance)
{
	struct segment_task *task = &maintenance->segment;

	task->journal = (struct journal_options){
	    .fs = maintenance->options.fs,
	    .directory = maintenance->journal_directory,
	    .store_id = maintenance->options.store_id,
	    .shard = maintenance->options.shard,
	    .segment_bytes = maintenance->options.journal_segment_bytes,
	    .mapped = maintenance->options.journal_mapped,
	};
	task_start(&task->task, LANE_FLUSH);
}

static enum status
take_spares(struct maintenance *maintenance, uint64_t now_ms, struct error *err)
{
	struct memtable_task *memtable = &maintenance->memtable;
	struct segment_task *segment = &maintenance->segment;

	if (task_take_end(&memtable->task)) {
		if (memtable->task.status == STATUS_OK) {
			task_went_well(&memtable->task);
			tree_give_spare(maintenance->tree, memtable->made);
		} else if (note_failure(maintenance, &memtable->task,
			       "memtable", now_ms, err) != STATUS_OK) {
			return err->code;
		}
		memtable->made = NULL;
	}
	if (task_take_end(&segment->task)) {
		if (segment->task.status == STATUS_OK) {
			task_went_well(&segment->task);
			journal_spare_give(maintenance->journal, segment->made);
		} else if (note_failure(maintenance, &segment->task,
			       "journal segment", now_ms, err) != STATUS_OK) {
			return err->code;
		}
		segment->made = NULL;
	}
	return STATUS_OK;
}

static enum status
take_finished(
    struct maintenance *maintenance, uint64_t now_ms, struct error *err)
{
	(void)background_poll(maintenance->group.background);
	if (take_spares(maintenance, now_ms, err) != STATUS_OK)
		return err->code;
	if (task_take_end(&maintenance->flush.task)) {
		if (take_flush(maintenance, now_ms, err) != STATUS_OK)
			return err->code;
	}
	if (task_take_end(&maintenance->compaction.task)) {
		if (take_compaction(maintenance, now_ms, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

enum status
maintenance_step(
    struct maintenance *maintenance, uint64_t now_ms, struct error *err)
{
	bool changes;

	if (take_finished(maintenance, now_ms, err) != STATUS_OK)
		return err->code;
	changes = view_space_hold(&maintenance->view_space, maintenance->tree);
	/* Before the flush, on its lane: a write may be waiting for it. */
	if (maintenance->journal != NULL &&
	    task_idle(&maintenance->memtable.task, now_ms) &&
	    tree_wants_spare(maintenance->tree))
		start_memtable(maintenance);
	if (changes && task_idle(&maintenance->flush.task, now_ms) &&
	    tree_frozen_count(maintenance->tree) > 0) {
		prepare_flush(maintenance);
		task_start(&maintenance->flush.task, LANE_FLUSH);
	}
	if (maintenance->journal == NULL)
		return STATUS_OK;
	if (task_idle(&maintenance->segment.task, now_ms) &&
	    journal_wants_spare(maintenance->journal))
		start_segment(maintenance);
	if (changes && task_idle(&maintenance->compaction.task, now_ms))
		return start_compaction(maintenance, now_ms, err);
	return STATUS_OK;
}

enum status
maintenance_flush_now(struct maintenance *maintenance, struct error *err)
{
	struct flush_task *flush = &maintenance->flush;

	CHECK(!flush->task.running);
	while (tree_frozen_count(maintenance->tree) > 0) {
		prepare_flush(maintenance);
		flush->task.begun_ns = clock_monotonic_ns(&clock_system);
		if (task_run(&flush->task) != STATUS_OK)
			return error_copy(err, &flush->task.error);
		if (take_flush(maintenance, 0, err) != STATUS_OK)
			return err->code;
		/* The manifest may have had no space for it. */
		if (flush->task.status != STATUS_OK)
			return error_copy(err, &flush->task.error);
	}
	return STATUS_OK;
}

void
maintenance_set_space(struct maintenance *maintenance,
    const struct maintenance_space *space, uint64_t now_ms)
{
	maintenance->space = *space;
	task_hurry(&maintenance->flush.task, space->free_bytes, now_ms);
	task_hurry(&maintenance->compaction.task, space->free_bytes, now_ms);
	task_hurry(&maintenance->segment.task, space->free_bytes, now_ms);
	/* One is enough for the next change of segment. */
	if (space->is_short && maintenance->journal != NULL)
		journal_spares_keep(maintenance->journal, 1);
}

uint64_t
maintenance_space_needed(const struct maintenance *maintenance)
{
	const struct frozen_memtable *oldest =
	    tree_oldest_frozen(maintenance->tree);
	uint64_t needed = 0;

	if (oldest != NULL) {
		uint64_t used =
		    memtable_writer_stats(oldest->memtable)->used_bytes;

		needed += used + used / 8;
	}
	if (journal_wants_spare(maintenance->journal))
		needed += maintenance->options.journal_segment_bytes;
	if (maintenance->compaction_wants > 0)
		needed += maintenance->compaction_wants +
		    maintenance->space.floor_bytes;
	return needed;
}

bool
maintenance_busy(const struct maintenance *maintenance)
{
	struct pick pick;
	bool due;

	if (background_busy(maintenance->group.background) ||
	    tree_frozen_count(maintenance->tree) > 0)
		return true;
	pick = compaction_pick(
	    tree_catalog(maintenance->tree), &maintenance->options.pick);
	due = pick.kind != PICK_NOTHING;
	compaction_pick_deinit(&pick);
	return due;
}

bool
maintenance_makes_memtable(const struct maintenance *maintenance)
{
	return maintenance->memtable.task.running;
}

void
maintenance_wait(struct maintenance *maintenance)
{
	background_wait(maintenance->group.background);
}

bool
maintenance_has_finished(const struct maintenance *maintenance)
{
	return background_has_ended(maintenance->group.background);
}

int
maintenance_descriptor(const struct maintenance *maintenance)
{
	return background_descriptor(maintenance->group.background);
}

struct background *
maintenance_background(struct maintenance *maintenance)
{
	return maintenance->group.background;
}

const char *
maintenance_trouble(const struct maintenance *maintenance)
{
	const char *flush = maintenance_flush_trouble(maintenance);

	return flush[0] != '\0' ? flush : maintenance->compaction.task.trouble;
}

const char *
maintenance_flush_trouble(const struct maintenance *maintenance)
{
	if (maintenance->view_space.trouble[0] != '\0')
		return maintenance->view_space.trouble;
	/* Only a journal segment that is missing costs nothing but time. */
	return maintenance->flush.task.trouble[0] != '\0'
	    ? maintenance->flush.task.trouble
	    : maintenance->memtable.task.trouble;
}

void
maintenance_forget_trouble(struct maintenance *maintenance)
{
	task_forget(&maintenance->flush.task);
	task_forget(&maintenance->compaction.task);
	task_forget(&maintenance->memtable.task);
	task_forget(&maintenance->segment.task);
}

struct maintenance *
maintenance_create(const struct maintenance_options *options, struct tree *tree)
{
	struct maintenance *maintenance = mem_new(sizeof(*maintenance));

	maintenance->options = *options;
	snprintf(maintenance->shard_directory, PATH_BYTES_MAX, "%s",
	    options->shard_directory);
	snprintf(maintenance->runtime_directory, PATH_BYTES_MAX, "%s",
	    options->runtime_directory);
	snprintf(maintenance->journal_directory, PATH_BYTES_MAX, "%s",
	    options->journal_directory);
	maintenance->tree = tree;
	task_group_init(&maintenance->group, options->threads);
	task_init(&maintenance->flush.task, &maintenance->group, run_flush);
	task_init(
	    &maintenance->compaction.task, &maintenance->group, run_compaction);
	/* A memtable is made anew by recovery; a table is left alone. */
	maintenance->compaction.task.outlives_damage = true;
	task_init(
	    &maintenance->memtable.task, &maintenance->group, run_memtable);
	maintenance->memtable.owner = maintenance;
	task_init(&maintenance->segment.task, &maintenance->group, run_segment);
	return maintenance;
}

void
maintenance_attach_journal(
    struct maintenance *maintenance, struct journal *journal)
{
	maintenance->journal = journal;
}

void
maintenance_close(struct maintenance *maintenance)
{
	if (maintenance == NULL)
		return;
	task_group_deinit(&maintenance->group);
	rewrite_result_deinit(&maintenance->flush.result);
	rewrite_result_deinit(&maintenance->compaction.result);
	compaction_pick_deinit(&maintenance->compaction.pick);
	mem_free(maintenance->compaction.damage);
	memtable_writer_close(maintenance->memtable.made);
	journal_spare_close(maintenance->segment.made);
	mem_free(maintenance);
}
