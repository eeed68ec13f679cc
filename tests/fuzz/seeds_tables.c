#include <stdio.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/table/block_codec.h"
#include "common/lsm/table/block_pack.h"
#include "common/lsm/table/table_block.h"
#include "common/lsm/table/table_footer.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/entry_program.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/table_sample.h"

static void
seed_footer(const struct buffer *file)
{
	struct table_summary summary = {.entry_count = 3, .sequence_min = 1};
	struct buffer seed = {0};

	seed_append_number(
	    &seed, UINT16_MAX, buffer_size(file) - TABLE_FOOTER_BYTES);
	buffer_append(&seed,
	    file->data + file->start + buffer_size(file) - TABLE_FOOTER_BYTES,
	    TABLE_FOOTER_BYTES);
	seed_write("table_footer", buffer_slice(&seed));
	buffer_clear(&seed, SIZE_MAX);
	seed_append_number(&seed, UINT16_MAX, 0);
	buffer_append(&summary.first_key, "apple", 5);
	buffer_append(&summary.last_key, "banana", 6);
	table_summary_encode(&summary, &seed);
	seed_write("table_footer", buffer_slice(&seed));
	table_summary_deinit(&summary);
	buffer_deinit(&seed);
}

static void
seed_table(
    const struct sample *sample, enum compression compression, bool cached)
{
	struct table_options options = sample_options(compression, 512);
	struct table_summary summary = {0};
	struct buffer content = {0};
	struct buffer seed = {0};
	char path[PATH_BYTES_MAX];
	struct error err;

	path_join(path, fuzz_folder(), "table");
	CHECK(sample_build(sample, file_system_real(), path, &options, &summary,
		  &err) == STATUS_OK);
	CHECK(file_read_whole(file_system_real(), path, 1 << 20, &content,
		  &err) == STATUS_OK);
	seed_append_number(&seed, 1, cached);
	buffer_append_slice(&seed, buffer_slice(&content));
	seed_write("table", buffer_slice(&seed));
	seed_footer(&content);
	buffer_deinit(&seed);
	buffer_deinit(&content);
	table_summary_deinit(&summary);
}

/* The raw bytes of a block with all entries of the sample. */
static void
encode_block(const struct sample *sample, struct buffer *out)
{
	size_t array_size = table_block_array_size(sample->count);
	uint16_t places[64];
	uint8_t *array;

	CHECK(sample->count < 64);
	for (size_t i = 0; i < sample->count; i++) {
		size_t size = block_entry_size(&sample->entries[i]);

		places[i] = (uint16_t)(buffer_size(out) / TABLE_ENTRY_ALIGN);
		block_entry_write(
		    buffer_reserve(out, size), &sample->entries[i]);
		buffer_commit(out, size);
	}
	array = buffer_reserve(out, array_size);
	memset(array, 0, array_size);
	for (size_t i = 0; i < sample->count; i++)
		u16_store(array + 2 * i, places[i]);
	u16_store(array + array_size - 2, (uint16_t)sample->count);
	buffer_commit(out, array_size);
}

static size_t
pack_block(struct slice raw, uint8_t *out, size_t capacity)
{
	struct block_view view;

	CHECK(raw.size + BLOCK_PACK_BYTES_MORE <= capacity);
	CHECK(block_view_open(raw, &view));
	return block_pack(&view, raw.size, out);
}

static void
seed_blocks(const struct sample *sample)
{
	struct block_codec *codec = block_codec_create();
	struct buffer raw = {0};

	encode_block(sample, &raw);
	for (unsigned form = 0; form < 4; form++) {
		struct buffer seed = {0};
		uint8_t stored[8192];

		seed_append_number(&seed, 3, form);
		if (form > 0)
			seed_append_number(&seed, 19999, buffer_size(&raw) - 1);
		if (form == 0)
			buffer_append_slice(&seed, buffer_slice(&raw));
		else if (form < COMPRESSION_COUNT)
			buffer_append(&seed, stored,
			    block_codec_encode(codec, (enum compression)form,
				buffer_slice(&raw), stored, sizeof(stored)));
		else
			buffer_append(&seed, stored,
			    pack_block(
				buffer_slice(&raw), stored, sizeof(stored)));
		seed_write("block", buffer_slice(&seed));
		buffer_deinit(&seed);
	}
	buffer_deinit(&raw);
	block_codec_close(codec);
}

/* Random bytes are programs for these two. */
static void
seed_programs(const char *target, size_t size)
{
	struct rng rng = rng_seeded(size);
	struct buffer seed = {0};

	for (size_t i = 0; i < size; i++)
		buffer_append_byte(&seed, (uint8_t)rng_next(&rng));
	seed_write(target, buffer_slice(&seed));
	buffer_deinit(&seed);
}

void
seeds_tables(void)
{
	struct rng rng = rng_seeded(3);
	struct sample sample;

	sample_init_small(&sample);
	for (unsigned i = 0; i < COMPRESSION_COUNT; i++)
		seed_table(&sample, (enum compression)i, i > 0);
	seed_blocks(&sample);
	sample.range_count = 0;
	sample.count = 0;
	seed_table(&sample, COMPRESSION_NONE, false);
	sample_deinit(&sample);
	for (unsigned i = 0; i < 6; i++) {
		sample_init_random(&sample, &rng, 40, 900);
		for (size_t k = 0; k < sample.count; k++) {
			if (sample.entries[k].key.size > 200)
				sample.entries[k].key.size = 200;
		}
		seed_table(&sample, (enum compression)(i % 3), i % 2 != 0);
		sample_deinit(&sample);
	}
	for (size_t size = 60; size < 4000; size = size * 2 + 11) {
		seed_programs("table_build", size);
		seed_programs("memtable", size);
	}
}
