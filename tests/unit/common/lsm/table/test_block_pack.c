#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/lsm/table/block_codec.h"
#include "common/lsm/table/block_pack.h"
#include "common/lsm/table/table_block.h"
#include "tests/support/suite.h"
#include "tests/support/table_sample.h"

/* The raw bytes of a block with these entries. */
static void
make_block(const struct entry *entries, size_t count, struct buffer *out)
{
	size_t array_size = table_block_array_size(count);
	uint16_t *places = mem_new_array(count, sizeof(*places));
	uint8_t *array;

	for (size_t i = 0; i < count; i++) {
		size_t size = block_entry_size(&entries[i]);

		places[i] = (uint16_t)(buffer_size(out) / TABLE_ENTRY_ALIGN);
		block_entry_write(buffer_reserve(out, size), &entries[i]);
		buffer_commit(out, size);
	}
	array = buffer_reserve(out, array_size);
	memset(array, 0, array_size);
	for (size_t i = 0; i < count; i++)
		u16_store(array + 2 * i, places[i]);
	u16_store(array + array_size - 2, (uint16_t)count);
	buffer_commit(out, array_size);
	mem_free(places);
}

static void
pack(struct slice raw, struct buffer *out)
{
	struct block_view view;

	CU_ASSERT_TRUE_FATAL(block_view_open(raw, &view));
	buffer_commit(out,
	    block_pack(&view, raw.size,
		buffer_reserve(out, raw.size + BLOCK_PACK_BYTES_MORE)));
}

/* In memory of exactly its size, so that a sanitizer sees a step beyond. */
static bool
unpacks_to(struct slice packed, struct slice raw)
{
	uint8_t *exact = mem_dup(packed.data, packed.size);
	uint8_t *again = mem_new(raw.size);
	bool same =
	    block_unpack(slice_of(exact, packed.size), again, raw.size) &&
	    memcmp(again, raw.data, raw.size) == 0;

	mem_free(exact);
	mem_free(again);
	return same;
}

static void
check_round(const struct entry *entries, size_t count)
{
	struct block_codec *codec = block_codec_create();
	struct buffer packed = {0};
	struct buffer raw = {0};
	struct buffer again = {0};

	make_block(entries, count, &raw);
	pack(buffer_slice(&raw), &packed);
	CU_ASSERT_TRUE_FATAL(
	    unpacks_to(buffer_slice(&packed), buffer_slice(&raw)));
	for (unsigned i = 1; i < COMPRESSION_COUNT; i++) {
		size_t capacity = 2 * buffer_size(&raw) + 1000;
		uint8_t *stored = mem_new(capacity);
		size_t size = block_codec_encode(codec, (enum compression)i,
		    buffer_slice(&raw), stored, capacity);

		buffer_clear(&again, SIZE_MAX);
		CU_ASSERT_TRUE_FATAL(block_codec_decode(codec,
		    (enum compression)i, slice_of(stored, size),
		    buffer_reserve(&again, buffer_size(&raw)),
		    buffer_size(&raw)));
		buffer_commit(&again, buffer_size(&raw));
		CU_ASSERT_TRUE(
		    slice_equal(buffer_slice(&again), buffer_slice(&raw)));
		mem_free(stored);
	}
	buffer_deinit(&packed);
	buffer_deinit(&raw);
	buffer_deinit(&again);
	block_codec_close(codec);
}

/* How many of the entries a block could have. */
static size_t
fitting(const struct sample *sample)
{
	size_t bytes = 0;
	size_t count = 0;

	while (count < sample->count && bytes <= TABLE_BLOCK_BYTES_MAX)
		bytes += block_entry_size(&sample->entries[count++]);
	return count;
}

static void
blocks_come_back_as_they_were(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct sample sample;

	for (unsigned i = 0; i < 300; i++) {
		sample_init_random(&sample, &rng, 200, 300);
		if (sample.count > 0)
			check_round(sample.entries, fitting(&sample));
		sample_deinit(&sample);
	}
}

static void
extremes_come_back_as_they_were(void)
{
	uint8_t *bytes = mem_new(TABLE_KEY_BYTES_MAX + 1000000);
	struct entry entries[3] = {
	    {.key = slice_of(bytes, 300),
		.sequence = 1,
		.deadline_ms = UINT64_MAX,
		.kind = ENTRY_PUT},
	    {.key = slice_of(bytes, 400),
		.sequence = TABLE_SEQUENCE_MAX,
		.kind = ENTRY_TOMBSTONE},
	    {.key = slice_of(bytes, 50000),
		.value = slice_of(bytes, 100000),
		.sequence = 77,
		.kind = ENTRY_PUT},
	};

	check_round(entries, 3);
	for (size_t i = 0; i < 3; i++)
		check_round(&entries[i], 1);
	entries[0].key = slice_of("k", 1);
	entries[0].deadline_ms = 0;
	check_round(entries, 1);
	entries[0].key = slice_of(bytes, TABLE_KEY_BYTES_MAX);
	entries[0].value = slice_of(bytes, 1000000);
	check_round(entries, 1);
	mem_free(bytes);
}

/* Three entries; every byte as the format says. */
static const struct entry three[3] = {
    {.key = {(const uint8_t *)"apple", 5},
	.value = {(const uint8_t *)"red", 3},
	.sequence = 1000,
	.kind = ENTRY_PUT},
    {.key = {(const uint8_t *)"apply", 5},
	.sequence = 1005,
	.kind = ENTRY_TOMBSTONE},
    {.key = {(const uint8_t *)"b", 1},
	.value = {(const uint8_t *)"!", 1},
	.sequence = 1002,
	.deadline_ms = 258,
	.kind = ENTRY_PUT},
};
static const uint8_t three_packed[] = {3, 0, 3, 0xe8, 3, 0, 0, 0, 0, 0, 0,
    5 << 3 | (2 & 3) << 6, 2 >> 2, 1, 3, 0, 0, 0, 5, 0, 2, 0, 0, 0, 0, 5, 0, 5,
    1, 0, 0, 0, 1, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 'a', 'p', 'p', 'l', 'e',
    'y', 'b', 'r', 'e', 'd', '!'};

static void
packed_bytes_are_as_specified(void)
{
	struct buffer packed = {0};
	struct buffer raw = {0};

	make_block(three, 3, &raw);
	pack(buffer_slice(&raw), &packed);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&packed),
	    slice_of(three_packed, sizeof(three_packed))));
	buffer_deinit(&packed);
	buffer_deinit(&raw);
}

static void
wrong_sizes_are_refused(void)
{
	uint8_t *raw = mem_new(1000);
	uint8_t *cut;

	for (size_t size = 0; size < sizeof(three_packed); size++) {
		cut = mem_new(size + 1);
		memcpy(cut, three_packed, size);
		for (size_t raw_size = 4; raw_size < 200; raw_size += 4)
			CU_ASSERT_FALSE_FATAL(
			    block_unpack(slice_of(cut, size), raw, raw_size));
		mem_free(cut);
	}
	for (size_t raw_size = 1; raw_size < 1000; raw_size++) {
		bool is_right = raw_size == 76;

		CU_ASSERT_EQUAL(
		    block_unpack(slice_of(three_packed, sizeof(three_packed)),
			raw, raw_size),
		    is_right);
	}
	mem_free(raw);
}

/* What is forged is refused or gives some bytes, never a step outside. */
static void
forged_bytes_do_no_harm(void)
{
	uint8_t *raw = mem_new(76);
	uint8_t *forged = mem_new(sizeof(three_packed));
	unsigned refused = 0;

	for (size_t i = 0; i < sizeof(three_packed); i++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			memcpy(forged, three_packed, sizeof(three_packed));
			forged[i] = (uint8_t)byte;
			refused += !block_unpack(
			    slice_of(forged, sizeof(three_packed)), raw, 76);
		}
	}
	CU_ASSERT_TRUE(refused > 1000);
	mem_free(raw);
	mem_free(forged);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(blocks_come_back_as_they_were),
	    SUITE_CASE(extremes_come_back_as_they_were),
	    SUITE_CASE(packed_bytes_are_as_specified),
	    SUITE_CASE(wrong_sizes_are_refused),
	    SUITE_CASE(forged_bytes_do_no_harm),
	};

	return suite_run("block_pack", cases, SUITE_COUNT(cases), argc, argv);
}
