#include "replicator/identity/replica_file.h"
#include "replicator/protocol/envelope.h"
#include "replicator/protocol/hello.h"
#include "replicator/protocol/refusal.h"
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

static const struct replica replica = {.id = 7,
    .name = "node1",
    .is_formed = true,
    .charter = {.cluster_id = "0123456789abcdef",
	.count = 3,
	.founders = {{7, "node1"}, {8, "node2"}, {9, "node3"}}}};

static void
seed_bodies(void)
{
	struct hello hello = {.number = 900,
	    .echo = 12,
	    .echo_incarnation = 0x0102030405060708,
	    .settings = {500, 50, 2},
	    .name = "node1",
	    .address = "10.0.0.1:10001",
	    .software = "0.1.0"};
	struct buffer body = {0};

	charter_names(&replica.charter, &hello.names);
	hello_encode(&hello, &body);
	seed_write("node_bodies", buffer_slice(&body));
	buffer_clear(&body, SIZE_MAX);
	charter_encode(&replica.charter, &body);
	seed_write("node_bodies", buffer_slice(&body));
	buffer_clear(&body, SIZE_MAX);
	refusal_encode(REFUSAL_NOT_A_MEMBER, &body);
	seed_write("node_bodies", buffer_slice(&body));
	buffer_deinit(&body);
}

static void
seed_replica(void)
{
	struct replica unformed = replica;
	struct buffer bytes = {0};

	replica_encode(&replica, &bytes);
	seed_write("replica", buffer_slice(&bytes));
	buffer_clear(&bytes, SIZE_MAX);
	unformed.is_formed = false;
	replica_encode(&unformed, &bytes);
	seed_write("replica", buffer_slice(&bytes));
	buffer_deinit(&bytes);
	seed_write_text("replica", "node2:10002,n3=10.0.0.3:10003,[::1]:4");
}

void
seeds_nodes(void)
{
	seed_bodies();
	seed_replica();
	seed_envelope(ENVELOPE_PING, slice_of("12345678", 8));
	seed_envelope(ENVELOPE_PONG, slice_of("12345678", 8));
	seed_envelope(ENVELOPE_HELLO, slice_of_string("a hello"));
	seed_envelope(ENVELOPE_REFUSE, SLICE_EMPTY);
	seed_envelope(ENVELOPE_CHARTER, slice_of_string("a charter"));
	seed_envelope(ENVELOPE_FRAME, slice_of_string("a frame"));
}
