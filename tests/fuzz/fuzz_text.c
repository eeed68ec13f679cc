/*
 * Small texts: numbers with units, addresses, decimals, base64, UTF-8 for
 * JSON, patterns, times to live. What is taken and written again is the same,
 * or taken to the same value.
 */
#include <stdio.h>

#include "common/codec/base64.h"
#include "common/codec/decimal.h"
#include "common/codec/integer.h"
#include "common/codec/json_text.h"
#include "config/value.h"
#include "frontend/http/http_ttl.h"
#include "frontend/tcp/glob.h"
#include "tests/fuzz/fuzz.h"

static void
check_units(const char *text)
{
	char again[VALUE_TEXT_BYTES_MAX];
	struct address address;
	struct error err;
	uint64_t number;
	uint64_t reread;

	if (value_parse_size(text, &number, &err) == STATUS_OK) {
		value_format_size(again, number);
		CHECK(value_parse_size(again, &reread, &err) == STATUS_OK);
		CHECK(reread == number);
	}
	if (value_parse_duration(text, &number, &err) == STATUS_OK) {
		value_format_duration(again, number);
		CHECK(value_parse_duration(again, &reread, &err) == STATUS_OK);
		CHECK(reread == number);
	}
	if (value_parse_count(text, &number, &err) == STATUS_OK)
		CHECK(text[0] >= '0' && text[0] <= '9');
	if (value_parse_address(text, &address, &err) == STATUS_OK)
		CHECK(memchr(address.host, 0, sizeof(address.host)) != NULL);
}

static void
check_numbers(struct slice text)
{
	struct http_problem problem = {0};
	struct slice rest = text;
	char digits[64];
	uint8_t bytes[VARINT_BYTES_MAX];
	uint64_t value;
	uint64_t again;
	int64_t number;
	size_t size;

	if (decimal_parse(text, &number)) {
		size = decimal_format(number, digits);
		CHECK(slice_equal(text, slice_of(digits, size)));
	}
	if (http_ttl_parse(text, &value, &problem)) {
		size = http_ttl_write(value, digits);
		CHECK(http_ttl_parse(slice_of(digits, size), &again, &problem));
		CHECK(again == value);
	}
	if (varint_take(&rest, &value)) {
		size = varint_store(bytes, value);
		CHECK(size == varint_size(value));
		CHECK(size == text.size - rest.size);
		CHECK(memcmp(bytes, text.data, size) == 0);
	}
}

static void
check_base64(struct slice text)
{
	struct buffer bytes = {0};
	struct buffer again = {0};

	if (base64_decode(&bytes, text)) {
		base64_encode(&again, buffer_slice(&bytes));
		CHECK(slice_equal(text, buffer_slice(&again)));
		buffer_clear(&bytes, SIZE_MAX);
	}
	CHECK(buffer_size(&bytes) == 0);
	base64_encode(&bytes, text);
	buffer_clear(&again, SIZE_MAX);
	CHECK(base64_decode(&again, buffer_slice(&bytes)));
	CHECK(slice_equal(text, buffer_slice(&again)));
	buffer_deinit(&bytes);
	buffer_deinit(&again);
}

static void
check_json(struct slice text)
{
	struct buffer out = {0};
	size_t size;

	json_text_append(&out, text);
	CHECK(buffer_size(&out) >= 2);
	if (json_text_measure(text, &size)) {
		CHECK(size == buffer_size(&out) - 2);
		CHECK(json_text_measure(buffer_slice(&out), &size));
	}
	buffer_deinit(&out);
}

/* The first byte says where the pattern ends. */
static void
check_glob(struct slice input)
{
	struct slice pattern = fuzz_take_bytes(&input, 40);
	struct slice prefix = glob_prefix(pattern);
	bool matches = glob_matches(pattern, input);

	CHECK(!matches || slice_starts_with(input, prefix));
	CHECK(glob_matches(slice_of("*", 1), input));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	char text[200];

	snprintf(text, sizeof(text), "%.*s",
	    (int)(size < sizeof(text) ? size : sizeof(text) - 1),
	    (const char *)(size > 0 ? data : (const uint8_t *)""));
	check_units(text);
	check_numbers(input);
	check_base64(input);
	check_json(input);
	check_glob(input);
	return 0;
}
