/*
 * reply_claim - bounds what replies that clients do not take keep in memory.
 *
 * What one connection has waiting is bounded by its stream; of a thousand
 * connections that is too much. So a connection whose waiting output passes
 * LARGE_REPLY_BYTES claims it (frontend/core/intake.h) from what the frontend
 * has for all. Where that is used up the reply is taken back, and its request
 * waits in the input until others have taken theirs. Small replies of
 * connections that take them never wait.
 *
 * A request whose reply was taken back is run again, so it is for those that
 * change nothing. Replies to writes are counted and never taken back.
 *
 * Ownership  A claim is its connection's, and released before that goes.
 * Threads    All on the loop's thread.
 */
#ifndef FRONTEND_CORE_REPLY_CLAIM_H
#define FRONTEND_CORE_REPLY_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "frontend/core/intake.h"

struct front;
struct stream;

/* All zeroes but for what reply_claim_init() sets. Its fields are private. */
struct reply_claim {
	struct intake_claim claim; /* first: found by it */
	size_t refused_bytes; /* of the reply that was taken back */
	bool is_granted; /* and not yet made use of */
};

/*
 * `on_grant`: the request that waits may be run again. `on_late`: the client
 * takes too long to take its replies while others wait; both get &claim.
 */
void reply_claim_init(struct reply_claim *claim,
    void (*on_grant)(struct intake_claim *),
    void (*on_late)(struct intake_claim *));

/*
 * After a reply was appended to the output, of which `before` bytes were there
 * already. False if it was taken back and its request has to wait.
 */
bool reply_claim_fits(struct reply_claim *claim, struct front *front,
    struct stream *stream, size_t before);

/* Counts what is in the output, without a say. */
void reply_claim_count(
    struct reply_claim *claim, struct front *front, struct stream *stream);

/* For on_grant: the grant is kept until the request has been run. */
void reply_claim_keep(struct reply_claim *claim);

/* For on_drained: true if a request that waits may be run again. */
bool reply_claim_drained(struct reply_claim *claim, struct front *front);

/* The connection goes. */
void reply_claim_release(struct reply_claim *claim, struct front *front);

#endif
