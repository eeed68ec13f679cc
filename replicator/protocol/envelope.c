#include "replicator/protocol/envelope.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/check.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"

#define MAGIC 0x5052564bu /* "KVRP" */

#define AT_VERSION 4
#define AT_KIND 6
#define AT_BODY_SIZE 8
#define AT_ZERO 12
#define AT_CLUSTER_ID 16
#define AT_SENDER 32
#define AT_RECEIVER 40
#define AT_INCARNATION 48
#define AT_BODY_CHECKSUM 56
#define AT_HEAD_CHECKSUM 64

const char *
envelope_kind_name(enum envelope_kind kind)
{
	switch (kind) {
#define ENVELOPE(name, number, body_max) \
	case ENVELOPE_##name:            \
		return #name;
#include "replicator/protocol/envelope.def"
#undef ENVELOPE
	}
	return "?";
}

size_t
envelope_body_bytes_max(enum envelope_kind kind)
{
	switch (kind) {
#define ENVELOPE(name, number, body_max) \
	case ENVELOPE_##name:            \
		return (body_max);
#include "replicator/protocol/envelope.def"
#undef ENVELOPE
	}
	return 0;
}

static bool
kind_exists(uint16_t kind)
{
	switch (kind) {
#define ENVELOPE(name, number, body_max) case number:
#include "replicator/protocol/envelope.def"
#undef ENVELOPE
		return true;
	default:
		return false;
	}
}

void
envelope_encode(uint8_t head[ENVELOPE_HEAD_BYTES],
    const struct envelope *envelope, struct slice body)
{
	CHECK(body.size <= envelope_body_bytes_max(envelope->kind));
	u32_store(head, MAGIC);
	u16_store(head + AT_VERSION, ENVELOPE_VERSION);
	u16_store(head + AT_KIND, (uint16_t)envelope->kind);
	u32_store(head + AT_BODY_SIZE, (uint32_t)body.size);
	u32_store(head + AT_ZERO, 0);
	memcpy(head + AT_CLUSTER_ID, envelope->cluster_id, CLUSTER_ID_BYTES);
	u64_store(head + AT_SENDER, envelope->sender);
	u64_store(head + AT_RECEIVER, envelope->receiver);
	u64_store(head + AT_INCARNATION, envelope->incarnation);
	u64_store(head + AT_BODY_CHECKSUM, checksum64(body, 0));
	u64_store(head + AT_HEAD_CHECKSUM,
	    checksum64(slice_of(head, AT_HEAD_CHECKSUM), 0));
}

enum status
envelope_decode(const uint8_t head[ENVELOPE_HEAD_BYTES], struct envelope *out,
    struct error *err)
{
	uint16_t version = u16_load(head + AT_VERSION);
	uint16_t kind = u16_load(head + AT_KIND);

	if (u32_load(head) != MAGIC)
		return error_set(err, STATUS_INVALID, "no envelope");
	/* The checksum of another version may stand elsewhere. */
	if (version != ENVELOPE_VERSION)
		return error_set(err, STATUS_VERSION,
		    "envelope of version %u, not %u", version,
		    ENVELOPE_VERSION);
	if (u64_load(head + AT_HEAD_CHECKSUM) !=
	    checksum64(slice_of(head, AT_HEAD_CHECKSUM), 0))
		return error_set(
		    err, STATUS_INVALID, "envelope with a damaged head");
	out->body_size = u32_load(head + AT_BODY_SIZE);
	if (!kind_exists(kind) || u32_load(head + AT_ZERO) != 0 ||
	    out->body_size > envelope_body_bytes_max((enum envelope_kind)kind))
		return error_set(err, STATUS_INVALID,
		    "envelope of kind %u with %zu bytes", kind, out->body_size);
	out->kind = (enum envelope_kind)kind;
	memcpy(out->cluster_id, head + AT_CLUSTER_ID, CLUSTER_ID_BYTES);
	out->sender = u64_load(head + AT_SENDER);
	out->receiver = u64_load(head + AT_RECEIVER);
	out->incarnation = u64_load(head + AT_INCARNATION);
	out->body_checksum = u64_load(head + AT_BODY_CHECKSUM);
	return STATUS_OK;
}

enum status
envelope_check(
    const struct envelope *envelope, struct slice body, struct error *err)
{
	CHECK(body.size == envelope->body_size);
	if (checksum64(body, 0) != envelope->body_checksum)
		return error_set(err, STATUS_CORRUPT,
		    "%s whose %zu bytes are not those that were sent",
		    envelope_kind_name(envelope->kind), body.size);
	return STATUS_OK;
}
