/*
 * buffer - owned bytes that grow at the end and are consumed at the front.
 *
 * A zeroed struct buffer is an empty one. The fields are visible so that
 * parsers and system calls can work in place; `data + start .. data + end`
 * is the content.
 *
 * Ownership  The buffer owns its bytes; pointers into it die with the next
 *            call that grows it.
 * Limits     None of its own: whoever appends bytes from outside bounds them.
 */
#ifndef COMMON_BASE_BUFFER_H
#define COMMON_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"

struct buffer {
	uint8_t *data;
	size_t start;
	size_t end;
	size_t capacity;
};

static inline size_t
buffer_size(const struct buffer *buffer)
{
	return buffer->end - buffer->start;
}

static inline struct slice
buffer_slice(const struct buffer *buffer)
{
	return slice_of(buffer->data + buffer->start, buffer_size(buffer));
}

/* Makes room for `size` bytes behind the content and returns their place. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);

/* Takes `size` reserved and written bytes into the content. */
void buffer_commit(struct buffer *buffer, size_t size);

void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_append_slice(struct buffer *buffer, struct slice bytes);
void buffer_append_byte(struct buffer *buffer, uint8_t byte);
void
buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drops `size` bytes at the front, at most buffer_size(). */
void buffer_consume(struct buffer *buffer, size_t size);

/* Empties; keeps the memory unless it is over `keep_bytes_max`. */
void buffer_clear(struct buffer *buffer, size_t keep_bytes_max);

/* Frees the memory; the buffer is empty and usable again. */
void buffer_deinit(struct buffer *buffer);

#endif
