#include "common/codec/integer.h"

bool
varint_take(struct slice *input, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < input->size && i < VARINT_BYTES_MAX; i++) {
		uint8_t byte = input->data[i];

		/* The tenth byte has room for one bit of the sixty-four. */
		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0) {
			if (byte == 0 && i > 0)
				return false;
			*out = value;
			input->data += i + 1;
			input->size -= i + 1;
			return true;
		}
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
