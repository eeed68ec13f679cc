#include "common/lsm/table/seek_index.h"

#include "common/base/check.h"
#include "common/codec/integer.h"
#include "common/lsm/table/table_section.h"

#define SHARE_UNKNOWN 32768

static size_t
common_size(struct slice a, struct slice b)
{
	size_t max = a.size < b.size ? a.size : b.size;
	size_t size = 0;

	while (size < max && a.data[size] == b.data[size])
		size++;
	return size;
}

/* The first eight bytes as a number that sorts as they do. */
static uint64_t
prefix_number(struct slice key)
{
	uint8_t bytes[8] = {0};

	if (key.size > 0)
		memcpy(bytes, key.data, key.size < 8 ? key.size : 8);
	return __builtin_bswap64(u64_load(bytes));
}

bool
seek_index_add(struct seek_index_builder *builder, struct slice last_key,
    struct slice first_key)
{
	size_t size = common_size(last_key, first_key) + 1;

	CHECK(size <= first_key.size);
	if (buffer_size(&builder->keys) + size > UINT32_MAX)
		return false;
	buffer_append(&builder->keys, first_key.data, size);
	u32_store(buffer_reserve(&builder->sizes, 4), (uint32_t)size);
	buffer_commit(&builder->sizes, 4);
	return true;
}

uint32_t
seek_index_finish(const struct seek_index_builder *builder,
    struct buffer *separators, struct buffer *keys)
{
	struct slice all = buffer_slice(&builder->keys);
	struct slice sizes = buffer_slice(&builder->sizes);
	size_t count = sizes.size / 4;
	size_t offset = 0;
	size_t common;

	if (count == 0)
		return 0;
	/* They ascend: what the first and the last share, all share. */
	size_t last_size = u32_load(sizes.data + sizes.size - 4);
	common = common_size(slice_of(all.data, u32_load(sizes.data)),
	    slice_of(all.data + all.size - last_size, last_size));
	buffer_append(keys, all.data, common);
	for (size_t i = 0; i < count; i++) {
		size_t size = u32_load(sizes.data + 4 * i) - common;
		struct slice rest = slice_of(all.data + offset + common, size);
		uint8_t *record =
		    buffer_reserve(separators, TABLE_SEPARATOR_BYTES);

		u64_store(record, prefix_number(rest));
		u32_store(record + 8, (uint32_t)buffer_size(keys));
		u32_store(record + 12, (uint32_t)size);
		buffer_commit(separators, TABLE_SEPARATOR_BYTES);
		buffer_append_slice(keys, rest);
		offset += common + size;
	}
	return (uint32_t)common;
}

void
seek_index_builder_deinit(struct seek_index_builder *builder)
{
	buffer_deinit(&builder->keys);
	buffer_deinit(&builder->sizes);
}

/* <0, 0 or >0 as the separator at `record` is to `key`, both shortened. */
static enum status
compare_separator(const struct seek_index *index, const uint8_t *record,
    struct slice key, uint64_t key_number, int *order, struct error *err)
{
	struct table_section *keys = index->keys;
	uint64_t number = u64_load(record);
	uint64_t offset;
	uint64_t size;

	if (number != key_number) {
		*order = number < key_number ? -1 : 1;
		return STATUS_OK;
	}
	offset = u32_load(record + 8);
	size = u32_load(record + 12);
	if (offset > keys->size || size > keys->size - offset)
		return error_set(
		    err, STATUS_CORRUPT, "separator out of bounds");
	if (!table_section_check(keys, offset, size))
		return table_section_error(keys, err);
	*order = slice_compare(slice_of(keys->data + offset, size), key);
	return STATUS_OK;
}

/* Both separators of the block, if there are two, were compared before. */
static uint32_t
guess_share(
    const struct table_section *separators, uint64_t block, uint64_t number)
{
	uint64_t offset = block * TABLE_SEPARATOR_BYTES;
	uint64_t first;
	uint64_t last;

	if (block == 0 || offset == separators->size)
		return SHARE_UNKNOWN;
	first = u64_load(separators->data + offset - TABLE_SEPARATOR_BYTES);
	last = u64_load(separators->data + offset);
	if (first >= last || number < first || number >= last)
		return SHARE_UNKNOWN;
	return (uint32_t)((double)(number - first) / (double)(last - first) *
	    65536);
}

enum status
seek_index_find(const struct seek_index *index, struct slice key,
    struct seek_place *place, struct error *err)
{
	struct table_section *separators = index->separators;
	uint64_t low = 0;
	uint64_t high = separators->size / TABLE_SEPARATOR_BYTES;
	size_t common = index->common_prefix_size;
	uint64_t number;
	int order;

	*place = (struct seek_place){0, SHARE_UNKNOWN};
	if (high == 0)
		return STATUS_OK;
	if (!table_section_check(index->keys, 0, common))
		return table_section_error(index->keys, err);
	order = slice_compare(
	    slice_of(key.data, key.size < common ? key.size : common),
	    slice_of(index->keys->data, common));
	if (order != 0) {
		place->block = order < 0 ? 0 : high;
		return STATUS_OK;
	}
	key = slice_of(key.data + common, key.size - common);
	number = prefix_number(key);
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		uint64_t offset = middle * TABLE_SEPARATOR_BYTES;

		if (!table_section_touch(
			separators, offset, TABLE_SEPARATOR_BYTES))
			return table_section_error(separators, err);
		if (compare_separator(index, separators->data + offset, key,
			number, &order, err) != STATUS_OK)
			return err->code;
		if (order <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	place->block = low;
	place->share = guess_share(separators, low, number);
	return STATUS_OK;
}
