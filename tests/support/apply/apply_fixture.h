/*
 * apply_fixture - one writer that applies batches to a store of its own.
 */
#ifndef TESTS_SUPPORT_APPLY_APPLY_FIXTURE_H
#define TESTS_SUPPORT_APPLY_APPLY_FIXTURE_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "storaged/apply/apply.h"
#include "tests/support/apply/map_store.h"

#define FIXTURE_START_MS 1700000000000u

struct apply_fixture {
	struct apply *apply;
	struct map_store map;
	struct batch_builder builder;
	struct batch_origin origin; /* of the last batch */
	struct buffer batch_bytes; /* the last batch */
	uint64_t sequence; /* at which the next one starts */
	uint64_t now_ms; /* the stamp of the next one */
	struct reply reply; /* the last one */
	struct reply_cursor cursor; /* in it */
};

/* Registers a writer whose id begins with `id`, not 0. */
void apply_fixture_init(struct apply_fixture *fixture, uint8_t id);
void apply_fixture_deinit(struct apply_fixture *fixture);

/* Adds a command, or one as a group of its own, to the next batch. */
void
apply_fixture_add(struct apply_fixture *fixture, const struct command *command);
void apply_fixture_add_group(
    struct apply_fixture *fixture, const struct command *command);
void apply_fixture_end_group(struct apply_fixture *fixture);

/* Completes the batch and applies it; CHECKs that it is NEW. */
void apply_fixture_send(struct apply_fixture *fixture);

/* The result of the next group in the reply, and of its first command. */
enum group_result
apply_fixture_next(struct apply_fixture *fixture, struct reply_command *out);

/* Sends the command alone. */
enum group_result apply_fixture_one(struct apply_fixture *fixture,
    const struct command *command, struct reply_command *out);

/* What the key has now; false if it is absent. */
bool apply_fixture_find(
    struct apply_fixture *fixture, const char *key, struct entry *out);

#endif
