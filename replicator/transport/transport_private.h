/*
 * transport_private - what the parts of the transport share.
 */
#ifndef REPLICATOR_TRANSPORT_TRANSPORT_PRIVATE_H
#define REPLICATOR_TRANSPORT_TRANSPORT_PRIVATE_H

#include "common/log/log.h"
#include "replicator/transport/connection.h"
#include "replicator/transport/inbound.h"
#include "replicator/transport/nng_transport.h"
#include "replicator/transport/outbound.h"

#define TRANSPORT_URL_BYTES 400

struct nng_transport {
	struct transport transport; /* first: found by it */
	struct loop *loop;
	struct mailbox *mailbox;
	struct transport_handlers handlers;
	struct tls *tls; /* NULL: plain */
	struct envelope self; /* of what is sent */
	size_t queue_messages_max;
	size_t queue_bytes_max;
	nng_stream_listener *listener;
	nng_aio *accept_aio;
	struct transport_mail accepted;
	bool is_accepting; /* until the mail is taken out */
	struct loop_timer *tick;
	struct outbound *peers[TRANSPORT_PEERS_MAX];
	struct outbound_list leaving; /* removed, and nng is still at them */
	struct inbound_list inbounds;
	struct connection_list connections;
	size_t inbound_count;
	struct nng_transport_counts counts;
	struct log_limiter limiter;
	struct log_limiter size_limiter;
	/* What is being handed over. */
	struct inbound *current_inbound;
	struct outbound *current_outbound;
	bool is_inside;
	bool has_handed;
};

/* Whether others would take a body of this size; it is logged if not. */
bool transport_fits(struct nng_transport *transport, enum envelope_kind kind,
    struct slice body);

/* Sends over a connection, as this server; a body that fits. */
void
transport_say(struct nng_transport *transport, struct connection *connection,
    uint64_t receiver, enum envelope_kind kind, struct slice body);

/* Gives a message to the owner; one of the last two is NULL. */
void transport_hand_over(struct nng_transport *transport,
    const struct envelope *envelope, struct slice body,
    struct outbound *outbound, struct inbound *inbound);

/* What all connections have in common. */
struct connection_options
transport_connection_options(struct nng_transport *transport);

/* Turns a result of nng into a status; `what` is the call. */
enum status
transport_result(int result, const char *what, struct error *err) MUST_CHECK;

enum status transport_url(const struct nng_transport *transport,
    char url[TRANSPORT_URL_BYTES], const char *address,
    struct error *err) MUST_CHECK;

/* Waits until nng is done with a dialing or accepting, whose stream goes. */
void transport_aio_stop(nng_aio *aio, bool is_under_way);

#endif
