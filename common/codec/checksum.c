#include "common/codec/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
hash64(struct slice bytes)
{
	return XXH3_64bits(bytes.data, bytes.size);
}

uint32_t
checksum32(struct slice bytes, uint64_t seed)
{
	return (uint32_t)checksum64(bytes, seed);
}

uint64_t
checksum64(struct slice bytes, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}
