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

/*
 * Takes a varint off the front of `input`. False, and `input` untouched, when
 * it is cut short, over 64 bits, or longer than it need be.
 */
bool varint_take(struct slice *input, uint64_t *out);

/* Take a value of fixed width, or `size` bytes, off the front of `input`. */
bool u8_take(struct slice *input, uint8_t *out);
bool u16_take(struct slice *input, uint16_t *out);
bool u32_take(struct slice *input, uint32_t *out);
bool u64_take(struct slice *input, uint64_t *out);
bool bytes_take(struct slice *input, size_t size, struct slice *out);

#endif
