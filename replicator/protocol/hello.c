#include "replicator/protocol/hello.h"

#include <string.h>

#include "common/codec/append.h"

void
hello_encode(const struct hello *hello, struct buffer *out)
{
	u64_append(out, hello->number);
	u64_append(out, hello->echo);
	u64_append(out, hello->echo_incarnation);
	u32_append(out, hello->settings.election_timeout_ms);
	u32_append(out, hello->settings.heartbeat_ms);
	u32_append(out, hello->settings.quorum_size);
	sized_append(out, slice_of_string(hello->name));
	sized_append(out, slice_of_string(hello->address));
	sized_append(out, slice_of_string(hello->software));
	name_set_encode(&hello->names, out);
}

/* Printable, and without blanks: it goes into logs and messages. */
static bool
text_take(struct slice *input, char *out, size_t size_max)
{
	struct slice text;

	if (!sized_take(input, &text) || text.size > size_max)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
			return false;
	}
	if (text.size > 0)
		memcpy(out, text.data, text.size);
	out[text.size] = '\0';
	return true;
}

enum status
hello_decode(struct slice body, struct hello *out, struct error *err)
{
	struct cluster_settings *settings = &out->settings;

	if (u64_take(&body, &out->number) && u64_take(&body, &out->echo) &&
	    u64_take(&body, &out->echo_incarnation) &&
	    u32_take(&body, &settings->election_timeout_ms) &&
	    u32_take(&body, &settings->heartbeat_ms) &&
	    u32_take(&body, &settings->quorum_size) &&
	    node_name_take(&body, out->name) &&
	    text_take(&body, out->address, HELLO_ADDRESS_BYTES_MAX) &&
	    text_take(&body, out->software, HELLO_SOFTWARE_BYTES_MAX) &&
	    name_set_take(&body, &out->names) && body.size == 0)
		return STATUS_OK;
	return error_set(err, STATUS_CORRUPT, "malformed HELLO");
}
