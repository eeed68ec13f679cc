/*
 * http_chunks - takes a chunked body apart (RFC 9112, section 7.1).
 *
 * Stricter than most: what two programs might read differently is refused, so
 * that nothing can be smuggled past one of them. Extensions and trailers are
 * passed over, within a limit.
 */
#ifndef FRONTEND_HTTP_HTTP_CHUNKS_H
#define FRONTEND_HTTP_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

/* Of one chunk's extensions, and of all trailers together. */
#define HTTP_CHUNK_EXTRA_BYTES_MAX 4096u

/* Where in the body we are; the state that http_chunks_start() sets. */
struct http_chunks {
	unsigned state;
	unsigned extra_bytes;
	unsigned digits;
	uint64_t left; /* of the current chunk */
};

enum http_chunks_step {
	HTTP_CHUNKS_MORE, /* all input is consumed */
	HTTP_CHUNKS_DATA, /* *data has a piece of the body */
	HTTP_CHUNKS_END, /* the body is whole */
	HTTP_CHUNKS_BROKEN, /* this is no chunked body */
};

void http_chunks_start(struct http_chunks *chunks);

/* Takes what it understands off the front of `input`, up to a piece of data. */
enum http_chunks_step http_chunks_next(
    struct http_chunks *chunks, struct slice *input, struct slice *data);

#endif
