/*
 * tcp_reader - the store as struct tcp_store shows it, over a view_reader.
 *
 * The owner refreshes the view_reader (view_reader.h says when).
 */
#ifndef FRONTEND_TCP_TCP_READER_H
#define FRONTEND_TCP_TCP_READER_H

#include "frontend/tcp/tcp_store.h"

struct view_reader;

struct tcp_reader {
	struct view_reader *view; /* borrowed */
	enum status failure; /* of the last read that failed; OK: none did */
};

/* The table; `reader` is its context. */
struct tcp_store tcp_reader_store(struct tcp_reader *reader);

#endif
