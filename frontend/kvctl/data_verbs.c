/* The verbs of kvctl that speak to the TCP door. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "config/value.h"
#include "frontend/client/client.h"
#include "frontend/kvctl/arguments.h"
#include "frontend/kvctl/kvctl.h"
#include "frontend/kvctl/output.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"

/* What is surely over any server's limit is not read to its end. */
#define VALUE_BYTES_READ_MAX (FRAME_PAYLOAD_BYTES_MAX - (1u << 20))

static enum exit_code
connect_to_door(const struct kvctl *kvctl, struct client **out)
{
	struct client_options options = {
	    .endpoint = kvctl->arguments->options[OPTION_ENDPOINT],
	    .timeout_ms = kvctl->timeout_ms,
	};
	struct error err;

	if (client_open(&options, out, &err) == STATUS_OK)
		return EXIT_DONE;
	if (err.code != STATUS_INVALID)
		return kvctl_fail(&err);
	fprintf(stderr, "kvctl: %s\n", err.text);
	return EXIT_MISUSED;
}

/*
 * Sends one request on a connection of its own. On DONE the caller closes
 * *out, from which the reply is borrowed.
 */
static enum exit_code
call_once(const struct kvctl *kvctl, const struct frame_request *request,
    struct frame_reply *reply, struct client **out)
{
	enum exit_code code = connect_to_door(kvctl, out);
	struct error err;

	if (code != EXIT_DONE)
		return code;
	if (client_call(*out, request, reply, &err) == STATUS_OK)
		return EXIT_DONE;
	client_close(*out);
	/* The code says it all where a script asks. */
	if (err.code == STATUS_NOT_FOUND) {
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "kvctl: not found\n");
		return EXIT_NOT_FOUND;
	}
	return kvctl_fail(&err);
}

/* "90" is seconds, anything else has a unit; false after it has complained. */
static bool
parse_ttl(const char *text, uint64_t *ttl_ms)
{
	struct error err;

	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
		if (value_parse_count(text, ttl_ms, &err) == STATUS_OK &&
		    *ttl_ms <= FRAME_TTL_MS_MAX / 1000)
			*ttl_ms *= 1000;
		else
			*ttl_ms = UINT64_MAX;
	} else if (value_parse_duration(text, ttl_ms, &err) != STATUS_OK) {
		fprintf(stderr, "kvctl: ttl %s\n", err.text);
		return false;
	}
	if (*ttl_ms >= 1 && *ttl_ms <= FRAME_TTL_MS_MAX)
		return true;
	fprintf(stderr,
	    "kvctl: ttl %s: a time to live is from 1ms to 10^12 seconds\n",
	    text);
	return false;
}

static enum exit_code
read_value(struct buffer *value)
{
	ssize_t size;

	do {
		size = read(
		    STDIN_FILENO, buffer_reserve(value, 1u << 16), 1u << 16);
		if (size > 0)
			buffer_commit(value, (size_t)size);
		if (buffer_size(value) > VALUE_BYTES_READ_MAX) {
			fprintf(stderr, "kvctl: the value has over %u bytes\n",
			    VALUE_BYTES_READ_MAX);
			return EXIT_REFUSED;
		}
	} while (size > 0 || (size < 0 && errno == EINTR));
	if (size == 0)
		return EXIT_DONE;
	fprintf(stderr, "kvctl: cannot read stdin: %s\n", strerror(errno));
	return EXIT_MISUSED;
}

/* Fills in the value and the options of a put. */
static enum exit_code
prepare_put(const struct kvctl *kvctl, struct frame_request *request,
    struct buffer *value)
{
	const struct arguments *arguments = kvctl->arguments;
	const char *ttl = arguments->options[OPTION_TTL];

	if (arguments_has(arguments, OPTION_IF_ABSENT))
		request->flags |= FRAME_IF_ABSENT;
	if (arguments_has(arguments, OPTION_IF_PRESENT))
		request->flags |= FRAME_IF_PRESENT;
	if (request->flags == (FRAME_IF_ABSENT | FRAME_IF_PRESENT)) {
		fprintf(stderr,
		    "kvctl: --if-absent and --if-present exclude each other\n");
		return EXIT_MISUSED;
	}
	if (ttl != NULL && !parse_ttl(ttl, &request->ttl_ms))
		return EXIT_MISUSED;
	if (kvctl->word_count == 2 && strcmp(kvctl->words[1], "-") != 0) {
		request->value = slice_of_string(kvctl->words[1]);
		return EXIT_DONE;
	}
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "kvctl: the value, ended by Ctrl-D:\n");
	return read_value(value);
}

enum exit_code
kvctl_put(const struct kvctl *kvctl)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_PUT, .key = kvctl_key(kvctl)};
	struct buffer value = {0};
	struct frame_reply reply;
	struct client *client;
	enum exit_code code = prepare_put(kvctl, &request, &value);

	if (code == EXIT_DONE) {
		if (buffer_size(&value) > 0)
			request.value = buffer_slice(&value);
		code = call_once(kvctl, &request, &reply, &client);
	}
	buffer_deinit(&value);
	if (code != EXIT_DONE)
		return code;
	if (kvctl->is_json)
		output_json(json_pack(
		    "{s:I}", "sequence", (json_int_t)reply.result.sequence));
	client_close(client);
	return EXIT_DONE;
}

/* An entry as JSON; `ttl_ms` is null for one that never expires. */
static json_t *
entry_json(const struct frame_entry *entry, bool has_value)
{
	json_t *object = json_object();

	output_set(object, "key", entry->key);
	if (has_value)
		output_set(object, "value", entry->value);
	json_object_set_new(
	    object, "sequence", json_integer((json_int_t)entry->sequence));
	json_object_set_new(object, "ttl_ms",
	    entry->ttl_ms == 0 ? json_null()
			       : json_integer((json_int_t)entry->ttl_ms));
	return object;
}

enum exit_code
kvctl_get(const struct kvctl *kvctl)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_GET, .key = kvctl_key(kvctl)};
	struct frame_reply reply;
	struct client *client;
	enum exit_code code = call_once(kvctl, &request, &reply, &client);

	if (code != EXIT_DONE)
		return code;
	reply.entry.key = request.key;
	if (kvctl->is_json)
		output_json(entry_json(&reply.entry, true));
	else
		output_raw(reply.entry.value);
	client_close(client);
	return EXIT_DONE;
}

enum exit_code
kvctl_delete(const struct kvctl *kvctl)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_DELETE, .key = kvctl_key(kvctl)};
	struct frame_reply reply;
	struct client *client;
	enum exit_code code = call_once(kvctl, &request, &reply, &client);

	if (code != EXIT_DONE)
		return code;
	client_close(client);
	if (kvctl->is_json)
		output_json(
		    json_pack("{s:b}", "deleted", (int)reply.result.affected));
	return reply.result.affected ? EXIT_DONE : EXIT_NOT_FOUND;
}

/* Sets or removes the deadline. */
static enum exit_code
change_ttl(const struct kvctl *kvctl)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_PERSIST, .key = kvctl_key(kvctl)};
	struct frame_reply reply;
	struct client *client;
	enum exit_code code;

	if (strcmp(kvctl->words[1], "never") != 0) {
		request.opcode = FRAME_OPCODE_EXPIRE;
		if (!parse_ttl(kvctl->words[1], &request.ttl_ms))
			return EXIT_MISUSED;
	}
	code = call_once(kvctl, &request, &reply, &client);
	if (code != EXIT_DONE)
		return code;
	if (request.opcode == FRAME_OPCODE_PERSIST && !reply.result.affected) {
		/* It may be there and never have had a deadline. */
		struct error err;
		enum status status;

		request.opcode = FRAME_OPCODE_STAT;
		status = client_call(client, &request, &reply, &err);
		reply.result.affected = status == STATUS_OK;
		if (status != STATUS_OK && status != STATUS_NOT_FOUND)
			code = kvctl_fail(&err);
	}
	client_close(client);
	if (code != EXIT_DONE)
		return code;
	return reply.result.affected ? EXIT_DONE : EXIT_NOT_FOUND;
}

enum exit_code
kvctl_ttl(const struct kvctl *kvctl)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_STAT, .key = kvctl_key(kvctl)};
	struct frame_reply reply;
	struct client *client;
	enum exit_code code;

	if (kvctl->word_count == 2)
		return change_ttl(kvctl);
	code = call_once(kvctl, &request, &reply, &client);
	if (code != EXIT_DONE)
		return code;
	client_close(client);
	reply.entry.key = request.key;
	if (kvctl->is_json)
		output_json(entry_json(&reply.entry, false));
	else if (reply.entry.ttl_ms == 0)
		puts("never");
	else
		printf("%" PRIu64 ".%03u\n", reply.entry.ttl_ms / 1000,
		    (unsigned)(reply.entry.ttl_ms % 1000));
	return EXIT_DONE;
}

/* What a scan has still to do. */
struct scan {
	struct frame_request request;
	struct buffer start;
	struct buffer end;
	uint64_t left; /* entries */
};

/* The first key behind all with the prefix; empty if there is none. */
static void
append_prefix_end(struct buffer *end, struct slice prefix)
{
	while (prefix.size > 0 && prefix.data[prefix.size - 1] == 0xff)
		prefix.size--;
	buffer_append_slice(end, prefix);
	if (prefix.size > 0)
		end->data[end->end - 1]++;
}

static enum exit_code
prepare_scan(const struct kvctl *kvctl, struct scan *scan)
{
	const char *const *options = kvctl->arguments->options;
	struct error err;

	scan->left = UINT64_MAX;
	scan->request.opcode = FRAME_OPCODE_SCAN;
	if (options[OPTION_KEYS] != NULL)
		scan->request.flags = FRAME_KEYS_ONLY;
	if (options[OPTION_LIMIT] != NULL &&
	    value_parse_count(options[OPTION_LIMIT], &scan->left, &err) !=
		STATUS_OK) {
		fprintf(stderr, "kvctl: --limit %s\n", err.text);
		return EXIT_MISUSED;
	}
	if (options[OPTION_PREFIX] != NULL) {
		struct slice prefix = buffer_slice(&kvctl->keys.prefix);

		if (options[OPTION_START] != NULL ||
		    options[OPTION_END] != NULL) {
			fprintf(stderr,
			    "kvctl: --prefix excludes --start and --end\n");
			return EXIT_MISUSED;
		}
		buffer_append_slice(&scan->start, prefix);
		append_prefix_end(&scan->end, prefix);
	}
	if (options[OPTION_START] != NULL)
		buffer_append_slice(
		    &scan->start, buffer_slice(&kvctl->keys.start));
	if (options[OPTION_END] != NULL)
		buffer_append_slice(&scan->end, buffer_slice(&kvctl->keys.end));
	return EXIT_DONE;
}

static void
print_entry(
    const struct kvctl *kvctl, const struct frame_entry *entry, bool has_value)
{
	if (kvctl->is_json) {
		output_json(entry_json(entry, has_value));
		return;
	}
	output_escaped(entry->key);
	if (has_value) {
		putchar('\t');
		output_escaped(entry->value);
	}
	putchar('\n');
}

/* Prints page by page; what is printed was read, whatever comes next. */
static enum exit_code
print_scan(const struct kvctl *kvctl, struct client *client, struct scan *scan)
{
	bool has_values = !(scan->request.flags & FRAME_KEYS_ONLY);
	struct frame_reply reply = {.more = true};
	struct error err;

	while (reply.more && scan->left > 0 && !ferror(stdout)) {
		struct frame_entry entry;

		scan->request.start = buffer_slice(&scan->start);
		scan->request.end = buffer_slice(&scan->end);
		scan->request.count_max = scan->left < FRAME_SCAN_COUNT_DEFAULT
		    ? (uint32_t)scan->left
		    : FRAME_SCAN_COUNT_DEFAULT;
		if (client_call(client, &scan->request, &reply, &err) !=
		    STATUS_OK)
			return kvctl_fail(&err);
		while (frame_reply_next_entry(&reply.list, &entry))
			print_entry(kvctl, &entry, has_values);
		scan->left -= reply.count;
		buffer_clear(&scan->start, SIZE_MAX);
		buffer_append_slice(&scan->start, reply.next);
	}
	return EXIT_DONE;
}

enum exit_code
kvctl_scan(const struct kvctl *kvctl)
{
	struct scan scan = {0};
	struct client *client = NULL;
	enum exit_code code = prepare_scan(kvctl, &scan);

	if (code == EXIT_DONE)
		code = connect_to_door(kvctl, &client);
	if (code == EXIT_DONE)
		code = print_scan(kvctl, client, &scan);
	client_close(client);
	buffer_deinit(&scan.start);
	buffer_deinit(&scan.end);
	return code;
}
