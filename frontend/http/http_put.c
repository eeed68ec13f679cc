#include "frontend/http/http_put.h"

#include "common/codec/json_text.h"
#include "frontend/http/http_json.h"
#include "frontend/http/http_target.h"
#include "frontend/http/http_ttl.h"

/* Values and names that the body may have; 4 are of use. */
#define JSON_VALUES_MAX 64

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
};

static void
skip_blanks(struct cursor *cursor)
{
	while (cursor->at < cursor->end &&
	    (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' ||
		*cursor->at == '\t'))
		cursor->at++;
}

/* Passes `byte`, with blanks on both sides. */
static bool
pass(struct cursor *cursor, uint8_t byte)
{
	skip_blanks(cursor);
	if (cursor->at == cursor->end || *cursor->at != byte)
		return false;
	cursor->at++;
	skip_blanks(cursor);
	return true;
}

/* Takes a string that stands for itself: UTF-8 without escapes. */
static bool
take_string(struct cursor *cursor, struct slice *out)
{
	const uint8_t *quote;
	size_t size;

	if (cursor->at == cursor->end || *cursor->at != '"')
		return false;
	cursor->at++;
	quote = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));
	if (quote == NULL)
		return false;
	*out = slice_of(cursor->at, (size_t)(quote - cursor->at));
	cursor->at = quote + 1;
	return json_text_measure(*out, &size) && size == out->size;
}

/* Takes digits with or without a fraction. */
static bool
take_number(struct cursor *cursor, struct slice *out)
{
	const uint8_t *start = cursor->at;

	while (cursor->at < cursor->end &&
	    (*cursor->at == '.' || (*cursor->at >= '0' && *cursor->at <= '9')))
		cursor->at++;
	*out = slice_of(start, (size_t)(cursor->at - start));
	/* A number of JSON has no leading zeroes. */
	return out->size > 0 &&
	    (out->size == 1 || start[0] != '0' || start[1] == '.');
}

/*
 * Reads {"value":"...","ttl":1} as it mostly comes; false if it is anything
 * else, right or wrong.
 */
static bool
parse_usual(struct slice body, struct slice *value, struct slice *ttl)
{
	struct cursor cursor = {body.data, body.data + body.size};
	struct slice name;

	*value = SLICE_EMPTY;
	*ttl = SLICE_EMPTY;
	if (!pass(&cursor, '{'))
		return false;
	do {
		if (!take_string(&cursor, &name) || !pass(&cursor, ':'))
			return false;
		if (value->data == NULL &&
		    slice_equal(name, slice_of("value", 5))) {
			if (!take_string(&cursor, value))
				return false;
		} else if (ttl->data == NULL &&
		    slice_equal(name, slice_of("ttl", 3))) {
			if (!take_number(&cursor, ttl))
				return false;
		} else {
			return false;
		}
	} while (pass(&cursor, ','));
	return pass(&cursor, '}') && cursor.at == cursor.end &&
	    value->data != NULL;
}

static bool
parse_unusual(struct slice body, struct arena *arena, struct http_put *out,
    struct http_problem *problem)
{
	static const char *const names[] = {"value", "value_b64", "ttl", NULL};
	json_t *root = http_json_load(body, JSON_VALUES_MAX, problem);
	bool ok;

	if (root == NULL)
		return false;
	ok = http_json_check_names(root, names, problem) &&
	    http_json_bytes(
		root, "value", "value_b64", arena, &out->value, problem) &&
	    http_json_ttl(root, &out->ttl_ms, problem);
	if (ok && json_object_get(root, "value") != NULL)
		out->value = arena_dup(arena, out->value);
	json_decref(root);
	return ok;
}

/* Takes ?ttl= and refuses all else. */
static bool
parse_query(struct slice query, struct buffer *scratch, struct http_put *out,
    struct http_problem *problem)
{
	struct http_parameter parameter;
	enum http_query_step step;

	while ((step = http_query_next(&query, scratch, &parameter, problem)) ==
	    HTTP_QUERY_PARAMETER) {
		if (!slice_equal(parameter.name, slice_of("ttl", 3)) ||
		    out->ttl_ms != 0)
			return http_problem_set_field(problem, 400, "query",
			    "a PUT takes the parameter ttl, once");
		if (!http_ttl_parse(parameter.value, &out->ttl_ms, problem))
			return false;
	}
	return step == HTTP_QUERY_END;
}

static bool
parse_json(struct slice body, struct arena *arena, struct http_put *out,
    struct http_problem *problem)
{
	uint64_t query_ttl_ms = out->ttl_ms;
	struct slice ttl;

	out->ttl_ms = 0;
	if (parse_usual(body, &out->value, &ttl)) {
		if (ttl.data != NULL &&
		    !http_ttl_parse(ttl, &out->ttl_ms, problem))
			return false;
	} else if (!parse_unusual(body, arena, out, problem)) {
		return false;
	}
	if (query_ttl_ms == 0)
		return true;
	if (out->ttl_ms != 0)
		return http_problem_set_field(problem, 400, "ttl",
		    "there is a ttl in the query and one in the body");
	out->ttl_ms = query_ttl_ms;
	return true;
}

bool
http_put_parse(const struct http_request *request, struct slice query,
    const struct http_limits *limits, struct buffer *scratch,
    struct arena *arena, struct http_put *out, struct http_problem *problem)
{
	*out = (struct http_put){0};
	if (query.size > 0 && !parse_query(query, scratch, out, problem))
		return false;
	if (http_request_is_raw(request))
		out->value = request->body;
	else if (!parse_json(request->body, arena, out, problem))
		return false;
	if (out->value.size > limits->value_bytes_max)
		return http_problem_set_limit(problem, 413, "value",
		    "the value", limits->value_bytes_max);
	return true;
}
