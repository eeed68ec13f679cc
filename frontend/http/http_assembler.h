/*
 * http_assembler - makes whole requests of the bytes of one connection.
 *
 * A request that has come in one piece is taken apart where it lies; one that
 * comes in several is gathered. Debian's http_parser reads the heads; what it
 * is lenient about, and what two programs might understand differently, is
 * refused here (blanks in field names, folded lines, both kinds of length,
 * unknown codings). Bodies are ours.
 *
 *     switch (http_assembler_next(assembler, input, &consumed)) ...
 *
 * Failure    A request that is refused is an answer: the problem tells it.
 * Ownership  A request borrows from the input until that is consumed, or,
 *            after http_assembler_keep(), from the assembler until the next
 *            call.
 * Limits     The target as a key of struct http_limits may need, escaped; 32
 *            KiB and 100 lines of header fields; bodies by what they are.
 */
#ifndef FRONTEND_HTTP_HTTP_ASSEMBLER_H
#define FRONTEND_HTTP_HTTP_ASSEMBLER_H

#include <stddef.h>

#include "common/base/slice.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_request.h"

#define HTTP_FIELDS_BYTES_MAX 32768u
#define HTTP_FIELDS_MAX 100u

/* The target, beside three bytes for each of a key. */
#define HTTP_TARGET_EXTRA_BYTES 8192u

/* Bodies over their limit are read on up to here, then the connection ends. */
#define HTTP_SKIPPED_BYTES_MAX (64u << 20)

/* JSON may take this many times the bytes of the value in it, and some. */
#define HTTP_JSON_FACTOR 3u
#define HTTP_JSON_EXTRA_BYTES 4096u

/* The body of a POST, whatever else is allowed. */
#define HTTP_POST_BYTES_MAX (32u << 20)

enum http_assembled {
	HTTP_ASSEMBLED_MORE, /* no whole request yet; all input is consumed */
	HTTP_ASSEMBLED_REQUEST,
	HTTP_ASSEMBLED_REFUSED, /* the problem is the answer; go on */
	HTTP_ASSEMBLED_BROKEN, /* the problem is the answer, and the end */
};

struct http_assembler;

/* `limits` is borrowed. */
struct http_assembler *http_assembler_create(const struct http_limits *limits);

/* NULL is allowed. */
void http_assembler_close(struct http_assembler *assembler);

/* Looks for the next request in `input`, of which it uses *consumed bytes. */
enum http_assembled http_assembler_next(
    struct http_assembler *assembler, struct slice input, size_t *consumed);

/* What was assembled last; after REFUSED and BROKEN as far as known. */
const struct http_request *
http_assembler_request(const struct http_assembler *assembler);
const struct http_problem *
http_assembler_problem(const struct http_assembler *assembler);

/* Makes the request independent of the input that it was found in. */
void http_assembler_keep(struct http_assembler *assembler);

/* Bytes of the request that has begun to come; 0: none has. */
size_t http_assembler_pending_bytes(const struct http_assembler *assembler);

/*
 * Bytes that the body of the request that has begun to come takes in memory:
 * all of it where its size is known, else what has come and is about to.
 */
size_t http_assembler_body_bytes(const struct http_assembler *assembler);

/* Frees the body of a request that has been dealt with. */
void http_assembler_drop_body(struct http_assembler *assembler);

/*
 * True, once for each request, if the client waits for "100 Continue" before
 * it sends the body.
 */
bool http_assembler_takes_continue(struct http_assembler *assembler);

#endif
