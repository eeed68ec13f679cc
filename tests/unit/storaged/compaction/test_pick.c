#include <stdio.h>

#include "storaged/compaction/pick.h"
#include "tests/support/catalog_sample.h"
#include "tests/support/suite.h"

static const struct pick_options options = {
    .level0_count_trigger = 4,
    .level1_bytes_max = 1000,
    .level_multiplier = 10,
};

static struct table_file *
add(struct catalog *catalog, unsigned level, uint64_t bytes, const char *first,
    const char *last)
{
	return catalog_sample_add(catalog, level, first, last,
	    (struct table_summary){.size_bytes = bytes});
}

static bool
has_input(const struct pick *pick, const struct table_file *table)
{
	for (size_t i = 0; i < pick->input_count; i++) {
		if (pick->inputs[i] == table)
			return true;
	}
	return false;
}

static void
nothing_is_due_below_the_limits(void)
{
	struct catalog catalog = {0};
	struct pick pick;

	for (int i = 0; i < 3; i++)
		add(&catalog, 0, 900, "a", "z");
	add(&catalog, 1, 999, "a", "m");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_NOTHING);
	CU_ASSERT_EQUAL(compaction_debt_bytes(&catalog, &options), 2700);
	catalog_deinit(&catalog);
}

static void
level0_takes_all_its_tables_and_what_they_touch_below(void)
{
	struct catalog catalog = {0};
	struct table_file *touched = add(&catalog, 1, 100, "c", "e");
	struct table_file *far = add(&catalog, 1, 100, "x", "z");
	struct pick pick;

	for (int i = 0; i < 4; i++)
		add(&catalog, 0, 10, "a", "d");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.output_level, 1);
	CU_ASSERT_EQUAL(pick.input_count, 5);
	CU_ASSERT_TRUE(has_input(&pick, touched));
	CU_ASSERT_FALSE(has_input(&pick, far));
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static bool
is_level0_due(const struct catalog *catalog, const struct pick_options *some)
{
	struct pick pick = compaction_pick(catalog, some);
	bool due = pick.kind == PICK_REWRITE && pick.level == 0;

	CU_ASSERT_TRUE(due || pick.kind == PICK_NOTHING);
	compaction_pick_deinit(&pick);
	return due;
}

static void
level0_waits_under_load_until_it_outweighs_level1(void)
{
	struct pick_options busy = options;
	struct pick_options quiet;
	struct catalog catalog = {0};

	busy.level0_count_quiet = 2;
	busy.level0_count_due = 12;
	quiet = busy;
	quiet.quiet = true;
	for (int i = 0; i < 3; i++)
		add(&catalog, 0, 10, "a", "d");
	CU_ASSERT_FALSE(is_level0_due(&catalog, &busy));
	CU_ASSERT_TRUE(is_level0_due(&catalog, &quiet));
	add(&catalog, 0, 10, "a", "d");
	CU_ASSERT_TRUE(is_level0_due(&catalog, &busy));
	/* Half as much again as level 1, so that this is not all over. */
	add(&catalog, 1, 40, "a", "z");
	add(&catalog, 0, 10, "a", "d");
	CU_ASSERT_FALSE(is_level0_due(&catalog, &busy));
	CU_ASSERT_TRUE(is_level0_due(&catalog, &quiet));
	add(&catalog, 0, 10, "a", "d");
	CU_ASSERT_TRUE(is_level0_due(&catalog, &busy));
	/* What is small beside level 1 can wait. */
	add(&catalog, 1, 500, "a", "z");
	CU_ASSERT_FALSE(is_level0_due(&catalog, &quiet));
	/* But not when there are too many to look into. */
	for (int i = 0; i < 5; i++)
		add(&catalog, 0, 1, "a", "d");
	CU_ASSERT_FALSE(is_level0_due(&catalog, &busy));
	add(&catalog, 0, 1, "a", "d");
	CU_ASSERT_TRUE(is_level0_due(&catalog, &busy));
	CU_ASSERT_TRUE(is_level0_due(&catalog, &quiet));
	catalog_deinit(&catalog);
}

static void
level0_takes_what_lies_between_its_tables(void)
{
	struct catalog catalog = {0};
	struct table_file *between = add(&catalog, 1, 100, "m", "n");
	struct table_file *before = add(&catalog, 1, 100, "0", "9");
	struct pick pick;

	add(&catalog, 0, 10, "a", "c");
	add(&catalog, 0, 10, "b", "d");
	add(&catalog, 0, 10, "x", "y");
	add(&catalog, 0, 10, "y", "z");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.input_count, 5);
	CU_ASSERT_TRUE(has_input(&pick, between));
	CU_ASSERT_FALSE(has_input(&pick, before));
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
disjoint_level0_is_moved_unless_compression_differs(void)
{
	struct pick_options other = options;
	struct catalog catalog = {0};
	struct pick pick;

	add(&catalog, 0, 10, "a", "b");
	add(&catalog, 0, 10, "c", "d");
	add(&catalog, 0, 10, "e", "f");
	add(&catalog, 0, 10, "g", "h");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_MOVE);
	CU_ASSERT_EQUAL(pick.input_count, 4);
	compaction_pick_deinit(&pick);
	other.compression[1] = COMPRESSION_LZ4;
	pick = compaction_pick(&catalog, &other);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
full_level_gives_its_cheapest_table(void)
{
	struct catalog catalog = {0};
	struct table_file *cheap;
	struct pick pick;

	add(&catalog, 1, 600, "a", "f");
	add(&catalog, 2, 500, "d", "e");
	add(&catalog, 2, 100, "h", "i");
	add(&catalog, 2, 500, "a", "c");
	add(&catalog, 2, 500, "m", "o");
	add(&catalog, 1, 600, "l", "n");
	cheap = add(&catalog, 1, 600, "g", "k");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.level, 1);
	CU_ASSERT_EQUAL(pick.input_count, 2);
	CU_ASSERT_TRUE(has_input(&pick, cheap));
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
expire(struct table_file *table, uint64_t first_ms, uint64_t last_ms)
{
	table->summary.raw_bytes = 1000;
	table->summary.every_entry_expires = true;
	table->summary.expiring_count = 100;
	table->summary.deadline_min = first_ms;
	table->summary.deadline_max = last_ms;
	table->summary.deadlines = (struct deadline_steps){
	    2, {{first_ms, 90, 900}, {last_ms, 100, 1000}}};
}

static void
expired_table_is_dropped_only_if_nothing_lies_below(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = 100000}};
	struct table_file *table = add(&catalog, 3, 10, "c", "d");
	struct pick pick;

	/* Nearly all have expired, but not all. */
	expire(table, 10, 10000000);
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.output_level, 3);
	compaction_pick_deinit(&pick);
	expire(table, 10, 100000);
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_DROP);
	compaction_pick_deinit(&pick);
	add(&catalog, 4, 10, "a", "c");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.output_level, 4);
	CU_ASSERT_EQUAL(pick.input_count, 2);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
deadlines_in_the_future_are_no_garbage(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = 1000}};
	struct pick pick;

	expire(add(&catalog, 2, 10, "c", "d"), 1001, 2000);
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_NOTHING);
	catalog_deinit(&catalog);
}

static void
range_without_end_touches_everything_behind_it(void)
{
	struct catalog catalog = {0};
	struct table_file *wide;
	struct table_file *far = add(&catalog, 1, 10, "y", "z");
	struct pick pick;

	for (int i = 0; i < 3; i++)
		add(&catalog, 0, 10, "a", "b");
	wide = add(&catalog, 0, 10, "b", "b");
	wide->summary.last_unbounded = true;
	wide->summary.range_count = 1;
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_TRUE(has_input(&pick, far));
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(nothing_is_due_below_the_limits),
	    SUITE_CASE(level0_takes_all_its_tables_and_what_they_touch_below),
	    SUITE_CASE(level0_waits_under_load_until_it_outweighs_level1),
	    SUITE_CASE(level0_takes_what_lies_between_its_tables),
	    SUITE_CASE(disjoint_level0_is_moved_unless_compression_differs),
	    SUITE_CASE(full_level_gives_its_cheapest_table),
	    SUITE_CASE(expired_table_is_dropped_only_if_nothing_lies_below),
	    SUITE_CASE(deadlines_in_the_future_are_no_garbage),
	    SUITE_CASE(range_without_end_touches_everything_behind_it),
	};

	return suite_run("pick", cases, SUITE_COUNT(cases), argc, argv);
}
