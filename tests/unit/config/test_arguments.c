#include <stdio.h>

#include "config/arguments.h"
#include "config/config.h"
#include "tests/support/suite.h"

#define ARGV_MAX 8

static enum status
parse(struct config *config, const char *const *words,
    struct arguments *arguments, struct error *err)
{
	char *argv[ARGV_MAX + 1] = {"server"};
	int argc = 1;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)words[argc - 1];
	argv[argc] = NULL;
	*err = (struct error){0};
	config_init(config);
	return arguments_parse(config, argc, argv, arguments, err);
}

static void
flags_take_one_dash_or_two_and_both_forms_of_value(void)
{
	static const char *const words[] = {"-data-dir", "/a", "--http-addr=:1",
	    "--tcp-addr", ":2", "-max-mem-size=20MB", "-tcp-addr=:3", NULL};
	struct arguments arguments;
	struct config config;
	struct error err;

	ASSERT_OK(parse(&config, words, &arguments, &err), &err);
	CU_ASSERT_EQUAL(arguments.action, ARGUMENTS_RUN);
	CU_ASSERT_PTR_NULL(arguments.config_path);
	CU_ASSERT_TRUE(config_is(&config, CONFIG_DATA_DIR, "/a"));
	CU_ASSERT_TRUE(config_is(&config, CONFIG_HTTP_ADDR, ":1"));
	CU_ASSERT_TRUE(config_is(&config, CONFIG_TCP_ADDR, ":3"));
	CU_ASSERT_EQUAL(config_number(&config, CONFIG_MAX_MEM_SIZE), 20000000);
	CU_ASSERT_STRING_EQUAL(
	    config.values[CONFIG_TCP_ADDR].place, "-tcp-addr");
	config_deinit(&config);
}

static void
actions_and_the_file_are_told(void)
{
	static const struct {
		const char *words[4];
		enum arguments_action action;
	} rows[] = {
	    {{"-check-config", "-config", "k.yaml"}, ARGUMENTS_CHECK_CONFIG},
	    {{"--print-config", "--config=k.yaml"}, ARGUMENTS_PRINT_CONFIG},
	    {{"-config", "k.yaml", "-version"}, ARGUMENTS_VERSION},
	    {{"-h", "-config", "k.yaml"}, ARGUMENTS_HELP},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct arguments arguments;
		struct config config;
		struct error err;

		ASSERT_OK(
		    parse(&config, rows[i].words, &arguments, &err), &err);
		CU_ASSERT_EQUAL(arguments.action, rows[i].action);
		CU_ASSERT_STRING_EQUAL(arguments.config_path, "k.yaml");
		config_deinit(&config);
	}
}

static void
each_wrong_argument_has_its_remedy(void)
{
	static const struct {
		const char *words[4];
		const char *error;
	} rows[] = {
	    {{"-data-dri", "x"},
		"unknown flag -data-dri; did you mean -data-dir?"},
	    {{"--http-adr=:1"},
		"unknown flag -http-adr; did you mean -http-addr?"},
	    {{"-chek-config"},
		"unknown flag -chek-config; did you mean -check-config?"},
	    {{"-x"}, "unknown flag -x; -help lists them"},
	    {{"start"},
		"unexpected argument \"start\"; flags begin with a "
		"dash, -help lists them"},
	    {{"--"},
		"unexpected argument \"--\"; flags begin with a dash, "
		"-help lists them"},
	    {{"-data-dir"}, "-data-dir: its value is missing"},
	    {{"-config"}, "-config: its value is missing"},
	    {{"-data-dir="}, "-data-dir: it is empty"},
	    {{"-version=1"}, "-version: it takes no value"},
	    {{"-http-addr", "8080"},
		"-http-addr: \"8080\" has no port; write :8080, "
		"127.0.0.1:8080, [::1]:8080 or off"},
	    {{"-max-mem-size", "lots"},
		"-max-mem-size: \"lots\" does not begin with a number; write "
		"a size like 512KiB, 10MB or 1.5GiB"},
	    {{"-max-mem-size=1"},
		"-max-mem-size: 1 is out of range; it may be "
		"64KiB to 4GiB"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct arguments arguments;
		struct config config;
		struct error err;

		CU_ASSERT_EQUAL(parse(&config, rows[i].words, &arguments, &err),
		    STATUS_INVALID);
		if (strcmp(err.text, rows[i].error) != 0)
			fprintf(stderr, "%s\n", err.text);
		CU_ASSERT_STRING_EQUAL(err.text, rows[i].error);
		config_deinit(&config);
	}
}

static void
help_names_every_setting(void)
{
	struct buffer help = {0};

	arguments_help(&help);
	buffer_append_byte(&help, '\0');
	for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct schema_key *key = schema_key((enum config_key)i);

		CU_ASSERT_PTR_NOT_NULL(strstr((char *)help.data, key->path));
		CU_ASSERT_PTR_NOT_NULL(strstr((char *)help.data, key->flag));
	}
	buffer_deinit(&help);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(flags_take_one_dash_or_two_and_both_forms_of_value),
	    SUITE_CASE(actions_and_the_file_are_told),
	    SUITE_CASE(each_wrong_argument_has_its_remedy),
	    SUITE_CASE(help_names_every_setting),
	};

	return suite_run("arguments", cases, SUITE_COUNT(cases), argc, argv);
}
