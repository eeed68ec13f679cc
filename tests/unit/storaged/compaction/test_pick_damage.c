/* test_pick_damage - what compaction does around tables it cannot read. */
#include <errno.h>

#include "storaged/compaction/pick.h"
#include "storaged/compaction/shortage.h"
#include "storaged/manifest/damage_list.h"
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

static struct table_file *
add_damaged(struct catalog *catalog, unsigned level, const char *first,
    const char *last)
{
	struct table_file *table = add(catalog, level, 100, first, last);

	table->damaged = true;
	return table;
}

static bool
is_alone(const struct pick *pick, const struct table_file *table)
{
	return pick->input_count == 1 && pick->inputs[0] == table;
}

static void
add_level0(struct catalog *catalog)
{
	for (int i = 0; i < 4; i++)
		add(catalog, 0, 10, "a", "z");
}

static void
damaged_table_sinks_below_what_has_to_pass(void)
{
	struct catalog catalog = {0};
	struct table_file *damaged = add_damaged(&catalog, 1, "c", "e");
	struct pick pick;

	add_level0(&catalog);
	/* It need not be compressed anew: that takes reading. */
	damaged->compression = COMPRESSION_ZSTD;
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_MOVE);
	CU_ASSERT_EQUAL(pick.output_level, 2);
	CU_ASSERT_TRUE(is_alone(&pick, damaged));
	compaction_pick_deinit(&pick);
	CU_ASSERT_EQUAL(compaction_stuck_levels(&catalog, &options), 0);
	catalog_deinit(&catalog);
}

static void
what_lies_under_it_goes_deeper_first(void)
{
	struct catalog catalog = {0};
	struct table_file *under = add(&catalog, 2, 10, "d", "f");
	struct table_file *deeper;
	struct pick pick;

	add_damaged(&catalog, 1, "c", "e");
	add_level0(&catalog);
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_MOVE);
	CU_ASSERT_EQUAL(pick.output_level, 3);
	CU_ASSERT_TRUE(is_alone(&pick, under));
	compaction_pick_deinit(&pick);
	/* A damaged one under that makes way before it. */
	deeper = add_damaged(&catalog, 3, "e", "g");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_MOVE);
	CU_ASSERT_EQUAL(pick.output_level, 4);
	CU_ASSERT_TRUE(is_alone(&pick, deeper));
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
on_level0_only_what_is_older_goes_past_it(void)
{
	struct catalog catalog = {0};
	struct table_file *older = add(&catalog, 0, 10, "a", "z");
	struct table_file *damaged = add_damaged(&catalog, 0, "c", "e");
	struct pick pick;

	add(&catalog, 1, 10, "c", "d");
	add_level0(&catalog);
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.input_count, 2);
	CU_ASSERT_PTR_EQUAL(pick.inputs[0], older);
	compaction_pick_deinit(&pick);
	/* Then it is the oldest, and what it touches goes deeper. */
	table_file_close(catalog_remove(&catalog, older->summary.number));
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_MOVE);
	CU_ASSERT_EQUAL(pick.level, 1);
	table_file_close(
	    catalog_remove(&catalog, pick.inputs[0]->summary.number));
	compaction_pick_deinit(&pick);
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_MOVE);
	CU_ASSERT_EQUAL(pick.output_level, 1);
	CU_ASSERT_TRUE(is_alone(&pick, damaged));
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
full_level_gives_another_table_than_the_damaged(void)
{
	struct catalog catalog = {0};
	struct table_file *sound;
	struct pick pick;

	add_damaged(&catalog, 1, "a", "c");
	add(&catalog, 2, 10, "b", "c");
	sound = add(&catalog, 1, 1000, "d", "f");
	add(&catalog, 2, 900, "d", "e");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.input_count, 2);
	CU_ASSERT_PTR_EQUAL(pick.inputs[0], sound);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
what_is_stuck_makes_no_debt_and_no_work(void)
{
	struct pick_options now = options;
	struct catalog catalog = {0};
	struct pick pick;
	uint64_t wanted;

	/* Down to the last level nothing can go past. */
	for (unsigned i = 1; i < LEVEL_COUNT; i++)
		add_damaged(&catalog, i, "c", "e");
	add_level0(&catalog);
	add(&catalog, 1, 5000, "x", "z");
	CU_ASSERT_EQUAL(compaction_debt_bytes(&catalog, &now), 40 + 4100);
	now.stuck_levels = compaction_stuck_levels(&catalog, &now);
	/* The rest of level 1 can go on. */
	CU_ASSERT_EQUAL(now.stuck_levels & 3, 1);
	CU_ASSERT_EQUAL(compaction_debt_bytes(&catalog, &now), 4100);
	pick = compaction_pick(&catalog, &now);
	CU_ASSERT_EQUAL(pick.kind, PICK_MOVE);
	CU_ASSERT_EQUAL(pick.level, 1);
	table_file_close(
	    catalog_remove(&catalog, pick.inputs[0]->summary.number));
	compaction_pick_deinit(&pick);
	pick = compaction_pick(&catalog, &now);
	CU_ASSERT_EQUAL(pick.kind, PICK_NOTHING);
	/* Nor is one read because the disk is short. */
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		for (size_t t = 0; t < catalog.levels[i].count; t++)
			catalog.levels[i].tables[t]->summary.tombstone_count =
			    60;
	pick = shortage_pick(&catalog, &now,
	    &(struct shortage){.budget_bytes = 1 << 20}, &wanted);
	CU_ASSERT_TRUE(compaction_pick_can_run(&pick));
	compaction_pick_deinit(&pick);
	pick = compaction_pick(&catalog, &now);
	CU_ASSERT_TRUE(compaction_pick_can_run(&pick));
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
table_that_nobody_could_open_is_not_damaged(void)
{
	struct catalog catalog = {0};
	struct damage_list list = {0};
	struct error found[3] = {{0}};
	struct table_file *tables[] = {
	    add(&catalog, 1, 100, "a", "b"),
	    add(&catalog, 1, 100, "c", "d"),
	    add(&catalog, 1, 100, "e", "f"),
	};

	error_set_errno(&found[0], EMFILE, "open %s", "a table");
	CU_ASSERT_FALSE(damage_list_mark(&list, tables, found, 3));
	CU_ASSERT_EQUAL(list.count, 0);
	error_set_errno(&found[1], EIO, "read %s", "a table");
	CU_ASSERT_TRUE(damage_list_mark(&list, tables, found, 3));
	CU_ASSERT_EQUAL(list.count, 1);
	CU_ASSERT_FALSE(tables[0]->damaged);
	CU_ASSERT_TRUE(tables[1]->damaged);
	CU_ASSERT_FALSE(tables[2]->damaged);
	damage_list_deinit(&list);
	catalog_deinit(&catalog);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(damaged_table_sinks_below_what_has_to_pass),
	    SUITE_CASE(what_lies_under_it_goes_deeper_first),
	    SUITE_CASE(on_level0_only_what_is_older_goes_past_it),
	    SUITE_CASE(full_level_gives_another_table_than_the_damaged),
	    SUITE_CASE(what_is_stuck_makes_no_debt_and_no_work),
	    SUITE_CASE(table_that_nobody_could_open_is_not_damaged),
	};

	return suite_run("pick_damage", cases, SUITE_COUNT(cases), argc, argv);
}
