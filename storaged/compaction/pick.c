#include "storaged/compaction/pick.h"

#include "common/base/mem.h"
#include "storaged/compaction/reclaim.h"

/* What level 0 has to weigh for an idle store to merge it, beside level 1. */
#define LEVEL0_QUIET_DIVISOR 8

static uint64_t
level_bytes_max(const struct pick_options *options, unsigned level)
{
	uint64_t bytes = options->level1_bytes_max;

	while (level-- > 1)
		bytes *= options->level_multiplier;
	return bytes;
}

void
compaction_pick_add(struct pick *pick, struct table_file *table)
{
	pick->inputs = mem_resize(pick->inputs,
	    (pick->input_count + 1) * sizeof(struct table_file *));
	pick->inputs[pick->input_count++] = table;
}

static bool
overlaps_any(struct table_file *const *tables, size_t count,
    const struct table_file *table)
{
	for (size_t i = 0; i < count; i++) {
		if (tables[i] != table && table_file_overlaps(tables[i], table))
			return true;
	}
	return false;
}

/*
 * Adds the tables of the output level that the inputs so far touch, or that
 * lie between them: a table made of two may reach from the one to the other.
 */
static void
add_overlapping(struct pick *pick, const struct catalog *catalog)
{
	const struct level *output = &catalog->levels[pick->output_level];
	size_t upper_count = pick->input_count;

	for (size_t t = 0; t < output->count; t++) {
		struct table_file *table = output->tables[t];
		bool reaches_first = false;
		bool last_reaches = false;

		for (size_t i = 0; i < upper_count; i++) {
			const struct table_file *input = pick->inputs[i];

			reaches_first |= !table_file_ends_before(
			    table, table_file_first_key(input));
			last_reaches |= !table_file_ends_before(
			    input, table_file_first_key(table));
		}
		if (reaches_first && last_reaches)
			compaction_pick_add(pick, table);
	}
}

/* True if no table on a level below `level` has a key in its bounds. */
static bool
nothing_below(const struct catalog *catalog, unsigned level,
    const struct table_file *table)
{
	for (unsigned i = level + 1; i < LEVEL_COUNT; i++) {
		if (overlaps_any(catalog->levels[i].tables,
			catalog->levels[i].count, table))
			return false;
	}
	return true;
}

/*
 * Inputs that touch neither one another nor the output level, nor have some
 * of it between them, need not be rewritten, unless they have to be
 * compressed in another way there.
 */
static bool
may_move(const struct pick *pick, const struct pick_options *options)
{
	for (size_t i = 0; i < pick->input_count; i++) {
		const struct table_file *table = pick->inputs[i];

		/* What is damaged cannot be compressed in any other way. */
		if (table->level == pick->output_level ||
		    (table->compression !=
			    options->compression[pick->output_level] &&
			!table->damaged) ||
		    overlaps_any(pick->inputs, pick->input_count, table))
			return false;
	}
	return true;
}

/* What stays of level 0 is newer, so deeper levels alone are older. */
struct pick
compaction_pick_oldest(const struct catalog *catalog,
    const struct pick_options *options, size_t count)
{
	const struct level *level = &catalog->levels[0];
	struct pick pick = {PICK_REWRITE, 0, 1, NULL, 0, 0};

	for (size_t t = level->count - count; t < level->count; t++)
		compaction_pick_add(&pick, level->tables[t]);
	add_overlapping(&pick, catalog);
	if (may_move(&pick, options))
		pick.kind = PICK_MOVE;
	return pick;
}

static uint64_t
overlapping_bytes(const struct level *level, const struct table_file *table)
{
	size_t t = level_first_behind(level, table_file_first_key(table));
	uint64_t bytes = 0;

	for (; t < level->count && table_file_overlaps(level->tables[t], table);
	     t++)
		bytes += level->tables[t]->summary.size_bytes;
	return bytes;
}

static struct pick
pick_table(const struct catalog *catalog, const struct pick_options *options,
    struct table_file *table)
{
	struct pick pick = {
	    PICK_REWRITE, table->level, table->level + 1, NULL, 0, 0};

	compaction_pick_add(&pick, table);
	add_overlapping(&pick, catalog);
	if (may_move(&pick, options))
		pick.kind = PICK_MOVE;
	return pick;
}

/* The first input that is damaged; NULL if none is. */
static struct table_file *
damaged_input(const struct pick *pick)
{
	for (size_t i = 0; i < pick->input_count; i++) {
		if (pick->inputs[i]->damaged)
			return pick->inputs[i];
	}
	return NULL;
}

bool
compaction_pick_can_run(const struct pick *pick)
{
	return pick->kind != PICK_REWRITE || damaged_input(pick) == NULL;
}

/*
 * One step to get `table`, which is damaged and the oldest of its level that
 * matters, out of the way of what cannot be merged with it: it sinks to the
 * next level, which needs no reading, once what it touches there has sunk
 * itself. What is newer stays above it all the time.
 */
static struct pick
make_way(const struct catalog *catalog, const struct pick_options *options,
    struct table_file *table)
{
	/* Each turn looks at a deeper table than the one before. */
	while (table->level + 1 < LEVEL_COUNT) {
		struct pick pick = pick_table(catalog, options, table);
		struct table_file *under;

		if (pick.kind == PICK_MOVE)
			return pick;
		under = pick.inputs[1];
		compaction_pick_deinit(&pick);
		if (!under->damaged && under->level + 1 < LEVEL_COUNT) {
			pick = pick_table(catalog, options, under);
			if (compaction_pick_can_run(&pick))
				return pick;
			under = damaged_input(&pick);
			compaction_pick_deinit(&pick);
		}
		table = under;
	}
	return (struct pick){PICK_NOTHING, 0, 0, NULL, 0, 0};
}

/* How many tables of level 0 are older than any damaged one. */
static size_t
count_older_than_damage(const struct level *level0)
{
	size_t count = 0;

	while (count < level0->count &&
	    !level0->tables[level0->count - 1 - count]->damaged)
		count++;
	return count;
}

/*
 * All of level 0. But nothing of it may pass over a damaged table: then what
 * is older goes alone, and after that the damaged one.
 */
static struct pick
pick_level0(const struct catalog *catalog, const struct pick_options *options)
{
	const struct level *level = &catalog->levels[0];
	size_t count = count_older_than_damage(level);
	struct table_file *damaged;
	struct pick pick;

	if (count == 0)
		return make_way(
		    catalog, options, level->tables[level->count - 1]);
	pick = compaction_pick_oldest(catalog, options, count);
	if (compaction_pick_can_run(&pick))
		return pick;
	damaged = damaged_input(&pick);
	compaction_pick_deinit(&pick);
	return make_way(catalog, options, damaged);
}

/* True if it has to be merged with others, and one of them is damaged. */
static bool
is_stuck(const struct level *next, const struct table_file *table)
{
	size_t t = level_first_behind(next, table_file_first_key(table));

	for (; t < next->count && table_file_overlaps(next->tables[t], table);
	     t++) {
		if (table->damaged || next->tables[t]->damaged)
			return true;
	}
	return false;
}

/* The table that costs the fewest bytes of the next level for each own. */
static struct pick
pick_deeper(const struct catalog *catalog, const struct pick_options *options,
    unsigned number)
{
	const struct level *level = &catalog->levels[number];
	const struct level *next = &catalog->levels[number + 1];
	struct table_file *best = NULL;
	double best_cost = 0;
	struct pick pick = {PICK_NOTHING, 0, 0, NULL, 0, 0};

	for (size_t t = 0; t < level->count; t++) {
		struct table_file *table = level->tables[t];
		double cost = (double)overlapping_bytes(next, table) /
		    (double)(table->summary.size_bytes + 1);

		if (is_stuck(next, table))
			continue;
		if (best == NULL || cost < best_cost) {
			best = table;
			best_cost = cost;
		}
	}
	if (best != NULL)
		return pick_table(catalog, options, best);
	for (size_t t = 0; t < level->count && pick.kind == PICK_NOTHING; t++) {
		struct pick stuck =
		    pick_table(catalog, options, level->tables[t]);

		pick = make_way(catalog, options, damaged_input(&stuck));
		compaction_pick_deinit(&stuck);
	}
	return pick;
}

/* A level with tables: what is to go from it to the next one. */
static struct pick
pick_of_level(const struct catalog *catalog, const struct pick_options *options,
    unsigned level)
{
	return level == 0 ? pick_level0(catalog, options)
			  : pick_deeper(catalog, options, level);
}

/* The rewrite that gets rid of what is gone in `table`. */
struct pick
compaction_pick_garbage(const struct catalog *catalog,
    const struct pick_options *options, struct table_file *table)
{
	struct pick pick = {
	    PICK_REWRITE, table->level, table->level, NULL, 0, 0};

	if (table->level > 0 && nothing_below(catalog, table->level, table)) {
		compaction_pick_add(&pick, table);
	} else {
		pick = table->level == 0
		    ? compaction_pick_oldest(
			  catalog, options, catalog->levels[0].count)
		    : pick_table(catalog, options, table);
		/* A move would keep the garbage. */
		pick.kind = PICK_REWRITE;
	}
	if (!compaction_pick_can_run(&pick))
		compaction_pick_deinit(&pick);
	return pick;
}

/*
 * How many times over level 0 is due. All of it is merged with all it touches
 * below, and a run more costs a lookup only a line of its point index. So while
 * writes come it pays to wait until level 1 is the lesser part of the merge.
 * When none come a scan is worth more, but not many times what is written.
 */
static double
level0_score(const struct catalog *catalog, const struct pick_options *options)
{
	const struct level *level = &catalog->levels[0];
	uint64_t below = catalog->levels[1].bytes;
	size_t trigger = options->quiet ? options->level0_count_quiet
					: options->level0_count_trigger;
	uint64_t weight =
	    options->quiet ? below / LEVEL0_QUIET_DIVISOR : below + below / 2;

	if (level->count < options->level0_count_due &&
	    (level->count < trigger || level->bytes < weight))
		return 0;
	return (double)level->count / (double)trigger;
}

/* The level furthest over its limit but for the `tried`; else LEVEL_COUNT. */
static unsigned
find_due(const struct catalog *catalog, const struct pick_options *options,
    unsigned tried)
{
	double worst = 1.0;
	unsigned due = LEVEL_COUNT;

	/* The last level has no limit: there is nowhere to go from it. */
	for (unsigned i = 0; i + 1 < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];
		double score = i == 0 ? level0_score(catalog, options)
				      : (double)level->bytes /
			(double)level_bytes_max(options, i);

		if (level->count > 0 && score >= worst &&
		    (tried & 1u << i) == 0) {
			worst = score;
			due = i;
		}
	}
	return due;
}

struct pick
compaction_pick(
    const struct catalog *catalog, const struct pick_options *options)
{
	struct pick pick = {PICK_DROP, 0, 0, NULL, 0, 0};
	struct table_file *garbage;
	unsigned tried = 0;
	unsigned due;

	/* What costs nothing comes first, and may spare the rest. */
	pick.inputs = reclaim_find_void(catalog, &pick.input_count);
	if (pick.input_count > 0)
		return pick;

	while ((due = find_due(catalog, options, tried)) < LEVEL_COUNT) {
		pick = pick_of_level(catalog, options, due);
		if (pick.kind != PICK_NOTHING)
			return pick;
		tried |= 1u << due;
	}
	for (size_t skipped = 0;; skipped++) {
		garbage = reclaim_find_worth(catalog, options->quiet, skipped);
		if (garbage == NULL)
			return (struct pick){PICK_NOTHING, 0, 0, NULL, 0, 0};
		pick = compaction_pick_garbage(catalog, options, garbage);
		if (pick.kind != PICK_NOTHING)
			return pick;
	}
}

void
compaction_pick_deinit(struct pick *pick)
{
	mem_free(pick->inputs);
	*pick = (struct pick){PICK_NOTHING, 0, 0, NULL, 0, 0};
}

uint64_t
compaction_debt_bytes(
    const struct catalog *catalog, const struct pick_options *options)
{
	uint64_t debt = 0;

	for (unsigned i = 0; i + 1 < LEVEL_COUNT; i++) {
		uint64_t limit = i == 0 ? 0 : level_bytes_max(options, i);

		if (catalog->levels[i].bytes > limit &&
		    (options->stuck_levels & 1u << i) == 0)
			debt += catalog->levels[i].bytes - limit;
	}
	return debt;
}

unsigned
compaction_stuck_levels(
    const struct catalog *catalog, const struct pick_options *options)
{
	unsigned stuck = 0;

	for (unsigned i = 0; i + 1 < LEVEL_COUNT; i++) {
		struct pick pick;

		if (catalog->levels[i].count == 0)
			continue;
		pick = pick_of_level(catalog, options, i);
		if (pick.kind == PICK_NOTHING)
			stuck |= 1u << i;
		compaction_pick_deinit(&pick);
	}
	return stuck;
}
