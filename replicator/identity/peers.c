#include "replicator/identity/peers.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

#define PART_BYTES_MAX (NODE_NAME_BYTES_MAX + ADDRESS_HOST_BYTES_MAX + 10)
#define SHOWN_BYTES_MAX 80

static enum status
part_parse(const char *part, struct peer *out, struct error *err)
{
	static const char example[] =
	    "write node2:10002 or node2=10.0.0.2:10002";
	const char *equals = strchr(part, '=');
	const char *address = equals == NULL ? part : equals + 1;
	struct slice name;

	if (value_parse_address(address, &out->address, err) != STATUS_OK)
		return err->code;
	if (strchr(address, '=') != NULL || out->address.is_off ||
	    out->address.host[0] == '\0' || out->address.port == 0)
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" lacks the host or the port of a peer; %s",
		    SHOWN_BYTES_MAX, part, example);
	name = equals == NULL ? slice_of_string(out->address.host)
			      : slice_of(part, (size_t)(equals - part));
	if (!node_name_is_valid(name))
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" gives no proper name of a node (1 to %d letters, "
		    "digits, or any of . _ : -); %s",
		    SHOWN_BYTES_MAX, part, NODE_NAME_BYTES_MAX, example);
	snprintf(out->name, sizeof(out->name), "%.*s", (int)name.size,
	    (const char *)name.data);
	return STATUS_OK;
}

enum status
peers_parse(
    const char *text, const char *self, struct peers *out, struct error *err)
{
	struct name_set names = {0};
	const char *rest = text;
	char part[PART_BYTES_MAX];

	*out = (struct peers){0};
	if (name_set_add(&names, slice_of_string(self), err) != STATUS_OK)
		return err->code;
	do {
		size_t size = strcspn(rest, ",");

		if (size >= sizeof(part))
			return error_set(err, STATUS_INVALID,
			    "\"%.*s...\" is too long for one peer",
			    SHOWN_BYTES_MAX, rest);
		snprintf(part, sizeof(part), "%.*s", (int)size, rest);
		rest += size;
		if (out->count == PEERS_MAX)
			return error_set(err, STATUS_INVALID,
			    "more than %d peers; a cluster has at most %d "
			    "nodes",
			    PEERS_MAX, NODES_MAX);
		if (part_parse(part, &out->peers[out->count], err) != STATUS_OK)
			return err->code;
		if (strcmp(out->peers[out->count].name, self) == 0)
			return error_set(err, STATUS_INVALID,
			    "\"%.*s\" is this node itself; list only the "
			    "others",
			    SHOWN_BYTES_MAX, part);
		if (name_set_add(&names,
			slice_of_string(out->peers[out->count].name),
			err) != STATUS_OK)
			return err->code;
		out->count++;
	} while (*rest++ == ',');
	return STATUS_OK;
}

void
peers_names(const struct peers *peers, const char *self, struct name_set *out)
{
	struct error err;

	*out = (struct name_set){0};
	CHECK(name_set_add(out, slice_of_string(self), &err) == STATUS_OK);
	for (size_t i = 0; i < peers->count; i++)
		CHECK(name_set_add(out, slice_of_string(peers->peers[i].name),
			  &err) == STATUS_OK);
}
