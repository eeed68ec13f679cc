/*
 * inbound - a connection that another node dialed. Private to
 * replicator/transport.
 */
#ifndef REPLICATOR_TRANSPORT_INBOUND_H
#define REPLICATOR_TRANSPORT_INBOUND_H

#include <nng/nng.h>
#include <sys/queue.h>

#include "common/base/slice.h"
#include "replicator/protocol/envelope.h"

struct inbound;
struct nng_transport;

LIST_HEAD(inbound_list, inbound);

/* Takes the stream. It frees itself when the connection ends. */
void inbound_create(struct nng_transport *transport, nng_stream *stream);

/* Over the connection; to whoever is at its other end. */
void inbound_answer(
    struct inbound *inbound, enum envelope_kind kind, struct slice body);

/* Four times a second. */
void inbound_tick_all(struct inbound_list *inbounds);

void inbound_close_all(struct inbound_list *inbounds);

#endif
