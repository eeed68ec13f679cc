/*
 * append - integers and sized bytes at the end of a buffer, little-endian.
 *
 * The counterpart of the takes in common/codec/integer.
 */
#ifndef COMMON_CODEC_APPEND_H
#define COMMON_CODEC_APPEND_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/slice.h"
#include "common/codec/integer.h"

static inline void
u32_append(struct buffer *out, uint32_t value)
{
	u32_store(buffer_reserve(out, sizeof(value)), value);
	buffer_commit(out, sizeof(value));
}

static inline void
u64_append(struct buffer *out, uint64_t value)
{
	u64_store(buffer_reserve(out, sizeof(value)), value);
	buffer_commit(out, sizeof(value));
}

/* The size in 32 bits, then the bytes. */
static inline void
sized_append(struct buffer *out, struct slice bytes)
{
	CHECK(bytes.size <= UINT32_MAX);
	u32_append(out, (uint32_t)bytes.size);
	buffer_append_slice(out, bytes);
}

/* Takes what sized_append() put, off the front; false when it is cut short. */
static inline bool
sized_take(struct slice *input, struct slice *out)
{
	struct slice rest = *input;
	uint32_t size;

	if (!u32_take(&rest, &size) || !bytes_take(&rest, size, out))
		return false;
	*input = rest;
	return true;
}

#endif
