#include "frontend/tcp/tcp_connection.h"

#include <stddef.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/os/clock.h"
#include "frontend/gate/gate.h"
#include "frontend/protocol/frame_format.h"

#define PENDINGS_MIN 16

/* Room for pendings that a connection keeps when it has none. */
#define PENDINGS_KEPT 64

static const bool moves[3][3] = {
    [TCP_OPEN] = {[TCP_WAITING] = true, [TCP_BUSY] = true},
    [TCP_WAITING] = {[TCP_OPEN] = true},
    [TCP_BUSY] = {[TCP_OPEN] = true},
};

static void
on_result(struct front_writer *writer, const struct gate_result *result);
static void on_grant(struct intake_claim *claim);
static void on_late_request(struct intake_claim *claim);
static void on_reply_grant(struct intake_claim *claim);
static void on_late_reply(struct intake_claim *claim);
static void connection_free(struct tcp_connection *connection);

static void
connection_move(struct tcp_connection *connection, enum tcp_state to)
{
	CHECK(moves[connection->state][to]);
	connection->state = to;
}

struct tcp_connection *
tcp_connection_create(struct tcp_door *door, struct stream *stream)
{
	struct tcp_connection *connection = mem_new(sizeof(*connection));

	connection->writer.on_result = on_result;
	connection->claim.on_grant = on_grant;
	connection->claim.on_late = on_late_request;
	reply_claim_init(
	    &connection->reply_claim, on_reply_grant, on_late_reply);
	connection->door = door;
	connection->stream = stream;
	TAILQ_INSERT_TAIL(&door->connections, connection, link);
	return connection;
}

void
tcp_connection_close(struct tcp_connection *connection)
{
	CHECK(connection->stream == NULL);
	connection_free(connection);
}

static void
pendings_grow(struct tcp_pendings *pendings)
{
	uint32_t capacity =
	    pendings->capacity == 0 ? PENDINGS_MIN : 2 * pendings->capacity;
	struct tcp_pending *items = mem_resize(NULL, capacity * sizeof(*items));

	for (uint32_t i = 0; i < pendings->count; i++)
		items[i] = pendings->items[(pendings->first + i) &
		    (pendings->capacity - 1)];
	mem_free(pendings->items);
	pendings->items = items;
	pendings->capacity = capacity;
	pendings->first = 0;
}

static inline void
pendings_push(struct tcp_pendings *pendings, const struct tcp_pending *pending)
{
	if (UNLIKELY(pendings->count == pendings->capacity))
		pendings_grow(pendings);
	pendings->items[(pendings->first + pendings->count++) &
	    (pendings->capacity - 1)] = *pending;
}

static inline struct tcp_pending
pendings_pop(struct tcp_pendings *pendings)
{
	struct tcp_pending pending = pendings->items[pendings->first];

	CHECK(pendings->count > 0);
	pendings->first = (pendings->first + 1) & (pendings->capacity - 1);
	if (--pendings->count == 0 && pendings->capacity > PENDINGS_KEPT) {
		mem_free(pendings->items);
		*pendings = (struct tcp_pendings){0};
	}
	return pending;
}

/* Tells the stream which silence is the client's. */
static void
phase_set(struct tcp_connection *connection)
{
	enum stream_phase phase = STREAM_AWAITS_REQUEST;

	if (connection->pendings.count > 0 || connection->state != TCP_OPEN)
		phase = STREAM_AWAITS_US;
	else if (connection->protocol == NULL ||
	    stream_input(connection->stream).size > 0)
		phase = STREAM_AWAITS_REST;
	stream_await(connection->stream, phase);
}

/* The first byte tells which protocol is spoken. */
static void
protocol_choose(struct tcp_connection *connection)
{
	uint8_t first = stream_input(connection->stream).data[0];

	connection->protocol = first == FRAME_MAGIC_REQUEST
	    ? &tcp_protocol_frame
	    : &tcp_protocol_resp;
	connection->protocol->open(connection);
	front_count_opened(connection->protocol->metric);
}

/* Counts what was answered since the call of on_data began. */
static void
tally_count(struct tcp_door *door, enum metric_protocol protocol)
{
	uint64_t elapsed_ns =
	    clock_monotonic_ns(&clock_system) - loop_now_ns(door->loop);

	for (unsigned i = 0; i < METRIC_OPERATION_COUNT; i++) {
		if (door->tally[i] == 0)
			continue;
		front_count((enum metric_operation)i, protocol, elapsed_ns,
		    door->tally[i]);
		door->tally[i] = 0;
	}
	door->server.commands_processed += door->tally_total;
	door->tally_total = 0;
}

static void
claim_release(struct tcp_connection *connection)
{
	if (UNLIKELY(connection->claim.is_listed))
		intake_release(
		    front_intake(connection->door->front), &connection->claim);
}

/*
 * Of a large request no more is read before there is memory for it, and
 * before the last one, whose claim it may be, has its result.
 */
static void
claim_input(struct tcp_connection *connection)
{
	if (stream_input(connection->stream).size >= connection->wanted)
		return;
	if (connection->pendings.count > 0 ||
	    !intake_ask(front_intake(connection->door->front),
		&connection->claim, connection->wanted))
		tcp_connection_wait(connection);
}

void
tcp_connection_on_data(struct stream *stream, void *context)
{
	struct tcp_connection *connection = context;
	struct tcp_door *door = connection->door;

	if (UNLIKELY(connection->protocol == NULL)) {
		if (stream_input(stream).size == 0)
			return;
		protocol_choose(connection);
		if (front_refuses(door->front, stream)) {
			front_count_error(METRIC_REASON_INVALID,
			    connection->protocol->metric);
			connection->protocol->refuse(
			    connection, stream_output(stream));
			stream_finish(stream);
			return;
		}
	}
	door->is_fresh = false;
	door->ahead = 0;
	connection->replied = stream_output_waiting(stream);
	while (stream_takes(stream) && connection->protocol->step(connection))
		continue;
	if (door->tally_total > 0)
		tally_count(door, connection->protocol->metric);
	if (UNLIKELY(connection->wanted > LARGE_REQUEST_BYTES) &&
	    connection->state == TCP_OPEN)
		claim_input(connection);
	phase_set(connection);
	if (UNLIKELY(door->is_draining))
		tcp_connection_finish_idle(connection);
}

void
tcp_connection_finish_idle(struct tcp_connection *connection)
{
	bool is_hard =
	    connection->has_ended || connection->door->is_draining_hard;

	if (connection->stream == NULL || connection->pendings.count > 0 ||
	    connection->state != TCP_OPEN)
		return;
	if (is_hard || stream_input(connection->stream).size == 0)
		stream_finish(connection->stream);
}

void
tcp_connection_on_end(struct stream *stream, void *context)
{
	struct tcp_connection *connection = context;

	connection->has_ended = true;
	tcp_connection_finish_idle(connection);
}

static void
task_end(struct tcp_connection *connection)
{
	tcp_task_deinit(&connection->task);
	buffer_deinit(&connection->held);
}

void
tcp_connection_on_closed(
    struct stream *stream, void *context, enum stream_end why)
{
	struct tcp_connection *connection = context;

	connection->stream = NULL;
	reply_claim_release(&connection->reply_claim, connection->door->front);
	if (connection->state == TCP_BUSY) {
		TAILQ_REMOVE(&connection->door->busy, connection, busy_link);
		task_end(connection);
	}
	if (connection->protocol != NULL)
		front_count_closed(connection->protocol->metric);
	if (connection->pendings.count == 0)
		connection_free(connection);
}

static void
connection_free(struct tcp_connection *connection)
{
	TAILQ_REMOVE(&connection->door->connections, connection, link);
	claim_release(connection);
	if (connection->protocol != NULL)
		connection->protocol->close(connection);
	mem_free(connection->pendings.items);
	mem_free(connection);
}

/* Takes a paused connection up again. */
static void
connection_resume(struct tcp_connection *connection)
{
	connection_move(connection, TCP_OPEN);
	stream_resume(connection->stream);
	phase_set(connection);
	/* No on_data comes if there is no input. */
	if (connection->door->is_draining &&
	    stream_input(connection->stream).size == 0)
		stream_finish(connection->stream);
}

void
tcp_connection_on_room(struct tcp_connection *connection)
{
	if (connection->state == TCP_WAITING && connection->pendings.count == 0)
		connection_resume(connection);
}

/* There is memory for the large request that waits. */
static void
on_grant(struct intake_claim *claim)
{
	struct tcp_connection *connection =
	    (struct tcp_connection *)((char *)claim -
		offsetof(struct tcp_connection, claim));

	if (connection->state == TCP_WAITING && connection->stream != NULL)
		connection_resume(connection);
}

/* Others wait while the rest of its large request does not come. */
static void
on_late_request(struct intake_claim *claim)
{
	struct tcp_connection *connection =
	    (struct tcp_connection *)((char *)claim -
		offsetof(struct tcp_connection, claim));

	if (connection->stream != NULL && connection->pendings.count == 0 &&
	    connection->state == TCP_OPEN)
		stream_close(connection->stream);
}

static struct tcp_connection *
of_reply_claim(struct intake_claim *claim)
{
	return (struct tcp_connection *)((char *)claim -
	    offsetof(struct tcp_connection, reply_claim));
}

/* There is memory for the reply of the request that waits. */
static void
on_reply_grant(struct intake_claim *claim)
{
	struct tcp_connection *connection = of_reply_claim(claim);

	if (connection->state != TCP_WAITING)
		return;
	reply_claim_keep(&connection->reply_claim);
	connection_resume(connection);
}

/* Others wait while it does not take what it has asked for. */
static void
on_late_reply(struct intake_claim *claim)
{
	stream_close(of_reply_claim(claim)->stream);
}

void
tcp_connection_on_drained(struct stream *stream, void *context)
{
	struct tcp_connection *connection = context;

	if (reply_claim_drained(
		&connection->reply_claim, connection->door->front) &&
	    connection->state == TCP_WAITING)
		connection_resume(connection);
}

/* The last result that was due has come. */
static void
on_settled(struct tcp_connection *connection)
{
	claim_release(connection);
	if (connection->stream == NULL) {
		connection_free(connection);
	} else if (connection->state == TCP_WAITING) {
		connection_resume(connection);
	} else {
		phase_set(connection);
		if (connection->has_ended || connection->door->is_draining)
			tcp_connection_finish_idle(connection);
	}
}

static void
count_failure(enum metric_protocol protocol, const struct gate_result *result)
{
	if (UNLIKELY(result->outcome != GATE_JUDGED))
		front_count_error(front_reason(result->status), protocol);
	else if (UNLIKELY(result->group.result == GROUP_TOO_LARGE))
		front_count_error(METRIC_REASON_TOO_LARGE, protocol);
	/* A condition that does not hold is an answer like others. */
	else if (UNLIKELY(result->group.result > GROUP_CONDITION_FAILED))
		front_count_error(METRIC_REASON_INVALID, protocol);
}

static void
on_result(struct front_writer *writer, const struct gate_result *result)
{
	struct tcp_connection *connection = (struct tcp_connection *)writer;
	const struct tcp_protocol *protocol = connection->protocol;
	struct tcp_pending pending = pendings_pop(&connection->pendings);

	if (LIKELY(connection->stream != NULL))
		protocol->reply(
		    &pending, result, stream_output(connection->stream));
	if (LIKELY(connection->stream != NULL))
		reply_claim_count(&connection->reply_claim,
		    connection->door->front, connection->stream);
	tcp_door_count_result(connection->door, protocol->metric, &pending);
	count_failure(protocol->metric, result);
	if (connection->pendings.count == 0)
		on_settled(connection);
}

struct buffer *
tcp_connection_output(struct tcp_connection *connection)
{
	struct tcp_door *door = connection->door;

	if (LIKELY(connection->pendings.count == 0))
		return stream_output(connection->stream);
	buffer_clear(&door->aside, 0);
	return &door->aside;
}

enum status
tcp_connection_refresh(struct tcp_connection *connection, struct error *err)
{
	struct tcp_door *door = connection->door;

	if (LIKELY(door->is_fresh))
		return STATUS_OK;
	if (UNLIKELY(front_refresh(door->front, err) != STATUS_OK)) {
		door->reader.failure = err->code;
		return err->code;
	}
	door->is_fresh = true;
	return STATUS_OK;
}

void
tcp_connection_look_ahead(struct tcp_connection *connection, size_t size,
    size_t (*find)(struct slice input, struct slice *keys))
{
	struct tcp_door *door = connection->door;
	struct slice input = stream_input(connection->stream);
	struct slice keys[TCP_PREFETCH_MAX];
	size_t count;

	if (door->ahead > 0) {
		door->ahead--;
		return;
	}
	if (input.size == size)
		return;
	count = find(input, keys);
	if (count < 2)
		return;
	tcp_store_prefetch(&door->store, keys, count);
	door->ahead = (uint32_t)count - 1;
}

enum tcp_admission
tcp_connection_begin(struct tcp_connection *connection,
    struct batch_builder **out, struct error *err)
{
	struct tcp_door *door = connection->door;

	if (connection->pendings.count >= TCP_PENDING_MAX)
		return TCP_NO_ROOM;
	if (UNLIKELY(!front_has_room(door->front))) {
		door->needs_room = true;
		return TCP_NO_ROOM;
	}
	if (UNLIKELY(gate_begin(door->gate, out, err) != STATUS_OK))
		return TCP_REFUSED;
	return TCP_BEGUN;
}

void
tcp_connection_submit(
    struct tcp_connection *connection, size_t size, struct tcp_pending *pending)
{
	struct tcp_door *door = connection->door;

	pending->arrived_ns = loop_now_ns(door->loop);
	pendings_push(&connection->pendings, pending);
	gate_commit(door->gate, &connection->writer);
	stream_consume(connection->stream, size);
}

bool
tcp_connection_wait(struct tcp_connection *connection)
{
	connection_move(connection, TCP_WAITING);
	stream_pause(connection->stream);
	return false;
}

static void
tally_add(struct tcp_connection *connection, enum metric_operation operation)
{
	struct tcp_door *door = connection->door;

	door->tally[operation]++;
	door->tally_total++;
}

bool
tcp_connection_answered(struct tcp_connection *connection, size_t size,
    enum metric_operation operation)
{
	if (UNLIKELY(connection->pendings.count > 0) ||
	    UNLIKELY(!reply_claim_fits(&connection->reply_claim,
		connection->door->front, connection->stream,
		connection->replied)))
		return tcp_connection_wait(connection);
	connection->replied = stream_output_waiting(connection->stream);
	stream_consume(connection->stream, size);
	claim_release(connection);
	tally_add(connection, operation);
	return true;
}

void
tcp_connection_count_error(struct tcp_connection *connection)
{
	enum status *failure = &connection->door->reader.failure;

	front_count_error(*failure == STATUS_OK ? METRIC_REASON_INVALID
						: front_reason(*failure),
	    connection->protocol->metric);
	*failure = STATUS_OK;
}

bool
tcp_connection_answered_last(struct tcp_connection *connection, size_t size)
{
	if (connection->pendings.count > 0)
		return tcp_connection_wait(connection);
	stream_consume(connection->stream, size);
	tally_add(connection, METRIC_OPERATION_OTHER);
	stream_finish(connection->stream);
	return false;
}

bool
tcp_connection_hold(struct tcp_connection *connection, size_t size,
    enum metric_operation operation, const uint8_t **moved)
{
	CHECK(connection->pendings.count == 0);
	connection_move(connection, TCP_BUSY);
	stream_pause(connection->stream);
	buffer_append(
	    &connection->held, stream_input(connection->stream).data, size);
	*moved = buffer_slice(&connection->held).data;
	stream_consume(connection->stream, size);
	connection->operation = operation;
	connection->arrived_ns = loop_now_ns(connection->door->loop);
	tcp_door_busy(connection->door, connection);
	return false;
}

void
tcp_connection_run(struct tcp_connection *connection)
{
	struct tcp_door *door = connection->door;
	const struct tcp_protocol *protocol = connection->protocol;
	enum tcp_outcome outcome;

	CHECK(connection->state == TCP_BUSY);
	/* Another turn: what was current then is not now. */
	door->is_fresh = false;
	outcome = protocol->run(connection, stream_output(connection->stream));
	if (outcome == TCP_AGAIN) {
		tcp_door_busy(door, connection);
		return;
	}
	CHECK(outcome == TCP_REPLIED);
	front_count(connection->operation, protocol->metric,
	    loop_now_ns(door->loop) - connection->arrived_ns, 1);
	door->server.commands_processed++;
	task_end(connection);
	claim_release(connection);
	reply_claim_count(
	    &connection->reply_claim, door->front, connection->stream);
	connection_resume(connection);
}
