/*
 * slice - a borrowed run of bytes: pointer and size, binary-safe.
 */
#ifndef COMMON_BASE_SLICE_H
#define COMMON_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *data; /* borrowed; may be NULL when size is 0 */
	size_t size;
};

#define SLICE_EMPTY ((struct slice){NULL, 0})

static inline struct slice
slice_of(const void *data, size_t size)
{
	return (struct slice){data, size};
}

/* The bytes of a NUL-terminated string, without the NUL. */
static inline struct slice
slice_of_string(const char *string)
{
	return (struct slice){(const uint8_t *)string, strlen(string)};
}

/* Order of bytes, a shorter slice before its extensions: <0, 0 or >0. */
static inline int
slice_compare(struct slice a, struct slice b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
	return a.size == b.size &&
	    (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool
slice_starts_with(struct slice a, struct slice prefix)
{
	return a.size >= prefix.size &&
	    slice_equal(slice_of(a.data, prefix.size), prefix);
}

#endif
