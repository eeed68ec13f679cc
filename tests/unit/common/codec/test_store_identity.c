#include <stdio.h>
#include <string.h>

#include "common/codec/store_identity.h"
#include "tests/support/suite.h"

static const uint8_t id[STORE_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static enum status
decode(const uint8_t *bytes, size_t size)
{
	uint8_t got[STORE_ID_BYTES];
	struct error err;

	return store_identity_decode(slice_of(bytes, size), got, &err);
}

static void
the_id_comes_back(void)
{
	uint8_t bytes[STORE_IDENTITY_BYTES];
	uint8_t got[STORE_ID_BYTES];
	struct error err;

	store_identity_encode(bytes, id);
	ASSERT_OK(
	    store_identity_decode(slice_of(bytes, sizeof(bytes)), got, &err),
	    &err);
	CU_ASSERT_EQUAL(memcmp(got, id, sizeof(id)), 0);
}

static void
no_flipped_bit_passes(void)
{
	uint8_t bytes[STORE_IDENTITY_BYTES];

	store_identity_encode(bytes, id);
	for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		CU_ASSERT_NOT_EQUAL(decode(bytes, sizeof(bytes)), STATUS_OK);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t size = 0; size < sizeof(bytes); size++)
		CU_ASSERT_NOT_EQUAL(decode(bytes, size), STATUS_OK);
}

static void
each_refusal_says_what_it_is(void)
{
	uint8_t bytes[STORE_IDENTITY_BYTES + 8] = {0};

	store_identity_encode(bytes, id);
	bytes[8] = STORE_IDENTITY_VERSION + 1;
	/* A newer format may be longer. */
	CU_ASSERT_EQUAL(decode(bytes, sizeof(bytes)), STATUS_VERSION);
	bytes[8] = STORE_IDENTITY_VERSION;
	CU_ASSERT_EQUAL(decode(bytes, sizeof(bytes)), STATUS_CORRUPT);
	bytes[0] ^= 1;
	CU_ASSERT_EQUAL(decode(bytes, STORE_IDENTITY_BYTES), STATUS_INVALID);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(the_id_comes_back),
	    SUITE_CASE(no_flipped_bit_passes),
	    SUITE_CASE(each_refusal_says_what_it_is),
	};

	return suite_run(
	    "store_identity", cases, SUITE_COUNT(cases), argc, argv);
}
