/*
 * http_target - what a request's target names, and its query's parameters.
 *
 * Paths are percent-decoded to any bytes. What then begins with "-/" is ours;
 * all else is a key. A query is decoded like a form: '+' is a blank.
 *
 * Ownership  Slices borrow from the target or from the scratch buffer.
 */
#ifndef FRONTEND_HTTP_HTTP_TARGET_H
#define FRONTEND_HTTP_HTTP_TARGET_H

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "frontend/http/http_problem.h"

enum http_resource {
	HTTP_RESOURCE_KEY, /* /{key} and /-/kv/{key} */
	HTTP_RESOURCE_KEYS, /* /-/keys */
	HTTP_RESOURCE_BATCH, /* /-/batch */
	HTTP_RESOURCE_OPENAPI, /* /-/openapi.json */
};

struct http_target {
	enum http_resource resource;
	struct slice key; /* KEY: from 1 byte to the limit */
	struct slice query; /* as it came, without the '?' */
};

struct http_parameter {
	struct slice name;
	struct slice value;
};

/* False, and the problem is set, if the target names nothing. */
bool http_target_parse(struct slice target, size_t key_bytes_max,
    struct buffer *scratch, struct http_target *out,
    struct http_problem *problem);

enum http_query_step {
	HTTP_QUERY_PARAMETER,
	HTTP_QUERY_END,
	HTTP_QUERY_BAD
};

/*
 * Takes the next parameter off the front. What is decoded goes to the end of
 * `scratch`, which is reserved for the whole query by the first call.
 */
enum http_query_step
http_query_next(struct slice *query, struct buffer *scratch,
    struct http_parameter *out, struct http_problem *problem);

/* Appends the bytes so that they can stand in a query. */
void http_target_escape(struct buffer *out, struct slice bytes);

#endif
