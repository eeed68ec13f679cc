#include "tests/support/transport/node.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_MESSAGES_MAX 4096

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

const uint8_t node_cluster[CLUSTER_ID_BYTES] = "0123456789abcdef";

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
		else
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
	if (!is_up && node->removes_lost)
		transport_remove_peer(node->transport, peer);
}

enum status
node_open(struct node *node, struct loop *loop, uint64_t id, const char *listen,
    const struct tls_files *tls, size_t queue_messages_max, struct error *err)
{
	struct nng_transport_options options = {.listen = listen,
	    .tls = tls,
	    .incarnation = id + 1000,
	    .queue_messages_max = queue_messages_max,
	    .queue_bytes_max = (size_t)1 << 20,
	    .handlers = {on_message, on_batch_end, on_link, node}};
	enum status status;

	*node = (struct node){.loop = loop, .id = id};
	status = nng_transport_create(loop, &options, &node->transport, err);
	if (status != STATUS_OK)
		return status;
	transport_set_self(node->transport, node_cluster, id);
	snprintf(node->address, sizeof(node->address), "127.0.0.1:%u",
	    nng_transport_port(node->transport));
	return STATUS_OK;
}

void
node_init(struct node *node, struct loop *loop, uint64_t id,
    const struct tls_files *tls)
{
	struct error err;

	ASSERT_OK(node_open(node, loop, id, "127.0.0.1:0", tls,
		      QUEUE_MESSAGES_MAX, &err),
	    &err);
}

void
node_deinit(struct node *node)
{
	transport_close(node->transport);
	node->transport = NULL;
	buffer_deinit(&node->last);
}

size_t
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

bool
node_loop_await(struct loop *loop, bool (*is_done)(void *context),
    void *context, unsigned patience_ms)
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

void
node_loop_pass(struct loop *loop, unsigned ms)
{
	node_loop_await(loop, never, NULL, ms);
}

bool
node_is_up(void *context)
{
	const struct node *node = context;

	return node->up > 0;
}

bool
node_is_down(void *context)
{
	return !node_is_up(context);
}

bool
node_has_frame(void *context)
{
	const struct node *node = context;

	return node->frames > 0;
}

bool
node_has_refusal(void *context)
{
	const struct node *node = context;

	return node->refusals > 0;
}

bool
node_has_answer(void *context)
{
	const struct node *node = context;

	return node->answers > 0;
}

size_t
node_pair_init(struct node *one, struct node *two, struct loop *loop,
    const struct tls_files *tls)
{
	size_t peer;

	node_init(one, loop, 1, tls);
	node_init(two, loop, 2, tls);
	peer = node_dial(one, "two", two->address, 2);
	NODE_AWAIT(node_is_up, one);
	return peer;
}
