/*
 * frame - a message between servers, as bytes.
 *
 * A frame is made of what libraft wants to say, with the entries put in, and
 * read back into libraft's struct. Integrity is the transport's; whatever
 * the bytes are, decoding stays within them.
 *
 *     0  version 1, kind, flags, libraft's version of the message
 *     4  features u16, capacity u16
 *     8  number of entries u32, 0 u32
 *    16  from, to, term
 *    40  three numbers whose meaning follows from the kind
 *    64  APPEND: for each entry term, kind u32, size u32, data padded to 8
 *        INSTALL: sizes of configuration and content u32 each, then both
 *
 * Ownership  A decoded message borrows from the frame, and owns its entries'
 *            array until message_deinit().
 * Threads    Pure.
 */
#ifndef REPLICATOR_CORE_FRAME_H
#define REPLICATOR_CORE_FRAME_H

#include <raft.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "replicator/core/log_entry.h"

#define FRAME_ENTRIES_MAX 65536

struct message {
	uint64_t from;
	uint64_t to;
	uint64_t term;
	/* Without entries, configuration and data: those are below. */
	struct raft_message raft;
	struct log_entry *entries; /* of APPEND; owned */
	size_t entry_count;
	struct slice configuration; /* of INSTALL, encoded */
	struct slice content; /* of INSTALL */
};

/* Appends the frame. */
void frame_encode(const struct message *message, struct buffer *out);

/* STATUS_CORRUPT for bytes that are no frame. */
enum status frame_decode(
    struct slice frame, struct message *out, struct error *err) MUST_CHECK;

void message_deinit(struct message *message);

/* The term that libraft's message carries. */
uint64_t message_term(const struct raft_message *raft);

#endif
