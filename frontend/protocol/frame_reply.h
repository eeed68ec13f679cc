/*
 * frame_reply - the payload of each reply of the binary protocol.
 *
 * The server writes replies straight into its output; the client gets them as
 * one struct. Layout: frontend/tcp/PROTOCOL.md.
 *
 * Ownership  A decoded reply borrows every slice from the frame.
 */
#ifndef FRONTEND_PROTOCOL_FRAME_REPLY_H
#define FRONTEND_PROTOCOL_FRAME_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "frontend/protocol/frame.h"

/* What a status other than OK comes with. */
struct frame_failure {
	enum frame_status status;
	uint8_t outcome; /* FRAME_OUTCOME_... */
	uint32_t retry_after_ms; /* 0: trying again does not help by itself */
	uint32_t index; /* command of a BATCH at fault */
	struct slice text;
};

/* An entry as GET, MULTI_GET and SCAN return it. */
struct frame_entry {
	struct slice key; /* SCAN */
	struct slice value;
	uint64_t sequence;
	uint64_t ttl_ms; /* that remain; 0: never expires */
	uint8_t state; /* MULTI_GET: FRAME_KEY_... */
};

/* What one write did. */
struct frame_result {
	bool affected; /* something changed */
	bool has_old; /* asked for, and there was one */
	bool has_number;
	uint64_t sequence;
	struct slice old;
	int64_t number; /* INCREMENT: the new value */
};

/* -- The server's side: each appends to `out`. -- */

/* A whole reply that is no success. */
void frame_reply_failure(struct buffer *out, uint8_t opcode, uint64_t id,
    const struct frame_failure *failure);

/* A whole reply to PING, GET, STAT or a single write. */
void frame_reply_ping(struct buffer *out, uint64_t id, struct slice bytes);
void frame_reply_get(
    struct buffer *out, uint64_t id, const struct frame_entry *entry);
void frame_reply_stat(
    struct buffer *out, uint64_t id, const struct frame_entry *entry);
void frame_reply_result(struct buffer *out, uint8_t opcode, uint64_t id,
    const struct frame_result *result);

/* A reply made of items: begin, add each, end. */
struct frame_reply_list {
	struct buffer *out;
	size_t mark;
	size_t count_at;
	uint32_t count;
};
void frame_reply_list_begin(struct frame_reply_list *list, struct buffer *out,
    uint8_t opcode, uint64_t id);
/* INFO */
void frame_reply_list_add_pair(
    struct frame_reply_list *list, const char *name, struct slice value);
/* MULTI_GET */
void frame_reply_list_add_value(
    struct frame_reply_list *list, const struct frame_entry *entry);
/* SCAN */
void frame_reply_list_add_entry(
    struct frame_reply_list *list, const struct frame_entry *entry);
/* BATCH */
void frame_reply_list_add_result(
    struct frame_reply_list *list, const struct frame_result *result);
/* Bytes of payload so far, for keeping within a limit. */
size_t frame_reply_list_bytes(const struct frame_reply_list *list);
void frame_reply_list_end(struct frame_reply_list *list);
/* The end of a SCAN: where the next one starts, if there is more. */
void frame_reply_list_end_scan(
    struct frame_reply_list *list, bool more, struct slice next);

/* -- The client's side. -- */

struct frame_reply {
	uint64_t id;
	uint8_t opcode;
	struct frame_failure failure; /* status OK: there is none */
	struct frame_entry entry; /* GET; STAT without a value */
	uint64_t value_bytes; /* STAT */
	struct frame_result result; /* a single write */
	struct slice bytes; /* PING */
	uint32_t count; /* items in `list` */
	struct slice list;
	bool more; /* SCAN */
	struct slice next;
};

/*
 * Checks and decodes a reply, the items of its list included. Failure:
 * STATUS_VERSION or STATUS_CORRUPT.
 */
enum status frame_reply_decode(const struct frame *frame,
    struct frame_reply *out, struct error *err) MUST_CHECK;

/* Take the next item off a decoded list; false at its end. */
bool frame_reply_next_pair(
    struct slice *list, struct slice *name, struct slice *value);
bool frame_reply_next_value(struct slice *list, struct frame_entry *out);
bool frame_reply_next_entry(struct slice *list, struct frame_entry *out);
bool frame_reply_next_result(struct slice *list, struct frame_result *out);

#endif
