#include "frontend/http/http_connection.h"

#include <stddef.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/clock.h"
#include "frontend/http/http_call.h"
#include "frontend/http/http_list.h"

/*
 * Beside the time that a request may be silent, it may take a millisecond for
 * each so many bytes.
 */
#define SLOWEST_BYTES_PER_MS 16u

static const bool moves[4][4] = {
    [HTTP_OPEN] =
	{[HTTP_HELD] = true, [HTTP_LISTING] = true, [HTTP_LAST] = true},
    [HTTP_HELD] = {[HTTP_OPEN] = true},
    [HTTP_LISTING] = {[HTTP_OPEN] = true, [HTTP_LAST] = true},
};

static void
on_result(struct front_writer *writer, const struct gate_result *result);
static void on_grant(struct intake_claim *claim);
static void on_reply_grant(struct intake_claim *claim);
static void on_late_reply(struct intake_claim *claim);
static void list_run(void *context);

static void
connection_move(struct http_connection *connection, enum http_state to)
{
	CHECK(moves[connection->state][to]);
	connection->state = to;
}

struct http_connection *
http_connection_create(struct http_door *door, struct stream *stream)
{
	struct http_connection *connection = mem_new(sizeof(*connection));

	connection->writer.on_result = on_result;
	connection->claim.on_grant = on_grant;
	reply_claim_init(
	    &connection->reply_claim, on_reply_grant, on_late_reply);
	connection->door = door;
	connection->stream = stream;
	connection->assembler = http_assembler_create(&door->limits);
	connection->list_task.run = list_run;
	connection->list_task.context = connection;
	STAILQ_INIT(&connection->pendings);
	TAILQ_INSERT_TAIL(&door->connections, connection, link);
	front_count_opened(METRIC_PROTOCOL_HTTP);
	return connection;
}

static void
claim_release(struct http_connection *connection)
{
	intake_release(
	    front_intake(connection->door->front), &connection->claim);
}

/* Nothing is due any more; another large body may have begun, though. */
static void
claim_settle(struct http_connection *connection)
{
	if (connection->claim.is_listed &&
	    http_assembler_body_bytes(connection->assembler) <=
		LARGE_REQUEST_BYTES)
		claim_release(connection);
}

static void
pending_free(struct http_connection *connection)
{
	struct http_pending *pending = STAILQ_FIRST(&connection->pendings);

	STAILQ_REMOVE_HEAD(&connection->pendings, link);
	connection->pending_count--;
	mem_free(pending->ops);
	mem_free(pending);
}

void
http_connection_close(struct http_connection *connection)
{
	CHECK(connection->stream == NULL);
	claim_release(connection);
	TAILQ_REMOVE(&connection->door->connections, connection, link);
	while (!STAILQ_EMPTY(&connection->pendings))
		pending_free(connection);
	mem_free(connection);
}

void
http_connection_on_closed(
    struct stream *stream, void *context, enum stream_end why)
{
	struct http_connection *connection = context;

	connection->stream = NULL;
	reply_claim_release(&connection->reply_claim, connection->door->front);
	loop_task_cancel(connection->door->loop, &connection->list_task);
	http_list_close(connection->list);
	http_assembler_close(connection->assembler);
	front_count_closed(METRIC_PROTOCOL_HTTP);
	if (connection->pending_count == 0)
		http_connection_close(connection);
}

/* Tells the stream which silence is the client's. */
static void
phase_set(struct http_connection *connection)
{
	enum stream_phase phase = STREAM_AWAITS_REQUEST;

	if (connection->pending_count > 0 || connection->state != HTTP_OPEN ||
	    connection->awaits_memory)
		phase = STREAM_AWAITS_US;
	else if (http_assembler_pending_bytes(connection->assembler) > 0)
		phase = STREAM_AWAITS_REST;
	stream_await(connection->stream, phase);
}

/* Nothing is taken any more; ends when all results are there. */
static void
last(struct http_connection *connection)
{
	connection_move(connection, HTTP_LAST);
	if (connection->pending_count == 0)
		stream_finish(connection->stream);
}

static struct http_reply
reply_of(const struct http_connection *connection, bool is_old, bool closes)
{
	return (struct http_reply){
	    .date = &connection->door->date,
	    .is_old = is_old,
	    .closes = closes,
	};
}

/* After STOP, what was asked already is the last that is answered. */
static bool
closes_after(const struct http_connection *connection,
    const struct http_request *request, size_t consumed)
{
	return !request->keeps_alive ||
	    (front_is_draining(connection->door->front) &&
		stream_input(connection->stream).size == consumed);
}

static void
hold(struct http_connection *connection, enum http_assembled assembled,
    bool awaits_results)
{
	http_assembler_keep(connection->assembler);
	connection->held = assembled;
	connection->awaits_results = awaits_results;
	connection_move(connection, HTTP_HELD);
	stream_pause(connection->stream);
}

static void
list_start(struct http_connection *connection, const struct http_call *call)
{
	connection->list = call->list;
	connection->list_reply = call->reply;
	connection->list_arrived_ns = loop_now_ns(connection->door->loop);
	connection_move(connection, HTTP_LISTING);
	stream_pause(connection->stream);
	loop_defer(connection->door->loop, &connection->list_task);
}

/*
 * Answers what was assembled, of which `consumed` bytes are still in the
 * input, or sees to it that it is answered later.
 */
static void
proceed(struct http_connection *connection, enum http_assembled assembled,
    size_t consumed)
{
	const struct http_assembler *assembler = connection->assembler;
	const struct http_request *request = http_assembler_request(assembler);
	struct http_call call = {
	    .connection = connection,
	    .request = request,
	    .reply = reply_of(connection, request->is_old,
		closes_after(connection, request, consumed)),
	    .may_reply = connection->pending_count == 0,
	};
	size_t before = stream_output_waiting(connection->stream);
	uint64_t gets = connection->door->gets;
	enum http_call_outcome outcome;

	call.reply.out = stream_output(connection->stream);
	call.reply.is_head = request->verb == HTTP_VERB_HEAD;
	if (LIKELY(assembled == HTTP_ASSEMBLED_REQUEST)) {
		outcome = http_call_run(&call);
	} else {
		call.problem = *http_assembler_problem(assembler);
		outcome = http_call_refuse(&call);
	}
	switch (outcome) {
	case HTTP_CALL_AWAITS_RESULTS:
		hold(connection, assembled, true);
		return;
	case HTTP_CALL_AWAITS_ROOM:
		hold(connection, assembled, false);
		return;
	case HTTP_CALL_LISTS:
		list_start(connection, &call);
		return;
	case HTTP_CALL_SUBMITTED:
		STAILQ_INSERT_TAIL(&connection->pendings, call.pending, link);
		connection->pending_count++;
		break;
	case HTTP_CALL_REPLIED:
		if (reply_claim_fits(&connection->reply_claim,
			connection->door->front, connection->stream, before))
			break;
		connection->door->gets = gets;
		hold(connection, assembled, false);
		return;
	}
	http_assembler_drop_body(connection->assembler);
	if (connection->pending_count == 0)
		claim_settle(connection);
	if (UNLIKELY(call.reply.closes))
		last(connection);
}

/* Lets a client send the body that it holds back, when it is its turn. */
static void
continue_send(struct http_connection *connection)
{
	if (connection->pending_count == 0 && !connection->awaits_memory &&
	    http_assembler_takes_continue(connection->assembler))
		http_reply_continue(stream_output(connection->stream));
}

/*
 * Of a large body no more is read before there is memory for it. An earlier
 * request's claim, which it may still have, is the lesser part of that.
 */
static void
claim_body(struct http_connection *connection)
{
	size_t bytes = http_assembler_body_bytes(connection->assembler);

	if (bytes <= LARGE_REQUEST_BYTES ||
	    intake_ask(front_intake(connection->door->front),
		&connection->claim, bytes))
		return;
	connection->awaits_memory = true;
	stream_pause(connection->stream);
}

/* Takes one request; false if there is none that is whole. */
static bool
step(struct http_connection *connection)
{
	struct slice input = stream_input(connection->stream);
	enum http_assembled assembled;
	size_t consumed;

	if (input.size == 0)
		return false;
	assembled =
	    http_assembler_next(connection->assembler, input, &consumed);
	if (assembled != HTTP_ASSEMBLED_MORE)
		proceed(connection, assembled, consumed);
	else
		claim_body(connection);
	if (assembled == HTTP_ASSEMBLED_MORE && !connection->awaits_memory)
		continue_send(connection);
	stream_consume(connection->stream, consumed);
	return assembled != HTTP_ASSEMBLED_MORE;
}

/* What is asked from now on is answered from a state that is not older. */
static void
turn_begin(struct http_door *door)
{
	door->is_fresh = false;
	http_date_update(&door->date, clock_wall_ms(&clock_system));
}

static void
gets_count(struct http_door *door)
{
	if (door->gets == 0)
		return;
	front_count(METRIC_OPERATION_GET, METRIC_PROTOCOL_HTTP,
	    clock_monotonic_ns(&clock_system) - loop_now_ns(door->loop),
	    door->gets);
	door->gets = 0;
}

/* Answers with a problem that ends the connection. */
static void
turn_away(struct http_connection *connection, struct http_problem *problem)
{
	struct http_reply reply = reply_of(connection, false, true);

	reply.out = stream_output(connection->stream);
	http_call_count_problem(problem);
	http_reply_problem(&reply, problem);
	last(connection);
}

/* Ends a request that comes too slowly, however little it is silent. */
static void
check_pace(struct http_connection *connection)
{
	size_t bytes = http_assembler_pending_bytes(connection->assembler);
	uint64_t now_ms = loop_now_ms(connection->door->loop);
	struct http_problem problem;

	if (bytes == 0 || connection->pending_count > 0 ||
	    connection->state != HTTP_OPEN || connection->awaits_memory) {
		connection->began_ms = 0;
		return;
	}
	if (connection->began_ms == 0)
		connection->began_ms = now_ms;
	if (now_ms - connection->began_ms <=
	    connection->door->request_ms + bytes / SLOWEST_BYTES_PER_MS)
		return;
	http_problem_set(
	    &problem, 408, "the request did not come within its time");
	turn_away(connection, &problem);
}

void
http_connection_on_data(struct stream *stream, void *context)
{
	struct http_connection *connection = context;
	struct http_door *door = connection->door;
	struct http_problem problem;

	turn_begin(door);
	if (front_refuses(door->front, stream) &&
	    connection->state == HTTP_OPEN) {
		http_problem_set(&problem, 403, "%s", FRONT_REFUSAL);
		turn_away(connection, &problem);
		return;
	}
	while (connection->state == HTTP_OPEN && stream_takes(stream) &&
	    step(connection))
		continue;
	gets_count(door);
	check_pace(connection);
	phase_set(connection);
	if (UNLIKELY(door->is_draining))
		http_connection_finish_idle(connection);
}

void
http_connection_on_end(struct stream *stream, void *context)
{
	struct http_connection *connection = context;

	connection->has_ended = true;
	http_connection_finish_idle(connection);
}

void
http_connection_finish_idle(struct http_connection *connection)
{
	struct stream *stream = connection->stream;
	bool is_hard =
	    connection->has_ended || connection->door->is_draining_hard;

	if (stream == NULL || connection->pending_count > 0 ||
	    connection->state != HTTP_OPEN)
		return;
	if (is_hard ||
	    (stream_input(stream).size == 0 &&
		http_assembler_pending_bytes(connection->assembler) == 0))
		last(connection);
}

/* Goes on with the input after a request that was answered late. */
static void
go_on(struct http_connection *connection)
{
	gets_count(connection->door);
	phase_set(connection);
	if (connection->state != HTTP_OPEN)
		return;
	if (connection->pending_count == 0)
		claim_settle(connection);
	stream_resume(connection->stream);
	if (connection->door->is_draining)
		http_connection_finish_idle(connection);
}

/* There is memory for the body that waits. */
static void
on_grant(struct intake_claim *claim)
{
	struct http_connection *connection =
	    (struct http_connection *)((char *)claim -
		offsetof(struct http_connection, claim));

	if (!connection->awaits_memory || connection->stream == NULL ||
	    stream_is_ending(connection->stream))
		return;
	connection->awaits_memory = false;
	continue_send(connection);
	phase_set(connection);
	stream_resume(connection->stream);
}

/* Tries a held request again. */
static void
held_retry(struct http_connection *connection)
{
	connection_move(connection, HTTP_OPEN);
	turn_begin(connection->door);
	proceed(connection, connection->held, 0);
	go_on(connection);
}

void
http_connection_on_room(struct http_connection *connection)
{
	if (connection->stream != NULL && connection->state == HTTP_HELD &&
	    !connection->awaits_results &&
	    !stream_is_ending(connection->stream))
		held_retry(connection);
}

static struct http_connection *
of_reply_claim(struct intake_claim *claim)
{
	return (struct http_connection *)((char *)claim -
	    offsetof(struct http_connection, reply_claim));
}

/* There is memory for the reply of the request that is held. */
static void
on_reply_grant(struct intake_claim *claim)
{
	struct http_connection *connection = of_reply_claim(claim);

	reply_claim_keep(&connection->reply_claim);
	http_connection_on_room(connection);
}

/* Others wait while it does not take what it has asked for. */
static void
on_late_reply(struct intake_claim *claim)
{
	stream_close(of_reply_claim(claim)->stream);
}

void
http_connection_on_drained(struct stream *stream, void *context)
{
	struct http_connection *connection = context;

	if (reply_claim_drained(
		&connection->reply_claim, connection->door->front))
		http_connection_on_room(connection);
}

/* A result was answered: what may follow from it. */
static void
result_follow(struct http_connection *connection)
{
	bool is_last = connection->pending_count == 0;

	if (is_last)
		claim_settle(connection);
	switch (connection->state) {
	case HTTP_HELD:
		if (is_last ||
		    (!connection->awaits_results &&
			connection->pending_count <= HTTP_PENDING_MAX / 2))
			held_retry(connection);
		break;
	case HTTP_LAST:
		if (is_last)
			stream_finish(connection->stream);
		break;
	default:
		if (!is_last)
			break;
		continue_send(connection);
		phase_set(connection);
		if (connection->has_ended || connection->door->is_draining)
			http_connection_finish_idle(connection);
	}
}

static void
on_result(struct front_writer *writer, const struct gate_result *result)
{
	/* The writer is the first member. */
	struct http_connection *connection = (struct http_connection *)writer;
	struct http_door *door = connection->door;
	struct stream *stream = connection->stream;
	const struct http_pending *pending =
	    STAILQ_FIRST(&connection->pendings);

	if (stream != NULL && !stream_is_ending(stream)) {
		struct http_reply reply =
		    reply_of(connection, pending->is_old, pending->closes);
		http_date_update(&door->date, clock_wall_ms(&clock_system));
		reply.out = stream_output(stream);
		http_call_reply_result(&door->aside, pending, result, &reply);
		reply_claim_count(
		    &connection->reply_claim, door->front, stream);
	}
	front_count(pending->operation, METRIC_PROTOCOL_HTTP,
	    loop_now_ns(door->loop) - pending->arrived_ns, 1);
	pending_free(connection);
	if (stream == NULL) {
		if (connection->pending_count == 0)
			http_connection_close(connection);
		return;
	}
	if (!stream_is_ending(stream))
		result_follow(connection);
}

/* One run of the list; the next comes by itself. */
static void
list_run(void *context)
{
	struct http_connection *connection = context;
	struct http_door *door = connection->door;
	struct http_reply *reply = &connection->list_reply;
	struct http_problem problem;
	struct error err;
	bool is_whole = false;
	bool ok;

	if (stream_is_ending(connection->stream))
		return;
	turn_begin(door);
	ok = http_call_refresh(connection, &err) == STATUS_OK &&
	    http_list_run(connection->list, door->reader, &is_whole, &err) ==
		STATUS_OK;
	if (ok && !is_whole) {
		loop_defer(door->loop, &connection->list_task);
		return;
	}
	reply->out = stream_output(connection->stream);
	if (ok) {
		http_reply_body(reply, http_list_body(connection->list));
	} else {
		http_call_fail(&problem, &err);
		http_call_count_problem(&problem);
		http_reply_problem(reply, &problem);
	}
	reply_claim_count(
	    &connection->reply_claim, door->front, connection->stream);
	http_list_close(connection->list);
	connection->list = NULL;
	front_count(METRIC_OPERATION_SCAN, METRIC_PROTOCOL_HTTP,
	    loop_now_ns(door->loop) - connection->list_arrived_ns, 1);
	if (reply->closes) {
		last(connection);
		return;
	}
	connection_move(connection, HTTP_OPEN);
	go_on(connection);
}
