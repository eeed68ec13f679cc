#include "supervisor/json.h"

void
json_append_string(struct buffer *out, const char *text)
{
	buffer_append_byte(out, '"');
	for (; *text != '\0'; text++) {
		uint8_t byte = (uint8_t)*text;

		if (byte == '"' || byte == '\\')
			buffer_printf(out, "\\%c", byte);
		else if (byte < ' ' || byte == 0x7f)
			buffer_printf(out, "\\u%04x", byte);
		else
			buffer_append_byte(out, byte);
	}
	buffer_append_byte(out, '"');
}
