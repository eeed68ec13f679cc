/*
 * resp_selection - the keys that one SCAN call returns, and its next cursor.
 *
 * The problem. A cursor is a number that has to mean the same on every
 * frontend, after any restart and on every node, so it cannot refer to memory
 * of ours; and 64 bits cannot hold a place in the order of the keys, which may
 * share prefixes of any length. A number that refers to a key (by its hash,
 * say) is lost when that key is deleted.
 *
 * The way out. Each key has a position, made from its hash: a number below
 * 2^53 that depends on nothing but the key. A scan goes through the positions
 * in their order, although the store keeps keys in another. A call with cursor
 * C passes over all keys in key order, and selects those whose positions are
 * the smallest from C on. The next cursor is the smallest position that the
 * pass turned away, or 0, the end, if it turned none away.
 *
 * What is guaranteed, and why. Say the calls had cursors C0 = 0 < C1 < ... .
 *
 *   - Each call but the last moves on: a position is turned away only when a
 *     smaller one, from C on, is kept, so the next cursor is greater than C.
 *     Positions end, so a scan ends; how many calls it takes is below.
 *   - A key that is there from the first call to the last is returned. Its
 *     position P lies in exactly one call's [C, next C). That call's pass
 *     meets the key, since the store's scan misses none that is there all the
 *     while, however many turns it takes. It did not turn P away, or the next
 *     cursor would be at most P. So it kept it.
 *   - A key that was never there is never returned. A key is returned twice
 *     only if it is there twice: keys do not change their positions.
 *
 * The cost. A pass takes time for every key, so there must be few: positions
 * less than a 64th of all of them from C on are kept even if that is more than
 * the client's COUNT, which bounds a scan to 64 calls while the selection fits
 * in memory. A pass of a million keys takes about 0.1 s of processor time, in
 * steps between which the loop serves others. Small stores are done in one or
 * a few calls of COUNT keys.
 *
 * Positions have 53 bits because clients in some languages keep cursors in
 * floating point, and others in signed integers.
 *
 * Limits  RESP_SELECTION_KEYS_MAX keys and RESP_SELECTION_BYTES_MAX bytes of
 *         keys; only keys that share one position may exceed them.
 */
#ifndef FRONTEND_TCP_RESP_SELECTION_H
#define FRONTEND_TCP_RESP_SELECTION_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

#define RESP_POSITION_BITS 53
#define RESP_SELECTION_KEYS_MAX (1u << 18)
#define RESP_SELECTION_BYTES_MAX (16u << 20)

struct resp_selection;

/* Begins the pass of a call with this cursor and COUNT, at least 1. */
struct resp_selection *
resp_selection_create(uint64_t cursor, uint64_t count_wanted);

/* Frees; NULL is allowed. */
void resp_selection_close(struct resp_selection *selection);

/* Shows a key to the selection, which copies it or turns it away. */
void resp_selection_offer(struct resp_selection *selection, struct slice key);

/* After the pass: the cursor of the next call, or 0. */
uint64_t resp_selection_cursor(const struct resp_selection *selection);

/* After the pass: how many keys are selected, and each, in no order. */
size_t resp_selection_count(const struct resp_selection *selection);
struct slice
resp_selection_key(const struct resp_selection *selection, size_t index);

#endif
