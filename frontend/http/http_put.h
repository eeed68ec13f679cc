/*
 * http_put - what the body and the query of a PUT ask to be stored.
 *
 * {"value":"...","ttl":3600} in a body of any type, or a body of the type
 * application/octet-stream as it is, with ?ttl=. The usual JSON is read in
 * place; what is unusual goes through jansson.
 *
 * Ownership  The value borrows from the body or from the arena.
 */
#ifndef FRONTEND_HTTP_HTTP_PUT_H
#define FRONTEND_HTTP_HTTP_PUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_request.h"

struct http_put {
	struct slice value;
	uint64_t ttl_ms; /* 0: for ever */
};

/* False, and the problem is set, if there is anything wrong. */
bool http_put_parse(const struct http_request *request, struct slice query,
    const struct http_limits *limits, struct buffer *scratch,
    struct arena *arena, struct http_put *out, struct http_problem *problem);

#endif
