#include <stdio.h>

#include "common/base/check.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/ipc/message.h"
#include "common/lsm/view/control.h"
#include "common/lsm/view/view_description.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "common/worker/control_message.h"
#include "common/worker/settings.h"
#include "common/codec/store_identity.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"

static const uint8_t store_id[16] = "0123456789abcdef";

static void
seed_view(size_t memtables, size_t tables)
{
	struct view_description view = {.number = 9,
	    .incarnation = 2,
	    .first_sequence = 1000,
	    .store_clock_ms = 1700000000000};
	struct buffer bytes = {0};

	memcpy(view.store_id, store_id, sizeof(store_id));
	for (size_t i = 0; i < memtables; i++)
		view_description_add_memtable(&view, 30 - i);
	for (size_t i = 0; i < tables; i++) {
		char key[64];
		struct view_table table = {.number = 100 - i,
		    .size_bytes = 4096,
		    .sequence_min = 1,
		    .sequence_max = 999 - i,
		    .level = (uint8_t)(i / 3),
		    .has_ranges = i % 2 == 0};

		snprintf(key, sizeof(key), "key/%02zu/%s", i,
		    i % 2 == 0 ? "" : "and.a.tail.that.is.longer.than.bounds");
		table.first = table.last = view_bound_of(slice_of_string(key));
		view_description_add_table(&view, &table);
	}
	view_description_encode(&view, &bytes);
	seed_write("view", buffer_slice(&bytes));
	buffer_deinit(&bytes);
	view_description_deinit(&view);
}

static void
seed_control(void)
{
	struct buffer content = {0};
	struct control *control;
	char path[PATH_BYTES_MAX];
	struct error err;

	path_join(path, fuzz_folder(), "control");
	CHECK(control_create(file_system_real(), path, 0, store_id, &control,
		  &err) == STATUS_OK);
	control_publish_sequence(control, 700, 1700000000000);
	control_publish_view(control, 3);
	control_set_write_state(control, CONTROL_WRITES_DELAYED, 250);
	control_close(control);
	CHECK(file_read_whole(file_system_real(), path, 1 << 20, &content,
		  &err) == STATUS_OK);
	seed_write("control", buffer_slice(&content));
	seed_write("control", slice_of(content.data, 120));
	buffer_deinit(&content);
}

static void
seed_messages(void)
{
	static const enum ipc_type types[] = {
	    IPC_HELLO, IPC_WRITE, IPC_STATUS, IPC_FLUSH};
	struct buffer settings = {0};
	struct buffer packet = {0};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint8_t bytes[IPC_HEADER_BYTES + 8] = {0};
		size_t payload = ipc_request_bytes_max(types[i]) < 8 ? 0 : 8;

		ipc_header_encode(bytes, types[i], STATUS_OK, payload);
		seed_write(
		    "ipc_message", slice_of(bytes, IPC_HEADER_BYTES + payload));
		ipc_header_encode(bytes, types[i], STATUS_IO, 8);
		seed_write("ipc_message", slice_of(bytes, sizeof(bytes)));
	}
	settings_add(&settings, "name", "http-%d", 0);
	settings_add(&settings, "log_level", "info");
	settings_add(&settings, "data.dir", "/a\\b\nc=d");
	seed_write("control_message", buffer_slice(&settings));
	control_message_encode(&packet, CONTROL_HEARTBEAT, slice_of("", 0));
	seed_write("control_message", buffer_slice(&packet));
	buffer_clear(&packet, SIZE_MAX);
	control_message_encode(
	    &packet, CONTROL_SETTINGS, buffer_slice(&settings));
	seed_write("control_message", buffer_slice(&packet));
	buffer_deinit(&packet);
	buffer_deinit(&settings);
}

static void
seed_store(void)
{
	uint8_t bytes[STORE_IDENTITY_BYTES];

	store_identity_encode(bytes, store_id);
	seed_write("store", slice_of(bytes, sizeof(bytes)));
}

void
seeds_processes(void)
{
	seed_view(1, 0);
	seed_view(3, 9);
	seed_control();
	seed_messages();
	seed_store();
}
