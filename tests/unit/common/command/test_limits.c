/* The README and the configuration name the limits that limits.h has. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/command/limits.h"
#include "common/os/file.h"
#include "common/os/file_system.h"
#include "tests/support/suite.h"

struct limit {
	const char *name;
	uint64_t value;
};

static const struct limit limits[] = {
    {"KEY_BYTES_MAX", KEY_BYTES_MAX},
    {"VALUE_BYTES_MAX", VALUE_BYTES_MAX},
    {"BATCH_BYTES_MAX", BATCH_BYTES_MAX},
    {"REPLY_BYTES_MAX", REPLY_BYTES_MAX},
    {"BATCH_COMMANDS_MAX", BATCH_COMMANDS_MAX},
    {"BATCH_RANGES_MAX", BATCH_RANGES_MAX},
    {"BATCH_EXPANSION_BYTES_MAX", BATCH_EXPANSION_BYTES_MAX},
    {"BATCHES_IN_FLIGHT_MAX", BATCHES_IN_FLIGHT_MAX},
    {"TIME_MS_MAX", TIME_MS_MAX},
    {"STAMP_MS_MAX", STAMP_MS_MAX},
    {"WRITER_ID_BYTES", WRITER_ID_BYTES},
    {"LARGE_REQUEST_BYTES", LARGE_REQUEST_BYTES},
    {"LARGE_REQUESTS_BYTES_MAX", LARGE_REQUESTS_BYTES_MAX},
    {"LARGE_REPLY_BYTES", LARGE_REPLY_BYTES},
    {"LARGE_REPLIES_BYTES_MAX", LARGE_REPLIES_BYTES_MAX},
};

#define LIMITS (sizeof(limits) / sizeof(limits[0]))

/* The file as a string. */
static void
read_text(const char *path, struct buffer *out)
{
	struct error err;

	ASSERT_OK(file_read_whole(file_system_real(), path, 1 << 20, out, &err),
	    &err);
	buffer_append_byte(out, '\0');
}

static void
write_with_commas(char out[32], uint64_t value)
{
	char digits[24];
	int size = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	for (int i = 0; i < size; i++) {
		if (i > 0 && (size - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
}

/* As the README writes it: whole MiB and KiB of bytes, else all digits. */
static void
write_limit(char out[40], const struct limit *limit)
{
	bool is_size = strstr(limit->name, "BYTES") != NULL;

	if (is_size && limit->value % (1u << 20) == 0)
		snprintf(out, 40, "%" PRIu64 " MiB", limit->value >> 20);
	else if (is_size && limit->value % (1u << 10) == 0)
		snprintf(out, 40, "%" PRIu64 " KiB", limit->value >> 10);
	else
		write_with_commas(out, limit->value);
}

static void
readme_has_each_limit_as_it_is(void)
{
	struct buffer readme = {0};

	read_text("README.md", &readme);
	for (size_t i = 0; i < LIMITS; i++) {
		char name[64];
		char value[48] = " ";
		char line[256];
		const char *text = (const char *)readme.data;
		const char *found;
		const char *begin;

		snprintf(name, sizeof(name), "| `%s` |\n", limits[i].name);
		found = strstr(text, name);
		CU_ASSERT_PTR_NOT_NULL_FATAL(found);
		begin = found;
		while (begin > text && begin[-1] != '\n')
			begin--;
		snprintf(
		    line, sizeof(line), "%.*s", (int)(found - begin), begin);
		write_limit(value + 1, &limits[i]);
		strcat(value, " ");
		if (strstr(line, value) == NULL)
			fprintf(stderr, "%s is not%s: %s\n", limits[i].name,
			    value, line);
		CU_ASSERT_PTR_NOT_NULL(strstr(line, value));
	}
	buffer_deinit(&readme);
}

/* None is added to the header without the README. */
static void
header_has_no_other_limit(void)
{
	struct buffer header = {0};
	const char *at;
	size_t count = 0;

	read_text("common/command/limits.h", &header);
	at = (const char *)header.data;
	while ((at = strstr(at, "\n#define ")) != NULL) {
		at += strlen("\n#define ");
		count += strncmp(at, "COMMON_", 7) != 0;
	}
	CU_ASSERT_EQUAL(count, LIMITS);
	buffer_deinit(&header);
}

/* Settings lower a limit; what they are without one, and at most, is it. */
static void
configuration_has_the_same_limits(void)
{
	struct buffer schema = {0};
	const char *text;

	read_text("config/schema.def", &schema);
	text = (const char *)schema.data;
	CU_ASSERT_EQUAL(KEY_BYTES_MAX, 65535);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(text, "\"limits.key_size\", \"\", \"65535B\", 1, 65535,"));
	CU_ASSERT_EQUAL(VALUE_BYTES_MAX, 16 << 20);
	CU_ASSERT_PTR_NOT_NULL(strstr(
	    text, "\"limits.value_size\", \"\", \"16MiB\", 1,\n    16 << 20,"));
	CU_ASSERT_EQUAL(BATCH_BYTES_MAX, 64 << 20);
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "\"limits.batch_size\", \"\", \"64MiB\", 1 << 10,\n    64 << 20,"));
	buffer_deinit(&schema);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(readme_has_each_limit_as_it_is),
	    SUITE_CASE(header_has_no_other_limit),
	    SUITE_CASE(configuration_has_the_same_limits),
	};

	return suite_run("limits", cases, SUITE_COUNT(cases), argc, argv);
}
