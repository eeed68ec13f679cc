#include <stdio.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "frontend/tcp/resp_selection.h"
#include "tests/support/suite.h"

#define KEYS 20000

/* A key, whether it is in the store, and how often the scan returned it. */
struct subject {
	char name[80];
	bool is_there;
	bool stayed; /* from the first call to the last */
	unsigned returned;
};

static struct subject *
subjects_create(const char *prefix)
{
	struct subject *subjects = calloc(KEYS, sizeof(*subjects));

	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(subjects[i].name, sizeof(subjects[i].name), "%s%07u",
		    prefix, i);
		subjects[i].is_there = true;
		subjects[i].stayed = true;
	}
	return subjects;
}

/* The number that the last seven digits of a key are. */
static unsigned
number_of(struct slice key)
{
	unsigned number = 0;

	for (size_t i = key.size - 7; i < key.size; i++)
		number = number * 10 + key.data[i] - '0';
	return number;
}

/*
 * One call: a pass in key order, during which some keys come and go; returns
 * the next cursor.
 */
static uint64_t
scan_once(struct subject *subjects, uint64_t cursor, uint64_t count,
    struct rng *churn, size_t *selected)
{
	struct resp_selection *selection = resp_selection_create(cursor, count);
	uint64_t next;

	for (unsigned i = 0; i < KEYS; i++) {
		if (churn != NULL && rng_below(churn, 50) == 0) {
			struct subject *victim =
			    &subjects[rng_below(churn, KEYS)];

			/* The even ones stay, or nothing could be said. */
			if ((victim - subjects) % 2 == 1) {
				victim->is_there = !victim->is_there;
				victim->stayed = false;
			}
		}
		if (subjects[i].is_there)
			resp_selection_offer(
			    selection, slice_of_string(subjects[i].name));
	}
	*selected = resp_selection_count(selection);
	for (size_t i = 0; i < *selected; i++) {
		struct slice key = resp_selection_key(selection, i);

		subjects[number_of(key)].returned++;
	}
	next = resp_selection_cursor(selection);
	resp_selection_close(selection);
	return next;
}

static void
scan_all(const char *prefix, uint64_t count, bool with_churn)
{
	struct rng rng = rng_seeded(suite_seed());
	struct subject *subjects = subjects_create(prefix);
	uint64_t cursor = 0;
	unsigned calls = 0;

	do {
		size_t selected;
		uint64_t next = scan_once(subjects, cursor, count,
		    with_churn ? &rng : NULL, &selected);

		CU_ASSERT_TRUE_FATAL(next == 0 || next > cursor);
		CU_ASSERT_TRUE_FATAL(next < UINT64_C(1) << 53);
		CU_ASSERT_TRUE(next == 0 || selected >= count);
		cursor = next;
		calls++;
	} while (cursor != 0);
	CU_ASSERT(calls <= 65);
	for (unsigned i = 0; i < KEYS; i++) {
		if (subjects[i].stayed)
			CU_ASSERT_EQUAL(subjects[i].returned, 1);
		CU_ASSERT(subjects[i].returned <= 1);
	}
	free(subjects);
}

static void
every_key_is_returned_once(void)
{
	scan_all("", 10, false);
	scan_all("", 1, false);
	scan_all("", 5000, false);
	scan_all("", UINT64_MAX, false);
}

static void
keys_that_share_long_prefixes_are_returned_too(void)
{
	scan_all("a-prefix-that-is-longer-than-any-cursor-can-be-and-shared:",
	    10, false);
}

static void
keys_that_stay_are_returned_while_others_come_and_go(void)
{
	scan_all("user:", 10, true);
	scan_all("user:", 3000, true);
}

static void
few_keys_come_in_pieces_of_the_wanted_count(void)
{
	struct resp_selection *selection;
	uint64_t cursor = 0;
	unsigned calls = 0;
	size_t total = 0;

	do {
		char key[2] = "a";

		selection = resp_selection_create(cursor, 5);
		for (; key[0] <= 'z'; key[0]++)
			resp_selection_offer(selection, slice_of(key, 1));
		total += resp_selection_count(selection);
		cursor = resp_selection_cursor(selection);
		CU_ASSERT(resp_selection_count(selection) <= 8);
		resp_selection_close(selection);
		calls++;
	} while (cursor != 0);
	CU_ASSERT_EQUAL(total, 26);
	CU_ASSERT(calls >= 4 && calls <= 6);
}

/* A cursor nobody gave out, and one behind all positions. */
static void
any_number_is_a_cursor(void)
{
	struct resp_selection *selection =
	    resp_selection_create(UINT64_MAX, 10);

	resp_selection_offer(selection, slice_of_string("a"));
	CU_ASSERT_EQUAL(resp_selection_count(selection), 0);
	CU_ASSERT_EQUAL(resp_selection_cursor(selection), 0);
	resp_selection_close(selection);
}

static void
large_keys_are_bounded_by_their_bytes(void)
{
	static uint8_t key[65535];
	struct resp_selection *selection = resp_selection_create(0, 1u << 17);
	size_t bytes = 0;

	for (unsigned i = 0; i < 2000; i++) {
		memcpy(key, &i, sizeof(i));
		resp_selection_offer(selection, slice_of(key, sizeof(key)));
	}
	for (size_t i = 0; i < resp_selection_count(selection); i++)
		bytes += resp_selection_key(selection, i).size;
	CU_ASSERT(bytes <= RESP_SELECTION_BYTES_MAX);
	CU_ASSERT(bytes > RESP_SELECTION_BYTES_MAX / 2);
	CU_ASSERT(resp_selection_cursor(selection) > 0);
	resp_selection_close(selection);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(every_key_is_returned_once),
	    SUITE_CASE(keys_that_share_long_prefixes_are_returned_too),
	    SUITE_CASE(keys_that_stay_are_returned_while_others_come_and_go),
	    SUITE_CASE(few_keys_come_in_pieces_of_the_wanted_count),
	    SUITE_CASE(any_number_is_a_cursor),
	    SUITE_CASE(large_keys_are_bounded_by_their_bytes),
	};

	return suite_run(
	    "resp_selection", cases, SUITE_COUNT(cases), argc, argv);
}
