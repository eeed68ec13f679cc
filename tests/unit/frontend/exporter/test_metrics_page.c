#include "common/os/file.h"
#include "frontend/exporter/metrics_page.h"
#include "frontend/exporter/worker_metrics.h"
#include "tests/support/suite.h"
#include "tests/unit/frontend/exporter/node_fixture.h"

#define GOLDEN "tests/golden/metrics.txt"
#define GOLDEN_BYTES_MAX (1 << 20)

/* A bit of everything. */
static void
count_some(struct node_fixture *fixture)
{
	fixture_set(fixture, FIXTURE_HTTP, METRIC_OPERATIONS,
	    METRIC_OPERATION_GET, METRIC_PROTOCOL_HTTP, 5);
	fixture_set(fixture, FIXTURE_TCP, METRIC_OPERATIONS,
	    METRIC_OPERATION_PUT, METRIC_PROTOCOL_RESP, 3);
	fixture_set(fixture, FIXTURE_TCP_1, METRIC_OPERATIONS,
	    METRIC_OPERATION_PUT, METRIC_PROTOCOL_RESP, 4);
	for (unsigned i = FIXTURE_TCP; i <= FIXTURE_TCP_1; i++) {
		fixture_set_part(fixture, (int)i, METRIC_OPERATION_SECONDS,
		    METRIC_OPERATION_PUT, METRIC_PROTOCOL_RESP, 0, 1000000);
		fixture_set_part(fixture, (int)i, METRIC_OPERATION_SECONDS,
		    METRIC_OPERATION_PUT, METRIC_PROTOCOL_RESP, 1 + i, i);
	}
	fixture_set(fixture, FIXTURE_TCP, METRIC_CONNECTIONS,
	    METRIC_PROTOCOL_RESP, 0, 2);
	fixture_set(fixture, FIXTURE_TCP_1, METRIC_CONNECTIONS,
	    METRIC_PROTOCOL_RESP, 0, 9);
	fixture_set(
	    fixture, FIXTURE_STORAGED, METRIC_MEMTABLE_BYTES, 0, 0, 4096);
	fixture_set(fixture, FIXTURE_STORAGED, METRIC_SSTABLE_COUNT, 0, 0, 12);
	fixture_set(fixture, FIXTURE_STORAGED, METRIC_LEVEL_FILES, 1, 0, 10);
	fixture_set(
	    fixture, FIXTURE_STORAGED, METRIC_WRITE_DELAY, 0, 0, 1500000);
	fixture_set_part(fixture, FIXTURE_STORAGED, METRIC_JOURNAL_SYNC_SECONDS,
	    0, 0, 0, 300000);
	fixture_set_part(fixture, FIXTURE_STORAGED, METRIC_JOURNAL_SYNC_SECONDS,
	    0, 0, 1 + 14, 2);
	/* tcp-1 is dead: its counters stay, its connections are gone. */
	fixture_note(fixture, FIXTURE_TCP_1, false, 3);
	fixture->workers[FIXTURE_TCP_1].usage.is_known = false;
}

static void
page_is_as_the_golden_file_says(void)
{
	struct node_fixture fixture;
	struct buffer golden = {0};
	struct buffer out = {0};
	struct error err;
	bool equal;

	fixture_init(&fixture);
	count_some(&fixture);
	metrics_page_append(&out, &fixture.state);
	ASSERT_OK(file_read_whole(file_system_real(), GOLDEN, GOLDEN_BYTES_MAX,
		      &golden, &err),
	    &err);
	equal = slice_equal(buffer_slice(&out), buffer_slice(&golden));
	if (!equal)
		fprintf(
		    stderr, "%.*s", (int)buffer_size(&out), (char *)out.data);
	CU_ASSERT_TRUE(equal);
	buffer_deinit(&golden);
	buffer_deinit(&out);
	fixture_deinit(&fixture);
}

static void
names_that_others_rely_on_are_there(void)
{
	static const char *const names[] = {
	    "\nkvstore_memtable_size_bytes{shard=\"0\"} ",
	    "\nkvstore_sstable_count{shard=\"0\"} ",
	    "\nkvstore_operations_total{op=\"get\",protocol=\"http\"} ",
	    "\nkvstore_operations_total{op=\"put\",protocol=\"resp\"} ",
	    "\nkvstore_operations_total{op=\"delete\",protocol=\"binary\"} ",
	    "\n# TYPE kvstore_operation_duration_seconds histogram\n",
	    "\nkvstore_level_files{shard=\"0\",level=\"7\"} ",
	    "\nkvstore_level_bytes{shard=\"0\",level=\"0\"} ",
	    "\nkvstore_compactions_total{shard=\"0\",level=\"0\"} ",
	    "\nkvstore_flushes_total{shard=\"0\"} ",
	    "\nkvstore_journal_sync_duration_seconds_count{shard=\"0\"} ",
	    "\nkvstore_up ",
	    "\nkvstore_worker_up{worker=\"http-0\",role=\"http\"} ",
	    "\nkvstore_worker_restarts_total{worker=\"http-0\",role=\"http\"} ",
	    "\nkvstore_build_info{version=\"1.2.3\"} 1\n",
	};
	struct node_fixture fixture;
	struct buffer out = {0};

	fixture_init(&fixture);
	metrics_page_append(&out, &fixture.state);
	for (size_t i = 0; i < SUITE_COUNT(names); i++) {
		if (!text_has(&out, names[i]))
			fprintf(stderr, "missing: %s\n", names[i]);
		CU_ASSERT_TRUE(text_has(&out, names[i]));
	}
	buffer_deinit(&out);
	fixture_deinit(&fixture);
}

static void
counters_of_a_dead_worker_stay_and_its_gauges_do_not(void)
{
	struct node_fixture fixture;
	const struct node_state *node = &fixture.state;

	fixture_init(&fixture);
	count_some(&fixture);
	CU_ASSERT_EQUAL(worker_metrics_sum(node, METRIC_OPERATIONS,
			    METRIC_OPERATION_PUT, METRIC_PROTOCOL_RESP),
	    7);
	CU_ASSERT_EQUAL(worker_metrics_sum(
			    node, METRIC_CONNECTIONS, METRIC_PROTOCOL_RESP, 0),
	    2);
	fixture_note(&fixture, FIXTURE_STORAGED, false, 1);
	CU_ASSERT_EQUAL(
	    worker_metrics_sum(node, METRIC_SSTABLE_COUNT, 0, 0), 12);
	CU_ASSERT_EQUAL(worker_metrics_sum(node, METRIC_WRITE_STATE, 0, 0),
	    CONTROL_WRITES_DOWN);
	fixture_deinit(&fixture);
}

static void
keys_of_a_store_that_cannot_be_read_are_not_guessed(void)
{
	struct node_fixture fixture;
	struct buffer out = {0};

	fixture_init(&fixture);
	metrics_page_append(&out, &fixture.state);
	CU_ASSERT_TRUE(text_has(&out, "\nkvstore_keys{shard=\"0\"} 42\n"));
	CU_ASSERT_TRUE(text_has(&out, "\nkvstore_up 1\n"));
	buffer_clear(&out, SIZE_MAX);
	error_set(&fixture.state.store.view_error, STATUS_IO, "no view");
	metrics_page_append(&out, &fixture.state);
	CU_ASSERT_FALSE(text_has(&out, "\nkvstore_keys{"));
	CU_ASSERT_TRUE(text_has(&out, "\nkvstore_up 0\n"));
	CU_ASSERT_TRUE(text_has(&out, "\nkvstore_ready{check=\"reads\"} 0\n"));
	buffer_deinit(&out);
	fixture_deinit(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(page_is_as_the_golden_file_says),
	    SUITE_CASE(names_that_others_rely_on_are_there),
	    SUITE_CASE(counters_of_a_dead_worker_stay_and_its_gauges_do_not),
	    SUITE_CASE(keys_of_a_store_that_cannot_be_read_are_not_guessed),
	};

	return suite_run("metrics_page", cases, SUITE_COUNT(cases), argc, argv);
}
