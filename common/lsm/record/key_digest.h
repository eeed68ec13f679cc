/*
 * key_digest - eight bytes of a key as a number that orders as they do.
 *
 * Keys that begin with the same prefix are mostly told apart by the digests
 * of what is behind it; equal digests say nothing.
 */
#ifndef COMMON_LSM_RECORD_KEY_DIGEST_H
#define COMMON_LSM_RECORD_KEY_DIGEST_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"

#define KEY_DIGEST_BYTES 8

/*
 * The digest of `key` behind its first `prefix_size` bytes. Shorter keys are
 * filled up with zeroes, which keeps the order.
 */
static inline uint64_t
key_digest(struct slice key, size_t prefix_size)
{
	uint64_t digest = 0;
	size_t size;

	if (LIKELY(key.size >= prefix_size + KEY_DIGEST_BYTES)) {
		memcpy(&digest, key.data + prefix_size, KEY_DIGEST_BYTES);
		return be64toh(digest);
	}
	if (key.size <= prefix_size)
		return 0;
	size = key.size - prefix_size;
	if (key.size < KEY_DIGEST_BYTES) {
		memcpy(&digest, key.data + prefix_size, size);
		return be64toh(digest);
	}
	/*
	 * The last bytes of the key, and those of the prefix shifted out: to
	 * copy so few to a number and to load that at once stalls.
	 */
	memcpy(
	    &digest, key.data + key.size - KEY_DIGEST_BYTES, KEY_DIGEST_BYTES);
	return be64toh(digest) << (8 * (KEY_DIGEST_BYTES - size));
}

#endif
