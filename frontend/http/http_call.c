#include "frontend/http/http_call.h"

#include <inttypes.h>

#include "common/base/mem.h"
#include "common/command/limits.h"
#include "common/lsm/view/view_reader.h"
#include "frontend/gate/gate.h"
#include "frontend/http/http_batch.h"
#include "frontend/http/http_conditions.h"
#include "frontend/http/http_connection.h"
#include "frontend/http/http_list.h"
#include "frontend/http/http_put.h"
#include "frontend/http/openapi.h"

/* When a client may try again what failed for a while. */
#define RETRY_AFTER_S 1
/* A full disk is not emptied in a moment. */
#define RETRY_FULL_S 5

/* Values that one reply to many reads may carry. */
#define VALUES_BYTES_MAX (16u << 20)

static enum metric_reason
reason_of(const struct http_problem *problem)
{
	switch (problem->status) {
	case 413:
	case 414:
	case 431:
		return METRIC_REASON_TOO_LARGE;
	case 500:
		return METRIC_REASON_CORRUPT;
	case 507:
		return METRIC_REASON_NO_SPACE;
	case 503:
		return problem->outcome == HTTP_OUTCOME_UNKNOWN
		    ? METRIC_REASON_UNKNOWN
		    : METRIC_REASON_UNAVAILABLE;
	default:
		return METRIC_REASON_INVALID;
	}
}

void
http_call_count_problem(const struct http_problem *problem)
{
	/* An absent key and a condition that is not met are no errors. */
	if (problem->status != 404 && problem->status != 412)
		front_count_error(reason_of(problem), METRIC_PROTOCOL_HTTP);
}

enum http_call_outcome
http_call_refuse(struct http_call *call)
{
	if (!call->may_reply)
		return HTTP_CALL_AWAITS_RESULTS;
	http_call_count_problem(&call->problem);
	http_reply_problem(&call->reply, &call->problem);
	return HTTP_CALL_REPLIED;
}

static enum http_call_outcome
refuse_method(struct http_call *call, const char *allow)
{
	http_problem_set(
	    &call->problem, 405, "the methods for this target are %s", allow);
	call->problem.allow = allow;
	return http_call_refuse(call);
}

void
http_call_fail(struct http_problem *problem, const struct error *err)
{
	switch (err->code) {
	case STATUS_BUSY:
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT:
	case STATUS_NOT_LEADER:
	case STATUS_SHUTDOWN:
		http_problem_set(problem, 503, "%s", err->text);
		problem->retry_after_s = RETRY_AFTER_S;
		break;
	case STATUS_NO_SPACE:
		http_problem_set(problem, 507, "%s", err->text);
		problem->retry_after_s = RETRY_FULL_S;
		break;
	default:
		http_problem_set(problem, 500, "%s", err->text);
	}
}

static enum http_call_outcome
fail(struct http_call *call, const struct error *err)
{
	http_call_fail(&call->problem, err);
	return http_call_refuse(call);
}

enum status
http_call_refresh(struct http_connection *connection, struct error *err)
{
	struct http_door *door = connection->door;

	if (door->is_fresh)
		return STATUS_OK;
	if (front_refresh(door->front, err) != STATUS_OK)
		return err->code;
	door->is_fresh = true;
	return STATUS_OK;
}

/* False, and the problem is set, if there is a query. */
static bool
check_no_query(struct http_call *call)
{
	return call->target.query.size == 0 ||
	    http_problem_set_field(&call->problem, 400, "query",
		"this request takes no parameters");
}

static enum http_call_outcome
run_get(struct http_call *call)
{
	const struct http_request *request = call->request;
	struct http_door *door = call->connection->door;
	struct entry entry;
	enum lookup found;
	struct error err;

	if (!call->may_reply)
		return HTTP_CALL_AWAITS_RESULTS;
	if (!check_no_query(call))
		return http_call_refuse(call);
	if (http_call_refresh(call->connection, &err) != STATUS_OK ||
	    view_reader_get(door->reader, call->target.key, &entry, &found,
		&err) != STATUS_OK)
		return fail(call, &err);
	door->gets++;
	if (found == LOOKUP_ABSENT) {
		http_problem_set_field(&call->problem, 404, "key",
		    "there is no such key, or it has expired");
		return http_call_refuse(call);
	}
	switch (
	    http_conditions_judge(request, entry.sequence, &call->problem)) {
	case HTTP_VERDICT_FAILED:
		return http_call_refuse(call);
	case HTTP_VERDICT_NOT_MODIFIED:
		http_reply_empty(&call->reply, 304, entry.sequence);
		return HTTP_CALL_REPLIED;
	case HTTP_VERDICT_GO:
		break;
	}
	http_reply_entry(&call->reply, &entry, view_reader_now_ms(door->reader),
	    http_request_wants_raw(request));
	return HTTP_CALL_REPLIED;
}

/* Sends a group to the gate; its reply will be made from `like`. */
static enum http_call_outcome
submit(struct http_call *call, const struct command *commands, size_t count,
    const struct http_pending *like)
{
	struct http_connection *connection = call->connection;
	struct http_door *door = connection->door;
	struct error err;

	if (connection->pending_count >= HTTP_PENDING_MAX)
		return HTTP_CALL_AWAITS_ROOM;
	/* While the gate takes nothing there is no room to wait for. */
	if (!front_has_room(door->front) && gate_is_open(door->gate)) {
		door->needs_room = true;
		return HTTP_CALL_AWAITS_ROOM;
	}
	switch (front_submit(
	    door->front, commands, count, &connection->writer, &err)) {
	case STATUS_OK:
		break;
	case STATUS_INVALID:
		http_problem_set(&call->problem, 413, "%s", err.text);
		call->problem.outcome = HTTP_OUTCOME_NOT_APPLIED;
		return http_call_refuse(call);
	default:
		http_call_fail(&call->problem, &err);
		call->problem.outcome = HTTP_OUTCOME_NOT_APPLIED;
		return http_call_refuse(call);
	}
	call->pending = mem_new(sizeof(*call->pending));
	*call->pending = *like;
	call->pending->is_old = call->reply.is_old;
	call->pending->closes = call->reply.closes;
	call->pending->arrived_ns = loop_now_ns(door->loop);
	if (like->operation == METRIC_OPERATION_BATCH) {
		call->pending->ops = mem_new(count);
		for (size_t i = 0; i < count; i++)
			call->pending->ops[i] = (uint8_t)commands[i].op;
	}
	return HTTP_CALL_SUBMITTED;
}

/* A page of another site must not write here through somebody's browser. */
static bool
check_origin(struct http_call *call)
{
	return !http_request_is_foreign(call->request) ||
	    http_problem_set_field(&call->problem, 403, "Origin",
		"pages of other sites may not write here");
}

/* PUT and DELETE of a key. */
static enum http_call_outcome
run_write(struct http_call *call)
{
	const struct http_request *request = call->request;
	struct http_door *door = call->connection->door;
	struct command command = {.key = call->target.key};
	struct http_pending pending = {0};
	struct http_put put = {.value = SLICE_EMPTY};
	enum http_call_outcome outcome;
	bool ok = check_origin(call) &&
	    http_conditions_take(request, &command, &call->problem);

	if (request->verb == HTTP_VERB_PUT) {
		command.op = COMMAND_PUT;
		pending.operation = METRIC_OPERATION_PUT;
		ok = ok &&
		    http_put_parse(request, call->target.query, &door->limits,
			&door->scratch, &door->arena, &put, &call->problem);
	} else {
		command.op = COMMAND_DELETE;
		pending.operation = METRIC_OPERATION_DELETE;
		ok = ok && check_no_query(call);
	}
	pending.is_creation = (command.flags & COMMAND_IF_ABSENT) != 0;
	command.value = put.value;
	if (put.ttl_ms != 0) {
		command.flags |= COMMAND_EXPIRY_RELATIVE;
		command.expiry_ms = (int64_t)put.ttl_ms;
	}
	outcome =
	    ok ? submit(call, &command, 1, &pending) : http_call_refuse(call);
	arena_deinit(&door->arena);
	return outcome;
}

static enum http_call_outcome
run_key(struct http_call *call)
{
	switch (call->request->verb) {
	case HTTP_VERB_GET:
	case HTTP_VERB_HEAD:
		return run_get(call);
	case HTTP_VERB_PUT:
	case HTTP_VERB_DELETE:
		return run_write(call);
	default:
		return refuse_method(call, "GET, HEAD, PUT, DELETE");
	}
}

/* One result of a list of reads. */
static void
write_found(struct http_door *door, struct slice key, const struct entry *entry)
{
	struct buffer *body = &door->aside;

	buffer_append_byte(body, '{');
	http_reply_member(body, "key", key);
	if (entry == NULL) {
		buffer_printf(body, ",\"found\":false}");
		return;
	}
	buffer_printf(
	    body, ",\"found\":true,\"etag\":\"%" PRIu64 "\"", entry->sequence);
	if (buffer_size(body) + entry->value.size > VALUES_BYTES_MAX &&
	    entry->value.size > 0) {
		buffer_printf(body, ",\"omitted\":true");
	} else {
		buffer_append_byte(body, ',');
		http_reply_member(body, "value", entry->value);
	}
	http_reply_ttl(body, entry, view_reader_now_ms(door->reader));
	buffer_append_byte(body, '}');
}

/* All of them in one state of the store. */
static enum http_call_outcome
run_reads(struct http_call *call, const struct http_batch *batch)
{
	struct http_door *door = call->connection->door;
	struct entry entry;
	enum lookup found;
	struct error err;

	if (!call->may_reply)
		return HTTP_CALL_AWAITS_RESULTS;
	if (http_call_refresh(call->connection, &err) != STATUS_OK)
		return fail(call, &err);
	buffer_clear(&door->aside, VALUES_BYTES_MAX);
	buffer_printf(&door->aside, "{\"results\":[");
	for (size_t i = 0; i < batch->count; i++) {
		if (view_reader_get(door->reader, batch->keys[i], &entry,
			&found, &err) != STATUS_OK)
			return fail(call, &err);
		if (i > 0)
			buffer_append_byte(&door->aside, ',');
		write_found(door, batch->keys[i],
		    found == LOOKUP_FOUND ? &entry : NULL);
	}
	buffer_printf(&door->aside, "]}\n");
	http_reply_body(&call->reply, buffer_slice(&door->aside));
	buffer_clear(&door->aside, HTTP_LIST_BYTES_MAX);
	front_count(METRIC_OPERATION_BATCH, METRIC_PROTOCOL_HTTP, 0, 1);
	return HTTP_CALL_REPLIED;
}

static enum http_call_outcome
run_batch(struct http_call *call)
{
	static const struct http_pending pending = {
	    .operation = METRIC_OPERATION_BATCH};
	struct http_door *door = call->connection->door;
	enum http_call_outcome outcome;
	struct http_batch batch;

	if (call->request->verb != HTTP_VERB_POST)
		return refuse_method(call, "POST");
	if (!check_origin(call) || !check_no_query(call))
		return http_call_refuse(call);
	if (!http_batch_parse(
		call->request->body, &door->limits, &batch, &call->problem))
		outcome = http_call_refuse(call);
	else if (batch.commands == NULL)
		outcome = run_reads(call, &batch);
	else
		outcome = submit(call, batch.commands, batch.count, &pending);
	http_batch_deinit(&batch);
	return outcome;
}

static enum http_call_outcome
run_keys(struct http_call *call)
{
	if (call->request->verb != HTTP_VERB_GET &&
	    call->request->verb != HTTP_VERB_HEAD)
		return refuse_method(call, "GET, HEAD");
	if (!call->may_reply)
		return HTTP_CALL_AWAITS_RESULTS;
	if (!http_list_create(call->target.query, &call->list, &call->problem))
		return http_call_refuse(call);
	return HTTP_CALL_LISTS;
}

static enum http_call_outcome
run_openapi(struct http_call *call)
{
	if (call->request->verb != HTTP_VERB_GET &&
	    call->request->verb != HTTP_VERB_HEAD)
		return refuse_method(call, "GET, HEAD");
	if (!check_no_query(call))
		return http_call_refuse(call);
	if (!call->may_reply)
		return HTTP_CALL_AWAITS_RESULTS;
	http_reply_body(&call->reply, openapi_document());
	front_count(METRIC_OPERATION_OTHER, METRIC_PROTOCOL_HTTP, 0, 1);
	return HTTP_CALL_REPLIED;
}

enum http_call_outcome
http_call_run(struct http_call *call)
{
	struct http_door *door = call->connection->door;

	buffer_clear(&door->scratch, KEY_BYTES_MAX);
	if (!http_target_parse(call->request->target,
		door->limits.key_bytes_max, &door->scratch, &call->target,
		&call->problem))
		return http_call_refuse(call);
	switch (call->target.resource) {
	case HTTP_RESOURCE_KEY:
		return run_key(call);
	case HTTP_RESOURCE_KEYS:
		return run_keys(call);
	case HTTP_RESOURCE_BATCH:
		return run_batch(call);
	case HTTP_RESOURCE_OPENAPI:
		break;
	}
	return run_openapi(call);
}

/* What a group that was judged and not applied gets. */
static void
judged_problem(struct http_problem *problem, const struct http_pending *pending,
    const struct reply_group *group)
{
	char which[48] = "";

	if (pending->ops != NULL)
		snprintf(
		    which, sizeof(which), " of item %" PRIu32, group->failed);
	switch (group->result) {
	case GROUP_CONDITION_FAILED:
		http_problem_set(
		    problem, 412, "the condition%s is not met", which);
		break;
	case GROUP_NOT_INTEGER:
		http_problem_set(problem, 409,
		    "the value%s to be incremented is no integer", which);
		break;
	case GROUP_OVERFLOW:
		http_problem_set(
		    problem, 409, "the sum%s is beyond 64 bits", which);
		break;
	case GROUP_TOO_LARGE:
		http_problem_set(problem, 413,
		    "the values that the list writes again are too large");
		break;
	default:
		http_problem_set(
		    problem, 503, "there was no room for the result");
		problem->retry_after_s = RETRY_AFTER_S;
	}
	problem->outcome = HTTP_OUTCOME_NOT_APPLIED;
}

static void
unjudged_problem(struct http_problem *problem, const struct gate_result *result)
{
	bool is_unknown = result->outcome == GATE_UNKNOWN;
	unsigned status = 503;

	if (!is_unknown && result->status == STATUS_INVALID)
		status = 400;
	else if (!is_unknown && result->status == STATUS_NO_SPACE)
		status = 507;
	http_problem_set(problem, status, "%s", result->reason);
	problem->outcome =
	    is_unknown ? HTTP_OUTCOME_UNKNOWN : HTTP_OUTCOME_NOT_APPLIED;
	if (status != 400)
		problem->retry_after_s =
		    status == 507 ? RETRY_FULL_S : RETRY_AFTER_S;
}

/* The response to a group that was applied; false if the problem is it. */
static bool
reply_applied(struct buffer *aside, const struct http_pending *pending,
    const struct gate_result *result, const struct http_reply *reply,
    struct http_problem *problem)
{
	struct reply_cursor commands = result->commands;
	struct reply_command command;

	switch (pending->operation) {
	case METRIC_OPERATION_PUT:
		http_reply_empty(reply, pending->is_creation ? 201 : 204,
		    result->group.sequence);
		return true;
	case METRIC_OPERATION_DELETE:
		if (!reply_cursor_next_command(&commands, &command) ||
		    !command.affected)
			return http_problem_set_field(problem, 404, "key",
			    "there is no such key, or it has expired");
		http_reply_empty(reply, 204, 0);
		return true;
	default:
		buffer_clear(aside, HTTP_LIST_BYTES_MAX);
		http_batch_write_results(
		    aside, pending->ops, &result->group, &commands);
		http_reply_body(reply, buffer_slice(aside));
		return true;
	}
}

void
http_call_reply_result(struct buffer *aside, const struct http_pending *pending,
    const struct gate_result *result, const struct http_reply *reply)
{
	struct http_problem problem;

	if (result->outcome != GATE_JUDGED)
		unjudged_problem(&problem, result);
	else if (result->group.result != GROUP_APPLIED)
		judged_problem(&problem, pending, &result->group);
	else if (reply_applied(aside, pending, result, reply, &problem))
		return;
	http_call_count_problem(&problem);
	http_reply_problem(reply, &problem);
}
