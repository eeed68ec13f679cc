/*
 * block_pack - the raw bytes of a block, arranged for a compressor.
 *
 * What is alike in the entries stands side by side, sequences take as many
 * bits as they differ by, a key leaves out what it shares with the one before.
 * What follows from the rest (places, padding) is left out. The bytes are
 * specified in storaged/FORMAT.md, "Block".
 */
#ifndef COMMON_LSM_TABLE_BLOCK_PACK_H
#define COMMON_LSM_TABLE_BLOCK_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"

struct block_view;

/* Packing makes a block larger by no more than so many bytes. */
#define BLOCK_PACK_BYTES_MORE 16

/*
 * Packs well-formed entries whose raw bytes are `raw_size` into `out`, which
 * has room for BLOCK_PACK_BYTES_MORE beyond that. Returns the size.
 */
size_t block_pack(const struct block_view *view, size_t raw_size, uint8_t *out);

/* Restores exactly `raw_size` bytes; false where `packed` is not made so. */
bool
block_unpack(struct slice packed, uint8_t *raw, size_t raw_size) MUST_CHECK;

#endif
