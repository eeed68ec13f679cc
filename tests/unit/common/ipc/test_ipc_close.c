#include <stdlib.h>
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

#define LARGE_BYTES (4 << 20)
#define LEAVINGS 48 /* clients that close at a different moment each */
#define RETREATS 16 /* servers that do */
#define KNOCKS 20
#define VISITORS 3
/* The server looks after a second, and then for less than another one. */
#define VISIT_MS 2500

static void
send_large(struct asking *asking)
{
	static uint8_t bytes[LARGE_BYTES];

	ipc_client_send(
	    asking->client, IPC_WRITE, slice_of(bytes, sizeof(bytes)));
}

/*
 * What this program is when it is executed with --leave: a worker that ends
 * while it looks for a server, connects, waits or is being answered.
 */
static int
leave(const char *path, unsigned long number)
{
	struct loop *loop = loop_create();
	struct asking asking;

	asking_init(&asking, loop, path);
	/* A connection may go again at once: see the last case. */
	while (number % 4 != 0 && !ipc_client_is_ready(asking.client)) {
		if (!asking_event(&asking))
			return EXIT_FAILURE;
	}
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
	server = peer_serve(scratch_path(&scratch, "socket"));
	for (unsigned i = 0; i < LEAVINGS; i++) {
		const char *name = i % 8 == 0 ? "nobody" : "socket";
		pid_t child =
		    peer_start("--leave", scratch_path(&scratch, name), i);

		CU_ASSERT_TRUE(peer_ends_well(child));
	}
	peer_kill(server);
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
		pid_t child = peer_start("--retreat", path, i / 2 * 100);
		struct loop *loop = loop_create();
		struct asking asking;

		asking_init(&asking, loop, path);
		asking_await(&asking);
		CU_ASSERT_EQUAL_FATAL(asking.ready, 1);
		if (i % 2 == 0)
			send_large(&asking);
		else
			ipc_client_send(
			    asking.client, IPC_WRITE, slice_of_string("hello"));
		asking_await(&asking);
		CU_ASSERT_TRUE(asking.replies + asking.lost > 0);
		CU_ASSERT_TRUE_FATAL(peer_ends_well(child));
		asking_deinit(&asking);
		loop_close(loop);
	}
	scratch_deinit(&scratch);
}

/* Connects and is gone, as a client that is killed then. */
static void
knock(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path, path, strlen(path));
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(fd);
}

/* Goes once it was greeted, and before it has said who it is. */
static void
look_in(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	uint8_t greeting[8];

	memcpy(address.sun_path, path, strlen(path));
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(recv(fd, greeting, sizeof(greeting), MSG_WAITALL) ==
	    (ssize_t)sizeof(greeting));
	close(fd);
}

static void
on_time(void *context)
{
	loop_stop(context);
}

static void
clients_that_leave_early_cost_nobody_a_connection(void)
{
	struct loop *loop = loop_create();
	struct loop_timer *timer = loop_timer_create(loop, on_time, loop);
	struct scratch scratch;
	struct asking asking;
	const char *path;
	pid_t child;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "socket");
	child = peer_serve(path);
	asking_init(&asking, loop, path);
	asking_await(&asking);
	for (int i = 0; i < VISITORS; i++)
		look_in(path);
	loop_timer_start(timer, VISIT_MS);
	loop_run(loop);
	CU_ASSERT_EQUAL(asking.ready, 1);
	CU_ASSERT_EQUAL(asking.lost, 0);
	ipc_client_send(asking.client, IPC_WRITE, slice_of_string("hello"));
	asking_await(&asking);
	CU_ASSERT_EQUAL(asking.replies, 1);
	asking_deinit(&asking);
	peer_kill(child);
	loop_timer_close(timer);
	loop_close(loop);
	scratch_deinit(&scratch);
}

static void
clients_that_vanish_while_they_connect_lock_nobody_out(void)
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
	CU_ASSERT_EQUAL(asking.ready, 1);
	asking_deinit(&asking);
	for (int i = 0; i < KNOCKS; i++)
		knock(path);
	asking_init(&asking, loop, path);
	asking_await(&asking);
	CU_ASSERT_EQUAL(asking.ready, 1);
	asking_deinit(&asking);
	peer_kill(child);
	loop_close(loop);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(client_may_close_at_any_moment),
	    SUITE_CASE(server_may_close_at_any_moment),
	    SUITE_CASE(clients_that_leave_early_cost_nobody_a_connection),
	    SUITE_CASE(clients_that_vanish_while_they_connect_lock_nobody_out),
	};

	if (argc == 4 && strcmp(argv[1], "--leave") == 0)
		return leave(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 4)
		return answering_serve(argv[2],
		    strcmp(argv[1], "--retreat") == 0,
		    strtoul(argv[3], NULL, 10));
	return suite_run("ipc_close", cases, SUITE_COUNT(cases), argc, argv);
}
