/*
 * replica_file - who this server is: the file "replica" of a data directory.
 *
 * It holds the server's id, its node's name and, once there is one, the
 * charter of its cluster. The id is drawn when the file is first written: a
 * disk that was wiped is another server, not a member that has forgotten how
 * it voted. The bytes are specified in replicator/FORMAT.md.
 *
 * Durability  replica_file_save() returns when it is on disk; a crash before
 *             leaves what was there.
 * Failure     A file that does not decode is never written over.
 */
#ifndef REPLICATOR_IDENTITY_REPLICA_FILE_H
#define REPLICATOR_IDENTITY_REPLICA_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "replicator/protocol/charter.h"

#define REPLICA_FILE_NAME "replica"

struct file_system;

struct replica {
	uint64_t id; /* 0: none yet */
	char name[NODE_NAME_BYTES_MAX + 1];
	bool is_formed;
	struct charter charter; /* if formed */
};

/* STATUS_NOT_FOUND where there is none, CORRUPT, or VERSION. */
enum status replica_file_load(struct file_system *fs, const char *directory,
    struct replica *out, struct error *err) MUST_CHECK;

enum status replica_file_save(struct file_system *fs, const char *directory,
    const struct replica *replica, struct error *err) MUST_CHECK;

void replica_encode(const struct replica *replica, struct buffer *out);
enum status replica_decode(
    struct slice bytes, struct replica *out, struct error *err) MUST_CHECK;

#endif
