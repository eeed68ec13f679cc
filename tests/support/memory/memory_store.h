/*
 * memory_store - a whole store as a sorted array, for tests of the protocols.
 *
 * Batches are applied to it as `storaged` does; it is read through the same
 * table of functions as the real one. Time stands still until a test moves it.
 */
#ifndef TESTS_SUPPORT_MEMORY_MEMORY_STORE_H
#define TESTS_SUPPORT_MEMORY_MEMORY_STORE_H

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/command/reply.h"
#include "frontend/tcp/tcp_store.h"

struct batch_builder;
struct memory_store;

struct memory_store *memory_store_create(void);
void memory_store_close(struct memory_store *store);

void memory_store_set_now(struct memory_store *store, uint64_t now_ms);

/* Reads fail with this status from now on; OK ends that. */
void memory_store_fail(struct memory_store *store, enum status status);

/* Scans end a page after this many steps even if more were allowed. */
void memory_store_set_steps(struct memory_store *store, size_t steps_max);

void memory_store_put(
    struct memory_store *store, struct slice key, struct slice value);

/* Applies what is in the builder, which is then empty. */
struct reply
memory_store_write(struct memory_store *store, struct batch_builder *batch);

struct tcp_store memory_store_reads(struct memory_store *store);

#endif
