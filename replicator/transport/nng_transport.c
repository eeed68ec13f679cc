#include "replicator/transport/nng_transport.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "replicator/transport/transport_private.h"

/* How often peers are asked whether they are there. */
#define TICK_MS 250

#define WARN_INTERVAL_MS 10000

static const struct transport_ops nng_transport_ops;

static struct nng_transport *
self_of(struct transport *transport)
{
	CHECK(transport->ops == &nng_transport_ops);
	return (struct nng_transport *)transport;
}

enum status
transport_result(int result, const char *what, struct error *err)
{
	enum status status = STATUS_IO;

	if (result == 0)
		return STATUS_OK;
	if (result == NNG_EADDRINUSE)
		status = STATUS_BUSY;
	else if (result == NNG_EADDRINVAL || result == NNG_EINVAL)
		status = STATUS_INVALID;
	else if (result == NNG_ENOTSUP)
		status = STATUS_UNAVAILABLE;
	return error_set(err, status, "%s: %s", what, nng_strerror(result));
}

enum status
transport_url(const struct nng_transport *transport,
    char url[TRANSPORT_URL_BYTES], const char *address, struct error *err)
{
	int size = snprintf(url, TRANSPORT_URL_BYTES, "%s://%s",
	    transport->tls != NULL ? "tls+tcp" : "tcp", address);

	if (size < TRANSPORT_URL_BYTES)
		return STATUS_OK;
	return error_set(
	    err, STATUS_INVALID, "an address of %zu bytes", strlen(address));
}

bool
transport_fits(
    struct nng_transport *transport, enum envelope_kind kind, struct slice body)
{
	uint64_t suppressed;

	if (body.size <= envelope_body_bytes_max(kind))
		return true;
	if (log_limiter_pass(&transport->size_limiter,
		loop_now_ms(transport->loop), &suppressed))
		log_event(LOG_ERROR, "message_too_large",
		    "kind=%s bytes=%zu suppressed=%" PRIu64,
		    envelope_kind_name(kind), body.size, suppressed);
	return false;
}

void
transport_say(struct nng_transport *transport, struct connection *connection,
    uint64_t receiver, enum envelope_kind kind, struct slice body)
{
	struct envelope envelope = transport->self;

	CHECK(body.size <= envelope_body_bytes_max(kind));
	envelope.kind = kind;
	envelope.receiver = receiver;
	connection_send(connection, &envelope, body);
}

void
transport_hand_over(struct nng_transport *transport,
    const struct envelope *envelope, struct slice body,
    struct outbound *outbound, struct inbound *inbound)
{
	struct transport_message message = {envelope, body,
	    outbound != NULL ? outbound_number(outbound) : TRANSPORT_NO_PEER};

	transport->current_outbound = outbound;
	transport->current_inbound = inbound;
	transport->has_handed = true;
	transport->handlers.on_message(transport->handlers.context, &message);
	transport->current_outbound = NULL;
	transport->current_inbound = NULL;
}

struct connection_options
transport_connection_options(struct nng_transport *transport)
{
	return (struct connection_options){.loop = transport->loop,
	    .mailbox = transport->mailbox,
	    .all = &transport->connections,
	    .queue_messages_max = transport->queue_messages_max,
	    .queue_bytes_max = transport->queue_bytes_max};
}

void
transport_aio_stop(nng_aio *aio, bool is_under_way)
{
	nng_aio_stop(aio);
	if (is_under_way && nng_aio_result(aio) == 0)
		nng_stream_free(nng_aio_get_output(aio, 0));
}

static void
accept_start(struct nng_transport *transport)
{
	transport->is_accepting = true;
	nng_stream_listener_accept(transport->listener, transport->accept_aio);
}

static void
on_accepted(struct nng_transport *transport)
{
	int result = nng_aio_result(transport->accept_aio);

	transport->is_accepting = false;
	/* Out of descriptors, perhaps: the next tick tries again. */
	if (result != 0)
		return;
	inbound_create(transport, nng_aio_get_output(transport->accept_aio, 0));
	accept_start(transport);
}

static void
on_tick(void *context)
{
	struct nng_transport *transport = context;

	transport->is_inside = true;
	for (size_t i = 0; i < TRANSPORT_PEERS_MAX; i++) {
		if (transport->peers[i] != NULL)
			outbound_tick(transport->peers[i]);
	}
	inbound_tick_all(&transport->inbounds);
	if (!transport->is_accepting)
		accept_start(transport);
	transport->is_inside = false;
	loop_timer_start(transport->tick, TICK_MS);
}

static void
on_mail(void *context)
{
	struct nng_transport *transport = context;
	struct mailbox_list list = STAILQ_HEAD_INITIALIZER(list);
	struct mailbox_item *item;

	transport->is_inside = true;
	mailbox_take(transport->mailbox, &list);
	while ((item = STAILQ_FIRST(&list)) != NULL) {
		struct transport_mail *mail = (struct transport_mail *)item;

		STAILQ_REMOVE_HEAD(&list, link);
		switch (mail->kind) {
		case TRANSPORT_MAIL_ACCEPTED:
			on_accepted(transport);
			break;
		case TRANSPORT_MAIL_DIALED:
			outbound_on_dialed(mail->owner);
			break;
		case TRANSPORT_MAIL_RECEIVED:
		case TRANSPORT_MAIL_SENT:
			connection_on_mail(mail);
			break;
		}
	}
	if (transport->has_handed) {
		transport->has_handed = false;
		transport->handlers.on_batch_end(transport->handlers.context);
	}
	transport->is_inside = false;
}

static enum status
listener_open(
    struct nng_transport *transport, const char *address, struct error *err)
{
	char url[TRANSPORT_URL_BYTES];
	nng_tls_config *config;
	enum status status;
	int result;

	if (transport_url(transport, url, address, err) != STATUS_OK)
		return err->code;
	result = nng_stream_listener_alloc(&transport->listener, url);
	if (result != 0)
		transport->listener = NULL;
	if (result == 0 && transport->tls != NULL) {
		status = tls_config(transport->tls, NULL, &config, err);
		if (status != STATUS_OK)
			return status;
		result = nng_stream_listener_set_ptr(
		    transport->listener, NNG_OPT_TLS_CONFIG, config);
		nng_tls_config_free(config);
	}
	if (result == 0)
		result = nng_stream_listener_listen(transport->listener);
	return transport_result(result, "listen", err);
}

static enum status
transport_open(struct nng_transport *transport,
    const struct nng_transport_options *options, struct error *err)
{
	enum status status;

	if (options->tls != NULL) {
		status = tls_open(options->tls, &transport->tls, err);
		if (status != STATUS_OK)
			return status;
	}
	transport->accepted.kind = TRANSPORT_MAIL_ACCEPTED;
	transport->accepted.mailbox = transport->mailbox;
	transport->accepted.owner = transport;
	CHECK(nng_aio_alloc(&transport->accept_aio, transport_mail_put,
		  &transport->accepted) == 0);
	status = listener_open(transport, options->listen, err);
	if (status != STATUS_OK)
		return status;
	accept_start(transport);
	return STATUS_OK;
}

enum status
nng_transport_create(struct loop *loop,
    const struct nng_transport_options *options, struct transport **out,
    struct error *err)
{
	struct nng_transport *transport = mem_new(sizeof(*transport));

	CHECK(options->incarnation != 0);
	CHECK(options->queue_messages_max > 0 && options->queue_bytes_max > 0);
	CHECK(options->handlers.on_message != NULL &&
	    options->handlers.on_batch_end != NULL &&
	    options->handlers.on_link != NULL);
	*out = NULL;
	transport->transport.ops = &nng_transport_ops;
	transport->loop = loop;
	transport->handlers = options->handlers;
	transport->self.incarnation = options->incarnation;
	transport->queue_messages_max = options->queue_messages_max;
	transport->queue_bytes_max = options->queue_bytes_max;
	transport->limiter.interval_ms = WARN_INTERVAL_MS;
	transport->size_limiter.interval_ms = WARN_INTERVAL_MS;
	LIST_INIT(&transport->leaving);
	LIST_INIT(&transport->inbounds);
	LIST_INIT(&transport->connections);
	transport->mailbox = mailbox_create(loop, on_mail, transport);
	transport->tick = loop_timer_create(loop, on_tick, transport);
	loop_timer_start(transport->tick, TICK_MS);
	if (transport_open(transport, options, err) != STATUS_OK) {
		transport_close(&transport->transport);
		return error_wrap(err, "address %s", options->listen);
	}
	*out = &transport->transport;
	return STATUS_OK;
}

uint16_t
nng_transport_port(const struct transport *transport)
{
	const struct nng_transport *self =
	    (const struct nng_transport *)transport;
	int port = 0;

	CHECK(nng_stream_listener_get_int(
		  self->listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0);
	return (uint16_t)port;
}

void
nng_transport_counts(
    const struct transport *transport, struct nng_transport_counts *out)
{
	*out = ((const struct nng_transport *)transport)->counts;
}

static void
set_self(struct transport *base, const uint8_t cluster_id[CLUSTER_ID_BYTES],
    uint64_t id)
{
	struct nng_transport *transport = self_of(base);

	memcpy(transport->self.cluster_id, cluster_id, CLUSTER_ID_BYTES);
	transport->self.sender = id;
}

static struct outbound *
peer_at(const struct nng_transport *transport, size_t number)
{
	CHECK(number < TRANSPORT_PEERS_MAX);
	CHECK(transport->peers[number] != NULL);
	return transport->peers[number];
}

static enum status
add_peer(struct transport *base, const char *name, const char *address,
    size_t *number, struct error *err)
{
	struct nng_transport *transport = self_of(base);

	for (*number = 0; *number < TRANSPORT_PEERS_MAX; ++*number) {
		if (transport->peers[*number] == NULL)
			return outbound_create(transport, *number, name,
			    address, &transport->peers[*number], err);
	}
	return error_set(
	    err, STATUS_INVALID, "more than %d peers", TRANSPORT_PEERS_MAX);
}

static void
remove_peer(struct transport *base, size_t number)
{
	struct nng_transport *transport = self_of(base);
	struct outbound *outbound = peer_at(transport, number);

	transport->peers[number] = NULL;
	if (transport->current_outbound == outbound)
		transport->current_outbound = NULL;
	outbound_remove(outbound);
}

static enum status
set_peer_address(struct transport *base, size_t number, const char *address,
    struct error *err)
{
	return outbound_set_address(
	    peer_at(self_of(base), number), address, err);
}

static void
set_peer_id(struct transport *base, size_t number, uint64_t id)
{
	outbound_set_id(peer_at(self_of(base), number), id);
}

static void
send_to_peer(struct transport *base, size_t number, enum envelope_kind kind,
    struct slice body)
{
	outbound_send(peer_at(self_of(base), number), kind, body);
}

static void
answer(struct transport *base, enum envelope_kind kind, struct slice body)
{
	struct nng_transport *transport = self_of(base);

	if (transport->current_inbound != NULL)
		inbound_answer(transport->current_inbound, kind, body);
	else if (transport->current_outbound != NULL)
		outbound_send(transport->current_outbound, kind, body);
}

static void
peer_status(const struct transport *base, size_t number,
    struct transport_peer_status *out)
{
	outbound_status(
	    peer_at((const struct nng_transport *)base, number), out);
}

static void
close_transport(struct transport *base)
{
	struct nng_transport *transport = self_of(base);

	CHECK(!transport->is_inside);
	for (size_t i = 0; i < TRANSPORT_PEERS_MAX; i++) {
		if (transport->peers[i] != NULL)
			outbound_leave(
			    transport->peers[i], &transport->leaving);
	}
	outbound_stop_all(&transport->leaving);
	if (transport->listener != NULL)
		nng_stream_listener_close(transport->listener);
	if (transport->accept_aio != NULL)
		transport_aio_stop(
		    transport->accept_aio, transport->is_accepting);
	inbound_close_all(&transport->inbounds);
	connection_discard_all(&transport->connections, transport->mailbox);
	outbound_free_all(&transport->leaving);
	if (transport->accept_aio != NULL)
		nng_aio_free(transport->accept_aio);
	if (transport->listener != NULL)
		nng_stream_listener_free(transport->listener);
	tls_close(transport->tls);
	loop_timer_close(transport->tick);
	mailbox_close(transport->mailbox);
	mem_free(transport);
}

static const struct transport_ops nng_transport_ops = {
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
