/* test_shortage - which compaction gives space back and finds room. */
#include "storaged/compaction/shortage.h"
#include "tests/support/catalog_sample.h"
#include "tests/support/suite.h"

static const struct pick_options options = {
    .level0_count_trigger = 4,
    .level1_bytes_max = 1000,
    .level_multiplier = 10,
};

/* A table of 100 entries, so many of them tombstones. */
static struct table_file *
add(struct catalog *catalog, unsigned level, uint64_t bytes,
    uint64_t tombstones, const char *first, const char *last)
{
	return catalog_sample_add(catalog, level, first, last,
	    (struct table_summary){
		.size_bytes = bytes, .tombstone_count = tombstones});
}

static struct pick
pick_with(const struct catalog *catalog, uint64_t budget_bytes,
    uint64_t failed_bytes, uint64_t *wanted_bytes)
{
	struct shortage shortage = {budget_bytes, failed_bytes};

	return shortage_pick(catalog, &options, &shortage, wanted_bytes);
}

static void
output_is_guessed_by_what_is_gone(void)
{
	struct catalog catalog = {0};
	struct pick pick = {.kind = PICK_REWRITE};
	struct table_file *ranged;

	compaction_pick_add(&pick, add(&catalog, 1, 1000, 0, "a", "b"));
	CU_ASSERT_EQUAL(shortage_input_bytes(&pick), 1000);
	CU_ASSERT_EQUAL(shortage_output_bytes(&pick, 0), 1000);
	/* A tombstone goes with what it hides: 20 of 200 entries. */
	compaction_pick_add(&pick, add(&catalog, 1, 1000, 10, "c", "d"));
	CU_ASSERT_EQUAL(shortage_output_bytes(&pick, 0), 1800);
	ranged = add(&catalog, 1, 500, 0, "e", "f");
	ranged->summary.range_count = 1;
	compaction_pick_add(&pick, ranged);
	CU_ASSERT_EQUAL(shortage_output_bytes(&pick, 0), 0);
	CU_ASSERT_EQUAL(shortage_input_bytes(&pick), 2500);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
what_gives_most_back_among_what_fits_is_taken(void)
{
	struct catalog catalog = {0};
	struct table_file *small = add(&catalog, 2, 1000, 30, "a", "b");
	struct table_file *great = add(&catalog, 2, 9000, 20, "c", "d");
	uint64_t wanted = 1;
	struct pick pick = pick_with(&catalog, 10000, 0, &wanted);

	CU_ASSERT_EQUAL_FATAL(pick.input_count, 1);
	CU_ASSERT_PTR_EQUAL(pick.inputs[0], great);
	CU_ASSERT_EQUAL(wanted, 0);
	compaction_pick_deinit(&pick);
	/* There is no room for what is left of the great one. */
	pick = pick_with(&catalog, 1000, 0, &wanted);
	CU_ASSERT_EQUAL_FATAL(pick.input_count, 1);
	CU_ASSERT_PTR_EQUAL(pick.inputs[0], small);
	compaction_pick_deinit(&pick);
	/* The great one failed: not again, unless it fits for sure. */
	pick = pick_with(&catalog, 8000, 9000, &wanted);
	CU_ASSERT_EQUAL_FATAL(pick.input_count, 1);
	CU_ASSERT_PTR_EQUAL(pick.inputs[0], small);
	compaction_pick_deinit(&pick);
	pick = pick_with(&catalog, 9000, 9000, &wanted);
	CU_ASSERT_EQUAL_FATAL(pick.input_count, 1);
	CU_ASSERT_PTR_EQUAL(pick.inputs[0], great);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
without_room_it_says_what_it_wants(void)
{
	struct catalog catalog = {0};
	uint64_t wanted = 1;
	struct pick pick = pick_with(&catalog, 0, 0, &wanted);

	CU_ASSERT_EQUAL(pick.kind, PICK_NOTHING);
	CU_ASSERT_EQUAL(wanted, 0);
	add(&catalog, 2, 1000, 30, "a", "b");
	add(&catalog, 2, 9000, 20, "c", "d");
	pick = pick_with(&catalog, 100, 0, &wanted);
	CU_ASSERT_EQUAL(pick.kind, PICK_NOTHING);
	CU_ASSERT_EQUAL(wanted, 400);
	catalog_deinit(&catalog);
}

static void
deletion_too_large_for_the_disk_is_met_table_by_table(void)
{
	struct catalog catalog = {0};
	struct table_file *deep = add(&catalog, 1, 1000, 0, "a", "c");
	struct table_file *above;
	uint64_t wanted;
	struct pick pick;

	add(&catalog, 1, 9000, 0, "d", "f");
	above = add(&catalog, 0, 500, 10, "a", "f");
	pick = pick_with(&catalog, 1200, 0, &wanted);
	CU_ASSERT_EQUAL(pick.kind, PICK_REWRITE);
	CU_ASSERT_EQUAL(pick.output_level, 1);
	CU_ASSERT_EQUAL_FATAL(pick.input_count, 2);
	CU_ASSERT_EQUAL(pick.shadow_count, 1);
	CU_ASSERT_PTR_EQUAL(pick.inputs[0], deep);
	CU_ASSERT_PTR_EQUAL(pick.inputs[1], above);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(output_is_guessed_by_what_is_gone),
	    SUITE_CASE(what_gives_most_back_among_what_fits_is_taken),
	    SUITE_CASE(without_room_it_says_what_it_wants),
	    SUITE_CASE(deletion_too_large_for_the_disk_is_met_table_by_table),
	};

	return suite_run("shortage", cases, SUITE_COUNT(cases), argc, argv);
}
