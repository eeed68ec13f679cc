/*
 * The identity file of a data directory, as it is and with the checksum made
 * right. What decodes encodes to the same bytes; a data directory with it is
 * opened where it decodes, and is no other's.
 */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/codec/store_identity.h"
#include "supervisor/data_directory.h"
#include "tests/fuzz/fuzz.h"

#define CHECKSUM_OFFSET (STORE_IDENTITY_BYTES - 8)

static void
open_directory(struct slice bytes)
{
	uint8_t again[STORE_IDENTITY_BYTES];
	uint8_t store_id[STORE_ID_BYTES];
	struct data_directory *directory;
	struct error err;
	char hex[3];
	bool ours = store_identity_decode(bytes, store_id, &err) == STATUS_OK;

	fuzz_file("store", bytes);
	CHECK(ours ==
	    (data_directory_open(fuzz_folder_path(), &directory, &err) ==
		STATUS_OK));
	if (!ours)
		return;
	store_identity_encode(again, store_id);
	CHECK(slice_equal(bytes, slice_of(again, sizeof(again))));
	for (size_t i = 0; i < STORE_ID_BYTES; i++) {
		snprintf(hex, sizeof(hex), "%02x", store_id[i]);
		CHECK(memcmp(hex, data_directory_store_id(directory) + 2 * i,
			  2) == 0);
	}
	data_directory_close(directory);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = fuzz_copy(slice_of(data, size));

	open_directory(slice_of(data, size));
	if (size >= STORE_IDENTITY_BYTES) {
		u64_store(bytes + CHECKSUM_OFFSET,
		    checksum64(slice_of(bytes, CHECKSUM_OFFSET), 0));
		open_directory(slice_of(bytes, size));
	}
	mem_free(bytes);
	return 0;
}
