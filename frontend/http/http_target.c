#include "frontend/http/http_target.h"

#include <strings.h>
#include <sys/types.h>

#include "common/base/check.h"
#include "frontend/http/http_request.h"

#define RESERVED "-/"
#define PLAIN "-/kv/"

static int
digit_of(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Writes at most text.size bytes to `to`; -1 at a '%' that is no escape. */
static ssize_t
decode(uint8_t *to, struct slice text, bool plus_is_blank)
{
	uint8_t *start = to;

	for (size_t i = 0; i < text.size; i++) {
		int high;
		int low;

		if (text.data[i] == '+' && plus_is_blank) {
			*to++ = ' ';
			continue;
		}
		if (text.data[i] != '%') {
			*to++ = text.data[i];
			continue;
		}
		if (text.size - i < 3)
			return -1;
		high = digit_of(text.data[i + 1]);
		low = digit_of(text.data[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		*to++ = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return to - start;
}

/* Cuts off the scheme and host of a target as proxies get it. */
static struct slice
origin_form(struct slice target)
{
	static const char scheme[] = "http://";
	const uint8_t *slash;

	if (target.size < sizeof(scheme) - 1 || target.data[0] == '/' ||
	    strncasecmp(
		(const char *)target.data, scheme, sizeof(scheme) - 1) != 0)
		return target;
	target.data += sizeof(scheme) - 1;
	target.size -= sizeof(scheme) - 1;
	slash = target.size == 0 ? NULL : memchr(target.data, '/', target.size);
	if (slash == NULL)
		return slice_of("/", 1);
	target.size -= (size_t)(slash - target.data);
	target.data = slash;
	return target;
}

/* True if there are bytes that may not stand in a target. */
static bool
is_unclean(struct slice target)
{
	for (size_t i = 0; i < target.size; i++)
		if (target.data[i] <= ' ' || target.data[i] == 0x7f ||
		    target.data[i] == '#')
			return true;
	return false;
}

/* Finds out what a decoded path names. */
static bool
resource_find(struct slice path, size_t key_bytes_max, struct http_target *out,
    struct http_problem *problem)
{
	static const struct {
		const char *path;
		enum http_resource resource;
	} others[] = {
	    {"-/keys", HTTP_RESOURCE_KEYS},
	    {"-/batch", HTTP_RESOURCE_BATCH},
	    {"-/openapi.json", HTTP_RESOURCE_OPENAPI},
	};

	out->resource = HTTP_RESOURCE_KEY;
	if (path.size >= 2 && path.data[0] == '-' && path.data[1] == '/') {
		for (size_t i = 0; i < 3; i++)
			if (slice_equal(
				path, slice_of_string(others[i].path))) {
				out->resource = others[i].resource;
				return true;
			}
		if (!slice_starts_with(path, slice_of_string(PLAIN)))
			return http_problem_set(problem, 404,
			    "below /-/ there are only kv/{key}, keys, batch "
			    "and openapi.json");
		path.data += strlen(PLAIN);
		path.size -= strlen(PLAIN);
	}
	if (path.size == 0)
		return http_problem_set_field(problem, 400, "key",
		    "the key is empty: a key follows the slash, as in /mykey "
		    "(/-/openapi.json describes everything)");
	if (path.size > key_bytes_max)
		return http_problem_set_limit(
		    problem, 414, "key", "the key", key_bytes_max);
	out->key = path;
	return true;
}

bool
http_target_parse(struct slice target, size_t key_bytes_max,
    struct buffer *scratch, struct http_target *out,
    struct http_problem *problem)
{
	struct slice path = origin_form(target);
	const uint8_t *mark;
	ssize_t size;

	if (path.size == 0 || path.data[0] != '/' || is_unclean(path))
		return http_problem_set_field(problem, 400, "target",
		    "the target must be a path from the root, with what is "
		    "special in it as %%XX");
	out->query = SLICE_EMPTY;
	mark = memchr(path.data, '?', path.size);
	if (mark != NULL) {
		out->query = slice_of(
		    mark + 1, path.size - (size_t)(mark + 1 - path.data));
		path.size = (size_t)(mark - path.data);
	}
	path.data++;
	path.size--;
	if (path.size > 0 && memchr(path.data, '%', path.size) != NULL) {
		/* With room for the query, or the key would move later. */
		uint8_t *to =
		    buffer_reserve(scratch, path.size + out->query.size);

		size = decode(to, path, false);
		if (size < 0)
			return http_problem_set_field(problem, 400, "target",
			    "a %% in the path is not followed by two "
			    "hexadecimal digits");
		buffer_commit(scratch, (size_t)size);
		path = slice_of(to, (size_t)size);
	}
	return resource_find(path, key_bytes_max, out, problem);
}

/* Decodes a part of a query into `scratch`, which has room. */
static bool
query_decode(struct slice *part, struct buffer *scratch)
{
	uint8_t *to = scratch->data + scratch->end;
	ssize_t size = decode(to, *part, true);

	if (size < 0)
		return false;
	buffer_commit(scratch, (size_t)size);
	*part = slice_of(to, (size_t)size);
	return true;
}

enum http_query_step
http_query_next(struct slice *query, struct buffer *scratch,
    struct http_parameter *out, struct http_problem *problem)
{
	struct slice pair;
	const uint8_t *end;

	do {
		if (query->size == 0)
			return HTTP_QUERY_END;
		/* Room for all that is left: nothing moves afterwards. */
		buffer_reserve(scratch, query->size);
		pair = *query;
		end = memchr(query->data, '&', query->size);
		if (end != NULL)
			pair.size = (size_t)(end - query->data);
		query->data += pair.size + (end != NULL);
		query->size -= pair.size + (end != NULL);
	} while (pair.size == 0);
	end = memchr(pair.data, '=', pair.size);
	out->name = pair;
	out->value = SLICE_EMPTY;
	if (end != NULL) {
		out->name.size = (size_t)(end - pair.data);
		out->value = slice_of(
		    end + 1, pair.size - (size_t)(end + 1 - pair.data));
	}
	if (query_decode(&out->name, scratch) &&
	    query_decode(&out->value, scratch))
		return HTTP_QUERY_PARAMETER;
	http_problem_set_field(problem, 400, "query",
	    "a %% in the query is not followed by two hexadecimal digits");
	return HTTP_QUERY_BAD;
}

void
http_target_escape(struct buffer *out, struct slice bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	uint8_t *to = buffer_reserve(out, 3 * bytes.size);
	uint8_t *start = to;

	for (size_t i = 0; i < bytes.size; i++) {
		uint8_t byte = bytes.data[i];
		uint8_t letter = byte | 0x20;

		if ((letter >= 'a' && letter <= 'z') ||
		    (byte >= '0' && byte <= '9') || byte == '-' ||
		    byte == '.' || byte == '_' || byte == '~' || byte == '/') {
			*to++ = byte;
			continue;
		}
		*to++ = '%';
		*to++ = (uint8_t)digits[byte >> 4];
		*to++ = (uint8_t)digits[byte & 15];
	}
	buffer_commit(out, (size_t)(to - start));
}
