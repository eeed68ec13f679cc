#include "frontend/protocol/frame.h"

#include "common/base/check.h"
#include "common/codec/integer.h"
#include "frontend/protocol/frame_format.h"

enum frame_taken
frame_take(struct slice *input, uint8_t magic, size_t payload_bytes_max,
    struct frame *out, size_t *bytes_wanted, struct error *err)
{
	const uint8_t *header = input->data;
	size_t size;

	*bytes_wanted = FRAME_HEADER_BYTES;
	if (input->size == 0)
		return FRAME_PARTIAL;
	/* A wrong first byte will not get better with more bytes. */
	if (header[FRAME_MAGIC_OFFSET] != magic) {
		error_set(err, STATUS_INVALID,
		    "a frame begins with byte 0x%02x, not 0x%02x", magic,
		    header[FRAME_MAGIC_OFFSET]);
		*out = (struct frame){0};
		return FRAME_BROKEN;
	}
	if (input->size < FRAME_HEADER_BYTES)
		return FRAME_PARTIAL;
	out->version = header[FRAME_VERSION_OFFSET];
	out->opcode = header[FRAME_OPCODE_OFFSET];
	out->code = header[FRAME_CODE_OFFSET];
	out->id = u64_load(header + FRAME_ID_OFFSET);
	out->payload = SLICE_EMPTY;
	size = u32_load(header + FRAME_SIZE_OFFSET);
	if (size > payload_bytes_max) {
		error_set(err, STATUS_INVALID,
		    "the frame declares %zu bytes; at most %zu are taken", size,
		    payload_bytes_max);
		return FRAME_BROKEN;
	}
	*bytes_wanted = FRAME_HEADER_BYTES + size;
	if (input->size - FRAME_HEADER_BYTES < size)
		return FRAME_PARTIAL;
	out->payload = slice_of(header + FRAME_HEADER_BYTES, size);
	input->data += FRAME_HEADER_BYTES + size;
	input->size -= FRAME_HEADER_BYTES + size;
	return FRAME_TAKEN;
}

size_t
frame_begin(struct buffer *out, uint8_t magic, uint8_t opcode, uint8_t code,
    uint64_t id)
{
	uint8_t *header = buffer_reserve(out, FRAME_HEADER_BYTES);
	size_t mark = buffer_size(out);

	header[FRAME_MAGIC_OFFSET] = magic;
	header[FRAME_VERSION_OFFSET] = FRAME_VERSION;
	header[FRAME_OPCODE_OFFSET] = opcode;
	header[FRAME_CODE_OFFSET] = code;
	u32_store(header + FRAME_SIZE_OFFSET, 0);
	u64_store(header + FRAME_ID_OFFSET, id);
	buffer_commit(out, FRAME_HEADER_BYTES);
	return mark;
}

void
frame_end(struct buffer *out, size_t mark)
{
	size_t size = buffer_size(out) - mark - FRAME_HEADER_BYTES;

	CHECK(size <= UINT32_MAX);
	u32_store(
	    out->data + out->start + mark + FRAME_SIZE_OFFSET, (uint32_t)size);
}

const char *
frame_opcode_name(uint8_t opcode)
{
	switch (opcode) {
#define FRAME_OPCODE(name, number, word) \
	case number:                     \
		return word;
#include "frontend/protocol/protocol.def"
	default:
		return "?";
	}
}

const char *
frame_status_name(uint8_t status)
{
	switch (status) {
#define FRAME_STATUS(name, number, word) \
	case number:                     \
		return word;
#include "frontend/protocol/protocol.def"
	default:
		return "?";
	}
}
