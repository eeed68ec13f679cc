/*
 * fault_call - one recorded call of a fault file system.
 */
#ifndef TESTS_SUPPORT_FAULT_CALL_H
#define TESTS_SUPPORT_FAULT_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum fault_op {
	FAULT_OPEN,
	FAULT_CLOSE,
	FAULT_PREAD,
	FAULT_PWRITE,
	FAULT_SYNC, /* fdatasync and fsync */
	FAULT_TRUNCATE,
	FAULT_ALLOCATE,
	FAULT_RESERVE,
	FAULT_RENAME,
	FAULT_LINK,
	FAULT_UNLINK,
	FAULT_MKDIR,
	FAULT_OP_COUNT
};

#define FAULT_NODE_NONE (-1) /* outside the root */

struct fault_call {
	enum fault_op op;
	bool failed;
	bool created; /* open: it made the file */
	bool truncated; /* open: O_TRUNC on a file that was there */
	int node; /* what it was about; FAULT_NODE_NONE: not recorded */
	char *path; /* owned, relative to the root where inside it */
	char *to; /* owned; rename, link */
	uint8_t *bytes; /* owned; pwrite, NULL when they are all zeroes */
	uint64_t offset; /* pread, pwrite */
	uint64_t size; /* pread, pwrite: bytes done; truncate, allocate */
};

#endif
