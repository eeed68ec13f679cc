#include "frontend/http/http_reply.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/codec/base64.h"
#include "common/codec/decimal.h"
#include "common/codec/json_text.h"
#include "frontend/http/http_date.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_ttl.h"

/* Any head of ours but that of a problem. */
#define HEAD_BYTES_MAX 320u

#define PUT(to, text) put((to), (text), sizeof(text) - 1)

static inline uint8_t *
put(uint8_t *to, const char *text, size_t size)
{
	memcpy(to, text, size);
	return to + size;
}

static inline uint8_t *
put_number(uint8_t *to, uint64_t number)
{
	return to + decimal_format((int64_t)number, (char *)to);
}

/* Lines that every head has; status lines are constants for speed. */
static uint8_t *
put_start(uint8_t *to, const struct http_reply *reply, unsigned status)
{
	const char *title;

	switch (status) {
	case 200:
		to = PUT(to, "HTTP/1.1 200 OK\r\n");
		break;
	case 204:
		to = PUT(to, "HTTP/1.1 204 No Content\r\n");
		break;
	default:
		title = http_status_title(status);
		CHECK(title[0] != '\0');
		to = PUT(to, "HTTP/1.1 ");
		to = put_number(to, status);
		*to++ = ' ';
		to = put(to, title, strlen(title));
		to = PUT(to, "\r\n");
	}
	to = put(to, reply->date->line, HTTP_DATE_BYTES);
	if (UNLIKELY(reply->closes))
		to = PUT(to, "Connection: close\r\n");
	else if (UNLIKELY(reply->is_old))
		to = PUT(to, "Connection: keep-alive\r\n");
	return to;
}

static uint8_t *
put_tag(uint8_t *to, uint64_t sequence)
{
	to = PUT(to, "ETag: \"");
	to = put_number(to, sequence);
	return PUT(to, "\"\r\n");
}

/* The last lines of a head with a body. */
static uint8_t *
put_length(uint8_t *to, size_t size)
{
	to = PUT(to, "Content-Length: ");
	to = put_number(to, size);
	return PUT(to, "\r\n\r\n");
}

/* What remains of the entry's time, as text; returns its size, 0: for ever. */
static size_t
ttl_write(const struct entry *entry, uint64_t now_ms, char *text)
{
	if (entry->deadline_ms == 0)
		return 0;
	/* A reader shows an entry only before its deadline. */
	return http_ttl_write(
	    entry->deadline_ms > now_ms ? entry->deadline_ms - now_ms : 1,
	    text);
}

/* ,"ttl":1.5 */
static uint8_t *
put_ttl(uint8_t *to, const char *ttl, size_t size)
{
	if (size == 0)
		return to;
	to = PUT(to, ",\"ttl\":");
	return put(to, ttl, size);
}

static void
reply_raw(
    const struct http_reply *reply, const struct entry *entry, uint64_t now_ms)
{
	size_t body = reply->is_head ? 0 : entry->value.size;
	uint8_t *start = buffer_reserve(reply->out, HEAD_BYTES_MAX + body);
	uint8_t *to = put_start(start, reply, 200);
	char ttl[HTTP_TTL_BYTES_MAX];
	size_t ttl_size = ttl_write(entry, now_ms, ttl);

	to = PUT(to,
	    "Content-Type: application/octet-stream\r\n"
	    "Vary: Accept\r\n");
	to = put_tag(to, entry->sequence);
	if (ttl_size > 0) {
		to = PUT(to, "TTL-Seconds: ");
		to = put(to, ttl, ttl_size);
		to = PUT(to, "\r\n");
	}
	to = put_length(to, entry->value.size);
	if (body > 0)
		to = put(to, (const char *)entry->value.data, body);
	buffer_commit(reply->out, (size_t)(to - start));
}

#define TEXT_HEAD "{\"value\":\""
#define BASE64_HEAD "{\"value_b64\":\""
#define TTL_HEAD ",\"ttl\":"

/* The end of a line, for terminals. */
#define ENTRY_TAIL "}\n"

/* The head of a JSON reply with an entry. */
static uint8_t *
put_json_head(uint8_t *to, const struct http_reply *reply,
    const struct entry *entry, size_t body)
{
	to = put_start(to, reply, 200);
	to = PUT(to, "Content-Type: application/json\r\nVary: Accept\r\n");
	to = put_tag(to, entry->sequence);
	return put_length(to, body);
}

/* A value that is no UTF-8. */
static void
reply_base64(const struct http_reply *reply, const struct entry *entry,
    const char *ttl, size_t ttl_size)
{
	struct buffer *out = reply->out;
	size_t body = sizeof(BASE64_HEAD) - 1 +
	    (entry->value.size + 2) / 3 * 4 + 1 + sizeof(ENTRY_TAIL) - 1 +
	    (ttl_size > 0 ? sizeof(TTL_HEAD) - 1 + ttl_size : 0);
	uint8_t *start =
	    buffer_reserve(out, HEAD_BYTES_MAX + (reply->is_head ? 0 : body));
	uint8_t *to = put_json_head(start, reply, entry, body);

	if (reply->is_head) {
		buffer_commit(out, (size_t)(to - start));
		return;
	}
	to = PUT(to, BASE64_HEAD);
	buffer_commit(out, (size_t)(to - start));
	base64_encode(out, entry->value);
	start = buffer_reserve(out, HTTP_TTL_BYTES_MAX + 16);
	to = put_ttl(PUT(start, "\""), ttl, ttl_size);
	to = PUT(to, ENTRY_TAIL);
	buffer_commit(out, (size_t)(to - start));
}

static void
reply_json(
    const struct http_reply *reply, const struct entry *entry, uint64_t now_ms)
{
	char ttl[HTTP_TTL_BYTES_MAX];
	size_t ttl_size = ttl_write(entry, now_ms, ttl);
	uint8_t *start;
	uint8_t *to;
	size_t text;
	size_t body;

	if (!json_text_measure(entry->value, &text)) {
		reply_base64(reply, entry, ttl, ttl_size);
		return;
	}
	body = sizeof(TEXT_HEAD) - 1 + text + 1 + sizeof(ENTRY_TAIL) - 1 +
	    (ttl_size > 0 ? sizeof(TTL_HEAD) - 1 + ttl_size : 0);
	start = buffer_reserve(
	    reply->out, HEAD_BYTES_MAX + (reply->is_head ? 0 : body));
	to = put_json_head(start, reply, entry, body);
	if (!reply->is_head) {
		to = PUT(to, TEXT_HEAD);
		to = json_text_write(to, entry->value, text);
		to = put_ttl(PUT(to, "\""), ttl, ttl_size);
		to = PUT(to, ENTRY_TAIL);
	}
	buffer_commit(reply->out, (size_t)(to - start));
}

void
http_reply_entry(const struct http_reply *reply, const struct entry *entry,
    uint64_t now_ms, bool is_raw)
{
	if (is_raw)
		reply_raw(reply, entry, now_ms);
	else
		reply_json(reply, entry, now_ms);
}

void
http_reply_empty(
    const struct http_reply *reply, unsigned status, uint64_t sequence)
{
	uint8_t *start = buffer_reserve(reply->out, HEAD_BYTES_MAX);
	uint8_t *to = put_start(start, reply, status);

	if (sequence != 0)
		to = put_tag(to, sequence);
	if (status == 304)
		to = PUT(to, "Vary: Accept\r\n");
	/* A 201 may have a body, and says that it has none. */
	if (status == 201)
		to = PUT(to, "Content-Length: 0\r\n");
	to = PUT(to, "\r\n");
	buffer_commit(reply->out, (size_t)(to - start));
}

void
http_reply_body(const struct http_reply *reply, struct slice body)
{
	uint8_t *start = buffer_reserve(reply->out, HEAD_BYTES_MAX);
	uint8_t *to = put_start(start, reply, 200);

	to = PUT(to, "Content-Type: application/json\r\n");
	to = put_length(to, body.size);
	buffer_commit(reply->out, (size_t)(to - start));
	if (!reply->is_head)
		buffer_append_slice(reply->out, body);
}

void
http_reply_page(const struct http_reply *reply, unsigned status,
    const char *content_type, struct slice body)
{
	uint8_t *start = buffer_reserve(reply->out, HEAD_BYTES_MAX);
	uint8_t *to = put_start(start, reply, status);

	buffer_commit(reply->out, (size_t)(to - start));
	/* A page of HTML loads and runs nothing but its own style. */
	buffer_printf(reply->out,
	    "Content-Type: %s\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Content-Security-Policy: default-src 'none'; "
	    "style-src 'unsafe-inline'\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    content_type, body.size);
	if (!reply->is_head)
		buffer_append_slice(reply->out, body);
}

static void
problem_write(struct buffer *body, const struct http_problem *problem)
{
	static const char *const outcomes[] = {
	    [HTTP_OUTCOME_NOT_APPLIED] = "not applied",
	    [HTTP_OUTCOME_UNKNOWN] = "unknown",
	};

	buffer_printf(body, "{\"title\":\"%s\",\"status\":%u,\"detail\":",
	    http_status_title(problem->status), problem->status);
	json_text_append(body, slice_of_string(problem->detail));
	if (problem->field != NULL)
		buffer_printf(body, ",\"field\":\"%s\"", problem->field);
	if (problem->limit != 0)
		buffer_printf(body, ",\"limit\":%" PRIu64, problem->limit);
	if (problem->outcome != HTTP_OUTCOME_NONE)
		buffer_printf(
		    body, ",\"outcome\":\"%s\"", outcomes[problem->outcome]);
	if (problem->retry_after_s != 0)
		buffer_printf(
		    body, ",\"retry_after\":%u", problem->retry_after_s);
	buffer_append(body, "}\n", 2);
}

void
http_reply_problem(
    const struct http_reply *reply, const struct http_problem *problem)
{
	struct buffer *out = reply->out;
	struct buffer body = {0};
	uint8_t *start = buffer_reserve(out, HEAD_BYTES_MAX);
	uint8_t *to = put_start(start, reply, problem->status);

	problem_write(&body, problem);
	to = PUT(to, "Content-Type: application/problem+json\r\n");
	buffer_commit(out, (size_t)(to - start));
	if (problem->allow != NULL)
		buffer_printf(out, "Allow: %s\r\n", problem->allow);
	if (problem->retry_after_s != 0)
		buffer_printf(
		    out, "Retry-After: %u\r\n", problem->retry_after_s);
	start = buffer_reserve(out, HEAD_BYTES_MAX);
	to = put_length(start, buffer_size(&body));
	buffer_commit(out, (size_t)(to - start));
	if (!reply->is_head)
		buffer_append_slice(out, buffer_slice(&body));
	buffer_deinit(&body);
}

void
http_reply_continue(struct buffer *out)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	buffer_append(out, text, sizeof(text) - 1);
}

void
http_reply_member(struct buffer *out, const char *name, struct slice bytes)
{
	size_t size;

	if (json_text_measure(bytes, &size)) {
		buffer_printf(out, "\"%s\":", name);
		json_text_append(out, bytes);
		return;
	}
	buffer_printf(out, "\"%s_b64\":\"", name);
	base64_encode(out, bytes);
	buffer_append_byte(out, '"');
}

void
http_reply_ttl(struct buffer *out, const struct entry *entry, uint64_t now_ms)
{
	char ttl[HTTP_TTL_BYTES_MAX];
	size_t size = ttl_write(entry, now_ms, ttl);

	if (size == 0)
		return;
	buffer_append(out, TTL_HEAD, sizeof(TTL_HEAD) - 1);
	buffer_append(out, ttl, size);
}
