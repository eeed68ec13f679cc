#include "common/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define BUFFER_BYTES_MIN 256

uint8_t *
buffer_reserve(struct buffer *buffer, size_t size)
{
	size_t content = buffer_size(buffer);
	size_t capacity = buffer->capacity;

	if (LIKELY(buffer->capacity - buffer->end >= size) &&
	    buffer->data != NULL)
		return buffer->data + buffer->end;
	CHECK(size < SIZE_MAX / 4 && content < SIZE_MAX / 4);
	/*
	 * Moving to the front pays only when at least half is consumed, so
	 * that each byte is moved a bounded number of times.
	 */
	if (buffer->data != NULL && buffer->start >= content &&
	    capacity - content >= size) {
		memmove(buffer->data, buffer->data + buffer->start, content);
	} else {
		uint8_t *data;

		if (capacity < BUFFER_BYTES_MIN)
			capacity = BUFFER_BYTES_MIN;
		while (capacity < content + size)
			capacity *= 2;
		data = mem_resize(NULL, capacity);
		if (content > 0)
			memcpy(data, buffer->data + buffer->start, content);
		mem_free(buffer->data);
		buffer->data = data;
		buffer->capacity = capacity;
	}
	buffer->start = 0;
	buffer->end = content;
	return buffer->data + buffer->end;
}

void
buffer_commit(struct buffer *buffer, size_t size)
{
	CHECK(size <= buffer->capacity - buffer->end);
	buffer->end += size;
}

void
buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
	uint8_t *place = buffer_reserve(buffer, size);

	if (size > 0)
		memcpy(place, bytes, size);
	buffer->end += size;
}

void
buffer_append_slice(struct buffer *buffer, struct slice bytes)
{
	buffer_append(buffer, bytes.data, bytes.size);
}

void
buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
	buffer_append(buffer, &byte, 1);
}

void
buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_list again;
	int size;

	va_start(arguments, format);
	va_copy(again, arguments);
	size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	CHECK(size >= 0);
	vsnprintf((char *)buffer_reserve(buffer, (size_t)size + 1),
	    (size_t)size + 1, format, again);
	va_end(again);
	buffer_commit(buffer, (size_t)size);
}

void
buffer_consume(struct buffer *buffer, size_t size)
{
	CHECK(size <= buffer_size(buffer));
	buffer->start += size;
	if (buffer->start == buffer->end)
		buffer->start = buffer->end = 0;
}

void
buffer_clear(struct buffer *buffer, size_t keep_bytes_max)
{
	if (buffer->capacity > keep_bytes_max)
		buffer_deinit(buffer);
	buffer->start = buffer->end = 0;
}

void
buffer_deinit(struct buffer *buffer)
{
	mem_free(buffer->data);
	*buffer = (struct buffer){0};
}
