#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/os/clock.h"
#include "frontend/exporter/node_probe.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/unit/common/lsm/view/mini_store.h"

#define STORE_ID "00112233445566778899aabbccddeeff"

struct fixture {
	struct scratch scratch;
	struct mini_store store;
	struct metrics_segment *notes[2]; /* storaged-0, exporter */
	int fds[2];
	struct node_probe *probe;
};

static void
segment_create(struct fixture *fixture, int which, const char *name,
    enum metric_place place)
{
	struct error err;

	ASSERT_OK(
	    metrics_segment_create(name, place, &fixture->fds[which], &err),
	    &err);
	ASSERT_OK(metrics_segment_open(
		      fixture->fds[which], true, &fixture->notes[which], &err),
	    &err);
}

/* A node with a store or, as before its first start, without. */
static struct fixture *
fixture_create(bool with_store)
{
	struct fixture *fixture = mem_new(sizeof(*fixture));
	struct error err;

	scratch_init(&fixture->scratch);
	if (with_store) {
		mini_open(&fixture->store, fixture->scratch.path);
		mini_publish_view(&fixture->store);
	}
	segment_create(fixture, 0, "storaged-0", METRIC_PLACE_STORAGED);
	segment_create(fixture, 1, "exporter", METRIC_PLACE_NONE);
	ASSERT_OK(
	    node_probe_open(
		&(struct node_probe_options){.node_id = "a",
		    .store_id = STORE_ID,
		    .runtime_directory = with_store ? fixture->store.runtime
						    : fixture->scratch.path,
		    .data_directory = with_store ? fixture->store.data
						 : fixture->scratch.path,
		    .clock = &clock_system,
		    .server_pid = (uint32_t)getppid(),
		    .segment_fds = fixture->fds,
		    .segment_count = 2},
		&fixture->probe, &err),
	    &err);
	return fixture;
}

static void
fixture_close(struct fixture *fixture)
{
	node_probe_close(fixture->probe);
	if (fixture->store.publisher != NULL)
		mini_close(&fixture->store);
	for (int i = 0; i < 2; i++) {
		metrics_segment_close(fixture->notes[i]);
		close(fixture->fds[i]);
	}
	scratch_deinit(&fixture->scratch);
	mem_free(fixture);
}

static void
workers_are_found_with_their_roles_and_what_they_cost(void)
{
	struct fixture *fixture = fixture_create(false);
	const struct node_state *node;

	metrics_segment_note(
	    fixture->notes[0], true, (uint32_t)getpid(), 3, 1234);
	node = node_probe_look(fixture->probe);
	CU_ASSERT_STRING_EQUAL(node->node_id, "a");
	CU_ASSERT_STRING_EQUAL(node->store_id, STORE_ID);
	CU_ASSERT_TRUE(node->now_ms > 1700000000000);
	CU_ASSERT_TRUE(node->server.is_known);
	CU_ASSERT_EQUAL_FATAL(node->worker_count, 2);
	CU_ASSERT_STRING_EQUAL(node->workers[0].worker.name, "storaged-0");
	CU_ASSERT_STRING_EQUAL(node->workers[0].role, "storaged");
	CU_ASSERT_STRING_EQUAL(node->workers[0].number, "0");
	CU_ASSERT_TRUE(node->workers[0].worker.up);
	CU_ASSERT_TRUE(node->workers[0].usage.is_known);
	CU_ASSERT_STRING_EQUAL(node->workers[1].role, "exporter");
	CU_ASSERT_STRING_EQUAL(node->workers[1].number, "");
	CU_ASSERT_FALSE(node->workers[1].worker.up);
	CU_ASSERT_FALSE(node->workers[1].usage.is_known);
	metrics_segment_note(fixture->notes[0], false, 0, 4, 0);
	node = node_probe_look(fixture->probe);
	CU_ASSERT_EQUAL(node->workers[0].worker.restarts, 4);
	CU_ASSERT_FALSE(node->workers[0].usage.is_known);
	fixture_close(fixture);
}

static void
store_that_is_not_there_yet_is_an_error_in_the_state(void)
{
	struct fixture *fixture = fixture_create(false);
	const struct node_state *node = node_probe_look(fixture->probe);

	CU_ASSERT_EQUAL(node->store.control_error.code, STATUS_NOT_FOUND);
	CU_ASSERT_NOT_EQUAL(node->store.view_error.code, STATUS_OK);
	CU_ASSERT_EQUAL(node->store.control.write_state, CONTROL_WRITES_DOWN);
	node_probe_refresh(fixture->probe);
	fixture_close(fixture);
}

/* Writes a key and moves it from the memtable to a table. */
static void
put_and_flush(struct mini_store *store, const char *key)
{
	mini_put(store, slice_of_string(key), slice_of_string("1"), 0);
	mini_publish_sequence(store);
	mini_add_memtable(store);
	mini_flush(store);
}

static void
store_is_seen_as_its_readers_see_it(void)
{
	struct fixture *fixture = fixture_create(true);
	struct mini_store *store = &fixture->store;
	const struct node_state *node;
	uint64_t view_number;

	node = node_probe_look(fixture->probe);
	view_number = node->store.control.view_number;

	CU_ASSERT_EQUAL(node->store.control_error.code, STATUS_OK);
	CU_ASSERT_EQUAL(node->store.view_error.code, STATUS_OK);
	CU_ASSERT_EQUAL(node->store.key_estimate, 0);
	put_and_flush(store, "a");
	put_and_flush(store, "b");
	node = node_probe_look(fixture->probe);
	CU_ASSERT_EQUAL(node->store.view_error.code, STATUS_OK);
	CU_ASSERT_EQUAL(node->store.key_estimate, 2);
	CU_ASSERT_EQUAL(
	    node->store.control.published_sequence, store->sequence);
	CU_ASSERT_TRUE(node->store.control.view_number > view_number);
	fixture_close(fixture);
}

/* How many files this process has mapped that are gone from their folders. */
static unsigned
unlinked_count(const struct fixture *fixture)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[PATH_BYTES_MAX + 128];
	unsigned count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, fixture->scratch.path) != NULL &&
		    strstr(line, " (deleted)") != NULL)
			count++;
	fclose(maps);
	return count;
}

static void
refreshing_lets_files_go_that_are_no_longer_current(void)
{
	struct fixture *fixture = fixture_create(true);
	struct mini_store *store = &fixture->store;

	for (int i = 0; i < 5; i++) {
		put_and_flush(store, "a");
		(void)node_probe_look(fixture->probe);
	}
	put_and_flush(store, "a");
	CU_ASSERT_TRUE(unlinked_count(fixture) > 0);
	node_probe_refresh(fixture->probe);
	CU_ASSERT_EQUAL(unlinked_count(fixture), 0);
	fixture_close(fixture);
}

static void
segment_of_another_build_is_refused(void)
{
	struct scratch scratch;
	struct node_probe *probe;
	struct error err;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	scratch_init(&scratch);
	CU_ASSERT_EQUAL(
	    node_probe_open(&(struct node_probe_options){.node_id = "a",
				.store_id = STORE_ID,
				.runtime_directory = scratch.path,
				.data_directory = scratch.path,
				.clock = &clock_system,
				.segment_fds = &fd,
				.segment_count = 1},
		&probe, &err),
	    STATUS_VERSION);
	CU_ASSERT_PTR_NULL(probe);
	close(fd);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(workers_are_found_with_their_roles_and_what_they_cost),
	    SUITE_CASE(store_that_is_not_there_yet_is_an_error_in_the_state),
	    SUITE_CASE(store_is_seen_as_its_readers_see_it),
	    SUITE_CASE(refreshing_lets_files_go_that_are_no_longer_current),
	    SUITE_CASE(segment_of_another_build_is_refused),
	};

	return suite_run("node_probe", cases, SUITE_COUNT(cases), argc, argv);
}
