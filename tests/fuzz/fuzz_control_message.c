/*
 * Messages between the supervisor and a worker, and the settings in them. What
 * decodes encodes to the same bytes; what parses as settings, written again,
 * parses to the same settings.
 */
#include <stdlib.h>

#include "common/worker/control_message.h"
#include "common/worker/settings.h"
#include "tests/fuzz/fuzz.h"

/* Writes each line's setting, as it was read, to a text of its own. */
static void
write_again(const struct settings *settings, struct slice text)
{
	struct buffer again = {0};
	struct settings *reread;
	struct slice rest = text;
	struct error err;

	while (rest.size > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		size_t size = (size_t)(end - rest.data) + 1;
		const uint8_t *equals = memchr(rest.data, '=', size);
		char *key = strndup(
		    (const char *)rest.data, (size_t)(equals - rest.data));

		CHECK(settings_has(settings, key));
		settings_add(&again, key, "%s", settings_string(settings, key));
		free(key);
		rest = slice_of(rest.data + size, rest.size - size);
	}
	/* Escapes have one form each, so the text is the same as well. */
	CHECK(slice_equal(text, buffer_slice(&again)));
	CHECK(settings_parse(buffer_slice(&again), &reread, &err) == STATUS_OK);
	settings_close(reread);
	buffer_deinit(&again);
}

static void
parse_settings(struct slice text)
{
	struct settings *settings;
	struct error err;

	if (settings_parse(text, &settings, &err) != STATUS_OK) {
		CHECK(settings == NULL);
		return;
	}
	write_again(settings, text);
	settings_close(settings);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of(data, size);
	struct control_message message;
	struct buffer again = {0};
	struct error err;

	parse_settings(bytes);
	if (control_message_decode(bytes, &message, &err) == STATUS_OK) {
		control_message_encode(&again, message.type, message.payload);
		CHECK(slice_equal(bytes, buffer_slice(&again)));
		parse_settings(message.payload);
	}
	buffer_deinit(&again);
	return 0;
}
