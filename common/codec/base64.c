#include "common/codec/base64.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct buffer *out, struct slice bytes)
{
	size_t size = (bytes.size + 2) / 3 * 4;
	uint8_t *to = buffer_reserve(out, size);

	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		uint32_t bits = (uint32_t)bytes.data[i] << 16;

		if (left > 1)
			bits |= (uint32_t)bytes.data[i + 1] << 8;
		if (left > 2)
			bits |= bytes.data[i + 2];
		*to++ = (uint8_t)digits[bits >> 18];
		*to++ = (uint8_t)digits[bits >> 12 & 63];
		*to++ = (uint8_t)(left > 1 ? digits[bits >> 6 & 63] : '=');
		*to++ = (uint8_t)(left > 2 ? digits[bits & 63] : '=');
	}
	buffer_commit(out, size);
}

/* The value of a digit; 64 for any other byte. */
static uint32_t
digit_value(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - (uint32_t)'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - (uint32_t)'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - (uint32_t)'0' + 52;
	return byte == '+' ? 62 : byte == '/' ? 63 : 64;
}

/*
 * Decodes four digits, the last `padding` of which are padding; false if one
 * is none, or if bits that padding leaves over are set.
 */
static bool
decode_quad(const uint8_t *text, size_t padding, uint8_t bytes[3])
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		uint32_t value = i < 4 - padding ? digit_value(text[i]) : 0;

		if (value > 63)
			return false;
		bits = bits << 6 | value;
	}
	bytes[0] = (uint8_t)(bits >> 16);
	bytes[1] = (uint8_t)(bits >> 8);
	bytes[2] = (uint8_t)bits;
	return (padding < 1 || bytes[2] == 0) && (padding < 2 || bytes[1] == 0);
}

bool
base64_decode(struct buffer *out, struct slice text)
{
	size_t size = text.size / 4 * 3;
	size_t padding = 0;
	uint8_t *to;

	if (text.size % 4 != 0)
		return false;
	while (padding < 2 && padding < text.size &&
	    text.data[text.size - 1 - padding] == '=')
		padding++;
	to = buffer_reserve(out, size);
	for (size_t i = 0; i < text.size; i += 4)
		if (!decode_quad(text.data + i,
			i + 4 == text.size ? padding : 0, to + i / 4 * 3))
			return false;
	buffer_commit(out, size - padding);
	return true;
}
