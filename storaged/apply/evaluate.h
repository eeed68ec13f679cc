/*
 * evaluate - what the commands of a batch do, one after the other.
 *
 * The meaning of every command stands here; in words it does in
 * common/command/FORMAT.md, "What they mean".
 */
#ifndef STORAGED_APPLY_EVALUATE_H
#define STORAGED_APPLY_EVALUATE_H

#include <stdint.h>

#include "common/base/status.h"

struct apply_store;
struct batch;
struct buffer;
struct write_set;

struct evaluation {
	const struct batch *batch;
	uint64_t first_sequence;
	uint64_t now_ms;
	const struct apply_store *store;
	struct write_set *writes; /* empty */
};

/*
 * Evaluates a batch of which some command reads the store, writes what it does
 * to the store and appends its reply to `reply`. On failure nothing has been
 * written.
 */
enum status evaluate_reading(const struct evaluation *evaluation,
    struct buffer *reply, struct error *err) MUST_CHECK;

/* The same for a batch that reads nothing: no group of it can fail. */
enum status evaluate_plain(const struct evaluation *evaluation,
    struct buffer *reply, struct error *err) MUST_CHECK;

#endif
