#include "frontend/tcp/tcp_door.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/base/mem.h"
#include "common/lsm/view/view_reader.h"
#include "common/os/random.h"
#include "common/worker/settings.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/tcp/tcp_connection.h"

/* Replies that a client has not read yet, above which it has to. */
#define OUTPUT_BYTES_HIGH (1u << 20)

/*
 * Beside the largest request, input may hold what one read brings in, and the
 * frame around it.
 */
#define INPUT_BYTES_SLACK (4u << 20)

/* What a request has beside key and value: its options, words of any case. */
#define ENTRY_BYTES_SLACK 4096

/*
 * After STOP: requests that were on their way are still taken, and those that
 * have begun to come have a moment to come whole.
 */
#define DRAIN_LATE_MS 30
#define DRAIN_REST_MS 1000

static const char refusal[] = "-ERR max number of clients reached\r\n";

static void *on_accept(struct stream *stream, void *context);
static void on_room(void *context);
static void on_drain(void *context);
static void on_close(void *context);
static void on_busy(void *context);
static void on_drain_over(void *context);
static void results_count(void *context);

static const struct stream_handlers handlers = {
    .on_data = tcp_connection_on_data,
    .on_end = tcp_connection_on_end,
    .on_closed = tcp_connection_on_closed,
    .on_drained = tcp_connection_on_drained,
};

/* The port that clients connect to; 0 for a UNIX socket. */
static unsigned
listening_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return 0;
	if (address.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&address)->sin_port);
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return 0;
}

/* A request may be as large as a batch, and as large as one entry anyway. */
static size_t
payload_limit(const struct front_limits *limits)
{
	size_t entry =
	    limits->key_bytes_max + limits->value_bytes_max + ENTRY_BYTES_SLACK;
	size_t limit =
	    limits->batch_bytes_max > entry ? limits->batch_bytes_max : entry;

	return limit < FRAME_PAYLOAD_BYTES_MAX ? limit
					       : FRAME_PAYLOAD_BYTES_MAX;
}

static void
server_fill(struct tcp_door *door, const struct settings *settings)
{
	const struct front_limits *limits = front_limits(door->front);
	uint8_t id[20];

	random_fill(id, sizeof(id));
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(door->run_id + 2 * i, 3, "%02x", id[i]);
	door->started_ms = loop_now_ms(door->loop);
	door->server = (struct tcp_server){
	    .version = KVSTORE_VERSION,
	    .node_id = settings_string(settings, "node_id"),
	    .store_id = settings_string(settings, "store_id"),
	    .run_id = door->run_id,
	    .tcp_port =
		listening_port((int)settings_u64(settings, "listen_fd")),
	    .connections_max = limits->connections_max,
	    .key_bytes_max = limits->key_bytes_max,
	    .value_bytes_max = limits->value_bytes_max,
	    .payload_bytes_max = payload_limit(limits),
	};
}

void
tcp_door_serve(struct front *front)
{
	static struct front_role role = {
	    .handlers = &handlers,
	    .output_bytes_high = OUTPUT_BYTES_HIGH,
	    .refusal = {(const uint8_t *)refusal, sizeof(refusal) - 1},
	    .on_accept = on_accept,
	    .on_room = on_room,
	    .on_drain = on_drain,
	    .on_close = on_close,
	};
	struct tcp_door *door = mem_new(sizeof(*door));

	door->front = front;
	door->loop = front_loop(front);
	door->gate = front_gate(front);
	door->reader.view = front_reader(front);
	door->store = tcp_reader_store(&door->reader);
	server_fill(door, front_settings(front));
	door->frame_limits = (struct frame_limits){
	    .key_bytes_max = door->server.key_bytes_max,
	    .value_bytes_max = door->server.value_bytes_max,
	};
	TAILQ_INIT(&door->connections);
	TAILQ_INIT(&door->busy);
	door->busy_timer = loop_timer_create(door->loop, on_busy, door);
	door->drain_timer = loop_timer_create(door->loop, on_drain_over, door);
	door->results_task.run = results_count;
	door->results_task.context = door;
	role.input_bytes_max =
	    door->server.payload_bytes_max + INPUT_BYTES_SLACK;
	front_serve(front, &role, door);
}

static void
on_close(void *context)
{
	struct tcp_door *door = context;
	struct tcp_connection *connection;

	while ((connection = TAILQ_FIRST(&door->connections)) != NULL)
		tcp_connection_close(connection);
	loop_task_cancel(door->loop, &door->results_task);
	loop_timer_close(door->busy_timer);
	loop_timer_close(door->drain_timer);
	buffer_deinit(&door->aside);
	mem_free(door);
}

static void *
on_accept(struct stream *stream, void *context)
{
	struct tcp_door *door = context;

	door->server.connections_accepted++;
	/* Whoever may not come in has only the time of one request. */
	if (front_refuses(door->front, stream))
		stream_await(stream, STREAM_AWAITS_REST);
	return tcp_connection_create(door, stream);
}

static void
visit_on_room(struct stream *stream, void *context)
{
	tcp_connection_on_room(stream_context(stream));
}

static void
on_room(void *context)
{
	struct tcp_door *door = context;

	if (!door->needs_room)
		return;
	door->needs_room = false;
	net_each(front_net(door->front), visit_on_room, NULL);
}

static void
visit_finish_idle(struct stream *stream, void *context)
{
	tcp_connection_finish_idle(stream_context(stream));
}

static void
on_drain(void *context)
{
	struct tcp_door *door = context;

	loop_timer_start(door->drain_timer, DRAIN_LATE_MS);
}

static void
on_drain_over(void *context)
{
	struct tcp_door *door = context;

	if (!door->is_draining) {
		door->is_draining = true;
		loop_timer_start(door->drain_timer, DRAIN_REST_MS);
	} else {
		door->is_draining_hard = true;
	}
	net_each(front_net(door->front), visit_finish_idle, NULL);
}

void
tcp_door_update(struct tcp_door *door)
{
	door->server.connections = net_stream_count(front_net(door->front));
	door->server.uptime_ms = loop_now_ms(door->loop) - door->started_ms;
}

void
tcp_door_busy(struct tcp_door *door, struct tcp_connection *connection)
{
	TAILQ_INSERT_TAIL(&door->busy, connection, busy_link);
	if (!loop_timer_is_running(door->busy_timer))
		loop_timer_start(door->busy_timer, 0);
}

/* One run for each; what is not done has its next one in the next turn. */
static void
on_busy(void *context)
{
	struct tcp_door *door = context;
	struct tcp_connection *last = TAILQ_LAST(&door->busy, tcp_connections);
	struct tcp_connection *connection;

	while ((connection = TAILQ_FIRST(&door->busy)) != NULL) {
		TAILQ_REMOVE(&door->busy, connection, busy_link);
		tcp_connection_run(connection);
		if (connection == last)
			break;
	}
}

static void
results_count(void *context)
{
	struct tcp_door *door = context;

	if (door->results.count == 0)
		return;
	front_count(door->results.operation, door->results.protocol,
	    loop_now_ns(door->loop) - door->results.arrived_ns,
	    door->results.count);
	door->server.commands_processed += door->results.count;
	door->results.count = 0;
}

void
tcp_door_count_result(struct tcp_door *door, enum metric_protocol protocol,
    const struct tcp_pending *pending)
{
	if (door->results.count > 0 &&
	    (door->results.arrived_ns != pending->arrived_ns ||
		door->results.operation != pending->operation ||
		door->results.protocol != protocol))
		results_count(door);
	if (door->results.count++ > 0)
		return;
	door->results.arrived_ns = pending->arrived_ns;
	door->results.operation = pending->operation;
	door->results.protocol = protocol;
	loop_defer(door->loop, &door->results_task);
}
