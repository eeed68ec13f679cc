/*
 * http_batch - the body of POST /-/batch, and what is said to it.
 *
 * {"get":["a",{"key_b64":"/w=="}]} reads many keys in one state of the store;
 * {"write":[{"op":"put","key":"a","value":"1"},...]} does all of the list, as
 * one, or nothing. The members of each operation stand in openapi.json.
 *
 * Ownership  A parsed batch owns its document and what was decoded; it borrows
 *            nothing from the body.
 * Limits     HTTP_BATCH_ITEMS_MAX in a list; those of struct http_limits.
 */
#ifndef FRONTEND_HTTP_HTTP_BATCH_H
#define FRONTEND_HTTP_HTTP_BATCH_H

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/command/command.h"
#include "common/command/reply.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_request.h"

#define HTTP_BATCH_ITEMS_MAX 10000u

struct http_batch {
	struct slice *keys; /* of a list of reads, else NULL */
	struct command *commands; /* of a list of writes, else NULL */
	size_t count; /* at least 1 */
	json_t *document;
	struct arena arena;
};

/* False, and the problem is set, if there is anything wrong. */
bool http_batch_parse(struct slice body, const struct http_limits *limits,
    struct http_batch *out, struct http_problem *problem);

/* Also after a failed parse. */
void http_batch_deinit(struct http_batch *batch);

/*
 * Appends the results of commands that were applied, as the document
 * {"results":[...]}; `ops` has the operation of each.
 */
void http_batch_write_results(struct buffer *out, const uint8_t *ops,
    const struct reply_group *group, struct reply_cursor *commands);

#endif
