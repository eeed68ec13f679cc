/* The Redis protocol on a connection of the TCP door. */
#include <string.h>

#include "common/base/check.h"
#include "common/command/reply.h"
#include "frontend/gate/gate.h"
#include "frontend/tcp/resp_handlers.h"
#include "frontend/tcp/resp_writer.h"
#include "frontend/tcp/tcp_ahead.h"
#include "frontend/tcp/tcp_connection.h"

/* As what each command is counted, by its handler. */
enum resp_operation {
	RESP_OPERATION_get = METRIC_OPERATION_GET,
	RESP_OPERATION_set = METRIC_OPERATION_PUT,
	RESP_OPERATION_del = METRIC_OPERATION_DELETE,
	RESP_OPERATION_incr = METRIC_OPERATION_INCREMENT,
	RESP_OPERATION_mget = METRIC_OPERATION_GET,
	RESP_OPERATION_mset = METRIC_OPERATION_BATCH,
	RESP_OPERATION_exists = METRIC_OPERATION_GET,
	RESP_OPERATION_expire = METRIC_OPERATION_EXPIRE,
	RESP_OPERATION_ttl = METRIC_OPERATION_GET,
	RESP_OPERATION_ping = METRIC_OPERATION_OTHER,
	RESP_OPERATION_setnx = METRIC_OPERATION_PUT,
	RESP_OPERATION_setex = METRIC_OPERATION_PUT,
	RESP_OPERATION_getdel = METRIC_OPERATION_DELETE,
	RESP_OPERATION_strlen = METRIC_OPERATION_GET,
	RESP_OPERATION_decr = METRIC_OPERATION_INCREMENT,
	RESP_OPERATION_incrby = METRIC_OPERATION_INCREMENT,
	RESP_OPERATION_decrby = METRIC_OPERATION_INCREMENT,
	RESP_OPERATION_pexpire = METRIC_OPERATION_EXPIRE,
	RESP_OPERATION_pttl = METRIC_OPERATION_GET,
	RESP_OPERATION_persist = METRIC_OPERATION_EXPIRE,
	RESP_OPERATION_type = METRIC_OPERATION_GET,
	RESP_OPERATION_scan = METRIC_OPERATION_SCAN,
	RESP_OPERATION_keys = METRIC_OPERATION_SCAN,
	RESP_OPERATION_dbsize = METRIC_OPERATION_SCAN,
	RESP_OPERATION_flushall = METRIC_OPERATION_DELETE_RANGE,
	RESP_OPERATION_echo = METRIC_OPERATION_OTHER,
	RESP_OPERATION_quit = METRIC_OPERATION_OTHER,
	RESP_OPERATION_hello = METRIC_OPERATION_OTHER,
	RESP_OPERATION_select = METRIC_OPERATION_OTHER,
	RESP_OPERATION_info = METRIC_OPERATION_OTHER,
	RESP_OPERATION_command = METRIC_OPERATION_OTHER,
	RESP_OPERATION_container = METRIC_OPERATION_OTHER,
};

static const uint8_t operations[] = {
#define RESP_COMMAND(name, handler, ...) RESP_OPERATION_##handler,
#include "frontend/tcp/resp_commands.def"
};

static enum metric_operation
operation_of(const struct resp_command *command)
{
	if (UNLIKELY(command == NULL || command->container != NULL))
		return METRIC_OPERATION_OTHER;
	return (enum metric_operation)operations[command - resp_commands];
}

static void
resp_open(struct tcp_connection *connection)
{
	const struct tcp_server *server = &connection->door->server;

	resp_parser_init(&connection->resp.parser, server->payload_bytes_max,
	    server->payload_bytes_max);
	connection->resp.session.id = stream_number(connection->stream);
}

static void
resp_close(struct tcp_connection *connection)
{
	resp_parser_deinit(&connection->resp.parser);
	resp_session_deinit(&connection->resp.session);
}

static struct resp_call
call_of(struct tcp_connection *connection, struct buffer *out)
{
	struct tcp_door *door = connection->door;

	return (struct resp_call){
	    .arguments = connection->resp.parser.arguments,
	    .count = connection->resp.parser.count,
	    .session = &connection->resp.session,
	    .server = &door->server,
	    .store = &door->store,
	    .task = &connection->task,
	    .out = out,
	};
}

/* The request is answered; counts it as failed if it begins so. */
static bool
answered(struct tcp_connection *connection, const struct resp_call *call,
    size_t size, size_t mark)
{
	const struct buffer *out = call->out;
	bool is_error =
	    buffer_size(out) > mark && out->data[out->start + mark] == '-';

	if (!tcp_connection_answered(
		connection, size, operation_of(call->command)))
		return false;
	if (UNLIKELY(is_error))
		tcp_connection_count_error(connection);
	return true;
}

static bool
run_write(struct tcp_connection *connection, struct resp_call *call,
    size_t size, size_t mark)
{
	struct tcp_pending pending;
	struct error err;

	call->pending = &pending.resp;
	for (;;) {
		switch (tcp_connection_begin(connection, &call->batch, &err)) {
		case TCP_BEGUN:
			break;
		case TCP_NO_ROOM:
			return tcp_connection_wait(connection);
		case TCP_REFUSED:
			resp_pending_fail(&err, false, call->out);
			return answered(connection, call, size, mark);
		}
		switch (resp_call_run(call)) {
		case TCP_QUEUED:
			pending.operation = operation_of(call->command);
			tcp_connection_submit(connection, size, &pending);
			return true;
		case TCP_FULL:
			gate_turn(connection->door->gate);
			continue;
		default:
			return answered(connection, call, size, mark);
		}
	}
}

/*
 * The request goes on in later turns of the loop; its arguments, in the input
 * so far, move with it.
 */
static bool
hold(struct tcp_connection *connection, const struct resp_call *call,
    size_t size)
{
	struct resp_parser *parser = &connection->resp.parser;
	const uint8_t *from = stream_input(connection->stream).data;
	const uint8_t *to;

	tcp_connection_hold(connection, size, operation_of(call->command), &to);
	for (uint32_t i = 0; i < parser->count; i++) {
		const uint8_t *at = parser->arguments[i].data;

		/* Those of an inline command are the parser's own. */
		if (at >= from && at < from + size)
			parser->arguments[i].data = to + (at - from);
	}
	connection->resp.command = call->command;
	return false;
}

static bool
run_read(struct tcp_connection *connection, struct resp_call *call, size_t size,
    size_t mark)
{
	struct error err;

	if (connection->pendings.count > 0)
		return tcp_connection_wait(connection);
	if (UNLIKELY(tcp_connection_refresh(connection, &err) != STATUS_OK)) {
		resp_read_fail(&err, call->out);
		return answered(connection, call, size, mark);
	}
	if (call->command->run == resp_run_get)
		tcp_connection_look_ahead(connection, size, tcp_ahead_resp);
	if (UNLIKELY(resp_call_run(call) == TCP_AGAIN))
		return hold(connection, call, size);
	if (UNLIKELY(tcp_task_has_begun(&connection->task)))
		tcp_task_deinit(&connection->task);
	return answered(connection, call, size, mark);
}

static bool
run(struct tcp_connection *connection, size_t size)
{
	struct resp_call call =
	    call_of(connection, tcp_connection_output(connection));
	size_t mark = buffer_size(call.out);
	enum tcp_class class;
	enum tcp_outcome outcome = resp_call_find(&call, &class);

	if (LIKELY(outcome == TCP_AGAIN)) {
		if (class == TCP_CLASS_READ)
			return run_read(connection, &call, size, mark);
		if (class == TCP_CLASS_WRITE)
			return run_write(connection, &call, size, mark);
		/* One that only changes the session must not do so twice. */
		if (connection->pendings.count > 0)
			return tcp_connection_wait(connection);
		tcp_door_update(connection->door);
		outcome = resp_call_run(&call);
	}
	if (outcome == TCP_CLOSE)
		return tcp_connection_answered_last(connection, size);
	return answered(connection, &call, size, mark);
}

static bool
resp_step(struct tcp_connection *connection)
{
	struct slice input = stream_input(connection->stream);
	size_t consumed = 0;
	struct error err;

	if (input.size < connection->wanted || input.size == 0)
		return false;
	connection->wanted = 0;
	switch (resp_parser_next(&connection->resp.parser, input.data,
	    input.size, &consumed, &connection->wanted, &err)) {
	case RESP_PARSED_COMMAND:
		return run(connection, consumed);
	case RESP_PARSED_MORE:
		stream_consume(connection->stream, consumed);
		return false;
	case RESP_PARSED_ERROR:
		break;
	}
	stream_consume(connection->stream, consumed);
	if (connection->pendings.count > 0)
		return tcp_connection_wait(connection);
	resp_write_error(tcp_connection_output(connection), "ERR %s", err.text);
	tcp_connection_count_error(connection);
	return tcp_connection_answered_last(connection, 0);
}

static enum tcp_outcome
resp_run(struct tcp_connection *connection, struct buffer *out)
{
	struct resp_call call = call_of(connection, out);
	struct error err;

	call.command = connection->resp.command;
	if (tcp_connection_refresh(connection, &err) == STATUS_OK)
		return resp_call_run(&call);
	resp_read_fail(&err, out);
	return TCP_REPLIED;
}

static void
resp_reply(const struct tcp_pending *pending, const struct gate_result *result,
    struct buffer *out)
{
	struct reply_cursor cursor = result->commands;
	struct error err;

	if (LIKELY(result->outcome == GATE_JUDGED)) {
		resp_pending_reply(
		    &pending->resp, &result->group, &cursor, out);
		return;
	}
	error_set(&err, result->status, "%s", result->reason);
	resp_pending_fail(&err, result->outcome == GATE_UNKNOWN, out);
}

static void
resp_refuse_peer(struct tcp_connection *connection, struct buffer *out)
{
	resp_write_error(out, "DENIED %s", FRONT_REFUSAL);
}

const struct tcp_protocol tcp_protocol_resp = {
    .metric = METRIC_PROTOCOL_RESP,
    .open = resp_open,
    .close = resp_close,
    .step = resp_step,
    .run = resp_run,
    .reply = resp_reply,
    .refuse = resp_refuse_peer,
};
