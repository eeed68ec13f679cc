#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/ipc/ipc_client.h"
#include "common/ipc/ipc_server.h"
#include "common/loop/loop.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define CLIENTS 16
#define PATIENCE_MS 10000
#define LARGE_BYTES (4 << 20)
#define LEAVINGS 48 /* clients that close at a different moment each */
#define RETREATS 16 /* servers that do */

/* The library loses a connection that is being made when it is to close. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:nng_dial\nleak:nng_listener_create\nleak:start_thread\n";
}

static void
on_hang(int number)
{
	static const char text[] = "a call did not return in time\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) >= 0)
		abort();
	_exit(EXIT_FAILURE);
}

/* Ends this process if guard_stop() does not come soon. */
static void
guard_start(void)
{
	signal(SIGALRM, on_hang);
	alarm(PATIENCE_MS / 1000);
}

static void
guard_stop(void)
{
	alarm(0);
}

/*
 * The server of these tests, in this process or in one of its own (this
 * program executed again, since nng does not survive a fork). It answers a
 * payload with the number of requests of its turn and the payload, except
 * "silence", which it never answers, and "sleep", which it thinks about.
 */
struct answering {
	struct loop *loop;
	struct ipc_server *server;
	struct ipc_request *requests[IPC_REQUESTS_MAX];
	struct slice payloads[IPC_REQUESTS_MAX];
	unsigned count;
	unsigned turns;
	bool is_leaving; /* after the first turn */
};

static void
on_request(void *context, struct ipc_request *request, enum ipc_type type,
    struct slice payload)
{
	struct answering *answering = context;

	CHECK(type == IPC_WRITE);
	if (slice_equal(payload, slice_of_string("silence")))
		return;
	if (slice_equal(payload, slice_of_string("sleep")))
		usleep(100000);
	CHECK(answering->count < IPC_REQUESTS_MAX);
	answering->requests[answering->count] = request;
	answering->payloads[answering->count] = payload;
	answering->count++;
}

static void
on_turn_end(void *context)
{
	struct answering *answering = context;

	answering->turns++;
	for (unsigned i = 0; i < answering->count; i++) {
		struct buffer reply = {0};

		buffer_append_byte(&reply, (uint8_t)answering->count);
		buffer_append_slice(&reply, answering->payloads[i]);
		ipc_request_reply(
		    answering->requests[i], STATUS_OK, buffer_slice(&reply));
		buffer_deinit(&reply);
	}
	answering->count = 0;
	if (answering->is_leaving)
		loop_stop(answering->loop);
}

static enum status
answering_init(struct answering *answering, struct loop *loop, const char *path,
    struct error *err)
{
	struct ipc_server_options options = {.path = path,
	    .on_request = on_request,
	    .on_turn_end = on_turn_end,
	    .context = answering};

	*answering = (struct answering){.loop = loop};
	return ipc_server_create(loop, &options, &answering->server, err);
}

/* What this program is when it is executed with --serve or --retreat. */
static int
serve(const char *path, bool is_leaving, unsigned long delay_us)
{
	struct answering answering;
	struct loop *loop = loop_create();
	struct error err;

	if (answering_init(&answering, loop, path, &err) != STATUS_OK) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	answering.is_leaving = is_leaving;
	loop_run(loop);
	guard_start();
	usleep((useconds_t)delay_us);
	ipc_server_close(answering.server);
	loop_close(loop);
	return EXIT_SUCCESS;
}

/* This program again, as something else; it ends with this process. */
static pid_t
child_start(const char *what, const char *path, unsigned number)
{
	pid_t parent = getpid();
	char text[20];
	pid_t child;

	snprintf(text, sizeof(text), "%u", number);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
		    getppid() == parent)
			execl("/proc/self/exe", "test_ipc", what, path, text,
			    (char *)NULL);
		_exit(127);
	}
	return child;
}

static pid_t
server_start(const char *path)
{
	return child_start("--serve", path, 0);
}

static void
server_kill(pid_t child)
{
	guard_start();
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	guard_stop();
}

/* True if it comes to its end by itself, and well. */
static bool
child_ends_well(pid_t child)
{
	int status;

	/* Its own guards, and the timer of its loop, are bounds enough. */
	CHECK(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

struct asking {
	struct loop *loop;
	struct ipc_client *client;
	struct loop_timer *patience;
	unsigned ready;
	unsigned replies;
	unsigned lost;
	bool is_late; /* nothing came in time */
	uint64_t incarnation;
	enum status status;
	struct buffer reply;
	const char *say_when_ready; /* sent again and again, as a gate does */
	unsigned *done; /* stops the loop at this many replies */
	unsigned done_at;
};

static void
stop_if_done(struct asking *asking)
{
	if (asking->done == NULL || --*asking->done == asking->done_at)
		loop_stop(asking->loop);
}

static void
on_ready(void *context, uint64_t incarnation)
{
	struct asking *asking = context;

	asking->ready++;
	asking->incarnation = incarnation;
	if (asking->say_when_ready == NULL) {
		stop_if_done(asking);
		return;
	}
	ipc_client_send(
	    asking->client, IPC_WRITE, slice_of_string(asking->say_when_ready));
}

static void
on_reply(void *context, enum status status, struct slice payload)
{
	struct asking *asking = context;

	asking->replies++;
	asking->status = status;
	buffer_clear(&asking->reply, SIZE_MAX);
	buffer_append_slice(&asking->reply, payload);
	stop_if_done(asking);
}

static void
on_lost(void *context)
{
	struct asking *asking = context;

	asking->lost++;
	CHECK(!ipc_client_is_ready(asking->client));
	if (asking->say_when_ready == NULL)
		stop_if_done(asking);
}

static void
on_impatient(void *context)
{
	struct asking *asking = context;

	asking->is_late = true;
	loop_stop(asking->loop);
}

static void
asking_init(struct asking *asking, struct loop *loop, const char *path)
{
	struct ipc_client_options options = {.path = path,
	    .on_ready = on_ready,
	    .on_reply = on_reply,
	    .on_lost = on_lost,
	    .context = asking};
	struct error err;

	*asking = (struct asking){.loop = loop};
	asking->patience = loop_timer_create(loop, on_impatient, asking);
	CHECK(ipc_client_create(loop, &options, &asking->client, &err) ==
	    STATUS_OK);
}

static void
asking_deinit(struct asking *asking)
{
	guard_start();
	ipc_client_close(asking->client);
	guard_stop();
	loop_timer_close(asking->patience);
	buffer_deinit(&asking->reply);
}

/* Until the next event that the asking side is told of; false: none came. */
static bool
event_comes(struct asking *asking)
{
	asking->is_late = false;
	loop_timer_start(asking->patience, PATIENCE_MS);
	loop_run(asking->loop);
	loop_timer_stop(asking->patience);
	return !asking->is_late;
}

static void
await(struct asking *asking)
{
	CU_ASSERT_TRUE_FATAL(event_comes(asking));
}

static struct slice
reply_text(const struct asking *asking)
{
	struct slice reply = buffer_slice(&asking->reply);

	CU_ASSERT_TRUE_FATAL(reply.size > 0);
	return slice_of(reply.data + 1, reply.size - 1);
}

static void
ask(struct asking *asking, const char *text)
{
	ipc_client_send(asking->client, IPC_WRITE, slice_of_string(text));
	await(asking);
	CU_ASSERT_EQUAL(asking->status, STATUS_OK);
	CU_ASSERT_TRUE(slice_equal(reply_text(asking), slice_of_string(text)));
}

static void
payloads_of_every_size_come_back(void)
{
	static const size_t sizes[] = {
	    0, 1, 1000, 65536, 1048577, IPC_PAYLOAD_BYTES_MAX - 1};
	struct loop *loop = loop_create();
	struct scratch scratch;
	struct answering answering;
	struct asking asking;
	struct buffer payload = {0};
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(answering_init(
		      &answering, loop, scratch_path(&scratch, "socket"), &err),
	    &err);
	asking_init(&asking, loop, scratch_path(&scratch, "socket"));
	await(&asking);
	CU_ASSERT_EQUAL_FATAL(asking.ready, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buffer_clear(&payload, SIZE_MAX);
		memset(buffer_reserve(&payload, sizes[i]), (int)i, sizes[i]);
		buffer_commit(&payload, sizes[i]);
		ipc_client_send(
		    asking.client, IPC_WRITE, buffer_slice(&payload));
		CU_ASSERT_FALSE(ipc_client_is_ready(asking.client));
		await(&asking);
		CU_ASSERT_TRUE(
		    slice_equal(reply_text(&asking), buffer_slice(&payload)));
	}
	CU_ASSERT_EQUAL(asking.lost, 0);
	guard_start();
	ipc_server_close(answering.server);
	guard_stop();
	await(&asking);
	CU_ASSERT_EQUAL(asking.lost, 1);
	asking_deinit(&asking);
	buffer_deinit(&payload);
	loop_close(loop);
	scratch_deinit(&scratch);
}

static void
on_nothing(void *context, struct ipc_request *request, enum ipc_type type,
    struct slice payload)
{
}

static void
second_server_is_busy_and_long_paths_are_invalid(void)
{
	struct loop *loop = loop_create();
	struct ipc_server_options options = {
	    .on_request = on_nothing, .on_turn_end = on_turn_end};
	struct ipc_server *one;
	struct ipc_server *two;
	struct scratch scratch;
	struct error err;
	char path[300];

	scratch_init(&scratch);
	options.path = scratch_path(&scratch, "socket");
	ASSERT_OK(ipc_server_create(loop, &options, &one, &err), &err);
	CU_ASSERT_EQUAL(
	    ipc_server_create(loop, &options, &two, &err), STATUS_BUSY);
	CU_ASSERT_PTR_NULL(two);
	memset(path, 'x', sizeof(path));
	path[IPC_PATH_BYTES_MAX + 1] = '\0';
	options.path = path;
	CU_ASSERT_EQUAL(
	    ipc_server_create(loop, &options, &two, &err), STATUS_INVALID);
	ipc_server_close(one);
	loop_close(loop);
	scratch_deinit(&scratch);
}

/*
 * The server is killed while it owes an answer. The client learns it, finds
 * the next server soon, and the request that is sent again is answered.
 */
static void
killed_server_is_noticed_and_found_again(void)
{
	struct loop *loop = loop_create();
	struct scratch scratch;
	struct asking asking;
	const char *path;
	pid_t child;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "socket");
	child = server_start(path);
	asking_init(&asking, loop, path);
	await(&asking);
	for (unsigned i = 1; i <= 5; i++) {
		uint64_t incarnation = asking.incarnation;
		uint64_t killed_ms;

		CU_ASSERT_EQUAL_FATAL(asking.ready, i);
		ask(&asking, "hello");
		ipc_client_send(
		    asking.client, IPC_WRITE, slice_of_string("silence"));
		if (i % 2 == 0)
			usleep(20000);
		server_kill(child);
		killed_ms = loop_now_ms(loop);
		await(&asking);
		CU_ASSERT_EQUAL(asking.lost, i);
		child = server_start(path);
		await(&asking);
		CU_ASSERT_NOT_EQUAL(asking.incarnation, incarnation);
		printf("  ready again %llu ms after the kill\n",
		    (unsigned long long)(loop_now_ms(loop) - killed_ms));
	}
	ask(&asking, "again");
	CU_ASSERT_EQUAL(asking.replies, 6);
	asking_deinit(&asking);
	server_kill(child);
	loop_close(loop);
	scratch_deinit(&scratch);
}

/* A connection that goes with nothing in flight is told as well. */
static void
idle_client_learns_that_the_server_is_gone(void)
{
	struct loop *loop = loop_create();
	struct scratch scratch;
	struct asking asking;
	const char *path;
	pid_t child;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "socket");
	asking_init(&asking, loop, path);
	child = server_start(path);
	await(&asking);
	CU_ASSERT_EQUAL(asking.ready, 1);
	server_kill(child);
	await(&asking);
	CU_ASSERT_EQUAL(asking.lost, 1);
	asking_deinit(&asking);
	loop_close(loop);
	scratch_deinit(&scratch);
}

static void
send_large(struct asking *asking)
{
	static uint8_t bytes[LARGE_BYTES];

	ipc_client_send(
	    asking->client, IPC_WRITE, slice_of(bytes, sizeof(bytes)));
}

/*
 * What this program is when it is executed with --leave: a worker that ends
 * while it looks for a server, sends, waits or is being answered.
 */
static int
leave(const char *path, unsigned long number)
{
	struct loop *loop = loop_create();
	struct asking asking;

	asking_init(&asking, loop, path);
	if (number % 4 != 0 && !event_comes(&asking))
		return EXIT_FAILURE;
	if (number % 4 == 1)
		send_large(&asking);
	else if (number % 4 != 0)
		ipc_client_send(asking.client, IPC_WRITE,
		    slice_of_string(number % 4 == 2 ? "hello" : "silence"));
	usleep((useconds_t)(number / 4 * 100));
	asking_deinit(&asking);
	loop_close(loop);
	return EXIT_SUCCESS;
}

/*
 * Processes of their own, since that is how clients come to be closed; and
 * the library may keep what was in flight from being taken down.
 */
static void
client_may_close_at_any_moment(void)
{
	struct scratch scratch;
	pid_t server;

	scratch_init(&scratch);
	server = server_start(scratch_path(&scratch, "socket"));
	for (unsigned i = 0; i < LEAVINGS; i++) {
		const char *name = i % 4 == 0 ? "nobody" : "socket";
		pid_t child =
		    child_start("--leave", scratch_path(&scratch, name), i);

		CU_ASSERT_TRUE(child_ends_well(child));
	}
	server_kill(server);
	scratch_deinit(&scratch);
}

static void
server_may_close_at_any_moment(void)
{
	struct scratch scratch;
	const char *path;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "socket");
	for (unsigned i = 0; i < RETREATS; i++) {
		pid_t child = child_start("--retreat", path, i / 2 * 100);
		struct loop *loop = loop_create();
		struct asking asking;

		asking_init(&asking, loop, path);
		await(&asking);
		CU_ASSERT_EQUAL_FATAL(asking.ready, 1);
		if (i % 2 == 0)
			send_large(&asking);
		else
			ipc_client_send(
			    asking.client, IPC_WRITE, slice_of_string("hello"));
		await(&asking);
		CU_ASSERT_TRUE(asking.replies + asking.lost > 0);
		CU_ASSERT_TRUE_FATAL(child_ends_well(child));
		asking_deinit(&asking);
		loop_close(loop);
	}
	scratch_deinit(&scratch);
}

static void
requests_of_many_clients_come_as_one_group(void)
{
	struct loop *loop = loop_create();
	struct scratch scratch;
	struct asking asking[CLIENTS];
	const char *path;
	pid_t child;
	unsigned left = CLIENTS;
	unsigned most = 0;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "socket");
	child = server_start(path);
	for (int i = 0; i < CLIENTS; i++) {
		asking_init(&asking[i], loop, path);
		asking[i].done = &left;
	}
	await(&asking[0]);
	left = CLIENTS;
	for (int i = 0; i < CLIENTS; i++)
		ipc_client_send(asking[i].client, IPC_WRITE,
		    slice_of_string(i == 0 ? "sleep" : "hello"));
	await(&asking[0]);
	CU_ASSERT_EQUAL(left, 0);
	for (int i = 0; i < CLIENTS; i++) {
		unsigned group = asking[i].reply.data[0];

		if (group > most)
			most = group;
	}
	CU_ASSERT_TRUE(most >= CLIENTS / 2);
	for (int i = 0; i < CLIENTS; i++)
		asking_deinit(&asking[i]);
	server_kill(child);
	loop_close(loop);
	scratch_deinit(&scratch);
}

/* Writes bytes to the socket as somebody who does not know what it is. */
static void
throw_at(const char *path, const void *bytes, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size ||
	    errno == EPIPE);
	usleep(2000);
	close(fd);
}

/* Sends one message as a client of the library would; its reply's status. */
static enum status
reply_to(const char *path, const void *bytes, size_t size)
{
	char url[200];
	nng_socket socket;
	nng_dialer dialer;
	struct ipc_message message;
	struct error err;
	enum status status = STATUS_OK;
	void *reply;
	size_t reply_size;

	snprintf(url, sizeof(url), "ipc://%s", path);
	CHECK(nng_req0_open(&socket) == 0);
	CHECK(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, 5000) == 0);
	guard_start();
	CHECK(nng_dial(socket, url, &dialer, 0) == 0);
	CHECK(nng_send(socket, (void *)(uintptr_t)bytes, size, 0) == 0);
	if (nng_recv(socket, &reply, &reply_size, NNG_FLAG_ALLOC) == 0) {
		CHECK(ipc_reply_decode(slice_of(reply, reply_size), &message,
			  &err) == STATUS_OK);
		status = message.status;
		nng_free(reply, reply_size);
	}
	/* As the client does it, and for the same reason. */
	nng_dialer_close(dialer);
	guard_stop();
	return status;
}

static void
garbage_harms_nobody_else(void)
{
	static const char handshake[] = {0, 'S', 'P', 0, 0, 48, 0, 0};
	struct loop *loop = loop_create();
	struct scratch scratch;
	struct asking asking;
	struct buffer bytes = {0};
	uint8_t header[IPC_HEADER_BYTES];
	const char *path;
	pid_t child;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "socket");
	child = server_start(path);
	asking_init(&asking, loop, path);
	await(&asking);
	throw_at(path, "GET / HTTP/1.0\r\n\r\n", 18);
	/* A frame that declares far more than the limit. */
	buffer_append(&bytes, handshake, sizeof(handshake));
	buffer_append(&bytes, "\1\177\377\377\377\377\377\377\377", 9);
	throw_at(path, bytes.data, buffer_size(&bytes));
	/* A frame too short to be a request. */
	buffer_clear(&bytes, SIZE_MAX);
	buffer_append(&bytes, handshake, sizeof(handshake));
	buffer_append(&bytes, "\1\0\0\0\0\0\0\0\2xx", 11);
	throw_at(path, bytes.data, buffer_size(&bytes));
	ask(&asking, "hello");
	CU_ASSERT_EQUAL(reply_to(path, "", 0), STATUS_INVALID);
	CU_ASSERT_EQUAL(reply_to(path, "garbage", 7), STATUS_INVALID);
	ipc_header_encode(header, IPC_WRITE, STATUS_OK, 1);
	CU_ASSERT_EQUAL(reply_to(path, header, sizeof(header)), STATUS_INVALID);
	header[4] = IPC_VERSION + 1;
	CU_ASSERT_EQUAL(reply_to(path, header, sizeof(header)), STATUS_VERSION);
	ask(&asking, "hello again");
	CU_ASSERT_EQUAL(asking.lost, 0);
	asking_deinit(&asking);
	buffer_deinit(&bytes);
	server_kill(child);
	loop_close(loop);
	scratch_deinit(&scratch);
}

/* A server that answers everything with the same bytes, in a thread of nng. */
struct parrot {
	nng_socket socket;
	nng_listener listener;
	nng_aio *aio;
	uint8_t bytes[IPC_HEADER_BYTES + 8];
	size_t size;
	bool is_sending;
	unsigned answers;
};

static void
on_parrot(void *context)
{
	struct parrot *parrot = context;
	nng_msg *message;

	if (nng_aio_result(parrot->aio) != 0)
		return;
	parrot->is_sending = !parrot->is_sending;
	if (!parrot->is_sending) {
		nng_recv_aio(parrot->socket, parrot->aio);
		return;
	}
	nng_msg_free(nng_aio_get_msg(parrot->aio));
	CHECK(nng_msg_alloc(&message, parrot->size) == 0);
	memcpy(nng_msg_body(message), parrot->bytes, parrot->size);
	nng_aio_set_msg(parrot->aio, message);
	parrot->answers++;
	nng_send_aio(parrot->socket, parrot->aio);
}

static void
on_moment_over(void *context)
{
	loop_stop(context);
}

/* How often a client greets that is always answered so, in a moment. */
static unsigned
greetings_answered_with(const uint8_t *bytes, size_t size)
{
	struct loop *loop = loop_create();
	struct loop_timer *timer =
	    loop_timer_create(loop, on_moment_over, loop);
	struct scratch scratch;
	struct asking asking;
	struct parrot parrot = {.size = size};
	char url[200];

	scratch_init(&scratch);
	memcpy(parrot.bytes, bytes, size);
	snprintf(url, sizeof(url), "ipc://%s", scratch_path(&scratch, "p"));
	CHECK(nng_rep0_open(&parrot.socket) == 0);
	CHECK(nng_aio_alloc(&parrot.aio, on_parrot, &parrot) == 0);
	CHECK(nng_listen(parrot.socket, url, &parrot.listener, 0) == 0);
	nng_recv_aio(parrot.socket, parrot.aio);
	asking_init(&asking, loop, scratch_path(&scratch, "p"));
	loop_timer_start(timer, 300);
	loop_run(loop);
	CU_ASSERT_EQUAL(asking.ready, 0);
	CU_ASSERT_EQUAL(asking.lost, 0);
	asking_deinit(&asking);
	guard_start();
	nng_listener_close(parrot.listener);
	nng_aio_stop(parrot.aio);
	guard_stop();
	nng_aio_free(parrot.aio);
	loop_timer_close(timer);
	loop_close(loop);
	scratch_deinit(&scratch);
	return parrot.answers;
}

static void
client_is_never_ready_with_a_server_that_makes_no_sense(void)
{
	uint8_t bytes[IPC_HEADER_BYTES + 8] = {0};

	ipc_header_encode(bytes, IPC_HELLO, STATUS_VERSION, 0);
	CU_ASSERT_EQUAL(greetings_answered_with(bytes, IPC_HEADER_BYTES), 1);
	bytes[4]++;
	CU_ASSERT_EQUAL(greetings_answered_with(bytes, IPC_HEADER_BYTES), 1);
	/* These are tried again, with a new connection each. */
	ipc_header_encode(bytes, IPC_HELLO, STATUS_OK, 0);
	CU_ASSERT_TRUE(greetings_answered_with(bytes, IPC_HEADER_BYTES) > 1);
	ipc_header_encode(bytes, IPC_WRITE, STATUS_OK, 8);
	CU_ASSERT_TRUE(greetings_answered_with(bytes, sizeof(bytes)) > 1);
	CU_ASSERT_TRUE(greetings_answered_with(bytes, 3) > 1);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(payloads_of_every_size_come_back),
	    SUITE_CASE(second_server_is_busy_and_long_paths_are_invalid),
	    SUITE_CASE(killed_server_is_noticed_and_found_again),
	    SUITE_CASE(idle_client_learns_that_the_server_is_gone),
	    SUITE_CASE(client_may_close_at_any_moment),
	    SUITE_CASE(server_may_close_at_any_moment),
	    SUITE_CASE(requests_of_many_clients_come_as_one_group),
	    SUITE_CASE(garbage_harms_nobody_else),
	    SUITE_CASE(client_is_never_ready_with_a_server_that_makes_no_sense),
	};

	if (argc == 4 && strcmp(argv[1], "--leave") == 0)
		return leave(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 4)
		return serve(argv[2], strcmp(argv[1], "--retreat") == 0,
		    strtoul(argv[3], NULL, 10));
	return suite_run("ipc", cases, SUITE_COUNT(cases), argc, argv);
}
