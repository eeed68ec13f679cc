/*
 * memory_door - the TCP door as a function: bytes in, bytes out.
 *
 * Runs both protocols on a memory_store the way a frontend does, with writes
 * gathered in one batch until something else has to wait for them.
 */
#ifndef TESTS_SUPPORT_MEMORY_MEMORY_DOOR_H
#define TESTS_SUPPORT_MEMORY_MEMORY_DOOR_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"

struct memory_door;
struct memory_store;

/* One connection; the store is borrowed. */
struct memory_door *memory_door_create(struct memory_store *store);
void memory_door_close(struct memory_door *door);

/* Writes are answered with a failure from now on. */
void memory_door_fail_writes(struct memory_door *door, bool is_unknown);

/* Appends the replies to `out`; false when the connection is to be ended. */
bool memory_door_feed(
    struct memory_door *door, struct slice bytes, struct buffer *out);

#endif
