/*
 * transport - carries envelopes between nodes, and knows nothing of what they
 * are about.
 *
 * What it offers is a table of functions, so that a test can put a network
 * between nodes that loses and delays. nng_transport.h makes the real one.
 *
 * A node sends to a peer only over the connection that it dialed itself, and
 * what comes over one that another dialed may be answered over that. Nothing
 * is told of connections: each envelope says whose it is.
 *
 * Failure    Whatever is sent may be lost, doubled or overtaken. Sending
 *            never waits: a peer's queue is bounded, and drops its oldest.
 * Ownership  Bodies are borrowed for the length of a call, both ways.
 * Threads    All on the loop's thread, the handlers too.
 * Limits     TRANSPORT_PEERS_MAX peers; bodies as in envelope.def.
 */
#ifndef REPLICATOR_TRANSPORT_TRANSPORT_H
#define REPLICATOR_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "replicator/protocol/envelope.h"

#define TRANSPORT_PEERS_MAX 32

/* It came over a connection that another node dialed. */
#define TRANSPORT_NO_PEER SIZE_MAX

struct transport;

struct transport_message {
	const struct envelope *envelope;
	struct slice body;
	size_t peer; /* over whose connection it came, or TRANSPORT_NO_PEER */
};

/* None comes before the call that caused it has returned. */
struct transport_handlers {
	/*
	 * A HELLO, CHARTER or REFUSE from anyone, or a FRAME of this cluster
	 * to this server.
	 */
	void (*on_message)(
	    void *context, const struct transport_message *message);
	/* All that had arrived was handed over. */
	void (*on_batch_end)(void *context);
	/* A peer has answered, or does so no more. At first it does not. */
	void (*on_link)(void *context, size_t peer, bool is_up);
	void *context;
};

struct transport_peer_status {
	bool is_up;
	uint64_t round_trip_ns; /* the last one measured; 0: none */
	uint64_t links; /* how often it came up */
	uint64_t sent;
	uint64_t dropped; /* not sent, since it was not up or too slow */
	size_t queued_bytes;
};

struct transport_ops {
	void (*set_self)(struct transport *transport,
	    const uint8_t cluster_id[CLUSTER_ID_BYTES], uint64_t id);
	enum status (*add_peer)(struct transport *transport, const char *name,
	    const char *address, size_t *peer, struct error *err);
	void (*remove_peer)(struct transport *transport, size_t peer);
	enum status (*set_peer_address)(struct transport *transport,
	    size_t peer, const char *address, struct error *err);
	void (*set_peer_id)(
	    struct transport *transport, size_t peer, uint64_t id);
	void (*send)(struct transport *transport, size_t peer,
	    enum envelope_kind kind, struct slice body);
	void (*answer)(struct transport *transport, enum envelope_kind kind,
	    struct slice body);
	void (*peer_status)(const struct transport *transport, size_t peer,
	    struct transport_peer_status *out);
	void (*close)(struct transport *transport);
};

struct transport {
	const struct transport_ops *ops;
};

/* Who this server is; stands in all that is sent from now on. */
static inline void
transport_set_self(struct transport *transport,
    const uint8_t cluster_id[CLUSTER_ID_BYTES], uint64_t id)
{
	transport->ops->set_self(transport, cluster_id, id);
}

/*
 * Dials `address` ("host:port") from now on, again and again. `name` is what
 * its certificate must be for. INVALID: no address, or too many peers.
 */
static inline enum status MUST_CHECK
transport_add_peer(struct transport *transport, const char *name,
    const char *address, size_t *peer, struct error *err)
{
	return transport->ops->add_peer(transport, name, address, peer, err);
}

/* Its number may be given to another. */
static inline void
transport_remove_peer(struct transport *transport, size_t peer)
{
	transport->ops->remove_peer(transport, peer);
}

/* Another address than before ends the connection to it. */
static inline enum status MUST_CHECK
transport_set_peer_address(struct transport *transport, size_t peer,
    const char *address, struct error *err)
{
	return transport->ops->set_peer_address(transport, peer, address, err);
}

/* Who is meant by what is sent to it; at first 0, whoever hears it. */
static inline void
transport_set_peer_id(struct transport *transport, size_t peer, uint64_t id)
{
	transport->ops->set_peer_id(transport, peer, id);
}

/*
 * Sends at the end of the loop's turn, or drops; a body over its kind's bound,
 * too, which is an error in the log.
 */
static inline void
transport_send(struct transport *transport, size_t peer,
    enum envelope_kind kind, struct slice body)
{
	transport->ops->send(transport, peer, kind, body);
}

/* Answers the message that on_message() is being called with, or drops. */
static inline void
transport_answer(
    struct transport *transport, enum envelope_kind kind, struct slice body)
{
	transport->ops->answer(transport, kind, body);
}

static inline void
transport_peer_status(const struct transport *transport, size_t peer,
    struct transport_peer_status *out)
{
	transport->ops->peer_status(transport, peer, out);
}

/* Not from inside a handler. NULL is allowed. */
static inline void
transport_close(struct transport *transport)
{
	if (transport != NULL)
		transport->ops->close(transport);
}

#endif
