/*
 * connection - one of nng's byte streams, cut into envelopes.
 *
 * Private to replicator/transport. nng's threads do nothing but leave word in
 * a mailbox; whoever takes it out calls connection_on_mail().
 *
 * Failure    The first failure ends it: on_closed comes once, from
 *            connection_on_mail(), after which nothing comes any more.
 * Ownership  It frees itself when it has ended and nng is done with it.
 * Threads    All on the loop's thread.
 */
#ifndef REPLICATOR_TRANSPORT_CONNECTION_H
#define REPLICATOR_TRANSPORT_CONNECTION_H

#include <nng/nng.h>

#include <sys/queue.h>

#include "common/base/status.h"
#include "common/loop/mailbox.h"
#include "replicator/protocol/envelope.h"

struct connection;
struct loop;

enum transport_mail_kind {
	TRANSPORT_MAIL_ACCEPTED,
	TRANSPORT_MAIL_DIALED,
	TRANSPORT_MAIL_RECEIVED,
	TRANSPORT_MAIL_SENT,
};

struct transport_mail {
	struct mailbox_item item; /* first: found by it */
	enum transport_mail_kind kind;
	struct mailbox *mailbox;
	void *owner;
};

/* The callback of an aio: puts the mail that is its context. */
void transport_mail_put(void *context);

LIST_HEAD(connection_list, connection);

struct connection_options {
	struct loop *loop;
	struct mailbox *mailbox;
	struct connection_list *all; /* it is in there until it is freed */
	unsigned idle_ms; /* it ends when nothing came for so long; 0: never */
	size_t queue_messages_max;
	size_t queue_bytes_max; /* and one message over it */
	/* A whole envelope. May end the connection. */
	void (*on_envelope)(void *context, struct connection *connection,
	    const struct envelope *envelope, struct slice body);
	/* IO, or what was wrong with the bytes that came. */
	void (*on_closed)(void *context, struct connection *connection,
	    const struct error *reason);
	void *context;
};

/* Takes the stream, and begins to receive. */
struct connection *
connection_create(const struct connection_options *options, nng_stream *stream);

/*
 * Sends at the end of the loop's turn; one that is ended drops. The oldest
 * that nothing was sent of yet is dropped where there is no room.
 */
void connection_send(struct connection *connection,
    const struct envelope *envelope, struct slice body);

/* What `mail` of kind RECEIVED or SENT says. The connection may be gone. */
void connection_on_mail(const struct transport_mail *mail);

/* Ends it without on_closed. */
void connection_close(struct connection *connection);

/*
 * For the end of all that share a mailbox: waits until nng is done with each
 * of them, then empties the mailbox and frees them.
 */
void
connection_discard_all(struct connection_list *all, struct mailbox *mailbox);

/* Bytes that came, messages that went and were dropped, bytes that wait. */
uint64_t connection_received_bytes(const struct connection *connection);
uint64_t connection_sent(const struct connection *connection);
uint64_t connection_dropped(const struct connection *connection);
size_t connection_queued_bytes(const struct connection *connection);

#endif
