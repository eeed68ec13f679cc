/*
 * http_ttl - times to live as seconds in text, an integer or a fraction.
 *
 * Kept in milliseconds; what is finer is cut off.
 */
#ifndef FRONTEND_HTTP_HTTP_TTL_H
#define FRONTEND_HTTP_HTTP_TTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "frontend/http/http_problem.h"

/* Some 317 years. */
#define HTTP_TTL_SECONDS_MAX UINT64_C(10000000000)

/* Bytes of the longest text that http_ttl_write() makes. */
#define HTTP_TTL_BYTES_MAX 24u

/*
 * Parses digits with or without a fraction, as "3600" or "0.5". False, and the
 * problem is set, unless it is from 0.001 to HTTP_TTL_SECONDS_MAX.
 */
bool
http_ttl_parse(struct slice text, uint64_t *ms, struct http_problem *problem);

/* The same for a number of a JSON document. */
bool http_ttl_take(double seconds, uint64_t *ms, struct http_problem *problem);

/* Writes the shortest such text; returns its size. */
size_t http_ttl_write(uint64_t ms, char *text);

#endif
