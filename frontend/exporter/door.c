#include "frontend/exporter/door.h"

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/net/stream.h"
#include "common/os/clock.h"
#include "frontend/core/front.h"
#include "frontend/exporter/node_probe.h"
#include "frontend/exporter/page.h"
#include "frontend/http/http_assembler.h"
#include "frontend/http/http_date.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_reply.h"

#define INPUT_BYTES_MAX 65536
/* Who takes pages slowly gets the next one later. */
#define OUTPUT_BYTES_HIGH 65536
/* Silence in a request is a late request first, which gets an answer. */
#define STALL_EXTRA_MS 2000
/* Memory for a page that is kept from one to the next. */
#define PAGE_BYTES_KEPT (1u << 20)

static const char refusal[] = "HTTP/1.1 503 Service Unavailable\r\n"
			      "Content-Type: text/plain\r\n"
			      "Content-Length: 31\r\n"
			      "Connection: close\r\n"
			      "\r\n"
			      "too many connections, try again";

/* No path of ours has a key in it, and no request a body. */
static const struct http_limits limits;

struct door {
	struct door_options options;
	struct net *net;
	struct listener *listener;
	struct http_date date;
	struct buffer page;
	struct loop_task drained;
	uint64_t request_count;
	unsigned connection_count;
	bool is_draining;
};

struct connection {
	struct door *door;
	struct stream *stream;
	struct http_assembler *assembler;
	uint64_t began_ms; /* when the request began to come; 0: none has */
};

static void *on_accept(struct stream *stream, void *context);
static void on_data(struct stream *stream, void *context);
static void
on_closed(struct stream *stream, void *context, enum stream_end why);

static void drained(void *context);

static const struct stream_handlers handlers = {
    .on_data = on_data,
    .on_closed = on_closed,
};

struct door *
door_open(const struct door_options *options)
{
	struct door *door = mem_new(sizeof(*door));
	struct net_options net = {
	    .connections_max = options->connections_max < DOOR_CONNECTIONS_MAX
		? options->connections_max
		: DOOR_CONNECTIONS_MAX,
	    .input_bytes_max = INPUT_BYTES_MAX,
	    .output_bytes_high = OUTPUT_BYTES_HIGH,
	    .idle_ms = options->idle_ms,
	    .stall_ms = options->request_ms + STALL_EXTRA_MS,
	};
	struct listener_options listener = {
	    .on_accept = on_accept,
	    .context = door,
	    .handlers = &handlers,
	    .refusal = slice_of_string(refusal),
	};

	door->options = *options;
	door->drained.run = drained;
	door->drained.context = door;
	door->net = net_create(options->loop, &net);
	door->listener =
	    listener_open(door->net, options->listen_fd, &listener);
	return door;
}

static void
finish(struct stream *stream, void *context)
{
	stream_finish(stream);
}

void
door_drain(struct door *door)
{
	CHECK(!door->is_draining);
	door->is_draining = true;
	listener_close(door->listener);
	door->listener = NULL;
	/* What was asked in whole is answered; the answers are still sent. */
	net_each(door->net, finish, NULL);
	loop_defer(door->options.loop, &door->drained);
}

uint64_t
door_request_count(const struct door *door)
{
	return door->request_count;
}

void
door_close(struct door *door)
{
	if (door == NULL)
		return;
	listener_close(door->listener);
	net_close(door->net);
	loop_task_cancel(door->options.loop, &door->drained);
	buffer_deinit(&door->page);
	mem_free(door);
}

static void
drained(void *context)
{
	struct door *door = context;

	if (door->connection_count == 0)
		door->options.on_drained(door->options.context);
}

static void *
on_accept(struct stream *stream, void *context)
{
	struct door *door = context;
	struct connection *connection = mem_new(sizeof(*connection));

	connection->door = door;
	connection->stream = stream;
	connection->assembler = http_assembler_create(&limits);
	door->connection_count++;
	return connection;
}

static void
on_closed(struct stream *stream, void *context, enum stream_end why)
{
	struct connection *connection = context;
	struct door *door = connection->door;

	http_assembler_close(connection->assembler);
	mem_free(connection);
	door->connection_count--;
	if (door->is_draining && door->connection_count == 0)
		loop_defer(door->options.loop, &door->drained);
}

/* How an answer to the request at hand is framed. */
static struct http_reply
reply_start(struct connection *connection, bool closes)
{
	struct door *door = connection->door;
	const struct http_request *request =
	    http_assembler_request(connection->assembler);

	http_date_update(&door->date, clock_wall_ms(door->options.clock));
	door->request_count++;
	return (struct http_reply){
	    .out = stream_output(connection->stream),
	    .date = &door->date,
	    .is_head = request->verb == HTTP_VERB_HEAD,
	    .is_old = request->is_old,
	    .closes = closes,
	};
}

/* The last answer on a connection. */
static void
end_with_problem(
    struct connection *connection, const struct http_problem *problem)
{
	struct http_reply reply = reply_start(connection, true);

	http_reply_problem(&reply, problem);
	stream_finish(connection->stream);
}

/* Finds what is asked for; NULL if the problem is the answer. */
static const struct page *
choose(const struct http_request *request, struct http_problem *problem)
{
	const struct page *page = page_find(request->target);

	if (page == NULL) {
		http_problem_set(problem, 404,
		    "there is nothing here; there are " PAGE_PATHS);
		return NULL;
	}
	if (request->verb != HTTP_VERB_GET && request->verb != HTTP_VERB_HEAD) {
		http_problem_set(problem, 405, "pages can only be read");
		problem->allow = "GET, HEAD";
		return NULL;
	}
	return page;
}

static void
answer(struct connection *connection)
{
	struct door *door = connection->door;
	const struct http_request *request =
	    http_assembler_request(connection->assembler);
	struct http_problem problem;
	const struct page *page = choose(request, &problem);
	struct http_reply reply =
	    reply_start(connection, !request->keeps_alive);
	unsigned status;

	if (page == NULL) {
		http_reply_problem(&reply, &problem);
	} else {
		buffer_clear(&door->page, PAGE_BYTES_KEPT);
		status = page->write(
		    &door->page, node_probe_look(door->options.probe));
		http_reply_page(&reply, status, page->content_type,
		    buffer_slice(&door->page));
	}
	if (reply.closes)
		stream_finish(connection->stream);
}

/* What comes is part of a request, or nothing has begun to come. */
static void
await(struct connection *connection)
{
	struct stream *stream = connection->stream;

	if (http_assembler_pending_bytes(connection->assembler) == 0) {
		connection->began_ms = 0;
		stream_await(stream, STREAM_AWAITS_REQUEST);
		return;
	}
	if (connection->began_ms == 0)
		connection->began_ms =
		    loop_now_ms(connection->door->options.loop);
	stream_await(stream, STREAM_AWAITS_REST);
	if (http_assembler_takes_continue(connection->assembler))
		http_reply_continue(stream_output(stream));
}

/* Whether the connection may be here at all. */
static bool
admit(struct connection *connection)
{
	struct http_problem problem;

	if (connection->door->options.is_open_to_all ||
	    !stream_is_public(connection->stream))
		return true;
	http_problem_set(&problem, 403, "%s", FRONT_REFUSAL);
	stream_consume(
	    connection->stream, stream_input(connection->stream).size);
	end_with_problem(connection, &problem);
	return false;
}

static void
on_data(struct stream *stream, void *context)
{
	struct connection *connection = context;

	if (!admit(connection))
		return;
	while (stream_takes(stream)) {
		size_t consumed;
		enum http_assembled assembled = http_assembler_next(
		    connection->assembler, stream_input(stream), &consumed);

		switch (assembled) {
		case HTTP_ASSEMBLED_MORE:
			stream_consume(stream, consumed);
			await(connection);
			return;
		case HTTP_ASSEMBLED_REQUEST:
			answer(connection);
			connection->began_ms = 0;
			break;
		case HTTP_ASSEMBLED_REFUSED:
		case HTTP_ASSEMBLED_BROKEN:
			end_with_problem(connection,
			    http_assembler_problem(connection->assembler));
			break;
		}
		/* The request has borrowed from it until now. */
		stream_consume(stream, consumed);
	}
}

static void
end_if_late(struct stream *stream, void *context)
{
	struct connection *connection = stream_context(stream);
	const struct door *door = context;
	uint64_t now_ms = loop_now_ms(door->options.loop);
	struct http_problem problem;

	if (connection->began_ms == 0 || stream_is_ending(stream) ||
	    now_ms < connection->began_ms + door->options.request_ms)
		return;
	http_problem_set(&problem, 408, "the request took too long to come");
	end_with_problem(connection, &problem);
}

void
door_tick(struct door *door)
{
	net_each(door->net, end_if_late, door);
}
