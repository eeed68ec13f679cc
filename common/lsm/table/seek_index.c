#include "common/lsm/table/seek_index.h"

#include <sys/mman.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/lsm/table/table_section.h"

#define SHARE_UNKNOWN 32768

/* A fence every so many separators, four lines of them; none for fewer. */
#define FENCE_EVERY 16
#define SEPARATORS_MIN (UINT64_C(4) * FENCE_EVERY)
#define PAGE_BYTES 4096

/* So many records to both sides of a guess are fetched from memory. */
#define FETCH_RECORDS 2

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

/*
 * Eight bytes as a decimal number, if they are digits. Keys often end in
 * one; between '9' and '0' of the next ten nothing lies, but many numbers.
 */
static bool
decimal_of(uint64_t number, uint64_t *out)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t digits = number ^ (each * 0x30);

	if (((digits | (digits + each * 6)) & (each * 0xf0)) != 0)
		return false;
	/* The last digit is in the lowest byte: pairs, fours, all eight. */
	digits += (digits >> 8) * 10;
	digits = (digits & UINT64_C(0x00ff00ff00ff00ff)) +
	    ((digits >> 16) & UINT64_C(0x00ff00ff00ff00ff)) * 100;
	digits &= UINT64_C(0x0000ffff0000ffff);
	*out = (digits & 0xffff) + (digits >> 32) * 10000;
	return true;
}

/* Bytes up to the first that differs between `a` and `b`, as a mask. */
static uint64_t
same_bytes(uint64_t a, uint64_t b)
{
	unsigned bits = (unsigned)__builtin_clzll(a ^ b) & ~7u;

	return bits == 0 ? 0 : ~UINT64_C(0) << (64 - bits);
}

/* Turns what all three begin with, and what a short one lacks, into zeroes. */
static uint64_t
digits_of(uint64_t number, uint64_t same)
{
	const uint64_t zeroes = UINT64_C(0x3030303030303030);
	unsigned lacking =
	    number == 0 ? 64 : (unsigned)__builtin_ctzll(number) & ~7u;

	number = (number & ~same) | (zeroes & same);
	if (lacking > 0)
		number |= lacking == 64
		    ? zeroes
		    : zeroes & ((UINT64_C(1) << lacking) - 1);
	return number;
}

/*
 * How much of what lies between two separators probably lies before a key
 * between them, in 65536ths: as if the keys there were evenly spread.
 */
static uint32_t
share_of(uint64_t first, uint64_t last, uint64_t number)
{
	uint64_t same;
	uint64_t decimal[3];

	if (first >= last || number < first || number >= last)
		return SHARE_UNKNOWN;
	same = same_bytes(first, last);
	if (decimal_of(digits_of(first, same), &decimal[0]) &&
	    decimal_of(digits_of(number, same), &decimal[1]) &&
	    decimal_of(digits_of(last, same), &decimal[2]) &&
	    decimal[0] <= decimal[1] && decimal[1] < decimal[2]) {
		first = decimal[0];
		number = decimal[1];
		last = decimal[2];
	}
	return (uint32_t)((double)(number - first) / (double)(last - first) *
	    65536);
}

/* Both separators of the block, if there are two, were compared before. */
static uint32_t
guess_share(
    const struct table_section *separators, uint64_t block, uint64_t number)
{
	uint64_t offset = block * TABLE_SEPARATOR_BYTES;

	if (block == 0 || offset == separators->size)
		return SHARE_UNKNOWN;
	return share_of(
	    u64_load(separators->data + offset - TABLE_SEPARATOR_BYTES),
	    u64_load(separators->data + offset), number);
}

static inline uint64_t
separator_count(const struct seek_index *index)
{
	return index->separators->size / TABLE_SEPARATOR_BYTES;
}

/* How `key` stands to all separators; 0 if it begins as they do. */
static int
compare_common(const struct seek_index *index, struct slice key)
{
	size_t common = index->common_prefix_size;

	return slice_compare(
	    slice_of(key.data, key.size < common ? key.size : common),
	    slice_of(index->keys->data, common));
}

static struct slice
behind_common(const struct seek_index *index, struct slice key)
{
	size_t common = index->common_prefix_size;

	return slice_of(key.data + common, key.size - common);
}

/*
 * Reads bytes that were not checked: searches confirm what they find. A
 * SIGBUS on the way leaves an index without fences.
 */
static void
gather_fences(struct seek_index *index)
{
	const struct table_section *separators = index->separators;
	uint64_t count = separator_count(index);
	uint64_t fence_count = (count + FENCE_EVERY - 1) / FENCE_EVERY;
	uintptr_t start = (uintptr_t)separators->data & ~(PAGE_BYTES - 1ul);

	if (index->fences == NULL)
		index->fences =
		    mem_new_array((size_t)fence_count, sizeof(uint64_t));
	/* Advice: where it fails, gathering may wait for each page. */
	(void)madvise((void *)start,
	    (size_t)((uintptr_t)separators->data + separators->size - start),
	    MADV_WILLNEED);
	for (uint64_t i = 0; i < fence_count; i++)
		index->fences[i] = u64_load(
		    separators->data + i * FENCE_EVERY * TABLE_SEPARATOR_BYTES);
	index->fence_count = fence_count;
}

void
seek_index_deinit(struct seek_index *index)
{
	mem_free(index->fences);
	index->fences = NULL;
	index->fence_count = 0;
}

void
seek_index_fetch(
    const struct table_section *section, uint64_t index, size_t record_bytes)
{
	uint64_t from = index < FETCH_RECORDS ? 0 : index - FETCH_RECORDS;
	uint64_t to = (index + FETCH_RECORDS) * record_bytes;

	for (uint64_t at = from * record_bytes; at <= to;
	     at += TABLE_LINE_BYTES)
		__builtin_prefetch(section->data + at);
}

void
seek_index_narrow(
    struct seek_index *index, struct slice key, struct seek_range *out)
{
	uint64_t count = separator_count(index);
	const uint64_t *base = index->fences;
	uint64_t left = index->fence_count;
	uint64_t number;
	uint64_t fence;

	*out = (struct seek_range){0, count, count / 2};
	if (left == 0) {
		/* Who searches but once would gather them in vain. */
		if (count >= SEPARATORS_MIN && index->was_searched)
			gather_fences(index);
		index->was_searched = true;
		return;
	}
	if (key.size < index->common_prefix_size ||
	    compare_common(index, key) != 0)
		return;
	number = prefix_number(behind_common(index, key));
	/* The first fence that is not less; the steps are no branches. */
	while (left > 1) {
		uint64_t half = left / 2;

		base += base[half - 1] < number ? half : 0;
		left -= half;
	}
	fence = (uint64_t)(base - index->fences) + (*base < number);
	out->low = fence == 0 ? 0 : (fence - 1) * FENCE_EVERY;
	/* Equal numbers may go on over many fences. */
	while (fence < index->fence_count && index->fences[fence] == number)
		fence++;
	out->high =
	    fence >= index->fence_count ? count : fence * FENCE_EVERY + 1;
	out->guess = out->low;
	if (fence > 0 && fence < index->fence_count)
		out->guess += (FENCE_EVERY *
				      share_of(index->fences[fence - 1],
					  index->fences[fence], number) +
				  32768) >>
		    16;
	seek_index_fetch(index->separators, out->guess, TABLE_SEPARATOR_BYTES);
}

/* Among separators `low` up to `high`, how many are <= `key`; plus `low`. */
static enum status
search(const struct seek_index *index, struct slice key, uint64_t low,
    uint64_t high, uint64_t *place, struct error *err)
{
	struct table_section *separators = index->separators;
	uint64_t number = prefix_number(key);

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		uint64_t offset = middle * TABLE_SEPARATOR_BYTES;
		int order = 0;

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
	*place = low;
	return STATUS_OK;
}

enum status
seek_index_find(const struct seek_index *index, struct slice key,
    const struct seek_range *range, struct seek_place *place, struct error *err)
{
	uint64_t count = separator_count(index);
	struct seek_range all = {0, count, 0};
	uint64_t found = 0;
	int order;

	*place = (struct seek_place){0, SHARE_UNKNOWN};
	if (count == 0)
		return STATUS_OK;
	if (!table_section_check(index->keys, 0, index->common_prefix_size))
		return table_section_error(index->keys, err);
	order = compare_common(index, key);
	if (order != 0) {
		place->block = order < 0 ? 0 : count;
		return STATUS_OK;
	}
	key = behind_common(index, key);
	if (range == NULL || range->high > count)
		range = &all;
	if (search(index, key, range->low, range->high, &found, err) !=
	    STATUS_OK)
		return err->code;
	/*
	 * Inside of the range a separator on either side was compared. At its
	 * ends the fences alone say so, and nobody has checked those.
	 */
	if (((found == range->low && found > 0) ||
		(found == range->high && found < count)) &&
	    search(index, key, 0, count, &found, err) != STATUS_OK)
		return err->code;
	place->block = found;
	place->share =
	    guess_share(index->separators, found, prefix_number(key));
	return STATUS_OK;
}
