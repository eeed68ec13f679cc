#include <stdio.h>

#include "config/value.h"
#include "tests/support/suite.h"

#define SIZE_HINT "; write a size like 512KiB, 10MB or 1.5GiB"
#define DURATION_HINT "; write a duration like 500ms, 1.5s, 2m or 1h30m"
#define ADDRESS_HINT "; write :8080, 127.0.0.1:8080, [::1]:8080 or off"

typedef enum status
parse_number(const char *text, uint64_t *out, struct error *err);

struct good {
	const char *text;
	uint64_t number;
};

struct bad {
	const char *text;
	const char *error;
};

static void
check_good(parse_number *parse, const struct good *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct error err;
		uint64_t number = 1;

		ASSERT_OK(parse(rows[i].text, &number, &err), &err);
		if (number != rows[i].number)
			fprintf(stderr, "%s gives %llu\n", rows[i].text,
			    (unsigned long long)number);
		CU_ASSERT_EQUAL(number, rows[i].number);
	}
}

static void
check_bad(parse_number *parse, const struct bad *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct error err = {0};
		uint64_t number;

		CU_ASSERT_EQUAL(
		    parse(rows[i].text, &number, &err), STATUS_INVALID);
		if (strcmp(err.text, rows[i].error) != 0)
			fprintf(stderr, "%s: %s\n", rows[i].text, err.text);
		CU_ASSERT_STRING_EQUAL(err.text, rows[i].error);
	}
}

static void
sizes_have_decimal_and_binary_units(void)
{
	static const struct good rows[] = {
	    {"0", 0},
	    {"100", 100},
	    {"100B", 100},
	    {"10MB", 10000000},
	    {"10kB", 10000},
	    {"10KB", 10000},
	    {"64KiB", 65536},
	    {"1.5GiB", 1610612736},
	    {"0.25KiB", 256},
	    {"2TiB", 2199023255552},
	};

	check_good(value_parse_size, rows, SUITE_COUNT(rows));
}

static void
wrong_sizes_say_what_to_write(void)
{
	static const struct bad rows[] = {
	    {"", "\"\" does not begin with a number" SIZE_HINT},
	    {"-1MB", "\"-1MB\" does not begin with a number" SIZE_HINT},
	    {"10X", "\"10X\" has the unknown unit \"X\"" SIZE_HINT},
	    {"10mb", "\"10mb\" has the unknown unit \"mb\"" SIZE_HINT},
	    {"10M", "\"10M\" has the unknown unit \"M\"" SIZE_HINT},
	    {"10 MB", "\"10 MB\" has no unit" SIZE_HINT},
	    {"1.5", "\"1.5\" has no unit" SIZE_HINT},
	    {"1.MB", "\"1.MB\" needs 1 to 6 digits behind the point" SIZE_HINT},
	    {"1MB2", "\"1MB2\" goes on behind its unit" SIZE_HINT},
	    {"0.3B", "\"0.3B\" is no whole number of B"},
	    {"99999999999999999999B", "\"99999999999999999999B\" is too large"},
	    {"99999999999TiB", "\"99999999999TiB\" is too large"},
	    {"18446744073709551615", "\"18446744073709551615\" is too large"},
	};

	check_bad(value_parse_size, rows, SUITE_COUNT(rows));
}

static void
durations_add_up(void)
{
	static const struct good rows[] = {
	    {"0", 0},
	    {"500ms", 500},
	    {"1.5s", 1500},
	    {"2m", 120000},
	    {"1h30m", 5400000},
	    {"1m30.25s", 90250},
	};

	check_good(value_parse_duration, rows, SUITE_COUNT(rows));
}

static void
wrong_durations_say_what_to_write(void)
{
	static const struct bad rows[] = {
	    {"5", "\"5\" has no unit" DURATION_HINT},
	    {"s", "\"s\" does not begin with a number" DURATION_HINT},
	    {"5sec", "\"5sec\" has the unknown unit \"sec\"" DURATION_HINT},
	    {"-5s", "\"-5s\" does not begin with a number" DURATION_HINT},
	    {"0.5ms", "\"0.5ms\" is no whole number of ms"},
	    {"9999999999999h9999999999999h",
		"\"9999999999999h9999999999999h\" is too large"},
	};

	check_bad(value_parse_duration, rows, SUITE_COUNT(rows));
}

static void
counts_are_digits_alone(void)
{
	static const struct good rows[] = {{"0", 0}, {"12", 12}, {"007", 7}};
	static const struct bad wrong[] = {
	    {"", "\"\" is no number; write digits alone"},
	    {"1.0", "\"1.0\" is no number; write digits alone"},
	    {"+1", "\"+1\" is no number; write digits alone"},
	    {"0x10", "\"0x10\" is no number; write digits alone"},
	};

	check_good(value_parse_count, rows, SUITE_COUNT(rows));
	check_bad(value_parse_count, wrong, SUITE_COUNT(wrong));
}

static void
addresses_are_those_of_go(void)
{
	static const struct {
		const char *text;
		const char *host;
		uint16_t port;
	} rows[] = {
	    {":8080", "", 8080},
	    {"127.0.0.1:0", "127.0.0.1", 0},
	    {"[::1]:8080", "::1", 8080},
	    {"[fe80::1%eth0]:65535", "fe80::1%eth0", 65535},
	    {"localhost:80", "localhost", 80},
	};
	struct address address;
	struct error err;

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		ASSERT_OK(
		    value_parse_address(rows[i].text, &address, &err), &err);
		CU_ASSERT_STRING_EQUAL(address.host, rows[i].host);
		CU_ASSERT_EQUAL(address.port, rows[i].port);
		CU_ASSERT_FALSE(address.is_off);
	}
	ASSERT_OK(value_parse_address("off", &address, &err), &err);
	CU_ASSERT_TRUE(address.is_off);
}

static void
wrong_addresses_say_what_to_write(void)
{
	static const struct bad rows[] = {
	    {"8080", "\"8080\" has no port" ADDRESS_HINT},
	    {"localhost:", "\"localhost:\" has no port" ADDRESS_HINT},
	    {"", "\"\" has no port" ADDRESS_HINT},
	    {":70000",
		"\":70000\" has the port \"70000\", which is no number "
		"from 0 to 65535" ADDRESS_HINT},
	    {":http",
		"\":http\" has the port \"http\", which is no number "
		"from 0 to 65535" ADDRESS_HINT},
	    {"::1:80",
		"\"::1:80\" has too many colons; write an IPv6 address "
		"as [::1]:8080"},
	    {"[::1:80", "\"[::1:80\" lacks the ] behind the IPv6 address"},
	    {"[::1]", "\"[::1]\" has no port" ADDRESS_HINT},
	    {"[1.2.3.4]:80",
		"\"[1.2.3.4]:80\" has no IPv6 address in its "
		"brackets"},
	    {"http://x:80",
		"\"http://x:80\" has too many colons; write an "
		"IPv6 address as [::1]:8080"},
	    {"a b:80", "\"a b:80\" has no proper host name before its port"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct address address;
		struct error err = {0};

		CU_ASSERT_EQUAL(
		    value_parse_address(rows[i].text, &address, &err),
		    STATUS_INVALID);
		CU_ASSERT_STRING_EQUAL(err.text, rows[i].error);
	}
}

static void
written_values_parse_to_the_same(void)
{
	static const struct good sizes[] = {{"0B", 0}, {"65535B", 65535},
	    {"10MB", 10000000}, {"16MiB", 16 << 20}, {"1GiB", 1 << 30}};
	static const struct good durations[] = {{"0ms", 0}, {"50ms", 50},
	    {"2m", 120000}, {"90s", 90000}, {"24h", 86400000}};
	char text[VALUE_TEXT_BYTES_MAX];

	for (size_t i = 0; i < SUITE_COUNT(sizes); i++) {
		value_format_size(text, sizes[i].number);
		CU_ASSERT_STRING_EQUAL(text, sizes[i].text);
	}
	for (size_t i = 0; i < SUITE_COUNT(durations); i++) {
		value_format_duration(text, durations[i].number);
		CU_ASSERT_STRING_EQUAL(text, durations[i].text);
	}
	check_good(value_parse_size, sizes, SUITE_COUNT(sizes));
	check_good(value_parse_duration, durations, SUITE_COUNT(durations));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(sizes_have_decimal_and_binary_units),
	    SUITE_CASE(wrong_sizes_say_what_to_write),
	    SUITE_CASE(durations_add_up),
	    SUITE_CASE(wrong_durations_say_what_to_write),
	    SUITE_CASE(counts_are_digits_alone),
	    SUITE_CASE(addresses_are_those_of_go),
	    SUITE_CASE(wrong_addresses_say_what_to_write),
	    SUITE_CASE(written_values_parse_to_the_same),
	};

	return suite_run("value", cases, SUITE_COUNT(cases), argc, argv);
}
