/*
 * Whole manifests, as they are and with the checksums made right. One that is
 * read is written whole by the next opening, and read again it has the same
 * tables, recovery point and ceiling. A record whose zero field is not zero
 * keeps its checksum, so that damage and torn tails are there in the second
 * run too.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "storaged/manifest/manifest.h"
#include "storaged/manifest/manifest_format.h"
#include "tests/fuzz/fuzz.h"

#define NUMBER 5
#define NAME "manifest-0000000000000005"

static const uint8_t store_id[16] = "0123456789abcdef";

/* Everything in the catalog as bytes, to compare. */
static void
encode_whole(const struct catalog *catalog, struct buffer *out)
{
	size_t count = catalog_table_count(catalog);
	struct table_file **tables = mem_new_array(count + 1, sizeof(*tables));
	struct edit edit = {
	    .added = tables,
	    .recovery = &catalog->recovery,
	    .number_ceiling = catalog->number_ceiling,
	};

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog->levels[i].count; t++)
			tables[edit.added_count++] =
			    catalog->levels[i].tables[t];
	}
	edit_encode(&edit, out);
	mem_free(tables);
}

/* Opens the folder twice; the first opening writes what the second reads. */
static void
open_twice(const char *folder, const struct buffer *expected)
{
	for (int i = 0; i < 2; i++) {
		struct catalog catalog = {0};
		struct buffer whole = {0};
		struct manifest *manifest;
		struct error err;

		if (manifest_open(file_system_real(), folder, store_id,
			&catalog, &manifest, &err) != STATUS_OK)
			check_failed(err.text, __FILE__, __LINE__);
		manifest_close(manifest);
		encode_whole(&catalog, &whole);
		CHECK(
		    slice_equal(buffer_slice(expected), buffer_slice(&whole)));
		buffer_deinit(&whole);
		catalog_deinit(&catalog);
	}
}

static void
read_manifest(struct slice bytes)
{
	const char *folder = fuzz_folder();
	struct catalog catalog = {0};
	struct buffer whole = {0};
	struct error err;
	uint64_t number = NUMBER;
	char current[64];

	snprintf(current, sizeof(current), NAME " %016" PRIx64 "\n",
	    hash64(slice_of(&number, sizeof(number))));
	fuzz_file("current", slice_of_string(current));
	fuzz_file(NAME, bytes);
	if (manifest_read(file_system_real(), folder, store_id, &catalog,
		&number, &err) == STATUS_OK) {
		CHECK(number == NUMBER);
		encode_whole(&catalog, &whole);
		open_twice(folder, &whole);
	}
	buffer_deinit(&whole);
	catalog_deinit(&catalog);
}

static void
repair(uint8_t *bytes, size_t size)
{
	size_t at = MANIFEST_HEADER_BYTES;

	if (size < MANIFEST_HEADER_BYTES)
		return;
	u64_store(bytes, MANIFEST_MAGIC);
	u32_store(bytes + 8, MANIFEST_FORMAT_VERSION);
	u64_store(bytes + 16, NUMBER);
	memcpy(bytes + 24, store_id, sizeof(store_id));
	u64_store(bytes + 56, checksum64(slice_of(bytes, 56), MANIFEST_MAGIC));
	while (size - at > MANIFEST_RECORD_HEADER_BYTES) {
		uint8_t *payload = bytes + at + MANIFEST_RECORD_HEADER_BYTES;
		size_t left = size - at - MANIFEST_RECORD_HEADER_BYTES;
		size_t payload_size = u32_load(bytes + at);

		if (payload_size > left)
			payload_size = left;
		if (u32_load(bytes + at + 4) == 0) {
			u32_store(bytes + at, (uint32_t)payload_size);
			u64_store(bytes + at + 8,
			    checksum64(slice_of(payload, payload_size),
				NUMBER * 0x9e3779b97f4a7c15u + at));
		}
		at += MANIFEST_RECORD_HEADER_BYTES + payload_size;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = fuzz_copy(slice_of(data, size));

	read_manifest(slice_of(data, size));
	repair(bytes, size);
	read_manifest(slice_of(bytes, size));
	mem_free(bytes);
	return 0;
}
