/*
 * charter - a cluster's id, and who founded it: the body of a CHARTER.
 *
 * It is written once, by the node that forms the cluster, and every founder
 * keeps it. The bytes are specified in replicator/PROTOCOL.md.
 *
 * Threads  Pure.
 */
#ifndef REPLICATOR_PROTOCOL_CHARTER_H
#define REPLICATOR_PROTOCOL_CHARTER_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "replicator/protocol/envelope.h"
#include "replicator/protocol/name_set.h"

struct founder {
	uint64_t id; /* the server's: random, not 0, of its disk alone */
	char name[NODE_NAME_BYTES_MAX + 1];
};

struct charter {
	uint8_t cluster_id[CLUSTER_ID_BYTES];
	size_t count;
	struct founder founders[NODES_MAX]; /* sorted by name */
};

/* Appends the body. */
void charter_encode(const struct charter *charter, struct buffer *out);

/* STATUS_CORRUPT for bytes that are no such body. */
enum status charter_decode(
    struct slice body, struct charter *out, struct error *err) MUST_CHECK;

/* Takes it off the front, in the same bytes; false if it is none. */
bool charter_take(struct slice *input, struct charter *out);

/* The founder of this name; NULL if there is none. */
const struct founder *
charter_find(const struct charter *charter, const char *name);

void charter_names(const struct charter *charter, struct name_set *out);

#endif
