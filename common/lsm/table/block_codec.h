/*
 * block_codec - from the raw bytes of a block to the stored ones and back.
 *
 * Packs (block_pack), then compresses (compression); keeps the memory for what
 * is between from block to block.
 */
#ifndef COMMON_LSM_TABLE_BLOCK_CODEC_H
#define COMMON_LSM_TABLE_BLOCK_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"
#include "common/lsm/table/compression.h"

struct block_codec;

struct block_codec *block_codec_create(void);

/* NULL is allowed. */
void block_codec_close(struct block_codec *codec);

/*
 * Stores the raw bytes of a well-formed block in `out` of `capacity` bytes;
 * returns the bytes used, 0 if they do not fit there.
 */
size_t
block_codec_encode(struct block_codec *codec, enum compression compression,
    struct slice raw, uint8_t *out, size_t capacity);

/*
 * Restores exactly `raw_size` bytes; false where `stored` is no such. A jump
 * out of the call (bus_guard) leaves the codec fit for use.
 */
bool block_codec_decode(struct block_codec *codec, enum compression compression,
    struct slice stored, uint8_t *raw, size_t raw_size) MUST_CHECK;

#endif
