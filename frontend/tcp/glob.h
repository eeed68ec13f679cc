/*
 * glob - patterns over bytes, as KEYS, SCAN and CONFIG GET take them.
 *
 * "*" any bytes, "?" one byte, "[a-c]" and "[^a-c]" one byte of a class, and a
 * backslash takes the next byte as it is. An unclosed class ends with the
 * pattern.
 */
#ifndef FRONTEND_TCP_GLOB_H
#define FRONTEND_TCP_GLOB_H

#include "common/base/slice.h"

/* Takes at most about the product of both sizes. */
bool glob_matches(struct slice pattern, struct slice text);

/* The bytes that every match begins with; borrowed from the pattern. */
struct slice glob_prefix(struct slice pattern);

#endif
