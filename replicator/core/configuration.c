#include "replicator/core/configuration.h"

#include <string.h>

#include "common/base/check.h"
#include "common/codec/integer.h"

#define ENCODING_VERSION 1
#define HEADER_BYTES 9 /* version, count */

/* What follows a member's name and its NUL. */
#define ROLE_BYTES 1

struct server *
configuration_find(struct configuration *configuration, uint64_t id)
{
	for (size_t i = 0; i < configuration->count; i++) {
		if (configuration->servers[i].id == id)
			return &configuration->servers[i];
	}
	return NULL;
}

size_t
configuration_voter_count(const struct configuration *configuration)
{
	size_t voters = 0;

	for (size_t i = 0; i < configuration->count; i++)
		voters += configuration->servers[i].role == SERVER_VOTER;
	return voters;
}

void
configuration_encode(
    const struct configuration *configuration, struct buffer *out)
{
	size_t begun = buffer_size(out);
	uint8_t number[sizeof(uint64_t)];

	buffer_append_byte(out, ENCODING_VERSION);
	u64_store(number, configuration->count);
	buffer_append(out, number, sizeof(number));
	for (size_t i = 0; i < configuration->count; i++) {
		const struct server *server = &configuration->servers[i];

		u64_store(number, server->id);
		buffer_append(out, number, sizeof(number));
		buffer_append(out, server->name, strlen(server->name) + 1);
		buffer_append_byte(out, (uint8_t)server->role);
	}
	while ((buffer_size(out) - begun) % sizeof(uint64_t) != 0)
		buffer_append_byte(out, 0);
}

static enum status
bad(struct error *err, const char *what)
{
	return error_set(err, STATUS_CORRUPT, "the configuration %s", what);
}

/* Takes one member from the front of `bytes`. */
static enum status
take_server(struct slice *bytes, struct configuration *out, struct error *err)
{
	struct server *server = &out->servers[out->count];
	const uint8_t *end;
	size_t name_size;

	if (bytes->size < sizeof(uint64_t))
		return bad(err, "ends within a member");
	server->id = u64_load(bytes->data);
	*bytes = slice_of(
	    bytes->data + sizeof(uint64_t), bytes->size - sizeof(uint64_t));
	end = memchr(bytes->data, 0, bytes->size);
	name_size = end == NULL ? 0 : (size_t)(end - bytes->data);
	if (end == NULL || name_size + 1 + ROLE_BYTES > bytes->size)
		return bad(err, "ends within a member");
	if (name_size == 0 || name_size > SERVER_NAME_BYTES_MAX)
		return bad(err, "has a member with a name of a wrong size");
	memcpy(server->name, bytes->data, name_size + 1);
	if (end[1] > SERVER_SPARE)
		return bad(err, "has a member of an unknown role");
	server->role = (enum server_role)end[1];
	*bytes = slice_of(
	    end + 1 + ROLE_BYTES, bytes->size - name_size - 1 - ROLE_BYTES);
	if (server->id == 0)
		return bad(err, "has a member without an id");
	for (size_t i = 0; i < out->count; i++) {
		if (out->servers[i].id == server->id ||
		    strcmp(out->servers[i].name, server->name) == 0)
			return bad(err, "has a member twice");
	}
	out->count++;
	return STATUS_OK;
}

enum status
configuration_decode(
    struct slice bytes, struct configuration *out, struct error *err)
{
	struct slice rest = bytes;
	uint64_t count;

	*out = (struct configuration){.count = 0};
	if (rest.size < HEADER_BYTES || rest.data[0] != ENCODING_VERSION)
		return bad(err, "is of an unknown version");
	count = u64_load(rest.data + 1);
	if (count == 0 || count > CONFIGURATION_SERVERS_MAX)
		return bad(err, "has a wrong number of members");
	rest = slice_of(rest.data + HEADER_BYTES, rest.size - HEADER_BYTES);
	while (out->count < count) {
		if (take_server(&rest, out, err) != STATUS_OK)
			return err->code;
	}
	if (bytes.size % sizeof(uint64_t) != 0 || rest.size >= sizeof(uint64_t))
		return bad(err, "has a wrong size");
	for (size_t i = 0; i < rest.size; i++) {
		if (rest.data[i] != 0)
			return bad(err, "is padded with something");
	}
	return STATUS_OK;
}
