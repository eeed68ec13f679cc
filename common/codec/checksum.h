/*
 * checksum - XXH3 over bytes, for integrity on disk and for hash indexes.
 */
#ifndef COMMON_CODEC_CHECKSUM_H
#define COMMON_CODEC_CHECKSUM_H

#include <stdint.h>

#include "common/base/slice.h"

/* 64-bit XXH3 of `bytes`. The same on every machine: it goes to disk. */
uint64_t hash64(struct slice bytes);

/* The low 32 bits of XXH3 of `bytes` seeded with `seed`. */
uint32_t checksum32(struct slice bytes, uint64_t seed);

/* All 64 bits of XXH3 of `bytes` seeded with `seed`. */
uint64_t checksum64(struct slice bytes, uint64_t seed);

#endif
