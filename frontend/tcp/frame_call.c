#include "frontend/tcp/frame_call.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"
#include "frontend/tcp/tcp_store.h"

enum tcp_class
frame_call_class(const struct frame_request *request)
{
	switch (request->opcode) {
	case FRAME_OPCODE_PING:
	case FRAME_OPCODE_INFO:
		return TCP_CLASS_LOCAL;
	case FRAME_OPCODE_GET:
	case FRAME_OPCODE_STAT:
	case FRAME_OPCODE_MULTI_GET:
	case FRAME_OPCODE_SCAN:
		return TCP_CLASS_READ;
	default:
		return TCP_CLASS_WRITE;
	}
}

/* The status under which the protocol tells a failure of ours. */
static enum frame_status
frame_status_of(enum status status)
{
	switch (status) {
	case STATUS_BUSY:
		return FRAME_STATUS_BUSY;
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT:
	case STATUS_SHUTDOWN:
	case STATUS_UNKNOWN: /* the outcome says so */
		return FRAME_STATUS_UNAVAILABLE;
	case STATUS_NO_SPACE:
		return FRAME_STATUS_NO_SPACE;
	default:
		return FRAME_STATUS_INTERNAL;
	}
}

void
frame_pending_fail(const struct frame_pending *pending, const struct error *err,
    bool is_unknown, uint32_t retry_after_ms, struct buffer *out)
{
	struct frame_failure failure = {
	    .status = frame_status_of(err->code),
	    .outcome =
		is_unknown ? FRAME_OUTCOME_UNKNOWN : FRAME_OUTCOME_NOT_APPLIED,
	    .retry_after_ms = retry_after_ms,
	    .text = slice_of_string(err->text),
	};

	frame_reply_failure(out, pending->opcode, pending->id, &failure);
}

void
frame_read_fail(const struct frame_request *request, const struct error *err,
    struct buffer *out)
{
	struct frame_failure failure = {.status = frame_status_of(err->code),
	    .text = slice_of_string(err->text)};

	frame_reply_failure(
	    out, (uint8_t)request->opcode, request->id, &failure);
}

static enum tcp_outcome
refuse(struct frame_call *call, enum frame_status status, const char *text)
{
	struct frame_failure failure = {
	    .status = status, .text = slice_of_string(text)};

	frame_reply_failure(call->out, (uint8_t)call->request->opcode,
	    call->request->id, &failure);
	return TCP_REPLIED;
}

static enum tcp_outcome
fail(struct frame_call *call, const struct error *err)
{
	frame_read_fail(call->request, err, call->out);
	return TCP_REPLIED;
}

static void
add_number(struct frame_reply_list *list, const char *name, uint64_t value)
{
	char text[24];
	int size = snprintf(text, sizeof(text), "%" PRIu64, value);

	frame_reply_list_add_pair(list, name, slice_of(text, (size_t)size));
}

static enum tcp_outcome
run_info(struct frame_call *call)
{
	const struct tcp_server *server = call->server;
	struct frame_reply_list list;

	frame_reply_list_begin(
	    &list, call->out, FRAME_OPCODE_INFO, call->request->id);
	frame_reply_list_add_pair(
	    &list, "version", slice_of_string(server->version));
	add_number(&list, "protocol", FRAME_VERSION);
	frame_reply_list_add_pair(
	    &list, "node_id", slice_of_string(server->node_id));
	frame_reply_list_add_pair(
	    &list, "store_id", slice_of_string(server->store_id));
	add_number(&list, "key_bytes_max", server->key_bytes_max);
	add_number(&list, "value_bytes_max", server->value_bytes_max);
	add_number(&list, "payload_bytes_max", server->payload_bytes_max);
	add_number(&list, "uptime_ms", server->uptime_ms);
	frame_reply_list_end(&list);
	return TCP_REPLIED;
}

static struct frame_entry
frame_entry_of(const struct tcp_entry *entry)
{
	return (struct frame_entry){
	    .key = entry->key,
	    .value = entry->value,
	    .sequence = entry->sequence,
	    .ttl_ms = entry->ttl_ms,
	    .state = FRAME_KEY_FOUND,
	};
}

/* GET and STAT. */
static enum tcp_outcome
run_get(struct frame_call *call)
{
	const struct frame_request *request = call->request;
	struct tcp_entry found;
	struct frame_entry entry;
	struct error err;
	bool is_found;

	if (call->store->get(call->store->context, request->key, &found,
		&is_found, &err) != STATUS_OK)
		return fail(call, &err);
	if (!is_found)
		return refuse(call, FRAME_STATUS_NOT_FOUND, "");
	entry = frame_entry_of(&found);
	if (request->opcode == FRAME_OPCODE_GET)
		frame_reply_get(call->out, request->id, &entry);
	else
		frame_reply_stat(call->out, request->id, &entry);
	return TCP_REPLIED;
}

/*
 * A reply of items is made aside, in the task: while it takes several runs its
 * bytes must not go out, nor stay if it ends in a failure. Goes on with what
 * is there.
 */
static void
list_resume(struct frame_reply_list *list, struct frame_call *call)
{
	struct tcp_task *task = call->task;

	if (!task->is_started) {
		task->is_started = true;
		frame_reply_list_begin(list, &task->gathered,
		    (uint8_t)call->request->opcode, call->request->id);
		return;
	}
	*list = (struct frame_reply_list){.out = &task->gathered,
	    .count_at = FRAME_HEADER_BYTES,
	    .count = task->next};
}

static enum tcp_outcome
list_finish(struct frame_call *call)
{
	buffer_append_slice(call->out, buffer_slice(&call->task->gathered));
	return TCP_REPLIED;
}

/* Bytes of an item of MULTI_GET beside its value. */
#define VALUE_OVERHEAD_BYTES 21u

/* Tells the store of `first` and the keys behind it. */
static void
prepare(struct frame_call *call, struct slice first, struct slice rest)
{
	struct slice keys[TCP_PREFETCH_MAX] = {first};
	size_t count = 1;

	while (count < TCP_PREFETCH_MAX &&
	    frame_list_next_key(&rest, &keys[count]))
		count++;
	if (count > 1)
		tcp_store_prefetch(call->store, keys, count);
}

static enum tcp_outcome
run_multi_get(struct frame_call *call)
{
	const struct frame_request *request = call->request;
	struct frame_reply_list reply;
	struct slice keys = request->list;
	struct slice key;
	uint32_t done = 0;

	list_resume(&reply, call);
	for (uint32_t i = 0; i < request->count; i++) {
		struct tcp_entry found;
		struct frame_entry entry = {.state = FRAME_KEY_ABSENT};
		struct error err;
		bool is_found;

		CHECK(frame_list_next_key(&keys, &key));
		if (i < call->task->next)
			continue;
		if (done++ == TCP_STEPS_MAX) {
			call->task->next = i;
			return TCP_AGAIN;
		}
		if ((done - 1) % TCP_PREFETCH_MAX == 0)
			prepare(call, key, keys);
		if (call->store->get(call->store->context, key, &found,
			&is_found, &err) != STATUS_OK)
			return fail(call, &err);
		if (is_found)
			entry = frame_entry_of(&found);
		if (i > 0 && is_found &&
		    frame_reply_list_bytes(&reply) + found.value.size +
			    (request->count - i) * VALUE_OVERHEAD_BYTES >
			call->server->payload_bytes_max)
			entry.state = FRAME_KEY_OMITTED;
		frame_reply_list_add_value(&reply, &entry);
	}
	frame_reply_list_end(&reply);
	return list_finish(call);
}

static void
add_entry(void *visitor, const struct tcp_entry *found)
{
	struct frame_entry entry = frame_entry_of(found);

	frame_reply_list_add_entry(visitor, &entry);
}

/* A limit of a scan: what the request says, within what is allowed. */
static uint32_t
scan_limit(uint32_t wanted, uint32_t standard, uint32_t max)
{
	if (wanted == 0)
		return standard;
	return wanted < max ? wanted : max;
}

static enum tcp_outcome
run_scan(struct frame_call *call)
{
	const struct frame_request *request = call->request;
	struct tcp_task *task = call->task;
	struct buffer start = task->resume;
	struct tcp_range range = {
	    .start = task->is_started ? buffer_slice(&start) : request->start,
	    .end = request->end,
	    .keys_only = request->flags & FRAME_KEYS_ONLY,
	    .steps_max = TCP_STEPS_MAX,
	    .entries_max = scan_limit(request->count_max,
		FRAME_SCAN_COUNT_DEFAULT, FRAME_SCAN_COUNT_MAX),
	    .bytes_max = scan_limit(request->bytes_max,
		FRAME_SCAN_BYTES_DEFAULT, FRAME_SCAN_BYTES_MAX),
	};
	struct frame_reply_list reply;
	struct error err;
	bool is_end;
	enum status status;

	list_resume(&reply, call);
	task->resume = (struct buffer){0};
	status = call->store->scan(call->store->context, &range, add_entry,
	    &reply, &task->resume, &is_end, &err);
	buffer_deinit(&start);
	if (status != STATUS_OK)
		return fail(call, &err);
	if (reply.count == 0 && !is_end)
		return TCP_AGAIN;
	frame_reply_list_end_scan(&reply, !is_end, buffer_slice(&task->resume));
	return list_finish(call);
}

static const struct {
	uint8_t frame;
	uint32_t command;
} write_flags[] =
    {
	{FRAME_IF_ABSENT, COMMAND_IF_ABSENT},
	{FRAME_IF_PRESENT, COMMAND_IF_PRESENT},
	{FRAME_IF_SEQUENCE, COMMAND_IF_SEQUENCE},
	{FRAME_KEEP_TTL, COMMAND_KEEP_DEADLINE},
	{FRAME_RETURN_OLD, COMMAND_RETURN_OLD},
},
  expire_flags[] = {
      {FRAME_IF_NO_TTL, COMMAND_EXPIRE_IF_NONE},
      {FRAME_IF_TTL, COMMAND_EXPIRE_IF_SOME},
      {FRAME_IF_LATER, COMMAND_EXPIRE_IF_GREATER},
      {FRAME_IF_SOONER, COMMAND_EXPIRE_IF_LESS},
};

static void
set_expiry(const struct frame_request *request, struct command *command)
{
	if (request->ttl_ms == 0 && !(request->flags & FRAME_TTL_IS_DEADLINE))
		return;
	command->flags |= request->flags & FRAME_TTL_IS_DEADLINE
	    ? COMMAND_EXPIRY_ABSOLUTE
	    : COMMAND_EXPIRY_RELATIVE;
	command->expiry_ms = (int64_t)request->ttl_ms;
}

/* The command that a write request stands for. */
static struct command
command_of(const struct frame_request *request)
{
	struct command command = {.key = request->key};

	switch (request->opcode) {
	case FRAME_OPCODE_PUT:
		command.op = COMMAND_PUT;
		command.value = request->value;
		set_expiry(request, &command);
		break;
	case FRAME_OPCODE_DELETE:
		command.op = COMMAND_DELETE;
		break;
	case FRAME_OPCODE_INCREMENT:
		command.op = COMMAND_INCREMENT;
		command.delta = request->delta;
		break;
	case FRAME_OPCODE_EXPIRE:
		command.op = COMMAND_EXPIRE;
		set_expiry(request, &command);
		for (size_t i = 0; i < 4; i++)
			if (request->flags & expire_flags[i].frame)
				command.flags |= expire_flags[i].command;
		return command;
	case FRAME_OPCODE_PERSIST:
		command.op = COMMAND_PERSIST;
		return command;
	default:
		CHECK(request->opcode == FRAME_OPCODE_DELETE_RANGE);
		command.op = COMMAND_DELETE_RANGE;
		command.key = request->start;
		command.value = request->end;
		return command;
	}
	for (size_t i = 0; i < 5; i++)
		if (request->flags & write_flags[i].frame)
			command.flags |= write_flags[i].command;
	if (request->flags & FRAME_IF_SEQUENCE)
		command.sequence = request->sequence;
	return command;
}

/* Adds the request's commands to the open group; false if there is no room. */
static bool
add_commands(struct frame_call *call)
{
	const struct frame_request *request = call->request;
	struct slice list = request->list;
	struct frame_request item;
	struct command command;

	if (request->opcode != FRAME_OPCODE_BATCH) {
		command = command_of(request);
		return batch_builder_add(call->batch, &command);
	}
	while (frame_list_next_command(&list, &item)) {
		command = command_of(&item);
		if (!batch_builder_add(call->batch, &command))
			return false;
	}
	return true;
}

static enum tcp_outcome
run_write(struct frame_call *call)
{
	if (!add_commands(call)) {
		batch_builder_discard_group(call->batch);
		if (call->batch->group_count > 0)
			return TCP_FULL;
		return refuse(call, FRAME_STATUS_TOO_LARGE,
		    "the request is more than one batch may hold");
	}
	batch_builder_end_group(call->batch);
	*call->pending = (struct frame_pending){
	    .id = call->request->id, .opcode = (uint8_t)call->request->opcode};
	return TCP_QUEUED;
}

enum tcp_outcome
frame_call_run(struct frame_call *call)
{
	switch (call->request->opcode) {
	case FRAME_OPCODE_PING:
		frame_reply_ping(
		    call->out, call->request->id, call->request->value);
		return TCP_REPLIED;
	case FRAME_OPCODE_INFO:
		return run_info(call);
	case FRAME_OPCODE_GET:
	case FRAME_OPCODE_STAT:
		return run_get(call);
	case FRAME_OPCODE_MULTI_GET:
		return run_multi_get(call);
	case FRAME_OPCODE_SCAN:
		return run_scan(call);
	default:
		return run_write(call);
	}
}

static struct frame_result
frame_result_of(const struct reply_command *command, uint64_t sequence)
{
	return (struct frame_result){
	    .affected = command->affected,
	    .has_old = command->has_old,
	    .has_number = command->has_integer,
	    .sequence = sequence,
	    .old = command->old,
	    .number = command->integer,
	};
}

static void
reply_applied(const struct frame_pending *pending,
    const struct reply_group *group, struct reply_cursor *cursor,
    struct buffer *out)
{
	struct frame_reply_list list;
	struct reply_command command;
	struct frame_result result;
	uint64_t sequence = group->sequence;

	if (pending->opcode != FRAME_OPCODE_BATCH) {
		CHECK(reply_cursor_next_command(cursor, &command));
		result = frame_result_of(&command, sequence);
		frame_reply_result(out, pending->opcode, pending->id, &result);
		return;
	}
	frame_reply_list_begin(&list, out, FRAME_OPCODE_BATCH, pending->id);
	while (reply_cursor_next_command(cursor, &command)) {
		result = frame_result_of(&command, sequence++);
		frame_reply_list_add_result(&list, &result);
	}
	frame_reply_list_end(&list);
}

void
frame_pending_reply(const struct frame_pending *pending,
    const struct reply_group *group, struct reply_cursor *cursor,
    struct buffer *out)
{
	static const struct {
		enum frame_status status;
		const char *text;
	} failures[] = {
	    [GROUP_CONDITION_FAILED] = {FRAME_STATUS_CONDITION_FAILED,
		"the condition does not hold"},
	    [GROUP_NOT_INTEGER] = {FRAME_STATUS_NOT_INTEGER,
		"the value is not a decimal integer of 64 bits"},
	    [GROUP_OVERFLOW] = {FRAME_STATUS_OVERFLOW,
		"the sum is out of the range of 64 bits"},
	    [GROUP_TOO_LARGE] = {FRAME_STATUS_TOO_LARGE,
		"what it returns or rewrites is more than one batch may hold"},
	    [GROUP_REPLY_FULL] = {FRAME_STATUS_TOO_LARGE,
		"what it returns is more than one batch may hold"},
	};
	struct frame_failure failure = {.index = group->failed};

	if (group->result == GROUP_APPLIED) {
		reply_applied(pending, group, cursor, out);
		return;
	}
	failure.status = failures[group->result].status;
	failure.text = slice_of_string(failures[group->result].text);
	frame_reply_failure(out, pending->opcode, pending->id, &failure);
}
