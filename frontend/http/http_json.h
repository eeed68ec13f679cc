/*
 * http_json - JSON documents of requests, through jansson.
 *
 * What a document costs in memory is bounded before it is read: by the number
 * of values in it, which may cost some hundred bytes each.
 */
#ifndef FRONTEND_HTTP_HTTP_JSON_H
#define FRONTEND_HTTP_HTTP_JSON_H

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/slice.h"
#include "frontend/http/http_problem.h"

/*
 * Reads a document that is an object, to be freed with json_decref(). NULL,
 * and the problem is set, if `text` is none, or has more than `values_max`
 * values or names in it.
 */
json_t *http_json_load(
    struct slice text, size_t values_max, struct http_problem *problem);

/* True if each member's name is among those listed, up to a NULL. */
bool http_json_check_names(const json_t *object, const char *const *names,
    struct http_problem *problem);

/* The bytes of a string, borrowed. */
struct slice http_json_text(const json_t *string);

/*
 * The bytes under `name`, or under `name_b64` in base64, of which only one may
 * be there. What is decoded is kept in `arena`. False if neither is there, or
 * what is there is no such thing; then the problem is set.
 */
bool
http_json_bytes(const json_t *object, const char *name, const char *name_b64,
    struct arena *arena, struct slice *out, struct http_problem *problem);

/* The member `ttl`, 0 if there is none, or null. False: the problem is set. */
bool
http_json_ttl(const json_t *object, uint64_t *ms, struct http_problem *problem);

#endif
