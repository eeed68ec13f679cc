#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/loop/loop.h"
#include "common/net/stream.h"
#include "tests/support/suite.h"

/*
 * The protocol of these tests: a line is a request. "N\n" is answered with N
 * times the letter 'x' and a line feed, "q\n" ends the connection, "p\n"
 * pauses it, and "d\n" is answered by the test later.
 */
struct server {
	struct loop *loop;
	struct net *net;
	struct stream *stream;
	struct loop_timer *timer;
	int peer;
	unsigned turns; /* calls of on_data */
	unsigned ends;
	unsigned closes;
	unsigned drains;
	enum stream_end why;
	size_t output_max;
	bool stop_on_close;
};

static void
answer(struct stream *stream, struct slice line)
{
	struct buffer *output;
	size_t count = 0;

	if (line.data[0] == 'q') {
		stream_finish(stream);
		return;
	}
	if (line.data[0] == 'p') {
		stream_pause(stream);
		return;
	}
	if (line.data[0] == 'd') {
		stream_await(stream, STREAM_AWAITS_US);
		return;
	}
	for (size_t i = 0; i < line.size; i++)
		count = count * 10 + (size_t)(line.data[i] - '0');
	output = stream_output(stream);
	memset(buffer_reserve(output, count), 'x', count);
	buffer_commit(output, count);
	buffer_append_byte(output, '\n');
}

static void
on_data(struct stream *stream, void *context)
{
	struct server *server = context;

	server->turns++;
	CU_ASSERT_TRUE(stream_input(stream).size > 0);
	while (stream_takes(stream)) {
		struct slice input = stream_input(stream);
		const uint8_t *end = input.size == 0
		    ? NULL
		    : memchr(input.data, '\n', input.size);
		size_t size;

		if (end == NULL) {
			stream_await(stream,
			    input.size == 0 ? STREAM_AWAITS_REQUEST
					    : STREAM_AWAITS_REST);
			break;
		}
		size = (size_t)(end - input.data);
		answer(stream, slice_of(input.data, size));
		stream_consume(stream, size + 1);
		if (input.data[0] == 'd')
			break;
	}
	if (stream_output_waiting(stream) > server->output_max)
		server->output_max = stream_output_waiting(stream);
}

static void
on_end(struct stream *stream, void *context)
{
	struct server *server = context;

	server->ends++;
	stream_finish(stream);
}

static void
on_closed(struct stream *stream, void *context, enum stream_end why)
{
	struct server *server = context;

	server->closes++;
	server->why = why;
	server->stream = NULL;
	if (server->stop_on_close)
		loop_stop(server->loop);
}

static void
on_drained(struct stream *stream, void *context)
{
	struct server *server = context;

	CU_ASSERT_EQUAL(stream_output_waiting(stream), 0);
	server->drains++;
}

static const struct stream_handlers handlers = {
    on_data, on_end, on_closed, on_drained};

static void
on_time(void *context)
{
	struct server *server = context;

	loop_stop(server->loop);
}

static void
server_init_with(struct server *server, const struct stream_handlers *chosen,
    uint64_t idle_ms, uint64_t stall_ms)
{
	struct net_options options = {
	    .connections_max = 10,
	    .input_bytes_max = 1000000,
	    .output_bytes_high = 100000,
	    .idle_ms = idle_ms,
	    .stall_ms = stall_ms,
	};
	int fds[2];

	*server = (struct server){.loop = loop_create()};
	server->net = net_create(server->loop, &options);
	server->timer = loop_timer_create(server->loop, on_time, server);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	server->stream = stream_create(server->net, fds[0], chosen, server);
	server->peer = fds[1];
}

/* A machine under load is no silent peer: nothing ends by silence here. */
static void
server_init(struct server *server)
{
	server_init_with(server, &handlers, 600000, 600000);
}

static void
server_deinit(struct server *server)
{
	if (server->peer >= 0)
		close(server->peer);
	net_close(server->net);
	CU_ASSERT_EQUAL(server->closes, 1);
	loop_timer_close(server->timer);
	loop_close(server->loop);
}

static void
turn_for(struct server *server, uint64_t ms)
{
	loop_timer_start(server->timer, ms);
	loop_run(server->loop);
}

static void
say(struct server *server, const char *text)
{
	struct slice bytes = slice_of_string(text);

	CHECK(
	    write(server->peer, bytes.data, bytes.size) == (ssize_t)bytes.size);
}

/* Reads what has come; true at the end of the stream. */
static bool
hear(struct server *server, struct buffer *heard)
{
	for (;;) {
		ssize_t got =
		    read(server->peer, buffer_reserve(heard, 65536), 65536);

		if (got == 0)
			return true;
		if (got < 0) {
			CHECK(errno == EAGAIN);
			return false;
		}
		buffer_commit(heard, (size_t)got);
	}
}

static bool
heard_is(struct buffer *heard, const char *text)
{
	bool same = slice_equal(buffer_slice(heard), slice_of_string(text));

	buffer_clear(heard, SIZE_MAX);
	return same;
}

static void
requests_in_pieces_are_answered_when_whole(void)
{
	struct server server;
	struct buffer heard = {0};

	server_init(&server);
	say(&server, "1");
	turn_for(&server, 2);
	CU_ASSERT_FALSE(hear(&server, &heard));
	CU_ASSERT_TRUE(heard_is(&heard, ""));
	say(&server, "\n3\n2");
	turn_for(&server, 2);
	hear(&server, &heard);
	CU_ASSERT_TRUE(heard_is(&heard, "x\nxxx\n"));
	say(&server, "\n");
	turn_for(&server, 2);
	hear(&server, &heard);
	CU_ASSERT_TRUE(heard_is(&heard, "xx\n"));
	CU_ASSERT_EQUAL(server.turns, 3);
	CU_ASSERT_EQUAL(net_received_bytes(server.net), 6);
	CU_ASSERT_EQUAL(net_sent_bytes(server.net), 9);
	CU_ASSERT_FALSE(stream_is_public(server.stream));
	buffer_deinit(&heard);
	server_deinit(&server);
	CU_ASSERT_EQUAL(server.why, STREAM_END_OURS);
}

/*
 * A peer that sends many requests and reads slowly gets every answer, and
 * what waits for it stays within the limit plus one answer.
 */
static void
output_that_waits_holds_back_the_input(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct server server;
	struct buffer heard = {0};
	struct buffer wanted = {0};
	struct buffer requests = {0};
	size_t most = 30000;

	server_init(&server);
	for (int i = 0; i < 2000; i++) {
		size_t count = rng_below(&rng, most);

		buffer_printf(&requests, "%zu\n", count);
		memset(buffer_reserve(&wanted, count), 'x', count);
		buffer_commit(&wanted, count);
		buffer_append_byte(&wanted, '\n');
	}
	while (buffer_size(&heard) < buffer_size(&wanted)) {
		size_t before = buffer_size(&heard);
		size_t size = buffer_size(&requests);
		ssize_t sent = 0;

		if (size > 0)
			sent = write(
			    server.peer, requests.data + requests.start, size);
		if (sent > 0)
			buffer_consume(&requests, (size_t)sent);
		turn_for(&server, 1);
		hear(&server, &heard);
		turn_for(&server, 1);
		hear(&server, &heard);
		CU_ASSERT_TRUE_FATAL(buffer_size(&heard) > before);
	}
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&heard), buffer_slice(&wanted)));
	CU_ASSERT_TRUE(server.output_max > 100000);
	CU_ASSERT_TRUE(server.output_max <= 100000 + most + 1);
	buffer_deinit(&heard);
	buffer_deinit(&wanted);
	buffer_deinit(&requests);
	server_deinit(&server);
}

static void
owner_is_told_once_when_no_output_waits(void)
{
	struct server server;
	struct buffer heard = {0};

	server_init(&server);
	say(&server, "5000000\n");
	turn_for(&server, 5);
	CU_ASSERT_TRUE(stream_output_waiting(server.stream) > 0);
	stream_tell_drained(server.stream);
	turn_for(&server, 5);
	CU_ASSERT_EQUAL(server.drains, 0);
	while (buffer_size(&heard) < 5000001) {
		hear(&server, &heard);
		turn_for(&server, 1);
	}
	CU_ASSERT_EQUAL(server.drains, 1);
	say(&server, "1\n");
	turn_for(&server, 5);
	CU_ASSERT_EQUAL(server.drains, 1);
	buffer_deinit(&heard);
	server_deinit(&server);
}

static void
output_may_be_taken_back(void)
{
	struct server server;
	struct buffer heard = {0};

	server_init(&server);
	buffer_append_slice(
	    stream_output(server.stream), slice_of_string("kept, gone"));
	stream_drop_output(server.stream, 4);
	turn_for(&server, 5);
	hear(&server, &heard);
	CU_ASSERT_TRUE(heard_is(&heard, "kept"));
	buffer_append_slice(
	    stream_output(server.stream), slice_of_string("gone"));
	stream_drop_output(server.stream, 0);
	turn_for(&server, 5);
	hear(&server, &heard);
	CU_ASSERT_EQUAL(buffer_size(&heard), 0);
	buffer_deinit(&heard);
	server_deinit(&server);
}

static void
half_closed_peer_still_gets_all_answers(void)
{
	struct server server;
	struct buffer heard = {0};
	bool end = false;

	server_init(&server);
	for (int i = 0; i < 50; i++)
		say(&server, "50000\n");
	say(&server, "1");
	CHECK(shutdown(server.peer, SHUT_WR) == 0);
	for (int i = 0; i < 200 && !end; i++) {
		turn_for(&server, 1);
		end = hear(&server, &heard);
	}
	CU_ASSERT_TRUE(end);
	CU_ASSERT_EQUAL(buffer_size(&heard), 50 * 50001);
	CU_ASSERT_EQUAL(server.ends, 1);
	turn_for(&server, 1);
	CU_ASSERT_EQUAL(server.closes, 1);
	buffer_deinit(&heard);
	server_deinit(&server);
}

static void
peer_that_breaks_off_closes_the_stream(void)
{
	struct server server;

	server_init(&server);
	say(&server, "1\n");
	close(server.peer);
	server.peer = -1;
	server.stop_on_close = true;
	loop_run(server.loop);
	CU_ASSERT_EQUAL(server.closes, 1);
	CU_ASSERT_EQUAL(server.why, STREAM_END_PEER);
	CU_ASSERT_EQUAL(net_stream_count(server.net), 0);
	server_deinit(&server);
}

/* The input behind the "q" is unread: yet the last words must arrive. */
static void
last_words_arrive_before_the_end(void)
{
	struct server server;
	struct buffer heard = {0};

	server_init(&server);
	say(&server, "3\nq\n4\n");
	turn_for(&server, 5);
	CU_ASSERT_TRUE(hear(&server, &heard));
	CU_ASSERT_TRUE(heard_is(&heard, "xxx\n"));
	CU_ASSERT_EQUAL(server.closes, 0);
	CU_ASSERT_TRUE(stream_is_ending(server.stream));
	say(&server, "more that nobody reads");
	turn_for(&server, 5);
	close(server.peer);
	server.peer = -1;
	turn_for(&server, 5);
	CU_ASSERT_EQUAL(server.closes, 1);
	CU_ASSERT_EQUAL(server.why, STREAM_END_OURS);
	buffer_deinit(&heard);
	server_deinit(&server);
}

static void
peer_that_does_not_leave_is_left(void)
{
	struct server server;
	uint64_t started_ms;

	server_init(&server);
	say(&server, "q\n");
	server.stop_on_close = true;
	started_ms = loop_now_ms(server.loop);
	loop_run(server.loop);
	CU_ASSERT_EQUAL(server.why, STREAM_END_OURS);
	CU_ASSERT_TRUE(loop_now_ms(server.loop) - started_ms >= 1000);
	server_deinit(&server);
}

#define IDLE_MS 300
#define STALL_MS 150

/* How long until the stream is closed, having said `text` at first. */
static uint64_t
silence_until_end_ms(const char *text, enum stream_end why)
{
	struct server server;
	uint64_t started_ms;
	uint64_t took_ms;

	server_init_with(&server, &handlers, IDLE_MS, STALL_MS);
	say(&server, text);
	server.stop_on_close = true;
	started_ms = loop_now_ms(server.loop);
	loop_run(server.loop);
	took_ms = loop_now_ms(server.loop) - started_ms;
	CU_ASSERT_EQUAL(server.why, why);
	server_deinit(&server);
	return took_ms;
}

static void
silence_ends_a_stream_by_what_was_awaited(void)
{
	CU_ASSERT_TRUE(silence_until_end_ms("1\n", STREAM_END_IDLE) >= IDLE_MS);
	CU_ASSERT_TRUE(
	    silence_until_end_ms("1\n2", STREAM_END_STALLED) >= STALL_MS);
	/* Nobody takes this answer. */
	CU_ASSERT_TRUE(
	    silence_until_end_ms("900000\n", STREAM_END_STALLED) >= STALL_MS);
}

static void
silence_while_we_are_awaited_is_ours(void)
{
	struct server server;
	struct buffer heard = {0};

	server_init_with(&server, &handlers, IDLE_MS, STALL_MS);
	say(&server, "d\n");
	turn_for(&server, 2 * IDLE_MS);
	CU_ASSERT_EQUAL_FATAL(server.closes, 0);
	buffer_append(stream_output(server.stream), "late\n", 5);
	stream_await(server.stream, STREAM_AWAITS_REQUEST);
	turn_for(&server, 1);
	hear(&server, &heard);
	CU_ASSERT_TRUE(heard_is(&heard, "late\n"));
	CU_ASSERT_EQUAL(server.closes, 0);
	buffer_deinit(&heard);
	server_deinit(&server);
}

static void
paused_stream_reads_on_when_resumed(void)
{
	struct server server;
	struct buffer heard = {0};

	server_init(&server);
	say(&server, "1\np\n2\n");
	turn_for(&server, 2);
	say(&server, "3\n");
	turn_for(&server, 2);
	say(&server, "4\n");
	turn_for(&server, 2);
	hear(&server, &heard);
	CU_ASSERT_TRUE(heard_is(&heard, "x\n"));
	CU_ASSERT_EQUAL(server.turns, 1);
	stream_resume(server.stream);
	turn_for(&server, 2);
	hear(&server, &heard);
	CU_ASSERT_TRUE(heard_is(&heard, "xx\nxxx\nxxxx\n"));
	buffer_deinit(&heard);
	server_deinit(&server);
}

static void
half_close_during_a_pause_is_told_afterwards(void)
{
	struct server server;

	server_init(&server);
	say(&server, "p\n");
	CHECK(shutdown(server.peer, SHUT_WR) == 0);
	turn_for(&server, 5);
	CU_ASSERT_EQUAL(server.ends, 0);
	stream_resume(server.stream);
	turn_for(&server, 5);
	CU_ASSERT_EQUAL(server.ends, 1);
	CU_ASSERT_EQUAL(server.closes, 1);
	server_deinit(&server);
}

static void
endless_request_is_ended_at_the_limit(void)
{
	struct server server;
	char digits[50000];

	server_init(&server);
	memset(digits, '1', sizeof(digits));
	server.stop_on_close = true;
	for (int i = 0; i < 100 && server.closes == 0; i++) {
		(void)!write(server.peer, digits, sizeof(digits));
		turn_for(&server, 1);
	}
	CU_ASSERT_EQUAL(server.closes, 1);
	CU_ASSERT_EQUAL(server.why, STREAM_END_FLOODED);
	server_deinit(&server);
}

static void
on_close_at_once(struct stream *stream, void *context)
{
	stream_close(stream);
	/* What is done to a closed stream does nothing. */
	buffer_append(stream_output(stream), "x", 1);
	stream_resume(stream);
	stream_finish(stream);
	stream_close(stream);
	CU_ASSERT_FALSE(stream_takes(stream));
}

static void
stream_may_be_closed_in_its_own_callback(void)
{
	static const struct stream_handlers closing = {
	    on_close_at_once, NULL, on_closed, NULL};
	struct server server;
	struct buffer heard = {0};

	server_init_with(&server, &closing, 600000, 600000);
	say(&server, "1\n");
	server.stop_on_close = true;
	loop_run(server.loop);
	CU_ASSERT_TRUE(hear(&server, &heard));
	CU_ASSERT_TRUE(heard_is(&heard, ""));
	CU_ASSERT_EQUAL(server.why, STREAM_END_OURS);
	buffer_deinit(&heard);
	server_deinit(&server);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(requests_in_pieces_are_answered_when_whole),
	    SUITE_CASE(output_that_waits_holds_back_the_input),
	    SUITE_CASE(owner_is_told_once_when_no_output_waits),
	    SUITE_CASE(output_may_be_taken_back),
	    SUITE_CASE(half_closed_peer_still_gets_all_answers),
	    SUITE_CASE(peer_that_breaks_off_closes_the_stream),
	    SUITE_CASE(last_words_arrive_before_the_end),
	    SUITE_CASE(peer_that_does_not_leave_is_left),
	    SUITE_CASE(silence_ends_a_stream_by_what_was_awaited),
	    SUITE_CASE(silence_while_we_are_awaited_is_ours),
	    SUITE_CASE(paused_stream_reads_on_when_resumed),
	    SUITE_CASE(half_close_during_a_pause_is_told_afterwards),
	    SUITE_CASE(endless_request_is_ended_at_the_limit),
	    SUITE_CASE(stream_may_be_closed_in_its_own_callback),
	};

	return suite_run("stream", cases, SUITE_COUNT(cases), argc, argv);
}
