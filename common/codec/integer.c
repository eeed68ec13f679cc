#include "common/codec/integer.h"

bool
varint_take_long(struct slice *input, uint64_t *out)
{
	const uint8_t *next = input->data;
	size_t left =
	    input->size < VARINT_BYTES_MAX ? input->size : VARINT_BYTES_MAX;
	uint64_t value = 0;
	unsigned shift = 0;

	for (; left > 0; left--, shift += 7) {
		uint8_t byte = *next++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte >= 0x80)
			continue;
		/*
		 * A last byte of zero is one too many, and the tenth has room
		 * for one bit of the sixty-four.
		 */
		if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
			return false;
		*out = value;
		input->data = next;
		input->size -= shift / 7 + 1;
		return true;
	}
	return false;
}

bool
bytes_take(struct slice *input, size_t size, struct slice *out)
{
	if (input->size < size)
		return false;
	*out = slice_of(input->data, size);
	input->data += size;
	input->size -= size;
	return true;
}

bool
u8_take(struct slice *input, uint8_t *out)
{
	struct slice bytes;

	if (!bytes_take(input, sizeof(*out), &bytes))
		return false;
	*out = bytes.data[0];
	return true;
}

bool
u16_take(struct slice *input, uint16_t *out)
{
	struct slice bytes;

	if (!bytes_take(input, sizeof(*out), &bytes))
		return false;
	*out = u16_load(bytes.data);
	return true;
}

bool
u32_take(struct slice *input, uint32_t *out)
{
	struct slice bytes;

	if (!bytes_take(input, sizeof(*out), &bytes))
		return false;
	*out = u32_load(bytes.data);
	return true;
}

bool
u64_take(struct slice *input, uint64_t *out)
{
	struct slice bytes;

	if (!bytes_take(input, sizeof(*out), &bytes))
		return false;
	*out = u64_load(bytes.data);
	return true;
}
