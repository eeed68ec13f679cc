/*
 * hello - who a node is and how it is set: the body of a HELLO.
 *
 * The bytes are specified in replicator/PROTOCOL.md. Its server id, cluster
 * and incarnation stand in the envelope around it.
 *
 * Threads  Pure.
 */
#ifndef REPLICATOR_PROTOCOL_HELLO_H
#define REPLICATOR_PROTOCOL_HELLO_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "replicator/protocol/name_set.h"

#define HELLO_ADDRESS_BYTES_MAX 319
#define HELLO_SOFTWARE_BYTES_MAX 31

/* What must be the same on all nodes of a cluster. */
struct cluster_settings {
	uint32_t election_timeout_ms;
	uint32_t heartbeat_ms;
	uint32_t quorum_size; /* 0: the majority */
};

struct hello {
	uint64_t number; /* counts what this incarnation of it has sent */
	/* Of an answer: what it answers; 0: it is none. */
	uint64_t echo;
	uint64_t echo_incarnation;
	struct cluster_settings settings;
	char name[NODE_NAME_BYTES_MAX + 1];
	char address[HELLO_ADDRESS_BYTES_MAX + 1]; /* where it listens */
	char software[HELLO_SOFTWARE_BYTES_MAX + 1];
	struct name_set names; /* it is to form a cluster of; its own too */
};

/* Appends the body. */
void hello_encode(const struct hello *hello, struct buffer *out);

/* STATUS_CORRUPT for bytes that are no such body. */
enum status hello_decode(
    struct slice body, struct hello *out, struct error *err) MUST_CHECK;

#endif
