#include "storaged/compaction/shortage.h"

/* A rewrite for less than this share of its input is not worth it. */
#define GAIN_DIVISOR_MAX 64

uint64_t
shortage_input_bytes(const struct pick *pick)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < pick->input_count; i++)
		bytes += pick->inputs[i]->summary.size_bytes;
	return bytes;
}

static uint64_t
expired_count(const struct table_summary *summary, uint64_t clock_ms)
{
	return deadline_steps_expired(&summary->deadlines, clock_ms)
	    .entry_count;
}

static bool
has_garbage(const struct table_summary *summary, uint64_t clock_ms)
{
	return summary->tombstone_count > 0 || summary->range_count > 0 ||
	    expired_count(summary, clock_ms) > 0;
}

uint64_t
shortage_output_bytes(const struct pick *pick, uint64_t clock_ms)
{
	uint64_t entries = 0;
	uint64_t gone = 0;
	uint64_t bytes = 0;
	bool hides = false;

	if (pick->kind != PICK_REWRITE)
		return 0;
	for (size_t i = 0; i < pick->input_count; i++) {
		const struct table_summary *summary = &pick->inputs[i]->summary;

		hides |= summary->range_count > 0;
		bytes += summary->size_bytes;
		entries += summary->entry_count;
		/* A tombstone goes, and with it what it hides. */
		gone += 2 * summary->tombstone_count +
		    expired_count(summary, clock_ms);
	}
	if (hides || gone >= entries)
		return 0;
	return (uint64_t)((double)bytes * (double)(entries - gone) /
	    (double)entries);
}

/* Whether to try it, by what it reads and what it will write. */
static bool
may_try(const struct shortage *shortage, uint64_t input, uint64_t output)
{
	if (output > shortage->budget_bytes)
		return false;
	return shortage->failed_bytes == 0 || input < shortage->failed_bytes ||
	    input <= shortage->budget_bytes;
}

struct choice {
	const struct shortage *shortage;
	uint64_t clock_ms;
	struct pick best;
	uint64_t gain;
	uint64_t wanted_bytes;
};

/* Keeps the better one of two picks, and frees the other. */
static void
consider(struct choice *choice, struct pick *pick)
{
	uint64_t input = shortage_input_bytes(pick);
	uint64_t output = shortage_output_bytes(pick, choice->clock_ms);
	uint64_t gain = input - output;
	bool pays = gain > input / GAIN_DIVISOR_MAX;

	if (pays && gain > choice->gain &&
	    may_try(choice->shortage, input, output)) {
		compaction_pick_deinit(&choice->best);
		choice->best = *pick;
		choice->gain = gain;
		return;
	}
	if (pays && output > choice->shortage->budget_bytes &&
	    (choice->wanted_bytes == 0 || output < choice->wanted_bytes))
		choice->wanted_bytes = output;
	compaction_pick_deinit(pick);
}

/* All of level 0, or half of it, or less, that fits for sure. */
static struct pick
pick_of_level0(const struct catalog *catalog,
    const struct pick_options *options, uint64_t budget_bytes)
{
	size_t count = catalog->levels[0].count;

	for (; count > 0; count /= 2) {
		struct pick pick =
		    compaction_pick_oldest(catalog, options, count);

		if (compaction_pick_can_run(&pick) &&
		    (pick.kind != PICK_REWRITE ||
			shortage_input_bytes(&pick) <= budget_bytes))
			return pick;
		compaction_pick_deinit(&pick);
	}
	return (struct pick){.kind = PICK_NOTHING};
}

/*
 * One deeper table alone, without what level 0 hides of it: where a deletion
 * on level 0 concerns more tables than there is room to write at once. It
 * gets a number above those of level 0, so that it comes up but once.
 */
static struct pick
pick_shadowed(const struct catalog *catalog, struct table_file *table)
{
	const struct level *above = &catalog->levels[0];
	struct pick pick = {
	    PICK_REWRITE, table->level, table->level, NULL, 0, 0};
	bool hides = false;

	compaction_pick_add(&pick, table);
	for (size_t t = 0; t < above->count; t++) {
		const struct table_summary *summary =
		    &above->tables[t]->summary;

		if (!table_file_overlaps(above->tables[t], table))
			continue;
		compaction_pick_add(&pick, above->tables[t]);
		pick.shadow_count++;
		hides |= summary->number > table->summary.number &&
		    (summary->tombstone_count > 0 || summary->range_count > 0);
	}
	if (!hides || !compaction_pick_can_run(&pick))
		compaction_pick_deinit(&pick);
	return pick;
}

static struct pick
find_shadowed(const struct catalog *catalog, uint64_t budget_bytes)
{
	struct pick pick = {.kind = PICK_NOTHING};

	for (unsigned i = 1; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = 0;
		     t < level->count && pick.kind == PICK_NOTHING; t++) {
			struct table_file *table = level->tables[t];

			if (table->summary.size_bytes <= budget_bytes)
				pick = pick_shadowed(catalog, table);
		}
	}
	return pick;
}

struct pick
shortage_pick(const struct catalog *catalog, const struct pick_options *options,
    const struct shortage *shortage, uint64_t *wanted_bytes)
{
	struct choice choice = {
	    .shortage = shortage,
	    .clock_ms = catalog->recovery.clock_ms,
	    .best = {.kind = PICK_NOTHING},
	};

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			struct table_file *table = level->tables[t];
			struct pick pick;

			if (!has_garbage(&table->summary, choice.clock_ms))
				continue;
			pick = compaction_pick_garbage(catalog, options, table);
			consider(&choice, &pick);
			/* All of level 0 goes at once. */
			if (i == 0)
				break;
		}
	}
	if (choice.best.kind == PICK_NOTHING)
		choice.best = find_shadowed(catalog, shortage->budget_bytes);
	if (choice.best.kind == PICK_NOTHING)
		choice.best =
		    pick_of_level0(catalog, options, shortage->budget_bytes);
	*wanted_bytes =
	    choice.best.kind == PICK_NOTHING ? choice.wanted_bytes : 0;
	return choice.best;
}
