#include "frontend/tcp/resp_commands.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/codec/decimal.h"
#include "common/command/reply.h"
#include "frontend/tcp/resp_handlers.h"
#include "frontend/tcp/resp_writer.h"

#define NAME_BYTES_MAX 16
#define ERROR_ARGUMENT_BYTES_MAX 128

#define RESP_COMMAND(name, handler, arity, class, flags, categories, tips,     \
    first, last, step, key_flags, since, group, summary)                       \
	{name, sizeof(name) - 1, resp_run_##handler, arity, TCP_CLASS_##class, \
	    NULL, flags, categories, tips, key_flags, first, last, step,       \
	    since, group, summary},
const struct resp_command resp_commands[] = {
#include "frontend/tcp/resp_commands.def"
    {0},
};

#define RESP_SUBCOMMAND(container, name, handler, arity, flags, categories,  \
    tips, since, group, summary)                                             \
	{name, sizeof(name) - 1, resp_run_##handler, arity, TCP_CLASS_LOCAL, \
	    container, flags, categories, tips, "", 0, 0, 0, since, group,   \
	    summary},
const struct resp_command resp_subcommands[] = {
#include "frontend/tcp/resp_commands.def"
    {0},
};

void
resp_session_deinit(struct resp_session *session)
{
	buffer_deinit(&session->name);
}

const struct resp_command *
resp_command_find(const char *container, struct slice name)
{
	const struct resp_command *row =
	    container == NULL ? resp_commands : resp_subcommands;
	char lower[NAME_BYTES_MAX];

	if (name.size >= sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.size; i++) {
		uint8_t byte = name.data[i];

		lower[i] =
		    (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
	}
	for (; row->name != NULL; row++)
		if (row->name_bytes == name.size &&
		    memcmp(row->name, lower, name.size) == 0 &&
		    (container == NULL ||
			strcmp(container, row->container) == 0))
			return row;
	return NULL;
}

bool
resp_is_word(struct slice argument, const char *word)
{
	size_t i;

	for (i = 0; i < argument.size && word[i] != '\0'; i++) {
		uint8_t byte = argument.data[i];

		if (byte >= 'A' && byte <= 'Z')
			byte |= 0x20;
		if (byte != (uint8_t)word[i])
			return false;
	}
	return i == argument.size && word[i] == '\0';
}

enum tcp_outcome
resp_refuse(struct resp_call *call, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	resp_write_error(call->out, "%s", text);
	return TCP_REPLIED;
}

bool
resp_take_integer(struct resp_call *call, uint32_t index, int64_t *value)
{
	if (decimal_parse(call->arguments[index], value))
		return true;
	resp_write_error(call->out, RESP_ERROR_INTEGER);
	return false;
}

bool
resp_check_key(struct resp_call *call, uint32_t index)
{
	size_t size = call->arguments[index].size;

	if (LIKELY(size >= 1 && size <= call->server->key_bytes_max))
		return true;
	resp_write_error(call->out,
	    "ERR the key has %zu bytes; a key has 1 to %zu", size,
	    call->server->key_bytes_max);
	return false;
}

static enum tcp_outcome
refuse_unknown(struct resp_call *call)
{
	struct buffer list = {0};
	struct slice name = call->arguments[0];

	for (uint32_t i = 1; i < call->count; i++) {
		size_t left = ERROR_ARGUMENT_BYTES_MAX - buffer_size(&list);
		struct slice argument = call->arguments[i];

		if (buffer_size(&list) >= ERROR_ARGUMENT_BYTES_MAX)
			break;
		buffer_printf(&list, "'%.*s' ",
		    (int)(argument.size < left ? argument.size : left),
		    (const char *)argument.data);
	}
	buffer_append_byte(&list, '\0');
	resp_refuse(call,
	    "ERR unknown command '%.*s', with args beginning with: %s",
	    (int)(name.size < ERROR_ARGUMENT_BYTES_MAX
		    ? name.size
		    : ERROR_ARGUMENT_BYTES_MAX),
	    (const char *)name.data, (const char *)list.data);
	buffer_deinit(&list);
	return TCP_REPLIED;
}

/* True if the number of arguments is right; else the error is written. */
static bool
check_arity(struct resp_call *call)
{
	const struct resp_command *command = call->command;

	if (command->arity >= 0 ? call->count == (uint32_t)command->arity
				: call->count >= (uint32_t)-command->arity)
		return true;
	resp_write_error(call->out,
	    "ERR wrong number of arguments for '%s%s%s' command",
	    command->container != NULL ? command->container : "",
	    command->container != NULL ? "|" : "", command->name);
	return false;
}

enum tcp_outcome
resp_call_find(struct resp_call *call, enum tcp_class *class)
{
	call->command = resp_command_find(NULL, call->arguments[0]);
	if (call->command == NULL) {
		/*
		 * An HTTP request that some web page was made to send here
		 * must not get as far as its body.
		 */
		if (resp_is_word(call->arguments[0], "post") ||
		    resp_is_word(call->arguments[0], "host:"))
			return TCP_CLOSE;
		return refuse_unknown(call);
	}
	if (!check_arity(call))
		return TCP_REPLIED;
	*class = call->command->class;
	return TCP_AGAIN;
}

enum tcp_outcome
resp_call_run(struct resp_call *call)
{
	return call->command->run(call);
}

enum tcp_outcome
resp_run_container(struct resp_call *call)
{
	const struct resp_command *container = call->command;
	struct slice name = call->arguments[1];
	char upper[NAME_BYTES_MAX];
	size_t i;

	call->command = resp_command_find(container->name, name);
	if (call->command != NULL)
		return check_arity(call) ? call->command->run(call)
					 : TCP_REPLIED;
	call->command = container;
	for (i = 0; container->name[i] != '\0'; i++)
		upper[i] = (char)(container->name[i] & ~0x20);
	upper[i] = '\0';
	return resp_refuse(call, "ERR unknown subcommand '%.*s'. Try %s HELP.",
	    (int)(name.size < ERROR_ARGUMENT_BYTES_MAX
		    ? name.size
		    : ERROR_ARGUMENT_BYTES_MAX),
	    (const char *)name.data, upper);
}

static void
write_applied(const struct resp_pending *pending, struct reply_cursor *cursor,
    struct buffer *out)
{
	struct reply_command first = {0};
	struct reply_command next;
	int64_t affected = 0;
	bool is_first = true;

	while (reply_cursor_next_command(cursor, &next)) {
		if (is_first)
			first = next;
		is_first = false;
		affected += next.affected;
	}
	switch ((enum pending_form)pending->form) {
	case PENDING_OK:
	case PENDING_OK_OR_NULL:
		resp_write_simple(out, "OK");
		break;
	case PENDING_OLD:
		if (first.has_old)
			resp_write_bulk(out, first.old);
		else
			resp_write_null(out, pending->is_resp3 ? 3 : 2);
		break;
	case PENDING_APPLIED:
		resp_write_integer(out, 1);
		break;
	case PENDING_AFFECTED:
		resp_write_integer(out, affected);
		break;
	case PENDING_INTEGER:
		resp_write_integer(out, first.integer);
		break;
	}
}

static void
write_condition_failed(const struct resp_pending *pending,
    struct reply_cursor *cursor, struct buffer *out)
{
	struct reply_command failed;
	bool has_old =
	    reply_cursor_next_command(cursor, &failed) && failed.has_old;

	if (pending->form == PENDING_APPLIED)
		resp_write_integer(out, 0);
	else if (pending->form == PENDING_OLD && has_old)
		resp_write_bulk(out, failed.old);
	else
		resp_write_null(out, pending->is_resp3 ? 3 : 2);
}

void
resp_pending_reply(const struct resp_pending *pending,
    const struct reply_group *group, struct reply_cursor *cursor,
    struct buffer *out)
{
	switch (group->result) {
	case GROUP_APPLIED:
		write_applied(pending, cursor, out);
		break;
	case GROUP_CONDITION_FAILED:
		write_condition_failed(pending, cursor, out);
		break;
	case GROUP_NOT_INTEGER:
		resp_write_error(out, RESP_ERROR_INTEGER);
		break;
	case GROUP_OVERFLOW:
		resp_write_error(
		    out, "ERR increment or decrement would overflow");
		break;
	case GROUP_TOO_LARGE:
	case GROUP_REPLY_FULL:
		resp_write_error(out,
		    "ERR not applied: what it returns or rewrites is more than "
		    "one batch may hold");
		break;
	}
}

/* The code word under which clients of Redis know such a failure. */
static const char *
code_word(enum status status)
{
	switch (status) {
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT:
	case STATUS_SHUTDOWN:
		/* Clients try again when they see this word. */
		return "LOADING";
	case STATUS_BUSY:
		return "TRYAGAIN";
	case STATUS_NO_SPACE:
		return "MISCONF";
	default:
		return "ERR";
	}
}

void
resp_pending_fail(const struct error *err, bool is_unknown, struct buffer *out)
{
	/* No word that makes a client send the write once more by itself. */
	if (is_unknown)
		resp_write_error(out,
		    "UNKNOWN the write may or may not have been applied: %s",
		    err->text);
	else
		resp_write_error(
		    out, "%s not applied: %s", code_word(err->code), err->text);
}

void
resp_read_fail(const struct error *err, struct buffer *out)
{
	resp_write_error(out, "%s %s", code_word(err->code), err->text);
}
