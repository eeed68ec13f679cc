/*
 * http_list - one page of GET /-/keys, made over as many turns as it needs.
 *
 * {"keys":[{"key":"a","etag":"7","ttl":1.5},...],"next":"/-/keys?..."}: in the
 * order of their bytes, values only if asked for, and the target of the next
 * page, or null behind the last key.
 *
 * Limits     A page: HTTP_LIST_COUNT_MAX keys, HTTP_LIST_BYTES_MAX of keys and
 *            values, though one key at least.
 */
#ifndef FRONTEND_HTTP_HTTP_LIST_H
#define FRONTEND_HTTP_HTTP_LIST_H

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "frontend/http/http_problem.h"

#define HTTP_LIST_COUNT_DEFAULT 100u
#define HTTP_LIST_COUNT_MAX 10000u
#define HTTP_LIST_BYTES_MAX (1u << 20)

struct view_reader;
struct http_list;

/*
 * Takes prefix, start_after, limit and values from a query; false, and the
 * problem is set, if there is anything wrong with them.
 */
bool http_list_create(
    struct slice query, struct http_list **out, struct http_problem *problem);

/* NULL is allowed. */
void http_list_close(struct http_list *list);

/*
 * Does a bounded part of the work with a reader that was just refreshed; the
 * page is whole once *is_whole.
 */
enum status http_list_run(struct http_list *list, struct view_reader *reader,
    bool *is_whole, struct error *err) MUST_CHECK;

/* The whole page. */
struct slice http_list_body(const struct http_list *list);

#endif
