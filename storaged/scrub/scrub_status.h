/*
 * scrub_status - how far the scrub is, and what it and compactions have found:
 * a plain value.
 */
#ifndef STORAGED_SCRUB_SCRUB_STATUS_H
#define STORAGED_SCRUB_SCRUB_STATUS_H

#include <stddef.h>
#include <stdint.h>

struct scrub_status {
	uint64_t rounds; /* that have ended */
	uint64_t round_bytes; /* of the round under way; 0: none is */
	uint64_t done_bytes; /* of them */
	uint64_t error_count; /* since the start */
	size_t damaged_tables; /* that are still there */
	const char *damage; /* the last one found; "" without any */
};

#endif
