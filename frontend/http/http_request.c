#include "frontend/http/http_request.h"

#include <strings.h>

#define RAW_TYPE "application/octet-stream"
#define JSON_TYPE "application/json"

bool
http_text_is(struct slice text, const char *word)
{
	return text.size == strlen(word) &&
	    strncasecmp((const char *)text.data, word, text.size) == 0;
}

struct slice
http_text_trim(struct slice text)
{
	while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
		text.data++;
		text.size--;
	}
	while (text.size > 0 &&
	    (text.data[text.size - 1] == ' ' ||
		text.data[text.size - 1] == '\t'))
		text.size--;
	return text;
}

/* Takes what is before `separator`, or all, off the front. */
static struct slice
take_until(struct slice *text, char separator)
{
	const uint8_t *end =
	    text->size == 0 ? NULL : memchr(text->data, separator, text->size);
	struct slice part = *text;

	if (end == NULL) {
		*text = SLICE_EMPTY;
		return http_text_trim(part);
	}
	part.size = (size_t)(end - text->data);
	text->data += part.size + 1;
	text->size -= part.size + 1;
	return http_text_trim(part);
}

/*
 * Takes the next element of a list with commas, trimmed, off the front; false
 * at its end. Empty elements are passed over. Commas in quotes are not for it.
 */
static bool
list_next(struct slice *list, struct slice *out)
{
	while (list->size > 0) {
		*out = take_until(list, ',');
		if (out->size > 0)
			return true;
	}
	return false;
}

bool
http_request_is_raw(const struct http_request *request)
{
	struct slice type = request->fields[HTTP_FIELD_CONTENT_TYPE];

	return http_text_is(take_until(&type, ';'), RAW_TYPE);
}

/* The weight of a media range, in thousandths; 1000 if none is given. */
static unsigned
weight_of(struct slice parameters)
{
	while (parameters.size > 0) {
		struct slice parameter = take_until(&parameters, ';');
		unsigned weight = 0;
		unsigned unit = 1000;

		if (parameter.size < 3 || (parameter.data[0] | 0x20) != 'q' ||
		    parameter.data[1] != '=')
			continue;
		for (size_t i = 2; i < parameter.size; i++) {
			uint8_t byte = parameter.data[i];

			if (byte == '.')
				continue;
			if (byte < '0' || byte > '9')
				break;
			weight += (unsigned)(byte - '0') * unit;
			unit /= 10;
		}
		return weight;
	}
	return 1000;
}

bool
http_request_wants_raw(const struct http_request *request)
{
	struct slice ranges = request->fields[HTTP_FIELD_ACCEPT];
	struct slice range;
	unsigned raw = 0;
	unsigned json = 0;

	if (ranges.size < strlen(RAW_TYPE))
		return false;
	while (list_next(&ranges, &range)) {
		struct slice type = take_until(&range, ';');

		if (http_text_is(type, RAW_TYPE))
			raw = weight_of(range);
		else if (http_text_is(type, JSON_TYPE))
			json = weight_of(range);
	}
	return raw > json;
}

bool
http_request_is_foreign(const struct http_request *request)
{
	struct slice origin = request->fields[HTTP_FIELD_ORIGIN];
	struct slice host = request->fields[HTTP_FIELD_HOST];
	struct slice scheme = origin;

	if (origin.data == NULL)
		return false;
	/* The origin is a scheme, "://", and what the page's host line says. */
	if (host.size == 0 || origin.size < host.size + 3)
		return true;
	scheme.size -= host.size;
	return memcmp(scheme.data + scheme.size - 3, "://", 3) != 0 ||
	    strncasecmp((const char *)scheme.data + scheme.size,
		(const char *)host.data, host.size) != 0;
}
