#include "frontend/http/http_json.h"

#include "common/base/buffer.h"
#include "common/base/mem.h"
#include "common/codec/base64.h"
#include "frontend/http/http_ttl.h"

/* Names of members that a message lists. */
#define NAMES_BYTES_MAX 160

/* About how many values and names there are: each follows one of these. */
static size_t
values_count(struct slice text)
{
	size_t count = 0;
	bool is_inside = false;

	for (size_t i = 0; i < text.size; i++) {
		uint8_t byte = text.data[i];

		if (byte == '"')
			is_inside = !is_inside;
		else if (is_inside && byte == '\\')
			i++;
		else if (!is_inside &&
		    (byte == ',' || byte == ':' || byte == '[' || byte == '{'))
			count++;
	}
	return count;
}

json_t *
http_json_load(
    struct slice text, size_t values_max, struct http_problem *problem)
{
	json_error_t error;
	json_t *root;

	if (text.size == 0) {
		http_problem_set_field(problem, 400, "body",
		    "the body is empty where a JSON object is expected");
		return NULL;
	}
	if (values_count(text) > values_max) {
		http_problem_set_field(problem, 413, "body",
		    "the body has more than %zu JSON values", values_max);
		problem->limit = values_max;
		return NULL;
	}
	root = json_loadb((const char *)text.data, text.size,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (root == NULL) {
		http_problem_set_field(problem, 400, "body",
		    "the body is no JSON: line %d, column %d: %.120s",
		    error.line, error.column, error.text);
		return NULL;
	}
	if (!json_is_object(root)) {
		http_problem_set_field(
		    problem, 400, "body", "the body is no JSON object");
		json_decref(root);
		return NULL;
	}
	return root;
}

bool
http_json_check_names(const json_t *object, const char *const *names,
    struct http_problem *problem)
{
	char known[NAMES_BYTES_MAX];
	size_t size = 0;
	const char *name;
	json_t *value;
	const char *const *each;

	json_object_foreach((json_t *)object, name, value)
	{
		for (each = names; *each != NULL; each++)
			if (strcmp(*each, name) == 0)
				break;
		if (*each != NULL)
			continue;
		for (each = names; *each != NULL; each++)
			size += (size_t)snprintf(known + size,
			    size < sizeof(known) ? sizeof(known) - size : 0,
			    "%s%s", each == names ? "" : ", ", *each);
		return http_problem_set_field(problem, 400, "body",
		    "there is no member %.40s here; there may be %s", name,
		    known);
	}
	return true;
}

struct slice
http_json_text(const json_t *string)
{
	return slice_of(json_string_value(string), json_string_length(string));
}

static bool
base64_take(const json_t *string, const char *name, struct arena *arena,
    struct slice *out, struct http_problem *problem)
{
	struct buffer bytes = {0};
	bool ok = json_is_string(string) &&
	    base64_decode(&bytes, http_json_text(string));

	if (ok)
		*out = arena_dup(arena, buffer_slice(&bytes));
	buffer_deinit(&bytes);
	return ok ||
	    http_problem_set_field(problem, 400, name,
		"%s is no string of base64 with padding", name);
}

bool
http_json_bytes(const json_t *object, const char *name, const char *name_b64,
    struct arena *arena, struct slice *out, struct http_problem *problem)
{
	const json_t *text = json_object_get(object, name);
	const json_t *base64 = json_object_get(object, name_b64);

	if (text != NULL && base64 != NULL)
		return http_problem_set_field(problem, 400, name,
		    "there are both %s and %s", name, name_b64);
	if (base64 != NULL)
		return base64_take(base64, name_b64, arena, out, problem);
	if (text == NULL)
		return http_problem_set_field(problem, 400, name,
		    "%s is missing (or %s, for bytes that are no UTF-8)", name,
		    name_b64);
	if (!json_is_string(text))
		return http_problem_set_field(
		    problem, 400, name, "%s is no string", name);
	*out = http_json_text(text);
	return true;
}

bool
http_json_ttl(const json_t *object, uint64_t *ms, struct http_problem *problem)
{
	const json_t *ttl = json_object_get(object, "ttl");

	*ms = 0;
	if (ttl == NULL || json_is_null(ttl))
		return true;
	/* What is no number counts as 0, which is refused. */
	return http_ttl_take(json_number_value(ttl), ms, problem);
}
