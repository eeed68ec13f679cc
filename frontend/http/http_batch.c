#include "frontend/http/http_batch.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/check.h"
#include "frontend/http/http_conditions.h"
#include "frontend/http/http_json.h"

/* Values and names in the JSON of one item, and some. */
#define JSON_VALUES_PER_ITEM 10u

/* Members of the items of a list of writes. */
static const struct op {
	const char *name;
	enum command_op op;
	const char *const names[9];
} ops[] = {
    {"put", COMMAND_PUT,
	{"op", "key", "key_b64", "value", "value_b64", "ttl", "if_match",
	    "if_none_match", NULL}},
    {"delete", COMMAND_DELETE,
	{"op", "key", "key_b64", "if_match", "if_none_match", NULL}},
    {"increment", COMMAND_INCREMENT,
	{"op", "key", "key_b64", "delta", "if_match", "if_none_match", NULL}},
    {"expire", COMMAND_EXPIRE,
	{"op", "key", "key_b64", "ttl", "if_match", NULL}},
    {"persist", COMMAND_PERSIST, {"op", "key", "key_b64", "if_match", NULL}},
};

/* Puts the item's place before the text of its problem. */
static bool
problem_locate(struct http_problem *problem, const char *list, size_t index)
{
	char detail[HTTP_DETAIL_BYTES_MAX];

	memcpy(detail, problem->detail, sizeof(detail));
	snprintf(problem->detail, sizeof(problem->detail),
	    "%s, item %zu: %.200s", list, index, detail);
	return false;
}

static bool
key_check(struct slice key, const struct http_limits *limits,
    struct http_problem *problem)
{
	if (key.size == 0)
		return http_problem_set_field(
		    problem, 400, "key", "the key is empty");
	if (key.size > limits->key_bytes_max)
		return http_problem_set_limit(
		    problem, 413, "key", "the key", limits->key_bytes_max);
	return true;
}

/* A key by itself, or in an object. */
static bool
key_take(struct http_batch *batch, const json_t *item,
    const struct http_limits *limits, struct slice *key,
    struct http_problem *problem)
{
	static const char *const names[] = {"key", "key_b64", NULL};

	if (json_is_string(item))
		*key = http_json_text(item);
	else if (!json_is_object(item))
		return http_problem_set_field(problem, 400, "get",
		    "it is neither a key nor an object with one");
	else if (!http_json_check_names(item, names, problem) ||
	    !http_json_bytes(
		item, "key", "key_b64", &batch->arena, key, problem))
		return false;
	return key_check(*key, limits, problem);
}

/* if_match and if_none_match, with tags that have no quotes. */
static bool
conditions_take(
    const json_t *item, struct command *command, struct http_problem *problem)
{
	const json_t *match = json_object_get(item, "if_match");
	const json_t *none_match = json_object_get(item, "if_none_match");
	const char *text;

	if (match != NULL && none_match != NULL)
		return http_problem_set_field(problem, 400, "if_none_match",
		    "there are both if_match and if_none_match");
	if (none_match != NULL) {
		text = json_string_value(none_match);
		if (text == NULL || strcmp(text, "*") != 0)
			return http_problem_set_field(problem, 400,
			    "if_none_match", "if_none_match is not \"*\"");
		command->flags |= COMMAND_IF_ABSENT;
		return true;
	}
	if (match == NULL)
		return true;
	text = json_string_value(match);
	if (text != NULL && strcmp(text, "*") == 0) {
		command->flags |= COMMAND_IF_PRESENT;
		return true;
	}
	if (text == NULL ||
	    !http_tag_parse(http_json_text(match), &command->sequence))
		return http_problem_set_field(problem, 400, "if_match",
		    "if_match is neither \"*\" nor an etag like \"123\"");
	command->flags |= COMMAND_IF_SEQUENCE;
	return true;
}

/* What an operation has beside its key and conditions. */
static bool
operands_take(struct http_batch *batch, const json_t *item,
    const struct http_limits *limits, struct command *command,
    struct http_problem *problem)
{
	const json_t *delta = json_object_get(item, "delta");
	uint64_t ttl_ms;

	if (!http_json_ttl(item, &ttl_ms, problem))
		return false;
	if (command->op == COMMAND_EXPIRE && ttl_ms == 0)
		return http_problem_set_field(
		    problem, 400, "ttl", "ttl is missing");
	if (ttl_ms != 0) {
		command->flags |= COMMAND_EXPIRY_RELATIVE;
		command->expiry_ms = (int64_t)ttl_ms;
	}
	if (command->op == COMMAND_INCREMENT) {
		command->delta = delta == NULL ? 1 : json_integer_value(delta);
		return delta == NULL || json_is_integer(delta) ||
		    http_problem_set_field(
			problem, 400, "delta", "delta is no integer");
	}
	if (command->op != COMMAND_PUT)
		return true;
	if (!http_json_bytes(item, "value", "value_b64", &batch->arena,
		&command->value, problem))
		return false;
	return command->value.size <= limits->value_bytes_max ||
	    http_problem_set_limit(
		problem, 413, "value", "the value", limits->value_bytes_max);
}

static bool
command_take(struct http_batch *batch, const json_t *item,
    const struct http_limits *limits, struct command *command,
    struct http_problem *problem)
{
	const char *name = json_string_value(json_object_get(item, "op"));
	const struct op *op = NULL;
	struct error err;

	for (size_t i = 0; name != NULL && i < sizeof(ops) / sizeof(ops[0]);
	     i++)
		if (strcmp(name, ops[i].name) == 0)
			op = &ops[i];
	if (op == NULL)
		return http_problem_set_field(problem, 400, "op",
		    "op is none of put, delete, increment, expire, persist");
	command->op = op->op;
	if (!http_json_check_names(item, op->names, problem) ||
	    !http_json_bytes(item, "key", "key_b64", &batch->arena,
		&command->key, problem) ||
	    !key_check(command->key, limits, problem) ||
	    !conditions_take(item, command, problem) ||
	    !operands_take(batch, item, limits, command, problem))
		return false;
	return command_check(command, &err) == STATUS_OK ||
	    http_problem_set(problem, 400, "%s", err.text);
}

/* Takes every item of the list; `name` is its name. */
static bool
list_take(struct http_batch *batch, const char *name, const json_t *list,
    const struct http_limits *limits, struct http_problem *problem)
{
	size_t bytes = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const json_t *item = json_array_get(list, i);

		if (batch->commands == NULL) {
			if (!key_take(
				batch, item, limits, &batch->keys[i], problem))
				return problem_locate(problem, name, i);
			continue;
		}
		batch->commands[i] = (struct command){0};
		if (!command_take(
			batch, item, limits, &batch->commands[i], problem))
			return problem_locate(problem, name, i);
		bytes += command_size(&batch->commands[i]);
	}
	return bytes <= limits->batch_bytes_max ||
	    http_problem_set_limit(problem, 413, name, "the list of writes",
		limits->batch_bytes_max);
}

bool
http_batch_parse(struct slice body, const struct http_limits *limits,
    struct http_batch *out, struct http_problem *problem)
{
	static const char *const names[] = {"get", "write", NULL};
	const json_t *get;
	const json_t *list;
	const char *name;

	*out = (struct http_batch){0};
	out->document = http_json_load(
	    body, HTTP_BATCH_ITEMS_MAX * JSON_VALUES_PER_ITEM, problem);
	if (out->document == NULL ||
	    !http_json_check_names(out->document, names, problem))
		return false;
	get = json_object_get(out->document, "get");
	list = json_object_get(out->document, "write");
	if ((get == NULL) == (list == NULL))
		return http_problem_set_field(problem, 400, "body",
		    "the body must have a list \"get\" or a list \"write\"");
	name = get != NULL ? "get" : "write";
	list = get != NULL ? get : list;
	if (!json_is_array(list) || json_array_size(list) == 0)
		return http_problem_set_field(
		    problem, 400, name, "%s is no list with items", name);
	out->count = json_array_size(list);
	if (out->count > HTTP_BATCH_ITEMS_MAX) {
		http_problem_set_field(problem, 413, name,
		    "%s has more than %u items", name, HTTP_BATCH_ITEMS_MAX);
		problem->limit = HTTP_BATCH_ITEMS_MAX;
		return false;
	}
	if (get != NULL)
		out->keys =
		    arena_new(&out->arena, out->count * sizeof(out->keys[0]));
	else
		out->commands = arena_new(
		    &out->arena, out->count * sizeof(out->commands[0]));
	return list_take(out, name, list, limits, problem);
}

void
http_batch_deinit(struct http_batch *batch)
{
	json_decref(batch->document);
	arena_deinit(&batch->arena);
	*batch = (struct http_batch){0};
}

void
http_batch_write_results(struct buffer *out, const uint8_t *done,
    const struct reply_group *group, struct reply_cursor *commands)
{
	struct reply_command result;

	buffer_printf(out, "{\"results\":[");
	for (uint32_t i = 0; i < group->command_count; i++) {
		CHECK(reply_cursor_next_command(commands, &result));
		if (i > 0)
			buffer_append_byte(out, ',');
		switch ((enum command_op)done[i]) {
		case COMMAND_PUT:
			buffer_printf(out, "{\"etag\":\"%" PRIu64 "\"}",
			    group->sequence + i);
			break;
		case COMMAND_INCREMENT:
			buffer_printf(out,
			    "{\"etag\":\"%" PRIu64 "\",\"number\":%" PRId64 "}",
			    group->sequence + i, result.integer);
			break;
		case COMMAND_DELETE:
			buffer_printf(out, "{\"deleted\":%s}",
			    result.affected ? "true" : "false");
			break;
		default:
			buffer_printf(out, "{\"changed\":%s}",
			    result.affected ? "true" : "false");
		}
	}
	buffer_printf(out, "]}\n");
}
