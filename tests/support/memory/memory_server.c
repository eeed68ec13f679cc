#include "tests/support/memory/memory_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/support/memory/memory_door.h"

#define PEERS_MAX 16

struct peer {
	int fd; /* -1: free */
	struct memory_door *door;
};

struct memory_server {
	struct memory_store *store;
	char endpoint[32];
	int listen_fd;
	int stop_fd;
	atomic_int mode;
	pthread_t thread;
	struct peer peers[PEERS_MAX]; /* the thread's */
};

static void
hang_up(struct peer *peer)
{
	close(peer->fd);
	memory_door_close(peer->door);
	peer->fd = -1;
}

static void
greet(struct memory_server *server)
{
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < PEERS_MAX; i++) {
		if (server->peers[i].fd >= 0)
			continue;
		server->peers[i].fd = fd;
		server->peers[i].door = memory_door_create(server->store);
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* Sends all of it in pieces of `piece` bytes. */
static void
send_all(const struct peer *peer, struct slice bytes, size_t piece)
{
	while (bytes.size > 0) {
		size_t size = bytes.size < piece ? bytes.size : piece;
		ssize_t sent = send(peer->fd, bytes.data, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes.data += sent;
		bytes.size -= (size_t)sent;
	}
}

static void
serve(struct memory_server *server, struct peer *peer)
{
	static uint8_t bytes[1u << 16];
	ssize_t size = recv(peer->fd, bytes, sizeof(bytes), 0);
	struct buffer out = {0};
	int mode = atomic_load(&server->mode);
	bool goes_on = true;

	if (size <= 0 || mode == MEMORY_SERVER_HANGS_UP) {
		hang_up(peer);
		return;
	}
	if (mode == MEMORY_SERVER_DOUBTS)
		memory_door_fail_writes(peer->door, true);
	if (mode == MEMORY_SERVER_BABBLES)
		buffer_append(&out, "this is no reply", 16);
	else if (mode == MEMORY_SERVER_FULL)
		buffer_append(&out, "-ERR too many\r\n", 15);
	else if (mode != MEMORY_SERVER_SILENT)
		goes_on = memory_door_feed(
		    peer->door, slice_of(bytes, (size_t)size), &out);
	send_all(peer, buffer_slice(&out),
	    mode == MEMORY_SERVER_STUTTERS ? 1 : SIZE_MAX);
	buffer_deinit(&out);
	if (!goes_on)
		hang_up(peer);
}

static void *
run(void *context)
{
	struct memory_server *server = context;

	for (;;) {
		struct pollfd fds[2 + PEERS_MAX] = {
		    {.fd = server->stop_fd, .events = POLLIN},
		    {.fd = server->listen_fd, .events = POLLIN},
		};

		for (size_t i = 0; i < PEERS_MAX; i++)
			fds[2 + i] = (struct pollfd){
			    .fd = server->peers[i].fd, .events = POLLIN};
		if (poll(fds, 2 + PEERS_MAX, -1) < 0)
			continue;
		if (fds[0].revents != 0)
			return NULL;
		for (size_t i = 0; i < PEERS_MAX; i++)
			if (fds[2 + i].revents != 0)
				serve(server, &server->peers[i]);
		if (fds[1].revents != 0)
			greet(server);
	}
}

struct memory_server *
memory_server_start(struct memory_store *store)
{
	struct memory_server *server = mem_new(sizeof(*server));
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	server->store = store;
	for (size_t i = 0; i < PEERS_MAX; i++)
		server->peers[i].fd = -1;
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(server->listen_fd, (struct sockaddr *)&address,
		  sizeof(address)) == 0);
	CHECK(listen(server->listen_fd, 16) == 0);
	CHECK(getsockname(
		  server->listen_fd, (struct sockaddr *)&address, &size) == 0);
	snprintf(server->endpoint, sizeof(server->endpoint), "127.0.0.1:%u",
	    ntohs(address.sin_port));
	CHECK(pthread_create(&server->thread, NULL, run, server) == 0);
	return server;
}

const char *
memory_server_endpoint(const struct memory_server *server)
{
	return server->endpoint;
}

void
memory_server_set_mode(
    struct memory_server *server, enum memory_server_mode mode)
{
	atomic_store(&server->mode, mode);
}

void
memory_server_stop(struct memory_server *server)
{
	uint64_t one = 1;

	CHECK(write(server->stop_fd, &one, sizeof(one)) == sizeof(one));
	CHECK(pthread_join(server->thread, NULL) == 0);
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (server->peers[i].fd >= 0)
			hang_up(&server->peers[i]);
	close(server->listen_fd);
	close(server->stop_fd);
	mem_free(server);
}
