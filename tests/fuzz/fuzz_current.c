/*
 * The file that names the manifest, as it is and with the checksum made right.
 * Only what would be written is read: any other text, though it holds a number
 * and a checksum, is refused.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/codec/checksum.h"
#include "storaged/manifest/manifest.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t store_id[16] = "0123456789abcdef";

static void
read_current(struct slice text)
{
	struct catalog catalog = {0};
	struct error err;
	uint64_t number = 0;
	char expected[64];
	char missing[64];
	enum status status;

	fuzz_file("current", text);
	status = manifest_read(file_system_real(), fuzz_folder_path(), store_id,
	    &catalog, &number, &err);
	catalog_deinit(&catalog);
	CHECK(status == STATUS_CORRUPT || status == STATUS_INVALID);
	snprintf(missing, sizeof(missing), "manifest-%016" PRIx64 " is named",
	    number);
	if (strstr(err.text, missing) == NULL)
		return;
	snprintf(expected, sizeof(expected),
	    "manifest-%016" PRIx64 " %016" PRIx64 "\n", number,
	    hash64(slice_of(&number, sizeof(number))));
	CHECK(slice_equal(text, slice_of_string(expected)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct buffer text = {0};
	char digits[17] = "";
	uint64_t number;

	read_current(input);
	if (size > sizeof(digits) - 1)
		memcpy(digits, data, sizeof(digits) - 1);
	number = strtoull(digits, NULL, 16);
	buffer_printf(&text, "manifest-%s %016" PRIx64, digits,
	    hash64(slice_of(&number, sizeof(number))));
	if (size > sizeof(digits) - 1)
		buffer_append(&text, data + 16, size - 16);
	read_current(buffer_slice(&text));
	buffer_deinit(&text);
	return 0;
}
