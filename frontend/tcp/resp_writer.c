#include "frontend/tcp/resp_writer.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/codec/decimal.h"

#define ERROR_BYTES_MAX 512

/* A type byte, a number, CR LF. */
#define LINE_BYTES_MAX (1 + DECIMAL_BYTES_MAX + 2)

/* Writes a line with a number; returns what follows it. */
static inline uint8_t *
put_line(uint8_t *to, char type, int64_t value)
{
	*to++ = (uint8_t)type;
	if (LIKELY(value >= 0 && value < 10))
		*to++ = (uint8_t)('0' + value);
	else
		to += decimal_format(value, (char *)to);
	*to++ = '\r';
	*to++ = '\n';
	return to;
}

static void
write_line(struct buffer *out, char type, int64_t value)
{
	uint8_t *start = buffer_reserve(out, LINE_BYTES_MAX);

	buffer_commit(out, (size_t)(put_line(start, type, value) - start));
}

void
resp_write_simple(struct buffer *out, const char *text)
{
	size_t size = strlen(text);
	uint8_t *to = buffer_reserve(out, size + 3);

	to[0] = '+';
	memcpy(to + 1, text, size);
	memcpy(to + 1 + size, "\r\n", 2);
	buffer_commit(out, size + 3);
}

void
resp_write_error(struct buffer *out, const char *format, ...)
{
	char text[ERROR_BYTES_MAX];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (size > (int)sizeof(text) - 1)
		size = (int)sizeof(text) - 1;
	for (int i = 0; i < size; i++)
		if (text[i] == '\r' || text[i] == '\n')
			text[i] = ' ';
	buffer_append_byte(out, '-');
	buffer_append(out, text, size > 0 ? (size_t)size : 0);
	buffer_append(out, "\r\n", 2);
}

void
resp_write_integer(struct buffer *out, int64_t value)
{
	write_line(out, ':', value);
}

void
resp_write_bulk(struct buffer *out, struct slice bytes)
{
	uint8_t *start = buffer_reserve(out, LINE_BYTES_MAX + bytes.size + 2);
	uint8_t *to = put_line(start, '$', (int64_t)bytes.size);

	if (bytes.size > 0)
		memcpy(to, bytes.data, bytes.size);
	to += bytes.size;
	*to++ = '\r';
	*to++ = '\n';
	buffer_commit(out, (size_t)(to - start));
}

void
resp_write_bulk_string(struct buffer *out, const char *text)
{
	resp_write_bulk(out, slice_of_string(text));
}

void
resp_write_verbatim(struct buffer *out, unsigned protocol, struct slice text)
{
	if (protocol < 3) {
		resp_write_bulk(out, text);
		return;
	}
	write_line(out, '=', (int64_t)text.size + 4);
	buffer_append(out, "txt:", 4);
	buffer_append_slice(out, text);
	buffer_append(out, "\r\n", 2);
}

void
resp_write_null(struct buffer *out, unsigned protocol)
{
	if (protocol < 3)
		buffer_append(out, "$-1\r\n", 5);
	else
		buffer_append(out, "_\r\n", 3);
}

void
resp_write_array(struct buffer *out, size_t count)
{
	write_line(out, '*', (int64_t)count);
}

void
resp_write_map(struct buffer *out, unsigned protocol, size_t pairs)
{
	if (protocol < 3)
		write_line(out, '*', (int64_t)pairs * 2);
	else
		write_line(out, '%', (int64_t)pairs);
}

void
resp_write_set(struct buffer *out, unsigned protocol, size_t count)
{
	write_line(out, protocol < 3 ? '*' : '~', (int64_t)count);
}
