/*
 * Frames of the binary protocol as a server takes them. However the bytes
 * arrive, the same frames come out; a request that decodes encodes to the same
 * bytes, and its list has as many items as it says.
 */
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_request.h"
#include "tests/fuzz/fuzz.h"

#define PAYLOAD_BYTES_MAX 100000

static const struct frame_limits limits = {
    .key_bytes_max = 300,
    .value_bytes_max = 2000,
};

static void
check_list(const struct frame_request *request)
{
	struct slice list = request->list;
	struct buffer again = {0};
	struct frame_request item;
	uint32_t count = 0;

	if (request->opcode == FRAME_OPCODE_MULTI_GET) {
		while (frame_list_next_key(&list, &item.key)) {
			frame_list_add_key(&again, item.key);
			count++;
		}
	} else if (request->opcode == FRAME_OPCODE_BATCH) {
		while (frame_list_next_command(&list, &item)) {
			frame_list_add_command(&again, &item);
			count++;
		}
	}
	CHECK(count == request->count);
	CHECK(list.size == 0);
	CHECK(slice_equal(request->list, buffer_slice(&again)));
	buffer_deinit(&again);
}

static void
decode(const struct frame *frame, struct slice whole)
{
	struct frame_request request;
	struct buffer again = {0};
	struct error err;
	uint32_t index;

	if (frame_request_decode(frame, &limits, &request, &index, &err) !=
	    FRAME_STATUS_OK)
		return;
	CHECK(request.id == frame->id);
	CHECK(request.key.size <= limits.key_bytes_max);
	CHECK(request.value.size <= limits.value_bytes_max);
	check_list(&request);
	frame_request_encode(&again, &request);
	CHECK(slice_equal(whole, buffer_slice(&again)));
	buffer_deinit(&again);
}

/* A frame must come out when all that was wanted is there, and not before. */
static void
check_partial(struct slice whole)
{
	struct slice part = whole;
	struct frame frame;
	struct error err;
	size_t wanted;

	for (part.size = 0; part.size < whole.size; part.size = wanted) {
		CHECK(frame_take(&part, FRAME_MAGIC_REQUEST, PAYLOAD_BYTES_MAX,
			  &frame, &wanted, &err) == FRAME_PARTIAL);
		CHECK(wanted > part.size && wanted <= whole.size);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct slice before = input;
	struct frame frame;
	struct error err;
	size_t wanted;

	while (frame_take(&input, FRAME_MAGIC_REQUEST, PAYLOAD_BYTES_MAX,
		   &frame, &wanted, &err) == FRAME_TAKEN) {
		struct slice whole =
		    slice_of(before.data, before.size - input.size);

		CHECK(whole.size == FRAME_HEADER_BYTES + frame.payload.size);
		decode(&frame, whole);
		check_partial(whole);
		before = input;
	}
	CHECK(input.size == before.size);
	return 0;
}
