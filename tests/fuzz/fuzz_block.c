/*
 * The raw bytes of one block, and what decompressing and unpacking make of
 * others. The first byte says which: 0 raw, 1 and 2 a compression, 3 packed.
 * What was unpacked is packed and unpacked to the same. Entries lie in the
 * block; one that is read and written again is the same; a seek in a block
 * whose keys ascend finds the first that is not less.
 */
#include "common/base/mem.h"
#include "common/lsm/table/block_codec.h"
#include "common/lsm/table/block_pack.h"
#include "common/codec/checksum.h"
#include "common/lsm/table/table_block.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/entry_program.h"

#define RAW_BYTES_MAX 20000
#define COUNT_MAX 2000
#define FORM_PACKED 3

struct walk {
	struct block_view view;
	struct entry entries[COUNT_MAX];
	uint32_t count; /* entries read without fault */
	bool ascends;
};

static void
write_again(const struct entry *entry)
{
	size_t size = block_entry_size(entry);
	uint8_t *bytes = mem_new(size);
	struct entry again;
	uint32_t next;

	block_entry_write(bytes, entry);
	CHECK(block_entry_read(bytes, (uint32_t)size, 0, &again, &next));
	CHECK(entry_program_same(entry, &again));
	CHECK(next == size);
	mem_free(bytes);
}

static void
walk_entries(struct walk *walk)
{
	const struct block_view *view = &walk->view;

	walk->ascends = true;
	for (uint32_t i = 0; i < view->count && i < COUNT_MAX; i++) {
		struct entry *entry = &walk->entries[i];
		uint32_t next;

		if (!block_entry_read(view->data, view->entries_size,
			block_view_position(view, i), entry, &next))
			return;
		CHECK(entry->value.data + entry->value.size <=
		    view->data + view->entries_size);
		if (entry->kind == ENTRY_PUT || entry->value.size == 0)
			write_again(entry);
		walk->ascends &=
		    i == 0 || slice_compare(entry[-1].key, entry->key) < 0;
		walk->count++;
	}
}

static void
seek(const struct walk *walk, struct slice key)
{
	/* Any guess of the place leads there. */
	uint32_t share = (uint32_t)(hash64(key) & 65535);
	uint32_t position;
	uint32_t index;

	if (!block_view_seek(&walk->view, key, share, &index, &position)) {
		CHECK(walk->count < walk->view.count);
		return;
	}
	CHECK(index <= walk->view.count);
	if (!walk->ascends || walk->count < walk->view.count)
		return;
	CHECK(
	    index == 0 || slice_compare(walk->entries[index - 1].key, key) < 0);
	CHECK(index == walk->count ||
	    slice_compare(walk->entries[index].key, key) >= 0);
}

static void
pack_again(const struct block_view *view, struct slice raw)
{
	uint8_t *packed = mem_new(raw.size + BLOCK_PACK_BYTES_MORE);
	uint8_t *again = mem_new(raw.size);
	size_t size = block_pack(view, raw.size, packed);

	CHECK(block_unpack(slice_of(packed, size), again, raw.size));
	CHECK(memcmp(raw.data, again, raw.size) == 0);
	mem_free(packed);
	mem_free(again);
}

static void
read_block(struct slice raw, bool is_unpacked)
{
	struct walk *walk;

	/* The reader's blocks are never empty or larger than 32 bits. */
	walk = mem_new(sizeof(*walk));
	if (block_view_open(raw, &walk->view)) {
		CHECK(walk->view.count > 0);
		CHECK(walk->view.entries_size <= raw.size);
		walk_entries(walk);
		seek(walk, SLICE_EMPTY);
		seek(walk, slice_of("k", 1));
		for (uint32_t i = 0; i < walk->count && i < 50; i++)
			seek(walk, walk->entries[i].key);
		if (is_unpacked && walk->count == walk->view.count)
			pack_again(&walk->view, raw);
	}
	mem_free(walk);
}

static void
unpack(struct slice packed, size_t raw_size)
{
	uint8_t *raw = mem_new(raw_size);

	if (block_unpack(packed, raw, raw_size))
		read_block(slice_of(raw, raw_size), true);
	mem_free(raw);
}

static void
decompress(struct slice stored, enum compression compression, size_t raw_size)
{
	struct block_codec *codec = block_codec_create();
	uint8_t *raw = mem_new(raw_size);

	if (block_codec_decode(codec, compression, stored, raw, raw_size))
		read_block(slice_of(raw, raw_size), true);
	mem_free(raw);
	block_codec_close(codec);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	unsigned form = (unsigned)fuzz_take_number(&input, 0, 3);
	size_t raw_size;

	if (form == 0) {
		read_block(input, false);
		return 0;
	}
	raw_size = (size_t)fuzz_take_number(&input, 1, RAW_BYTES_MAX);
	if (form == FORM_PACKED)
		unpack(input, raw_size);
	else
		decompress(input, (enum compression)form, raw_size);
	return 0;
}
