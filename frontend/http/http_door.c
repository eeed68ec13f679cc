#include "frontend/http/http_door.h"

#include "common/base/mem.h"
#include "frontend/http/http_connection.h"

/* Replies that a client has not read yet, above which it has to. */
#define OUTPUT_BYTES_HIGH (1u << 20)

/* Requests are taken from the input as they come: this is never reached. */
#define INPUT_BYTES_MAX (8u << 20)

/*
 * After STOP: whoever asks for something in the next moment is told that this
 * is the last answer here; those that are silent are then ended without it.
 * What has begun to come has another moment to come whole.
 */
#define DRAIN_LATE_MS 100
#define DRAIN_REST_MS 1000

static const char refusal[] =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Connection: close\r\n"
    "Retry-After: 1\r\n"
    "Content-Type: application/problem+json\r\n"
    "Content-Length: 95\r\n"
    "\r\n"
    "{\"title\":\"Service Unavailable\",\"status\":503,"
    "\"detail\":\"there are too many connections already\"}\n";

static void *on_accept(struct stream *stream, void *context);
static void on_room(void *context);
static void on_drain(void *context);
static void on_tick(void *context);
static void on_close(void *context);
static void on_drain_over(void *context);

static const struct stream_handlers handlers = {
    .on_data = http_connection_on_data,
    .on_end = http_connection_on_end,
    .on_closed = http_connection_on_closed,
    .on_drained = http_connection_on_drained,
};

static const struct front_role role = {
    .handlers = &handlers,
    .input_bytes_max = INPUT_BYTES_MAX,
    .output_bytes_high = OUTPUT_BYTES_HIGH,
    .refusal = {(const uint8_t *)refusal, sizeof(refusal) - 1},
    .on_accept = on_accept,
    .on_room = on_room,
    .on_drain = on_drain,
    .on_tick = on_tick,
    .on_close = on_close,
};

void
http_door_serve(struct front *front)
{
	const struct front_limits *limits = front_limits(front);
	struct http_door *door = mem_new(sizeof(*door));

	door->front = front;
	door->loop = front_loop(front);
	door->gate = front_gate(front);
	door->reader = front_reader(front);
	door->limits = (struct http_limits){
	    .key_bytes_max = limits->key_bytes_max,
	    .value_bytes_max = limits->value_bytes_max,
	    .batch_bytes_max = limits->batch_bytes_max,
	};
	door->request_ms = limits->request_ms;
	TAILQ_INIT(&door->connections);
	door->drain_timer = loop_timer_create(door->loop, on_drain_over, door);
	front_serve(front, &role, door);
}

static void
on_close(void *context)
{
	struct http_door *door = context;
	struct http_connection *connection;

	/* Their clients are gone, and so are the results they waited for. */
	while ((connection = TAILQ_FIRST(&door->connections)) != NULL)
		http_connection_close(connection);
	loop_timer_close(door->drain_timer);
	buffer_deinit(&door->scratch);
	buffer_deinit(&door->aside);
	arena_deinit(&door->arena);
	mem_free(door);
}

static void *
on_accept(struct stream *stream, void *context)
{
	struct http_door *door = context;

	/* Whoever may not come in has only the time of one request. */
	if (front_refuses(door->front, stream))
		stream_await(stream, STREAM_AWAITS_REST);
	return http_connection_create(door, stream);
}

static void
on_room(void *context)
{
	struct http_door *door = context;
	struct http_connection *connection;
	struct http_connection *next;

	if (!door->needs_room)
		return;
	door->needs_room = false;
	for (connection = TAILQ_FIRST(&door->connections); connection != NULL;
	     connection = next) {
		next = TAILQ_NEXT(connection, link);
		http_connection_on_room(connection);
	}
}

static void
on_tick(void *context)
{
	/* A gate that takes nothing any more gives no room either. */
	on_room(context);
}

static void
on_drain(void *context)
{
	struct http_door *door = context;

	loop_timer_start(door->drain_timer, DRAIN_LATE_MS);
}

static void
on_drain_over(void *context)
{
	struct http_door *door = context;
	struct http_connection *connection;
	struct http_connection *next;

	if (!door->is_draining) {
		door->is_draining = true;
		loop_timer_start(door->drain_timer, DRAIN_REST_MS);
	} else {
		door->is_draining_hard = true;
	}
	for (connection = TAILQ_FIRST(&door->connections); connection != NULL;
	     connection = next) {
		next = TAILQ_NEXT(connection, link);
		http_connection_finish_idle(connection);
	}
}
