#include "common/ipc/message.h"

#include <stdbool.h>

#include "common/base/check.h"
#include "common/codec/integer.h"

#define IPC_MAGIC 0x5043564bu /* "KVCP" */

const char *
ipc_type_name(enum ipc_type type)
{
	switch (type) {
#define MESSAGE(name, number, request_max, reply_max) \
	case IPC_##name:                              \
		return #name;
#include "common/ipc/message.def"
#undef MESSAGE
	}
	return "?";
}

size_t
ipc_request_bytes_max(enum ipc_type type)
{
	switch (type) {
#define MESSAGE(name, number, request_max, reply_max) \
	case IPC_##name:                              \
		return (request_max);
#include "common/ipc/message.def"
#undef MESSAGE
	}
	return 0;
}

size_t
ipc_reply_bytes_max(enum ipc_type type)
{
	switch (type) {
#define MESSAGE(name, number, request_max, reply_max)    \
	case IPC_##name:                                 \
		return (reply_max) > IPC_ERROR_BYTES_MAX \
		    ? (reply_max)                        \
		    : IPC_ERROR_BYTES_MAX;
#include "common/ipc/message.def"
#undef MESSAGE
	}
	return 0;
}

static bool
type_exists(uint16_t type)
{
	switch (type) {
#define MESSAGE(name, number, request_max, reply_max) case number:
#include "common/ipc/message.def"
#undef MESSAGE
		return true;
	default:
		return false;
	}
}

static bool
status_exists(uint16_t status)
{
	switch (status) {
#define STATUS(name, number, word) case number:
#include "common/base/status.def"
#undef STATUS
		return true;
	default:
		return false;
	}
}

void
ipc_header_encode(uint8_t header[IPC_HEADER_BYTES], enum ipc_type type,
    enum status status, size_t payload_size)
{
	CHECK(payload_size <= IPC_PAYLOAD_BYTES_MAX);
	u32_store(header, IPC_MAGIC);
	u16_store(header + 4, IPC_VERSION);
	u16_store(header + 6, (uint16_t)type);
	u16_store(header + 8, (uint16_t)status);
	u16_store(header + 10, 0);
	u32_store(header + 12, (uint32_t)payload_size);
}

static enum status
message_decode(struct slice bytes, struct ipc_message *out, struct error *err)
{
	uint32_t magic = 0;
	uint16_t version = 0;
	uint16_t type = 0;
	uint16_t status = 0;
	uint16_t zero = 0;
	uint32_t size = 0;

	if (!u32_take(&bytes, &magic) || !u16_take(&bytes, &version) ||
	    magic != IPC_MAGIC)
		return error_set(err, STATUS_INVALID, "no message");
	if (version != IPC_VERSION)
		return error_set(err, STATUS_VERSION,
		    "message of version %u, not %u", version, IPC_VERSION);
	if (!u16_take(&bytes, &type) || !u16_take(&bytes, &status) ||
	    !u16_take(&bytes, &zero) || !u32_take(&bytes, &size))
		return error_set(err, STATUS_INVALID, "message cut short");
	if (!type_exists(type) || !status_exists(status) || zero != 0)
		return error_set(err, STATUS_INVALID,
		    "message of type %u, status %u", type, status);
	if (size != bytes.size)
		return error_set(err, STATUS_INVALID,
		    "message of %zu bytes says it has %u", bytes.size, size);
	out->type = (enum ipc_type)type;
	out->status = (enum status)status;
	out->payload = bytes;
	return STATUS_OK;
}

enum status
ipc_request_decode(
    struct slice bytes, struct ipc_message *out, struct error *err)
{
	enum status status = message_decode(bytes, out, err);

	if (status != STATUS_OK)
		return status;
	if (out->status != STATUS_OK ||
	    out->payload.size > ipc_request_bytes_max(out->type))
		return error_set(err, STATUS_INVALID,
		    "%s request of %zu bytes, status %d",
		    ipc_type_name(out->type), out->payload.size, out->status);
	return STATUS_OK;
}

enum status
ipc_reply_decode(struct slice bytes, struct ipc_message *out, struct error *err)
{
	enum status status = message_decode(bytes, out, err);

	if (status != STATUS_OK)
		return status;
	if (out->payload.size > ipc_reply_bytes_max(out->type))
		return error_set(err, STATUS_INVALID, "%s reply of %zu bytes",
		    ipc_type_name(out->type), out->payload.size);
	return STATUS_OK;
}
