/*
 * lossy_transport - a bad network in front of a transport: what its owner
 * sends is lost, doubled, delayed and overtaken, and peers are cut off.
 *
 * What goes out is all that it touches: two nodes that both have one have a
 * bad network in both directions.
 */
#ifndef TESTS_SUPPORT_TRANSPORT_LOSSY_TRANSPORT_H
#define TESTS_SUPPORT_TRANSPORT_LOSSY_TRANSPORT_H

#include "replicator/transport/transport.h"

struct loop;

struct lossy_transport_options {
	uint64_t seed;
	unsigned loss_percent;
	unsigned double_percent;
	unsigned delay_max_ms; /* of what is not an answer */
};

/* Takes `inner`, and closes it when it is closed itself. */
struct transport *lossy_transport_create(struct loop *loop,
    const struct lossy_transport_options *options, struct transport *inner);

/* What is sent to the peer is lost from now on, or no longer. */
void lossy_transport_cut(struct transport *transport, size_t peer, bool is_cut);

/* How much was lost so far. */
uint64_t lossy_transport_lost(const struct transport *transport);

#endif
