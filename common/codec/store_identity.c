#include "common/codec/store_identity.h"

#include <string.h>

#include "common/codec/checksum.h"
#include "common/codec/integer.h"

#define MAGIC "kvstore\n"
#define VERSION_OFFSET 8
#define ZERO_OFFSET 12
#define ID_OFFSET 16
#define CHECKSUM_OFFSET 32

void
store_identity_encode(
    uint8_t out[STORE_IDENTITY_BYTES], const uint8_t id[STORE_ID_BYTES])
{
	memset(out, 0, STORE_IDENTITY_BYTES);
	memcpy(out, MAGIC, VERSION_OFFSET);
	u32_store(out + VERSION_OFFSET, STORE_IDENTITY_VERSION);
	memcpy(out + ID_OFFSET, id, STORE_ID_BYTES);
	u64_store(out + CHECKSUM_OFFSET,
	    checksum64(slice_of(out, CHECKSUM_OFFSET), 0));
}

enum status
store_identity_decode(
    struct slice bytes, uint8_t id[STORE_ID_BYTES], struct error *err)
{
	uint32_t version;

	/* Length and checksum of a newer format may differ: version first. */
	if (bytes.size < ID_OFFSET ||
	    memcmp(bytes.data, MAGIC, VERSION_OFFSET) != 0)
		return error_set(err, STATUS_INVALID,
		    "is not kvstore's: its file \"store\" is another "
		    "program's");
	version = u32_load(bytes.data + VERSION_OFFSET);
	if (version > STORE_IDENTITY_VERSION)
		return error_set(err, STATUS_VERSION,
		    "has format %u, and this build (" KVSTORE_VERSION
		    ") knows up to %u; start the newer version that wrote it",
		    version, STORE_IDENTITY_VERSION);
	if (version != STORE_IDENTITY_VERSION ||
	    bytes.size != STORE_IDENTITY_BYTES ||
	    u32_load(bytes.data + ZERO_OFFSET) != 0 ||
	    u64_load(bytes.data + CHECKSUM_OFFSET) !=
		checksum64(slice_of(bytes.data, CHECKSUM_OFFSET), 0))
		return error_set(
		    err, STATUS_CORRUPT, "has a damaged file \"store\"");
	memcpy(id, bytes.data + ID_OFFSET, STORE_ID_BYTES);
	return STATUS_OK;
}
