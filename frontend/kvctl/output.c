#include "frontend/kvctl/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/codec/base64.h"

void
output_raw(struct slice bytes)
{
	fwrite(bytes.data, 1, bytes.size, stdout);
	if (isatty(STDOUT_FILENO))
		putchar('\n');
}

/* The size of the UTF-8 character that `bytes` begin with; 0 if none. */
static size_t
character_size(struct slice bytes)
{
	uint8_t first = bytes.data[0];
	size_t size = first < 0x80          ? 1
	    : first >= 0xc2 && first < 0xe0 ? 2
	    : first >= 0xe0 && first < 0xf0 ? 3
	    : first >= 0xf0 && first < 0xf5 ? 4
					    : 0;

	if (size > bytes.size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((bytes.data[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

void
output_escaped(struct slice bytes)
{
	while (bytes.size > 0) {
		size_t size = character_size(bytes);
		uint8_t byte = bytes.data[0];

		if (byte == '\\')
			fputs("\\\\", stdout);
		else if (byte == '\t')
			fputs("\\t", stdout);
		else if (byte == '\n')
			fputs("\\n", stdout);
		else if (byte == '\r')
			fputs("\\r", stdout);
		else if (size == 0 || byte < ' ' || byte == 0x7f)
			printf("\\x%02x", byte);
		else
			fwrite(bytes.data, 1, size, stdout);
		if (size == 0)
			size = 1;
		bytes.data += size;
		bytes.size -= size;
	}
}

void
output_set(json_t *object, const char *name, struct slice bytes)
{
	json_t *text = json_stringn(
	    bytes.size > 0 ? (const char *)bytes.data : "", bytes.size);
	struct buffer encoded = {0};
	char other_name[32];

	if (text != NULL) {
		CHECK(json_object_set_new(object, name, text) == 0);
		return;
	}
	snprintf(other_name, sizeof(other_name), "%s_b64", name);
	base64_encode(&encoded, bytes);
	text = json_stringn(
	    (const char *)encoded.data + encoded.start, buffer_size(&encoded));
	CHECK(text != NULL);
	CHECK(json_object_set_new(object, other_name, text) == 0);
	buffer_deinit(&encoded);
}

void
output_json(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	CHECK(text != NULL);
	puts(text);
	free(text);
	json_decref(object);
}
