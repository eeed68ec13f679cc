/*
 * Readers over damaged bytes: every word of a small memtable is changed in
 * some ways, and everything is read each time. Any answer will do that lies
 * within the file; what must not happen is a crash or an endless loop.
 */
#include <stdio.h>

#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_map.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define CAPACITY_BYTES (64u << 10)
#define KEY_COUNT 150
#define WORD_COUNT (CAPACITY_BYTES / 4)
/* Every step is to a smaller offset or another node of a run. */
#define STEPS_MAX (CAPACITY_BYTES)

static const uint8_t store_id[16] = "0123456789abcdef";

struct damage {
	struct scratch scratch;
	struct rng rng;
	struct memtable_writer *writer;
	struct memtable_reader *reader;
	uint32_t *words; /* the writer's mapping */
	uint64_t touched;
	size_t answers[2]; /* without and with an error */
};

/* Counts only failures: there are tens of millions of these. */
static void
expect(bool is_so)
{
	if (!is_so)
		CU_FAIL_FATAL("a reader gave out what it must not");
}

static struct slice
key_of(uint64_t number, uint8_t bytes[24])
{
	size_t size = (size_t)snprintf((char *)bytes, 24, "key:%05u%s",
	    (unsigned)(number * 7919 % 100000), number % 3 == 0 ? "/x" : "");

	return slice_of(bytes, size);
}

static void
damage_init(struct damage *damage)
{
	struct memtable_options options = {7, store_id, 0, 1, CAPACITY_BYTES};
	uint64_t sequence = 1;
	struct error err;

	*damage = (struct damage){.rng = rng_seeded(suite_seed())};
	scratch_init(&damage->scratch);
	ASSERT_OK(memtable_writer_create(file_system_real(),
		      scratch_path(&damage->scratch, "m"), &options,
		      &damage->writer, &err),
	    &err);
	for (uint64_t i = 0; i < 2 * KEY_COUNT; i++) {
		uint8_t bytes[24];
		struct entry entry = {.key = key_of(i * i % KEY_COUNT, bytes),
		    .value = slice_of("0123456789", i % 10),
		    .sequence = sequence++,
		    .deadline_ms = i % 4 == 0 ? 1000 + i : 0,
		    .kind = i % 5 == 0 ? ENTRY_TOMBSTONE : ENTRY_PUT};

		memtable_writer_add(damage->writer, &entry, hash64(entry.key));
		if (i % 50 == 0)
			memtable_writer_add_range(damage->writer,
			    &(struct range_tombstone){slice_of("a", 1),
				slice_of("key:3", 5), sequence++});
	}
	/* New keys to the end, so that order and tail are both there. */
	for (uint64_t i = 0; i < KEY_COUNT + 13; i++) {
		uint8_t bytes[24];
		struct entry entry = {.key = key_of(i, bytes),
		    .sequence = sequence++,
		    .kind = ENTRY_PUT};

		memtable_writer_add(damage->writer, &entry, hash64(entry.key));
	}
	damage->reader = memtable_writer_reader(damage->writer);
	damage->words = (uint32_t *)(uintptr_t)damage->reader->base;
}

static void
damage_deinit(struct damage *damage)
{
	memtable_writer_close(damage->writer);
	scratch_deinit(&damage->scratch);
}

/* Reads all bytes of a slice, which must lie within the mapping. */
static void
touch(struct damage *damage, struct slice bytes)
{
	const uint8_t *base = damage->reader->base;

	expect(bytes.size == 0 ||
	    (bytes.data >= base && bytes.size <= CAPACITY_BYTES &&
		bytes.data + bytes.size <= base + CAPACITY_BYTES));
	for (size_t i = 0; i < bytes.size; i++)
		damage->touched += bytes.data[i];
}

static void
touch_entry(struct damage *damage, const struct entry *entry)
{
	touch(damage, entry->key);
	touch(damage, entry->value);
	expect(entry->kind == ENTRY_PUT || entry->kind == ENTRY_TOMBSTONE);
	expect(entry->sequence > 0);
}

static void
count_answer(struct damage *damage, enum status status)
{
	expect(status == STATUS_OK || status == STATUS_CORRUPT);
	damage->answers[status != STATUS_OK]++;
}

/* Each key ascends, whatever the bytes say. */
static void
read_in_order(struct damage *damage, struct iterator *it, struct slice from)
{
	enum status status;
	struct slice last = SLICE_EMPTY;
	struct error err;

	status = iterator_seek(it, from, &err);
	for (size_t steps = 0; status == STATUS_OK && it->valid; steps++) {
		expect(steps < STEPS_MAX);
		touch_entry(damage, &it->entry);
		expect(last.data == NULL ||
		    slice_compare(last, it->entry.key) < 0);
		last = it->entry.key;
		status = iterator_next(it, &err);
	}
	count_answer(damage, status);
}

static void
read_all(struct damage *damage, struct memtable_reader *reader,
    uint64_t sequence_max)
{
	struct range_set set = {0};
	struct iterator *it;
	uint8_t bytes[24];
	struct error err;
	uint64_t cover;

	for (uint64_t i = 0; i < KEY_COUNT + 20; i++) {
		struct slice key = key_of(i, bytes);
		struct memtable_query query = {key, hash64(key), sequence_max};
		struct entry entry;
		enum lookup found;
		enum status status =
		    memtable_reader_get(reader, &query, &entry, &found, &err);

		count_answer(damage, status);
		if (status == STATUS_OK && found == LOOKUP_FOUND) {
			expect(slice_equal(entry.key, key));
			touch_entry(damage, &entry);
		}
	}
	count_answer(damage,
	    memtable_reader_cover(
		reader, slice_of("key:2", 5), sequence_max, &cover, &err));
	count_answer(
	    damage, memtable_reader_ranges(reader, sequence_max, &set, &err));
	range_set_deinit(&set);
	it = memtable_iterator_create(reader, sequence_max);
	read_in_order(damage, it, SLICE_EMPTY);
	read_in_order(
	    damage, it, key_of(rng_below(&damage->rng, KEY_COUNT), bytes));
	iterator_close(it);
}

/* The words that are in use: all but the free space in the middle. */
static bool
is_in_use(const struct damage *damage, size_t word)
{
	const struct memtable_stats *stats =
	    memtable_writer_stats(damage->writer);
	size_t order = damage->reader->header->order * 2;
	size_t end = order - stats->free_bytes / 4;

	return word >= sizeof(struct memtable_header) / 4 &&
	    (word < end || word >= order);
}

static uint32_t
damaged_word(struct damage *damage, uint32_t word, int way)
{
	switch (way) {
	case 0:
		return word ^ 1u << rng_below(&damage->rng, 32);
	case 1:
		return 0;
	case 2:
		return UINT32_MAX;
	case 3:
		return word + 1;
	case 4: /* an offset of something, most likely */
		return (uint32_t)rng_below(
		    &damage->rng, CAPACITY_BYTES / MEMTABLE_UNIT_BYTES);
	default:
		return damage->words[rng_below(&damage->rng, WORD_COUNT)];
	}
}

static void
any_damaged_word_ends_in_an_answer_or_an_error(void)
{
	struct damage damage;

	damage_init(&damage);
	read_all(&damage, damage.reader, UINT64_MAX);
	CU_ASSERT_EQUAL_FATAL(damage.answers[1], 0);
	for (size_t word = 0; word < WORD_COUNT; word++) {
		uint32_t good = damage.words[word];

		if (!is_in_use(&damage, word))
			continue;
		for (int i = 0; i < 3; i++) {
			int way = (int)rng_below(&damage.rng, 6);

			damage.words[word] = damaged_word(&damage, good, way);
			read_all(&damage, damage.reader,
			    way % 2 == 0 ? UINT64_MAX : KEY_COUNT);
			damage.words[word] = good;
		}
	}
	CU_ASSERT_TRUE(damage.answers[0] > 0);
	CU_ASSERT_TRUE(damage.answers[1] > 0);
	read_all(&damage, damage.reader, UINT64_MAX);
	damage_deinit(&damage);
}

static void
random_bytes_everywhere_end_in_an_answer_or_an_error(void)
{
	size_t header_words = sizeof(struct memtable_header) / 4;
	struct damage damage;

	damage_init(&damage);
	for (int round = 0; round < 100; round++) {
		size_t count = 1 + rng_below(&damage.rng, 2000);

		for (size_t i = 0; i < count; i++) {
			size_t word = header_words +
			    rng_below(&damage.rng, WORD_COUNT - header_words);

			damage.words[word] = damaged_word(
			    &damage, damage.words[word], round % 6);
		}
		read_all(&damage, damage.reader, UINT64_MAX);
		if (round % 10 == 9) {
			damage_deinit(&damage);
			damage_init(&damage);
		}
	}
	damage_deinit(&damage);
}

/* Damage to what is shared is found by the readers, to the rest at once. */
static void
any_damaged_byte_of_the_header_is_refused_or_survived(void)
{
	size_t fixed = offsetof(struct memtable_header, checksum) + 8;
	struct damage damage;

	damage_init(&damage);
	for (size_t i = 0; i < sizeof(struct memtable_header); i++) {
		for (int bit = 0; bit < 8; bit++) {
			uint8_t *byte = (uint8_t *)damage.words + i;
			struct memtable_reader *reader;
			struct error err;
			enum status status;

			*byte ^= (uint8_t)(1u << bit);
			status = memtable_reader_open(
			    scratch_path(&damage.scratch, "m"), 7, store_id,
			    &reader, &err);
			CU_ASSERT_EQUAL_FATAL(status == STATUS_OK, i >= fixed);
			if (status == STATUS_OK) {
				memtable_reader_close(reader);
				read_all(&damage, damage.reader, UINT64_MAX);
			}
			*byte ^= (uint8_t)(1u << bit);
		}
	}
	damage_deinit(&damage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(any_damaged_word_ends_in_an_answer_or_an_error),
	    SUITE_CASE(random_bytes_everywhere_end_in_an_answer_or_an_error),
	    SUITE_CASE(any_damaged_byte_of_the_header_is_refused_or_survived),
	};

	return suite_run(
	    "memtable_damage", cases, SUITE_COUNT(cases), argc, argv);
}
