/*
 * Headers of messages between workers. What decodes has a payload within its
 * type's limit, and its header encodes to the same bytes.
 */
#include "common/ipc/message.h"
#include "tests/fuzz/fuzz.h"

static void
encode_again(const struct ipc_message *message, struct slice bytes)
{
	uint8_t header[IPC_HEADER_BYTES];

	ipc_header_encode(
	    header, message->type, message->status, message->payload.size);
	CHECK(bytes.size == IPC_HEADER_BYTES + message->payload.size);
	CHECK(slice_equal(slice_of(header, sizeof(header)),
	    slice_of(bytes.data, IPC_HEADER_BYTES)));
	CHECK(ipc_type_name(message->type)[0] != '?');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of(data, size);
	struct ipc_message message;
	struct error err;

	if (ipc_request_decode(bytes, &message, &err) == STATUS_OK) {
		CHECK(message.status == STATUS_OK);
		CHECK(message.payload.size <=
		    ipc_request_bytes_max(message.type));
		encode_again(&message, bytes);
	}
	if (ipc_reply_decode(bytes, &message, &err) == STATUS_OK) {
		CHECK(
		    message.payload.size <= ipc_reply_bytes_max(message.type) ||
		    message.status != STATUS_OK);
		encode_again(&message, bytes);
	}
	return 0;
}
