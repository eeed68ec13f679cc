/* Searches for the block of a key, beside counting separators one by one. */
#include "common/lsm/table/seek_index.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/table/table_format.h"
#include "common/lsm/table/table_section.h"
#include "tests/support/suite.h"

#define KEY_BYTES 32
#define ROUNDS 40

struct subject {
	size_t count; /* of separators */
	uint8_t (*keys)[KEY_BYTES]; /* the first of each block, ascending */
	struct buffer separators;
	struct buffer key_bytes;
	uint8_t *checksums; /* of both sections */
	struct table_section sections[2];
	struct seek_index index;
};

/* Numbers that ascend, in digits or in bytes, behind `shared` equal bytes. */
static void
make_keys(struct subject *subject, bool digits, size_t shared, struct rng *rng)
{
	uint64_t number = rng_below(rng, 1000);

	for (size_t i = 0; i <= subject->count; i++) {
		uint8_t *key = subject->keys[i];

		memset(key, 'k', KEY_BYTES);
		if (digits) {
			char text[24];

			snprintf(text, sizeof(text), "%016llu",
			    (unsigned long long)number);
			memcpy(key + shared, text, 16);
		} else {
			u64_store(key + shared, __builtin_bswap64(number));
		}
		number += 1 + rng_below(rng, 200);
	}
}

static uint8_t *
init_section(struct table_section *section, enum table_section_id id,
    const struct buffer *bytes, uint8_t *checksums)
{
	struct slice all = buffer_slice(bytes);

	table_section_init(section, id, 7, all, checksums);
	for (uint64_t at = 0; at < all.size; at += TABLE_PIECE_BYTES) {
		size_t size = all.size - at < TABLE_PIECE_BYTES
		    ? all.size - at
		    : TABLE_PIECE_BYTES;

		u32_store(checksums,
		    checksum32(slice_of(all.data + at, size),
			table_seed(7, id, at / TABLE_PIECE_BYTES)));
		checksums += 4;
	}
	return checksums;
}

static void
build(struct subject *subject, struct rng *rng)
{
	struct seek_index_builder builder = {0};
	uint8_t *checksums;

	*subject = (struct subject){.count = 2 + rng_below(rng, 3000)};
	subject->keys = mem_new_array(subject->count + 1, KEY_BYTES);
	/* Up to sixteen bytes: more than the numbers have room for. */
	make_keys(subject, rng_below(rng, 2) == 0, rng_below(rng, 17), rng);
	if (rng_below(rng, 2) == 0)
		subject->keys[0][0] = 0; /* so nothing is common to all */
	for (size_t i = 0; i < subject->count; i++)
		CU_ASSERT_TRUE_FATAL(seek_index_add(&builder,
		    slice_of(subject->keys[i], KEY_BYTES),
		    slice_of(subject->keys[i + 1], KEY_BYTES)));
	subject->index.common_prefix_size = seek_index_finish(
	    &builder, &subject->separators, &subject->key_bytes);
	seek_index_builder_deinit(&builder);
	checksums = subject->checksums = mem_new_array(1000, 4);
	checksums = init_section(&subject->sections[0],
	    TABLE_SECTION_SEPARATORS, &subject->separators, checksums);
	init_section(&subject->sections[1], TABLE_SECTION_KEYS,
	    &subject->key_bytes, checksums);
	subject->index.separators = &subject->sections[0];
	subject->index.keys = &subject->sections[1];
}

static void
clean(struct subject *subject)
{
	seek_index_deinit(&subject->index);
	table_section_deinit(&subject->sections[0]);
	table_section_deinit(&subject->sections[1]);
	buffer_deinit(&subject->separators);
	buffer_deinit(&subject->key_bytes);
	mem_free(subject->checksums);
	mem_free(subject->keys);
}

/* The block that holds `key` if any does: the last that begins by then. */
static size_t
block_of(const struct subject *subject, struct slice key)
{
	size_t block = 0;

	while (block < subject->count &&
	    slice_compare(slice_of(subject->keys[block + 1], KEY_BYTES), key) <=
		0)
		block++;
	return block;
}

static void
check_key(struct subject *subject, struct slice key)
{
	struct seek_range range;
	struct seek_place place;
	struct error err;

	seek_index_narrow(&subject->index, key, &range);
	CU_ASSERT_TRUE_FATAL(range.low <= range.high);
	CU_ASSERT_TRUE_FATAL(range.high <= subject->count);
	ASSERT_OK(
	    seek_index_find(&subject->index, key, &range, &place, &err), &err);
	/* Keys that are there: for others the separators are too short. */
	CU_ASSERT_EQUAL_FATAL(place.block, block_of(subject, key));
	CU_ASSERT_TRUE_FATAL(place.share <= 65536);
}

static void
check_keys(struct subject *subject, struct rng *rng)
{
	for (size_t i = 0; i < 300; i++)
		check_key(subject,
		    slice_of(subject->keys[rng_below(rng, subject->count + 1)],
			KEY_BYTES));
	check_key(subject, slice_of("\0", 1));
	check_key(subject, slice_of("zzzzzzzzzzzzzzzzzzzzzzzzz", 25));
	check_key(subject, SLICE_EMPTY);
}

static void
every_key_leads_to_its_block(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < ROUNDS; round++) {
		struct subject subject;

		build(&subject, &rng);
		check_keys(&subject, &rng);
		clean(&subject);
	}
}

static void
fences_that_lie_cost_only_time(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < ROUNDS; round++) {
		struct subject subject;

		build(&subject, &rng);
		check_keys(&subject, &rng);
		for (uint64_t i = 0; i < subject.index.fence_count; i++) {
			if (rng_below(&rng, 3) == 0)
				subject.index.fences[i] = rng_next(&rng);
		}
		check_keys(&subject, &rng);
		clean(&subject);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(every_key_leads_to_its_block),
	    SUITE_CASE(fences_that_lie_cost_only_time),
	};

	return suite_run("seek_index", cases, SUITE_COUNT(cases), argc, argv);
}
