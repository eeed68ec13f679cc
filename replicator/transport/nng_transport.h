/*
 * nng_transport - the transport over TCP or TLS, by nng's byte streams.
 *
 * Every node listens, and dials each peer, again and again. A connection
 * counts as up when the peer has answered on it, and is given up when it has
 * been silent for a second; then it is dialed anew.
 *
 * Failure    As transport.h has it: what does not get through is lost. A
 *            listener that cannot be had is told at the start.
 * Threads    As transport.h. nng starts threads of its own with the first
 *            one: privileges are dropped before, and nothing forks afterwards.
 */
#ifndef REPLICATOR_TRANSPORT_NNG_TRANSPORT_H
#define REPLICATOR_TRANSPORT_NNG_TRANSPORT_H

#include "common/base/status.h"
#include "replicator/transport/tls.h"
#include "replicator/transport/transport.h"

struct loop;

struct nng_transport_options {
	const char *listen; /* "host:port"; no host: every interface */
	const struct tls_files *tls; /* NULL: plain TCP */
	uint64_t incarnation; /* what stands in all that is sent */
	size_t queue_messages_max; /* for each peer */
	size_t queue_bytes_max; /* the same; and one message over it */
	struct transport_handlers handlers;
};

/*
 * INVALID for an address that is none, BUSY for one that is taken,
 * UNAVAILABLE for TLS where nng has none. All is copied.
 */
enum status nng_transport_create(struct loop *loop,
    const struct nng_transport_options *options, struct transport **out,
    struct error *err) MUST_CHECK;

/* The port it listens at: what the system chose where 0 was asked for. */
uint16_t nng_transport_port(const struct transport *transport);

/* What came and was not handed over, and why. */
struct nng_transport_counts {
	uint64_t malformed; /* no envelope, or not what was sent */
	uint64_t wrong_cluster;
	uint64_t wrong_server;
	uint64_t accepted; /* connections */
	uint64_t refused; /* connections over the limit */
};

void nng_transport_counts(
    const struct transport *transport, struct nng_transport_counts *out);

#endif
