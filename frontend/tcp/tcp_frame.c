/* The binary protocol on a connection of the TCP door. */
#include "common/base/check.h"
#include "common/command/reply.h"
#include "frontend/gate/gate.h"
#include "frontend/protocol/frame.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/tcp/tcp_ahead.h"
#include "frontend/tcp/tcp_connection.h"

/* When a client that was turned away may try again. */
#define RETRY_AFTER_MS 100

static void
frame_open(struct tcp_connection *connection)
{
	connection->frame = (struct frame_request){0};
}

static void
frame_close(struct tcp_connection *connection)
{
	(void)connection;
}

static enum metric_operation
operation_of(uint8_t opcode)
{
	switch (opcode) {
	case FRAME_OPCODE_GET:
	case FRAME_OPCODE_STAT:
	case FRAME_OPCODE_MULTI_GET:
		return METRIC_OPERATION_GET;
	case FRAME_OPCODE_SCAN:
		return METRIC_OPERATION_SCAN;
	case FRAME_OPCODE_PUT:
		return METRIC_OPERATION_PUT;
	case FRAME_OPCODE_DELETE:
		return METRIC_OPERATION_DELETE;
	case FRAME_OPCODE_INCREMENT:
		return METRIC_OPERATION_INCREMENT;
	case FRAME_OPCODE_EXPIRE:
	case FRAME_OPCODE_PERSIST:
		return METRIC_OPERATION_EXPIRE;
	case FRAME_OPCODE_DELETE_RANGE:
		return METRIC_OPERATION_DELETE_RANGE;
	case FRAME_OPCODE_BATCH:
		return METRIC_OPERATION_BATCH;
	default:
		return METRIC_OPERATION_OTHER;
	}
}

static struct frame_call
call_of(struct tcp_connection *connection, const struct frame_request *request,
    struct buffer *out)
{
	struct tcp_door *door = connection->door;

	return (struct frame_call){
	    .request = request,
	    .server = &door->server,
	    .store = &door->store,
	    .task = &connection->task,
	    .out = out,
	};
}

/* The status that the reply at `mark` has. */
static bool
is_failure(const struct buffer *out, size_t mark)
{
	uint8_t status;

	if (buffer_size(out) < mark + FRAME_HEADER_BYTES)
		return false;
	status = out->data[out->start + mark + FRAME_CODE_OFFSET];
	return status != FRAME_STATUS_OK && status != FRAME_STATUS_NOT_FOUND;
}

static bool
answered(struct tcp_connection *connection, const struct frame_call *call,
    size_t size, size_t mark)
{
	uint8_t opcode = (uint8_t)call->request->opcode;

	if (!tcp_connection_answered(connection, size, operation_of(opcode)))
		return false;
	if (UNLIKELY(is_failure(call->out, mark)))
		tcp_connection_count_error(connection);
	return true;
}

static bool
run_write(struct tcp_connection *connection, struct frame_call *call,
    size_t size, size_t mark)
{
	struct frame_pending failed = {
	    .id = call->request->id, .opcode = (uint8_t)call->request->opcode};
	struct tcp_pending pending;
	struct error err;

	call->pending = &pending.frame;
	for (;;) {
		switch (tcp_connection_begin(connection, &call->batch, &err)) {
		case TCP_BEGUN:
			break;
		case TCP_NO_ROOM:
			return tcp_connection_wait(connection);
		case TCP_REFUSED:
			frame_pending_fail(
			    &failed, &err, false, RETRY_AFTER_MS, call->out);
			return answered(connection, call, size, mark);
		}
		switch (frame_call_run(call)) {
		case TCP_QUEUED:
			pending.operation = operation_of(failed.opcode);
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
 * The request goes on in later turns of the loop, so it is decoded from bytes
 * that stay where they are.
 */
static bool
hold(struct tcp_connection *connection, const struct frame_call *call,
    size_t size)
{
	struct tcp_door *door = connection->door;
	struct frame frame;
	struct slice held;
	struct error err;
	size_t wanted;
	uint32_t index;

	held.size = size;
	tcp_connection_hold(connection, size,
	    operation_of((uint8_t)call->request->opcode), &held.data);
	CHECK(frame_take(&held, FRAME_MAGIC_REQUEST,
		  door->server.payload_bytes_max, &frame, &wanted,
		  &err) == FRAME_TAKEN);
	CHECK(frame_request_decode(&frame, &door->frame_limits,
		  &connection->frame, &index, &err) == FRAME_STATUS_OK);
	return false;
}

static bool
run_read(struct tcp_connection *connection, struct frame_call *call,
    size_t size, size_t mark)
{
	struct error err;

	if (tcp_connection_refresh(connection, &err) != STATUS_OK) {
		frame_read_fail(call->request, &err, call->out);
		return answered(connection, call, size, mark);
	}
	if (call->request->opcode == FRAME_OPCODE_GET)
		tcp_connection_look_ahead(connection, size, tcp_ahead_frame);
	if (UNLIKELY(frame_call_run(call) == TCP_AGAIN))
		return hold(connection, call, size);
	if (UNLIKELY(tcp_task_has_begun(&connection->task)))
		tcp_task_deinit(&connection->task);
	return answered(connection, call, size, mark);
}

static bool
run(struct tcp_connection *connection, const struct frame_request *request,
    size_t size)
{
	struct frame_call call =
	    call_of(connection, request, tcp_connection_output(connection));
	size_t mark = buffer_size(call.out);
	enum tcp_class class = frame_call_class(request);

	if (class == TCP_CLASS_WRITE)
		return run_write(connection, &call, size, mark);
	if (connection->pendings.count > 0)
		return tcp_connection_wait(connection);
	if (class == TCP_CLASS_READ)
		return run_read(connection, &call, size, mark);
	tcp_door_update(connection->door);
	(void)frame_call_run(&call);
	return answered(connection, &call, size, mark);
}

/* A frame that says nothing that can be done. */
static bool
refuse(struct tcp_connection *connection, const struct frame *frame,
    size_t size, const struct frame_failure *failure)
{
	frame_reply_failure(tcp_connection_output(connection), frame->opcode,
	    frame->id, failure);
	if (!tcp_connection_answered(connection, size, METRIC_OPERATION_OTHER))
		return false;
	tcp_connection_count_error(connection);
	return true;
}

/* What stands behind such a frame cannot be understood: it is the last. */
static bool
refuse_last(struct tcp_connection *connection, const struct frame *frame,
    const struct error *err)
{
	struct frame_failure failure = {.status = frame->version == 0
		? FRAME_STATUS_INVALID
		: FRAME_STATUS_TOO_LARGE,
	    .text = slice_of_string(err->text)};

	if (connection->pendings.count > 0)
		return tcp_connection_wait(connection);
	frame_reply_failure(tcp_connection_output(connection), frame->opcode,
	    frame->id, &failure);
	tcp_connection_count_error(connection);
	return tcp_connection_answered_last(connection, 0);
}

static bool
frame_step(struct tcp_connection *connection)
{
	const struct tcp_door *door = connection->door;
	struct slice input = stream_input(connection->stream);
	size_t before = input.size;
	struct frame_request request;
	struct frame_failure failure = {0};
	struct frame frame;
	struct error err;

	if (before < connection->wanted || before == 0)
		return false;
	switch (frame_take(&input, FRAME_MAGIC_REQUEST,
	    door->server.payload_bytes_max, &frame, &connection->wanted,
	    &err)) {
	case FRAME_TAKEN:
		break;
	case FRAME_PARTIAL:
		return false;
	case FRAME_BROKEN:
		return refuse_last(connection, &frame, &err);
	}
	connection->wanted = 0;
	failure.status = frame_request_decode(
	    &frame, &door->frame_limits, &request, &failure.index, &err);
	if (LIKELY(failure.status == FRAME_STATUS_OK))
		return run(connection, &request, before - input.size);
	failure.text = slice_of_string(err.text);
	return refuse(connection, &frame, before - input.size, &failure);
}

static enum tcp_outcome
frame_run(struct tcp_connection *connection, struct buffer *out)
{
	struct frame_call call = call_of(connection, &connection->frame, out);
	struct error err;

	if (tcp_connection_refresh(connection, &err) == STATUS_OK)
		return frame_call_run(&call);
	frame_read_fail(call.request, &err, out);
	return TCP_REPLIED;
}

static void
frame_reply(const struct tcp_pending *pending, const struct gate_result *result,
    struct buffer *out)
{
	struct reply_cursor cursor = result->commands;
	struct error err;

	if (LIKELY(result->outcome == GATE_JUDGED)) {
		frame_pending_reply(
		    &pending->frame, &result->group, &cursor, out);
		return;
	}
	error_set(&err, result->status, "%s", result->reason);
	frame_pending_fail(&pending->frame, &err,
	    result->outcome == GATE_UNKNOWN,
	    result->outcome == GATE_UNKNOWN ? 0 : RETRY_AFTER_MS, out);
}

static void
frame_refuse_peer(struct tcp_connection *connection, struct buffer *out)
{
	struct slice input = stream_input(connection->stream);
	struct frame_failure failure = {.status = FRAME_STATUS_FORBIDDEN,
	    .text = slice_of_string(FRONT_REFUSAL)};
	struct frame frame = {0};
	struct error err;
	size_t wanted;

	/* Only its header matters: the reply names the request if it can. */
	(void)frame_take(
	    &input, FRAME_MAGIC_REQUEST, SIZE_MAX, &frame, &wanted, &err);
	frame_reply_failure(out, frame.opcode, frame.id, &failure);
}

const struct tcp_protocol tcp_protocol_frame = {
    .metric = METRIC_PROTOCOL_BINARY,
    .open = frame_open,
    .close = frame_close,
    .step = frame_step,
    .run = frame_run,
    .reply = frame_reply,
    .refuse = frame_refuse_peer,
};
