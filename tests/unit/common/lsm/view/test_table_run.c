#include <stdlib.h>

#include "common/base/rng.h"
#include "common/lsm/table/table_summary.h"
#include "common/lsm/view/table_run.h"
#include "tests/support/suite.h"

#define TABLES_MAX 20
#define KEY_BYTES_MAX 24

/* Few different bytes, so that keys often begin alike for long. */
static struct slice
random_key(struct rng *rng, struct slice begin, uint8_t bytes[KEY_BYTES_MAX])
{
	static const uint8_t alphabet[] = {0x00, 0x01, 'a', 0xff};
	size_t size = begin.size + rng_below(rng, 12);

	if (begin.size > 0)
		memcpy(bytes, begin.data, begin.size);
	for (size_t i = begin.size; i < size; i++)
		bytes[i] = alphabet[rng_below(rng, sizeof(alphabet))];
	return slice_of(bytes, size);
}

static int
compare_summaries(const void *a, const void *b)
{
	const struct table_summary *x = a;
	const struct table_summary *y = b;

	return slice_compare(
	    buffer_slice(&x->first_key), buffer_slice(&y->first_key));
}

static void
check_run(struct rng *rng, struct slice begin)
{
	struct table_summary summaries[TABLES_MAX] = {0};
	struct table_slot slots[TABLES_MAX] = {0};
	uint64_t starts[TABLES_MAX];
	uint8_t bytes[KEY_BYTES_MAX];
	size_t count = rng_below(rng, TABLES_MAX + 1);
	struct table_run run;

	for (size_t i = 0; i < count; i++)
		buffer_append_slice(
		    &summaries[i].first_key, random_key(rng, begin, bytes));
	qsort(summaries, count, sizeof(summaries[0]), compare_summaries);
	for (size_t i = 0; i < count; i++)
		slots[i].summary = &summaries[i];
	run = table_run_of(slots, count, starts);
	for (int round = 0; round < 50; round++) {
		struct slice some = begin;
		struct slice key;
		size_t expected = count;

		/* Also keys that leave the common beginning on any side. */
		some.size = rng_below(rng, begin.size + 1);
		key = random_key(rng, some, bytes);
		for (size_t i = 0; i < count; i++) {
			if (slice_compare(buffer_slice(&summaries[i].first_key),
				key) <= 0)
				expected = i;
		}
		CU_ASSERT_EQUAL_FATAL(table_run_find(&run, key), expected);
	}
	for (size_t i = 0; i < count; i++)
		buffer_deinit(&summaries[i].first_key);
}

static void
found_table_is_the_last_that_starts_by_the_key(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int i = 0; i < 500; i++) {
		check_run(&rng, SLICE_EMPTY);
		check_run(&rng, slice_of("aaaa\x01", 5));
		check_run(&rng, slice_of("aaaaaaaaaa\xff", 11));
		check_run(&rng, slice_of("\xff\xff\xff\xff\xff\xff\xff", 7));
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(found_table_is_the_last_that_starts_by_the_key),
	};

	return suite_run("table_run", cases, SUITE_COUNT(cases), argc, argv);
}
