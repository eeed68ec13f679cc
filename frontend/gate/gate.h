/*
 * gate - the way that a frontend's writes take to the write sink.
 *
 * Groups that are submitted while the loop turns are gathered into a batch;
 * one batch at a time is under way, so that batches grow by themselves under
 * load. When the sink is lost, batches stay and are sent again when it is
 * back: the sink knows the writer and the numbers of its batches, so that each
 * is applied once. Clients see a delay and no error, within the bounds below.
 *
 * Results come in the order of submission, each exactly once. They tell the
 * truth about what became of a group: judged by the store (whatever the
 * result), surely not applied, or unknown: sent, and no answer in time. A
 * batch whose outcome is unknown is still sent until it is answered, so that
 * nothing that is submitted later can overtake it.
 *
 * Failure    Every failure is the result of a group. Losing and finding the
 *            sink is logged here.
 * Ownership  Commands are copied; tokens are the owner's, given back with the
 *            result. A group whose client has gone keeps its token all the
 *            same.
 * Threads    All on the loop's thread.
 * Limits     Bytes and time in struct gate_options; a group fits in a batch.
 */
#ifndef FRONTEND_GATE_GATE_H
#define FRONTEND_GATE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/command/command.h"
#include "common/command/reply.h"

struct batch_builder;
struct gate;
struct loop;

enum gate_outcome {
	GATE_JUDGED, /* by the store: applied, or not, as it says */
	GATE_NOT_APPLIED, /* surely; it may be tried again */
	GATE_UNKNOWN, /* applied or not */
};

struct gate_result {
	enum gate_outcome outcome;
	/* If JUDGED: the result, and a copy to take its commands' from. */
	struct reply_group group;
	struct reply_cursor commands;
	/* If not: BUSY, NO_SPACE, TIMEOUT, UNAVAILABLE, INVALID, UNKNOWN. */
	enum status status;
	const char *reason; /* borrowed for the length of the call */
};

struct gate_options {
	const char *path; /* the sink's socket */
	size_t bytes_max; /* of what waits; at least one group is taken */
	uint64_t wait_ms; /* until a result comes at the latest */
	/*
	 * May submit; may not close the gate. What the result points to is
	 * borrowed for the length of the call.
	 */
	void (*on_result)(
	    void *context, void *token, const struct gate_result *result);
	/* There is room again after gate_has_room() was false. May be NULL. */
	void (*on_room)(void *context);
	void *context;
};

/* Connects and registers by itself; submitting is possible at once. */
enum status gate_create(struct loop *loop, const struct gate_options *options,
    struct gate **out, struct error *err) MUST_CHECK;

/*
 * Takes a group of `count` commands, each of which passes command_check(), to
 * be sent by the end of the turn. STATUS_OK: its result will come, never from
 * inside this call. Otherwise it was not taken and no result comes: INVALID
 * (no batch can hold it), BUSY (no room), UNAVAILABLE (the sink has been away
 * for too long).
 */
enum status gate_submit(struct gate *gate, const struct command *commands,
    size_t count, void *token, struct error *err) MUST_CHECK;

/*
 * The same for an owner who encodes: where the commands of the next group go.
 * He adds one group and ends it, then calls gate_commit(); or he leaves the
 * builder as it was. Nothing else is called on the gate in between. Fails like
 * gate_submit().
 */
enum status gate_begin(struct gate *gate, struct batch_builder **out,
    struct error *err) MUST_CHECK;
void gate_commit(struct gate *gate, void *token);

/*
 * The builder had no room for a group, which he discarded: the next
 * gate_begin() gives an empty one.
 */
void gate_turn(struct gate *gate);

/*
 * Whether half of the room is left: a frontend that stops reading from its
 * clients when it is not will see no BUSY.
 */
bool gate_has_room(struct gate *gate);

/* Whether groups are taken: the sink is there, or not away for long. */
bool gate_is_open(const struct gate *gate);

/* No result is due. */
bool gate_is_idle(const struct gate *gate);

/* Results that are due do not come any more. NULL is allowed. */
void gate_close(struct gate *gate);

#endif
