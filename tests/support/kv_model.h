/*
 * kv_model - what a store must hold, as a sorted array: the plain truth that
 * the engine is compared with.
 *
 * Only the commands that the model tests send, written without looking at how
 * the store does it. Aborts on what it does not know.
 */
#ifndef TESTS_SUPPORT_KV_MODEL_H
#define TESTS_SUPPORT_KV_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/command/command.h"

struct kv_model_entry {
	char *key; /* NUL-terminated */
	struct slice value; /* owned */
	uint64_t deadline_ms;
};

struct kv_model {
	struct kv_model_entry *entries; /* ascending keys */
	size_t count;
	size_t capacity;
};

void kv_model_deinit(struct kv_model *model);

/* Makes the empty `to` hold what `from` does. */
void kv_model_copy(struct kv_model *to, const struct kv_model *from);

/* Does to the model what one command in a group of its own does. */
void kv_model_apply(
    struct kv_model *model, const struct command *command, uint64_t now_ms);

/* The live entry of a key, or NULL. */
const struct kv_model_entry *
kv_model_find(const struct kv_model *model, struct slice key, uint64_t now_ms);

/* A hash over all live keys, values and deadlines, in order. */
uint64_t kv_model_digest(const struct kv_model *model, uint64_t now_ms);

/* One step of the same hash, for other sources; begins with 0. */
uint64_t kv_model_digest_add(uint64_t digest, struct slice key,
    struct slice value, uint64_t deadline_ms);

#endif
