#include <stdio.h>
#include <string.h>

#include "common/worker/settings.h"
#include "tests/support/suite.h"

static void
settings_come_back_as_they_went(void)
{
	struct buffer text = {0};
	struct settings *settings;
	struct error err;

	settings_add(&text, "name", "%s-%u", "http", 0u);
	settings_add(&text, "listen_fd", "%d", 4);
	settings_add(&text, "path", "%s", "a\nb\\n=c");
	settings_add(&text, "empty", "%s", "");
	settings_add(&text, "limits.big", "18446744073709551615");
	ASSERT_OK(settings_parse(buffer_slice(&text), &settings, &err), &err);
	CU_ASSERT_STRING_EQUAL(settings_string(settings, "name"), "http-0");
	CU_ASSERT_EQUAL(settings_u64(settings, "listen_fd"), 4);
	CU_ASSERT_STRING_EQUAL(settings_string(settings, "path"), "a\nb\\n=c");
	CU_ASSERT_STRING_EQUAL(settings_string(settings, "empty"), "");
	CU_ASSERT_EQUAL(settings_u64(settings, "limits.big"), UINT64_MAX);
	CU_ASSERT_FALSE(settings_has(settings, "off"));
	settings_close(settings);
	buffer_deinit(&text);
}

static void
lines_that_are_no_settings_are_refused(void)
{
	static const char *const texts[] = {"a", "a\n", "=b\n", "\n", "a b=c\n",
	    "a=b\na=c\n", "a=\\x\n", "a=\\\n", "a=b"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct settings *settings;
		struct error err;

		CU_ASSERT_EQUAL(
		    settings_parse(slice_of_string(texts[i]), &settings, &err),
		    STATUS_INVALID);
		CU_ASSERT_PTR_NULL(settings);
	}
}

static void
more_keys_than_the_limit_are_refused(void)
{
	struct buffer text = {0};
	struct settings *settings;
	struct error err;

	for (int i = 0; i < SETTINGS_COUNT_MAX; i++)
		buffer_printf(&text, "k%d=%d\n", i, i);
	ASSERT_OK(settings_parse(buffer_slice(&text), &settings, &err), &err);
	settings_close(settings);
	buffer_printf(&text, "more=1\n");
	CU_ASSERT_EQUAL(settings_parse(buffer_slice(&text), &settings, &err),
	    STATUS_INVALID);
	buffer_deinit(&text);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(settings_come_back_as_they_went),
	    SUITE_CASE(lines_that_are_no_settings_are_refused),
	    SUITE_CASE(more_keys_than_the_limit_are_refused),
	};

	return suite_run("settings", cases, SUITE_COUNT(cases), argc, argv);
}
