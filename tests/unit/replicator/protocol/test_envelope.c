#include "replicator/protocol/envelope.h"

#include <string.h>

#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "tests/support/suite.h"

static const struct envelope sample = {.kind = ENVELOPE_FRAME,
    .cluster_id = "0123456789abcdef",
    .sender = 0x1122334455667788,
    .receiver = 0x99aabbccddeeff00,
    .incarnation = 7};

static void
head_is_as_agreed(void)
{
	static const uint8_t golden[ENVELOPE_HEAD_BYTES] = {'K', 'V', 'R', 'P',
	    1, 0, 6, 0, 3, 0, 0, 0, 0, 0, 0, 0, '0', '1', '2', '3', '4', '5',
	    '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 0x88, 0x77, 0x66,
	    0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb,
	    0xaa, 0x99, 7, 0, 0, 0, 0, 0, 0, 0,
	    /* XXH3 of "abc", and of all the bytes before. */
	    0x50, 0x39, 0x2f, 0x89, 0x94, 0x5f, 0xaf, 0x78, 0x77, 0x09, 0x1b,
	    0x69, 0x1d, 0xa4, 0x86, 0xe6};
	struct slice body = slice_of_string("abc");
	uint8_t head[ENVELOPE_HEAD_BYTES];
	struct envelope out;
	struct error err;

	envelope_encode(head, &sample, body);
	CU_ASSERT_EQUAL(memcmp(head, golden, sizeof(golden)), 0);
	ASSERT_OK(envelope_decode(golden, &out, &err), &err);
	CU_ASSERT_EQUAL(out.kind, sample.kind);
	CU_ASSERT_EQUAL(memcmp(out.cluster_id, sample.cluster_id, 16), 0);
	CU_ASSERT_EQUAL(out.sender, sample.sender);
	CU_ASSERT_EQUAL(out.receiver, sample.receiver);
	CU_ASSERT_EQUAL(out.incarnation, sample.incarnation);
	CU_ASSERT_EQUAL(out.body_size, 3);
	ASSERT_OK(envelope_check(&out, body, &err), &err);
	CU_ASSERT_EQUAL(
	    envelope_check(&out, slice_of_string("abd"), &err), STATUS_CORRUPT);
}

/* Any one bit, in the head or in the body. */
static void
no_flipped_bit_goes_unseen(void)
{
	uint8_t bytes[ENVELOPE_HEAD_BYTES + 100];
	struct slice body =
	    slice_of(bytes + ENVELOPE_HEAD_BYTES, sizeof(bytes) - 72);
	struct rng rng = rng_seeded(suite_seed());
	struct envelope out;
	struct error err;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rng_next(&rng);
	envelope_encode(bytes, &sample, body);
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		enum status status;

		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		status = envelope_decode(bytes, &out, &err);
		if (bit >= 8 * ENVELOPE_HEAD_BYTES) {
			CU_ASSERT_EQUAL(status, STATUS_OK);
			status = envelope_check(&out, body, &err);
		}
		CU_ASSERT_NOT_EQUAL(status, STATUS_OK);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
seal(uint8_t *head)
{
	u64_store(head + 64, checksum64(slice_of(head, 64), 0));
}

/* With the checksum made right, so that it is not what refuses them. */
static void
heads_that_nobody_writes_are_refused(void)
{
	uint8_t head[ENVELOPE_HEAD_BYTES];
	struct envelope out;
	struct error err;

	envelope_encode(head, &sample, SLICE_EMPTY);
	head[4] = 2;
	seal(head);
	CU_ASSERT_EQUAL(envelope_decode(head, &out, &err), STATUS_VERSION);
	head[4] = 1;
	for (uint16_t kind = 0; kind < 300; kind++) {
		u16_store(head + 6, kind);
		seal(head);
		CU_ASSERT_EQUAL(envelope_decode(head, &out, &err),
		    kind >= 1 && kind <= 6 ? STATUS_OK : STATUS_INVALID);
	}
	for (uint16_t kind = 1; kind <= 6; kind++) {
		size_t most = envelope_body_bytes_max(kind);

		CU_ASSERT_NOT_EQUAL(envelope_kind_name(kind)[0], '?');
		u16_store(head + 6, kind);
		u32_store(head + 8, (uint32_t)most);
		seal(head);
		CU_ASSERT_EQUAL(envelope_decode(head, &out, &err), STATUS_OK);
		u32_store(head + 8, (uint32_t)most + 1);
		seal(head);
		CU_ASSERT_EQUAL(
		    envelope_decode(head, &out, &err), STATUS_INVALID);
	}
	u32_store(head + 8, 0);
	u32_store(head + 12, 1);
	seal(head);
	CU_ASSERT_EQUAL(envelope_decode(head, &out, &err), STATUS_INVALID);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(head_is_as_agreed),
	    SUITE_CASE(no_flipped_bit_goes_unseen),
	    SUITE_CASE(heads_that_nobody_writes_are_refused),
	};

	return suite_run("envelope", cases, SUITE_COUNT(cases), argc, argv);
}
