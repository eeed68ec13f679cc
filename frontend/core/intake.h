/*
 * intake - bounds what large requests take of a frontend's memory, and large
 * replies that wait for their clients (reply_claim.h).
 *
 * A request has to be in memory as a whole before it can be answered, and so
 * has a write until it has its result. Of small ones thousands fit; of large
 * ones as many as clients like to send do not. So whoever is about to receive
 * more than LARGE_REQUEST_BYTES of one asks first, and where too much is in
 * hand already it stops reading until others are done; the kernel then holds
 * the client back.
 *
 * The oldest claim is always granted, whatever it asks for, so that something
 * goes on; the others wait in the order in which they asked. Whoever has held
 * memory for long, by sending or taking little at a time, is sent away then.
 *
 * Ownership  Claims are their owners', and released before they go.
 * Threads    All on the loop's thread.
 * Limits     The bytes given to intake_init(), or the oldest claim's alone.
 */
#ifndef FRONTEND_CORE_INTAKE_H
#define FRONTEND_CORE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/command/limits.h"

/* All zeroes but for on_grant: claims nothing. Its fields are private. */
struct intake_claim {
	/* What was refused is granted now; may not release. */
	void (*on_grant)(struct intake_claim *claim);
	/* Has it for too long while others wait; may release. NULL: it may. */
	void (*on_late)(struct intake_claim *claim);
	uint64_t since_ms; /* first seen with something granted; 0: not yet */
	TAILQ_ENTRY(intake_claim) link;
	size_t bytes; /* granted */
	size_t wanted;
	bool is_listed;
	bool waits;
};

struct intake {
	size_t bytes_max;
	size_t bytes; /* of all claims */
	TAILQ_HEAD(, intake_claim) claims; /* oldest first */
};

void intake_init(struct intake *intake, size_t bytes_max);

/*
 * Claims so many bytes in all. True if the owner may go on; else on_grant
 * comes, unless the claim is released before. May be asked again, and for
 * more.
 */
bool
intake_ask(struct intake *intake, struct intake_claim *claim, size_t bytes);

/* Counts so many bytes as claimed in all, whether they fit or not. */
void
intake_take(struct intake *intake, struct intake_claim *claim, size_t bytes);

/*
 * While claims wait: tells those that have had what they hold for longer than
 * `patience_ms`. To be called now and then.
 */
void intake_check(struct intake *intake, uint64_t now_ms, uint64_t patience_ms);

/* Gives back what was claimed, if anything was. */
void intake_release(struct intake *intake, struct intake_claim *claim);

#endif
