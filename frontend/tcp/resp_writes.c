/* The commands of the Redis protocol that write: each becomes one group. */
#include "common/base/check.h"
#include "common/command/batch.h"
#include "frontend/tcp/resp_handlers.h"
#include "frontend/tcp/resp_writer.h"

/*
 * Deadlines must stay below the end of time (2^63 ms); a time to live that
 * would pass it, counted from any day until the year 2100, is refused.
 */
#define EXPIRY_MS_MAX (INT64_MAX - 4102444800000)

/* Adds a command to the open group; false if the batch has no room. */
static bool
add(struct resp_call *call, const struct command *command)
{
	return batch_builder_add(call->batch, command);
}

/* Gives the group up: FULL where a batch of its own will have room. */
static enum tcp_outcome
give_up(struct resp_call *call)
{
	batch_builder_discard_group(call->batch);
	if (call->batch->group_count > 0)
		return TCP_FULL;
	return resp_refuse(call,
	    "ERR not applied: the request is more than one batch may hold");
}

/* Ends the group; its result will be told in this form. */
static enum tcp_outcome
finish(struct resp_call *call, enum pending_form form)
{
	batch_builder_end_group(call->batch);
	*call->pending = (struct resp_pending){
	    .form = (uint8_t)form, .is_resp3 = call->session->is_resp3};
	return TCP_QUEUED;
}

/* Queues a group of one command. */
static enum tcp_outcome
queue(struct resp_call *call, const struct command *command,
    enum pending_form form)
{
	return add(call, command) ? finish(call, form) : give_up(call);
}

/* True if the argument may be a value; else the error is written. */
static bool
check_value(struct resp_call *call, uint32_t index)
{
	if (LIKELY(
		call->arguments[index].size <= call->server->value_bytes_max))
		return true;
	resp_write_error(call->out,
	    "ERR string exceeds maximum allowed size (%zu bytes)",
	    call->server->value_bytes_max);
	return false;
}

/* The forms in which SET takes an expiry. */
static const struct expiry_form {
	const char *word;
	uint32_t kind;
	bool is_seconds;
} expiry_forms[] = {
    {"ex", COMMAND_EXPIRY_RELATIVE, true},
    {"px", COMMAND_EXPIRY_RELATIVE, false},
    {"exat", COMMAND_EXPIRY_ABSOLUTE, true},
    {"pxat", COMMAND_EXPIRY_ABSOLUTE, false},
};
#define EXPIRY_FORMS (sizeof(expiry_forms) / sizeof(expiry_forms[0]))

/*
 * Sets the expiry of a PUT from argument `index`; false after it has written
 * the error.
 */
static bool
take_expiry(struct resp_call *call, uint32_t index,
    const struct expiry_form *form, struct command *command)
{
	int64_t value;
	int64_t unit = form->is_seconds ? 1000 : 1;
	int64_t max =
	    form->kind == COMMAND_EXPIRY_RELATIVE ? EXPIRY_MS_MAX : INT64_MAX;

	if (!resp_take_integer(call, index, &value))
		return false;
	if (value <= 0 || value > max / unit) {
		resp_write_error(call->out,
		    "ERR invalid expire time in '%s' command",
		    call->command->name);
		return false;
	}
	command->flags |= form->kind;
	command->expiry_ms = value * unit;
	return true;
}

struct set_options {
	uint32_t flags;
	uint32_t expiry; /* which argument says when; 0: none */
	size_t form; /* of expiry_forms */
};

/* Takes the option at `*index`, and moves over its argument if it has one. */
static bool
take_set_option(
    const struct resp_call *call, uint32_t *index, struct set_options *options)
{
	struct slice word = call->arguments[*index];

	if (resp_is_word(word, "nx")) {
		options->flags |= COMMAND_IF_ABSENT;
		return (options->flags & COMMAND_IF_PRESENT) == 0;
	}
	if (resp_is_word(word, "xx")) {
		options->flags |= COMMAND_IF_PRESENT;
		return (options->flags & COMMAND_IF_ABSENT) == 0;
	}
	if (resp_is_word(word, "get")) {
		options->flags |= COMMAND_RETURN_OLD;
		return true;
	}
	if (resp_is_word(word, "keepttl")) {
		options->flags |= COMMAND_KEEP_DEADLINE;
		return options->expiry == 0;
	}
	for (size_t i = 0; i < EXPIRY_FORMS; i++)
		if (resp_is_word(word, expiry_forms[i].word)) {
			bool fits = options->expiry == 0 || options->form == i;

			options->expiry = ++*index;
			options->form = i;
			return fits && *index < call->count &&
			    !(options->flags & COMMAND_KEEP_DEADLINE);
		}
	return false;
}

enum tcp_outcome
resp_run_set(struct resp_call *call)
{
	struct command command = {.op = COMMAND_PUT,
	    .key = call->arguments[1],
	    .value = call->arguments[2]};
	struct set_options options = {0};
	enum pending_form form = PENDING_OK;

	for (uint32_t i = 3; i < call->count; i++)
		if (!take_set_option(call, &i, &options))
			return resp_refuse(call, RESP_ERROR_SYNTAX);
	command.flags = options.flags;
	if (options.expiry != 0 &&
	    !take_expiry(
		call, options.expiry, &expiry_forms[options.form], &command))
		return TCP_REPLIED;
	if (!resp_check_key(call, 1) || !check_value(call, 2))
		return TCP_REPLIED;
	if (options.flags & COMMAND_RETURN_OLD)
		form = PENDING_OLD;
	else if (options.flags & (COMMAND_IF_ABSENT | COMMAND_IF_PRESENT))
		form = PENDING_OK_OR_NULL;
	return queue(call, &command, form);
}

enum tcp_outcome
resp_run_setnx(struct resp_call *call)
{
	struct command command = {.op = COMMAND_PUT,
	    .flags = COMMAND_IF_ABSENT,
	    .key = call->arguments[1],
	    .value = call->arguments[2]};

	if (!resp_check_key(call, 1) || !check_value(call, 2))
		return TCP_REPLIED;
	return queue(call, &command, PENDING_APPLIED);
}

enum tcp_outcome
resp_run_setex(struct resp_call *call)
{
	struct command command = {.op = COMMAND_PUT,
	    .key = call->arguments[1],
	    .value = call->arguments[3]};

	if (!take_expiry(call, 2, &expiry_forms[0], &command) ||
	    !resp_check_key(call, 1) || !check_value(call, 3))
		return TCP_REPLIED;
	return queue(call, &command, PENDING_OK);
}

enum tcp_outcome
resp_run_getdel(struct resp_call *call)
{
	struct command command = {.op = COMMAND_DELETE,
	    .flags = COMMAND_RETURN_OLD,
	    .key = call->arguments[1]};

	if (!resp_check_key(call, 1))
		return TCP_REPLIED;
	return queue(call, &command, PENDING_OLD);
}

/*
 * Queues one command for each `step` arguments as one group: with a value if
 * there are two.
 */
static enum tcp_outcome
queue_each(struct resp_call *call, enum command_op op, uint32_t step,
    enum pending_form form)
{
	for (uint32_t i = 1; i < call->count; i += step)
		if (!resp_check_key(call, i) ||
		    (step == 2 && !check_value(call, i + 1)))
			return TCP_REPLIED;
	for (uint32_t i = 1; i < call->count; i += step) {
		struct command command = {.op = op,
		    .key = call->arguments[i],
		    .value = step == 2 ? call->arguments[i + 1] : SLICE_EMPTY};

		if (!add(call, &command))
			return give_up(call);
	}
	return finish(call, form);
}

enum tcp_outcome
resp_run_mset(struct resp_call *call)
{
	if (call->count % 2 == 0)
		return resp_refuse(
		    call, "ERR wrong number of arguments for 'mset' command");
	return queue_each(call, COMMAND_PUT, 2, PENDING_OK);
}

enum tcp_outcome
resp_run_del(struct resp_call *call)
{
	return queue_each(call, COMMAND_DELETE, 1, PENDING_AFFECTED);
}

static enum tcp_outcome
queue_increment(struct resp_call *call, int64_t delta)
{
	struct command command = {
	    .op = COMMAND_INCREMENT, .key = call->arguments[1], .delta = delta};

	if (!resp_check_key(call, 1))
		return TCP_REPLIED;
	return queue(call, &command, PENDING_INTEGER);
}

enum tcp_outcome
resp_run_incr(struct resp_call *call)
{
	return queue_increment(call, 1);
}

enum tcp_outcome
resp_run_decr(struct resp_call *call)
{
	return queue_increment(call, -1);
}

enum tcp_outcome
resp_run_incrby(struct resp_call *call)
{
	int64_t delta;

	if (!resp_take_integer(call, 2, &delta))
		return TCP_REPLIED;
	return queue_increment(call, delta);
}

enum tcp_outcome
resp_run_decrby(struct resp_call *call)
{
	int64_t delta;

	if (!resp_take_integer(call, 2, &delta))
		return TCP_REPLIED;
	if (delta == INT64_MIN)
		return resp_refuse(call, "ERR decrement would overflow");
	return queue_increment(call, -delta);
}

/* Takes the conditions of EXPIRE; false after it has written the error. */
static bool
take_expire_conditions(struct resp_call *call, uint32_t *flags)
{
	for (uint32_t i = 3; i < call->count; i++) {
		struct slice word = call->arguments[i];

		if (resp_is_word(word, "nx"))
			*flags |= COMMAND_EXPIRE_IF_NONE;
		else if (resp_is_word(word, "xx"))
			*flags |= COMMAND_EXPIRE_IF_SOME;
		else if (resp_is_word(word, "gt"))
			*flags |= COMMAND_EXPIRE_IF_GREATER;
		else if (resp_is_word(word, "lt"))
			*flags |= COMMAND_EXPIRE_IF_LESS;
		else {
			resp_write_error(call->out,
			    "ERR Unsupported option %.*s",
			    (int)(word.size < 128 ? word.size : 128),
			    (const char *)word.data);
			return false;
		}
	}
	if ((*flags & COMMAND_EXPIRE_IF_NONE) &&
	    *flags != COMMAND_EXPIRE_IF_NONE) {
		resp_write_error(call->out,
		    "ERR NX and XX, GT or LT options at the same time are not "
		    "compatible");
		return false;
	}
	if ((*flags & COMMAND_EXPIRE_IF_GREATER) &&
	    (*flags & COMMAND_EXPIRE_IF_LESS)) {
		resp_write_error(call->out,
		    "ERR GT and LT options at the same time are not "
		    "compatible");
		return false;
	}
	return true;
}

/* A time that is past deletes the key, as it does in Redis. */
static enum tcp_outcome
queue_expire(struct resp_call *call, int64_t unit)
{
	struct command command = {
	    .op = COMMAND_EXPIRE, .key = call->arguments[1]};
	int64_t value;

	if (!take_expire_conditions(call, &command.flags) ||
	    !resp_take_integer(call, 2, &value) || !resp_check_key(call, 1))
		return TCP_REPLIED;
	if (value > EXPIRY_MS_MAX / unit || value < INT64_MIN / unit)
		return resp_refuse(call,
		    "ERR invalid expire time in '%s' command",
		    call->command->name);
	command.flags |= COMMAND_EXPIRY_RELATIVE;
	command.expiry_ms = value * unit;
	return queue(call, &command, PENDING_AFFECTED);
}

enum tcp_outcome
resp_run_expire(struct resp_call *call)
{
	return queue_expire(call, 1000);
}

enum tcp_outcome
resp_run_pexpire(struct resp_call *call)
{
	return queue_expire(call, 1);
}

enum tcp_outcome
resp_run_persist(struct resp_call *call)
{
	struct command command = {
	    .op = COMMAND_PERSIST, .key = call->arguments[1]};

	if (!resp_check_key(call, 1))
		return TCP_REPLIED;
	return queue(call, &command, PENDING_AFFECTED);
}

enum tcp_outcome
resp_run_flushall(struct resp_call *call)
{
	struct command command = {.op = COMMAND_DELETE_RANGE};

	if (call->count > 2 ||
	    (call->count == 2 && !resp_is_word(call->arguments[1], "async") &&
		!resp_is_word(call->arguments[1], "sync")))
		return resp_refuse(call, RESP_ERROR_SYNTAX);
	return queue(call, &command, PENDING_OK);
}
