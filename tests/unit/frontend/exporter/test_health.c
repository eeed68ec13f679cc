#include "frontend/exporter/health.h"
#include "tests/support/suite.h"
#include "tests/unit/frontend/exporter/node_fixture.h"

/* Judges the node and compares the text; returns whether it is ready. */
static bool
judge(const struct node_fixture *fixture, const char *wanted)
{
	struct buffer out = {0};
	struct health health;
	bool equal;

	health_judge(&fixture->state, &health);
	health_append(&out, &health);
	equal = slice_equal(buffer_slice(&out), slice_of_string(wanted));
	if (!equal)
		fprintf(stderr, "got:\n%.*s\n", (int)buffer_size(&out),
		    (char *)out.data);
	CU_ASSERT_TRUE(equal);
	buffer_deinit(&out);
	return health.is_ready;
}

static void
node_is_ready_when_all_is_well(void)
{
	struct node_fixture fixture;

	fixture_init(&fixture);
	CU_ASSERT_TRUE(judge(&fixture,
	    "ready\n"
	    "[+] storaged: 1 of 1 up\n"
	    "[+] http: 1 of 1 up\n"
	    "[+] tcp: 2 of 2 up\n"
	    "[+] reads: view 7 is open, sequence 99\n"
	    "[+] writes: taken\n"));
	fixture_deinit(&fixture);
}

static void
role_serves_as_long_as_one_of_its_workers_is_up(void)
{
	struct node_fixture fixture;

	fixture_init(&fixture);
	fixture_note(&fixture, FIXTURE_TCP, false, 1);
	fixture_note(&fixture, FIXTURE_EXPORTER, false, 1);
	CU_ASSERT_TRUE(judge(&fixture,
	    "ready\n"
	    "[+] storaged: 1 of 1 up\n"
	    "[+] http: 1 of 1 up\n"
	    "[+] tcp: 1 of 2 up\n"
	    "[+] reads: view 7 is open, sequence 99\n"
	    "[+] writes: taken\n"));
	fixture_note(&fixture, FIXTURE_HTTP, false, 1);
	CU_ASSERT_FALSE(judge(&fixture,
	    "not ready\n"
	    "[+] storaged: 1 of 1 up\n"
	    "[-] http: 0 of 1 up\n"
	    "[+] tcp: 1 of 2 up\n"
	    "[+] reads: view 7 is open, sequence 99\n"
	    "[+] writes: taken\n"));
	fixture_deinit(&fixture);
}

static void
dead_storaged_takes_no_writes_whatever_it_said_last(void)
{
	struct node_fixture fixture;

	fixture_init(&fixture);
	fixture_note(&fixture, FIXTURE_STORAGED, false, 1);
	CU_ASSERT_FALSE(judge(&fixture,
	    "not ready\n"
	    "[-] storaged: 0 of 1 up\n"
	    "[+] http: 1 of 1 up\n"
	    "[+] tcp: 2 of 2 up\n"
	    "[+] reads: view 7 is open, sequence 99\n"
	    "[-] writes: storaged is down; writes wait for it\n"));
	fixture_deinit(&fixture);
}

#define WORKERS                     \
	"[+] storaged: 1 of 1 up\n" \
	"[+] http: 1 of 1 up\n"     \
	"[+] tcp: 2 of 2 up\n"      \
	"[+] reads: view 7 is open, sequence 99\n"

static void
state_of_writes_is_told_with_its_reason(void)
{
	struct node_fixture fixture;
	struct control_state *control = &fixture.state.store.control;

	fixture_init(&fixture);
	fixture_set(&fixture, FIXTURE_STORAGED, METRIC_COMPACTION_DEBT_BYTES, 0,
	    0, 5000);
	fixture_set(
	    &fixture, FIXTURE_STORAGED, METRIC_DISK_FREE_BYTES, 0, 0, 1000);
	control->write_state = CONTROL_WRITES_DELAYED;
	control->write_delay_us = 250;
	CU_ASSERT_TRUE(judge(&fixture,
	    "ready\n" WORKERS
	    "[+] writes: delayed by 250 us, so that compaction keeps up "
	    "(5000 bytes behind)\n"));
	control->write_state = CONTROL_WRITES_READ_ONLY;
	CU_ASSERT_FALSE(judge(&fixture,
	    "not ready\n" WORKERS
	    "[-] writes: read-only: disk or memory is short (1000 bytes free "
	    "on disk, compaction 5000 bytes behind)\n"));
	control->write_state = CONTROL_WRITES_DOWN;
	CU_ASSERT_FALSE(judge(&fixture,
	    "not ready\n" WORKERS
	    "[-] writes: not taken: storaged recovers or has stopped\n"));
	fixture_deinit(&fixture);
}

static void
store_that_cannot_be_read_is_told_with_its_error(void)
{
	struct node_fixture fixture;
	struct node_store *store = &fixture.state.store;

	fixture_init(&fixture);
	error_set(&store->view_error, STATUS_UNAVAILABLE, "table 3: gone");
	error_set(&store->control_error, STATUS_CORRUPT, "control: damaged");
	CU_ASSERT_FALSE(judge(&fixture,
	    "not ready\n"
	    "[+] storaged: 1 of 1 up\n"
	    "[+] http: 1 of 1 up\n"
	    "[+] tcp: 2 of 2 up\n"
	    "[-] reads: table 3: gone\n"
	    "[-] writes: control: damaged\n"));
	fixture_deinit(&fixture);
}

static void
door_that_is_off_is_not_waited_for(void)
{
	struct node_fixture fixture;

	fixture_init(&fixture);
	fixture.state.worker_count = 2;
	CU_ASSERT_TRUE(judge(&fixture,
	    "ready\n"
	    "[+] storaged: 1 of 1 up\n"
	    "[+] http: 1 of 1 up\n"
	    "[+] reads: view 7 is open, sequence 99\n"
	    "[+] writes: taken\n"));
	fixture_deinit(&fixture);
}

static void
node_is_alive_whatever_its_workers_do(void)
{
	struct node_fixture fixture;
	struct buffer out = {0};

	fixture_init(&fixture);
	fixture_note(&fixture, FIXTURE_HTTP, false, 12);
	health_append_alive(&out, &fixture.state);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&out),
	    slice_of_string("alive\n"
			    "[+] storaged-0: up, restarted 0 times\n"
			    "[-] http-0: down, restarted 12 times\n"
			    "[+] tcp-0: up, restarted 0 times\n"
			    "[+] tcp-1: up, restarted 0 times\n"
			    "[+] exporter: up, restarted 0 times\n")));
	buffer_deinit(&out);
	fixture_deinit(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(node_is_ready_when_all_is_well),
	    SUITE_CASE(role_serves_as_long_as_one_of_its_workers_is_up),
	    SUITE_CASE(dead_storaged_takes_no_writes_whatever_it_said_last),
	    SUITE_CASE(state_of_writes_is_told_with_its_reason),
	    SUITE_CASE(store_that_cannot_be_read_is_told_with_its_error),
	    SUITE_CASE(door_that_is_off_is_not_waited_for),
	    SUITE_CASE(node_is_alive_whatever_its_workers_do),
	};

	return suite_run("health", cases, SUITE_COUNT(cases), argc, argv);
}
