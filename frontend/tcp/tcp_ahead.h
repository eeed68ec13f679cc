/*
 * tcp_ahead - how pipelined input goes on: the keys that are asked for next.
 *
 * A lookup is mostly waiting for memory, so it pays to tell the store of
 * several keys at once (tcp_store.h, prefetch). What is found here is nothing
 * but a hint: it is parsed and checked in earnest when its turn comes, and
 * whatever looks unusual just ends the look ahead.
 *
 * Ownership  Keys borrow the input.
 */
#ifndef FRONTEND_TCP_TCP_AHEAD_H
#define FRONTEND_TCP_TCP_AHEAD_H

#include <stddef.h>

#include "common/base/slice.h"

/*
 * Finds the keys of the GETs with which `input` begins, one after the other;
 * at most TCP_PREFETCH_MAX. Returns how many.
 */
size_t tcp_ahead_resp(struct slice input, struct slice *keys);
size_t tcp_ahead_frame(struct slice input, struct slice *keys);

#endif
