/*
 * fuzz - what all fuzz targets share.
 *
 * A target is one fuzz_<decoder>.c with LLVMFuzzerTestOneInput(). It runs its
 * decoder over the input as it is, and, where checksums or sizes hide the
 * inside, once more with those made right. It aborts (CHECK) where a property
 * does not hold; what each one checks stands on its top.
 *
 * `make fuzz` links targets with libFuzzer; all other builds link them with
 * replay.c, which runs them over the files of tests/fuzz/corpus.
 *
 * Ownership  What is taken of an input borrows from it.
 * Threads    One.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/slice.h"

/* What a target defines. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A random number from `from` to `to` off the front of `input`. */
uint64_t fuzz_take_number(struct slice *input, uint64_t from, uint64_t to);

/* Up to `size_max` bytes: a size and so many, fewer at the input's end. */
struct slice fuzz_take_bytes(struct slice *input, size_t size_max);

/* A copy of `bytes` on the heap, to the byte, that a target may change. */
uint8_t *fuzz_copy(struct slice bytes);

/*
 * Puts `bytes` into a file `name` of this process' scratch folder, replacing
 * what was there. The path is borrowed until the next such call.
 */
const char *fuzz_file(const char *name, struct slice bytes);

/* The scratch folder itself, emptied; it is removed at exit. */
const char *fuzz_folder(void);

/* The same, as it is. */
const char *fuzz_folder_path(void);

#endif
