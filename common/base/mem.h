/*
 * mem - small control objects on the heap.
 *
 * Failure    None: exhausted memory aborts the process, so that ordinary code
 *            has no branch for it. Bulk memory is budgeted elsewhere.
 * Ownership  The caller owns what is returned and gives it to mem_free().
 */
#ifndef COMMON_BASE_MEM_H
#define COMMON_BASE_MEM_H

#include <stddef.h>

/* `size` bytes of zeroes, size > 0. */
void *mem_new(size_t size);

/* An array of `count` elements of `size` bytes, zeroed. */
void *mem_new_array(size_t count, size_t size);

/* Changes the size of `memory` (NULL allowed); new bytes are undefined. */
void *mem_resize(void *memory, size_t size);

/* A copy of `size` bytes (size may be 0). */
void *mem_dup(const void *bytes, size_t size);

/* A copy of a NUL-terminated string. */
char *mem_dup_string(const char *string);

/* Frees; NULL is allowed. */
void mem_free(void *memory);

#endif
