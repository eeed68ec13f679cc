#include "replicator/transport/nng_transport.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "replicator/protocol/refusal.h"
#include "tests/support/transport/node.h"

static bool
has_last(void *context)
{
	const struct node *node = context;

	return node->next == 1000;
}

static void
order_is_kept_and_turns_are_batches(void)
{
	struct loop *loop = loop_create();
	struct transport_peer_status status;
	struct node one;
	struct node two;
	size_t peer = node_pair_init(&one, &two, loop, NULL);

	for (uint64_t i = 0; i < 1000; i++) {
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of(&i, sizeof(i)));
		if (i % 50 == 49)
			node_loop_pass(loop, 1);
	}
	NODE_AWAIT(has_last, &two);
	CU_ASSERT_EQUAL(two.gaps, 0);
	CU_ASSERT_EQUAL(two.frames, 1000);
	CU_ASSERT_TRUE(two.batches < 1000);
	transport_peer_status(one.transport, peer, &status);
	CU_ASSERT_TRUE(status.is_up);
	CU_ASSERT_EQUAL(status.dropped, 0);
	CU_ASSERT_TRUE(status.sent >= 1000);
	CU_ASSERT_TRUE(status.round_trip_ns > 0);
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static void
what_no_queue_holds_is_dropped_oldest_first(void)
{
	struct loop *loop = loop_create();
	struct transport_peer_status status;
	struct node one;
	struct node two;
	struct error err;
	size_t peer;

	ASSERT_OK(
	    node_open(&one, loop, 1, "127.0.0.1:0", NULL, 64, &err), &err);
	node_init(&two, loop, 2, NULL);
	peer = node_dial(&one, "two", two.address, 2);
	NODE_AWAIT(node_is_up, &one);
	/* In one turn: nothing goes before its end. */
	for (uint64_t i = 0; i < 1000; i++)
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of(&i, sizeof(i)));
	NODE_AWAIT(has_last, &two);
	transport_peer_status(one.transport, peer, &status);
	CU_ASSERT_TRUE(two.frames >= 63 && two.frames <= 64);
	CU_ASSERT_TRUE(status.dropped >= 1000 - 64);
	CU_ASSERT_EQUAL(two.gaps, 1);
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static void
what_is_too_large_is_not_sent(void)
{
	size_t size = ENVELOPE_BODY_BYTES_MAX + 1;
	uint8_t *body = mem_new(size);
	struct loop *loop = loop_create();
	struct transport_peer_status status;
	struct node one;
	struct node two;
	size_t peer = node_pair_init(&one, &two, loop, NULL);

	transport_send(
	    one.transport, peer, ENVELOPE_FRAME, slice_of(body, size));
	transport_send(
	    one.transport, peer, ENVELOPE_REFUSE, slice_of(body, 65));
	transport_peer_status(one.transport, peer, &status);
	CU_ASSERT_EQUAL(status.dropped, 2);
	CU_ASSERT_EQUAL(status.queued_bytes, 0);
	mem_free(body);
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static void
hello_is_answered_over_its_connection(void)
{
	static const uint8_t none[CLUSTER_ID_BYTES];
	struct loop *loop = loop_create();
	struct node one;
	struct node two;
	size_t peer = node_pair_init(&one, &two, loop, NULL);

	/* From one that is in no cluster, to whoever hears it. */
	transport_set_self(one.transport, none, 0);
	transport_set_peer_id(one.transport, peer, 0);
	transport_send(one.transport, peer, ENVELOPE_HELLO,
	    slice_of_string("who are you?"));
	NODE_AWAIT(node_has_answer, &one);
	CU_ASSERT_EQUAL(two.answers, 0);
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&one.last), slice_of_string("who are you?")));
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static bool
has_50_wrong(void *context)
{
	struct node *node = context;
	struct nng_transport_counts counts;

	nng_transport_counts(node->transport, &counts);
	return counts.wrong_server == 50;
}

static void
frames_for_others_are_refused(void)
{
	static const uint8_t other[CLUSTER_ID_BYTES] = "another cluster";
	struct loop *loop = loop_create();
	struct nng_transport_counts counts;
	struct node one;
	struct node two;
	size_t peer = node_pair_init(&one, &two, loop, NULL);

	transport_set_self(one.transport, other, 1);
	transport_send(
	    one.transport, peer, ENVELOPE_FRAME, slice_of_string("frame"));
	NODE_AWAIT(node_has_refusal, &one);
	CU_ASSERT_EQUAL(one.refusal, REFUSAL_WRONG_CLUSTER);
	one.refusals = 0;
	transport_set_self(one.transport, node_cluster, 1);
	transport_set_peer_id(one.transport, peer, 3);
	node_loop_pass(loop, 300);
	/* Many, but it is said once in a while. */
	for (int i = 0; i < 50; i++)
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of_string("frame"));
	NODE_AWAIT(node_has_refusal, &one);
	CU_ASSERT_EQUAL(one.refusal, REFUSAL_WRONG_SERVER);
	NODE_AWAIT(has_50_wrong, &two);
	CU_ASSERT_TRUE(one.refusals <= 2);
	CU_ASSERT_EQUAL(two.frames, 0);
	nng_transport_counts(two.transport, &counts);
	CU_ASSERT_EQUAL(counts.wrong_cluster, 1);
	CU_ASSERT_EQUAL(counts.wrong_server, 50);
	CU_ASSERT_EQUAL(counts.malformed, 0);
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static int
raw_connect(const struct node *node)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(nng_transport_port(node->transport)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(
	    connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static bool
has_malformed(void *context)
{
	struct node *node = context;
	struct nng_transport_counts counts;

	nng_transport_counts(node->transport, &counts);
	return counts.malformed > node->gaps;
}

/* Any flipped bit ends the connection, and nothing else. */
static void
bytes_that_are_no_envelope_end_their_connection(void)
{
	static const struct envelope sample = {.kind = ENVELOPE_FRAME,
	    .cluster_id = "0123456789abcdef",
	    .sender = 2,
	    .receiver = 1,
	    .incarnation = 5};
	uint8_t bytes[ENVELOPE_HEAD_BYTES + 20] = {0};
	struct slice body = slice_of(bytes + ENVELOPE_HEAD_BYTES, 20);
	struct rng rng = rng_seeded(suite_seed());
	struct loop *loop = loop_create();
	struct node one;

	node_init(&one, loop, 1, NULL);
	for (int i = 0; i < 60; i++) {
		size_t bit = rng_below(&rng, 8 * sizeof(bytes));
		int fd = raw_connect(&one);
		char byte;

		envelope_encode(bytes, &sample, body);
		CU_ASSERT_EQUAL(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT_EQUAL(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		NODE_AWAIT(has_malformed, &one);
		one.gaps++;
		CU_ASSERT_EQUAL(one.frames, one.gaps);
		CU_ASSERT_EQUAL(read(fd, &byte, 1), 0);
		close(fd);
	}
	node_deinit(&one);
	loop_close(loop);
}

static bool
has_last_of_raw(void *context)
{
	const struct node *node = context;

	return node->frames == 300;
}

static void
envelopes_arrive_whole_however_they_are_cut(void)
{
	static const struct envelope sample = {.kind = ENVELOPE_FRAME,
	    .cluster_id = "0123456789abcdef",
	    .sender = 2,
	    .receiver = 1,
	    .incarnation = 5};
	struct rng rng = rng_seeded(suite_seed());
	struct loop *loop = loop_create();
	struct buffer stream = {0};
	struct node one;
	int fd;

	for (uint64_t i = 0; i < 300; i++) {
		uint8_t head[ENVELOPE_HEAD_BYTES];
		uint8_t body[600] = {0};
		size_t size = i % 2 == 0 ? 8 : rng_below(&rng, sizeof(body));

		/* Numbered, to be checked by the node; but not all of them. */
		size += size == 8 && i % 2 == 1;
		memcpy(body, &i, sizeof(i));
		envelope_encode(head, &sample, slice_of(body, size));
		buffer_append(&stream, head, sizeof(head));
		buffer_append(&stream, body, size);
	}
	node_init(&one, loop, 1, NULL);
	fd = raw_connect(&one);
	while (buffer_size(&stream) > 0) {
		size_t size = 1 + rng_below(&rng, 700);

		if (size > buffer_size(&stream))
			size = buffer_size(&stream);
		CU_ASSERT_EQUAL_FATAL(
		    write(fd, stream.data + stream.start, size), size);
		buffer_consume(&stream, size);
		if (rng_below(&rng, 4) == 0)
			node_loop_pass(loop, 1);
	}
	NODE_AWAIT(has_last_of_raw, &one);
	CU_ASSERT_EQUAL(one.next, 299);
	close(fd);
	buffer_deinit(&stream);
	node_deinit(&one);
	loop_close(loop);
}

/* A listening socket that says what it is told to. */
static int
raw_listen(char address[32])
{
	struct sockaddr_in name = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(
	    bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 16), 0);
	CU_ASSERT_EQUAL_FATAL(
	    getsockname(fd, (struct sockaddr *)&name, &size), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(name.sin_port));
	return fd;
}

struct accepting {
	int listening;
	int fd;
};

static bool
has_accepted(void *context)
{
	struct accepting *accepting = context;

	accepting->fd = accept(accepting->listening, NULL, NULL);
	return accepting->fd >= 0;
}

static int
raw_accept(struct loop *loop, int listening)
{
	struct accepting accepting = {listening, -1};

	CU_ASSERT_TRUE_FATAL(
	    node_loop_await(loop, has_accepted, &accepting, NODE_PATIENCE_MS));
	return accepting.fd;
}

static void
raw_pong(int fd)
{
	static const struct envelope pong = {
	    .kind = ENVELOPE_PONG, .sender = 2, .incarnation = 5};
	uint8_t head[ENVELOPE_HEAD_BYTES];

	envelope_encode(head, &pong, SLICE_EMPTY);
	CU_ASSERT_EQUAL(write(fd, head, sizeof(head)), sizeof(head));
}

/* As a process that is stopped, or a network that is cut. */
static void
peer_that_falls_silent_is_given_up_and_dialed_anew(void)
{
	struct loop *loop = loop_create();
	struct transport_peer_status status;
	struct buffer large = {0};
	struct node one;
	char address[32];
	int listening = raw_listen(address);
	size_t peer;
	int fd;

	node_init(&one, loop, 1, NULL);
	peer = node_dial(&one, "two", address, 2);
	fd = raw_accept(loop, listening);
	raw_pong(fd);
	NODE_AWAIT(node_is_up, &one);
	/* It reads nothing: the queue fills, and stays within its bounds. */
	memset(buffer_reserve(&large, 100000), 0, 100000);
	buffer_commit(&large, 100000);
	for (int i = 0; i < 300; i++) {
		transport_send(
		    one.transport, peer, ENVELOPE_FRAME, buffer_slice(&large));
		if (i % 10 == 0)
			node_loop_pass(loop, 1);
		transport_peer_status(one.transport, peer, &status);
		CU_ASSERT_TRUE(status.queued_bytes < (1 << 20) + 100072);
	}
	CU_ASSERT_TRUE(status.dropped > 0);
	CU_ASSERT_TRUE(node_loop_await(loop, node_is_down, &one, 3000));
	close(fd);
	/* The next one. What was queued is not sent on it. */
	fd = raw_accept(loop, listening);
	raw_pong(fd);
	NODE_AWAIT(node_is_up, &one);
	transport_peer_status(one.transport, peer, &status);
	CU_ASSERT_EQUAL(status.links, 2);
	CU_ASSERT_EQUAL(status.queued_bytes, 0);
	close(fd);
	close(listening);
	buffer_deinit(&large);
	node_deinit(&one);
	loop_close(loop);
}

static void
process_that_was_stopped_itself_blames_nobody(void)
{
	struct loop *loop = loop_create();
	struct transport_peer_status status;
	struct node one;
	char address[32];
	int listening = raw_listen(address);
	size_t peer;
	int fd;

	node_init(&one, loop, 1, NULL);
	peer = node_dial(&one, "two", address, 2);
	fd = raw_accept(loop, listening);
	raw_pong(fd);
	NODE_AWAIT(node_is_up, &one);
	usleep(1500000);
	raw_pong(fd);
	node_loop_pass(loop, 100);
	transport_peer_status(one.transport, peer, &status);
	CU_ASSERT_TRUE(status.is_up);
	CU_ASSERT_EQUAL(status.links, 1);
	close(fd);
	close(listening);
	node_deinit(&one);
	loop_close(loop);
}

static void
restarted_peer_is_found_again(void)
{
	struct loop *loop = loop_create();
	struct node one;
	struct node two;
	char address[32];
	size_t peer = node_pair_init(&one, &two, loop, NULL);
	struct error err;

	memcpy(address, two.address, sizeof(address));
	for (int i = 0; i < 10; i++) {
		uint64_t number = 0;

		node_deinit(&two);
		NODE_AWAIT(node_is_down, &one);
		node_loop_pass(loop, i % 3 == 0 ? 200 : 0);
		ASSERT_OK(
		    node_open(&two, loop, 2, address, NULL, 64, &err), &err);
		CU_ASSERT_TRUE(node_loop_await(loop, node_is_up, &one, 1000));
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of(&number, sizeof(number)));
		NODE_AWAIT(node_has_frame, &two);
	}
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static void
peers_move_and_go(void)
{
	struct loop *loop = loop_create();
	struct transport_peer_status status;
	struct node one;
	struct node two;
	struct node three;
	struct error err;
	size_t peer = node_pair_init(&one, &two, loop, NULL);
	size_t other;

	node_init(&three, loop, 2, NULL);
	ASSERT_OK(
	    transport_set_peer_address(one.transport, peer, two.address, &err),
	    &err);
	CU_ASSERT_EQUAL(one.up, 1);
	ASSERT_OK(transport_set_peer_address(
		      one.transport, peer, three.address, &err),
	    &err);
	NODE_AWAIT(node_is_down, &one);
	NODE_AWAIT(node_is_up, &one);
	transport_send(
	    one.transport, peer, ENVELOPE_FRAME, slice_of_string("x"));
	NODE_AWAIT(node_has_frame, &three);
	CU_ASSERT_EQUAL(two.frames, 0);
	CU_ASSERT_EQUAL(
	    transport_set_peer_address(one.transport, peer, "nonsense", &err),
	    STATUS_INVALID);
	transport_remove_peer(one.transport, peer);
	other = node_dial(&one, "two", two.address, 2);
	CU_ASSERT_EQUAL(other, peer);
	transport_remove_peer(one.transport, other);
	other = node_dial(&one, "two", two.address, 2);
	one.up = 0;
	NODE_AWAIT(node_is_up, &one);
	transport_peer_status(one.transport, other, &status);
	CU_ASSERT_EQUAL(status.links, 1);
	node_deinit(&one);
	node_deinit(&two);
	node_deinit(&three);
	loop_close(loop);
}

/* However it was lost: it went, it moved, or it fell silent. */
static void
peers_may_be_removed_when_their_loss_is_told(void)
{
	struct loop *loop = loop_create();
	struct node one;
	struct node two;
	struct node three;
	struct error err;
	char address[32];
	int listening = raw_listen(address);
	size_t peer = node_pair_init(&one, &two, loop, NULL);
	int fd;

	one.removes_lost = true;
	node_deinit(&two);
	NODE_AWAIT(node_is_down, &one);
	node_init(&three, loop, 3, NULL);
	CU_ASSERT_EQUAL(node_dial(&one, "three", three.address, 3), peer);
	NODE_AWAIT(node_is_up, &one);
	ASSERT_OK(
	    transport_set_peer_address(one.transport, peer, address, &err),
	    &err);
	NODE_AWAIT(node_is_down, &one);
	CU_ASSERT_EQUAL(node_dial(&one, "raw", address, 4), peer);
	fd = raw_accept(loop, listening);
	raw_pong(fd);
	NODE_AWAIT(node_is_up, &one);
	NODE_AWAIT(node_is_down, &one);
	node_loop_pass(loop, 20);
	close(fd);
	close(listening);
	node_deinit(&one);
	node_deinit(&three);
	loop_close(loop);
}

static void
addresses_are_checked(void)
{
	struct loop *loop = loop_create();
	struct node one;
	struct node two;
	struct error err;
	size_t peer;

	node_init(&one, loop, 1, NULL);
	CU_ASSERT_EQUAL(
	    node_open(&two, loop, 2, one.address, NULL, 64, &err), STATUS_BUSY);
	CU_ASSERT_EQUAL(
	    transport_add_peer(one.transport, "x", "nonsense", &peer, &err),
	    STATUS_INVALID);
	for (size_t i = 0; i < TRANSPORT_PEERS_MAX; i++)
		node_dial(&one, "two", "127.0.0.1:1", 2);
	CU_ASSERT_EQUAL(
	    transport_add_peer(one.transport, "x", "127.0.0.1:1", &peer, &err),
	    STATUS_INVALID);
	node_loop_pass(loop, 50);
	node_deinit(&one);
	loop_close(loop);
}

static void
no_host_is_every_interface(void)
{
	struct loop *loop = loop_create();
	struct node one;
	struct node two;
	struct error err;

	node_init(&one, loop, 1, NULL);
	ASSERT_OK(node_open(&two, loop, 2, ":0", NULL, 64, &err), &err);
	node_dial(&one, "two", two.address, 2);
	NODE_AWAIT(node_is_up, &one);
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

/* Closing must not wait for anybody, whatever is under way. */
static void
closing_in_the_middle_of_anything_is_clean(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct buffer body = {0};

	memset(buffer_reserve(&body, 300000), 1, 300000);
	buffer_commit(&body, 300000);
	for (int i = 0; i < 40; i++) {
		struct loop *loop = loop_create();
		struct node nodes[3];
		size_t peers[3][3];

		for (size_t j = 0; j < 3; j++)
			node_init(&nodes[j], loop, j + 1, NULL);
		for (size_t j = 0; j < 3; j++) {
			for (size_t k = 0; k < 3; k++)
				peers[j][k] = node_dial(
				    &nodes[j], "peer", nodes[k].address, k + 1);
		}
		node_loop_pass(loop, (unsigned)rng_below(&rng, 12));
		for (size_t j = 0; j < 3; j++) {
			for (size_t k = 0; k < 3; k++)
				transport_send(nodes[j].transport, peers[j][k],
				    ENVELOPE_FRAME, buffer_slice(&body));
		}
		node_loop_pass(loop, (unsigned)rng_below(&rng, 4));
		for (size_t j = 0; j < 3; j++) {
			node_deinit(&nodes[j]);
			if (rng_below(&rng, 2) == 0)
				node_loop_pass(loop, 1);
		}
		loop_close(loop);
	}
	buffer_deinit(&body);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(order_is_kept_and_turns_are_batches),
	    SUITE_CASE(what_no_queue_holds_is_dropped_oldest_first),
	    SUITE_CASE(hello_is_answered_over_its_connection),
	    SUITE_CASE(frames_for_others_are_refused),
	    SUITE_CASE(bytes_that_are_no_envelope_end_their_connection),
	    SUITE_CASE(envelopes_arrive_whole_however_they_are_cut),
	    SUITE_CASE(what_is_too_large_is_not_sent),
	    SUITE_CASE(peer_that_falls_silent_is_given_up_and_dialed_anew),
	    SUITE_CASE(process_that_was_stopped_itself_blames_nobody),
	    SUITE_CASE(restarted_peer_is_found_again),
	    SUITE_CASE(peers_move_and_go),
	    SUITE_CASE(peers_may_be_removed_when_their_loss_is_told),
	    SUITE_CASE(addresses_are_checked),
	    SUITE_CASE(no_host_is_every_interface),
	    SUITE_CASE(closing_in_the_middle_of_anything_is_clean),
	};

	log_open("test", LOG_ERROR);
	return suite_run(
	    "nng_transport", cases, SUITE_COUNT(cases), argc, argv);
}
