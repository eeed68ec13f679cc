/*
 * tcp_store - how the protocols of the TCP door read the store.
 *
 * A table of functions over the current state of the store, so that the
 * protocols are plain functions over bytes. Slices that are returned are
 * borrowed until the next call.
 */
#ifndef FRONTEND_TCP_TCP_STORE_H
#define FRONTEND_TCP_TCP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

/* Keys that are told to be looked up next. */
#define TCP_PREFETCH_MAX 32u

/* A live entry. */
struct tcp_entry {
	struct slice key; /* of a scan */
	struct slice value; /* empty in a scan of keys alone */
	uint64_t sequence;
	uint64_t ttl_ms; /* that remain, at least 1; 0: never expires */
};

/* Part of the keys, in their order, and how much of it at once. */
struct tcp_range {
	struct slice start; /* the first key; empty: of all */
	struct slice end; /* the first not in it; empty: no bound */
	bool keys_only;
	size_t steps_max; /* entries inspected */
	size_t entries_max; /* shown, at least 1 */
	size_t bytes_max; /* of keys and values; one entry is always shown */
};

struct tcp_store {
	void *context;

	enum status (*get)(void *context, struct slice key,
	    struct tcp_entry *out, bool *found, struct error *err);

	/*
	 * Tells which keys are looked up next, at most TCP_PREFETCH_MAX, which
	 * makes it quicker. Means nothing else; NULL where it is of no use.
	 */
	void (*prefetch)(void *context, const struct slice *keys, size_t count);

	/*
	 * Shows entries to `on_entry` until a limit is reached; then *is_end
	 * is false and `resume`, empty before, has where to go on. A key that
	 * is there all the while is missed by no sequence of such calls.
	 */
	enum status (*scan)(void *context, const struct tcp_range *range,
	    void (*on_entry)(void *visitor, const struct tcp_entry *entry),
	    void *visitor, struct buffer *resume, bool *is_end,
	    struct error *err);

	/* The same, but adds the number of entries to *count. */
	enum status (*count)(void *context, const struct tcp_range *range,
	    uint64_t *count, struct buffer *resume, bool *is_end,
	    struct error *err);

	/* About how many keys there are. */
	uint64_t (*estimate)(void *context);
};

static inline void
tcp_store_prefetch(
    const struct tcp_store *store, const struct slice *keys, size_t count)
{
	if (store->prefetch != NULL)
		store->prefetch(store->context, keys,
		    count < TCP_PREFETCH_MAX ? count : TCP_PREFETCH_MAX);
}

#endif
