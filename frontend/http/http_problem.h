/*
 * http_problem - why a request gets no good answer (RFC 9457).
 *
 * A plain value that parsers and handlers fill in and http_reply writes.
 */
#ifndef FRONTEND_HTTP_HTTP_PROBLEM_H
#define FRONTEND_HTTP_HTTP_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"

#define HTTP_DETAIL_BYTES_MAX 320

/* What became of a write that got no good answer. */
enum http_outcome {
	HTTP_OUTCOME_NONE, /* it was no write, or one that was refused */
	HTTP_OUTCOME_NOT_APPLIED,
	HTTP_OUTCOME_UNKNOWN,
};

struct http_problem {
	unsigned status;
	const char *allow; /* 405: the methods; else NULL */
	const char *field; /* the part that is wrong; NULL: not told */
	uint64_t limit; /* the limit that was exceeded; 0: none */
	enum http_outcome outcome;
	unsigned retry_after_s; /* 0: not told */
	char detail[HTTP_DETAIL_BYTES_MAX];
};

/*
 * Fills in status and detail and clears all else. Always false, for whoever
 * tells by it that there is a problem.
 */
bool http_problem_set(struct http_problem *problem, unsigned status,
    const char *format, ...) PRINTF_LIKE(3, 4);

/* The same, about a part of the request. */
bool http_problem_set_field(struct http_problem *problem, unsigned status,
    const char *field, const char *format, ...) PRINTF_LIKE(4, 5);

/* 413, 414 or 431: `what` takes more than `limit` bytes. */
bool http_problem_set_limit(struct http_problem *problem, unsigned status,
    const char *field, const char *what, uint64_t limit);

/* "Not Found" for 404; "" for a status that we do not use. */
const char *http_status_title(unsigned status);

#endif
