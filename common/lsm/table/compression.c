#include "common/lsm/table/compression.h"

#include <lz4.h>
#include <string.h>
#include <zstd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* The default of zstd itself: higher ones gain little on small blocks. */
#define ZSTD_LEVEL 3

struct compressor {
	void *lz4_state;
	ZSTD_CCtx *zstd_compress;
	ZSTD_DCtx *zstd_decompress;
};

static const char *const names[COMPRESSION_COUNT] = {
    [COMPRESSION_NONE] = "none",
    [COMPRESSION_LZ4] = "lz4",
    [COMPRESSION_ZSTD] = "zstd",
};

const char *
compression_name(enum compression compression)
{
	CHECK((unsigned)compression < COMPRESSION_COUNT);
	return names[compression];
}

bool
compression_find(const char *name, enum compression *out)
{
	for (unsigned i = 0; i < COMPRESSION_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*out = (enum compression)i;
			return true;
		}
	}
	return false;
}

struct compressor *
compressor_create(void)
{
	return mem_new(sizeof(struct compressor));
}

void
compressor_close(struct compressor *compressor)
{
	if (compressor == NULL)
		return;
	mem_free(compressor->lz4_state);
	(void)ZSTD_freeCCtx(compressor->zstd_compress);
	(void)ZSTD_freeDCtx(compressor->zstd_decompress);
	mem_free(compressor);
}

static size_t
compress_lz4(struct compressor *compressor, struct slice raw, uint8_t *out,
    size_t capacity)
{
	int size;

	if (compressor->lz4_state == NULL)
		compressor->lz4_state = mem_new((size_t)LZ4_sizeofState());
	size = LZ4_compress_fast_extState(compressor->lz4_state,
	    (const char *)raw.data, (char *)out, (int)raw.size, (int)capacity,
	    1);
	return size > 0 ? (size_t)size : 0;
}

static size_t
compress_zstd(struct compressor *compressor, struct slice raw, uint8_t *out,
    size_t capacity)
{
	size_t size;

	if (compressor->zstd_compress == NULL) {
		compressor->zstd_compress = ZSTD_createCCtx();
		CHECK(compressor->zstd_compress != NULL);
	}
	size = ZSTD_compressCCtx(compressor->zstd_compress, out, capacity,
	    raw.data, raw.size, ZSTD_LEVEL);
	return ZSTD_isError(size) ? 0 : size;
}

size_t
compressor_compress(struct compressor *compressor, enum compression compression,
    struct slice raw, uint8_t *out, size_t capacity)
{
	CHECK(raw.size <= LZ4_MAX_INPUT_SIZE);
	CHECK(capacity <= LZ4_MAX_INPUT_SIZE);
	switch (compression) {
	case COMPRESSION_LZ4:
		return compress_lz4(compressor, raw, out, capacity);
	case COMPRESSION_ZSTD:
		return compress_zstd(compressor, raw, out, capacity);
	case COMPRESSION_NONE:
		break;
	}
	CHECK(raw.size <= capacity);
	memcpy(out, raw.data, raw.size);
	return raw.size;
}

bool
compressor_decompress(struct compressor *compressor,
    enum compression compression, struct slice stored, uint8_t *out,
    size_t capacity, size_t *size)
{
	int lz4_size;

	if (stored.size > LZ4_MAX_INPUT_SIZE || capacity > LZ4_MAX_INPUT_SIZE)
		return false;
	switch (compression) {
	case COMPRESSION_LZ4:
		lz4_size = LZ4_decompress_safe((const char *)stored.data,
		    (char *)out, (int)stored.size, (int)capacity);
		*size = lz4_size < 0 ? 0 : (size_t)lz4_size;
		return lz4_size >= 0;
	case COMPRESSION_ZSTD:
		if (compressor->zstd_decompress == NULL) {
			compressor->zstd_decompress = ZSTD_createDCtx();
			CHECK(compressor->zstd_decompress != NULL);
		}
		*size = ZSTD_decompressDCtx(compressor->zstd_decompress, out,
		    capacity, stored.data, stored.size);
		return !ZSTD_isError(*size);
	case COMPRESSION_NONE:
		break;
	}
	return false;
}
