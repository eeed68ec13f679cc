/*
 * control_message - what the supervisor and a worker say to each other.
 *
 * One message is one packet on a SOCK_SEQPACKET socket pair: eight bytes of
 * header (magic u16, version u16, type u16, zero u16, little-endian) and a
 * payload. The types stand in control.def. The worker's end is descriptor
 * CONTROL_FD; descriptors that the supervisor hands over follow it and are
 * named by number in the settings.
 *
 * Failure  STATUS_SHUTDOWN when the other side is gone, STATUS_BUSY when the
 *          call would wait, STATUS_INVALID for a packet that is no message.
 * Limits   CONTROL_PAYLOAD_BYTES_MAX.
 */
#ifndef COMMON_WORKER_CONTROL_MESSAGE_H
#define COMMON_WORKER_CONTROL_MESSAGE_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

#define CONTROL_FD 3
#define CONTROL_PAYLOAD_BYTES_MAX (64 * 1024)

enum control_type {
#define CONTROL(name, number) CONTROL_##name = (number),
#include "common/worker/control.def"
#undef CONTROL
};

struct control_message {
	enum control_type type;
	struct slice payload; /* borrowed from the bytes that were decoded */
};

/* The word for a type ("HEARTBEAT"), "?" for a number that is none. */
const char *control_type_name(enum control_type type);

/* Appends the packet's bytes. */
void control_message_encode(
    struct buffer *out, enum control_type type, struct slice payload);

enum status control_message_decode(struct slice packet,
    struct control_message *out, struct error *err) MUST_CHECK;

/* Sends one message; raises no SIGPIPE. */
enum status control_message_send(int fd, enum control_type type,
    struct slice payload, struct error *err) MUST_CHECK;

/*
 * Receives one message into `bytes`, replacing its content; `out` borrows
 * from it. Waits unless the descriptor is non-blocking.
 */
enum status control_message_receive(int fd, struct buffer *bytes,
    struct control_message *out, struct error *err) MUST_CHECK;

#endif
