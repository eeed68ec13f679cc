#include "common/lsm/table/block_codec.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/table/block_pack.h"
#include "common/lsm/table/table_block.h"

/* What a block with a large entry took is not kept. */
#define KEPT_BYTES_MAX (256u << 10)

struct block_codec {
	struct compressor *compressor;
	uint8_t *packed;
	size_t packed_capacity;
};

struct block_codec *
block_codec_create(void)
{
	struct block_codec *codec = mem_new(sizeof(*codec));

	codec->compressor = compressor_create();
	return codec;
}

void
block_codec_close(struct block_codec *codec)
{
	if (codec == NULL)
		return;
	compressor_close(codec->compressor);
	mem_free(codec->packed);
	mem_free(codec);
}

/* Makes room for the packed bytes of a block; returns how many there may be. */
static size_t
make_room(struct block_codec *codec, size_t raw_size)
{
	size_t capacity = raw_size + BLOCK_PACK_BYTES_MORE;

	if (codec->packed_capacity < capacity ||
	    codec->packed_capacity > KEPT_BYTES_MAX) {
		codec->packed = mem_resize(codec->packed, capacity);
		codec->packed_capacity = capacity;
	}
	return capacity;
}

size_t
block_codec_encode(struct block_codec *codec, enum compression compression,
    struct slice raw, uint8_t *out, size_t capacity)
{
	struct block_view view;
	size_t size;

	CHECK(block_view_open(raw, &view));
	make_room(codec, raw.size);
	size = block_pack(&view, raw.size, codec->packed);
	return compressor_compress(codec->compressor, compression,
	    slice_of(codec->packed, size), out, capacity);
}

bool
block_codec_decode(struct block_codec *codec, enum compression compression,
    struct slice stored, uint8_t *raw, size_t raw_size)
{
	size_t capacity = make_room(codec, raw_size);
	size_t size;

	return compressor_decompress(codec->compressor, compression, stored,
		   codec->packed, capacity, &size) &&
	    block_unpack(slice_of(codec->packed, size), raw, raw_size);
}
