/* The applied state of a recovery point: what decodes encodes to the same. */
#include "storaged/apply/apply.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of(data, size);
	struct buffer again = {0};
	struct apply *apply;
	struct error err;

	if (apply_decode(bytes, &apply, &err) == STATUS_OK) {
		apply_encode(apply, &again);
		CHECK(slice_equal(bytes, buffer_slice(&again)));
		apply_close(apply);
	} else {
		CHECK(apply == NULL);
	}
	buffer_deinit(&again);
	return 0;
}
