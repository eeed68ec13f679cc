/*
 * integer - integers in bytes: little-endian of fixed width, and varints.
 *
 * Used by every disk and wire format. The loads and stores of fixed width
 * take any alignment and check no bounds: the caller has done that.
 */
#ifndef COMMON_CODEC_INTEGER_H
#define COMMON_CODEC_INTEGER_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/slice.h"

#define VARINT_BYTES_MAX 10

static inline uint16_t
u16_load(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return le16toh(value);
}

static inline uint32_t
u32_load(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

static inline uint64_t
u64_load(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

static inline void
u16_store(uint8_t *bytes, uint16_t value)
{
	value = htole16(value);
	memcpy(bytes, &value, sizeof(value));
}

static inline void
u32_store(uint8_t *bytes, uint32_t value)
{
	value = htole32(value);
	memcpy(bytes, &value, sizeof(value));
}

static inline void
u64_store(uint8_t *bytes, uint64_t value)
{
	value = htole64(value);
	memcpy(bytes, &value, sizeof(value));
}

/* Numbers of 48 bits. */
static inline uint64_t
u48_load(const uint8_t *bytes)
{
	return u32_load(bytes) | (uint64_t)u16_load(bytes + 4) << 32;
}

static inline void
u48_store(uint8_t *bytes, uint64_t value)
{
	u32_store(bytes, (uint32_t)value);
	u16_store(bytes + 4, (uint16_t)(value >> 32));
}

/* Signed numbers as unsigned ones that are small where those are near 0. */
static inline uint64_t
zigzag_encode(int64_t value)
{
	return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t
zigzag_decode(uint64_t value)
{
	return (int64_t)(value >> 1 ^ ((value & 1) != 0 ? UINT64_MAX : 0));
}

/* Bytes that varint_store() will write for `value`: 1 to 10. */
static inline size_t
varint_size(uint64_t value)
{
	size_t size = 1;

	while (value >= 0x80) {
		value >>= 7;
		size++;
	}
	return size;
}

/* Stores seven bits a byte, lowest first; returns the bytes written. */
static inline size_t
varint_store(uint8_t *bytes, uint64_t value)
{
	size_t size = 0;

	while (value >= 0x80) {
		bytes[size++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes[size++] = (uint8_t)value;
	return size;
}

/* As varint_take(), for those of more than one byte. */
bool varint_take_long(struct slice *input, uint64_t *out);

/*
 * Takes a varint off the front of `input`. False, and `input` untouched, when
 * it is cut short, over 64 bits, or longer than it need be.
 */
static inline bool
varint_take(struct slice *input, uint64_t *out)
{
	if (input->size == 0 || input->data[0] >= 0x80)
		return varint_take_long(input, out);
	*out = input->data[0];
	input->data++;
	input->size--;
	return true;
}

/* Take a value of fixed width, or `size` bytes, off the front of `input`. */
bool u8_take(struct slice *input, uint8_t *out);
bool u16_take(struct slice *input, uint16_t *out);
bool u32_take(struct slice *input, uint32_t *out);
bool u64_take(struct slice *input, uint64_t *out);
bool bytes_take(struct slice *input, size_t size, struct slice *out);

#endif
