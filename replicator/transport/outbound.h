/*
 * outbound - what goes to one peer: dialing it, again and again, and the
 * connection that was made. Private to replicator/transport.
 */
#ifndef REPLICATOR_TRANSPORT_OUTBOUND_H
#define REPLICATOR_TRANSPORT_OUTBOUND_H

#include <stdint.h>
#include <sys/queue.h>

#include "replicator/transport/transport.h"

struct nng_transport;
struct outbound;

LIST_HEAD(outbound_list, outbound);

/* INVALID for an address that is none. */
enum status outbound_create(struct nng_transport *transport, size_t number,
    const char *name, const char *address, struct outbound **out,
    struct error *err) MUST_CHECK;

/* It frees itself when nng is done with it. */
void outbound_remove(struct outbound *outbound);

enum status outbound_set_address(struct outbound *outbound, const char *address,
    struct error *err) MUST_CHECK;
void outbound_set_id(struct outbound *outbound, uint64_t id);
size_t outbound_number(const struct outbound *outbound);

void outbound_send(
    struct outbound *outbound, enum envelope_kind kind, struct slice body);
void outbound_status(
    const struct outbound *outbound, struct transport_peer_status *out);

/* Four times a second. May be removed in a handler. */
void outbound_tick(struct outbound *outbound);

/* What its mail says. */
void outbound_on_dialed(struct outbound *outbound);

/*
 * For the end of all: they leave, nng is stopped, and when the mailbox is
 * empty they are freed.
 */
void outbound_leave(struct outbound *outbound, struct outbound_list *leaving);
void outbound_stop_all(struct outbound_list *leaving);
void outbound_free_all(struct outbound_list *leaving);

#endif
