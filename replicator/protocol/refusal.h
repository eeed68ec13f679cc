/*
 * refusal - why a node did not take something: the body of a REFUSE.
 *
 * It tells a person what is wrong; nothing is decided by it. The bytes are
 * specified in replicator/PROTOCOL.md.
 *
 * Threads  Pure.
 */
#ifndef REPLICATOR_PROTOCOL_REFUSAL_H
#define REPLICATOR_PROTOCOL_REFUSAL_H

#include "common/base/buffer.h"
#include "common/base/status.h"

enum refusal {
#define REFUSAL(name, number, text) REFUSAL_##name = (number),
#include "replicator/protocol/refusal.def"
#undef REFUSAL
};

/* What it means, of the node that refuses: "it belongs to ...". */
const char *refusal_text(enum refusal refusal);

/* Appends the body. */
void refusal_encode(enum refusal refusal, struct buffer *out);

/* STATUS_CORRUPT for bytes that are no such body. */
enum status refusal_decode(
    struct slice body, enum refusal *out, struct error *err) MUST_CHECK;

#endif
