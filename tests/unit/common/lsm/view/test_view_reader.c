#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/codec/integer.h"
#include "common/lsm/view/view_scan.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/unit/common/lsm/view/mini_store.h"

#define READERS 3
#define COUNTERS 4

struct fixture {
	struct scratch scratch;
	struct mini_store store;
	struct view_reader *reader;
};

static struct fixture *
fixture_create(void)
{
	struct fixture *fixture = mem_new(sizeof(*fixture));

	scratch_init(&fixture->scratch);
	mini_open(&fixture->store, fixture->scratch.path);
	fixture->reader = mini_reader(&fixture->store, &clock_system);
	return fixture;
}

static void
fixture_close(struct fixture *fixture)
{
	view_reader_close(fixture->reader);
	mini_close(&fixture->store);
	scratch_deinit(&fixture->scratch);
	mem_free(fixture);
}

static void
put(struct mini_store *store, const char *key, const char *value)
{
	mini_put(store, slice_of_string(key), slice_of_string(value), 0);
}

/* Expects `value`, or absence where it is NULL, without a refresh. */
static void
expect(struct view_reader *reader, const char *key, const char *value)
{
	struct entry entry;
	enum lookup found;
	struct error err;

	ASSERT_OK(
	    view_reader_get(reader, slice_of_string(key), &entry, &found, &err),
	    &err);
	CU_ASSERT_EQUAL_FATAL(found == LOOKUP_FOUND, value != NULL);
	if (found == LOOKUP_FOUND)
		CU_ASSERT_TRUE(
		    slice_equal(entry.value, slice_of_string(value)));
}

static void
refresh(struct view_reader *reader)
{
	struct error err;

	ASSERT_OK(view_reader_refresh(reader, &err), &err);
}

static void
write_is_visible_once_its_sequence_is_published(void)
{
	struct fixture *fixture = fixture_create();
	struct mini_store *store = &fixture->store;
	struct entry entry;
	enum lookup found;
	struct error err;

	/* Before there is a view, and before a refresh, nothing is read. */
	CU_ASSERT_EQUAL(
	    view_reader_refresh(fixture->reader, &err), STATUS_UNAVAILABLE);
	mini_publish_view(store);
	CU_ASSERT_EQUAL(view_reader_get(fixture->reader, slice_of_string("a"),
			    &entry, &found, &err),
	    STATUS_UNAVAILABLE);
	refresh(fixture->reader);
	put(store, "a", "1");
	refresh(fixture->reader);
	expect(fixture->reader, "a", NULL);
	mini_publish_sequence(store);
	expect(fixture->reader, "a", NULL);
	refresh(fixture->reader);
	expect(fixture->reader, "a", "1");
	CU_ASSERT_EQUAL(view_reader_sequence(fixture->reader), 1);
	/* In a new memtable, and with the old one flushed. */
	mini_add_memtable(store);
	mini_publish_view(store);
	put(store, "a", "2");
	put(store, "b", "1");
	refresh(fixture->reader);
	expect(fixture->reader, "a", "1");
	mini_publish_sequence(store);
	mini_flush(store);
	refresh(fixture->reader);
	expect(fixture->reader, "a", "2");
	expect(fixture->reader, "b", "1");
	fixture_close(fixture);
}

static void
adopted_view_reads_on_after_its_files_are_unlinked(void)
{
	struct fixture *fixture = fixture_create();
	struct mini_store *store = &fixture->store;

	mini_publish_view(store);
	put(store, "a", "1");
	mini_publish_sequence(store);
	mini_add_memtable(store);
	mini_flush(store);
	refresh(fixture->reader);
	mini_compact(store, 1);
	mini_compact(store, 2);
	expect(fixture->reader, "a", "1");
	refresh(fixture->reader);
	expect(fixture->reader, "a", "1");
	fixture_close(fixture);
}

/* How many unlinked files this process has mapped below `folder`. */
static int
count_unlinked(const char *folder)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[2 * PATH_BYTES_MAX];
	int count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, folder) != NULL &&
		    strstr(line, "(deleted)") != NULL)
			count++;
	}
	CU_ASSERT_EQUAL(fclose(maps), 0);
	return count;
}

static void
idle_refresh_releases_unlinked_files(void)
{
	struct fixture *fixture = fixture_create();
	struct mini_store *store = &fixture->store;
	struct error err;

	mini_publish_view(store);
	for (int i = 0; i < 3; i++) {
		put(store, "a", "1");
		mini_publish_sequence(store);
		mini_add_memtable(store);
		mini_publish_view(store);
		refresh(fixture->reader);
		mini_flush(store);
		if (i > 0)
			mini_compact(store, 1);
		CU_ASSERT_TRUE(count_unlinked(fixture->scratch.path) > 0);
		ASSERT_OK(
		    view_reader_idle_refresh(fixture->reader, &err), &err);
		CU_ASSERT_EQUAL(count_unlinked(fixture->scratch.path), 0);
	}
	expect(fixture->reader, "a", "1");
	fixture_close(fixture);
}

static void
view_file(const struct fixture *fixture, char path[PATH_BYTES_MAX])
{
	struct control_state state;

	control_load(view_publisher_control(fixture->store.publisher), &state);
	view_path_view(path, fixture->store.shard_runtime, state.view_number);
}

static void
expect_unavailable(struct view_reader *reader, const char *text)
{
	struct entry entry;
	enum lookup found;
	struct view_scan *scan;
	struct error err;

	CU_ASSERT_EQUAL(view_reader_refresh(reader, &err), STATUS_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, text));
	CU_ASSERT_EQUAL(
	    view_reader_get(reader, slice_of_string("a"), &entry, &found, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(
	    view_reader_scan(reader, SLICE_EMPTY, SLICE_EMPTY, &scan, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_PTR_NULL(scan);
}

static void
damaged_view_is_unavailable_until_the_next_one(void)
{
	struct fixture *fixture = fixture_create();
	struct mini_store *store = &fixture->store;
	char path[PATH_BYTES_MAX];
	struct error err;

	mini_publish_view(store);
	put(store, "a", "1");
	mini_publish_sequence(store);
	refresh(fixture->reader);
	mini_publish_view(store);
	view_file(fixture, path);
	ASSERT_OK(file_replace(file_system_real(), path,
		      slice_of_string("rubbish"), &err),
	    &err);
	expect_unavailable(fixture->reader, path);
	/* At once again: the failure is remembered. */
	expect_unavailable(fixture->reader, path);
	mini_publish_view(store);
	refresh(fixture->reader);
	expect(fixture->reader, "a", "1");
	/* The file of another view under this one's name. */
	{
		struct buffer bytes = {0};

		view_file(fixture, path);
		ASSERT_OK(file_read_whole(
			      file_system_real(), path, 4096, &bytes, &err),
		    &err);
		mini_publish_view(store);
		view_file(fixture, path);
		ASSERT_OK(file_replace(file_system_real(), path,
			      buffer_slice(&bytes), &err),
		    &err);
		buffer_deinit(&bytes);
	}
	expect_unavailable(fixture->reader, "another view");
	fixture_close(fixture);
}

static void
vanished_files_are_unavailable_until_the_next_view(void)
{
	struct fixture *fixture = fixture_create();
	struct mini_store *store = &fixture->store;
	char path[PATH_BYTES_MAX];

	mini_publish_view(store);
	put(store, "a", "1");
	mini_publish_sequence(store);
	mini_add_memtable(store);
	mini_flush(store);
	view_file(fixture, path);
	CU_ASSERT_EQUAL(unlink(path), 0);
	expect_unavailable(fixture->reader, path);
	mini_publish_view(store);
	view_path_memtable(path, store->shard_runtime,
	    memtable_writer_number(store->memtables[0]));
	CU_ASSERT_EQUAL(unlink(path), 0);
	expect_unavailable(fixture->reader, path);
	mini_add_memtable(store);
	mini_flush(store);
	refresh(fixture->reader);
	expect(fixture->reader, "a", "1");
	view_reader_close(fixture->reader);
	fixture->reader = mini_reader(store, &clock_system);
	view_path_table(path, store->tables_folder, store->tables[0].number);
	CU_ASSERT_EQUAL(unlink(path), 0);
	expect_unavailable(fixture->reader, path);
	fixture_close(fixture);
}

static void
shortened_table_fails_one_request_and_not_the_process(void)
{
	struct fixture *fixture = fixture_create();
	struct mini_store *store = &fixture->store;
	struct view_scan_limits limits = {10, 1000, 1000, false};
	struct view_scan_page page;
	struct view_scan *scan;
	char path[PATH_BYTES_MAX];
	struct entry entry;
	enum lookup found;
	struct error err;

	mini_publish_view(store);
	put(store, "a", "1");
	mini_publish_sequence(store);
	mini_add_memtable(store);
	mini_flush(store);
	refresh(fixture->reader);
	view_path_table(path, store->tables_folder, store->tables[0].number);
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	for (int i = 0; i < 3; i++) {
		struct slice key = slice_of_string("a");

		refresh(fixture->reader);
		view_reader_prefetch(fixture->reader, &key, 1);
		CU_ASSERT_EQUAL(view_reader_get(fixture->reader,
				    slice_of_string("a"), &entry, &found, &err),
		    STATUS_IO);
		ASSERT_OK(view_reader_scan(fixture->reader, SLICE_EMPTY,
			      SLICE_EMPTY, &scan, &err),
		    &err);
		CU_ASSERT_EQUAL(
		    view_scan_read(scan, &limits, &page, &err), STATUS_IO);
		view_scan_close(scan);
		put(store, "b", "2");
		mini_publish_sequence(store);
		refresh(fixture->reader);
		expect(fixture->reader, "b", "2");
	}
	fixture_close(fixture);
}

static void
shortened_control_block_is_unavailable(void)
{
	struct fixture *fixture = fixture_create();
	char path[PATH_BYTES_MAX];
	struct error err;

	mini_publish_view(&fixture->store);
	refresh(fixture->reader);
	view_path_control(path, fixture->store.shard_runtime);
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	CU_ASSERT_EQUAL(
	    view_reader_refresh(fixture->reader, &err), STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(view_reader_idle_refresh(fixture->reader, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(truncate(path, 4096), 0);
	fixture_close(fixture);
}

static void
reader_follows_a_control_block_that_was_replaced(void)
{
	struct fixture *fixture = fixture_create();
	struct scratch *scratch = &fixture->scratch;
	struct mini_store *other = mem_new(sizeof(*other));
	char path[PATH_BYTES_MAX];
	struct error err;

	mini_publish_view(&fixture->store);
	put(&fixture->store, "a", "1");
	mini_publish_sequence(&fixture->store);
	refresh(fixture->reader);
	/* Somebody empties the runtime directory, and storaged comes back. */
	view_path_control(path, fixture->store.shard_runtime);
	CU_ASSERT_EQUAL(unlink(path), 0);
	ASSERT_OK(view_reader_idle_refresh(fixture->reader, &err), &err);
	expect(fixture->reader, "a", "1");
	mini_open(other, scratch->path);
	mini_publish_view(other);
	put(other, "a", "2");
	mini_publish_sequence(other);
	ASSERT_OK(view_reader_idle_refresh(fixture->reader, &err), &err);
	expect(fixture->reader, "a", "2");
	/* A block that is replaced by the rules needs no timer. */
	CU_ASSERT_EQUAL(truncate(path, 4095), 0);
	CU_ASSERT_EQUAL(truncate(path, 4096), 0);
	{
		int fd = open(path, O_WRONLY);

		CU_ASSERT_EQUAL(pwrite(fd, "?", 1, 20), 1);
		CU_ASSERT_EQUAL(close(fd), 0);
	}
	mini_close(other);
	mini_open(other, scratch->path);
	mini_publish_view(other);
	put(other, "a", "3");
	mini_publish_sequence(other);
	refresh(fixture->reader);
	expect(fixture->reader, "a", "3");
	mini_close(other);
	mem_free(other);
	fixture_close(fixture);
}

static void
new_incarnation_leaves_the_last_view_alone_at_first(void)
{
	struct fixture *fixture = fixture_create();
	struct mini_store *store = &fixture->store;
	struct mini_store *next = mem_new(sizeof(*next));
	struct view_reader *late;
	char path[PATH_BYTES_MAX];
	struct error err;

	mini_publish_view(store);
	put(store, "a", "1");
	mini_publish_sequence(store);
	put(store, "a", "half a batch, never published");
	refresh(fixture->reader);
	mini_open(next, fixture->scratch.path);
	/* A reader that comes while storaged recovers finds the old state. */
	late = mini_reader(store, &clock_system);
	refresh(late);
	expect(late, "a", "1");
	CU_ASSERT_TRUE(next->memtable_number > store->memtable_number);
	put(next, "a", "1");
	put(next, "a", "2");
	put(next, "b", "1");
	mini_publish_view(next);
	refresh(late);
	expect(late, "a", "1");
	mini_publish_sequence(next);
	ASSERT_OK(view_publisher_sweep(next->publisher, &err), &err);
	view_path_memtable(path, store->shard_runtime,
	    memtable_writer_number(store->memtables[0]));
	CU_ASSERT_FALSE(path_exists(path));
	refresh(fixture->reader);
	refresh(late);
	expect(fixture->reader, "a", "2");
	expect(late, "b", "1");
	view_reader_close(late);
	mini_close(next);
	mem_free(next);
	fixture_close(fixture);
}

/*
 * One writer publishes without a pause while others read. Each batch gives
 * all counters one new value; so a reader must see the same value in all of
 * them, none lower than it saw before, and none lower than the last one that
 * was published before it refreshed.
 */
struct race {
	_Atomic uint64_t acknowledged; /* the last value published */
	_Atomic bool is_over;
	_Atomic uint64_t reads;
	_Atomic uint64_t views; /* that readers moved on to */
	_Atomic uint64_t failures; /* of readers; the first says why */
};

struct racer {
	struct race *race;
	const struct mini_store *store;
};

static struct slice
counter_key(size_t index, char text[32])
{
	snprintf(text, 32, "counter-%zu", index);
	return slice_of_string(text);
}

static bool
complain(struct race *race, const char *what, uint64_t got, uint64_t wanted)
{
	if (atomic_fetch_add(&race->failures, 1) == 0)
		fprintf(stderr, "reader: %s: %llu, not %llu\n", what,
		    (unsigned long long)got, (unsigned long long)wanted);
	return false;
}

/* All counters by point reads: one value, at least `floor`. */
static bool
read_counters(struct race *race, struct view_reader *reader, uint64_t *value)
{
	uint64_t first = 0;

	for (size_t i = 0; i < COUNTERS; i++) {
		struct entry entry;
		enum lookup found;
		char text[32];
		struct error err;

		if (view_reader_get(reader, counter_key(i, text), &entry,
			&found, &err) != STATUS_OK) {
			fprintf(stderr, "reader: %s\n", err.text);
			return complain(race, "get", err.code, STATUS_OK);
		}
		if (found != LOOKUP_FOUND || entry.value.size < 8)
			return complain(race, "counter is missing", i, 0);
		if (i == 0)
			first = u64_load(entry.value.data);
		if (u64_load(entry.value.data) != first)
			return complain(race, "counters differ",
			    u64_load(entry.value.data), first);
	}
	if (first < *value)
		return complain(race, "value went back", first, *value);
	*value = first;
	return true;
}

/* The same by a scan, which must see exactly what the point reads saw. */
static bool
scan_counters(struct race *race, struct view_reader *reader, uint64_t value)
{
	struct view_scan_limits limits = {2 * COUNTERS, 1u << 20, 2048, false};
	struct view_scan_page page = {0};
	struct view_scan *scan;
	struct error err;

	if (view_reader_scan(reader, slice_of_string("counter-"),
		slice_of_string("counter."), &scan, &err) != STATUS_OK ||
	    view_scan_read(scan, &limits, &page, &err) != STATUS_OK)
		return complain(race, "scan", err.code, STATUS_OK);
	if (page.count != COUNTERS)
		complain(race, "scan count", page.count, COUNTERS);
	for (size_t i = 0; i < page.count; i++) {
		if (u64_load(page.entries[i].value.data) != value)
			complain(race, "scanned value",
			    u64_load(page.entries[i].value.data), value);
	}
	view_scan_close(scan);
	return atomic_load(&race->failures) == 0;
}

static void *
run_reader(void *context)
{
	struct racer *racer = context;
	struct race *race = racer->race;
	struct view_reader *reader = mini_reader(racer->store, &clock_system);
	uint64_t value = 0;
	struct error err;

	while (
	    !atomic_load(&race->is_over) && atomic_load(&race->failures) == 0) {
		uint64_t floor = atomic_load(&race->acknowledged);

		if (value < floor)
			value = floor;
		if (view_reader_refresh(reader, &err) != STATUS_OK) {
			fprintf(stderr, "reader: %s\n", err.text);
			complain(race, "refresh", err.code, STATUS_OK);
			break;
		}
		if (!read_counters(race, reader, &value) ||
		    (value % 8 == 0 && !scan_counters(race, reader, value)))
			break;
		atomic_fetch_add(&race->reads, 1);
	}
	atomic_fetch_add(&race->views, view_reader_adopted_count(reader));
	view_reader_close(reader);
	return NULL;
}

/* The commands of one batch, without publishing it. */
static void
add_batch(struct mini_store *store, uint64_t value)
{
	uint8_t bytes[40] = {0};
	char text[32];

	u64_store(bytes, value);
	/* Sometimes the old ones are deleted by a range first. */
	if (value % 5 == 0)
		mini_delete_range(store, slice_of_string("counter-"),
		    slice_of_string("counter."));
	for (size_t i = 0; i < COUNTERS; i++)
		mini_put(store, counter_key(i, text),
		    slice_of(bytes, 8 + value % 32), 0);
}

/* storaged dies in the middle of a batch, comes back and applies it again. */
static void
restart(struct mini_store *store, const char *root, uint64_t value)
{
	struct mini_store *next = mem_new(sizeof(*next));
	uint64_t before = store->sequence;
	uint64_t batch_size = COUNTERS + (value % 5 == 0);
	struct error err;
	char text[32];

	mini_put(store, counter_key(0, text), slice_of_string("half"), 0);
	mini_close(store);
	mini_open(next, root);
	next->memtable_bytes = store->memtable_bytes;
	next->table_number = store->table_number;
	next->table_count = store->table_count;
	memcpy(next->tables, store->tables, sizeof(next->tables));
	next->sequence = before - batch_size;
	*store = *next;
	mem_free(next);
	add_batch(store, value);
	CHECK(store->sequence == before);
	add_batch(store, value + 1);
	mini_publish_view(store);
	mini_publish_sequence(store);
	mini_must(view_publisher_sweep(store->publisher, &err), &err);
}

static void
run_writer(struct race *race, struct mini_store *store, const char *root,
    uint64_t batches)
{
	struct rng rng = rng_seeded(suite_seed());

	for (uint64_t value = 2;
	     value < batches && atomic_load(&race->failures) == 0; value++) {
		uint64_t dice = rng_below(&rng, 200);

		if (dice < 10 ||
		    !memtable_writer_fits(
			store->memtables[0], 64, 64 * 128, 4)) {
			mini_add_memtable(store);
			mini_publish_view(store);
		}
		add_batch(store, value);
		mini_publish_sequence(store);
		if (dice == 199) {
			restart(store, root, value);
			value++;
		}
		atomic_store(&race->acknowledged, value);
		if (store->memtable_count > 3 || dice < 12)
			while (store->memtable_count > 1)
				mini_flush(store);
		if (store->table_count > 4 || dice == 13)
			mini_compact(store, dice % 2 == 0 ? 1 : 2);
		if (dice == 14)
			for (int i = 0; i < 20; i++)
				mini_publish_view(store);
	}
	atomic_store(&race->is_over, true);
}

static struct race *
race_begin(struct fixture *fixture)
{
	struct race *race = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(race != MAP_FAILED);
	fixture->store.memtable_bytes = MEMTABLE_CAPACITY_BYTES_MIN;
	mini_publish_view(&fixture->store);
	add_batch(&fixture->store, 1);
	mini_publish_sequence(&fixture->store);
	atomic_store(&race->acknowledged, 1);
	return race;
}

static void
race_end(struct race *race)
{
	printf("%llu reads, %llu views, ",
	    (unsigned long long)atomic_load(&race->reads),
	    (unsigned long long)atomic_load(&race->views));
	CU_ASSERT_EQUAL(atomic_load(&race->failures), 0);
	CU_ASSERT_TRUE(atomic_load(&race->reads) > 0);
	CU_ASSERT_EQUAL(munmap(race, 4096), 0);
}

static void
reader_processes_see_what_was_published_and_never_go_back(void)
{
	struct fixture *fixture = fixture_create();
	struct race *race = race_begin(fixture);
	struct racer racer = {race, &fixture->store};
	pid_t children[READERS];

	for (int i = 0; i < READERS; i++) {
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (children[i] == 0) {
			run_reader(&racer);
			_exit(0);
		}
	}
	run_writer(race, &fixture->store, fixture->scratch.path, 20000);
	for (int i = 0; i < READERS; i++) {
		int status;

		CU_ASSERT_EQUAL(waitpid(children[i], &status, 0), children[i]);
		CU_ASSERT_TRUE(WIFEXITED(status));
	}
	race_end(race);
	fixture_close(fixture);
}

static void
reader_threads_see_what_was_published_and_never_go_back(void)
{
	struct fixture *fixture = fixture_create();
	struct race *race = race_begin(fixture);
	/* The writer replaces what it knows of the store; folders stay. */
	struct mini_store *copy =
	    mem_dup(&fixture->store, sizeof(fixture->store));
	struct racer racer = {race, copy};
	pthread_t threads[READERS];

	for (int i = 0; i < READERS; i++)
		CHECK(
		    pthread_create(&threads[i], NULL, run_reader, &racer) == 0);
	run_writer(race, &fixture->store, fixture->scratch.path, 10000);
	for (int i = 0; i < READERS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	race_end(race);
	mem_free(copy);
	fixture_close(fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(write_is_visible_once_its_sequence_is_published),
	    SUITE_CASE(adopted_view_reads_on_after_its_files_are_unlinked),
	    SUITE_CASE(idle_refresh_releases_unlinked_files),
	    SUITE_CASE(damaged_view_is_unavailable_until_the_next_one),
	    SUITE_CASE(vanished_files_are_unavailable_until_the_next_view),
	    SUITE_CASE(shortened_table_fails_one_request_and_not_the_process),
	    SUITE_CASE(shortened_control_block_is_unavailable),
	    SUITE_CASE(reader_follows_a_control_block_that_was_replaced),
	    SUITE_CASE(new_incarnation_leaves_the_last_view_alone_at_first),
	    SUITE_CASE(
		reader_processes_see_what_was_published_and_never_go_back),
	    SUITE_CASE(reader_threads_see_what_was_published_and_never_go_back),
	};

	return suite_run("view_reader", cases, SUITE_COUNT(cases), argc, argv);
}
