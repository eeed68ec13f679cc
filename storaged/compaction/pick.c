#include "storaged/compaction/pick.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "storaged/compaction/reclaim.h"

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

		if (table->level == pick->output_level ||
		    table->compression !=
			options->compression[pick->output_level] ||
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

static struct pick
pick_level0(const struct catalog *catalog, const struct pick_options *options)
{
	return compaction_pick_oldest(
	    catalog, options, catalog->levels[0].count);
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

/* The table that costs the fewest bytes of the next level for each own. */
static struct pick
pick_deeper(const struct catalog *catalog, const struct pick_options *options,
    unsigned number)
{
	const struct level *level = &catalog->levels[number];
	const struct level *next = &catalog->levels[number + 1];
	struct table_file *best = NULL;
	double best_cost = 0;

	for (size_t t = 0; t < level->count; t++) {
		struct table_file *table = level->tables[t];
		double cost = (double)overlapping_bytes(next, table) /
		    (double)(table->summary.size_bytes + 1);

		if (best == NULL || cost < best_cost) {
			best = table;
			best_cost = cost;
		}
	}
	CHECK(best != NULL);
	return pick_table(catalog, options, best);
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
		return pick;
	}
	pick = table->level == 0 ? pick_level0(catalog, options)
				 : pick_table(catalog, options, table);
	/* A move would keep the garbage. */
	pick.kind = PICK_REWRITE;
	return pick;
}

/*
 * How many times over level 0 is due. All of it is merged with all it touches
 * below, so while writes come it pays to wait until it weighs as much as that:
 * each such merge at least doubles level 1, and an entry is in few of them.
 */
static double
level0_score(const struct catalog *catalog, const struct pick_options *options)
{
	const struct level *level = &catalog->levels[0];

	if (!options->quiet && level->count < options->level0_count_due &&
	    level->bytes < catalog->levels[1].bytes)
		return 0;
	return (double)level->count / (double)options->level0_count_trigger;
}

struct pick
compaction_pick(
    const struct catalog *catalog, const struct pick_options *options)
{
	struct pick pick = {PICK_DROP, 0, 0, NULL, 0, 0};
	struct table_file *garbage;
	double worst = 1.0;
	unsigned due = LEVEL_COUNT;

	/* What costs nothing comes first, and may spare the rest. */
	pick.inputs = reclaim_find_void(catalog, &pick.input_count);
	if (pick.input_count > 0)
		return pick;

	/* The last level has no limit: there is nowhere to go from it. */
	for (unsigned i = 0; i + 1 < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];
		double score = i == 0 ? level0_score(catalog, options)
				      : (double)level->bytes /
			(double)level_bytes_max(options, i);

		if (level->count > 0 && score >= worst) {
			worst = score;
			due = i;
		}
	}
	if (due == 0)
		return pick_level0(catalog, options);
	if (due < LEVEL_COUNT)
		return pick_deeper(catalog, options, due);
	garbage = reclaim_find_worth(catalog, options->quiet);
	if (garbage != NULL)
		return compaction_pick_garbage(catalog, options, garbage);
	return (struct pick){PICK_NOTHING, 0, 0, NULL, 0, 0};
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
	uint64_t debt = catalog->levels[0].bytes;

	for (unsigned i = 1; i + 1 < LEVEL_COUNT; i++) {
		uint64_t limit = level_bytes_max(options, i);

		if (catalog->levels[i].bytes > limit)
			debt += catalog->levels[i].bytes - limit;
	}
	return debt;
}
