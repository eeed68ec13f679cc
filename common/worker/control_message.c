#include "common/worker/control_message.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/base/check.h"
#include "common/codec/integer.h"

#define CONTROL_MAGIC 0x6b63 /* "ck" */
#define CONTROL_VERSION 1
#define CONTROL_HEADER_BYTES 8

const char *
control_type_name(enum control_type type)
{
	switch (type) {
#define CONTROL(name, number) \
	case CONTROL_##name:  \
		return #name;
#include "common/worker/control.def"
#undef CONTROL
	}
	return "?";
}

void
control_message_encode(
    struct buffer *out, enum control_type type, struct slice payload)
{
	uint8_t header[CONTROL_HEADER_BYTES] = {0};

	CHECK(payload.size <= CONTROL_PAYLOAD_BYTES_MAX);
	u16_store(header, CONTROL_MAGIC);
	u16_store(header + 2, CONTROL_VERSION);
	u16_store(header + 4, (uint16_t)type);
	buffer_append(out, header, sizeof(header));
	buffer_append_slice(out, payload);
}

enum status
control_message_decode(
    struct slice packet, struct control_message *out, struct error *err)
{
	uint16_t magic = 0;
	uint16_t version = 0;
	uint16_t type = 0;
	uint16_t zero = 0;

	if (!u16_take(&packet, &magic) || !u16_take(&packet, &version) ||
	    !u16_take(&packet, &type) || !u16_take(&packet, &zero))
		return error_set(
		    err, STATUS_INVALID, "control message cut short");
	if (magic != CONTROL_MAGIC || zero != 0)
		return error_set(err, STATUS_INVALID, "no control message");
	if (version != CONTROL_VERSION)
		return error_set(err, STATUS_VERSION,
		    "control message of version %u, not %u", version,
		    CONTROL_VERSION);
	switch (type) {
#define CONTROL(name, number) case number:
#include "common/worker/control.def"
#undef CONTROL
		break;
	default:
		return error_set(
		    err, STATUS_INVALID, "control message of type %u", type);
	}
	if (packet.size > CONTROL_PAYLOAD_BYTES_MAX)
		return error_set(err, STATUS_INVALID,
		    "control message of %zu bytes", packet.size);
	out->type = (enum control_type)type;
	out->payload = packet;
	return STATUS_OK;
}

static enum status
socket_failed(struct error *err, const char *what)
{
	int errnum = errno;

	if (errnum == EAGAIN || errnum == EWOULDBLOCK)
		return error_set(err, STATUS_BUSY, "%s would wait", what);
	if (errnum == EPIPE || errnum == ECONNRESET || errnum == ENOTCONN)
		return error_set(
		    err, STATUS_SHUTDOWN, "%s: the other side is gone", what);
	return error_set_errno(err, errnum, "%s", what);
}

enum status
control_message_send(
    int fd, enum control_type type, struct slice payload, struct error *err)
{
	struct buffer packet = {0};
	ssize_t sent;
	enum status status = STATUS_OK;

	control_message_encode(&packet, type, payload);
	do {
		sent = send(fd, packet.data + packet.start,
		    buffer_size(&packet), MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		status = socket_failed(err, "control send");
	buffer_deinit(&packet);
	return status;
}

enum status
control_message_receive(int fd, struct buffer *bytes,
    struct control_message *out, struct error *err)
{
	size_t size_max = CONTROL_HEADER_BYTES + CONTROL_PAYLOAD_BYTES_MAX + 1;
	ssize_t got;

	buffer_clear(bytes, SIZE_MAX);
	do {
		got = recv(fd, buffer_reserve(bytes, size_max), size_max, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return socket_failed(err, "control receive");
	if (got == 0)
		return error_set(err, STATUS_SHUTDOWN,
		    "control receive: the other side is gone");
	buffer_commit(bytes, (size_t)got);
	return control_message_decode(buffer_slice(bytes), out, err);
}
