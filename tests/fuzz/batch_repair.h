/*
 * batch_repair - makes sizes and counts of a batch's header right, which
 * mutations seldom hit.
 */
#ifndef TESTS_FUZZ_BATCH_REPAIR_H
#define TESTS_FUZZ_BATCH_REPAIR_H

#include <stddef.h>
#include <stdint.h>

/* `size` is at least BATCH_HEADER_BYTES. */
void batch_repair(uint8_t *bytes, size_t size);

#endif
