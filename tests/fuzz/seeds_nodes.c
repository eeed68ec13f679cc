#include "replicator/protocol/envelope.h"
#include "tests/fuzz/seeds.h"

static const struct envelope sample = {.cluster_id = "0123456789abcdef",
    .sender = 0x1122334455667788,
    .receiver = 0x99aabbccddeeff00,
    .incarnation = 0x0102030405060708};

static void
seed_envelope(enum envelope_kind kind, struct slice body)
{
	uint8_t head[ENVELOPE_HEAD_BYTES];
	struct envelope envelope = sample;
	struct buffer bytes = {0};

	envelope.kind = kind;
	envelope_encode(head, &envelope, body);
	buffer_append(&bytes, head, sizeof(head));
	buffer_append_slice(&bytes, body);
	seed_write("envelope", buffer_slice(&bytes));
	buffer_deinit(&bytes);
}

void
seeds_nodes(void)
{
	seed_envelope(ENVELOPE_PING, slice_of("12345678", 8));
	seed_envelope(ENVELOPE_PONG, slice_of("12345678", 8));
	seed_envelope(ENVELOPE_HELLO, slice_of_string("a hello"));
	seed_envelope(ENVELOPE_REFUSE, SLICE_EMPTY);
	seed_envelope(ENVELOPE_CHARTER, slice_of_string("a charter"));
	seed_envelope(ENVELOPE_FRAME, slice_of_string("a frame"));
}
