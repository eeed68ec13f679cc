/*
 * forming - how nodes that never met become one cluster, once, as a pure
 * state machine.
 *
 * Nodes that are in no cluster tell each other their names, ids, settings and
 * the nodes that they were told of. When every one of them has said that it
 * is in no cluster either and agrees in all that, the one with the smallest
 * name writes the charter; that decides. Whoever has the charter gives it to
 * the founders that lack it. README.md says why this makes one cluster only.
 *
 * Durability  A node's id is on disk before anybody hears of it; a charter is
 *             before it is passed on.
 * Failure     A failed save() is returned, and the process ends: what is on
 *             disk is not known.
 * Ownership   What the host lends and is lent is borrowed for the call.
 * Threads     Pure.
 */
#ifndef REPLICATOR_IDENTITY_FORMING_H
#define REPLICATOR_IDENTITY_FORMING_H

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "replicator/identity/peers.h"
#include "replicator/identity/replica_file.h"
#include "replicator/protocol/envelope.h"
#include "replicator/protocol/hello.h"

/* How often forming_tick() is to be called. */
#define FORMING_TICK_MS 250

/* It came over a connection that another node dialed. */
#define FORMING_NO_PEER SIZE_MAX

struct forming;

struct forming_host {
	void *context;

	/* Returns when it is durable. */
	enum status (*save)(
	    void *context, const struct replica *replica, struct error *err);

	/* Sends to a peer, by its place in the list; or drops. */
	void (*send)(void *context, size_t peer, enum envelope_kind kind,
	    struct slice body);

	/* Answers what is being received; or drops. */
	void (*answer)(
	    void *context, enum envelope_kind kind, struct slice body);

	/* Random bytes that are nobody else's. */
	void (*draw)(void *context, void *bytes, size_t size);
};

struct forming_options {
	const char *name;
	const struct peers *peers; /* may be empty: a cluster of one */
	const char *address; /* where peers reach this node */
	struct cluster_settings settings;
	uint64_t incarnation; /* what stands in its envelopes; not 0 */
};

/*
 * `replica` is what was loaded; one with id 0 if there was no file: then it
 * is saved here. INVALID: the disk is that of a node of another name.
 */
enum status forming_create(const struct forming_options *options,
    const struct forming_host *host, const struct replica *replica,
    struct forming **out, struct error *err) MUST_CHECK;

/* NULL is allowed. */
void forming_close(struct forming *forming);

/* Says HELLO to every peer, also when there is a cluster. */
enum status forming_tick(struct forming *forming, struct error *err) MUST_CHECK;

/*
 * Takes a HELLO, CHARTER or REFUSE, whatever cluster its envelope names.
 * `peer`: over whose connection an answer came, or FORMING_NO_PEER. Bytes
 * that make no sense are STATUS_CORRUPT in `rejected` and change nothing.
 */
enum status forming_receive(struct forming *forming, size_t peer,
    const struct envelope *envelope, struct slice body, struct error *rejected,
    struct error *err) MUST_CHECK;

/* Who this server is; formed or not. Borrowed until the next call. */
const struct replica *forming_replica(const struct forming *forming);

/* The last HELLO of a peer; NULL before the first. Borrowed likewise. */
const struct hello *forming_peer(const struct forming *forming, size_t peer);

/*
 * Appends what is wrong with a peer, of it: "has not answered"; nothing if it
 * is well.
 */
void
forming_trouble(const struct forming *forming, size_t peer, struct buffer *out);

#endif
