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

struct pick
shortage_pick(const struct catalog *catalog, const struct pick_options *options,
    uint64_t budget_bytes, uint64_t *wanted_bytes)
{
	uint64_t clock_ms = catalog->recovery.clock_ms;
	struct pick best = {.kind = PICK_NOTHING};
	uint64_t best_gain = 0;

	*wanted_bytes = 0;
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			struct table_file *table = level->tables[t];
			struct pick pick;
			uint64_t input;
			uint64_t output;

			if (!has_garbage(&table->summary, clock_ms))
				continue;
			pick = compaction_pick_garbage(catalog, options, table);
			input = shortage_input_bytes(&pick);
			output = shortage_output_bytes(&pick, clock_ms);
			if (input - output <= input / GAIN_DIVISOR_MAX ||
			    (output <= budget_bytes &&
				input - output <= best_gain)) {
				compaction_pick_deinit(&pick);
			} else if (output > budget_bytes) {
				if (*wanted_bytes == 0 ||
				    output < *wanted_bytes)
					*wanted_bytes = output;
				compaction_pick_deinit(&pick);
			} else {
				compaction_pick_deinit(&best);
				best = pick;
				best_gain = input - output;
			}
			/* All of level 0 goes at once. */
			if (i == 0)
				break;
		}
	}
	if (best.kind != PICK_NOTHING)
		*wanted_bytes = 0;
	return best;
}
