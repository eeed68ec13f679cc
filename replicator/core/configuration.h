/*
 * configuration - the members of a cluster, as the log holds them.
 *
 * The encoding is libraft's own, since libraft reads it out of the entries
 * by itself.
 *
 * Threads  Pure.
 * Limits   CONFIGURATION_SERVERS_MAX members, names of up to
 *          SERVER_NAME_BYTES_MAX bytes.
 */
#ifndef REPLICATOR_CORE_CONFIGURATION_H
#define REPLICATOR_CORE_CONFIGURATION_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

#define CONFIGURATION_SERVERS_MAX 16
#define SERVER_NAME_BYTES_MAX 63

/* The numbers are libraft's, and stand in the log's files. */
enum server_role {
	SERVER_STANDBY = 0, /* gets the log, does not vote */
	SERVER_VOTER = 1,
	SERVER_SPARE = 2, /* known, gets nothing yet */
};

struct server {
	uint64_t id; /* random, never 0 */
	enum server_role role;
	char name[SERVER_NAME_BYTES_MAX + 1];
};

struct configuration {
	struct server servers[CONFIGURATION_SERVERS_MAX];
	size_t count;
};

/* The member with this id; NULL if there is none. */
struct server *
configuration_find(struct configuration *configuration, uint64_t id);

size_t configuration_voter_count(const struct configuration *configuration);

/* Appends the encoding. */
void configuration_encode(
    const struct configuration *configuration, struct buffer *out);

/* STATUS_CORRUPT for bytes that are no configuration within the limits. */
enum status configuration_decode(struct slice bytes, struct configuration *out,
    struct error *err) MUST_CHECK;

#endif
