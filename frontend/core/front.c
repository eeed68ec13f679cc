#include "frontend/core/front.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/command/limits.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/lsm/view/view_reader.h"
#include "common/net/stream.h"
#include "common/os/clock.h"
#include "common/worker/settings.h"
#include "common/worker/worker.h"
#include "frontend/core/intake.h"
#include "frontend/gate/gate.h"

#define TICK_MS 1000

/* How often a front that drains looks whether it is done. */
#define DRAIN_LOOK_MS 5

/* What is under way while all is well also waits; it needs some room. */
#define PARK_BYTES_MIN (1u << 20)

struct front {
	struct worker *worker;
	struct loop *loop;
	const struct settings *settings;
	struct front_limits limits;
	bool is_open_to_all;
	bool is_draining;
	const struct front_role *role; /* NULL until front_serve() */
	void *role_context;
	struct net *net;
	struct listener *listener;
	struct view_reader *reader;
	struct gate *gate;
	struct intake intake;
	struct intake outtake;
	struct loop_timer *tick;
	struct loop_timer *drain_look;
	/* Totals that the metrics were last told. */
	uint64_t told_received;
	uint64_t told_sent;
	uint64_t told_refused;
	uint64_t told_view;
	struct log_limiter refresh_log;
};

static void
on_result(void *context, void *token, const struct gate_result *result);
static void on_room(void *context);
static void on_tick(void *context);
static void on_drain_look(void *context);

static void
limits_take(struct front *front)
{
	const struct settings *settings = front->settings;
	uint64_t park_ms = settings_u64(settings, "park_timeout_ms");

	front->limits = (struct front_limits){
	    .key_bytes_max = settings_u64(settings, "key_bytes_max"),
	    .value_bytes_max = settings_u64(settings, "value_bytes_max"),
	    .batch_bytes_max = settings_u64(settings, "batch_bytes_max"),
	    .connections_max =
		(unsigned)settings_u64(settings, "connections_max"),
	    .idle_ms = settings_u64(settings, "idle_timeout_ms"),
	    .request_ms = settings_u64(settings, "request_timeout_ms"),
	    .park_ms = park_ms > 0 ? park_ms : 1,
	};
	front->is_open_to_all =
	    strcmp(settings_string(settings, "access"), "open") == 0;
}

static void
reader_open(struct front *front)
{
	struct view_reader_options options = {
	    .runtime_directory =
		settings_string(front->settings, "runtime_dir"),
	    .data_directory = settings_string(front->settings, "data_dir"),
	    .clock = &clock_system,
	    .cache_bytes = settings_u64(front->settings, "cache_bytes"),
	};

	front->reader = view_reader_create(&options);
}

static enum status
gate_open(struct front *front, struct error *err)
{
	size_t park_bytes = settings_u64(front->settings, "park_bytes_max");
	struct gate_options options = {
	    .path = settings_string(front->settings, "sink"),
	    .bytes_max =
		park_bytes > PARK_BYTES_MIN ? park_bytes : PARK_BYTES_MIN,
	    .wait_ms = front->limits.park_ms,
	    .on_result = on_result,
	    .on_room = on_room,
	    .context = front,
	};

	return gate_create(front->loop, &options, &front->gate, err);
}

enum status
front_create(struct worker *worker, struct front **out, struct error *err)
{
	struct front *front = mem_new(sizeof(*front));

	*out = NULL;
	front->worker = worker;
	front->loop = worker_loop(worker);
	front->settings = worker_settings(worker);
	front->refresh_log.interval_ms = 10000;
	limits_take(front);
	intake_init(&front->intake, LARGE_REQUESTS_BYTES_MAX);
	intake_init(&front->outtake, LARGE_REPLIES_BYTES_MAX);
	reader_open(front);
	if (gate_open(front, err) != STATUS_OK) {
		front_close(front);
		return err->code;
	}
	front->tick = loop_timer_create(front->loop, on_tick, front);
	front->drain_look =
	    loop_timer_create(front->loop, on_drain_look, front);
	*out = front;
	return STATUS_OK;
}

void
front_serve(struct front *front, const struct front_role *role, void *context)
{
	struct net_options net = {
	    .connections_max = front->limits.connections_max,
	    .input_bytes_max = role->input_bytes_max,
	    .output_bytes_high = role->output_bytes_high,
	    .idle_ms = front->limits.idle_ms,
	    .stall_ms = front->limits.request_ms,
	};
	struct listener_options listener = {
	    .on_accept = role->on_accept,
	    .context = context,
	    .handlers = role->handlers,
	    .refusal = role->refusal,
	};

	CHECK(front->role == NULL);
	front->role = role;
	front->role_context = context;
	front->net = net_create(front->loop, &net);
	front->listener = listener_open(front->net,
	    (int)settings_u64(front->settings, "listen_fd"), &listener);
	/* A view that is open already makes the first request quick. */
	on_tick(front);
	worker_ready(front->worker);
}

void
front_stop(struct front *front)
{
	front->is_draining = true;
	listener_close(front->listener);
	front->listener = NULL;
	if (front->role != NULL && front->role->on_drain != NULL)
		front->role->on_drain(front->role_context);
	on_drain_look(front);
}

static void
on_drain_look(void *context)
{
	struct front *front = context;

	if ((front->net == NULL || net_stream_count(front->net) == 0) &&
	    gate_is_idle(front->gate))
		worker_stopped(front->worker);
	else
		loop_timer_start(front->drain_look, DRAIN_LOOK_MS);
}

void
front_status(struct front *front, struct buffer *json)
{
	buffer_printf(json,
	    "{\"connections\":%u,\"draining\":%s,\"writes\":%s,"
	    "\"sequence\":%" PRIu64,
	    front->net != NULL ? net_stream_count(front->net) : 0,
	    front->is_draining ? "true" : "false",
	    gate_is_open(front->gate) ? "true" : "false",
	    view_reader_sequence(front->reader));
	if (front->role != NULL && front->role->on_status != NULL)
		front->role->on_status(front->role_context, json);
	buffer_append_byte(json, '}');
}

void
front_close(struct front *front)
{
	if (front == NULL)
		return;
	listener_close(front->listener);
	net_close(front->net);
	/* Results that are due do not come: writers may go. */
	gate_close(front->gate);
	if (front->role != NULL && front->role->on_close != NULL)
		front->role->on_close(front->role_context);
	loop_timer_close(front->tick);
	loop_timer_close(front->drain_look);
	view_reader_close(front->reader);
	mem_free(front);
}

struct loop *
front_loop(const struct front *front)
{
	return front->loop;
}

const struct settings *
front_settings(const struct front *front)
{
	return front->settings;
}

const struct front_limits *
front_limits(const struct front *front)
{
	return &front->limits;
}

struct net *
front_net(const struct front *front)
{
	return front->net;
}

struct gate *
front_gate(const struct front *front)
{
	return front->gate;
}

struct intake *
front_intake(struct front *front)
{
	return &front->intake;
}

struct intake *
front_outtake(struct front *front)
{
	return &front->outtake;
}

bool
front_is_draining(const struct front *front)
{
	return front->is_draining;
}

bool
front_refuses(const struct front *front, const struct stream *stream)
{
	return !front->is_open_to_all && stream_is_public(stream);
}

struct view_reader *
front_reader(const struct front *front)
{
	return front->reader;
}

enum status
front_refresh(struct front *front, struct error *err)
{
	return view_reader_refresh(front->reader, err);
}

enum status
front_submit(struct front *front, const struct command *commands, size_t count,
    struct front_writer *writer, struct error *err)
{
	return gate_submit(front->gate, commands, count, writer, err);
}

bool
front_has_room(struct front *front)
{
	return gate_has_room(front->gate);
}

static void
on_result(void *context, void *token, const struct gate_result *result)
{
	struct front_writer *writer = token;

	writer->on_result(writer, result);
}

static void
on_room(void *context)
{
	struct front *front = context;

	if (front->role != NULL && front->role->on_room != NULL)
		front->role->on_room(front->role_context);
}

/* Adds what a total has grown by to its counter. */
static void
tell_total(enum metric metric, uint64_t *told, uint64_t total)
{
	metrics_add(metric, 0, 0, total - *told);
	*told = total;
}

static void
on_tick(void *context)
{
	struct front *front = context;
	uint64_t now_ms = loop_now_ms(front->loop);
	uint64_t suppressed;
	struct error err;

	/* An idle reader would keep the space of files that are gone. */
	if (view_reader_idle_refresh(front->reader, &err) != STATUS_OK &&
	    log_limiter_pass(&front->refresh_log, now_ms, &suppressed))
		log_event(LOG_WARN, "store_not_readable",
		    "reason=\"%s\" suppressed=%" PRIu64, err.text, suppressed);
	tell_total(METRIC_RECEIVED_BYTES, &front->told_received,
	    net_received_bytes(front->net));
	tell_total(
	    METRIC_SENT_BYTES, &front->told_sent, net_sent_bytes(front->net));
	tell_total(METRIC_CONNECTIONS_REFUSED, &front->told_refused,
	    net_refused_count(front->net));
	tell_total(METRIC_VIEW_REFRESHES, &front->told_view,
	    view_reader_adopted_count(front->reader));
	metrics_set(METRIC_REPLY_BYTES, 0, 0, front->outtake.bytes);
	intake_check(&front->intake, now_ms, front->limits.request_ms);
	intake_check(&front->outtake, now_ms, front->limits.request_ms);
	if (front->role->on_tick != NULL)
		front->role->on_tick(front->role_context);
	loop_timer_start(front->tick, TICK_MS);
}

void
front_count(enum metric_operation operation, enum metric_protocol protocol,
    uint64_t elapsed_ns, uint64_t count)
{
	metrics_add(METRIC_OPERATIONS, operation, protocol, count);
	metrics_observe_many(
	    METRIC_OPERATION_SECONDS, operation, protocol, elapsed_ns, count);
}

void
front_count_error(enum metric_reason reason, enum metric_protocol protocol)
{
	metrics_add(METRIC_OPERATION_ERRORS, reason, protocol, 1);
}

enum metric_reason
front_reason(enum status status)
{
	switch (status) {
	case STATUS_INVALID:
	case STATUS_CONFLICT:
	case STATUS_NOT_FOUND:
	case STATUS_VERSION:
		return METRIC_REASON_INVALID;
	case STATUS_BUSY:
		return METRIC_REASON_BUSY;
	case STATUS_NO_SPACE:
		return METRIC_REASON_NO_SPACE;
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT:
	case STATUS_NOT_LEADER:
	case STATUS_SHUTDOWN:
		return METRIC_REASON_UNAVAILABLE;
	case STATUS_UNKNOWN:
		return METRIC_REASON_UNKNOWN;
	case STATUS_CORRUPT:
	case STATUS_IO:
		return METRIC_REASON_CORRUPT;
	default:
		return METRIC_REASON_INTERNAL;
	}
}

void
front_count_opened(enum metric_protocol protocol)
{
	metrics_add(METRIC_CONNECTIONS_TOTAL, protocol, 0, 1);
	metrics_move(METRIC_CONNECTIONS, protocol, 0, 1);
}

void
front_count_closed(enum metric_protocol protocol)
{
	metrics_move(METRIC_CONNECTIONS, protocol, 0, -1);
}
