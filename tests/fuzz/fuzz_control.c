/*
 * The control block, 4096 bytes of which the input gives the first, as they
 * are and with the header made right. A reader that opens it gets a state that
 * makes sense; a new incarnation adopts it, and its numbers go on.
 */
#include <stdio.h>

#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/view/control.h"
#include "common/lsm/view/control_format.h"
#include "common/os/file_system.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t store_id[16] = "0123456789abcdef";

static void
adopt(const char *path, bool readable, const struct control_state *before)
{
	struct control_state after;
	struct control *control;
	struct error err;

	CHECK(control_create(file_system_real(), path, 0, store_id, &control,
		  &err) == STATUS_OK);
	control_load(control, &after);
	CHECK(after.write_state == CONTROL_WRITES_DOWN);
	CHECK(memcmp(control_store_id(control), store_id, 16) == 0);
	CHECK(control_is_at(control, path));
	if (readable) {
		CHECK(after.view_number == before->view_number);
		CHECK(after.published_sequence == before->published_sequence);
		CHECK(after.incarnation == before->incarnation + 1);
	} else {
		CHECK(after.view_number == 0);
		CHECK(after.incarnation == 1);
	}
	control_close(control);
}

static void
open_block(struct slice bytes)
{
	const char *path = fuzz_file("control", bytes);
	struct control_state state = {0};
	struct control *control;
	struct error err;
	bool ours = false;

	if (control_open(path, 0, &control, &err) == STATUS_OK) {
		control_load(control, &state);
		CHECK(state.write_state <= CONTROL_WRITES_DELETES_ONLY);
		ours = memcmp(control_store_id(control), store_id, 16) == 0;
		control_close(control);
	}
	adopt(path, ours, &state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[CONTROL_BYTES] = {0};

	open_block(slice_of(data, size));
	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	u64_store(bytes, CONTROL_MAGIC);
	u64_store(bytes + CONTROL_CHECKSUM_OFFSET,
	    checksum64(
		slice_of(bytes, CONTROL_CHECKSUM_OFFSET), CONTROL_MAGIC));
	open_block(slice_of(bytes, sizeof(bytes)));
	return 0;
}
