#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/ipc/ipc_client.h"
#include "common/ipc/ipc_server.h"
#include "common/loop/loop.h"
#include "tests/support/ipc/ipc_peer.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define CLIENTS 16
#define MOMENT_MS 50
#define FEW 6 /* moments */
#define MANY 200

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
	asking_await(asking);
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
	asking_await(&asking);
	CU_ASSERT_EQUAL_FATAL(asking.ready, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buffer_clear(&payload, SIZE_MAX);
		memset(buffer_reserve(&payload, sizes[i]), (int)i, sizes[i]);
		buffer_commit(&payload, sizes[i]);
		ipc_client_send(
		    asking.client, IPC_WRITE, buffer_slice(&payload));
		CU_ASSERT_FALSE(ipc_client_is_ready(asking.client));
		asking_await(&asking);
		CU_ASSERT_TRUE(
		    slice_equal(reply_text(&asking), buffer_slice(&payload)));
	}
	CU_ASSERT_EQUAL(asking.lost, 0);
	peer_guard_start();
	ipc_server_close(answering.server);
	peer_guard_stop();
	asking_await(&asking);
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
on_no_turn(void *context)
{
}

static void
second_server_is_busy_and_long_paths_are_invalid(void)
{
	struct loop *loop = loop_create();
	struct ipc_server_options options = {
	    .on_request = on_nothing, .on_turn_end = on_no_turn};
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
	child = peer_serve(path);
	asking_init(&asking, loop, path);
	asking_await(&asking);
	for (unsigned i = 1; i <= 5; i++) {
		uint64_t incarnation = asking.incarnation;
		uint64_t killed_ms;

		CU_ASSERT_EQUAL_FATAL(asking.ready, i);
		ask(&asking, "hello");
		ipc_client_send(
		    asking.client, IPC_WRITE, slice_of_string("silence"));
		if (i % 2 == 0)
			usleep(20000);
		peer_kill(child);
		killed_ms = loop_now_ms(loop);
		asking_await(&asking);
		CU_ASSERT_EQUAL(asking.lost, i);
		child = peer_serve(path);
		asking_await(&asking);
		CU_ASSERT_NOT_EQUAL(asking.incarnation, incarnation);
		printf("  ready again %llu ms after the kill\n",
		    (unsigned long long)(loop_now_ms(loop) - killed_ms));
	}
	ask(&asking, "again");
	CU_ASSERT_EQUAL(asking.replies, 6);
	asking_deinit(&asking);
	peer_kill(child);
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
	child = peer_serve(path);
	asking_await(&asking);
	CU_ASSERT_EQUAL(asking.ready, 1);
	peer_kill(child);
	asking_await(&asking);
	CU_ASSERT_EQUAL(asking.lost, 1);
	asking_deinit(&asking);
	loop_close(loop);
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
	child = peer_serve(path);
	for (int i = 0; i < CLIENTS; i++) {
		asking_init(&asking[i], loop, path);
		asking[i].done = &left;
	}
	asking_await(&asking[0]);
	left = CLIENTS;
	for (int i = 0; i < CLIENTS; i++)
		ipc_client_send(asking[i].client, IPC_WRITE,
		    slice_of_string(i == 0 ? "sleep" : "hello"));
	asking_await(&asking[0]);
	CU_ASSERT_EQUAL(left, 0);
	for (int i = 0; i < CLIENTS; i++) {
		unsigned group = asking[i].reply.data[0];

		if (group > most)
			most = group;
	}
	CU_ASSERT_TRUE(most >= CLIENTS / 4);
	for (int i = 0; i < CLIENTS; i++)
		asking_deinit(&asking[i]);
	peer_kill(child);
	loop_close(loop);
	scratch_deinit(&scratch);
}

/*
 * Writes bytes to the socket as somebody who does not know what it is, and
 * stays until the server has introduced itself.
 */
static void
throw_at(const char *path, const void *bytes, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint8_t introduction[8];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size ||
	    errno == EPIPE);
	peer_guard_start();
	CHECK(recv(fd, introduction, sizeof(introduction), MSG_WAITALL) == 8);
	peer_guard_stop();
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
	peer_guard_start();
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
	peer_guard_stop();
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
	child = peer_serve(path);
	asking_init(&asking, loop, path);
	asking_await(&asking);
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
	peer_kill(child);
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
	atomic_uint answers;
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
	atomic_fetch_add(&parrot->answers, 1);
	nng_send_aio(parrot->socket, parrot->aio);
}

/* Looked at from time to time, since the parrot is in another thread. */
struct moment {
	struct loop *loop;
	struct loop_timer *timer;
	struct parrot *parrot;
	unsigned left;
};

static void
on_moment(void *context)
{
	struct moment *moment = context;

	if (atomic_load(&moment->parrot->answers) > 1 || --moment->left == 0)
		loop_stop(moment->loop);
	else
		loop_timer_start(moment->timer, MOMENT_MS);
}

/*
 * How often a client greets that is always answered so: within some moments,
 * or until it has greeted more than once.
 */
static unsigned
greetings_answered_with(const uint8_t *bytes, size_t size, unsigned moments)
{
	struct loop *loop = loop_create();
	struct scratch scratch;
	struct asking asking;
	struct parrot parrot = {.size = size};
	struct moment moment = {
	    .loop = loop, .parrot = &parrot, .left = moments};
	char url[200];

	scratch_init(&scratch);
	memcpy(parrot.bytes, bytes, size);
	snprintf(url, sizeof(url), "ipc://%s", scratch_path(&scratch, "p"));
	CHECK(nng_rep0_open(&parrot.socket) == 0);
	CHECK(nng_aio_alloc(&parrot.aio, on_parrot, &parrot) == 0);
	CHECK(nng_listen(parrot.socket, url, &parrot.listener, 0) == 0);
	nng_recv_aio(parrot.socket, parrot.aio);
	asking_init(&asking, loop, scratch_path(&scratch, "p"));
	moment.timer = loop_timer_create(loop, on_moment, &moment);
	loop_timer_start(moment.timer, MOMENT_MS);
	loop_run(loop);
	CU_ASSERT_EQUAL(asking.ready, 0);
	CU_ASSERT_EQUAL(asking.lost, 0);
	asking_deinit(&asking);
	peer_guard_start();
	nng_listener_close(parrot.listener);
	nng_aio_stop(parrot.aio);
	peer_guard_stop();
	nng_aio_free(parrot.aio);
	loop_timer_close(moment.timer);
	loop_close(loop);
	scratch_deinit(&scratch);
	return atomic_load(&parrot.answers);
}

static void
client_is_never_ready_with_a_server_that_makes_no_sense(void)
{
	uint8_t bytes[IPC_HEADER_BYTES + 8] = {0};

	ipc_header_encode(bytes, IPC_HELLO, STATUS_VERSION, 0);
	CU_ASSERT_EQUAL(
	    greetings_answered_with(bytes, IPC_HEADER_BYTES, FEW), 1);
	bytes[4]++;
	CU_ASSERT_EQUAL(
	    greetings_answered_with(bytes, IPC_HEADER_BYTES, FEW), 1);
	/* These are tried again, with a new connection each. */
	ipc_header_encode(bytes, IPC_HELLO, STATUS_OK, 0);
	CU_ASSERT_TRUE(
	    greetings_answered_with(bytes, IPC_HEADER_BYTES, MANY) > 1);
	ipc_header_encode(bytes, IPC_WRITE, STATUS_OK, 8);
	CU_ASSERT_TRUE(greetings_answered_with(bytes, sizeof(bytes), MANY) > 1);
	CU_ASSERT_TRUE(greetings_answered_with(bytes, 3, MANY) > 1);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(payloads_of_every_size_come_back),
	    SUITE_CASE(second_server_is_busy_and_long_paths_are_invalid),
	    SUITE_CASE(killed_server_is_noticed_and_found_again),
	    SUITE_CASE(idle_client_learns_that_the_server_is_gone),
	    SUITE_CASE(requests_of_many_clients_come_as_one_group),
	    SUITE_CASE(garbage_harms_nobody_else),
	    SUITE_CASE(client_is_never_ready_with_a_server_that_makes_no_sense),
	};

	if (argc == 4 && strcmp(argv[1], "--serve") == 0)
		return answering_serve(argv[2], false, 0);
	return suite_run("ipc", cases, SUITE_COUNT(cases), argc, argv);
}
