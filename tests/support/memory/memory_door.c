#include "tests/support/memory/memory_door.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"
#include "frontend/tcp/frame_call.h"
#include "frontend/tcp/resp_commands.h"
#include "frontend/tcp/resp_parser.h"
#include "frontend/tcp/resp_writer.h"
#include "tests/support/memory/memory_store.h"

/* A reply that is due: of a group, or, if `is_made`, these bytes. */
struct due {
	bool is_made;
	struct buffer made;
	struct resp_pending resp;
	struct frame_pending frame;
};

struct memory_door {
	struct memory_store *store;
	struct tcp_store reads;
	struct tcp_server server;
	struct resp_session session;
	struct resp_parser parser;
	struct tcp_task task;
	struct batch_builder batch;
	struct buffer input;
	struct due *due;
	size_t due_count;
	size_t due_capacity;
	bool is_known; /* the first byte has come: */
	bool is_binary; /* which protocol it is */
	bool fails;
	bool fails_unknown;
};

struct memory_door *
memory_door_create(struct memory_store *store)
{
	struct memory_door *door = mem_new(sizeof(*door));

	door->store = store;
	door->reads = memory_store_reads(store);
	door->server = (struct tcp_server){
	    .version = "1.2.3",
	    .node_id = "node",
	    .store_id = "00112233445566778899aabbccddeeff",
	    .run_id = "0123456789012345678901234567890123456789",
	    .tcp_port = 9090,
	    .connections_max = 1000,
	    .key_bytes_max = 65535,
	    .value_bytes_max = 16u << 20,
	    .payload_bytes_max = FRAME_PAYLOAD_BYTES_MAX,
	    .uptime_ms = 90061000,
	};
	door->session.id = 7;
	resp_parser_init(&door->parser, 64u << 20, 65u << 20);
	return door;
}

void
memory_door_close(struct memory_door *door)
{
	resp_session_deinit(&door->session);
	resp_parser_deinit(&door->parser);
	tcp_task_deinit(&door->task);
	batch_builder_deinit(&door->batch);
	buffer_deinit(&door->input);
	mem_free(door->due);
	mem_free(door);
}

void
memory_door_fail_writes(struct memory_door *door, bool is_unknown)
{
	door->fails = true;
	door->fails_unknown = is_unknown;
}

static void
fail_due(const struct memory_door *door, struct due *due, struct buffer *out)
{
	struct error err;

	error_set(&err, STATUS_UNAVAILABLE, "the store is away");
	if (due->frame.opcode != 0)
		frame_pending_fail(
		    &due->frame, &err, door->fails_unknown, 50, out);
	else
		resp_pending_fail(&err, door->fails_unknown, out);
}

/* Applies the batch and writes all replies that are due. */
static void
settle(struct memory_door *door, struct buffer *out)
{
	struct reply_cursor cursor = {0};
	struct reply_group group;

	if (door->fails)
		batch_builder_reset(&door->batch);
	if (door->batch.group_count > 0) {
		struct reply reply =
		    memory_store_write(door->store, &door->batch);

		cursor = reply_cursor_at_start(&reply);
	}
	for (size_t i = 0; i < door->due_count; i++) {
		struct due *due = &door->due[i];

		if (due->is_made) {
			buffer_append_slice(out, buffer_slice(&due->made));
			buffer_deinit(&due->made);
			continue;
		}
		if (door->fails) {
			fail_due(door, due, out);
			continue;
		}
		CHECK(reply_cursor_next_group(&cursor, &group));
		if (due->frame.opcode != 0)
			frame_pending_reply(&due->frame, &group, &cursor, out);
		else
			resp_pending_reply(&due->resp, &group, &cursor, out);
	}
	door->due_count = 0;
}

static struct due *
add_due(struct memory_door *door)
{
	if (door->due_count == door->due_capacity) {
		door->due_capacity = 2 * door->due_capacity + 8;
		door->due = mem_resize(
		    door->due, door->due_capacity * sizeof(*door->due));
	}
	door->due[door->due_count] = (struct due){0};
	return &door->due[door->due_count++];
}

/* Keeps what became of a call for when its turn comes. */
static void
add_made(struct memory_door *door, struct buffer *made)
{
	struct due *due = add_due(door);

	due->is_made = true;
	due->made = *made;
	*made = (struct buffer){0};
}

static bool
run_resp(struct memory_door *door, struct buffer *out)
{
	struct buffer made = {0};
	struct resp_pending pending;
	struct resp_call call = {
	    .arguments = door->parser.arguments,
	    .count = door->parser.count,
	    .session = &door->session,
	    .server = &door->server,
	    .store = &door->reads,
	    .task = &door->task,
	    .batch = &door->batch,
	    .pending = &pending,
	    .out = &made,
	};
	enum tcp_class class;
	enum tcp_outcome outcome = resp_call_find(&call, &class);

	if (outcome == TCP_AGAIN && class != TCP_CLASS_WRITE)
		settle(door, out);
	while (outcome == TCP_AGAIN || outcome == TCP_FULL) {
		if (outcome == TCP_FULL)
			settle(door, out);
		outcome = resp_call_run(&call);
	}
	tcp_task_deinit(&door->task);
	if (outcome == TCP_QUEUED)
		add_due(door)->resp = pending;
	else
		add_made(door, &made);
	return outcome != TCP_CLOSE;
}

static bool
feed_resp(struct memory_door *door, struct buffer *out)
{
	struct error err;
	size_t consumed;
	size_t wanted;

	for (;;) {
		struct slice input = buffer_slice(&door->input);
		struct buffer made = {0};
		bool goes_on;

		switch (resp_parser_next(&door->parser, input.data, input.size,
		    &consumed, &wanted, &err)) {
		case RESP_PARSED_MORE:
			buffer_consume(&door->input, consumed);
			return true;
		case RESP_PARSED_ERROR:
			resp_write_error(&made, "ERR %s", err.text);
			add_made(door, &made);
			return false;
		case RESP_PARSED_COMMAND:
			break;
		}
		goes_on = run_resp(door, out);
		buffer_consume(&door->input, consumed);
		if (!goes_on)
			return false;
	}
}

static void
run_frame(
    struct memory_door *door, const struct frame *frame, struct buffer *out)
{
	struct frame_limits limits = {
	    door->server.key_bytes_max, door->server.value_bytes_max};
	struct buffer made = {0};
	struct frame_request request;
	struct frame_pending pending;
	struct frame_failure failure = {0};
	struct frame_call call = {
	    .request = &request,
	    .server = &door->server,
	    .store = &door->reads,
	    .task = &door->task,
	    .batch = &door->batch,
	    .pending = &pending,
	    .out = &made,
	};
	enum tcp_outcome outcome = TCP_AGAIN;
	struct error err;

	failure.status = frame_request_decode(
	    frame, &limits, &request, &failure.index, &err);
	if (failure.status != FRAME_STATUS_OK) {
		failure.text = slice_of_string(err.text);
		frame_reply_failure(&made, frame->opcode, frame->id, &failure);
		add_made(door, &made);
		return;
	}
	if (frame_call_class(&request) != TCP_CLASS_WRITE)
		settle(door, out);
	while (outcome == TCP_AGAIN || outcome == TCP_FULL) {
		if (outcome == TCP_FULL)
			settle(door, out);
		outcome = frame_call_run(&call);
	}
	tcp_task_deinit(&door->task);
	if (outcome == TCP_QUEUED)
		add_due(door)->frame = pending;
	else
		add_made(door, &made);
}

static bool
feed_frames(struct memory_door *door, struct buffer *out)
{
	for (;;) {
		struct slice input = buffer_slice(&door->input);
		size_t before = input.size;
		struct frame_failure failure = {0};
		struct buffer made = {0};
		struct frame frame;
		struct error err;
		size_t wanted;

		switch (frame_take(&input, FRAME_MAGIC_REQUEST,
		    door->server.payload_bytes_max, &frame, &wanted, &err)) {
		case FRAME_PARTIAL:
			return true;
		case FRAME_BROKEN:
			failure.status = frame.version == 0
			    ? FRAME_STATUS_INVALID
			    : FRAME_STATUS_TOO_LARGE;
			failure.text = slice_of_string(err.text);
			frame_reply_failure(
			    &made, frame.opcode, frame.id, &failure);
			add_made(door, &made);
			return false;
		case FRAME_TAKEN:
			break;
		}
		run_frame(door, &frame, out);
		buffer_consume(&door->input, before - input.size);
	}
}

bool
memory_door_feed(
    struct memory_door *door, struct slice bytes, struct buffer *out)
{
	bool goes_on;

	buffer_append_slice(&door->input, bytes);
	if (buffer_size(&door->input) == 0)
		return true;
	if (!door->is_known)
		door->is_binary =
		    door->input.data[door->input.start] == FRAME_MAGIC_REQUEST;
	door->is_known = true;
	goes_on =
	    door->is_binary ? feed_frames(door, out) : feed_resp(door, out);
	settle(door, out);
	return goes_on;
}
