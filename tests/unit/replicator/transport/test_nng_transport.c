#include "replicator/transport/nng_transport.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "replicator/protocol/refusal.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define PATIENCE_MS 20000

/*
 * nng counts references with atomics of its own, which the thread sanitizer
 * cannot see; so it takes the end of what was counted for a race.
 */
const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
	return "race:pthread_mutex_destroy\n";
}

static const uint8_t cluster[CLUSTER_ID_BYTES] = "0123456789abcdef";

/* A node, and what it was told. */
struct node {
	struct loop *loop;
	struct transport *transport;
	uint64_t id;
	char address[32];
	unsigned frames;
	unsigned hellos;
	unsigned answers; /* HELLOs over the connection to a peer */
	unsigned batches;
	unsigned refusals;
	enum refusal refusal;
	size_t up; /* links */
	bool is_answering;
	uint64_t next; /* number that the next frame must have, or more */
	unsigned gaps;
	struct buffer last;
};

/* Of the nodes that are made next. */
static size_t queue_messages_max = 4096;

static void
on_message(void *context, const struct transport_message *message)
{
	struct node *node = context;
	struct error err;

	switch (message->envelope->kind) {
	case ENVELOPE_FRAME:
		node->frames++;
		CU_ASSERT_EQUAL(message->envelope->receiver, node->id);
		CU_ASSERT_EQUAL(message->peer, TRANSPORT_NO_PEER);
		break;
	case ENVELOPE_HELLO:
		node->hellos++;
		if (message->peer != TRANSPORT_NO_PEER)
			node->answers++;
		else if (node->is_answering)
			transport_answer(
			    node->transport, ENVELOPE_HELLO, message->body);
		break;
	case ENVELOPE_REFUSE:
		node->refusals++;
		ASSERT_OK(
		    refusal_decode(message->body, &node->refusal, &err), &err);
		break;
	default:
		break;
	}
	buffer_clear(&node->last, SIZE_MAX);
	buffer_append_slice(&node->last, message->body);
	if (message->body.size == 8) {
		uint64_t number;

		memcpy(&number, message->body.data, 8);
		CU_ASSERT_TRUE(number >= node->next);
		node->gaps += number != node->next;
		node->next = number + 1;
	}
}

static void
on_batch_end(void *context)
{
	struct node *node = context;

	node->batches++;
}

static void
on_link(void *context, size_t peer, bool is_up)
{
	struct node *node = context;

	node->up += is_up ? 1 : (size_t)-1;
}

static enum status
node_open(struct node *node, struct loop *loop, uint64_t id, const char *listen,
    const struct tls_files *tls, struct error *err)
{
	struct nng_transport_options options = {.listen = listen,
	    .tls = tls,
	    .incarnation = id + 1000,
	    .queue_messages_max = queue_messages_max,
	    .queue_bytes_max = (size_t)1 << 20,
	    .handlers = {on_message, on_batch_end, on_link, node}};
	enum status status;

	*node = (struct node){.loop = loop, .id = id, .is_answering = true};
	status = nng_transport_create(loop, &options, &node->transport, err);
	if (status != STATUS_OK)
		return status;
	transport_set_self(node->transport, cluster, id);
	snprintf(node->address, sizeof(node->address), "127.0.0.1:%u",
	    nng_transport_port(node->transport));
	return STATUS_OK;
}

static void
node_init(struct node *node, struct loop *loop, uint64_t id,
    const struct tls_files *tls)
{
	struct error err;

	ASSERT_OK(node_open(node, loop, id, "127.0.0.1:0", tls, &err), &err);
}

static void
node_deinit(struct node *node)
{
	transport_close(node->transport);
	node->transport = NULL;
	buffer_deinit(&node->last);
}

static size_t
node_dial(struct node *node, const char *name, const char *address, uint64_t id)
{
	struct error err;
	size_t peer;

	ASSERT_OK(
	    transport_add_peer(node->transport, name, address, &peer, &err),
	    &err);
	transport_set_peer_id(node->transport, peer, id);
	return peer;
}

struct waiting {
	struct loop *loop;
	struct loop_timer *timer;
	bool (*is_done)(void *context);
	void *context;
	unsigned left_ms;
	bool is_done_now;
};

static void
on_wait(void *context)
{
	struct waiting *waiting = context;

	waiting->is_done_now = waiting->is_done(waiting->context);
	if (waiting->is_done_now || waiting->left_ms-- == 0)
		loop_stop(waiting->loop);
	else
		loop_timer_start(waiting->timer, 1);
}

/* Turns the loop until it is done; false if that takes too long. */
static bool
await(struct loop *loop, bool (*is_done)(void *context), void *context,
    unsigned patience_ms)
{
	struct waiting waiting = {.loop = loop,
	    .is_done = is_done,
	    .context = context,
	    .left_ms = patience_ms};

	waiting.timer = loop_timer_create(loop, on_wait, &waiting);
	loop_timer_start(waiting.timer, 0);
	loop_run(loop);
	loop_timer_close(waiting.timer);
	return waiting.is_done_now;
}

static bool
never(void *context)
{
	return false;
}

static void
let_pass(struct loop *loop, unsigned ms)
{
	await(loop, never, NULL, ms);
}

static bool
is_up(void *context)
{
	const struct node *node = context;

	return node->up > 0;
}

static bool
is_down(void *context)
{
	return !is_up(context);
}

#define AWAIT(condition, node) \
	CU_ASSERT_TRUE_FATAL(await((node)->loop, condition, node, PATIENCE_MS))

static bool
has_frame(void *context)
{
	const struct node *node = context;

	return node->frames > 0;
}

static bool
has_refusal(void *context)
{
	const struct node *node = context;

	return node->refusals > 0;
}

static bool
has_answer(void *context)
{
	const struct node *node = context;

	return node->answers > 0;
}

/* Two nodes, of which the first has dialed the second. */
static size_t
pair_init(struct node *one, struct node *two, struct loop *loop,
    const struct tls_files *tls)
{
	size_t peer;

	node_init(one, loop, 1, tls);
	node_init(two, loop, 2, tls);
	peer = node_dial(one, "two", two->address, 2);
	AWAIT(is_up, one);
	return peer;
}

static void
frames_of_every_size_arrive(const struct tls_files *tls)
{
	static const size_t sizes[] = {0, 1, 71, 72, 65536 - 72, 65536, 65537,
	    1 << 20, ENVELOPE_BODY_BYTES_MAX};
	struct loop *loop = loop_create();
	struct rng rng = rng_seeded(suite_seed());
	struct buffer body = {0};
	struct node one;
	struct node two;
	size_t peer = pair_init(&one, &two, loop, tls);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *bytes;

		buffer_clear(&body, SIZE_MAX);
		bytes = buffer_reserve(&body, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j += 8)
			bytes[j] = (uint8_t)rng_next(&rng);
		memset(bytes + sizes[i] / 2, (int)i, sizes[i] - sizes[i] / 2);
		buffer_commit(&body, sizes[i]);
		two.frames = 0;
		/* On a slow machine the largest may look like silence. */
		for (int tries = 0; tries < 8 && two.frames == 0; tries++) {
			AWAIT(is_up, &one);
			transport_send(one.transport, peer, ENVELOPE_FRAME,
			    buffer_slice(&body));
			await(loop, has_frame, &two, 4000);
		}
		CU_ASSERT_TRUE(
		    slice_equal(buffer_slice(&two.last), buffer_slice(&body)));
	}
	buffer_deinit(&body);
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static void
frames_of_every_size_arrive_over_tcp(void)
{
	frames_of_every_size_arrive(NULL);
}

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
	size_t peer = pair_init(&one, &two, loop, NULL);

	for (uint64_t i = 0; i < 1000; i++) {
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of(&i, sizeof(i)));
		if (i % 50 == 49)
			let_pass(loop, 1);
	}
	AWAIT(has_last, &two);
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
	size_t peer;

	queue_messages_max = 64;
	peer = pair_init(&one, &two, loop, NULL);
	queue_messages_max = 4096;
	/* In one turn: nothing goes before its end. */
	for (uint64_t i = 0; i < 1000; i++)
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of(&i, sizeof(i)));
	AWAIT(has_last, &two);
	transport_peer_status(one.transport, peer, &status);
	CU_ASSERT_TRUE(two.frames >= 63 && two.frames <= 64);
	CU_ASSERT_TRUE(status.dropped >= 1000 - 64);
	CU_ASSERT_EQUAL(two.gaps, 1);
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
	size_t peer = pair_init(&one, &two, loop, NULL);

	/* From one that is in no cluster, to whoever hears it. */
	transport_set_self(one.transport, none, 0);
	transport_set_peer_id(one.transport, peer, 0);
	transport_send(one.transport, peer, ENVELOPE_HELLO,
	    slice_of_string("who are you?"));
	AWAIT(has_answer, &one);
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
	size_t peer = pair_init(&one, &two, loop, NULL);

	transport_set_self(one.transport, other, 1);
	transport_send(
	    one.transport, peer, ENVELOPE_FRAME, slice_of_string("frame"));
	AWAIT(has_refusal, &one);
	CU_ASSERT_EQUAL(one.refusal, REFUSAL_WRONG_CLUSTER);
	one.refusals = 0;
	transport_set_self(one.transport, cluster, 1);
	transport_set_peer_id(one.transport, peer, 3);
	let_pass(loop, 300);
	/* Many, but it is said once in a while. */
	for (int i = 0; i < 50; i++)
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of_string("frame"));
	AWAIT(has_refusal, &one);
	CU_ASSERT_EQUAL(one.refusal, REFUSAL_WRONG_SERVER);
	AWAIT(has_50_wrong, &two);
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
		AWAIT(has_malformed, &one);
		one.gaps++;
		CU_ASSERT_EQUAL(one.frames, one.gaps);
		CU_ASSERT_EQUAL(read(fd, &byte, 1), 0);
		close(fd);
	}
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
	    await(loop, has_accepted, &accepting, PATIENCE_MS));
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
	AWAIT(is_up, &one);
	/* It reads nothing: the queue fills, and stays within its bounds. */
	memset(buffer_reserve(&large, 100000), 0, 100000);
	buffer_commit(&large, 100000);
	for (int i = 0; i < 300; i++) {
		transport_send(
		    one.transport, peer, ENVELOPE_FRAME, buffer_slice(&large));
		if (i % 10 == 0)
			let_pass(loop, 1);
		transport_peer_status(one.transport, peer, &status);
		CU_ASSERT_TRUE(status.queued_bytes < (1 << 20) + 100072);
	}
	CU_ASSERT_TRUE(status.dropped > 0);
	CU_ASSERT_TRUE(await(loop, is_down, &one, 3000));
	close(fd);
	/* The next one. What was queued is not sent on it. */
	fd = raw_accept(loop, listening);
	raw_pong(fd);
	AWAIT(is_up, &one);
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
restarted_peer_is_found_again(void)
{
	struct loop *loop = loop_create();
	struct node one;
	struct node two;
	char address[32];
	size_t peer = pair_init(&one, &two, loop, NULL);
	struct error err;

	memcpy(address, two.address, sizeof(address));
	for (int i = 0; i < 10; i++) {
		uint64_t number = 0;

		node_deinit(&two);
		AWAIT(is_down, &one);
		let_pass(loop, i % 3 == 0 ? 200 : 0);
		ASSERT_OK(node_open(&two, loop, 2, address, NULL, &err), &err);
		CU_ASSERT_TRUE(await(loop, is_up, &one, 1000));
		transport_send(one.transport, peer, ENVELOPE_FRAME,
		    slice_of(&number, sizeof(number)));
		AWAIT(has_frame, &two);
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
	size_t peer = pair_init(&one, &two, loop, NULL);
	size_t other;

	node_init(&three, loop, 2, NULL);
	ASSERT_OK(
	    transport_set_peer_address(one.transport, peer, two.address, &err),
	    &err);
	CU_ASSERT_EQUAL(one.up, 1);
	ASSERT_OK(transport_set_peer_address(
		      one.transport, peer, three.address, &err),
	    &err);
	CU_ASSERT_EQUAL(one.up, 0);
	AWAIT(is_up, &one);
	transport_send(
	    one.transport, peer, ENVELOPE_FRAME, slice_of_string("x"));
	AWAIT(has_frame, &three);
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
	AWAIT(is_up, &one);
	transport_peer_status(one.transport, other, &status);
	CU_ASSERT_EQUAL(status.links, 1);
	node_deinit(&one);
	node_deinit(&two);
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
	    node_open(&two, loop, 2, one.address, NULL, &err), STATUS_BUSY);
	CU_ASSERT_EQUAL(
	    transport_add_peer(one.transport, "x", "nonsense", &peer, &err),
	    STATUS_INVALID);
	for (size_t i = 0; i < TRANSPORT_PEERS_MAX; i++)
		node_dial(&one, "two", "127.0.0.1:1", 2);
	CU_ASSERT_EQUAL(
	    transport_add_peer(one.transport, "x", "127.0.0.1:1", &peer, &err),
	    STATUS_INVALID);
	let_pass(loop, 50);
	node_deinit(&one);
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
		let_pass(loop, (unsigned)rng_below(&rng, 12));
		for (size_t j = 0; j < 3; j++) {
			for (size_t k = 0; k < 3; k++)
				transport_send(nodes[j].transport, peers[j][k],
				    ENVELOPE_FRAME, buffer_slice(&body));
		}
		let_pass(loop, (unsigned)rng_below(&rng, 4));
		for (size_t j = 0; j < 3; j++) {
			node_deinit(&nodes[j]);
			if (rng_below(&rng, 2) == 0)
				let_pass(loop, 1);
		}
		loop_close(loop);
	}
	buffer_deinit(&body);
}

/* Certificates of one authority, in a folder. */
struct certificates {
	struct scratch folder;
	char paths[3][PATH_BYTES_MAX];
	struct tls_files files;
};

static void run(const char *format, ...) PRINTF_LIKE(1, 2);

static void
run(const char *format, ...)
{
	char command[4 * PATH_BYTES_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

static void
certificates_init(struct certificates *certificates, const char *name)
{
	static const char request[] = "openssl req -x509 -newkey ec -pkeyopt "
				      "ec_paramgen_curve:P-256 -nodes -days 2";
	const char *folder;

	scratch_init(&certificates->folder);
	folder = certificates->folder.path;
	run("%s -subj /CN=authority -keyout %s/a.key -out %s/a.pem 2>/dev/null",
	    request, folder, folder);
	run("%s -subj /CN=%s -addext subjectAltName=DNS:%s -CA %s/a.pem "
	    "-CAkey %s/a.key -keyout %s/n.key -out %s/n.pem 2>/dev/null",
	    request, name, name, folder, folder, folder, folder);
	path_join(certificates->paths[0], folder, "n.pem");
	path_join(certificates->paths[1], folder, "n.key");
	path_join(certificates->paths[2], folder, "a.pem");
	certificates->files = (struct tls_files){certificates->paths[0],
	    certificates->paths[1], certificates->paths[2]};
}

static void
frames_of_every_size_arrive_over_tls(void)
{
	struct certificates certificates;

	certificates_init(&certificates, "two");
	frames_of_every_size_arrive(&certificates.files);
	scratch_deinit(&certificates.folder);
}

/* Another authority, another name, no TLS on one side or the other. */
static void
who_has_no_right_certificate_is_not_let_in(void)
{
	struct loop *loop = loop_create();
	struct certificates right;
	struct certificates wrong;
	struct node two;
	struct node plain;
	struct node nodes[4];

	certificates_init(&right, "two");
	certificates_init(&wrong, "two");
	node_init(&two, loop, 2, &right.files);
	node_init(&plain, loop, 2, NULL);
	node_init(&nodes[0], loop, 3, &wrong.files);
	node_dial(&nodes[0], "two", two.address, 2);
	node_init(&nodes[1], loop, 4, &right.files);
	node_dial(&nodes[1], "three", two.address, 2);
	node_init(&nodes[2], loop, 5, NULL);
	node_dial(&nodes[2], "two", two.address, 2);
	node_init(&nodes[3], loop, 6, &right.files);
	node_dial(&nodes[3], "two", plain.address, 2);
	let_pass(loop, 1000);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(nodes[i].up, 0);
	/* And the right one still is, meanwhile. */
	node_dial(&nodes[1], "two", two.address, 2);
	AWAIT(is_up, &nodes[1]);
	CU_ASSERT_EQUAL(two.frames + two.hellos + plain.hellos, 0);
	for (int i = 0; i < 4; i++)
		node_deinit(&nodes[i]);
	node_deinit(&plain);
	node_deinit(&two);
	loop_close(loop);
	scratch_deinit(&right.folder);
	scratch_deinit(&wrong.folder);
}

static void
bad_certificates_are_told_at_the_start(void)
{
	struct loop *loop = loop_create();
	struct certificates certificates;
	struct tls_files files;
	struct node node;
	struct error err;

	certificates_init(&certificates, "two");
	files = certificates.files;
	files.key = "/nowhere/key.pem";
	CU_ASSERT_EQUAL(node_open(&node, loop, 1, "127.0.0.1:0", &files, &err),
	    STATUS_NOT_FOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/key.pem"));
	files = certificates.files;
	files.key = files.certificate;
	CU_ASSERT_EQUAL(node_open(&node, loop, 1, "127.0.0.1:0", &files, &err),
	    STATUS_INVALID);
	files = certificates.files;
	files.authority = files.key;
	CU_ASSERT_EQUAL(node_open(&node, loop, 1, "127.0.0.1:0", &files, &err),
	    STATUS_INVALID);
	scratch_deinit(&certificates.folder);
	loop_close(loop);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(frames_of_every_size_arrive_over_tcp),
	    SUITE_CASE(frames_of_every_size_arrive_over_tls),
	    SUITE_CASE(who_has_no_right_certificate_is_not_let_in),
	    SUITE_CASE(bad_certificates_are_told_at_the_start),
	    SUITE_CASE(order_is_kept_and_turns_are_batches),
	    SUITE_CASE(what_no_queue_holds_is_dropped_oldest_first),
	    SUITE_CASE(hello_is_answered_over_its_connection),
	    SUITE_CASE(frames_for_others_are_refused),
	    SUITE_CASE(bytes_that_are_no_envelope_end_their_connection),
	    SUITE_CASE(peer_that_falls_silent_is_given_up_and_dialed_anew),
	    SUITE_CASE(restarted_peer_is_found_again),
	    SUITE_CASE(peers_move_and_go),
	    SUITE_CASE(addresses_are_checked),
	    SUITE_CASE(closing_in_the_middle_of_anything_is_clean),
	};

	log_open("test", LOG_ERROR);
	return suite_run(
	    "nng_transport", cases, SUITE_COUNT(cases), argc, argv);
}
