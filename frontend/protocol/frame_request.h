/*
 * frame_request - the payload of each request of the binary protocol.
 *
 * The same struct goes in when a client encodes and comes out when a server
 * decodes; which fields an operation has is in frontend/tcp/PROTOCOL.md.
 *
 * Failure    A request that breaks a rule gets a frame_status for its reply
 *            and a text; the stream of frames goes on behind it.
 * Ownership  A decoded request borrows every slice from the frame.
 */
#ifndef FRONTEND_PROTOCOL_FRAME_REQUEST_H
#define FRONTEND_PROTOCOL_FRAME_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "frontend/protocol/frame.h"

struct frame_request {
	uint64_t id;
	enum frame_opcode opcode;
	uint8_t flags;
	uint64_t ttl_ms; /* PUT, EXPIRE */
	uint64_t sequence; /* PUT, DELETE, INCREMENT with FRAME_IF_SEQUENCE */
	int64_t delta; /* INCREMENT */
	struct slice key;
	struct slice value; /* PUT; the bytes of a PING */
	struct slice start; /* SCAN, DELETE_RANGE: first key */
	struct slice end; /* the key behind the last; empty: no bound */
	uint32_t count_max; /* SCAN; 0 leaves it to the server */
	uint32_t bytes_max; /* SCAN; 0 leaves it to the server */
	uint32_t count; /* MULTI_GET, BATCH: items in `list` */
	struct slice list; /* made by frame_list_add_*() */
};

/* What this server takes; within what frame_format.h allows. */
struct frame_limits {
	size_t key_bytes_max;
	size_t value_bytes_max;
};

/* Appends a whole frame. */
void
frame_request_encode(struct buffer *out, const struct frame_request *request);

/* Append one key, or one write (never a BATCH), to a list. */
void frame_list_add_key(struct buffer *list, struct slice key);
void frame_list_add_command(
    struct buffer *list, const struct frame_request *request);

/*
 * Checks everything about a frame's request, the items of its list included.
 * FRAME_STATUS_OK and *out filled, or the status and text of the refusal;
 * then *index is which command of a BATCH is at fault.
 */
enum frame_status frame_request_decode(const struct frame *frame,
    const struct frame_limits *limits, struct frame_request *out,
    uint32_t *index, struct error *err);

/*
 * Take the next key, or the next write, off a decoded list (a copy of the
 * slice); false at its end.
 */
bool frame_list_next_key(struct slice *list, struct slice *key);
bool frame_list_next_command(struct slice *list, struct frame_request *out);

/* True for the operations that change the store. */
bool frame_opcode_is_write(uint8_t opcode);

#endif
