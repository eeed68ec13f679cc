#include "replicator/protocol/charter.h"

#include <string.h>

#include "common/base/check.h"
#include "common/codec/append.h"

void
charter_encode(const struct charter *charter, struct buffer *out)
{
	CHECK(charter->count > 0);
	buffer_append(out, charter->cluster_id, CLUSTER_ID_BYTES);
	u32_append(out, (uint32_t)charter->count);
	for (size_t i = 0; i < charter->count; i++) {
		const struct founder *founder = &charter->founders[i];

		CHECK(founder->id != 0);
		u64_append(out, founder->id);
		sized_append(out, slice_of_string(founder->name));
	}
}

static bool
founder_take(struct slice *input, struct charter *out, size_t index)
{
	struct founder *founder = &out->founders[index];

	if (!u64_take(input, &founder->id) || founder->id == 0 ||
	    !node_name_take(input, founder->name))
		return false;
	for (size_t i = 0; i < index; i++) {
		if (out->founders[i].id == founder->id)
			return false;
	}
	return index == 0 || strcmp(founder[-1].name, founder->name) < 0;
}

bool
charter_take(struct slice *input, struct charter *out)
{
	static const uint8_t zeroes[CLUSTER_ID_BYTES];
	struct slice id;
	uint32_t count;

	if (!bytes_take(input, CLUSTER_ID_BYTES, &id) ||
	    memcmp(id.data, zeroes, CLUSTER_ID_BYTES) == 0 ||
	    !u32_take(input, &count) || count == 0 || count > NODES_MAX)
		return false;
	memcpy(out->cluster_id, id.data, CLUSTER_ID_BYTES);
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!founder_take(input, out, i))
			return false;
	}
	return true;
}

enum status
charter_decode(struct slice body, struct charter *out, struct error *err)
{
	if (charter_take(&body, out) && body.size == 0)
		return STATUS_OK;
	return error_set(err, STATUS_CORRUPT, "malformed CHARTER");
}

const struct founder *
charter_find(const struct charter *charter, const char *name)
{
	for (size_t i = 0; i < charter->count; i++) {
		if (strcmp(charter->founders[i].name, name) == 0)
			return &charter->founders[i];
	}
	return NULL;
}

void
charter_names(const struct charter *charter, struct name_set *out)
{
	out->count = charter->count;
	for (size_t i = 0; i < charter->count; i++)
		memcpy(out->names[i], charter->founders[i].name,
		    sizeof(out->names[i]));
}
