#include <stdio.h>

#include "config/config.h"
#include "config/loader.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static void
defaults_are_those_of_the_manual(void)
{
	struct config config;
	struct error err;

	config_init(&config);
	CU_ASSERT_STRING_EQUAL(config_text(&config, CONFIG_DATA_DIR), "./data");
	CU_ASSERT_EQUAL(config_number(&config, CONFIG_MAX_MEM_SIZE), 10000000);
	CU_ASSERT_EQUAL(config_address(&config, CONFIG_HTTP_ADDR).port, 8080);
	CU_ASSERT_EQUAL(config_address(&config, CONFIG_TCP_ADDR).port, 9090);
	CU_ASSERT_EQUAL(
	    config_address(&config, CONFIG_METRICS_ADDR).port, 2112);
	CU_ASSERT_TRUE(config_is(&config, CONFIG_JOURNAL_SYNC, "always"));
	ASSERT_OK(config_check(&config, &err), &err);
	config_deinit(&config);
}

static void
value_comes_from_flag_then_environment_then_file(void)
{
	static const enum config_origin orders[][3] = {
	    {CONFIG_FROM_FILE, CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_FLAG},
	    {CONFIG_FROM_FLAG, CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_FILE},
	    {CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_FLAG, CONFIG_FROM_FILE},
	};
	static const char *const texts[] = {"default", "file", "env", "flag"};

	for (size_t i = 0; i < SUITE_COUNT(orders); i++) {
		struct config config;
		struct error err;

		config_init(&config);
		for (size_t j = 0; j < 3; j++)
			ASSERT_OK(config_set(&config, CONFIG_NODE_ID,
				      texts[orders[i][j]], orders[i][j], "here",
				      &err),
			    &err);
		CU_ASSERT_STRING_EQUAL(
		    config_text(&config, CONFIG_NODE_ID), "flag");
		config_deinit(&config);
	}
}

static void
environment_names_follow_the_flag_or_the_path(void)
{
	char *environment[] = {"PATH=/bin", "KVSTORE_MAX_MEM_SIZE=1MiB",
	    "KVSTORE_JOURNAL_SYNC=never",
	    "KVSTORE_NODE_ID=", "KVSTORE_PORT=tcp://10.0.0.1:9090", NULL};
	char *wrong[] = {"KVSTORE_HTTP_WORKERS=many", NULL};
	struct config config;
	struct error err;

	config_init(&config);
	ASSERT_OK(config_load_environment(&config, environment, &err), &err);
	CU_ASSERT_EQUAL(config_number(&config, CONFIG_MAX_MEM_SIZE), 1 << 20);
	CU_ASSERT_TRUE(config_is(&config, CONFIG_JOURNAL_SYNC, "never"));
	CU_ASSERT_TRUE(config_is(&config, CONFIG_NODE_ID, "auto"));
	CU_ASSERT_EQUAL(
	    config_load_environment(&config, wrong, &err), STATUS_INVALID);
	CU_ASSERT_STRING_EQUAL(err.text,
	    "KVSTORE_HTTP_WORKERS: \"many\" is no number; write digits alone");
	config_deinit(&config);
}

static void
value_out_of_range_names_the_range(void)
{
	static const struct {
		enum config_key key;
		const char *text;
		const char *error;
	} rows[] = {
	    {CONFIG_MAX_MEM_SIZE, "1KiB",
		"-x: 1KiB is out of range; it may be 64KiB to 4GiB"},
	    {CONFIG_STOP_TIMEOUT, "1h",
		"-x: 1h is out of range; it may be 100ms to 10m"},
	    {CONFIG_HTTP_WORKERS, "0",
		"-x: 0 is out of range; it may be 1 to 64"},
	    {CONFIG_JOURNAL_SYNC, "alwys",
		"-x: \"alwys\" is none of: always interval never; did you "
		"mean \"always\"?"},
	    {CONFIG_JOURNAL_SYNC, "yes",
		"-x: \"yes\" is none of: always interval never"},
	    {CONFIG_DATA_DIR, "", "-x: it is empty"},
	    {CONFIG_NODE_ID, "a\nb",
		"-x: it has a control character at byte 2"},
	    {CONFIG_QUORUM_SIZE, "123456789012345678901",
		"-x: it has 21 bytes; it may have up to 20"},
	};
	struct config config;

	config_init(&config);
	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct error err = {0};

		CU_ASSERT_EQUAL(config_set(&config, rows[i].key, rows[i].text,
				    CONFIG_FROM_FLAG, "-x", &err),
		    STATUS_INVALID);
		if (strcmp(err.text, rows[i].error) != 0)
			fprintf(stderr, "%s\n", err.text);
		CU_ASSERT_STRING_EQUAL(err.text, rows[i].error);
	}
	config_deinit(&config);
}

struct setting {
	enum config_key key;
	const char *text;
	enum config_origin origin;
	const char *place;
};

static void
check_together(const struct setting *settings, size_t count, const char *error)
{
	struct config config;
	struct error err = {0};

	config_init(&config);
	for (size_t i = 0; i < count; i++)
		ASSERT_OK(config_set(&config, settings[i].key, settings[i].text,
			      settings[i].origin, settings[i].place, &err),
		    &err);
	CU_ASSERT_EQUAL(config_check(&config, &err),
	    error == NULL ? STATUS_OK : STATUS_INVALID);
	if (error != NULL && strcmp(err.text, error) != 0)
		fprintf(stderr, "%s\n", err.text);
	if (error != NULL)
		CU_ASSERT_STRING_EQUAL(err.text, error);
	config_deinit(&config);
}

static void
two_doors_on_one_port_are_refused(void)
{
	static const struct setting same[] = {
	    {CONFIG_TCP_ADDR, ":8080", CONFIG_FROM_FLAG, "-tcp-addr"}};
	static const struct setting loopback[] = {
	    {CONFIG_HTTP_ADDR, "127.0.0.1:9", CONFIG_FROM_FLAG, "-http-addr"},
	    {CONFIG_METRICS_ADDR, ":9", CONFIG_FROM_FILE, "k.yaml:2:9"}};
	static const struct setting apart[] = {
	    {CONFIG_HTTP_ADDR, "127.0.0.1:9", CONFIG_FROM_FLAG, "-http-addr"},
	    {CONFIG_METRICS_ADDR, "127.0.0.2:9", CONFIG_FROM_FLAG, "-m"}};
	static const struct setting any[] = {
	    {CONFIG_HTTP_ADDR, ":0", CONFIG_FROM_FLAG, "-http-addr"},
	    {CONFIG_TCP_ADDR, ":0", CONFIG_FROM_FLAG, "-tcp-addr"}};

	check_together(same, SUITE_COUNT(same),
	    "-tcp-addr: port 8080 is that of -http-addr too; give each its "
	    "own");
	check_together(loopback, SUITE_COUNT(loopback),
	    "k.yaml:2:9: metrics.addr: port 9 is that of -http-addr too; give "
	    "each its own");
	check_together(apart, SUITE_COUNT(apart), NULL);
	check_together(any, SUITE_COUNT(any), NULL);
}

static void
replication_is_not_in_this_build(void)
{
	static const struct setting peers[] = {
	    {CONFIG_PEERS, "b:7000", CONFIG_FROM_FLAG, "-peers"}};
	static const struct setting address[] = {{CONFIG_REPLICATION_ADDR,
	    ":7000", CONFIG_FROM_ENVIRONMENT, "KVSTORE_REPLICATION_ADDR"}};
	static const struct setting quorum[] = {
	    {CONFIG_QUORUM_SIZE, "2", CONFIG_FROM_FLAG, "-quorum-size"}};

	check_together(peers, 1,
	    "-peers: replication is not in this build; leave it out to run a "
	    "single node");
	check_together(address, 1,
	    "KVSTORE_REPLICATION_ADDR: replication is not in this build; "
	    "leave it out to run a single node");
	check_together(quorum, 1,
	    "-quorum-size: replication is not in this build; leave it out to "
	    "run a single node");
}

static void
lesser_settings_stay_below_greater_ones(void)
{
	static const struct setting delay[] = {
	    {CONFIG_RESTART_DELAY, "20s", CONFIG_FROM_FILE, "k.yaml:1:2"}};
	static const struct setting value[] = {
	    {CONFIG_BATCH_SIZE_MAX, "1MiB", CONFIG_FROM_FILE, "k.yaml:1:2"}};

	check_together(delay, 1,
	    "k.yaml:1:2: supervisor.restart_delay: 20s is more than "
	    "supervisor.restart_delay_max, which is 10s");
	check_together(value, 1,
	    "limits.value_size: 16MiB is more than limits.batch_size, which "
	    "is 1MiB");
}

static void
printed_settings_load_to_the_same_and_name_their_origin(void)
{
	struct buffer text = {0};
	struct scratch scratch;
	struct config config;
	struct config again;
	struct error err;
	FILE *file;

	scratch_init(&scratch);
	config_init(&config);
	ASSERT_OK(config_set(&config, CONFIG_NODE_ID, "a \"b\\c\" # d",
		      CONFIG_FROM_FLAG, "-node-id", &err),
	    &err);
	ASSERT_OK(config_set(&config, CONFIG_DATA_DIR, "null",
		      CONFIG_FROM_ENVIRONMENT, "KVSTORE_DATA_DIR", &err),
	    &err);
	config_print(&config, &text);
	buffer_append_byte(&text, '\0');
	CU_ASSERT_PTR_NOT_NULL(strstr((char *)text.data,
	    "\n  max_mem_size: 10MB               # default\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr((char *)text.data, "# flag -node-id\n"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr((char *)text.data, "# environment KVSTORE_DATA_DIR\n"));
	file = fopen(scratch_path(&scratch, "k.yaml"), "w");
	fputs((char *)text.data, file);
	fclose(file);
	config_init(&again);
	ASSERT_OK(
	    config_load_file(&again, scratch_path(&scratch, "k.yaml"), &err),
	    &err);
	for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
		CU_ASSERT_STRING_EQUAL(
		    config_text(&again, (enum config_key)key),
		    config_text(&config, (enum config_key)key));
		CU_ASSERT_EQUAL(again.values[key].origin, CONFIG_FROM_FILE);
	}
	config_deinit(&again);
	config_deinit(&config);
	buffer_deinit(&text);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(defaults_are_those_of_the_manual),
	    SUITE_CASE(value_comes_from_flag_then_environment_then_file),
	    SUITE_CASE(environment_names_follow_the_flag_or_the_path),
	    SUITE_CASE(value_out_of_range_names_the_range),
	    SUITE_CASE(two_doors_on_one_port_are_refused),
	    SUITE_CASE(replication_is_not_in_this_build),
	    SUITE_CASE(lesser_settings_stay_below_greater_ones),
	    SUITE_CASE(printed_settings_load_to_the_same_and_name_their_origin),
	};

	return suite_run("config", cases, SUITE_COUNT(cases), argc, argv);
}
