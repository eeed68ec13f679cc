#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/net/stream.h"
#include "tests/support/suite.h"

#define CONNECTIONS 2000

/* A server that sends back whatever comes. */
struct server {
	struct loop *loop;
	struct net *net;
	struct listener *listener;
	struct loop_timer *timer;
	int fd;
	struct sockaddr_in address;
	unsigned accepted;
	unsigned closed;
	size_t received_bytes;
	bool last_is_public;
};

static void
on_data(struct stream *stream, void *context)
{
	struct server *server = context;
	struct slice input = stream_input(stream);

	server->received_bytes += input.size;
	buffer_append_slice(stream_output(stream), input);
	stream_consume(stream, input.size);
}

static void
on_closed(struct stream *stream, void *context, enum stream_end why)
{
	struct server *server = context;

	server->closed++;
}

static void *
on_accept(struct stream *stream, void *context)
{
	struct server *server = context;

	server->accepted++;
	server->last_is_public = stream_is_public(stream);
	return server;
}

static void
on_time(void *context)
{
	struct server *server = context;

	loop_stop(server->loop);
}

static void
server_init(struct server *server, unsigned connections_max)
{
	static const struct stream_handlers handlers = {
	    on_data, NULL, on_closed, NULL};
	struct net_options options = {
	    .connections_max = connections_max,
	    .input_bytes_max = 65536,
	    .output_bytes_high = 65536,
	    .stall_ms = 1000,
	};
	struct listener_options listening = {.on_accept = on_accept,
	    .context = server,
	    .handlers = &handlers,
	    .refusal = slice_of_string("full\n")};
	socklen_t size = sizeof(server->address);

	*server = (struct server){.loop = loop_create()};
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	server->address.sin_family = AF_INET;
	CHECK(bind(server->fd, (struct sockaddr *)&server->address, size) == 0);
	CHECK(listen(server->fd, 4096) == 0);
	CHECK(getsockname(
		  server->fd, (struct sockaddr *)&server->address, &size) == 0);
	server->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->net = net_create(server->loop, &options);
	server->listener = listener_open(server->net, server->fd, &listening);
	server->timer = loop_timer_create(server->loop, on_time, server);
}

static void
server_deinit(struct server *server)
{
	listener_close(server->listener);
	net_close(server->net);
	CU_ASSERT_EQUAL(server->closed, server->accepted);
	loop_timer_close(server->timer);
	loop_close(server->loop);
	close(server->fd);
}

static void
turn_for(struct server *server, uint64_t ms)
{
	loop_timer_start(server->timer, ms);
	loop_run(server->loop);
}

static int
dial(const struct server *server)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -1;
	CHECK(connect(fd, (const struct sockaddr *)&server->address,
		  sizeof(server->address)) == 0);
	return fd;
}

/* The kernel's backlog may be shorter than ours: accept in between. */
static void
thousands_of_connections_are_served(void)
{
	struct rlimit limit;
	struct server server;
	unsigned count = CONNECTIONS;
	int *fds;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur < 2 * CONNECTIONS + 50)
		count = (unsigned)(limit.rlim_cur / 2 - 50);
	fds = mem_new_array(count, sizeof(*fds));
	server_init(&server, count);
	for (unsigned i = 0; i < count; i++) {
		fds[i] = dial(&server);
		CHECK(send(fds[i], &i, sizeof(i), 0) == sizeof(i));
		if (i % 100 == 99)
			turn_for(&server, 0);
	}
	for (int i = 0;
	     i < 10000 && server.received_bytes < count * sizeof(unsigned); i++)
		turn_for(&server, 1);
	CU_ASSERT_EQUAL(server.accepted, count);
	CU_ASSERT_EQUAL(net_stream_count(server.net), count);
	for (unsigned i = 0; i < count; i++) {
		unsigned back = ~0u;

		CU_ASSERT_EQUAL(recv(fds[i], &back, sizeof(back), MSG_DONTWAIT),
		    sizeof(back));
		CU_ASSERT_EQUAL(back, i);
		if (i % 2 == 0)
			close(fds[i]);
	}
	for (int i = 0; i < 10000 && net_stream_count(server.net) > count / 2;
	     i++)
		turn_for(&server, 1);
	CU_ASSERT_EQUAL(net_stream_count(server.net), count / 2);
	for (unsigned i = 1; i < count; i += 2)
		close(fds[i]);
	server_deinit(&server);
	mem_free(fds);
}

static void
connection_over_the_limit_is_told_so(void)
{
	struct server server;
	char text[16] = "";
	int fds[4];

	server_init(&server, 3);
	for (int i = 0; i < 4; i++)
		fds[i] = dial(&server);
	turn_for(&server, 5);
	CU_ASSERT_EQUAL(server.accepted, 3);
	CU_ASSERT_EQUAL(net_refused_count(server.net), 1);
	CU_ASSERT_EQUAL(recv(fds[3], text, sizeof(text) - 1, 0), 5);
	CU_ASSERT_STRING_EQUAL(text, "full\n");
	CU_ASSERT_EQUAL(recv(fds[3], text, sizeof(text), 0), 0);
	close(fds[0]);
	close(fds[3]);
	turn_for(&server, 5);
	fds[0] = dial(&server);
	turn_for(&server, 5);
	CU_ASSERT_EQUAL(server.accepted, 4);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	server_deinit(&server);
}

static void
connections_wait_while_descriptors_are_exhausted(void)
{
	struct rlimit limit;
	struct rlimit low;
	struct server server;
	int fd;

	server_init(&server, 100);
	fd = dial(&server);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	low = limit;
	low.rlim_cur = (rlim_t)fd + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
	turn_for(&server, 30);
	CU_ASSERT_EQUAL(server.accepted, 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	turn_for(&server, 150);
	CU_ASSERT_EQUAL(server.accepted, 1);
	close(fd);
	server_deinit(&server);
}

static void
only_loopback_is_not_public(void)
{
	struct server server;
	struct ifaddrs *all;
	int fd;

	server_init(&server, 10);
	fd = dial(&server);
	turn_for(&server, 5);
	CU_ASSERT_FALSE(server.last_is_public);
	close(fd);
	/* A machine that has another address reaches itself by it. */
	CHECK(getifaddrs(&all) == 0);
	for (struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
		struct sockaddr_in *address =
		    (struct sockaddr_in *)one->ifa_addr;

		if (address == NULL || address->sin_family != AF_INET ||
		    ntohl(address->sin_addr.s_addr) >> 24 == 127)
			continue;
		server.address.sin_addr = address->sin_addr;
		fd = dial(&server);
		turn_for(&server, 5);
		CU_ASSERT_TRUE(server.last_is_public);
		close(fd);
		break;
	}
	freeifaddrs(all);
	server_deinit(&server);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(thousands_of_connections_are_served),
	    SUITE_CASE(connection_over_the_limit_is_told_so),
	    SUITE_CASE(connections_wait_while_descriptors_are_exhausted),
	    SUITE_CASE(only_loopback_is_not_public),
	};

	return suite_run("listener", cases, SUITE_COUNT(cases), argc, argv);
}
