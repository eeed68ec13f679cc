/*
 * frame - the unit of the binary protocol: a header of 16 bytes and a payload.
 *
 * Works on bytes alone, for the server and for the client. The layout is
 * specified in frontend/tcp/PROTOCOL.md; frame_format.h has the numbers.
 *
 * Ownership  A taken frame borrows its payload from the input.
 * Limits     A payload over the caller's limit is refused by its header, so
 *            nobody ever makes room for it.
 */
#ifndef FRONTEND_PROTOCOL_FRAME_H
#define FRONTEND_PROTOCOL_FRAME_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

enum frame_opcode {
#define FRAME_OPCODE(name, number, word) FRAME_OPCODE_##name = (number),
#include "frontend/protocol/protocol.def"
};

enum frame_status {
#define FRAME_STATUS(name, number, word) FRAME_STATUS_##name = (number),
#include "frontend/protocol/protocol.def"
};

struct frame {
	uint8_t version;
	uint8_t opcode;
	uint8_t code; /* flags of a request, status of a reply */
	uint64_t id;
	struct slice payload;
};

enum frame_taken {
	FRAME_TAKEN,
	FRAME_PARTIAL, /* nothing is wrong, more bytes must come */
	FRAME_BROKEN, /* the stream cannot be followed any further */
};

/*
 * Takes one frame with the given magic byte off the front of `input`, which
 * stays untouched unless a frame was taken. Of a frame that is broken because
 * its payload is too large, `out` has the header, so that the refusal can name
 * its id; `err` says what is wrong. While a frame is partial, *bytes_wanted is
 * how much of it must be there before another try is worth while.
 */
enum frame_taken
frame_take(struct slice *input, uint8_t magic, size_t payload_bytes_max,
    struct frame *out, size_t *bytes_wanted, struct error *err);

/*
 * Appends a header; the payload is what the caller appends until frame_end(),
 * to which the result goes.
 */
size_t frame_begin(struct buffer *out, uint8_t magic, uint8_t opcode,
    uint8_t code, uint64_t id);

/* Writes the payload's size into the header that frame_begin() put. */
void frame_end(struct buffer *out, size_t mark);

/* The words for numbers ("put", "not_found"); "?" for one that is unknown. */
const char *frame_opcode_name(uint8_t opcode);
const char *frame_status_name(uint8_t status);

#endif
