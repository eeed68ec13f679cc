#include <stdio.h>

#include "common/worker/control_message.h"
#include "common/worker/settings.h"
#include "config/config.h"
#include "supervisor/plan.h"
#include "tests/support/suite.h"

static const struct plan_facts facts = {
    .data_path = "/d",
    .runtime_path = "/r",
    .store_id = "00112233445566778899aabbccddeeff",
    .node_id = "n",
    .heartbeat_ms = 500,
};

static void
set(struct config *config, enum config_key key, const char *text)
{
	struct error err;

	ASSERT_OK(
	    config_set(config, key, text, CONFIG_FROM_FLAG, "-", &err), &err);
}

static struct plan *
plan_of(const char *http_workers, const char *tcp_workers, const char *metrics)
{
	struct config config;
	struct plan *plan;

	config_init(&config);
	set(&config, CONFIG_HTTP_WORKERS, http_workers);
	set(&config, CONFIG_TCP_WORKERS, tcp_workers);
	set(&config, CONFIG_METRICS_ADDR, metrics);
	set(&config, CONFIG_MAX_MEM_SIZE, "1MiB");
	set(&config, CONFIG_STOP_TIMEOUT, "3s");
	plan = plan_create(&config, &facts);
	config_deinit(&config);
	return plan;
}

static void
workers_follow_the_configuration_storaged_first(void)
{
	static const char *const names[] = {
	    "storaged-0", "http-0", "http-1", "tcp-0", "exporter"};
	static const char *const programs[] = {
	    "storaged", "frontend", "frontend", "frontend", "exporter"};
	struct plan *plan = plan_of("2", "1", ":2112");

	CU_ASSERT_EQUAL_FATAL(plan->worker_count, SUITE_COUNT(names));
	for (size_t i = 0; i < SUITE_COUNT(names); i++) {
		CU_ASSERT_STRING_EQUAL(plan->workers[i].name, names[i]);
		CU_ASSERT_STRING_EQUAL(plan->workers[i].program, programs[i]);
	}
	plan_close(plan);
}

/* Every *_fd of the settings must name a planned descriptor, each once. */
static void
settings_name_each_descriptor_by_its_place(void)
{
	struct plan *plan = plan_of("64", "64", ":2112");
	const struct worker_plan *exporter =
	    &plan->workers[plan->worker_count - 1];
	struct settings *settings;
	struct error err;

	CU_ASSERT_EQUAL(plan->worker_count, PLAN_WORKERS_MAX);
	ASSERT_OK(
	    settings_parse(buffer_slice(&exporter->settings), &settings, &err),
	    &err);
	CU_ASSERT_EQUAL(settings_u64(settings, "segments"), PLAN_WORKERS_MAX);
	for (unsigned i = 0; i < PLAN_WORKERS_MAX; i++) {
		char key[32];
		uint64_t place;

		snprintf(key, sizeof(key), "segment_%u_fd", i);
		place = settings_u64(settings, key) - CONTROL_FD - 1;
		CU_ASSERT_TRUE_FATAL(place < exporter->fd_count);
		CU_ASSERT_EQUAL(exporter->fds[place].kind, PLAN_FD_METRICS);
		CU_ASSERT_EQUAL(exporter->fds[place].which, i);
	}
	settings_close(settings);
	for (unsigned i = 0; i < PLAN_WORKERS_MAX; i++) {
		const struct worker_plan *worker = &plan->workers[i];
		uint64_t place;

		ASSERT_OK(settings_parse(
			      buffer_slice(&worker->settings), &settings, &err),
		    &err);
		place = settings_u64(settings, "metrics_fd") - CONTROL_FD - 1;
		CU_ASSERT_EQUAL(worker->fds[place].kind, PLAN_FD_METRICS);
		CU_ASSERT_EQUAL(worker->fds[place].which, i);
		place = settings_u64(settings, "lock_fd") - CONTROL_FD - 1;
		CU_ASSERT_EQUAL(worker->fds[place].kind, PLAN_FD_LOCK);
		if (worker->role != WORKER_STORAGED) {
			place = settings_u64(settings, "listen_fd") -
			    CONTROL_FD - 1;
			CU_ASSERT_EQUAL(
			    worker->fds[place].kind, PLAN_FD_LISTENER);
			CU_ASSERT_EQUAL(worker->fds[place].which, worker->role);
		}
		settings_close(settings);
	}
	plan_close(plan);
}

static void
settings_carry_numbers_in_base_units(void)
{
	struct plan *plan = plan_of("1", "1", ":2112");
	struct settings *settings;
	struct error err;

	ASSERT_OK(settings_parse(buffer_slice(&plan->workers[0].settings),
		      &settings, &err),
	    &err);
	CU_ASSERT_STRING_EQUAL(settings_string(settings, "name"), "storaged-0");
	CU_ASSERT_STRING_EQUAL(
	    settings_string(settings, "sink"), "/r/storaged-0.sock");
	CU_ASSERT_STRING_EQUAL(
	    settings_string(settings, "store_id"), facts.store_id);
	CU_ASSERT_EQUAL(settings_u64(settings, "max_mem_bytes"), 1 << 20);
	CU_ASSERT_EQUAL(settings_u64(settings, "stop_ms"), 1500);
	CU_ASSERT_EQUAL(settings_u64(settings, "heartbeat_ms"), 500);
	CU_ASSERT_EQUAL(
	    settings_u64(settings, "journal_sync_interval_ms"), 100);
	settings_close(settings);
	plan_close(plan);
}

static void
doors_that_are_off_have_no_workers(void)
{
	struct config config;
	struct plan *plan;

	config_init(&config);
	set(&config, CONFIG_HTTP_ADDR, "off");
	set(&config, CONFIG_TCP_ADDR, "off");
	set(&config, CONFIG_METRICS_ADDR, "off");
	plan = plan_create(&config, &facts);
	CU_ASSERT_EQUAL(plan->worker_count, 1);
	CU_ASSERT_EQUAL(plan->workers[0].role, WORKER_STORAGED);
	plan_close(plan);
	config_deinit(&config);
}

static void
frontends_stop_before_storaged_and_the_exporter_last(void)
{
	CU_ASSERT_EQUAL(plan_stop_step(WORKER_HTTP), 0);
	CU_ASSERT_EQUAL(plan_stop_step(WORKER_TCP), 0);
	CU_ASSERT_EQUAL(plan_stop_step(WORKER_STORAGED), 1);
	CU_ASSERT_EQUAL(plan_stop_step(WORKER_EXPORTER), PLAN_STOP_STEPS - 1);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(workers_follow_the_configuration_storaged_first),
	    SUITE_CASE(settings_name_each_descriptor_by_its_place),
	    SUITE_CASE(settings_carry_numbers_in_base_units),
	    SUITE_CASE(doors_that_are_off_have_no_workers),
	    SUITE_CASE(frontends_stop_before_storaged_and_the_exporter_last),
	};

	return suite_run("plan", cases, SUITE_COUNT(cases), argc, argv);
}
