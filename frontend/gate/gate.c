#include "frontend/gate/gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/ipc/ipc_client.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/os/clock.h"
#include "common/os/random.h"
#include "frontend/gate/gate_batch.h"

/* How long until a sink that refused is asked again. */
#define HOLD_MS 20

/*
 *          connected          registered         a batch waits
 *   AWAY ------------> IDLE <------------ JOINING    |
 *    ^                 |  ^ \----------------^       |
 *    |                 |  |   not registered         |
 *    |                 v  | answered                 v
 *    |              SENDING <------------------------+
 *    |                 |
 *    |                 | refused for now, as JOINING may be
 *    |                 v
 *    |              HOLDING --after HOLD_MS--> IDLE
 *    +-- lost, from any
 */
enum gate_state {
	GATE_AWAY,
	GATE_IDLE, /* nothing in flight */
	GATE_JOINING, /* a registration is in flight */
	GATE_SENDING, /* the first batch of the queue is in flight */
	GATE_HOLDING, /* refused: waits a moment */
};

static const char *const state_names[] = {
    "away", "idle", "joining", "sending", "holding"};

static const bool moves[5][5] = {
    [GATE_AWAY] = {[GATE_IDLE] = true},
    [GATE_IDLE] =
	{[GATE_AWAY] = true, [GATE_JOINING] = true, [GATE_SENDING] = true},
    [GATE_JOINING] =
	{[GATE_AWAY] = true, [GATE_IDLE] = true, [GATE_HOLDING] = true},
    [GATE_SENDING] =
	{[GATE_AWAY] = true, [GATE_IDLE] = true, [GATE_HOLDING] = true},
    [GATE_HOLDING] = {[GATE_AWAY] = true, [GATE_IDLE] = true},
};

struct gate {
	struct gate_options options;
	struct loop *loop;
	struct ipc_client *client;
	enum gate_state state;
	/* Oldest first; the first may be in flight, the last takes groups. */
	struct gate_queue queue;
	struct gate_batch *spare;
	struct gate_batch *open; /* begun on: the last of the queue or ... */
	struct gate_batch *draft; /* ... this one, which has no group yet */
	struct loop_task work; /* sends, at the end of a turn */
	struct loop_timer *deadline; /* of the oldest without results */
	struct loop_timer *hold;
	size_t waiting_bytes;
	bool lacks_room; /* the owner was told so */
	uint8_t writer[WRITER_ID_BYTES];
	bool is_registered;
	uint64_t next_number; /* of the next batch that is sent */
	uint64_t away_since_ms;
	uint64_t sent_ns;
	struct error refusal; /* why it holds; OK after an answer */
};

static void on_ready(void *context, uint64_t incarnation);
static void on_reply(void *context, enum status status, struct slice payload);
static void on_lost(void *context);
static void on_deadline(void *context);
static void work_run(void *context);
static void on_hold_over(void *context);

static void
gate_move(struct gate *gate, enum gate_state to)
{
	CHECK(moves[gate->state][to]);
	log_event(LOG_DEBUG, "gate_moved", "from=%s to=%s",
	    state_names[gate->state], state_names[to]);
	gate->state = to;
}

/* Another instance, as far as the sink can tell. */
static void
writer_renew(struct gate *gate)
{
	random_fill(gate->writer, sizeof(gate->writer));
	gate->is_registered = false;
	gate->next_number = 1;
}

enum status
gate_create(struct loop *loop, const struct gate_options *options,
    struct gate **out, struct error *err)
{
	struct gate *gate = mem_new(sizeof(*gate));
	struct ipc_client_options client = {.path = options->path,
	    .on_ready = on_ready,
	    .on_reply = on_reply,
	    .on_lost = on_lost,
	    .context = gate};

	CHECK(options->on_result != NULL && options->wait_ms > 0);
	*out = NULL;
	gate->options = *options;
	gate->options.path = NULL;
	gate->loop = loop;
	gate->away_since_ms = loop_now_ms(loop);
	gate->work.run = work_run;
	gate->work.context = gate;
	gate->deadline = loop_timer_create(loop, on_deadline, gate);
	gate->hold = loop_timer_create(loop, on_hold_over, gate);
	TAILQ_INIT(&gate->queue);
	writer_renew(gate);
	if (ipc_client_create(loop, &client, &gate->client, err) != STATUS_OK) {
		gate_close(gate);
		return error_wrap(err, "write sink");
	}
	*out = gate;
	return STATUS_OK;
}

bool
gate_is_open(const struct gate *gate)
{
	return gate->state != GATE_AWAY ||
	    loop_now_ms(gate->loop) - gate->away_since_ms <
	    gate->options.wait_ms;
}

bool
gate_is_idle(const struct gate *gate)
{
	struct gate_batch *batch;

	TAILQ_FOREACH(batch, &gate->queue, link) {
		if (!batch->is_reported)
			return false;
	}
	return true;
}

bool
gate_has_room(struct gate *gate)
{
	bool has_room = gate->waiting_bytes <= gate->options.bytes_max / 2;

	if (!has_room)
		gate->lacks_room = true;
	return has_room;
}

static void
bytes_move(struct gate *gate, size_t added, size_t removed)
{
	gate->waiting_bytes += added;
	gate->waiting_bytes -= removed;
	metrics_set(METRIC_GATE_PARKED_BYTES, 0, 0, gate->waiting_bytes);
}

/* To be called where the owner's callbacks may be. */
static void
room_tell(struct gate *gate)
{
	if (!gate->lacks_room || !gate_has_room(gate))
		return;
	gate->lacks_room = false;
	if (gate->options.on_room != NULL)
		gate->options.on_room(gate->options.context);
}

static struct gate_batch *
batch_new(struct gate *gate)
{
	struct gate_batch *batch = gate->spare;

	gate->spare = NULL;
	return batch != NULL ? batch : gate_batch_create();
}

/* Done with: it is in no queue any more. */
static void
batch_free(struct gate *gate, struct gate_batch *batch)
{
	if (gate->spare != NULL) {
		gate_batch_close(batch);
		return;
	}
	gate_batch_reset(batch);
	gate->spare = batch;
}

static void
batch_remove(struct gate *gate, struct gate_batch *batch)
{
	TAILQ_REMOVE(&gate->queue, batch, link);
	bytes_move(gate, 0, batch->size_bytes);
}

/* The draft gets its first group. */
static void
draft_enqueue(struct gate *gate)
{
	struct gate_batch *batch = gate->draft;

	gate->draft = NULL;
	batch->deadline_ms = loop_now_ms(gate->loop) + gate->options.wait_ms;
	/* Nothing is added behind it: order is kept by the last alone. */
	TAILQ_INSERT_TAIL(&gate->queue, batch, link);
	if (!loop_timer_is_running(gate->deadline))
		loop_timer_start(gate->deadline, gate->options.wait_ms);
}

/* Whether a group that takes `size` bytes, if that is known, may come. */
static enum status
admit(struct gate *gate, size_t size, struct error *err)
{
	if (UNLIKELY(!gate_is_open(gate)))
		return error_set(err, STATUS_UNAVAILABLE,
		    "the store takes no writes at present");
	if (LIKELY(gate->waiting_bytes == 0 ||
		gate->waiting_bytes + size <= gate->options.bytes_max))
		return STATUS_OK;
	gate->lacks_room = true;
	return error_set(err, STATUS_BUSY, "%zu bytes of writes wait already",
	    gate->waiting_bytes);
}

/* The batch to which groups are added now. */
static struct gate_batch *
open_batch(struct gate *gate)
{
	struct gate_batch *last = TAILQ_LAST(&gate->queue, gate_queue);

	if (last != NULL && !last->is_closed)
		return last;
	if (gate->draft == NULL)
		gate->draft = batch_new(gate);
	return gate->draft;
}

enum status
gate_begin(struct gate *gate, struct batch_builder **out, struct error *err)
{
	*out = NULL;
	if (UNLIKELY(admit(gate, 1, err) != STATUS_OK))
		return err->code;
	gate->open = open_batch(gate);
	*out = &gate->open->builder;
	return STATUS_OK;
}

void
gate_commit(struct gate *gate, void *token)
{
	struct gate_batch *batch = gate->open;
	size_t before = batch->size_bytes;

	gate_batch_take(batch, token);
	bytes_move(gate, batch->size_bytes, before);
	if (batch == gate->draft)
		draft_enqueue(gate);
	loop_defer(gate->loop, &gate->work);
}

void
gate_turn(struct gate *gate)
{
	CHECK(gate->open->group_count > 0);
	gate->open->is_closed = true;
}

static size_t
group_size(const struct command *commands, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += command_size(&commands[i]);
	return size;
}

/* Adds the group to the builder; false if that has no room for it. */
static bool
group_add(
    struct batch_builder *builder, const struct command *commands, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!batch_builder_add(builder, &commands[i])) {
			batch_builder_discard_group(builder);
			return false;
		}
	}
	batch_builder_end_group(builder);
	return true;
}

enum status
gate_submit(struct gate *gate, const struct command *commands, size_t count,
    void *token, struct error *err)
{
	size_t size = group_size(commands, count);

	CHECK(count > 0);
	if (admit(gate, size, err) != STATUS_OK)
		return err->code;
	gate->open = open_batch(gate);
	if (!group_add(&gate->open->builder, commands, count)) {
		if (gate->open->group_count > 0) {
			gate_turn(gate);
			gate->open = open_batch(gate);
		}
		if (!group_add(&gate->open->builder, commands, count))
			return error_set(err, STATUS_INVALID,
			    "%zu commands of %zu bytes are too much for one "
			    "group",
			    count, size);
	}
	gate_commit(gate, token);
	return STATUS_OK;
}

static void
registration_send(struct gate *gate)
{
	struct batch_builder builder = {0};
	struct batch_origin origin = {0};

	memcpy(origin.writer, gate->writer, WRITER_ID_BYTES);
	gate_move(gate, GATE_JOINING);
	ipc_client_send(gate->client, IPC_WRITE,
	    batch_builder_finish(&builder, &origin, 0));
	batch_builder_deinit(&builder);
}

static void
batch_send(struct gate *gate, struct gate_batch *batch)
{
	struct batch_origin origin = {
	    .number = gate->next_number, .answered = gate->next_number - 1};

	memcpy(origin.writer, gate->writer, WRITER_ID_BYTES);
	/* One that may have been applied keeps its number until it is known. */
	CHECK(!batch->is_in_doubt || batch->number == origin.number);
	if (batch->is_in_doubt)
		metrics_add(METRIC_GATE_RESENDS, 0, 0, 1);
	metrics_add(METRIC_GATE_BATCHES, 0, 0, 1);
	metrics_observe(METRIC_GATE_BATCH_GROUPS, 0, 0, batch->group_count);
	batch->number = origin.number;
	batch->is_closed = true;
	batch->is_resent = batch->is_in_doubt;
	batch->is_in_doubt = true;
	gate->sent_ns = clock_monotonic_ns(&clock_system);
	gate_move(gate, GATE_SENDING);
	ipc_client_send(gate->client, IPC_WRITE,
	    batch_builder_finish(&batch->builder, &origin, 0));
}

static void
work_run(void *context)
{
	struct gate *gate = context;
	struct gate_batch *first = TAILQ_FIRST(&gate->queue);

	if (gate->state != GATE_IDLE)
		return;
	if (!gate->is_registered)
		registration_send(gate);
	else if (first != NULL)
		batch_send(gate, first);
}

static void
on_ready(void *context, uint64_t incarnation)
{
	struct gate *gate = context;

	log_event(LOG_INFO, "sink_found",
	    "away_ms=%" PRIu64 " waiting_bytes=%zu incarnation=%016" PRIx64,
	    loop_now_ms(gate->loop) - gate->away_since_ms, gate->waiting_bytes,
	    incarnation);
	gate_move(gate, GATE_IDLE);
	loop_defer(gate->loop, &gate->work);
}

static void
on_lost(void *context)
{
	struct gate *gate = context;

	log_event(
	    LOG_WARN, "sink_lost", "waiting_bytes=%zu", gate->waiting_bytes);
	loop_timer_stop(gate->hold);
	gate->away_since_ms = loop_now_ms(gate->loop);
	gate_move(gate, GATE_AWAY);
}

/* The same result for all groups of a batch that have none yet. */
static void
batch_report(struct gate *gate, struct gate_batch *batch,
    const struct gate_result *result)
{
	if (batch->is_reported)
		return;
	/* The callbacks may submit, but not into this one. */
	batch->is_closed = true;
	batch->is_reported = true;
	for (size_t i = 0; i < batch->group_count; i++)
		gate->options.on_result(
		    gate->options.context, batch->tokens[i], result);
}

static void
batch_drop(struct gate *gate, struct gate_batch *batch,
    enum gate_outcome outcome, enum status status, const char *reason)
{
	struct gate_result result = {
	    .outcome = outcome, .status = status, .reason = reason};

	batch_remove(gate, batch);
	batch_report(gate, batch, &result);
	batch_free(gate, batch);
}

static void
overdue_report(struct gate *gate, struct gate_batch *batch)
{
	struct gate_result unknown = {.outcome = GATE_UNKNOWN,
	    .status = STATUS_UNKNOWN,
	    .reason = "no answer in time: it may have been applied or not"};

	/*
	 * It stays in the queue until it is answered: what comes later must
	 * not be applied before it.
	 */
	if (batch->is_in_doubt)
		batch_report(gate, batch, &unknown);
	else if (gate->state == GATE_AWAY)
		batch_drop(gate, batch, GATE_NOT_APPLIED, STATUS_UNAVAILABLE,
		    "the store did not come back in time");
	else if (gate->refusal.code != STATUS_OK)
		batch_drop(gate, batch, GATE_NOT_APPLIED, gate->refusal.code,
		    gate->refusal.text);
	else
		batch_drop(gate, batch, GATE_NOT_APPLIED, STATUS_TIMEOUT,
		    "the store is too slow");
}

static void
on_deadline(void *context)
{
	struct gate *gate = context;
	uint64_t now_ms = loop_now_ms(gate->loop);
	struct gate_batch *batch = TAILQ_FIRST(&gate->queue);

	while (batch != NULL) {
		struct gate_batch *next = TAILQ_NEXT(batch, link);

		if (!batch->is_reported) {
			if (batch->deadline_ms > now_ms)
				break;
			overdue_report(gate, batch);
		}
		batch = next;
	}
	if (batch != NULL)
		loop_timer_start(gate->deadline, batch->deadline_ms - now_ms);
	else if (!gate_is_idle(gate))
		/* Submitted by the callbacks just now. */
		loop_timer_start(gate->deadline, gate->options.wait_ms);
	room_tell(gate);
}

static void
hold(struct gate *gate, enum status status, struct slice reason)
{
	error_set(&gate->refusal, status, "%.*s", (int)reason.size,
	    (const char *)reason.data);
	gate_move(gate, GATE_HOLDING);
	loop_timer_start(gate->hold, HOLD_MS);
}

static void
on_hold_over(void *context)
{
	struct gate *gate = context;

	gate_move(gate, GATE_IDLE);
	loop_defer(gate->loop, &gate->work);
}

static void
on_registration_reply(
    struct gate *gate, enum status status, struct slice payload)
{
	if (status != STATUS_OK) {
		hold(gate, status, payload);
		return;
	}
	gate->is_registered = true;
	gate_move(gate, GATE_IDLE);
	loop_defer(gate->loop, &gate->work);
}

/* Gives each group of a batch, which is in no queue any more, its result. */
static void
batch_deliver(
    struct gate *gate, struct gate_batch *batch, const struct reply *reply)
{
	struct reply_cursor cursor = reply_cursor_at_start(reply);
	struct gate_result result = {.outcome = GATE_JUDGED};

	if (batch->is_reported)
		return;
	for (size_t i = 0; i < batch->group_count; i++) {
		CHECK(reply_cursor_next_group(&cursor, &result.group));
		result.commands = cursor;
		gate->options.on_result(
		    gate->options.context, batch->tokens[i], &result);
	}
}

/*
 * Groups whose results had no room in the reply were not applied: they go
 * again, before everything else.
 */
static void
batch_split(struct gate *gate, struct gate_batch *batch, size_t answered)
{
	struct gate_batch *rest = batch_new(gate);

	gate_batch_split(batch, answered, rest);
	rest->is_closed = true;
	TAILQ_INSERT_HEAD(&gate->queue, rest, link);
	bytes_move(gate, rest->size_bytes, 0);
}

static void
on_answered(struct gate *gate, struct gate_batch *batch, struct slice payload)
{
	struct reply reply;
	struct error err;
	enum status status = reply_decode(payload, &reply, &err);

	if (status == STATUS_OK &&
	    (reply.number != batch->number ||
		reply.group_count != batch->group_count ||
		reply.answered_count == 0))
		status = error_set(&err, STATUS_INVALID,
		    "reply to batch %" PRIu64 " of %u groups, not to %" PRIu64
		    " of %zu",
		    reply.number, reply.group_count, batch->number,
		    batch->group_count);
	gate->next_number++;
	if (status != STATUS_OK) {
		log_event(
		    LOG_ERROR, "sink_reply_refused", "reason=\"%s\"", err.text);
		batch_drop(gate, batch, GATE_UNKNOWN, STATUS_UNKNOWN,
		    "the store's answer makes no sense");
		return;
	}
	gate->refusal.code = STATUS_OK;
	batch_remove(gate, batch);
	/* Those whose clients have given up need not be applied. */
	if (reply.answered_count < reply.group_count && !batch->is_reported)
		batch_split(gate, batch, reply.answered_count);
	batch_deliver(gate, batch, &reply);
	batch_free(gate, batch);
}

/*
 * The sink does not know this writer, or misses batches of it: it has lost
 * its memory, or has another one. As a new writer we go on.
 */
static void
on_writer_refused(struct gate *gate, struct gate_batch *batch,
    enum status status, const char *reason)
{
	log_event(LOG_WARN, "writer_refused", "status=%s reason=\"%s\"",
	    status_name(status), reason);
	writer_renew(gate);
	if (status == STATUS_NOT_FOUND && batch->is_resent) {
		batch_drop(gate, batch, GATE_UNKNOWN, STATUS_UNKNOWN,
		    "the store was lost and does not remember");
	} else if (batch->was_renewed) {
		batch_drop(
		    gate, batch, GATE_NOT_APPLIED, STATUS_INVALID, reason);
	} else {
		batch->was_renewed = true;
		batch->is_in_doubt = false;
		batch->number = 0;
	}
}

/*
 * BUSY is said after the sink has looked whether it knows the batch; the other
 * refusals tell nothing of what became of an earlier sending.
 */
static void
on_refused(struct gate *gate, struct gate_batch *batch, enum status status)
{
	if (batch->is_resent && status != STATUS_BUSY)
		return;
	batch->is_in_doubt = false;
	/* Whoever was waiting has given up. */
	if (!batch->is_reported)
		return;
	batch_remove(gate, batch);
	batch_free(gate, batch);
}

/*
 * What was refused was not applied, and without the groups from `first` on the
 * others may be taken: they go again in two batches.
 */
static void
on_refused_in_part(struct gate *gate, struct gate_batch *batch, size_t first,
    enum status status, const char *reason)
{
	batch->is_in_doubt = false;
	if (first == batch->group_count || batch->is_reported) {
		batch_drop(gate, batch, GATE_NOT_APPLIED, status, reason);
		return;
	}
	batch_remove(gate, batch);
	batch_split(gate, batch, first);
	gate_batch_encode(batch);
	TAILQ_INSERT_HEAD(&gate->queue, batch, link);
	bytes_move(gate, batch->size_bytes, 0);
}

static void
on_batch_reply(struct gate *gate, enum status status, struct slice payload)
{
	struct gate_batch *batch = TAILQ_FIRST(&gate->queue);
	char reason[ERROR_TEXT_BYTES_MAX];

	snprintf(reason, sizeof(reason), "%.*s",
	    status == STATUS_OK ? 0 : (int)payload.size,
	    (const char *)payload.data);
	switch (status) {
	case STATUS_BUSY:
	case STATUS_UNAVAILABLE:
	case STATUS_NOT_LEADER:
	case STATUS_SHUTDOWN:
		hold(gate, status, payload);
		on_refused(gate, batch, status);
		return;
	case STATUS_OK:
		gate_move(gate, GATE_IDLE);
		on_answered(gate, batch, payload);
		break;
	case STATUS_NO_SPACE:
		gate_move(gate, GATE_IDLE);
		/* Deletes may be taken all the same, if they are alone. */
		on_refused_in_part(
		    gate, batch, gate_batch_first_other(batch), status, reason);
		break;
	case STATUS_CORRUPT:
	case STATUS_IO:
		gate_move(gate, GATE_IDLE);
		/* One group needs what nobody can read: halving finds it. */
		on_refused_in_part(
		    gate, batch, (batch->group_count + 1) / 2, status, reason);
		break;
	case STATUS_NOT_FOUND:
	case STATUS_INVALID:
		gate_move(gate, GATE_IDLE);
		on_writer_refused(gate, batch, status, reason);
		break;
	default:
		/* Applied, its results lost (UNKNOWN); or nobody can tell. */
		gate_move(gate, GATE_IDLE);
		if (status == STATUS_UNKNOWN)
			gate->next_number++;
		else
			writer_renew(gate);
		batch_drop(gate, batch, GATE_UNKNOWN, STATUS_UNKNOWN, reason);
	}
	loop_defer(gate->loop, &gate->work);
}

static void
on_reply(void *context, enum status status, struct slice payload)
{
	struct gate *gate = context;

	if (gate->state == GATE_JOINING) {
		on_registration_reply(gate, status, payload);
		return;
	}
	metrics_observe(METRIC_GATE_ROUND_SECONDS, 0, 0,
	    clock_monotonic_ns(&clock_system) - gate->sent_ns);
	on_batch_reply(gate, status, payload);
	room_tell(gate);
}

void
gate_close(struct gate *gate)
{
	struct gate_batch *batch;

	if (gate == NULL)
		return;
	ipc_client_close(gate->client);
	while ((batch = TAILQ_FIRST(&gate->queue)) != NULL) {
		TAILQ_REMOVE(&gate->queue, batch, link);
		gate_batch_close(batch);
	}
	gate_batch_close(gate->spare);
	gate_batch_close(gate->draft);
	loop_task_cancel(gate->loop, &gate->work);
	loop_timer_close(gate->deadline);
	loop_timer_close(gate->hold);
	mem_free(gate);
}
