/*
 * What stands in envelopes between nodes: each decoder over the input. What
 * decodes encodes to the same bytes, within its kind's bound.
 */
#include "replicator/protocol/charter.h"
#include "replicator/protocol/hello.h"
#include "replicator/protocol/refusal.h"
#include "tests/fuzz/fuzz.h"

static void
compare(struct buffer *again, struct slice input, enum envelope_kind kind)
{
	CHECK(slice_equal(buffer_slice(again), input));
	CHECK(input.size <= envelope_body_bytes_max(kind));
	buffer_clear(again, SIZE_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct buffer again = {0};
	struct charter charter;
	struct hello hello;
	enum refusal refusal;
	struct error err;

	if (hello_decode(input, &hello, &err) == STATUS_OK) {
		hello_encode(&hello, &again);
		compare(&again, input, ENVELOPE_HELLO);
	}
	if (charter_decode(input, &charter, &err) == STATUS_OK) {
		CHECK(charter_find(&charter, charter.founders[0].name) ==
		    &charter.founders[0]);
		charter_encode(&charter, &again);
		compare(&again, input, ENVELOPE_CHARTER);
	}
	if (refusal_decode(input, &refusal, &err) == STATUS_OK) {
		CHECK(refusal_text(refusal)[0] != '?');
		refusal_encode(refusal, &again);
		compare(&again, input, ENVELOPE_REFUSE);
	}
	buffer_deinit(&again);
	return 0;
}
