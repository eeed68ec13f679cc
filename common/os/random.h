/*
 * random - unpredictable bytes from the kernel, for identities.
 */
#ifndef COMMON_OS_RANDOM_H
#define COMMON_OS_RANDOM_H

#include <stddef.h>

/* Fills `bytes`; aborts if the kernel has no random source. */
void random_fill(void *bytes, size_t size);

#endif
