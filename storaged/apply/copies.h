/*
 * copies - how much a batch may write that it does not carry.
 *
 * EXPIRE and PERSIST write the value again that the key has, INCREMENT a new
 * one. Room for what is in the journal must be there before it is applied, so
 * this is found out before: never too little, and too much only where a value
 * changes between now and then.
 *
 * Failure  Those of the store.
 */
#ifndef STORAGED_APPLY_COPIES_H
#define STORAGED_APPLY_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct apply_store;
struct batch;

/* Whether some command writes the value again that its key has. */
bool copies_any(const struct batch *batch);

/* The largest value that the batch carries. */
size_t copies_value_bytes_max(const struct batch *batch);

/*
 * An upper bound of those bytes, if no value that is written meanwhile has
 * more than `value_bytes_max`. Looks up the keys in question.
 */
enum status copies_bytes_max(const struct batch *batch,
    const struct apply_store *store, uint64_t now_ms, size_t value_bytes_max,
    size_t *out, struct error *err) MUST_CHECK;

#endif
