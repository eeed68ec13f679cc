/*
 * The file "replica" of a data directory, as it is and with the checksum made
 * right; and the same bytes as a list of peers. What decodes encodes to the
 * same bytes; a list that is taken names every node once.
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "replicator/identity/peers.h"
#include "replicator/identity/replica_file.h"
#include "tests/fuzz/fuzz.h"

static void
decode(struct slice bytes)
{
	struct buffer again = {0};
	struct replica replica;
	struct error err;

	if (replica_decode(bytes, &replica, &err) != STATUS_OK)
		return;
	CHECK(replica.id != 0);
	replica_encode(&replica, &again);
	CHECK(slice_equal(buffer_slice(&again), bytes));
	buffer_deinit(&again);
}

static void
list(struct slice bytes)
{
	char *text = mem_new(bytes.size + 1);
	struct peers peers;
	struct name_set names;
	struct error err;

	if (bytes.size > 0)
		memcpy(text, bytes.data, bytes.size);
	if (peers_parse(text, "self", &peers, &err) == STATUS_OK) {
		peers_names(&peers, "self", &names);
		CHECK(names.count == peers.count + 1);
	}
	mem_free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = fuzz_copy(slice_of(data, size));

	decode(slice_of(data, size));
	list(slice_of(data, size));
	if (size >= 8) {
		u64_store(
		    bytes + size - 8, checksum64(slice_of(bytes, size - 8), 0));
		decode(slice_of(bytes, size));
	}
	mem_free(bytes);
	return 0;
}
