/*
 * Frames of the binary protocol as a client takes them: from a server that may
 * be anything. The items of a list that decodes can be taken, as many as it
 * says, and lie in the frame.
 */
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "tests/fuzz/fuzz.h"

#define PAYLOAD_BYTES_MAX 100000

static void
check_inside(const struct frame *frame, struct slice bytes)
{
	CHECK(bytes.size == 0 ||
	    (bytes.data >= frame->payload.data &&
		bytes.size <= frame->payload.size -
			(size_t)(bytes.data - frame->payload.data)));
}

static bool
take_item(const struct frame *frame, struct slice *list)
{
	struct frame_result result = {0};
	struct frame_entry entry = {0};
	struct slice name = SLICE_EMPTY;
	bool taken;

	switch (frame->opcode) {
	case FRAME_OPCODE_INFO:
		taken = frame_reply_next_pair(list, &name, &entry.value);
		break;
	case FRAME_OPCODE_MULTI_GET:
		taken = frame_reply_next_value(list, &entry);
		break;
	case FRAME_OPCODE_SCAN:
		taken = frame_reply_next_entry(list, &entry);
		break;
	default:
		taken = frame_reply_next_result(list, &result);
		break;
	}
	if (!taken)
		return false;
	check_inside(frame, name);
	check_inside(frame, entry.key);
	check_inside(frame, entry.value);
	check_inside(frame, result.old);
	return true;
}

static void
decode(const struct frame *frame)
{
	struct frame_reply reply;
	struct error err;
	uint32_t count = 0;

	if (frame_reply_decode(frame, &reply, &err) != STATUS_OK)
		return;
	check_inside(frame, reply.entry.value);
	check_inside(frame, reply.failure.text);
	check_inside(frame, reply.result.old);
	check_inside(frame, reply.bytes);
	check_inside(frame, reply.next);
	while (reply.list.size > 0 && take_item(frame, &reply.list))
		count++;
	CHECK(reply.list.size == 0);
	CHECK(count == reply.count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct frame frame;
	struct error err;
	size_t wanted;

	while (frame_take(&input, FRAME_MAGIC_REPLY, PAYLOAD_BYTES_MAX, &frame,
		   &wanted, &err) == FRAME_TAKEN)
		decode(&frame);
	return 0;
}
