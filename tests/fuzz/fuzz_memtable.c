/*
 * Memtables, in two parts of the input. First entries are added, and both ways
 * of reading agree with a plain list, for any sequence. Then words of the
 * mapping are overwritten, as a stray pointer would, and all is read again by
 * another reader: what it gives out lies in the file, keys ascend, and every
 * chain comes to an end.
 */
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_map.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/os/file_system.h"
#include "common/os/path.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/entry_program.h"

#define NUMBER 7
#define CAPACITY_BYTES MEMTABLE_CAPACITY_BYTES_MIN
#define ENTRIES_MAX 250
#define WORD_COUNT (CAPACITY_BYTES / 4)
#define PATCHES_MAX 24

static const uint8_t store_id[16] = "0123456789abcdef";

struct fuzz_memtable {
	char path[PATH_BYTES_MAX];
	struct memtable_writer *writer;
	struct entry_program entries;
	uint64_t touched;
};

static void
fill(struct fuzz_memtable *memtable)
{
	struct entry_program *entries = &memtable->entries;
	size_t i;

	/* Ranges come first: their sequences are the smallest. */
	for (i = 0; i < entries->range_count; i++)
		memtable_writer_add_range(
		    memtable->writer, &entries->ranges[i]);
	for (i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->entries[i];

		if (!memtable_writer_fits(memtable->writer, 1,
			entry->key.size + entry->value.size, 0))
			break;
		memtable_writer_add(
		    memtable->writer, entry, hash64(entry->key));
	}
	entries->count = i;
}

static void
get(const struct memtable_reader *reader, const struct entry_program *entries,
    struct slice key, uint64_t sequence_max)
{
	struct memtable_query query = {key, hash64(key), sequence_max};
	const struct entry *expected = NULL;
	struct entry found;
	enum lookup lookup;
	struct error err;

	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->entries[i];

		if (entry->sequence <= sequence_max &&
		    slice_equal(entry->key, key))
			expected = entry;
	}
	CHECK(memtable_reader_get(reader, &query, &found, &lookup, &err) ==
	    STATUS_OK);
	CHECK((lookup == LOOKUP_FOUND) == (expected != NULL));
	CHECK(expected == NULL || entry_program_same(expected, &found));
}

/* What an iteration up to `sequence_max` must yield. */
static void
iterate(const struct memtable_reader *reader,
    const struct entry_program *entries, uint64_t sequence_max)
{
	struct iterator *it = memtable_iterator_create(reader, sequence_max);
	struct entry_program seen = {0};
	struct error err;

	seen.entries = mem_new_array(entries->count + 1, sizeof(*seen.entries));
	for (size_t i = 0; i < entries->count; i++) {
		if (entries->entries[i].sequence <= sequence_max)
			seen.entries[seen.count++] = entries->entries[i];
	}
	entry_program_settle(&seen);
	CHECK(iterator_seek(it, SLICE_EMPTY, &err) == STATUS_OK);
	for (size_t i = 0; i < seen.count; i++) {
		CHECK(it->valid);
		CHECK(entry_program_same(&it->entry, &seen.entries[i]));
		CHECK(iterator_next(it, &err) == STATUS_OK);
	}
	CHECK(!it->valid);
	iterator_close(it);
	entry_program_deinit(&seen);
}

static void
compare(struct fuzz_memtable *memtable)
{
	struct memtable_reader *reader =
	    memtable_writer_reader(memtable->writer);
	const struct entry_program *entries = &memtable->entries;
	uint64_t middle = entries->count == 0
	    ? 1
	    : entries->entries[entries->count / 2].sequence;

	for (size_t i = 0; i < entries->count; i++) {
		get(reader, entries, entries->entries[i].key, UINT64_MAX);
		get(reader, entries, entries->entries[i].key, middle);
	}
	get(reader, entries, slice_of("absent", 6), UINT64_MAX);
	iterate(reader, entries, UINT64_MAX);
	iterate(reader, entries, middle);
}

/* Overwrites words near both ends, where there is something. */
static void
damage(struct fuzz_memtable *memtable, struct slice *input)
{
	struct memtable_reader *reader =
	    memtable_writer_reader(memtable->writer);
	uint32_t *words = (uint32_t *)(uintptr_t)reader->base;
	struct memtable_header *header = (void *)words;

	for (size_t i = 0; i < PATCHES_MAX && input->size >= 3; i++) {
		size_t at = (size_t)fuzz_take_number(input, 0, WORD_COUNT - 1);
		uint64_t how = fuzz_take_number(input, 0, 255);

		if (how < 100)
			words[at] ^= 1u << how % 32;
		else if (how < 180)
			words[at] = (uint32_t)fuzz_take_number(
			    input, 0, CAPACITY_BYTES / 8);
		else
			words[at] =
			    (uint32_t)fuzz_take_number(input, 0, UINT32_MAX);
	}
	header->magic = MEMTABLE_MAGIC;
	header->version = MEMTABLE_VERSION;
	header->number = NUMBER;
	memcpy(header->store_id, store_id, sizeof(store_id));
	header->checksum = hash64(
	    slice_of(header, offsetof(struct memtable_header, checksum)));
}

static void
touch(struct fuzz_memtable *memtable, const struct memtable_reader *reader,
    struct slice bytes)
{
	const uint8_t *end = reader->base + CAPACITY_BYTES;

	CHECK(bytes.size == 0 ||
	    (bytes.data >= reader->base && bytes.data <= end &&
		bytes.size <= (size_t)(end - bytes.data)));
	memtable->touched += hash64(bytes);
}

static void
iterate_damaged(struct fuzz_memtable *memtable, struct memtable_reader *reader,
    struct slice from)
{
	struct iterator *it = memtable_iterator_create(reader, UINT64_MAX);
	struct error err;
	enum status status = iterator_seek(it, from, &err);
	struct slice last = from;
	size_t steps = 0;

	while (status == STATUS_OK && it->valid) {
		CHECK(++steps < CAPACITY_BYTES);
		touch(memtable, reader, it->entry.key);
		touch(memtable, reader, it->entry.value);
		CHECK(slice_compare(last, it->entry.key) <=
		    (steps == 1 ? 0 : -1));
		last = it->entry.key;
		status = iterator_next(it, &err);
	}
	iterator_close(it);
}

static void
read_damaged(struct fuzz_memtable *memtable, struct memtable_reader *reader)
{
	struct range_set set = {0};
	struct error err;

	for (size_t i = 0; i < memtable->entries.count; i++) {
		struct slice key = memtable->entries.entries[i].key;
		struct memtable_query query = {key, hash64(key), UINT64_MAX};
		struct entry found;
		enum lookup lookup;
		uint64_t cover;

		memtable_reader_prefetch_node(reader, query.hash);
		if (memtable_reader_get(
			reader, &query, &found, &lookup, &err) == STATUS_OK &&
		    lookup == LOOKUP_FOUND)
			touch(memtable, reader, found.value);
		(void)!memtable_reader_cover(
		    reader, key, UINT64_MAX, &cover, &err);
	}
	iterate_damaged(memtable, reader, SLICE_EMPTY);
	iterate_damaged(memtable, reader, slice_of("k", 1));
	if (memtable_reader_ranges(reader, UINT64_MAX, &set, &err) == STATUS_OK)
		range_set_seal(&set);
	range_set_deinit(&set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memtable_options options = {
	    NUMBER, store_id, 0, 1, CAPACITY_BYTES};
	struct slice input = slice_of(data, size);
	size_t patch_bytes = (size_t)fuzz_take_number(&input, 0, 100);
	struct fuzz_memtable memtable = {0};
	struct memtable_reader *reader;
	struct slice patches;
	struct error err;

	patch_bytes = patch_bytes < input.size ? patch_bytes : input.size;
	patches = slice_of(input.data + input.size - patch_bytes, patch_bytes);
	input.size -= patch_bytes;
	entry_program_take(&memtable.entries, &input, ENTRIES_MAX);
	path_join(memtable.path, fuzz_folder(), "memtable");
	CHECK(memtable_writer_create(file_system_real(), memtable.path,
		  &options, &memtable.writer, &err) == STATUS_OK);
	fill(&memtable);
	compare(&memtable);
	if (patches.size > 0) {
		damage(&memtable, &patches);
		if (memtable_reader_open(memtable.path, NUMBER, store_id,
			&reader, &err) == STATUS_OK) {
			read_damaged(&memtable, reader);
			memtable_reader_close(reader);
		}
	}
	memtable_writer_close(memtable.writer);
	entry_program_deinit(&memtable.entries);
	return 0;
}
