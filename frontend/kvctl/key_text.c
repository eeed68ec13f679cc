#include "frontend/kvctl/key_text.h"

#include <string.h>

/* The value of a hexadecimal digit, or -1. */
static int
digit_value(char digit)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *place = digit == '\0' ? NULL : strchr(digits, digit);

	return place == NULL ? -1 : (int)((place - digits) % 16);
}

enum status
key_text_decode(const char *text, struct buffer *out, struct error *err)
{
	static const char names[] = "tnr\\";
	static const char bytes[] = "\t\n\r\\";

	while (*text != '\0') {
		const char *name;

		if (*text != '\\') {
			buffer_append_byte(out, (uint8_t)*text++);
			continue;
		}
		name = text[1] == '\0' ? NULL : strchr(names, text[1]);
		if (name != NULL) {
			buffer_append_byte(out, (uint8_t)bytes[name - names]);
			text += 2;
		} else if (text[1] == 'x' && digit_value(text[2]) >= 0 &&
		    digit_value(text[3]) >= 0) {
			buffer_append_byte(out,
			    (uint8_t)(digit_value(text[2]) * 16 +
				digit_value(text[3])));
			text += 4;
		} else {
			return error_set(err, STATUS_INVALID,
			    "with --escaped a backslash stands in \\\\, \\t, "
			    "\\n, \\r and \\xHH alone, not in %.20s",
			    text);
		}
	}
	return STATUS_OK;
}
