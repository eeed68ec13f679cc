#include <stdio.h>

#include "common/os/clock.h"
#include "frontend/tcp/tcp_reader.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/unit/common/lsm/view/mini_store.h"

#define NOW_MS 1700000000000

struct fixture {
	struct scratch scratch;
	struct mini_store mini;
	struct tcp_reader reader;
	struct tcp_store store;
};

static void
fixture_init(struct fixture *fixture)
{
	scratch_init(&fixture->scratch);
	mini_open(&fixture->mini, fixture->scratch.path);
	/* It is ahead of the node's clock, and so the one that counts. */
	fixture->mini.clock_ms = NOW_MS;
	fixture->reader = (struct tcp_reader){
	    .view = mini_reader(&fixture->mini, &clock_system)};
	fixture->store = tcp_reader_store(&fixture->reader);
}

static void
fixture_deinit(struct fixture *fixture)
{
	view_reader_close(fixture->reader.view);
	mini_close(&fixture->mini);
	scratch_deinit(&fixture->scratch);
}

static void
refresh(struct fixture *fixture)
{
	struct error err;

	mini_publish_view(&fixture->mini);
	mini_publish_sequence(&fixture->mini);
	ASSERT_OK(view_reader_refresh(fixture->reader.view, &err), &err);
}

static bool
find(struct fixture *fixture, const char *key, struct tcp_entry *out)
{
	struct error err;
	bool found;

	ASSERT_OK(fixture->store.get(fixture->store.context,
		      slice_of_string(key), out, &found, &err),
	    &err);
	return found;
}

static void
entries_are_shown_with_the_time_that_remains(void)
{
	struct fixture fixture;
	struct tcp_entry entry;

	fixture_init(&fixture);
	mini_put(&fixture.mini, slice_of_string("stays"),
	    slice_of_string("for ever"), 0);
	mini_put(&fixture.mini, slice_of_string("goes"),
	    slice_of_string("in a second"), NOW_MS + 1000);
	mini_put(&fixture.mini, slice_of_string("gone"), SLICE_EMPTY, NOW_MS);
	refresh(&fixture);
	CU_ASSERT_TRUE_FATAL(find(&fixture, "stays", &entry));
	CU_ASSERT_TRUE(slice_equal(entry.value, slice_of_string("for ever")));
	CU_ASSERT_EQUAL(entry.sequence, 1);
	CU_ASSERT_EQUAL(entry.ttl_ms, 0);
	CU_ASSERT_TRUE_FATAL(find(&fixture, "goes", &entry));
	CU_ASSERT_EQUAL(entry.ttl_ms, 1000);
	CU_ASSERT_FALSE(find(&fixture, "gone", &entry));
	CU_ASSERT_FALSE(find(&fixture, "never there", &entry));
	fixture_deinit(&fixture);
}

struct visit {
	unsigned next; /* number of the key that is expected */
	bool keys_only;
};

static void
on_entry(void *visitor, const struct tcp_entry *entry)
{
	struct visit *visit = visitor;
	char key[20];

	snprintf(key, sizeof(key), "k%05u", visit->next++);
	CU_ASSERT_TRUE(slice_equal(entry->key, slice_of_string(key)));
	CU_ASSERT_EQUAL(entry->value.size, visit->keys_only ? 0 : 5);
}

/* Shows all keys, a few in each run; returns how many runs it took. */
static unsigned
scan_all(struct fixture *fixture, struct tcp_range range, struct visit *visit)
{
	struct buffer resume = {0};
	struct buffer start = {0};
	struct error err;
	bool is_end = false;
	unsigned runs = 0;

	while (!is_end) {
		range.start = buffer_slice(&start);
		resume = (struct buffer){0};
		ASSERT_OK(fixture->store.scan(fixture->store.context, &range,
			      on_entry, visit, &resume, &is_end, &err),
		    &err);
		buffer_deinit(&start);
		start = resume;
		runs++;
		CU_ASSERT_TRUE_FATAL(runs < 100000);
	}
	buffer_deinit(&start);
	return runs;
}

static void
put_numbers(struct fixture *fixture, unsigned count)
{
	char key[20];

	for (unsigned i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "k%05u", i);
		mini_put(&fixture->mini, slice_of_string(key),
		    slice_of_string("value"), 0);
	}
	refresh(fixture);
}

static void
scans_go_on_where_they_stopped_and_miss_nothing(void)
{
	struct tcp_range range = {
	    .steps_max = 7, .entries_max = SIZE_MAX, .bytes_max = SIZE_MAX};
	struct visit visit = {0};
	struct fixture fixture;

	fixture_init(&fixture);
	put_numbers(&fixture, 1000);
	CU_ASSERT_TRUE(scan_all(&fixture, range, &visit) >= 100);
	CU_ASSERT_EQUAL(visit.next, 1000);
	range.steps_max = SIZE_MAX;
	range.entries_max = 1;
	range.keys_only = true;
	visit = (struct visit){.keys_only = true};
	CU_ASSERT_TRUE(scan_all(&fixture, range, &visit) >= 1000);
	CU_ASSERT_EQUAL(visit.next, 1000);
	range.entries_max = SIZE_MAX;
	range.bytes_max = 1;
	visit = (struct visit){.keys_only = true};
	CU_ASSERT_TRUE(scan_all(&fixture, range, &visit) >= 1000);
	CU_ASSERT_EQUAL(visit.next, 1000);
	fixture_deinit(&fixture);
}

static void
counts_go_on_where_they_stopped_and_miss_nothing(void)
{
	struct tcp_range range = {.steps_max = 7};
	struct buffer start = {0};
	struct fixture fixture;
	struct error err;
	uint64_t count = 0;
	bool is_end = false;

	fixture_init(&fixture);
	put_numbers(&fixture, 1000);
	while (!is_end) {
		struct buffer resume = {0};

		range.start = buffer_slice(&start);
		ASSERT_OK(fixture.store.count(fixture.store.context, &range,
			      &count, &resume, &is_end, &err),
		    &err);
		buffer_deinit(&start);
		start = resume;
	}
	CU_ASSERT_EQUAL(count, 1000);
	buffer_deinit(&start);
	fixture_deinit(&fixture);
}

static void
keys_that_are_prepared_are_found_as_before(void)
{
	struct slice keys[TCP_PREFETCH_MAX + 1];
	struct tcp_entry entry;
	struct fixture fixture;

	fixture_init(&fixture);
	put_numbers(&fixture, 100);
	for (size_t i = 0; i <= TCP_PREFETCH_MAX; i++)
		keys[i] = slice_of_string(i % 2 == 0 ? "k00007" : "absent");
	tcp_store_prefetch(&fixture.store, keys, TCP_PREFETCH_MAX + 1);
	CU_ASSERT_TRUE(find(&fixture, "k00007", &entry));
	CU_ASSERT_FALSE(find(&fixture, "absent", &entry));
	fixture_deinit(&fixture);
}

static void
failures_are_remembered(void)
{
	struct tcp_range range = {
	    .steps_max = 1, .entries_max = 1, .bytes_max = 1};
	struct buffer resume = {0};
	struct tcp_entry entry;
	struct fixture fixture;
	struct error err;
	uint64_t count = 0;
	bool is_it;

	/* Nothing was refreshed, so nothing can be read. */
	fixture_init(&fixture);
	CU_ASSERT_EQUAL(fixture.store.get(fixture.store.context,
			    slice_of_string("k"), &entry, &is_it, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(fixture.reader.failure, STATUS_UNAVAILABLE);
	fixture.reader.failure = STATUS_OK;
	CU_ASSERT_EQUAL(fixture.store.scan(fixture.store.context, &range,
			    on_entry, NULL, &resume, &is_it, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(fixture.reader.failure, STATUS_UNAVAILABLE);
	fixture.reader.failure = STATUS_OK;
	CU_ASSERT_EQUAL(fixture.store.count(fixture.store.context, &range,
			    &count, &resume, &is_it, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(fixture.reader.failure, STATUS_UNAVAILABLE);
	fixture_deinit(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(entries_are_shown_with_the_time_that_remains),
	    SUITE_CASE(scans_go_on_where_they_stopped_and_miss_nothing),
	    SUITE_CASE(counts_go_on_where_they_stopped_and_miss_nothing),
	    SUITE_CASE(keys_that_are_prepared_are_found_as_before),
	    SUITE_CASE(failures_are_remembered),
	};

	return suite_run("tcp_reader", cases, SUITE_COUNT(cases), argc, argv);
}
