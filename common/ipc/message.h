/*
 * message - the header of every message between workers.
 *
 * Sixteen bytes, little-endian: magic u32, version u16, type u16, status
 * u16, zero u16, payload size u32; then the payload. A request has status 0.
 * The types, with their limits, stand in message.def.
 *
 * Failure  STATUS_VERSION for a message of another version, STATUS_INVALID
 *          for bytes that are no message of this version.
 */
#ifndef COMMON_IPC_MESSAGE_H
#define COMMON_IPC_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/command/limits.h"

#define IPC_VERSION 1
#define IPC_HEADER_BYTES 16
/* A batch or a reply fits, with room for its framing. */
#define IPC_PAYLOAD_BYTES_MAX ((size_t)BATCH_BYTES_MAX + 64 * 1024)
/* A reply whose status is a failure may say why, whatever its type. */
#define IPC_ERROR_BYTES_MAX 256

enum ipc_type {
#define MESSAGE(name, number, request_max, reply_max) IPC_##name = (number),
#include "common/ipc/message.def"
#undef MESSAGE
};

struct ipc_message {
	enum ipc_type type;
	enum status status;
	struct slice payload; /* borrowed from the bytes that were decoded */
};

/* The word for a type ("WRITE"), "?" for a number that is none. */
const char *ipc_type_name(enum ipc_type type);

/* Most bytes of payload that a request or reply of this type may have. */
size_t ipc_request_bytes_max(enum ipc_type type);
size_t ipc_reply_bytes_max(enum ipc_type type);

/* Fills the header for a payload of `payload_size` bytes. */
void ipc_header_encode(uint8_t header[IPC_HEADER_BYTES], enum ipc_type type,
    enum status status, size_t payload_size);

/* Checks everything, the limits of the type included. */
enum status ipc_request_decode(
    struct slice bytes, struct ipc_message *out, struct error *err) MUST_CHECK;
enum status ipc_reply_decode(
    struct slice bytes, struct ipc_message *out, struct error *err) MUST_CHECK;

#endif
