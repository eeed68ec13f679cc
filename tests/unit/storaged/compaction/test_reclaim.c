#include <stdio.h>

#include "common/base/mem.h"
#include "storaged/compaction/pick.h"
#include "storaged/compaction/reclaim.h"
#include "tests/support/catalog_sample.h"
#include "tests/support/suite.h"

#define NOW 1000000u

static const struct pick_options options = {
    .level0_count_trigger = 4,
    .level1_bytes_max = 1 << 20,
    .level_multiplier = 10,
};

/* A table of 100 entries of 10 bytes each. */
static struct table_file *
add(struct catalog *catalog, unsigned level, const char *first,
    const char *last)
{
	return catalog_sample_add(catalog, level, first, last,
	    (struct table_summary){.size_bytes = 2000, .raw_bytes = 1000});
}

/* So many entries expire at `first_ms`, so many more at `last_ms`. */
static struct table_file *
expire(struct table_file *table, uint64_t first_count, uint64_t first_ms,
    uint64_t last_count, uint64_t last_ms)
{
	struct table_summary *summary = &table->summary;

	summary->expiring_count = first_count + last_count;
	summary->every_entry_expires = first_count + last_count == 100;
	summary->deadline_min = first_ms;
	summary->deadline_max = last_ms;
	summary->deadlines = (struct deadline_steps){2,
	    {{first_ms, first_count, first_count * 10},
		{last_ms, first_count + last_count,
		    (first_count + last_count) * 10}}};
	return table;
}

static struct table_file *
add_void(struct catalog *catalog, unsigned level, const char *first,
    const char *last)
{
	return expire(add(catalog, level, first, last), 40, NOW - 900, 60, NOW);
}

static size_t
void_count(const struct catalog *catalog)
{
	struct table_file **tables;
	size_t count;

	tables = reclaim_find_void(catalog, &count);
	mem_free(tables);
	return count;
}

static void
table_goes_when_its_last_entry_has_expired(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW - 1}};

	add_void(&catalog, 0, "a", "c");
	add_void(&catalog, 3, "m", "n");
	CU_ASSERT_EQUAL(void_count(&catalog), 0);
	catalog.recovery.clock_ms = NOW;
	CU_ASSERT_EQUAL(void_count(&catalog), 2);
	catalog_deinit(&catalog);
}

static void
table_of_tombstones_goes_when_nothing_lies_below(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW}};
	struct table_file *table = add(&catalog, 2, "a", "c");
	struct table_file *below;

	table->summary.tombstone_count = 99;
	CU_ASSERT_EQUAL(void_count(&catalog), 0);
	table->summary.tombstone_count = 100;
	CU_ASSERT_EQUAL(void_count(&catalog), 1);
	table->summary.tombstone_count = 0;
	table->summary.entry_count = 0;
	table->summary.range_count = 2;
	CU_ASSERT_EQUAL(void_count(&catalog), 1);
	below = add(&catalog, 5, "b", "b");
	CU_ASSERT_EQUAL(void_count(&catalog), 0);
	expire(below, 50, 1, 50, 2);
	CU_ASSERT_EQUAL(void_count(&catalog), 2);
	catalog_deinit(&catalog);
}

/* What an older table holds must not come to light again. */
static void
table_stays_while_an_older_one_may_hold_its_keys(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW}};
	struct table_file *oldest = add(&catalog, 4, "c", "d");

	add_void(&catalog, 1, "a", "k");
	add_void(&catalog, 0, "f", "g");
	/* On level 0 the one added last is the newest. */
	add(&catalog, 0, "f", "f");
	CU_ASSERT_EQUAL(void_count(&catalog), 0);
	expire(oldest, 50, NOW - 5, 50, NOW - 1);
	/* Together they may go, also under what is newer. */
	CU_ASSERT_EQUAL(void_count(&catalog), 3);
	add_void(&catalog, 0, "f", "h");
	CU_ASSERT_EQUAL(void_count(&catalog), 3);
	catalog_deinit(&catalog);
}

static void
void_tables_are_dropped_before_a_level_is_compacted(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW}};
	struct pick pick;

	for (int i = 0; i < 4; i++)
		add(&catalog, 0, "a", "b");
	add_void(&catalog, 1, "c", "d");
	add_void(&catalog, 1, "e", "f");
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_DROP);
	CU_ASSERT_EQUAL(pick.input_count, 2);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
half_expired_is_worth_a_rewrite(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW}};
	struct table_file *table = add(&catalog, 1, "a", "c");

	expire(table, 49, NOW - 100, 10, NOW * 9);
	CU_ASSERT_PTR_NULL(reclaim_find_worth(&catalog, true, 0));
	expire(table, 50, NOW - 100, 10, NOW * 9);
	CU_ASSERT_PTR_EQUAL(reclaim_find_worth(&catalog, false, 0), table);
	/* Few entries, but most of the bytes. */
	expire(table, 5, NOW - 100, 10, NOW * 9);
	table->summary.deadlines.steps[0].raw_bytes = 500;
	table->summary.deadlines.steps[1].raw_bytes = 600;
	CU_ASSERT_PTR_EQUAL(reclaim_find_worth(&catalog, false, 0), table);
	catalog_deinit(&catalog);
}

static void
the_less_has_expired_the_later_it_is_rewritten(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW + 5999999}};
	struct table_file *table = add(&catalog, 1, "a", "c");

	expire(table, 10, NOW, 10, NOW * 100);
	CU_ASSERT_PTR_NULL(reclaim_find_worth(&catalog, true, 0));
	catalog.recovery.clock_ms++;
	CU_ASSERT_PTR_EQUAL(reclaim_find_worth(&catalog, false, 0), table);
	catalog_deinit(&catalog);
}

static void
what_is_soon_void_is_waited_for(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW}};
	struct table_file *table = add(&catalog, 1, "a", "c");

	expire(table, 60, NOW - 50000, 40, NOW + 50000);
	CU_ASSERT_PTR_NULL(reclaim_find_worth(&catalog, true, 0));
	expire(table, 60, NOW - 50000, 40, NOW + 50001);
	CU_ASSERT_PTR_EQUAL(reclaim_find_worth(&catalog, true, 0), table);
	expire(table, 60, NOW - 50000, 39, NOW + 50000);
	CU_ASSERT_PTR_EQUAL(reclaim_find_worth(&catalog, true, 0), table);
	catalog_deinit(&catalog);
}

static void
range_tombstones_are_pushed_on_when_it_is_quiet(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW}};
	struct table_file *table = add(&catalog, 0, "a", "z");
	struct pick pick;

	table->summary.range_count = 1;
	CU_ASSERT_PTR_NULL(reclaim_find_worth(&catalog, true, 0));
	add(&catalog, 2, "k", "l");
	CU_ASSERT_PTR_NULL(reclaim_find_worth(&catalog, false, 0));
	CU_ASSERT_PTR_EQUAL(reclaim_find_worth(&catalog, true, 0), table);
	pick = compaction_pick(&catalog, &options);
	CU_ASSERT_EQUAL(pick.kind, PICK_NOTHING);
	compaction_pick_deinit(&pick);
	catalog_deinit(&catalog);
}

static void
debt_is_what_readers_no_longer_see(void)
{
	struct catalog catalog = {.recovery = {.clock_ms = NOW - 1000}};
	struct reclaim_debt debt;

	add(&catalog, 1, "a", "c");
	expire(add(&catalog, 1, "d", "e"), 20, NOW - 40, 80, NOW + 60);
	expire(add(&catalog, 2, "a", "c"), 70, NOW - 10, 30, NOW);
	debt = reclaim_debt(&catalog, NOW - 50);
	CU_ASSERT_EQUAL(debt.expired_bytes, 0);
	CU_ASSERT_EQUAL(debt.oldest_deadline_ms, 0);
	debt = reclaim_debt(&catalog, NOW);
	CU_ASSERT_EQUAL(debt.expired_bytes, 400 + 2000);
	CU_ASSERT_EQUAL(debt.oldest_deadline_ms, NOW - 40);
	/* The second waits for the recovery point; the first is not due. */
	CU_ASSERT_EQUAL(reclaim_waiting_bytes(&catalog, NOW), 2000);
	catalog.recovery.clock_ms = NOW;
	CU_ASSERT_EQUAL(reclaim_waiting_bytes(&catalog, NOW), 0);
	catalog_deinit(&catalog);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(table_goes_when_its_last_entry_has_expired),
	    SUITE_CASE(table_of_tombstones_goes_when_nothing_lies_below),
	    SUITE_CASE(table_stays_while_an_older_one_may_hold_its_keys),
	    SUITE_CASE(void_tables_are_dropped_before_a_level_is_compacted),
	    SUITE_CASE(half_expired_is_worth_a_rewrite),
	    SUITE_CASE(the_less_has_expired_the_later_it_is_rewritten),
	    SUITE_CASE(what_is_soon_void_is_waited_for),
	    SUITE_CASE(range_tombstones_are_pushed_on_when_it_is_quiet),
	    SUITE_CASE(debt_is_what_readers_no_longer_see),
	};

	return suite_run("reclaim", cases, SUITE_COUNT(cases), argc, argv);
}
