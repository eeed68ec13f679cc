/*
 * nearest - what a mistyped name was meant to be.
 *
 * Start with a zeroed struct but for `wrong`, and offer the valid names one
 * by one; `best` stays NULL when none is near enough to be what was meant.
 *
 * Limits  Names of more than NEAREST_BYTES_MAX bytes are never near.
 */
#ifndef COMMON_BASE_NEAREST_H
#define COMMON_BASE_NEAREST_H

#include <stddef.h>

#define NEAREST_BYTES_MAX 64

struct nearest {
	const char *wrong; /* borrowed */
	const char *best; /* borrowed from the candidate */
	size_t distance;
};

void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
