/*
 * Targets and queries of HTTP requests. A key that was found, escaped and
 * parsed again, is the same key; decoded bytes are never more than encoded.
 */
#include <stdio.h>

#include "frontend/http/http_target.h"
#include "tests/fuzz/fuzz.h"

#define KEY_BYTES_MAX_HERE 200

static void
check_key(struct slice key)
{
	struct http_problem problem = {0};
	struct buffer target = {0};
	struct buffer scratch = {0};
	struct http_target again;

	CHECK(key.size >= 1 && key.size <= KEY_BYTES_MAX_HERE);
	buffer_append(&target, "/-/kv/", 6);
	http_target_escape(&target, key);
	CHECK(http_target_parse(buffer_slice(&target), KEY_BYTES_MAX_HERE,
	    &scratch, &again, &problem));
	CHECK(again.resource == HTTP_RESOURCE_KEY);
	CHECK(slice_equal(again.key, key));
	CHECK(again.query.size == 0);
	buffer_deinit(&target);
	buffer_deinit(&scratch);
}

static void
check_query(struct slice query)
{
	struct http_problem problem = {0};
	struct buffer scratch = {0};
	struct http_parameter parameter;
	size_t decoded = 0;
	size_t size = query.size;

	while (http_query_next(&query, &scratch, &parameter, &problem) ==
	    HTTP_QUERY_PARAMETER)
		decoded += parameter.name.size + parameter.value.size;
	CHECK(decoded <= size);
	buffer_deinit(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_problem problem = {0};
	struct buffer scratch = {0};
	struct http_target target;

	if (http_target_parse(slice_of(data, size), KEY_BYTES_MAX_HERE,
		&scratch, &target, &problem)) {
		if (target.resource == HTTP_RESOURCE_KEY)
			check_key(target.key);
		check_query(target.query);
	}
	check_query(slice_of(data, size));
	buffer_deinit(&scratch);
	return 0;
}
