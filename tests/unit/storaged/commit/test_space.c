/* test_space - the limits of a disk and what follows from them. */
#include "storaged/commit/space.h"
#include "tests/support/suite.h"

#define MIB ((uint64_t)1 << 20)

static const struct space_limits limits = {
    .soft_bytes = 1600,
    .hard_bytes = 800,
    .reserve_bytes = 400,
    .start_bytes = 100,
};

static void
limits_follow_from_the_sizes(void)
{
	static const struct space_limits nothing = {0};
	struct space_sizes sizes = {
	    .disk_bytes = 1024 * 1024 * MIB,
	    .memtable_bytes = 10 * MIB,
	    .segment_bytes = 20 * MIB,
	};
	struct space_limits chosen = space_choose(&nothing, &sizes);

	CU_ASSERT_EQUAL(chosen.reserve_bytes, 48 * MIB);
	CU_ASSERT_EQUAL(chosen.hard_bytes, 62 * MIB);
	CU_ASSERT_EQUAL(chosen.soft_bytes, (62 + 296) * MIB);
	CU_ASSERT_EQUAL(chosen.start_bytes, 20 * MIB + MIB / 2);
	/* A small disk is not all reserve. */
	sizes.disk_bytes = 64 * MIB;
	chosen = space_choose(&nothing, &sizes);
	CU_ASSERT_EQUAL(chosen.reserve_bytes, 4 * MIB);
	CU_ASSERT_EQUAL(chosen.hard_bytes, 8 * MIB);
	CU_ASSERT_TRUE(chosen.soft_bytes < 12 * MIB);
	CU_ASSERT_EQUAL(chosen.start_bytes, 4 * MIB);
}

static void
settings_hold_but_hard_is_never_above_soft(void)
{
	struct space_sizes sizes = {.disk_bytes = 1024 * MIB};
	struct space_limits wanted = {
	    .soft_bytes = 10, .hard_bytes = 20, .reserve_bytes = 5};
	struct space_limits chosen = space_choose(&wanted, &sizes);

	CU_ASSERT_EQUAL(chosen.soft_bytes, 10);
	CU_ASSERT_EQUAL(chosen.hard_bytes, 10);
	CU_ASSERT_EQUAL(chosen.reserve_bytes, 5);
}

static void
state_follows_what_is_left(void)
{
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_OK, 1600, 0), SPACE_OK);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_OK, 1599, 0), SPACE_SOFT);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_OK, 800, 0), SPACE_SOFT);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_OK, 799, 0), SPACE_HARD);
	/* What memtables owe counts, but takes no deletes away. */
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_OK, 2000, 500), SPACE_SOFT);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_OK, 900, 5000), SPACE_SOFT);
}

static void
state_is_left_with_a_margin(void)
{
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_HARD, 849, 0), SPACE_HARD);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_HARD, 850, 0), SPACE_SOFT);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_SOFT, 1699, 0), SPACE_SOFT);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_SOFT, 1700, 0), SPACE_OK);
	CU_ASSERT_EQUAL(space_judge(&limits, SPACE_HARD, 1700, 0), SPACE_OK);
}

static void
compaction_leaves_what_others_need(void)
{
	CU_ASSERT_EQUAL(
	    space_compaction_floor(&limits, SPACE_OK, 300, 50), 500);
	CU_ASSERT_EQUAL(
	    space_compaction_floor(&limits, SPACE_SOFT, 30, 50), 20);
	CU_ASSERT_EQUAL(space_compaction_floor(&limits, SPACE_HARD, 60, 50), 0);
}

static void
reserve_is_given_as_needed_and_taken_again(void)
{
	/* Enough is free: it stays. */
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_SOFT, 50, 400, 50), 400);
	/* What lacks is given, but not what opening needs. */
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_SOFT, 20, 400, 50), 370);
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_HARD, 0, 400, 5000), 100);
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_HARD, 0, 100, 5000), 100);
	/* Whole again only when all is well and there is room beside it. */
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_SOFT, 5000, 200, 50), 200);
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_OK, 249, 200, 50), 200);
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_OK, 250, 200, 50), 400);
	CU_ASSERT_EQUAL(
	    space_reserve_bytes(&limits, SPACE_SOFT, 5000, 0, 50), 100);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(limits_follow_from_the_sizes),
	    SUITE_CASE(settings_hold_but_hard_is_never_above_soft),
	    SUITE_CASE(state_follows_what_is_left),
	    SUITE_CASE(state_is_left_with_a_margin),
	    SUITE_CASE(compaction_leaves_what_others_need),
	    SUITE_CASE(reserve_is_given_as_needed_and_taken_again),
	};

	return suite_run("space", cases, SUITE_COUNT(cases), argc, argv);
}
