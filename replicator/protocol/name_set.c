#include "replicator/protocol/name_set.h"

#include <string.h>

#include "common/codec/append.h"

#define SHOWN_BYTES_MAX 70

bool
node_name_is_valid(struct slice name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._:-";

	if (name.size == 0 || name.size > NODE_NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < name.size; i++) {
		if (memchr(allowed, name.data[i], sizeof(allowed) - 1) == NULL)
			return false;
	}
	return true;
}

static struct slice
name_at(const struct name_set *set, size_t index)
{
	return slice_of_string(set->names[index]);
}

enum status
name_set_add(struct name_set *set, struct slice name, struct error *err)
{
	int shown =
	    name.size < SHOWN_BYTES_MAX ? (int)name.size : SHOWN_BYTES_MAX;
	size_t place = 0;

	if (!node_name_is_valid(name))
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" is no name of a node: it takes 1 to %d letters, "
		    "digits, or any of . _ : -",
		    shown, (const char *)name.data, NODE_NAME_BYTES_MAX);
	if (set->count == NODES_MAX)
		return error_set(err, STATUS_INVALID,
		    "more than %d nodes; a cluster has at most as many",
		    NODES_MAX);
	while (
	    place < set->count && slice_compare(name_at(set, place), name) < 0)
		place++;
	if (place < set->count && slice_equal(name_at(set, place), name))
		return error_set(err, STATUS_INVALID,
		    "node \"%.*s\" is there twice", shown,
		    (const char *)name.data);
	memmove(set->names + place + 1, set->names + place,
	    (set->count - place) * sizeof(set->names[0]));
	memcpy(set->names[place], name.data, name.size);
	set->names[place][name.size] = '\0';
	set->count++;
	return STATUS_OK;
}

bool
name_set_equal(const struct name_set *a, const struct name_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->names[i], b->names[i]) != 0)
			return false;
	}
	return true;
}

void
name_set_print(const struct name_set *set, struct buffer *out)
{
	for (size_t i = 0; i < set->count; i++)
		buffer_printf(out, "%s%s", i > 0 ? ", " : "", set->names[i]);
}

void
name_set_compare(const struct name_set *listed, const struct name_set *members,
    struct buffer *out)
{
	const char *separator = "";
	size_t i = 0;
	size_t j = 0;

	while (i < listed->count || j < members->count) {
		int order = i == listed->count ? 1
		    : j == members->count
		    ? -1
		    : strcmp(listed->names[i], members->names[j]);

		if (order < 0)
			buffer_printf(out, "%s%s is listed and no member",
			    separator, listed->names[i]);
		else if (order > 0)
			buffer_printf(out, "%s%s is a member and not listed",
			    separator, members->names[j]);
		if (order != 0)
			separator = "; ";
		i += order <= 0;
		j += order >= 0;
	}
}

void
name_set_encode(const struct name_set *set, struct buffer *out)
{
	u32_append(out, (uint32_t)set->count);
	for (size_t i = 0; i < set->count; i++)
		sized_append(out, name_at(set, i));
}

bool
node_name_take(struct slice *input, char out[NODE_NAME_BYTES_MAX + 1])
{
	struct slice name;

	if (!sized_take(input, &name) || !node_name_is_valid(name))
		return false;
	memcpy(out, name.data, name.size);
	out[name.size] = '\0';
	return true;
}

bool
name_set_take(struct slice *input, struct name_set *out)
{
	uint32_t count;

	if (!u32_take(input, &count) || count > NODES_MAX)
		return false;
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!node_name_take(input, out->names[i]))
			return false;
		if (i > 0 && strcmp(out->names[i - 1], out->names[i]) >= 0)
			return false;
	}
	return true;
}
