#include "frontend/client/connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/os/clock.h"

#define ENDPOINT_BYTES_MAX 300
#define RECEIVE_BYTES (64u << 10)

struct connection {
	int fd;
	char endpoint[ENDPOINT_BYTES_MAX];
};

/* Splits an endpoint; `host` is empty where none is given. */
static enum status
split(const char *endpoint, char host[ENDPOINT_BYTES_MAX],
    char port[ENDPOINT_BYTES_MAX], struct error *err)
{
	const char *colon = strrchr(endpoint, ':');
	size_t size = colon != NULL ? (size_t)(colon - endpoint) : 0;
	const char *start = endpoint;

	if (colon == NULL || colon[1] == '\0' ||
	    strlen(endpoint) >= ENDPOINT_BYTES_MAX)
		return error_set(err, STATUS_INVALID,
		    "endpoint \"%.200s\": not of the form host:port", endpoint);
	if (size >= 2 && start[0] == '[' && start[size - 1] == ']') {
		start++;
		size -= 2;
	}
	memcpy(host, start, size);
	host[size] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return STATUS_OK;
}

/* Waits for `events`; the ones that came, 0 at the deadline. */
static int
wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	for (;;) {
		uint64_t now_ns = clock_monotonic_ns(&clock_system);
		uint64_t left_ns =
		    deadline_ns > now_ns ? deadline_ns - now_ns : 0;
		/* Rounded up, or the last millisecond would be spun away. */
		uint64_t left_ms = (left_ns + 999999) / 1000000;
		int count =
		    poll(&poll_fd, 1, left_ms > 60000 ? 60000 : (int)left_ms);

		if (count > 0)
			return poll_fd.revents;
		if (count < 0 && errno != EINTR)
			return POLLERR;
		if (left_ns == 0)
			return 0;
	}
}

/* Connects a new socket to one address; -1 and errno if that fails. */
static int
connect_to(const struct addrinfo *address, uint64_t deadline_ns)
{
	int fd = socket(
	    address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;
	socklen_t size = sizeof(error);
	int one = 1;

	if (fd < 0)
		return -1;
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
		error = errno;
		if (error == EINPROGRESS) {
			if (wait_for(fd, POLLOUT, deadline_ns) == 0)
				error = ETIMEDOUT;
			else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error,
				     &size) != 0)
				error = errno;
		}
	}
	if (error != 0) {
		close(fd);
		errno = error;
		return -1;
	}
	/* Requests are whole when they are sent; waiting gains nothing. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

enum status
connection_open(const char *endpoint, uint64_t timeout_ms,
    struct connection **out, struct error *err)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	uint64_t deadline_ns =
	    clock_monotonic_ns(&clock_system) + timeout_ms * 1000000;
	struct addrinfo *addresses;
	char host[ENDPOINT_BYTES_MAX];
	char port[ENDPOINT_BYTES_MAX];
	enum status status;
	int failed;
	int fd = -1;

	*out = NULL;
	status = split(endpoint, host, port, err);
	if (status != STATUS_OK)
		return status;
	failed = getaddrinfo(
	    host[0] != '\0' ? host : NULL, port, &hints, &addresses);
	if (failed != 0)
		return error_set(err,
		    failed == EAI_SERVICE ? STATUS_INVALID : STATUS_UNAVAILABLE,
		    "endpoint %s: %s", endpoint, gai_strerror(failed));
	for (struct addrinfo *at = addresses; at != NULL && fd < 0;
	     at = at->ai_next)
		fd = connect_to(at, deadline_ns);
	failed = errno;
	freeaddrinfo(addresses);
	if (fd < 0)
		return error_set(err, STATUS_UNAVAILABLE,
		    "cannot connect to %s: %s", endpoint, strerror(failed));
	*out = mem_new(sizeof(**out));
	(*out)->fd = fd;
	snprintf((*out)->endpoint, sizeof((*out)->endpoint), "%s", endpoint);
	return STATUS_OK;
}

void
connection_close(struct connection *connection)
{
	if (connection == NULL)
		return;
	close(connection->fd);
	mem_free(connection);
}

static enum status
lost(const struct connection *connection, const char *why, struct error *err)
{
	return error_set(err, STATUS_UNAVAILABLE, "connection to %s: %s",
	    connection->endpoint, why);
}

enum status
connection_move(struct connection *connection, struct buffer *output,
    struct buffer *input, uint64_t deadline_ns, struct error *err)
{
	bool has_output = buffer_size(output) > 0;
	int events = wait_for(connection->fd,
	    (short)(has_output ? POLLIN | POLLOUT : POLLIN), deadline_ns);
	ssize_t size;

	if (events == 0)
		return error_set(err, STATUS_TIMEOUT,
		    "connection to %s: nothing came in time",
		    connection->endpoint);
	/* Received first: a server that refuses says why before it closes. */
	if (events & (POLLIN | POLLHUP | POLLERR)) {
		size = recv(connection->fd,
		    buffer_reserve(input, RECEIVE_BYTES), RECEIVE_BYTES, 0);
		if (size == 0)
			return lost(connection, "closed by the server", err);
		if (size > 0) {
			buffer_commit(input, (size_t)size);
			return STATUS_OK;
		}
		if (errno != EAGAIN && errno != EINTR)
			return lost(connection, strerror(errno), err);
	}
	if (has_output && (events & POLLOUT)) {
		size = send(connection->fd, output->data + output->start,
		    buffer_size(output), MSG_NOSIGNAL);
		if (size > 0)
			buffer_consume(output, (size_t)size);
		else if (errno != EAGAIN && errno != EINTR)
			return lost(connection, strerror(errno), err);
	}
	return STATUS_OK;
}
