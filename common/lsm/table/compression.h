/*
 * compression - how the blocks of a table are compressed.
 */
#ifndef COMMON_LSM_TABLE_COMPRESSION_H
#define COMMON_LSM_TABLE_COMPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"

/* The numbers go into tables. */
enum compression {
	COMPRESSION_NONE = 0,
	COMPRESSION_LZ4 = 1,
	COMPRESSION_ZSTD = 2,
};

#define COMPRESSION_COUNT 3

/* "none", "lz4", "zstd". */
const char *compression_name(enum compression compression);

/* Finds a compression by its name; false if there is none. */
bool compression_find(const char *name, enum compression *out);

/* The library's working memory, kept from block to block. */
struct compressor;

/* For any compression; the library's state is made when first needed. */
struct compressor *compressor_create(void);
void compressor_close(struct compressor *compressor);

/*
 * Compresses `raw` into `out` of `capacity` bytes; returns the bytes used, 0
 * if it does not fit there.
 */
size_t
compressor_compress(struct compressor *compressor, enum compression compression,
    struct slice raw, uint8_t *out, size_t capacity);

/*
 * Restores *size bytes, at most `capacity`; false where `stored` is no such.
 */
bool compressor_decompress(struct compressor *compressor,
    enum compression compression, struct slice stored, uint8_t *out,
    size_t capacity, size_t *size) MUST_CHECK;

#endif
