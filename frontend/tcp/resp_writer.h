/*
 * resp_writer - replies of the Redis protocol, version 2 or 3, into a buffer.
 *
 * Where the versions differ the function takes the protocol (2 or 3).
 */
#ifndef FRONTEND_TCP_RESP_WRITER_H
#define FRONTEND_TCP_RESP_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/buffer.h"
#include "common/base/slice.h"

/* A simple string; `text` has no line ends. */
void resp_write_simple(struct buffer *out, const char *text);

/*
 * An error: "-", the formatted text, of which line ends become blanks. It
 * begins with its code ("ERR ...").
 */
void
resp_write_error(struct buffer *out, const char *format, ...) PRINTF_LIKE(2, 3);

void resp_write_integer(struct buffer *out, int64_t value);
void resp_write_bulk(struct buffer *out, struct slice bytes);
void resp_write_bulk_string(struct buffer *out, const char *text);

/* Text for people, of which RESP3 says so. */
void
resp_write_verbatim(struct buffer *out, unsigned protocol, struct slice text);
void resp_write_null(struct buffer *out, unsigned protocol);

/* Headers; the items follow. A map counts pairs. */
void resp_write_array(struct buffer *out, size_t count);
void resp_write_map(struct buffer *out, unsigned protocol, size_t pairs);
void resp_write_set(struct buffer *out, unsigned protocol, size_t count);

#endif
