/* COMMAND and its subcommands: the table of commands, told to clients. */
#include "frontend/tcp/glob.h"
#include "frontend/tcp/resp_handlers.h"
#include "frontend/tcp/resp_writer.h"

static size_t
row_count(const struct resp_command *rows)
{
	size_t count = 0;

	while (rows[count].name != NULL)
		count++;
	return count;
}

/* Takes the next of some words parted by blanks. */
static bool
next_word(const char **words, struct slice *word)
{
	size_t size = strcspn(*words, " ");

	*word = slice_of(*words, size);
	*words += size;
	*words += strspn(*words, " ");
	return size > 0;
}

static size_t
word_count(const char *words)
{
	struct slice word;
	size_t count = 0;

	while (next_word(&words, &word))
		count++;
	return count;
}

static bool
has_word(const char *words, struct slice wanted)
{
	struct slice word;

	while (next_word(&words, &word))
		if (slice_equal(word, wanted))
			return true;
	return false;
}

/* Words as a set: of simple strings, or of bulks. */
static void
write_words(struct resp_call *call, const char *words, bool are_simple)
{
	struct slice word;

	resp_write_set(call->out, resp_protocol(call), word_count(words));
	while (next_word(&words, &word)) {
		if (are_simple) {
			buffer_append_byte(call->out, '+');
			buffer_append_slice(call->out, word);
			buffer_append(call->out, "\r\n", 2);
		} else {
			resp_write_bulk(call->out, word);
		}
	}
}

static void
write_number(struct resp_call *call, const char *name, int64_t value)
{
	resp_write_bulk_string(call->out, name);
	resp_write_integer(call->out, value);
}

static void
write_text(struct resp_call *call, const char *name, const char *text)
{
	resp_write_bulk_string(call->out, name);
	resp_write_bulk_string(call->out, text);
}

/* Where the keys of a command are, in the newer of the two forms. */
static void
write_key_specs(struct resp_call *call, const struct resp_command *row)
{
	unsigned protocol = resp_protocol(call);

	resp_write_set(call->out, protocol, row->first_key > 0);
	if (row->first_key == 0)
		return;
	resp_write_map(call->out, protocol, 3);
	resp_write_bulk_string(call->out, "flags");
	write_words(call, row->key_flags, true);
	resp_write_bulk_string(call->out, "begin_search");
	resp_write_map(call->out, protocol, 2);
	write_text(call, "type", "index");
	resp_write_bulk_string(call->out, "spec");
	resp_write_map(call->out, protocol, 1);
	write_number(call, "index", row->first_key);
	resp_write_bulk_string(call->out, "find_keys");
	resp_write_map(call->out, protocol, 2);
	write_text(call, "type", "range");
	resp_write_bulk_string(call->out, "spec");
	resp_write_map(call->out, protocol, 3);
	write_number(call, "lastkey", row->last_key < 0 ? -1 : 0);
	write_number(call, "keystep", row->key_step);
	write_number(call, "limit", 0);
}

static void
write_name(struct resp_call *call, const struct resp_command *row)
{
	struct buffer name = {0};

	if (row->container != NULL)
		buffer_printf(&name, "%s|", row->container);
	buffer_printf(&name, "%s", row->name);
	resp_write_bulk(call->out, buffer_slice(&name));
	buffer_deinit(&name);
}

static void
write_facts(struct resp_call *call, const struct resp_command *row)
{
	resp_write_array(call->out, 10);
	write_name(call, row);
	resp_write_integer(call->out, row->arity);
	write_words(call, row->flags, true);
	resp_write_integer(call->out, row->first_key);
	resp_write_integer(call->out, row->last_key);
	resp_write_integer(call->out, row->key_step);
	write_words(call, row->categories, true);
	write_words(call, row->tips, false);
	write_key_specs(call, row);
}

static size_t
subcommand_count(const struct resp_command *row)
{
	size_t count = 0;

	for (const struct resp_command *sub = resp_subcommands;
	     row->container == NULL && sub->name != NULL; sub++)
		count += strcmp(sub->container, row->name) == 0;
	return count;
}

static void
write_command(struct resp_call *call, const struct resp_command *row)
{
	size_t count = subcommand_count(row);

	write_facts(call, row);
	/* An empty set, but an array where there are any: so does Redis. */
	if (count > 0)
		resp_write_array(call->out, count);
	else
		resp_write_set(call->out, resp_protocol(call), 0);
	for (const struct resp_command *sub = resp_subcommands;
	     row->container == NULL && sub->name != NULL; sub++) {
		if (strcmp(sub->container, row->name) != 0)
			continue;
		write_facts(call, sub);
		resp_write_set(call->out, resp_protocol(call), 0);
	}
}

/* Finds a command by its name, or a subcommand as "container|name". */
static const struct resp_command *
find(struct slice name)
{
	const uint8_t *bar =
	    name.size > 0 ? memchr(name.data, '|', name.size) : NULL;
	const struct resp_command *row;
	size_t size = bar != NULL ? (size_t)(bar - name.data) : name.size;

	row = resp_command_find(NULL, slice_of(name.data, size));
	if (row == NULL || bar == NULL)
		return row;
	return resp_command_find(
	    row->name, slice_of(bar + 1, name.size - size - 1));
}

static void
write_all(struct resp_call *call)
{
	resp_write_array(call->out, row_count(resp_commands));
	for (size_t i = 0; resp_commands[i].name != NULL; i++)
		write_command(call, &resp_commands[i]);
}

enum tcp_outcome
resp_run_command(struct resp_call *call)
{
	if (call->count > 1)
		return resp_run_container(call);
	write_all(call);
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_command_count(struct resp_call *call)
{
	resp_write_integer(call->out, (int64_t)row_count(resp_commands));
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_command_info(struct resp_call *call)
{
	if (call->count == 2) {
		write_all(call);
		return TCP_REPLIED;
	}
	resp_write_array(call->out, call->count - 2);
	for (uint32_t i = 2; i < call->count; i++) {
		const struct resp_command *row = find(call->arguments[i]);

		if (row != NULL)
			write_command(call, row);
		else
			resp_write_null(call->out, resp_protocol(call));
	}
	return TCP_REPLIED;
}

static void
write_docs(struct resp_call *call, const struct resp_command *row)
{
	size_t subcommands = subcommand_count(row);

	write_name(call, row);
	resp_write_map(call->out, resp_protocol(call), 3 + (subcommands > 0));
	write_text(call, "summary", row->summary);
	write_text(call, "since", row->since);
	write_text(call, "group", row->group);
	if (subcommands == 0)
		return;
	resp_write_bulk_string(call->out, "subcommands");
	resp_write_map(call->out, resp_protocol(call), subcommands);
	for (const struct resp_command *sub = resp_subcommands;
	     sub->name != NULL; sub++) {
		if (strcmp(sub->container, row->name) != 0)
			continue;
		write_name(call, sub);
		resp_write_map(call->out, resp_protocol(call), 3);
		write_text(call, "summary", sub->summary);
		write_text(call, "since", sub->since);
		write_text(call, "group", sub->group);
	}
}

enum tcp_outcome
resp_run_command_docs(struct resp_call *call)
{
	size_t count = 0;

	if (call->count == 2) {
		resp_write_map(
		    call->out, resp_protocol(call), row_count(resp_commands));
		for (size_t i = 0; resp_commands[i].name != NULL; i++)
			write_docs(call, &resp_commands[i]);
		return TCP_REPLIED;
	}
	for (uint32_t i = 2; i < call->count; i++)
		count += find(call->arguments[i]) != NULL;
	resp_write_map(call->out, resp_protocol(call), count);
	for (uint32_t i = 2; i < call->count; i++) {
		const struct resp_command *row = find(call->arguments[i]);

		if (row != NULL)
			write_docs(call, row);
	}
	return TCP_REPLIED;
}

/* A test that COMMAND LIST FILTERBY puts to each command. */
static bool
passes(const struct resp_call *call, const struct resp_command *row)
{
	struct buffer category = {0};
	bool passed;

	if (call->count == 2)
		return true;
	if (resp_is_word(call->arguments[3], "pattern"))
		return glob_matches(
		    call->arguments[4], slice_of_string(row->name));
	if (!resp_is_word(call->arguments[3], "aclcat"))
		return false;
	buffer_append_byte(&category, '@');
	buffer_append_slice(&category, call->arguments[4]);
	passed = has_word(row->categories, buffer_slice(&category));
	buffer_deinit(&category);
	return passed;
}

enum tcp_outcome
resp_run_command_list(struct resp_call *call)
{
	size_t count = 0;

	if (call->count != 2 &&
	    (call->count != 5 ||
		!resp_is_word(call->arguments[2], "filterby") ||
		(!resp_is_word(call->arguments[3], "pattern") &&
		    !resp_is_word(call->arguments[3], "aclcat") &&
		    !resp_is_word(call->arguments[3], "module"))))
		return resp_refuse(call, RESP_ERROR_SYNTAX);
	for (size_t i = 0; resp_commands[i].name != NULL; i++)
		count += passes(call, &resp_commands[i]);
	resp_write_array(call->out, count);
	for (size_t i = 0; resp_commands[i].name != NULL; i++)
		if (passes(call, &resp_commands[i]))
			resp_write_bulk_string(
			    call->out, resp_commands[i].name);
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_command_getkeys(struct resp_call *call)
{
	const struct resp_command *row =
	    resp_command_find(NULL, call->arguments[2]);
	uint32_t count = call->count - 2;
	uint32_t last;
	uint32_t step;

	if (row == NULL)
		return resp_refuse(call, "ERR Invalid command specified");
	if (row->first_key == 0)
		return resp_refuse(
		    call, "ERR The command has no key arguments");
	if (row->arity >= 0 ? count != (uint32_t)row->arity
			    : count < (uint32_t)-row->arity)
		return resp_refuse(call,
		    "ERR Invalid number of arguments specified for command");
	step = (uint32_t)row->key_step;
	last = row->last_key < 0 ? count - 1 : (uint32_t)row->last_key;
	resp_write_array(
	    call->out, (last - (uint32_t)row->first_key) / step + 1);
	for (uint32_t i = (uint32_t)row->first_key; i <= last; i += step)
		resp_write_bulk(call->out, call->arguments[2 + i]);
	return TCP_REPLIED;
}
