/*
 * gate_batch - groups that go to the sink together, and their tokens.
 *
 * Private to frontend/gate.
 *
 * Ownership  Tokens are the owner's of the gate.
 */
#ifndef FRONTEND_GATE_GATE_BATCH_H
#define FRONTEND_GATE_GATE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/command/batch.h"

struct gate_batch {
	struct batch_builder builder;
	void **tokens; /* of its groups, in order */
	size_t group_count;
	size_t token_capacity;
	size_t size_bytes; /* its commands' */
	uint64_t deadline_ms; /* for its results */
	uint64_t number; /* 0: not sent yet */
	bool is_closed; /* takes no more groups */
	/*
	 * It was sent, and no answer has said that it was not applied: it may
	 * have been.
	 */
	bool is_in_doubt;
	bool is_resent; /* it was in doubt when it was last sent */
	bool is_reported; /* its groups have their results already */
	bool was_renewed; /* refused once, and sent as a new writer's */
	TAILQ_ENTRY(gate_batch) link;
};

TAILQ_HEAD(gate_queue, gate_batch);

struct gate_batch *gate_batch_create(void);

/* NULL is allowed. */
void gate_batch_close(struct gate_batch *batch);

/* Makes it as new, keeping moderate memory. */
void gate_batch_reset(struct gate_batch *batch);

/* Takes a group that was added to the builder. */
void gate_batch_take(struct gate_batch *batch, void *token);

/* Moves the groups from number `first` on to an empty batch. */
void gate_batch_split(
    struct gate_batch *batch, size_t first, struct gate_batch *rest);

/* After a split: makes the builder hold only the groups that are left. */
void gate_batch_encode(struct gate_batch *batch);

/*
 * The place of the first group that may be refused where its forerunners are
 * not, or the other way round, when space is short: deletes and others. The
 * count of groups if all are of one kind.
 */
size_t gate_batch_first_other(const struct gate_batch *batch);

#endif
