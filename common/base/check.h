/*
 * check - assertions that stay on in release builds.
 *
 * CHECK guards our own arguments and invariants and aborts the process when
 * one is broken. It never judges bytes from disk, network or configuration.
 * CHECK_SLOW is for checks that cost: on in debug and sanitizer builds only.
 */
#ifndef COMMON_BASE_CHECK_H
#define COMMON_BASE_CHECK_H

#include "common/base/attributes.h"

#define CHECK(condition)             \
	(LIKELY(condition) ? (void)0 \
			   : check_failed(#condition, __FILE__, __LINE__))

#ifdef KVSTORE_CHECK_SLOW
#define CHECK_SLOW(condition) CHECK(condition)
#else
#define CHECK_SLOW(condition) ((void)sizeof(condition))
#endif

/* Writes the broken condition and its place to stderr, then aborts. */
void check_failed(const char *condition, const char *file, int line) NO_RETURN;

#endif
