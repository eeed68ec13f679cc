#include "replicator/transport/inbound.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "replicator/protocol/refusal.h"
#include "replicator/transport/transport_private.h"

/* They ask four times a second whether this node is there. */
#define IDLE_MS 5000
#define INBOUND_MAX 64
/* What waits to be answered to one of them. */
#define ANSWERS_MAX 16

struct inbound {
	struct nng_transport *transport;
	struct connection *connection;
	uint64_t answered_bytes; /* what had come when it was last answered */
	bool has_refused; /* in this tick */
	LIST_ENTRY(inbound) link;
};

static void
inbound_free(struct inbound *inbound)
{
	inbound->transport->inbound_count--;
	LIST_REMOVE(inbound, link);
	mem_free(inbound);
}

static void
on_closed(
    void *context, struct connection *connection, const struct error *reason)
{
	struct inbound *inbound = context;
	struct nng_transport *transport = inbound->transport;
	uint64_t suppressed;

	if (reason->code != STATUS_IO) {
		transport->counts.malformed++;
		if (log_limiter_pass(&transport->limiter,
			loop_now_ms(transport->loop), &suppressed))
			log_event(LOG_WARN, "connection_refused",
			    "reason=\"%s\" suppressed=%" PRIu64, reason->text,
			    suppressed);
	}
	inbound_free(inbound);
}

static void
inbound_pong(struct inbound *inbound, struct slice body)
{
	inbound->answered_bytes =
	    connection_received_bytes(inbound->connection);
	transport_say(
	    inbound->transport, inbound->connection, 0, ENVELOPE_PONG, body);
}

static void
inbound_refuse(struct inbound *inbound, const struct envelope *envelope,
    enum refusal refusal)
{
	struct nng_transport *transport = inbound->transport;
	struct buffer body = {0};
	uint64_t suppressed;

	if (log_limiter_pass(
		&transport->limiter, loop_now_ms(transport->loop), &suppressed))
		log_event(LOG_WARN, "message_refused",
		    "kind=%s sender=%016" PRIx64
		    " reason=\"%s\" suppressed=%" PRIu64,
		    envelope_kind_name(envelope->kind), envelope->sender,
		    refusal_text(refusal), suppressed);
	if (inbound->has_refused)
		return;
	inbound->has_refused = true;
	refusal_encode(refusal, &body);
	transport_say(transport, inbound->connection, envelope->sender,
	    ENVELOPE_REFUSE, buffer_slice(&body));
	buffer_deinit(&body);
}

static void
on_frame(
    struct inbound *inbound, const struct envelope *envelope, struct slice body)
{
	static const uint8_t zeroes[CLUSTER_ID_BYTES];
	struct nng_transport *transport = inbound->transport;
	const struct envelope *self = &transport->self;

	if (memcmp(envelope->cluster_id, self->cluster_id, CLUSTER_ID_BYTES) !=
		0 ||
	    memcmp(envelope->cluster_id, zeroes, CLUSTER_ID_BYTES) == 0) {
		transport->counts.wrong_cluster++;
		inbound_refuse(inbound, envelope, REFUSAL_WRONG_CLUSTER);
	} else if (envelope->receiver != self->sender ||
	    envelope->sender == 0) {
		transport->counts.wrong_server++;
		inbound_refuse(inbound, envelope, REFUSAL_WRONG_SERVER);
	} else {
		transport_hand_over(transport, envelope, body, NULL, inbound);
	}
}

static void
on_envelope(void *context, struct connection *connection,
    const struct envelope *envelope, struct slice body)
{
	struct inbound *inbound = context;

	switch (envelope->kind) {
	case ENVELOPE_PING:
		inbound_pong(inbound, body);
		return;
	case ENVELOPE_HELLO:
	case ENVELOPE_CHARTER:
	case ENVELOPE_REFUSE:
		transport_hand_over(
		    inbound->transport, envelope, body, NULL, inbound);
		return;
	case ENVELOPE_FRAME:
		on_frame(inbound, envelope, body);
		return;
	case ENVELOPE_PONG:
		inbound->transport->counts.malformed++;
		return;
	}
}

static void
tick(struct inbound *inbound)
{
	inbound->has_refused = false;
	/*
	 * Something large may be on its way for longer than its sender waits
	 * for an answer: what came of it is the sign of life.
	 */
	if (connection_received_bytes(inbound->connection) !=
	    inbound->answered_bytes)
		inbound_pong(inbound, SLICE_EMPTY);
}

void
inbound_create(struct nng_transport *transport, nng_stream *stream)
{
	struct inbound *inbound;
	struct connection_options options =
	    transport_connection_options(transport);

	if (transport->inbound_count == INBOUND_MAX) {
		transport->counts.refused++;
		nng_stream_free(stream);
		return;
	}
	inbound = mem_new(sizeof(*inbound));
	inbound->transport = transport;
	LIST_INSERT_HEAD(&transport->inbounds, inbound, link);
	transport->inbound_count++;
	transport->counts.accepted++;
	options.idle_ms = IDLE_MS;
	options.queue_messages_max = ANSWERS_MAX;
	options.on_envelope = on_envelope;
	options.on_closed = on_closed;
	options.context = inbound;
	inbound->connection = connection_create(&options, stream);
}

void
inbound_tick_all(struct inbound_list *inbounds)
{
	struct inbound *inbound;

	LIST_FOREACH(inbound, inbounds, link) {
		tick(inbound);
	}
}

void
inbound_answer(
    struct inbound *inbound, enum envelope_kind kind, struct slice body)
{
	if (transport_fits(inbound->transport, kind, body))
		transport_say(
		    inbound->transport, inbound->connection, 0, kind, body);
}

void
inbound_close_all(struct inbound_list *inbounds)
{
	struct inbound *inbound;

	while ((inbound = LIST_FIRST(inbounds)) != NULL) {
		connection_close(inbound->connection);
		inbound_free(inbound);
	}
}
