/*
 * peers - the other nodes of a cluster, as -peers lists them.
 *
 * "node2:10002,node3=10.0.0.3:10003": the host is the node's name, unless a
 * name stands in front.
 *
 * Failure  STATUS_INVALID; the text names the part and what to write instead,
 *          and leaves it to the caller to name the setting.
 * Threads  Pure.
 */
#ifndef REPLICATOR_IDENTITY_PEERS_H
#define REPLICATOR_IDENTITY_PEERS_H

#include "common/base/status.h"
#include "config/value.h"
#include "replicator/protocol/name_set.h"

#define PEERS_MAX (NODES_MAX - 1)

struct peer {
	char name[NODE_NAME_BYTES_MAX + 1];
	struct address address;
};

struct peers {
	size_t count;
	struct peer peers[PEERS_MAX];
};

/* `self` is this node's name, which is not to be among them. */
enum status peers_parse(const char *text, const char *self, struct peers *out,
    struct error *err) MUST_CHECK;

/* Their names and `self`. */
void
peers_names(const struct peers *peers, const char *self, struct name_set *out);

#endif
