/*
 * batch_repair - makes a batch's header right, and the end of its last group,
 * which mutations seldom hit.
 */
#ifndef TESTS_FUZZ_BATCH_REPAIR_H
#define TESTS_FUZZ_BATCH_REPAIR_H

#include <stddef.h>
#include <stdint.h>

/* Of a batch of a writer, and one byte for its number. */
#define BATCH_REPAIR_HEADER_BYTES 16u

/* `size` is at least BATCH_REPAIR_HEADER_BYTES. */
void batch_repair(uint8_t *bytes, size_t size);

#endif
