/*
 * The commands of the Redis protocol about the connection and the server:
 * greeting, names, configuration, figures.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/codec/decimal.h"
#include "frontend/tcp/glob.h"
#include "frontend/tcp/resp_handlers.h"
#include "frontend/tcp/resp_writer.h"
#include "frontend/tcp/tcp_store.h"

#define ERROR_CLIENT_NAME                                              \
	"ERR Client names cannot contain spaces, newlines or special " \
	"characters."

enum tcp_outcome
resp_run_ping(struct resp_call *call)
{
	if (call->count > 2)
		return resp_refuse(
		    call, "ERR wrong number of arguments for 'ping' command");
	if (call->count == 2)
		resp_write_bulk(call->out, call->arguments[1]);
	else
		resp_write_simple(call->out, "PONG");
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_echo(struct resp_call *call)
{
	resp_write_bulk(call->out, call->arguments[1]);
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_quit(struct resp_call *call)
{
	resp_write_simple(call->out, "OK");
	return TCP_CLOSE;
}

enum tcp_outcome
resp_run_select(struct resp_call *call)
{
	int64_t number;

	if (!resp_take_integer(call, 1, &number))
		return TCP_REPLIED;
	if (number != 0)
		return resp_refuse(call, "ERR DB index is out of range");
	resp_write_simple(call->out, "OK");
	return TCP_REPLIED;
}

/* True for the bytes that Redis allows in a client's name. */
static bool
is_name(struct slice name)
{
	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] < '!' || name.data[i] > '~')
			return false;
	return true;
}

static void
set_name(struct resp_session *session, struct slice name)
{
	buffer_clear(&session->name, 0);
	buffer_append_slice(&session->name, name);
}

static void
write_pair(struct buffer *out, const char *name, const char *value)
{
	resp_write_bulk_string(out, name);
	resp_write_bulk_string(out, value);
}

/* Names the release of Redis that is spoken: clients decide by it. */
static void
write_greeting(struct resp_call *call)
{
	resp_write_map(call->out, resp_protocol(call), 7);
	write_pair(call->out, "server", "redis");
	write_pair(call->out, "version", RESP_REDIS_VERSION);
	resp_write_bulk_string(call->out, "proto");
	resp_write_integer(call->out, (int64_t)resp_protocol(call));
	resp_write_bulk_string(call->out, "id");
	resp_write_integer(call->out, (int64_t)call->session->id);
	write_pair(call->out, "mode", "standalone");
	write_pair(call->out, "role", "master");
	resp_write_bulk_string(call->out, "modules");
	resp_write_array(call->out, 0);
}

enum tcp_outcome
resp_run_hello(struct resp_call *call)
{
	int64_t version = call->session->is_resp3 ? 3 : 2;
	struct slice name = SLICE_EMPTY;
	bool has_name = false;

	if (call->count > 1 && !decimal_parse(call->arguments[1], &version))
		return resp_refuse(call,
		    "ERR Protocol version is not an integer or out of range");
	if (version < 2 || version > 3)
		return resp_refuse(
		    call, "NOPROTO unsupported protocol version");
	for (uint32_t i = 2; i < call->count; i++) {
		struct slice word = call->arguments[i];

		if (resp_is_word(word, "auth") && i + 2 < call->count)
			return resp_refuse(call,
			    "WRONGPASS invalid username-password pair or user "
			    "is disabled.");
		if (!resp_is_word(word, "setname") || i + 1 >= call->count)
			return resp_refuse(call,
			    "ERR Syntax error in HELLO option '%.*s'",
			    (int)(word.size < 128 ? word.size : 128),
			    (const char *)word.data);
		name = call->arguments[++i];
		has_name = true;
		if (!is_name(name))
			return resp_refuse(call, ERROR_CLIENT_NAME);
	}
	if (has_name)
		set_name(call->session, name);
	call->session->is_resp3 = version == 3;
	write_greeting(call);
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_client_id(struct resp_call *call)
{
	resp_write_integer(call->out, (int64_t)call->session->id);
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_client_getname(struct resp_call *call)
{
	if (buffer_size(&call->session->name) == 0)
		resp_write_null(call->out, resp_protocol(call));
	else
		resp_write_bulk(call->out, buffer_slice(&call->session->name));
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_client_setname(struct resp_call *call)
{
	if (!is_name(call->arguments[2]))
		return resp_refuse(call, ERROR_CLIENT_NAME);
	set_name(call->session, call->arguments[2]);
	resp_write_simple(call->out, "OK");
	return TCP_REPLIED;
}

/* Nothing here shows the library's name, so it is checked and let go. */
enum tcp_outcome
resp_run_client_setinfo(struct resp_call *call)
{
	struct slice what = call->arguments[2];

	if (!resp_is_word(what, "lib-name") && !resp_is_word(what, "lib-ver"))
		return resp_refuse(call, "ERR Unrecognized option '%.*s'",
		    (int)(what.size < 128 ? what.size : 128),
		    (const char *)what.data);
	if (!is_name(call->arguments[3]))
		return resp_refuse(call,
		    "ERR %s cannot contain spaces, newlines or special "
		    "characters.",
		    resp_is_word(what, "lib-name") ? "lib-name" : "lib-ver");
	resp_write_simple(call->out, "OK");
	return TCP_REPLIED;
}

/* What tools ask for; a number in place of a text stands in `number`. */
struct setting {
	const char *name;
	const char *text;
	uint64_t number;
};

enum tcp_outcome
resp_run_config_get(struct resp_call *call)
{
	const struct setting settings[] = {
	    {"appendfsync", "always", 0},
	    {"appendonly", "yes", 0},
	    {"databases", NULL, 1},
	    {"maxclients", NULL, call->server->connections_max},
	    {"maxmemory", NULL, 0},
	    {"maxmemory-policy", "noeviction", 0},
	    {"port", NULL, call->server->tcp_port},
	    {"proto-max-bulk-len", NULL, call->server->value_bytes_max},
	    {"save", "", 0},
	    {"timeout", NULL, 0},
	};
	struct buffer pairs = {0};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct slice name = slice_of_string(settings[i].name);
		char number[DECIMAL_BYTES_MAX + 1];
		bool is_wanted = false;

		for (uint32_t k = 2; k < call->count && !is_wanted; k++)
			is_wanted = glob_matches(call->arguments[k], name);
		if (!is_wanted)
			continue;
		snprintf(
		    number, sizeof(number), "%" PRIu64, settings[i].number);
		write_pair(&pairs, settings[i].name,
		    settings[i].text != NULL ? settings[i].text : number);
		count++;
	}
	resp_write_map(call->out, resp_protocol(call), count);
	buffer_append_slice(call->out, buffer_slice(&pairs));
	buffer_deinit(&pairs);
	return TCP_REPLIED;
}

/* True if the request asks for this section, or for all. */
static bool
wants_section(const struct resp_call *call, const char *section)
{
	if (call->count == 1)
		return true;
	for (uint32_t i = 1; i < call->count; i++)
		if (resp_is_word(call->arguments[i], section) ||
		    resp_is_word(call->arguments[i], "all") ||
		    resp_is_word(call->arguments[i], "default") ||
		    resp_is_word(call->arguments[i], "everything"))
			return true;
	return false;
}

/* Begins a section; sections are parted by an empty line. */
static bool
begin_section(const struct resp_call *call, struct buffer *text,
    const char *section, const char *title)
{
	if (!wants_section(call, section))
		return false;
	buffer_printf(
	    text, "%s# %s\r\n", buffer_size(text) > 0 ? "\r\n" : "", title);
	return true;
}

enum tcp_outcome
resp_run_info(struct resp_call *call)
{
	const struct tcp_server *server = call->server;
	struct buffer text = {0};
	uint64_t keys = call->store->estimate(call->store->context);

	if (begin_section(call, &text, "server", "Server"))
		buffer_printf(&text,
		    "redis_version:%s\r\nredis_mode:standalone\r\n"
		    "kvstore_version:%s\r\nnode_id:%s\r\narch_bits:64\r\n"
		    "run_id:%s\r\ntcp_port:%u\r\nuptime_in_seconds:%" PRIu64
		    "\r\nuptime_in_days:%" PRIu64 "\r\n",
		    RESP_REDIS_VERSION, server->version, server->node_id,
		    server->run_id, server->tcp_port, server->uptime_ms / 1000,
		    server->uptime_ms / 86400000);
	if (begin_section(call, &text, "clients", "Clients"))
		buffer_printf(&text,
		    "connected_clients:%" PRIu64 "\r\nmaxclients:%u\r\n",
		    server->connections, server->connections_max);
	if (begin_section(call, &text, "persistence", "Persistence"))
		buffer_printf(&text, "loading:0\r\naof_enabled:1\r\n");
	if (begin_section(call, &text, "stats", "Stats"))
		buffer_printf(&text,
		    "total_connections_received:%" PRIu64
		    "\r\ntotal_commands_processed:%" PRIu64 "\r\n",
		    server->connections_accepted, server->commands_processed);
	if (begin_section(call, &text, "replication", "Replication"))
		buffer_printf(&text, "role:master\r\nconnected_slaves:0\r\n");
	if (begin_section(call, &text, "cluster", "Cluster"))
		buffer_printf(&text, "cluster_enabled:0\r\n");
	if (begin_section(call, &text, "keyspace", "Keyspace") && keys > 0)
		buffer_printf(&text,
		    "db0:keys=%" PRIu64 ",expires=0,avg_ttl=0\r\n", keys);
	resp_write_verbatim(
	    call->out, resp_protocol(call), buffer_slice(&text));
	buffer_deinit(&text);
	return TCP_REPLIED;
}
