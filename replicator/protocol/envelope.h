/*
 * envelope - what stands in front of everything that nodes say to each other.
 *
 * 72 bytes, little-endian; the table is in replicator/PROTOCOL.md. They say
 * of which cluster, from whom and to whom the body is, so that no connection
 * has to be trusted for it. The kinds stand in envelope.def.
 *
 * The head has a checksum of its own: a stream is cut into envelopes by the
 * size in it, and nothing is reserved for a size that is not known to be
 * what was sent.
 *
 * Failure    STATUS_VERSION for a head of another version, INVALID for one
 *            that no node of this version writes, CORRUPT for a body that is
 *            not what was sent.
 * Ownership  A body is borrowed.
 * Threads    Pure.
 */
#ifndef REPLICATOR_PROTOCOL_ENVELOPE_H
#define REPLICATOR_PROTOCOL_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"

#define ENVELOPE_VERSION 1
#define ENVELOPE_HEAD_BYTES 72
/* The largest entry of a log, with room for what a frame puts around it. */
#define ENVELOPE_BODY_BYTES_MAX (((size_t)64 << 20) + ((size_t)1 << 20))

#define CLUSTER_ID_BYTES 16

enum envelope_kind {
#define ENVELOPE(name, number, body_max) ENVELOPE_##name = (number),
#include "replicator/protocol/envelope.def"
#undef ENVELOPE
};

struct envelope {
	enum envelope_kind kind;
	uint8_t cluster_id[CLUSTER_ID_BYTES]; /* zeroes: of none yet */
	uint64_t sender; /* a server's id; 0: it has none */
	uint64_t receiver; /* 0: whoever hears it */
	uint64_t incarnation; /* the sender drew it when it started */
	uint64_t body_checksum; /* filled in when encoded or decoded */
	size_t body_size; /* the same */
};

/* The word for a kind ("HELLO"), "?" for a number that is none. */
const char *envelope_kind_name(enum envelope_kind kind);

size_t envelope_body_bytes_max(enum envelope_kind kind);

/* Fills `head` for a body that is within its kind's bound. */
void envelope_encode(uint8_t head[ENVELOPE_HEAD_BYTES],
    const struct envelope *envelope, struct slice body);

/* Checks all of the head but whether its body is the right one. */
enum status envelope_decode(const uint8_t head[ENVELOPE_HEAD_BYTES],
    struct envelope *out, struct error *err) MUST_CHECK;

/* Checks the body of a head that was decoded. */
enum status envelope_check(const struct envelope *envelope, struct slice body,
    struct error *err) MUST_CHECK;

#endif
