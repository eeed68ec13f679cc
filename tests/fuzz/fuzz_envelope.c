/*
 * Envelopes between nodes, as they are and with the checksums made right.
 * What decodes is within its kind's bound and encodes to the same bytes.
 */
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "replicator/protocol/envelope.h"
#include "tests/fuzz/fuzz.h"

static void
decode(const uint8_t *head, struct slice rest)
{
	uint8_t again[ENVELOPE_HEAD_BYTES];
	struct envelope envelope;
	struct slice body;
	struct error err;

	if (envelope_decode(head, &envelope, &err) != STATUS_OK)
		return;
	CHECK(envelope.body_size <= envelope_body_bytes_max(envelope.kind));
	CHECK(envelope_kind_name(envelope.kind)[0] != '?');
	if (envelope.body_size > rest.size)
		return;
	body = slice_of(rest.data, envelope.body_size);
	if (envelope_check(&envelope, body, &err) != STATUS_OK)
		return;
	envelope_encode(again, &envelope, body);
	CHECK(memcmp(again, head, sizeof(again)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest;
	uint8_t *head;

	if (size < ENVELOPE_HEAD_BYTES)
		return 0;
	rest = slice_of(data + ENVELOPE_HEAD_BYTES, size - ENVELOPE_HEAD_BYTES);
	decode(data, rest);
	head = fuzz_copy(slice_of(data, ENVELOPE_HEAD_BYTES));
	if (u32_load(head + 8) <= rest.size)
		u64_store(head + 56,
		    checksum64(slice_of(rest.data, u32_load(head + 8)), 0));
	u64_store(head + 64, checksum64(slice_of(head, 64), 0));
	decode(head, rest);
	mem_free(head);
	return 0;
}
