#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/lsm/record/range_set.h"
#include "tests/support/suite.h"

#define RANGES_MAX 40
#define KEY_BYTES_MAX 3

/* A key of up to 3 bytes out of {0, 1, 255}; `memory` holds its bytes. */
static struct slice
random_key(struct rng *rng, uint8_t memory[KEY_BYTES_MAX])
{
	static const uint8_t letters[] = {0, 1, 255};
	size_t size = rng_below(rng, KEY_BYTES_MAX + 1);

	for (size_t i = 0; i < size; i++)
		memory[i] = letters[rng_below(rng, 3)];
	return slice_of(memory, size);
}

static uint64_t
brute_cover(
    const struct range_tombstone *ranges, size_t count, struct slice key)
{
	uint64_t cover = 0;

	for (size_t i = 0; i < count; i++) {
		if (range_tombstone_holds(&ranges[i], key) &&
		    ranges[i].sequence > cover)
			cover = ranges[i].sequence;
	}
	return cover;
}

/* The pieces are disjoint and ascending, and say what range_set_cover says. */
static void
assert_pieces_agree(const struct range_set *set, struct slice key)
{
	struct range_tombstone piece;
	struct range_tombstone last = {0};
	uint64_t cover = 0;
	size_t index = 0;
	bool is_first = true;

	while (range_set_next(set, &index, &piece)) {
		CU_ASSERT_TRUE_FATAL(piece.end.size == 0 ||
		    slice_compare(piece.start, piece.end) < 0);
		CU_ASSERT_TRUE_FATAL(is_first ||
		    (last.end.size > 0 &&
			slice_compare(last.end, piece.start) <= 0));
		if (range_tombstone_holds(&piece, key))
			cover = piece.sequence;
		last = piece;
		is_first = false;
	}
	CU_ASSERT_EQUAL_FATAL(cover, range_set_cover(set, key));
}

static void
random_ranges_cover_as_by_brute_force(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 400; round++) {
		uint8_t memory[RANGES_MAX][2][KEY_BYTES_MAX];
		struct range_tombstone ranges[RANGES_MAX];
		struct range_set set = {0};
		size_t count = 0;

		while (count < RANGES_MAX && rng_below(&rng, 20) != 0) {
			struct range_tombstone *range = &ranges[count];

			range->start = random_key(&rng, memory[count][0]);
			range->end = random_key(&rng, memory[count][1]);
			range->sequence = 1 + rng_below(&rng, 100);
			range_set_add(&set, range);
			count++;
			if (rng_below(&rng, 5) != 0)
				continue;
			/* Asked in between, and added to afterwards. */
			range_set_seal(&set);
			CU_ASSERT_EQUAL(range_set_cover(&set, range->start),
			    brute_cover(ranges, count, range->start));
		}
		range_set_seal(&set);
		for (int i = 0; i < 60; i++) {
			uint8_t bytes[KEY_BYTES_MAX];
			struct slice key = random_key(&rng, bytes);

			CU_ASSERT_EQUAL_FATAL(range_set_cover(&set, key),
			    brute_cover(ranges, count, key));
			assert_pieces_agree(&set, key);
		}
		range_set_deinit(&set);
	}
}

static void
empty_set_covers_nothing_and_a_range_without_ends_all(void)
{
	struct range_tombstone all = {SLICE_EMPTY, SLICE_EMPTY, 9};
	struct range_tombstone none = {
	    slice_of_string("b"), slice_of_string("b"), 10};
	struct range_set set = {0};

	CU_ASSERT_TRUE(range_set_is_empty(&set));
	CU_ASSERT_EQUAL(range_set_cover(&set, slice_of_string("k")), 0);
	range_set_add(&set, &none);
	CU_ASSERT_TRUE(range_set_is_empty(&set));
	range_set_add(&set, &all);
	range_set_seal(&set);
	CU_ASSERT_FALSE(range_set_is_empty(&set));
	CU_ASSERT_EQUAL(range_set_cover(&set, slice_of_string("k")), 9);
	CU_ASSERT_EQUAL(range_set_cover(&set, slice_of("\0", 1)), 9);
	range_set_deinit(&set);
	CU_ASSERT_TRUE(range_set_is_empty(&set));
	range_set_seal(&set);
	CU_ASSERT_EQUAL(range_set_cover(&set, slice_of_string("k")), 0);
}

static void
pieces_keep_their_bytes_when_the_given_ones_are_gone(void)
{
	char *start = mem_dup_string("start");
	char *end = mem_dup_string("toast");
	struct range_tombstone range = {
	    slice_of_string(start), slice_of_string(end), 3};
	struct range_set set = {0};

	range_set_add(&set, &range);
	mem_free(start);
	mem_free(end);
	range_set_seal(&set);
	CU_ASSERT_EQUAL(range_set_cover(&set, slice_of_string("sun")), 3);
	CU_ASSERT_EQUAL(range_set_cover(&set, slice_of_string("toast")), 0);
	range_set_deinit(&set);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(random_ranges_cover_as_by_brute_force),
	    SUITE_CASE(empty_set_covers_nothing_and_a_range_without_ends_all),
	    SUITE_CASE(pieces_keep_their_bytes_when_the_given_ones_are_gone),
	};

	return suite_run("range_set", cases, SUITE_COUNT(cases), argc, argv);
}
