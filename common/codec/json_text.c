#include "common/codec/json_text.h"

#include "common/base/check.h"
#include "common/codec/integer.h"

#define ONES 0x0101010101010101u
#define TOPS 0x8080808080808080u

/* Size of the escape of each ASCII byte; 1: none is needed. */
static size_t
escaped_size(uint8_t byte)
{
	switch (byte) {
	case '"':
	case '\\':
	case '\b':
	case '\f':
	case '\n':
	case '\r':
	case '\t':
		return 2;
	default:
		return byte < 0x20 ? 6 : 1;
	}
}

/* Top bits are set somewhere if a byte of `word` needs a closer look. */
static uint64_t
needs_look(uint64_t word)
{
	uint64_t quote = word ^ (ONES * '"');
	uint64_t backslash = word ^ (ONES * '\\');

	/* A byte less than n borrows from its top bit when n is taken. */
	return (word | (word - ONES * 0x20) | (quote - ONES) |
		   (backslash - ONES)) &
	    TOPS;
}

/* Bytes of the UTF-8 sequence at the front that is not ASCII; 0: none is. */
static size_t
sequence_size(const uint8_t *bytes, size_t left)
{
	uint8_t first = bytes[0];
	uint8_t least = 0x80;
	uint8_t most = 0xbf;
	size_t size;

	if (first < 0xc2 || first > 0xf4)
		return 0;
	size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (left < size)
		return 0;
	/* Neither overlong forms, nor surrogates, nor beyond U+10FFFF. */
	if (first == 0xe0)
		least = 0xa0;
	else if (first == 0xed)
		most = 0x9f;
	else if (first == 0xf0)
		least = 0x90;
	else if (first == 0xf4)
		most = 0x8f;
	if (bytes[1] < least || bytes[1] > most)
		return 0;
	for (size_t i = 2; i < size; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

bool
json_text_measure(struct slice bytes, size_t *size)
{
	size_t more = 0; /* bytes that escapes add */
	size_t at = 0;

	while (at < bytes.size) {
		size_t sequence;

		if (bytes.size - at >= 8 &&
		    needs_look(u64_load(bytes.data + at)) == 0) {
			at += 8;
			continue;
		}
		if (bytes.data[at] < 0x80) {
			more += escaped_size(bytes.data[at]) - 1;
			at++;
			continue;
		}
		sequence = sequence_size(bytes.data + at, bytes.size - at);
		if (sequence == 0)
			return false;
		at += sequence;
	}
	*size = bytes.size + more;
	return true;
}

static uint8_t *
escape(uint8_t *to, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[] = "btn?fr"; /* from 0x08 */

	if (escaped_size(byte) == 1) {
		*to++ = byte;
		return to;
	}
	*to++ = '\\';
	if (escaped_size(byte) == 2) {
		*to++ = byte >= 0x20 ? byte : (uint8_t)letters[byte - 0x08];
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = (uint8_t)digits[byte >> 4];
	to[4] = (uint8_t)digits[byte & 15];
	return to + 5;
}

uint8_t *
json_text_write(uint8_t *to, struct slice bytes, size_t size)
{
	uint8_t *end = to + size;
	size_t at = 0;

	CHECK(size >= bytes.size);
	if (size == bytes.size) {
		if (size > 0)
			memcpy(to, bytes.data, size);
		return end;
	}
	while (at < bytes.size) {
		if (bytes.size - at >= 8 &&
		    needs_look(u64_load(bytes.data + at)) == 0) {
			memcpy(to, bytes.data + at, 8);
			to += 8;
			at += 8;
			continue;
		}
		to = escape(to, bytes.data[at++]);
	}
	CHECK(to == end);
	return end;
}

void
json_text_append(struct buffer *out, struct slice bytes)
{
	struct buffer readable = {0};
	uint8_t *to;
	size_t size;

	if (!json_text_measure(bytes, &size)) {
		buffer_append_slice(&readable, bytes);
		for (size_t i = 0; i < bytes.size; i++)
			if (readable.data[i] >= 0x80)
				readable.data[i] = '?';
		bytes = buffer_slice(&readable);
		CHECK(json_text_measure(bytes, &size));
	}
	to = buffer_reserve(out, size + 2);
	*to++ = '"';
	to = json_text_write(to, bytes, size);
	*to = '"';
	buffer_commit(out, size + 2);
	buffer_deinit(&readable);
}
