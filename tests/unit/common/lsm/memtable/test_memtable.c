#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_format.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/os/file.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static const uint8_t store_id[16] = "0123456789abcdef";

static struct memtable_writer *
create(const struct scratch *scratch, size_t capacity_bytes)
{
	struct memtable_options options = {7, store_id, 3, 1, capacity_bytes};
	struct memtable_writer *writer;
	struct error err;

	ASSERT_OK(memtable_writer_create(file_system_real(),
		      scratch_path(scratch, "m"), &options, &writer, &err),
	    &err);
	return writer;
}

static void
add(struct memtable_writer *writer, struct slice key, struct slice value,
    uint64_t sequence)
{
	struct entry entry = {.key = key,
	    .value = value,
	    .sequence = sequence,
	    .kind = ENTRY_PUT};

	memtable_writer_add(writer, &entry, hash64(key));
}

/* A key of `size` bytes that has not been there before. */
static struct slice
fresh_key(struct rng *rng, uint8_t *bytes, size_t size, uint64_t number)
{
	for (size_t i = 0; i < size && i < 20; i++)
		bytes[i] = (uint8_t)rng_next(rng);
	if (size >= 8)
		memcpy(bytes, &number, 8);
	return slice_of(bytes, size);
}

/* Sizes from tiny to the greatest allowed, mostly small. */
static size_t
random_size(struct rng *rng, size_t max)
{
	static const size_t shares[] = {
	    20, 20, 20, 200, 200, 5000, 65535, 16u << 20};
	size_t limit = shares[rng_below(rng, 8)];

	return rng_below(rng, (limit < max ? limit : max) + 1);
}

static void
what_fits_can_be_added_up_to_the_brim(void)
{
	struct rng rng = rng_seeded(suite_seed());
	uint8_t *bytes = mem_new(MEMTABLE_VALUE_BYTES_MAX);

	for (int round = 0; round < 30; round++) {
		static const size_t capacities[] = {
		    64u << 10, 300000, 4u << 20, 50u << 20};
		size_t capacity = capacities[round % 4];
		size_t value_max =
		    round % 3 == 0 ? 10 : MEMTABLE_VALUE_BYTES_MAX;
		struct scratch scratch;
		struct memtable_writer *writer;
		uint64_t sequence = 0;
		int refused = 0;

		scratch_init(&scratch);
		writer = create(&scratch, capacity);
		while (refused < 50) {
			size_t count = 1 + rng_below(&rng, 100);
			size_t key_size = 1 + random_size(&rng, 65534);
			size_t value_size = random_size(&rng, value_max);

			if (!memtable_writer_fits(writer, count,
				count * (key_size + value_size), 0)) {
				refused++;
				continue;
			}
			for (size_t i = 0; i < count; i++) {
				struct slice key = fresh_key(
				    &rng, bytes, key_size, ++sequence);

				add(writer, key, slice_of(bytes, value_size),
				    sequence);
			}
		}
		CU_ASSERT_TRUE(
		    memtable_writer_stats(writer)->free_bytes < capacity / 8);
		memtable_writer_close(writer);
		scratch_deinit(&scratch);
	}
	mem_free(bytes);
}

static void
brim_is_reached_before_refusal_with_small_entries(void)
{
	struct scratch scratch;
	struct memtable_writer *writer;
	const struct memtable_stats *stats;
	uint64_t sequence = 0;

	scratch_init(&scratch);
	writer = create(&scratch, 1u << 20);
	while (memtable_writer_fits(writer, 1, 8, 0)) {
		sequence++;
		add(writer, slice_of(&sequence, 8), SLICE_EMPTY, sequence);
	}
	stats = memtable_writer_stats(writer);
	CU_ASSERT_EQUAL(stats->key_count, sequence);
	CU_ASSERT_EQUAL(stats->version_count, sequence);
	CU_ASSERT_EQUAL(stats->sequence_min, 1);
	CU_ASSERT_EQUAL(stats->sequence_max, sequence);
	/* The next step of the order may be a long run, but no longer. */
	CU_ASSERT_TRUE(stats->free_bytes < (1u << 20) / 8);
	CU_ASSERT_TRUE(stats->used_bytes > (1u << 20) / 4 * 3);
	memtable_writer_close(writer);
	scratch_deinit(&scratch);
}

static void
greatest_key_and_value_come_back_whole(void)
{
	size_t key_size = MEMTABLE_KEY_BYTES_MAX;
	size_t value_size = MEMTABLE_VALUE_BYTES_MAX;
	uint8_t *bytes = mem_new(value_size);
	struct memtable_query query;
	struct scratch scratch;
	struct memtable_writer *writer;
	struct entry entry;
	enum lookup found;
	struct error err;

	for (size_t i = 0; i < value_size; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 4096);
	scratch_init(&scratch);
	writer = create(
	    &scratch, memtable_capacity_for(1, key_size + value_size, 0));
	CU_ASSERT_TRUE(
	    memtable_writer_fits(writer, 1, key_size + value_size, 0));
	CU_ASSERT_FALSE(
	    memtable_writer_fits(writer, 2, 2 * (key_size + value_size), 0));
	query = (struct memtable_query){
	    slice_of(bytes, key_size), hash64(slice_of(bytes, key_size)), 9};
	add(writer, query.key, slice_of(bytes, value_size), 9);
	ASSERT_OK(memtable_reader_get(memtable_writer_reader(writer), &query,
		      &entry, &found, &err),
	    &err);
	CU_ASSERT_EQUAL_FATAL(found, LOOKUP_FOUND);
	CU_ASSERT_TRUE(slice_equal(entry.key, query.key));
	CU_ASSERT_TRUE(slice_equal(entry.value, slice_of(bytes, value_size)));
	memtable_writer_close(writer);
	scratch_deinit(&scratch);
	mem_free(bytes);
}

static void
capacity_for_a_batch_holds_that_batch(void)
{
	struct rng rng = rng_seeded(suite_seed());
	uint8_t *bytes = mem_new(MEMTABLE_VALUE_BYTES_MAX);

	for (int round = 0; round < 40; round++) {
		size_t entries = rng_below(&rng, 20000);
		size_t ranges =
		    rng_below(&rng, 3) == 0 ? rng_below(&rng, 1000) : 0;
		size_t value_size = rng_below(&rng, 100);
		size_t total = entries * (8 + value_size) + ranges * 16;
		struct scratch scratch;
		struct memtable_writer *writer;
		uint64_t sequence = 0;

		scratch_init(&scratch);
		writer = create(
		    &scratch, memtable_capacity_for(entries, total, ranges));
		CU_ASSERT_TRUE_FATAL(
		    memtable_writer_fits(writer, entries, total, ranges));
		for (size_t i = 0; i < entries; i++) {
			struct slice key =
			    fresh_key(&rng, bytes, 8, ++sequence);

			add(writer, key, slice_of(bytes, value_size), sequence);
		}
		for (size_t i = 0; i < ranges; i++) {
			struct range_tombstone range = {slice_of(bytes, 8),
			    slice_of(bytes + 8, 8), ++sequence};

			memtable_writer_add_range(writer, &range);
		}
		memtable_writer_close(writer);
		scratch_deinit(&scratch);
	}
	mem_free(bytes);
}

static void
ranges_cover_what_is_older_up_to_the_sequence_asked(void)
{
	struct range_tombstone ranges[] = {
	    {slice_of_string("b"), slice_of_string("d"), 5},
	    {slice_of_string("c"), SLICE_EMPTY, 8},
	    {SLICE_EMPTY, slice_of_string("c"), 9},
	};
	static const struct {
		const char *key;
		uint64_t sequence_max;
		uint64_t cover;
	} expected[] = {
	    {"a", 100, 9},
	    {"a", 8, 0},
	    {"b", 8, 5},
	    {"b", 9, 9},
	    {"c", 4, 0},
	    {"c", 5, 5},
	    {"c", 7, 5},
	    {"c", 8, 8},
	    {"d", 7, 0},
	    {"d", 8, 8},
	    {"zzz", UINT64_MAX, 8},
	};
	struct scratch scratch;
	struct memtable_writer *writer;
	struct memtable_reader *reader;
	struct error err;

	scratch_init(&scratch);
	writer = create(&scratch, 64u << 10);
	reader = memtable_writer_reader(writer);
	CU_ASSERT_FALSE(memtable_reader_has_ranges(reader));
	for (size_t i = 0; i < 3; i++)
		memtable_writer_add_range(writer, &ranges[i]);
	CU_ASSERT_TRUE(memtable_reader_has_ranges(reader));
	CU_ASSERT_EQUAL(memtable_writer_stats(writer)->range_count, 3);
	for (size_t i = 0; i < SUITE_COUNT(expected); i++) {
		struct slice key = slice_of_string(expected[i].key);
		struct range_set set = {0};
		uint64_t cover;

		ASSERT_OK(memtable_reader_cover(reader, key,
			      expected[i].sequence_max, &cover, &err),
		    &err);
		CU_ASSERT_EQUAL(cover, expected[i].cover);
		ASSERT_OK(memtable_reader_ranges(
			      reader, expected[i].sequence_max, &set, &err),
		    &err);
		range_set_seal(&set);
		CU_ASSERT_EQUAL(range_set_cover(&set, key), expected[i].cover);
		range_set_deinit(&set);
	}
	memtable_writer_close(writer);
	scratch_deinit(&scratch);
}

static void
only_an_empty_memtable_takes_more_ranges_than_the_limit(void)
{
	struct range_tombstone range = {
	    slice_of_string("a"), slice_of_string("b"), 1};
	struct scratch scratch;
	struct memtable_writer *writer;

	scratch_init(&scratch);
	writer = create(&scratch, 1u << 20);
	CU_ASSERT_TRUE(memtable_writer_fits(
	    writer, 0, 2 * 500, MEMTABLE_RANGES_MAX + 372));
	CU_ASSERT_FALSE(memtable_writer_fits(writer, 0, 0, 1u << 20));
	memtable_writer_add_range(writer, &range);
	CU_ASSERT_TRUE(
	    memtable_writer_fits(writer, 0, 0, MEMTABLE_RANGES_MAX - 1));
	CU_ASSERT_FALSE(
	    memtable_writer_fits(writer, 0, 0, MEMTABLE_RANGES_MAX));
	CU_ASSERT_FALSE(memtable_writer_fits(writer, SIZE_MAX, 0, 0));
	CU_ASSERT_FALSE(memtable_writer_fits(writer, 0, SIZE_MAX, 0));
	memtable_writer_close(writer);
	scratch_deinit(&scratch);
}

static void
deadlines_of_all_versions_are_in_the_stats(void)
{
	static const uint64_t deadlines[] = {0, 500, 300, 900, 0};
	struct scratch scratch;
	struct memtable_writer *writer;
	const struct memtable_stats *stats;

	scratch_init(&scratch);
	writer = create(&scratch, 64u << 10);
	stats = memtable_writer_stats(writer);
	CU_ASSERT_EQUAL(stats->used_bytes, 0);
	CU_ASSERT_EQUAL(stats->sequence_min, 0);
	CU_ASSERT_EQUAL(stats->deadline_min, 0);
	for (size_t i = 0; i < 5; i++) {
		struct entry entry = {.key = slice_of_string("k"),
		    .sequence = 10 + i,
		    .deadline_ms = deadlines[i],
		    .kind = ENTRY_PUT};

		memtable_writer_add(writer, &entry, hash64(entry.key));
	}
	stats = memtable_writer_stats(writer);
	CU_ASSERT_EQUAL(stats->deadline_min, 300);
	CU_ASSERT_EQUAL(stats->deadline_max, 900);
	CU_ASSERT_EQUAL(stats->key_count, 1);
	CU_ASSERT_EQUAL(stats->version_count, 5);
	CU_ASSERT_EQUAL(stats->sequence_min, 10);
	CU_ASSERT_EQUAL(stats->sequence_max, 14);
	CU_ASSERT_TRUE(stats->used_bytes > 0);
	memtable_writer_close(writer);
	scratch_deinit(&scratch);
}

static void
any_failed_call_fails_the_creation_and_leaves_no_file(void)
{
	struct memtable_options options = {7, store_id, 3, 1, 64u << 10};
	struct scratch scratch;
	struct fault_file_system *fault;
	struct memtable_writer *writer;
	struct error err;
	uint64_t calls;

	scratch_init(&scratch);
	fault = fault_file_system_create(scratch.path);
	ASSERT_OK(memtable_writer_create(fault_file_system_table(fault),
		      scratch_path(&scratch, "m"), &options, &writer, &err),
	    &err);
	memtable_writer_close(writer);
	calls = fault_file_system_calls(fault);
	for (uint64_t i = 0; i < calls; i++) {
		uint64_t now = fault_file_system_calls(fault);
		enum status status;

		ASSERT_OK(path_remove(file_system_real(),
			      scratch_path(&scratch, "m"), &err),
		    &err);
		fault_file_system_fail(fault, now + i, FAULT_ERROR, ENOSPC);
		status = memtable_writer_create(fault_file_system_table(fault),
		    scratch_path(&scratch, "m"), &options, &writer, &err);
		if (status == STATUS_OK) {
			/* The close, whose failure means nothing. */
			memtable_writer_close(writer);
			continue;
		}
		CU_ASSERT_EQUAL(status, STATUS_NO_SPACE);
		CU_ASSERT_PTR_NULL(writer);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, scratch.path));
		CU_ASSERT_FALSE(path_exists(scratch_path(&scratch, "m")));
	}
	fault_file_system_close(fault);
	scratch_deinit(&scratch);
}

/* Makes this process root in a namespace where it may mount things. */
static bool
enter_namespace(void)
{
	struct {
		const char *path;
		const char *format;
		unsigned id;
	} maps[] = {
	    {"/proc/self/setgroups", "deny", 0},
	    {"/proc/self/uid_map", "0 %u 1", getuid()},
	    {"/proc/self/gid_map", "0 %u 1", getgid()},
	};

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return false;
	for (size_t i = 0; i < SUITE_COUNT(maps); i++) {
		FILE *file = fopen(maps[i].path, "w");

		if (file == NULL)
			return false;
		fprintf(file, maps[i].format, maps[i].id);
		if (fclose(file) != 0)
			return false;
	}
	return true;
}

/* In a process of its own: 0 right, 1 wrong, 2 no way to mount a tmpfs. */
static int
create_in_full_tmpfs(const char *directory)
{
	struct memtable_options options = {7, store_id, 3, 1, 4u << 20};
	struct memtable_writer *writer;
	char path[PATH_BYTES_MAX];
	struct error err;

	if (!enter_namespace() ||
	    mount("none", directory, "tmpfs", 0, "size=1m") != 0)
		return 2;
	path_join(path, directory, "m");
	if (memtable_writer_create(file_system_real(), path, &options, &writer,
		&err) != STATUS_NO_SPACE)
		return 1;
	if (path_exists(path) || strstr(err.text, "No space left") == NULL)
		return 1;
	options.capacity_bytes = 512u << 10;
	return memtable_writer_create(file_system_real(), path, &options,
		   &writer, &err) != STATUS_OK;
}

static void
full_tmpfs_is_no_space_at_creation(void)
{
	struct scratch scratch;
	pid_t child;
	int state;

	scratch_init(&scratch);
	fflush(NULL);
	child = fork();
	CU_ASSERT_TRUE_FATAL(child >= 0);
	if (child == 0)
		_exit(create_in_full_tmpfs(scratch.path));
	CU_ASSERT_EQUAL(waitpid(child, &state, 0), child);
	CU_ASSERT_TRUE_FATAL(WIFEXITED(state));
	if (WEXITSTATUS(state) == 2)
		printf("(no user namespace to mount a tmpfs in) ");
	else
		CU_ASSERT_EQUAL(WEXITSTATUS(state), 0);
	scratch_deinit(&scratch);
}

static void
wrong_file_is_refused_at_opening(void)
{
	static const uint8_t other_id[16] = "another store";
	struct scratch scratch;
	struct memtable_reader *reader;
	struct error err;
	const char *path;
	uint32_t version = MEMTABLE_VERSION + 1;
	struct file *file;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "m");
	CU_ASSERT_EQUAL(memtable_reader_open(path, 7, store_id, &reader, &err),
	    STATUS_NOT_FOUND);
	memtable_writer_close(create(&scratch, 64u << 10));
	CU_ASSERT_EQUAL(memtable_reader_open(path, 8, store_id, &reader, &err),
	    STATUS_CORRUPT);
	CU_ASSERT_EQUAL(memtable_reader_open(path, 7, other_id, &reader, &err),
	    STATUS_CORRUPT);
	ASSERT_OK(memtable_reader_open(path, 7, store_id, &reader, &err), &err);
	CU_ASSERT_EQUAL(memtable_reader_number(reader), 7);
	memtable_reader_close(reader);
	ASSERT_OK(
	    file_open_writable(file_system_real(), path, &file, &err), &err);
	ASSERT_OK(file_write_at(file, offsetof(struct memtable_header, version),
		      slice_of(&version, 4), &err),
	    &err);
	CU_ASSERT_EQUAL(memtable_reader_open(path, 7, store_id, &reader, &err),
	    STATUS_VERSION);
	for (size_t size = 0; size < (64u << 10); size += 4095) {
		ASSERT_OK(file_truncate(file, size, &err), &err);
		CU_ASSERT_EQUAL(
		    memtable_reader_open(path, 7, store_id, &reader, &err),
		    STATUS_CORRUPT);
		CU_ASSERT_PTR_NULL(reader);
	}
	file_close(file);
	scratch_deinit(&scratch);
}

/*
 * The layout byte by byte, where a person can check it against
 * memtable_format.h, and a hash of the rest: buckets, runs and orders.
 */
static void
layout_is_the_one_written_down(void)
{
	/* clang-format off */
	static const char expected_header[] = "6b6d656d7461626c"
					      "01000000"
					      "03000000"
					      "0700000000000000"
					      "30313233343536373839616263646566"
					      "0100000000000000"
					      "0000010000000000"
					      "00020000"
					      "00000000";
	static const char expected_entries[] =
	    /* Node: next, previous, newest, hash, key. */
	    "00000000" "00000000" "26020000" "630deabb" "03000000" "6b6579"
	    "00"
	    /* Its first version: tag, older, value. */
	    "0105000000000000" "00000000" "05000000" "76616c7565" "000000"
	    /* Its second: a tombstone with a deadline. */
	    "0606000000000000" "23020000" "00000000" "0068e5cf8b010000"
	    /* The range tombstone. */
	    "0700000000000000" "00000000" "01000000" "00000000" "61" "000000";
	/* clang-format on */
	struct entry entry = {.key = slice_of_string("key"),
	    .value = slice_of_string("value"),
	    .sequence = 5,
	    .kind = ENTRY_PUT};
	struct range_tombstone range = {slice_of_string("a"), SLICE_EMPTY, 7};
	struct buffer file = {0};
	struct buffer text = {0};
	struct scratch scratch;
	struct memtable_writer *writer;
	struct error err;

	scratch_init(&scratch);
	writer = create(&scratch, 64u << 10);
	memtable_writer_add(writer, &entry, hash64(entry.key));
	entry.kind = ENTRY_TOMBSTONE;
	entry.value = SLICE_EMPTY;
	entry.sequence = 6;
	entry.deadline_ms = 1700000000000;
	memtable_writer_add(writer, &entry, hash64(entry.key));
	memtable_writer_add_range(writer, &range);
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t key = htobe64(i * 7919 % 200);

		add(writer, slice_of(&key, 8), SLICE_EMPTY, 8 + i);
	}
	memtable_writer_close(writer);
	ASSERT_OK(file_read_whole(file_system_real(),
		      scratch_path(&scratch, "m"), 64u << 10, &file, &err),
	    &err);
	CU_ASSERT_EQUAL(buffer_size(&file), 64u << 10);
	for (size_t i = 0; i < 64; i++)
		buffer_printf(&text, "%02x", file.data[i]);
	buffer_append_byte(&text, 0);
	CU_ASSERT_STRING_EQUAL(text.data, expected_header);
	buffer_clear(&text, SIZE_MAX);
	for (size_t i = 0; i < sizeof(expected_entries) / 2; i++)
		buffer_printf(&text, "%02x", file.data[256 + 4096 + i]);
	buffer_append_byte(&text, 0);
	CU_ASSERT_STRING_EQUAL(text.data, expected_entries);
	CU_ASSERT_EQUAL(
	    hash64(buffer_slice(&file)), UINT64_C(0xfbef41f9a4a3a008));
	buffer_deinit(&text);
	buffer_deinit(&file);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(what_fits_can_be_added_up_to_the_brim),
	    SUITE_CASE(brim_is_reached_before_refusal_with_small_entries),
	    SUITE_CASE(greatest_key_and_value_come_back_whole),
	    SUITE_CASE(capacity_for_a_batch_holds_that_batch),
	    SUITE_CASE(ranges_cover_what_is_older_up_to_the_sequence_asked),
	    SUITE_CASE(only_an_empty_memtable_takes_more_ranges_than_the_limit),
	    SUITE_CASE(deadlines_of_all_versions_are_in_the_stats),
	    SUITE_CASE(any_failed_call_fails_the_creation_and_leaves_no_file),
	    SUITE_CASE(full_tmpfs_is_no_space_at_creation),
	    SUITE_CASE(wrong_file_is_refused_at_opening),
	    SUITE_CASE(layout_is_the_one_written_down),
	};

	return suite_run("memtable", cases, SUITE_COUNT(cases), argc, argv);
}
