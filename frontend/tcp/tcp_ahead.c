#include "frontend/tcp/tcp_ahead.h"

#include "common/codec/integer.h"
#include "frontend/protocol/frame.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/tcp/tcp_store.h"

/* "*2\r\n$3\r\nGET\r\n$" */
#define RESP_HEAD_BYTES 14

/* Digits of a key's size. */
#define RESP_DIGITS_MAX 5

static bool
is_resp_get(const uint8_t *at)
{
	return memcmp(at, "*2\r\n$3\r\n", 8) == 0 && (at[8] | 0x20) == 'g' &&
	    (at[9] | 0x20) == 'e' && (at[10] | 0x20) == 't' &&
	    memcmp(at + 11, "\r\n$", 3) == 0;
}

size_t
tcp_ahead_resp(struct slice input, struct slice *keys)
{
	const uint8_t *at = input.data;
	const uint8_t *end = at + input.size;
	size_t count = 0;

	while (count < TCP_PREFETCH_MAX &&
	    end - at > RESP_HEAD_BYTES + RESP_DIGITS_MAX + 2 &&
	    is_resp_get(at)) {
		const uint8_t *digit = at + RESP_HEAD_BYTES;
		size_t size = 0;

		while (*digit >= '0' && *digit <= '9' &&
		    digit < at + RESP_HEAD_BYTES + RESP_DIGITS_MAX)
			size = size * 10 + (size_t)(*digit++ - '0');
		if (*digit != '\r' || (size_t)(end - digit) < size + 4)
			break;
		keys[count++] = slice_of(digit + 2, size);
		at = digit + size + 4;
	}
	return count;
}

size_t
tcp_ahead_frame(struct slice input, struct slice *keys)
{
	const uint8_t *at = input.data;
	const uint8_t *end = at + input.size;
	size_t count = 0;

	while (count < TCP_PREFETCH_MAX && end - at >= FRAME_HEADER_BYTES + 4 &&
	    at[FRAME_MAGIC_OFFSET] == FRAME_MAGIC_REQUEST &&
	    at[FRAME_OPCODE_OFFSET] == FRAME_OPCODE_GET) {
		size_t size = u32_load(at + FRAME_HEADER_BYTES);

		at += FRAME_HEADER_BYTES + 4;
		if ((size_t)(end - at) < size)
			break;
		keys[count++] = slice_of(at, size);
		at += size;
	}
	return count;
}
