#include "tests/fuzz/entry_program.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "tests/fuzz/fuzz.h"

#define RANGES_MAX 6
#define KEY_BYTES_TAKEN 24
#define VALUE_BYTES_TAKEN 60

/* A key; some have a long beginning in common, some are long all over. */
static struct slice
take_key(struct entry_program *entries, struct slice *input)
{
	unsigned shape = (unsigned)fuzz_take_number(input, 0, 7);
	struct slice tail = fuzz_take_bytes(input, KEY_BYTES_TAKEN);
	size_t prefix = shape == 1 ? 21 : shape == 2 ? 700 : shape == 0;
	uint8_t *bytes = arena_new(&entries->arena, prefix + tail.size + 1);

	memset(bytes, 'k', prefix + 1);
	if (tail.size > 0)
		memcpy(bytes + prefix, tail.data, tail.size);
	/* No key is empty. */
	return slice_of(bytes, prefix + tail.size + (prefix + tail.size == 0));
}

static struct slice
take_value(struct entry_program *entries, struct slice *input)
{
	size_t repeat = (size_t)fuzz_take_number(input, 0, 255);
	struct slice part = fuzz_take_bytes(input, VALUE_BYTES_TAKEN);
	uint8_t *bytes;

	/* Few values are large, and those compress. */
	repeat = repeat < 250 ? 1 : (size_t)1 << (repeat - 245);
	bytes = arena_new(&entries->arena, part.size * repeat + 1);
	for (size_t i = 0; i < repeat && part.size > 0; i++)
		memcpy(bytes + i * part.size, part.data, part.size);
	return slice_of(bytes, part.size * repeat);
}

void
entry_program_take(
    struct entry_program *out, struct slice *input, size_t count_max)
{
	uint64_t sequence = fuzz_take_number(input, 1, 1u << 20);
	size_t ranges = (size_t)fuzz_take_number(input, 0, RANGES_MAX);

	*out = (struct entry_program){0};
	out->entries = mem_new_array(count_max + 1, sizeof(*out->entries));
	out->ranges = mem_new_array(ranges + 1, sizeof(*out->ranges));
	for (size_t i = 0; i < ranges && input->size > 0; i++) {
		struct range_tombstone range = {
		    .start = take_key(out, input),
		    .end = take_key(out, input),
		    .sequence = sequence++,
		};

		if ((range.start.size ^ range.end.size) % 5 == 0)
			range.end = SLICE_EMPTY;
		if (range.end.size == 0 ||
		    slice_compare(range.start, range.end) < 0)
			out->ranges[out->range_count++] = range;
	}
	while (out->count < count_max && input->size > 0) {
		unsigned kind = (unsigned)fuzz_take_number(input, 0, 255);
		struct entry *entry = &out->entries[out->count++];

		*entry = (struct entry){
		    .key = take_key(out, input),
		    .sequence = sequence,
		    .kind = kind % 4 == 0 ? ENTRY_TOMBSTONE : ENTRY_PUT,
		};
		sequence += 1 + kind / 32;
		if (entry->kind == ENTRY_TOMBSTONE)
			continue;
		entry->value = take_value(out, input);
		if (kind % 4 == 1)
			entry->deadline_ms =
			    fuzz_take_number(input, 1, UINT64_MAX / 2);
	}
}

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	int order = slice_compare(x->key, y->key);

	return order != 0
	    ? order
	    : (x->sequence < y->sequence) - (x->sequence > y->sequence);
}

void
entry_program_settle(struct entry_program *entries)
{
	size_t kept = 0;

	qsort(entries->entries, entries->count, sizeof(*entries->entries),
	    compare);
	for (size_t i = 0; i < entries->count; i++) {
		if (kept == 0 ||
		    !slice_equal(entries->entries[i].key,
			entries->entries[kept - 1].key))
			entries->entries[kept++] = entries->entries[i];
	}
	entries->count = kept;
}

bool
entry_program_same(const struct entry *a, const struct entry *b)
{
	return slice_equal(a->key, b->key) && slice_equal(a->value, b->value) &&
	    a->sequence == b->sequence && a->deadline_ms == b->deadline_ms &&
	    a->kind == b->kind;
}

void
entry_program_deinit(struct entry_program *entries)
{
	arena_deinit(&entries->arena);
	mem_free(entries->entries);
	mem_free(entries->ranges);
}
