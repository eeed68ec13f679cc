/*
 * http_reply - writes responses straight into a connection's output.
 *
 * Ownership  A struct http_reply is a plain value that borrows its parts.
 */
#ifndef FRONTEND_HTTP_HTTP_REPLY_H
#define FRONTEND_HTTP_HTTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/lsm/record/entry.h"

struct http_date;
struct http_problem;

/* Where a response goes and how it is framed. */
struct http_reply {
	struct buffer *out;
	const struct http_date *date;
	bool is_head; /* without the body that its length tells of */
	bool is_old; /* to HTTP/1.0 */
	bool closes; /* the last one on its connection */
};

/*
 * 200 with a live entry: {"value":"...","ttl":1.5}, with "value_b64" where the
 * value is no UTF-8; or the bare value.
 */
void http_reply_entry(const struct http_reply *reply, const struct entry *entry,
    uint64_t now_ms, bool is_raw);

/* 201, 204 or 304, which have no body; a sequence of 0 is no tag. */
void http_reply_empty(
    const struct http_reply *reply, unsigned status, uint64_t sequence);

/* 200 with a body. */
void http_reply_body(const struct http_reply *reply, struct slice body);

/* A page: of any status and type, made for this request alone. */
void http_reply_page(const struct http_reply *reply, unsigned status,
    const char *content_type, struct slice body);

void http_reply_problem(
    const struct http_reply *reply, const struct http_problem *problem);

/* The interim response that lets a client send its body. */
void http_reply_continue(struct buffer *out);

/* ,"ttl":1.5 if the entry has a deadline. */
void
http_reply_ttl(struct buffer *out, const struct entry *entry, uint64_t now_ms);

/* "name":"text", or "name_b64":"base64" where it is no UTF-8. */
void
http_reply_member(struct buffer *out, const char *name, struct slice bytes);

#endif
