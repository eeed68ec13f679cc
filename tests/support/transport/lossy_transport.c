#include "tests/support/transport/lossy_transport.h"

#include <sys/queue.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/loop/loop.h"

/* Something that will be sent later. */
struct delayed {
	LIST_ENTRY(delayed) link;
	struct lossy_transport *transport;
	struct loop_timer *timer;
	size_t peer;
	enum envelope_kind kind;
	size_t size;
	uint8_t *body;
};

struct lossy_transport {
	struct transport transport; /* first: found by it */
	struct lossy_transport_options options;
	struct loop *loop;
	struct transport *inner;
	struct rng rng;
	bool is_cut[TRANSPORT_PEERS_MAX];
	uint64_t lost;
	LIST_HEAD(, delayed) delayed;
};

static struct lossy_transport *
self_of(const struct transport *transport)
{
	return (struct lossy_transport *)transport;
}

static bool
chance(struct lossy_transport *transport, unsigned percent)
{
	return rng_below(&transport->rng, 100) < percent;
}

static void
set_self(struct transport *transport,
    const uint8_t cluster_id[CLUSTER_ID_BYTES], uint64_t id)
{
	transport_set_self(self_of(transport)->inner, cluster_id, id);
}

static enum status
add_peer(struct transport *transport, const char *name, const char *address,
    size_t *peer, struct error *err)
{
	return transport_add_peer(
	    self_of(transport)->inner, name, address, peer, err);
}

static void
delayed_free(struct delayed *delayed)
{
	LIST_REMOVE(delayed, link);
	loop_timer_close(delayed->timer);
	mem_free(delayed->body);
	mem_free(delayed);
}

static void
remove_peer(struct transport *transport, size_t peer)
{
	struct lossy_transport *self = self_of(transport);
	struct delayed *delayed = LIST_FIRST(&self->delayed);

	while (delayed != NULL) {
		struct delayed *next = LIST_NEXT(delayed, link);

		if (delayed->peer == peer)
			delayed_free(delayed);
		delayed = next;
	}
	self->is_cut[peer] = false;
	transport_remove_peer(self->inner, peer);
}

static enum status
set_peer_address(struct transport *transport, size_t peer, const char *address,
    struct error *err)
{
	return transport_set_peer_address(
	    self_of(transport)->inner, peer, address, err);
}

static void
set_peer_id(struct transport *transport, size_t peer, uint64_t id)
{
	transport_set_peer_id(self_of(transport)->inner, peer, id);
}

static void
on_due(void *context)
{
	struct delayed *delayed = context;

	transport_send(delayed->transport->inner, delayed->peer, delayed->kind,
	    slice_of(delayed->body, delayed->size));
	delayed_free(delayed);
}

static void
delay(struct lossy_transport *self, size_t peer, enum envelope_kind kind,
    struct slice body)
{
	struct delayed *delayed = mem_new(sizeof(*delayed));

	delayed->transport = self;
	delayed->timer = loop_timer_create(self->loop, on_due, delayed);
	delayed->peer = peer;
	delayed->kind = kind;
	delayed->size = body.size;
	delayed->body = mem_dup(body.data, body.size);
	LIST_INSERT_HEAD(&self->delayed, delayed, link);
	loop_timer_start(delayed->timer,
	    rng_below(&self->rng, self->options.delay_max_ms + 1));
}

static void
send_to_peer(struct transport *transport, size_t peer, enum envelope_kind kind,
    struct slice body)
{
	struct lossy_transport *self = self_of(transport);

	CHECK(peer < TRANSPORT_PEERS_MAX);
	if (self->is_cut[peer] || chance(self, self->options.loss_percent)) {
		self->lost++;
		return;
	}
	delay(self, peer, kind, body);
	if (chance(self, self->options.double_percent))
		delay(self, peer, kind, body);
}

static void
answer(struct transport *transport, enum envelope_kind kind, struct slice body)
{
	struct lossy_transport *self = self_of(transport);

	if (chance(self, self->options.loss_percent)) {
		self->lost++;
		return;
	}
	transport_answer(self->inner, kind, body);
	if (chance(self, self->options.double_percent))
		transport_answer(self->inner, kind, body);
}

static void
peer_status(const struct transport *transport, size_t peer,
    struct transport_peer_status *out)
{
	transport_peer_status(self_of(transport)->inner, peer, out);
}

static void
close_transport(struct transport *transport)
{
	struct lossy_transport *self = self_of(transport);

	while (!LIST_EMPTY(&self->delayed))
		delayed_free(LIST_FIRST(&self->delayed));
	transport_close(self->inner);
	mem_free(self);
}

static const struct transport_ops lossy_transport_ops = {
    .set_self = set_self,
    .add_peer = add_peer,
    .remove_peer = remove_peer,
    .set_peer_address = set_peer_address,
    .set_peer_id = set_peer_id,
    .send = send_to_peer,
    .answer = answer,
    .peer_status = peer_status,
    .close = close_transport,
};

struct transport *
lossy_transport_create(struct loop *loop,
    const struct lossy_transport_options *options, struct transport *inner)
{
	struct lossy_transport *self = mem_new(sizeof(*self));

	self->transport.ops = &lossy_transport_ops;
	self->options = *options;
	self->loop = loop;
	self->inner = inner;
	self->rng = rng_seeded(options->seed);
	LIST_INIT(&self->delayed);
	return &self->transport;
}

void
lossy_transport_cut(struct transport *transport, size_t peer, bool is_cut)
{
	CHECK(peer < TRANSPORT_PEERS_MAX);
	self_of(transport)->is_cut[peer] = is_cut;
}

uint64_t
lossy_transport_lost(const struct transport *transport)
{
	return self_of(transport)->lost;
}
