/*
 * bench_transport - envelopes between two processes over loopback, beside the
 * same messages through a bare nng pair.
 *
 *	bench_transport [ROUNDS]     (5)
 *
 * Stream: messages one way, of which every 64th is acknowledged, and no more
 * than 512 are under way; a second of it. Echo: one message there and back,
 * again and again; half a second of it. The two take turns; each figure is the
 * median of the rounds. The pair blocks in its calls, one thread on each side;
 * the transport runs on a loop.
 */
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/os/clock.h"
#include "replicator/transport/nng_transport.h"

#define WINDOW 512
#define ACKNOWLEDGED 64
#define STREAM_NS 1000000000ull
#define ECHO_NS 500000000ull
#define ROUNDS_MAX 99
#define SAMPLES_MAX 200000

extern char **environ;

/* The first byte of a message says what is wanted of it. */
enum wanted {
	WANTED_COUNT = 1,
	WANTED_ECHO = 2,
};

struct figures {
	double rate; /* messages a second, streamed */
	double median_us; /* there and back */
	double p99_us;
};

static uint64_t
now_ns(void)
{
	return clock_monotonic_ns(&clock_system);
}

/* What was measured so far; the same for both. */
struct measure {
	size_t size;
	uint8_t *message;
	bool is_echo;
	uint64_t start_ns;
	uint64_t sent;
	uint64_t acknowledged;
	uint64_t echo_ns; /* when the last was sent */
	double *samples;
	size_t sample_count;
	double rate;
	bool is_done;
};

static void
measure_start(struct measure *measure, bool is_echo)
{
	measure->is_echo = is_echo;
	measure->message[0] = is_echo ? WANTED_ECHO : WANTED_COUNT;
	measure->sent = measure->acknowledged = 0;
	measure->is_done = false;
	measure->start_ns = now_ns();
}

/* True if another message is to be sent now. */
static bool
measure_next(struct measure *measure)
{
	if (measure->is_done)
		return false;
	if (measure->is_echo && measure->sent > measure->acknowledged)
		return false;
	if (!measure->is_echo &&
	    (measure->sent - measure->acknowledged >= WINDOW ||
		now_ns() - measure->start_ns >= STREAM_NS))
		return false;
	measure->sent++;
	measure->echo_ns = now_ns();
	return true;
}

/* An acknowledgement, or an echo, has come. */
static void
measure_back(struct measure *measure)
{
	uint64_t now = now_ns();
	uint64_t passed = now - measure->start_ns;

	if (measure->is_echo) {
		measure->acknowledged++;
		if (measure->sample_count < SAMPLES_MAX)
			measure->samples[measure->sample_count++] =
			    (double)(now - measure->echo_ns) / 1000;
		measure->is_done = passed >= ECHO_NS;
		return;
	}
	measure->acknowledged += ACKNOWLEDGED;
	measure->rate = (double)measure->acknowledged * 1e9 / (double)passed;
	measure->is_done = passed >= STREAM_NS &&
	    measure->sent - measure->acknowledged < ACKNOWLEDGED;
}

/* This program again; *out is the number that it prints first. */
static pid_t
start_child(const char *what, const char *argument, int *out)
{
	char *arguments[] = {
	    "bench_transport", (char *)what, (char *)argument, NULL};
	posix_spawn_file_actions_t actions;
	FILE *output;
	int pipe_fds[2];
	pid_t child;

	CHECK(pipe(pipe_fds) == 0);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1) == 0);
	CHECK(posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments,
		  environ) == 0);
	CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
	close(pipe_fds[1]);
	output = fdopen(pipe_fds[0], "r");
	CHECK(output != NULL && fscanf(output, "%d", out) == 1);
	fclose(output);
	return child;
}

static void
end_child(pid_t child)
{
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
}

/* The bare pair */

static void
pair_open(nng_socket *pair)
{
	CHECK(nng_pair0_open(pair) == 0);
	CHECK(nng_socket_set_int(*pair, NNG_OPT_SENDBUF, WINDOW) == 0);
	CHECK(nng_socket_set_int(*pair, NNG_OPT_RECVBUF, WINDOW) == 0);
}

static int
pair_child(void)
{
	nng_socket pair;
	nng_listener listener;
	uint64_t count = 0;
	int port;

	pair_open(&pair);
	CHECK(nng_listen(pair, "tcp://127.0.0.1:0", &listener, 0) == 0);
	CHECK(
	    nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0);
	printf("%d\n", port);
	fflush(stdout);
	for (;;) {
		nng_msg *message;
		uint8_t wanted;

		CHECK(nng_recvmsg(pair, &message, 0) == 0);
		wanted = *(uint8_t *)nng_msg_body(message);
		if (wanted == WANTED_ECHO) {
			CHECK(nng_sendmsg(pair, message, 0) == 0);
			continue;
		}
		nng_msg_free(message);
		if (++count % ACKNOWLEDGED == 0)
			CHECK(nng_send(pair, "a", 1, 0) == 0);
	}
}

static void
pair_run(nng_socket pair, struct measure *measure, bool is_echo)
{
	measure_start(measure, is_echo);
	while (!measure->is_done) {
		nng_msg *message;

		while (measure_next(measure)) {
			CHECK(nng_msg_alloc(&message, measure->size) == 0);
			memcpy(nng_msg_body(message), measure->message,
			    measure->size);
			CHECK(nng_sendmsg(pair, message, 0) == 0);
		}
		CHECK(nng_recvmsg(pair, &message, 0) == 0);
		nng_msg_free(message);
		measure_back(measure);
	}
}

static void
pair_measure(struct measure *measure)
{
	char url[64];
	nng_socket pair;
	int port;
	pid_t child = start_child("pair", "", &port);

	pair_open(&pair);
	snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", port);
	CHECK(nng_dial(pair, url, NULL, 0) == 0);
	pair_run(pair, measure, false);
	pair_run(pair, measure, true);
	/* Not closed: that may wait for good. */
	end_child(child);
}

/* The transport */

struct side {
	struct loop *loop;
	struct transport *transport;
	size_t peer;
	struct measure *measure; /* NULL: the child */
	unsigned ways; /* that are open, of there and back */
	unsigned phase;
	uint64_t count;
};

static void
send_due(struct side *side)
{
	while (measure_next(side->measure))
		transport_send(side->transport, side->peer, ENVELOPE_FRAME,
		    slice_of(side->measure->message, side->measure->size));
}

static void
way_opened(struct side *side)
{
	CHECK(side->ways < 2);
	if (++side->ways < 2)
		return;
	measure_start(side->measure, false);
	send_due(side);
}

static void
on_message(void *context, const struct transport_message *message)
{
	struct side *side = context;

	if (message->envelope->kind != ENVELOPE_FRAME)
		return;
	if (side->measure != NULL && side->ways < 2)
		way_opened(side);
	else if (side->measure != NULL)
		measure_back(side->measure);
	else if (message->body.data[0] == WANTED_ECHO)
		transport_send(
		    side->transport, side->peer, ENVELOPE_FRAME, message->body);
	else if (++side->count % ACKNOWLEDGED == 0)
		transport_send(side->transport, side->peer, ENVELOPE_FRAME,
		    slice_of("a", 1));
}

static void
on_batch_end(void *context)
{
	struct side *side = context;

	if (side->measure == NULL || side->ways < 2)
		return;
	if (side->measure->is_done && side->phase++ == 0)
		measure_start(side->measure, true);
	else if (side->measure->is_done)
		loop_stop(side->loop);
	send_due(side);
}

static void
on_link(void *context, size_t peer, bool is_up)
{
	struct side *side = context;

	CHECK(is_up);
	if (side->measure != NULL)
		way_opened(side);
	else
		transport_send(side->transport, side->peer, ENVELOPE_FRAME,
		    slice_of_string("here"));
}

static uint16_t
side_open(struct side *side, uint64_t id)
{
	struct nng_transport_options options = {.listen = "127.0.0.1:0",
	    .incarnation = id,
	    .queue_messages_max = 2 * WINDOW,
	    .queue_bytes_max = (size_t)256 << 20,
	    .handlers = {on_message, on_batch_end, on_link, side}};
	struct error err;

	side->loop = loop_create();
	CHECK(nng_transport_create(
		  side->loop, &options, &side->transport, &err) == STATUS_OK);
	transport_set_self(
	    side->transport, (const uint8_t *)"0123456789abcdef", id);
	return nng_transport_port(side->transport);
}

static void
side_dial(struct side *side, int port, uint64_t id)
{
	char address[64];
	struct error err;

	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	CHECK(transport_add_peer(side->transport, "peer", address, &side->peer,
		  &err) == STATUS_OK);
	transport_set_peer_id(side->transport, side->peer, id);
}

static int
transport_child(const char *port)
{
	struct side side = {0};

	printf("%u\n", side_open(&side, 2));
	fflush(stdout);
	side_dial(&side, (int)strtol(port, NULL, 10), 1);
	loop_run(side.loop);
	return 0;
}

static void
transport_measure(struct measure *measure)
{
	struct side side = {.measure = measure};
	char port[16];
	int child_port;
	pid_t child;

	snprintf(port, sizeof(port), "%u", side_open(&side, 1));
	child = start_child("transport", port, &child_port);
	side_dial(&side, child_port, 2);
	loop_run(side.loop);
	end_child(child);
	transport_close(side.transport);
	loop_close(side.loop);
}

/* Figures */

static int
compare(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

static double
quantile(double *values, size_t count, double at)
{
	qsort(values, count, sizeof(*values), compare);
	return count == 0 ? 0 : values[(size_t)((double)(count - 1) * at)];
}

static struct figures
run(void (*measure_one)(struct measure *measure), size_t size)
{
	struct measure measure = {.size = size,
	    .message = mem_new(size),
	    .samples = mem_new_array(SAMPLES_MAX, sizeof(double))};
	struct figures figures;

	measure_one(&measure);
	figures.rate = measure.rate;
	figures.median_us =
	    quantile(measure.samples, measure.sample_count, 0.5);
	figures.p99_us = quantile(measure.samples, measure.sample_count, 0.99);
	mem_free(measure.samples);
	mem_free(measure.message);
	return figures;
}

static void
row(size_t size, size_t rounds)
{
	static void (*const ways[])(struct measure *) = {
	    pair_measure, transport_measure};
	double rates[2][ROUNDS_MAX];
	double medians[2][ROUNDS_MAX];
	double p99s[2][ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++) {
		for (size_t j = 0; j < 2; j++) {
			struct figures figures = run(ways[j], size);

			rates[j][i] = figures.rate;
			medians[j][i] = figures.median_us;
			p99s[j][i] = figures.p99_us;
		}
	}
	for (size_t j = 0; j < 2; j++)
		printf("%-10s %6zu B %9.0f/s  there and back %6.1f us, "
		       "p99 %6.1f us\n",
		    j == 0 ? "pair" : "transport", size,
		    quantile(rates[j], rounds, 0.5),
		    quantile(medians[j], rounds, 0.5),
		    quantile(p99s[j], rounds, 0.5));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	size_t rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 5;

	log_open("bench", LOG_ERROR);
	if (argc == 3) {
		CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		return strcmp(argv[1], "pair") == 0 ? pair_child()
						    : transport_child(argv[2]);
	}
	if (rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench_transport [ROUNDS]\n");
		return 64;
	}
	row(100, rounds);
	row(1024, rounds);
	row(65536, rounds);
	return 0;
}
