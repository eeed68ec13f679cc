#include "supervisor/control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define OUT_BYTES_MAX (1 << 20)

struct client {
	int fd; /* -1: a free place */
	uint64_t heard; /* when it last said something, in turns of polling */
	struct buffer in;
	struct buffer out;
};

struct control_socket {
	int fd;
	control_socket_on_request *on_request;
	void *context; /* borrowed */
	uint64_t turn;
	struct client clients[CONTROL_SOCKET_CLIENTS_MAX];
	/* Which client each polled descriptor behind the first belongs to. */
	struct client *polled[CONTROL_SOCKET_CLIENTS_MAX];
	size_t polled_count;
};

static void
client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	buffer_deinit(&client->in);
	buffer_deinit(&client->out);
}

enum status
control_socket_open(const char *path, control_socket_on_request *on_request,
    void *context, struct control_socket **out, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct control_socket *control = mem_new(sizeof(*control));

	*out = NULL;
	CHECK(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	control->on_request = on_request;
	control->context = context;
	for (size_t i = 0; i < CONTROL_SOCKET_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	(void)unlink(path);
	control->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* The group may use it too: operators are put in it. */
	if (control->fd < 0 ||
	    bind(control->fd, (struct sockaddr *)&address, sizeof(address)) !=
		0 ||
	    chmod(path, 0660) != 0 ||
	    listen(control->fd, CONTROL_SOCKET_CLIENTS_MAX) != 0) {
		error_set_errno(err, errno, "listen on %.150s", path);
		control_socket_close(control);
		return err->code;
	}
	*out = control;
	return STATUS_OK;
}

/* A free place; where there is none, that of who was silent longest. */
static struct client *
make_place(struct control_socket *control)
{
	struct client *oldest = &control->clients[0];

	for (size_t i = 0; i < CONTROL_SOCKET_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0)
			return client;
		if (client->heard < oldest->heard)
			oldest = client;
	}
	client_close(oldest);
	return oldest;
}

size_t
control_socket_prepare_poll(struct control_socket *control, struct pollfd *fds)
{
	size_t count = 0;

	fds[count++] = (struct pollfd){.fd = control->fd, .events = POLLIN};
	control->polled_count = 0;
	control->turn++;
	for (size_t i = 0; i < CONTROL_SOCKET_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0)
			continue;
		control->polled[control->polled_count++] = client;
		fds[count++] = (struct pollfd){.fd = client->fd,
		    .events = buffer_size(&client->out) > 0 ? POLLOUT : POLLIN};
	}
	return count;
}

/* Answers the requests that are complete; false if the client is to go. */
static bool
client_serve(struct control_socket *control, struct client *client)
{
	char line[CONTROL_SOCKET_LINE_BYTES_MAX + 1];

	for (;;) {
		struct slice in = buffer_slice(&client->in);
		const uint8_t *end =
		    in.size == 0 ? NULL : memchr(in.data, '\n', in.size);
		size_t size;

		if (end == NULL)
			return in.size <= CONTROL_SOCKET_LINE_BYTES_MAX;
		size = (size_t)(end - in.data);
		if (size > CONTROL_SOCKET_LINE_BYTES_MAX ||
		    memchr(in.data, '\0', size) != NULL ||
		    buffer_size(&client->out) > OUT_BYTES_MAX)
			return false;
		snprintf(
		    line, sizeof(line), "%.*s", (int)size, (char *)in.data);
		if (size > 0 && line[size - 1] == '\r')
			line[size - 1] = '\0';
		control->on_request(control->context, line, &client->out);
		buffer_append_byte(&client->out, '\n');
		buffer_consume(&client->in, size + 1);
	}
}

static bool
client_read(struct client *client)
{
	ssize_t got = recv(client->fd,
	    buffer_reserve(&client->in, CONTROL_SOCKET_LINE_BYTES_MAX),
	    CONTROL_SOCKET_LINE_BYTES_MAX, 0);

	if (got > 0)
		buffer_commit(&client->in, (size_t)got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
client_write(struct client *client)
{
	ssize_t sent;

	if (buffer_size(&client->out) == 0)
		return true;
	sent = send(client->fd, client->out.data + client->out.start,
	    buffer_size(&client->out), MSG_NOSIGNAL);
	if (sent > 0)
		buffer_consume(&client->out, (size_t)sent);
	return sent > 0 || (sent < 0 && (errno == EAGAIN || errno == EINTR));
}

static void
accept_client(struct control_socket *control)
{
	int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client;

	if (fd < 0)
		return;
	client = make_place(control);
	client->fd = fd;
	client->heard = control->turn;
}

void
control_socket_on_poll(struct control_socket *control, const struct pollfd *fds)
{
	for (size_t i = 0; i < control->polled_count; i++) {
		struct client *client = control->polled[i];
		short events = fds[1 + i].revents;

		if (events == 0)
			continue;
		client->heard = control->turn;
		if ((events & POLLIN) != 0 && !client_read(client)) {
			client_close(client);
			continue;
		}
		if ((events & (POLLERR | POLLNVAL)) != 0 || events == POLLHUP ||
		    !client_serve(control, client) || !client_write(client))
			client_close(client);
	}
	if (fds[0].revents != 0)
		accept_client(control);
}

void
control_socket_close(struct control_socket *control)
{
	if (control == NULL)
		return;
	for (size_t i = 0; i < CONTROL_SOCKET_CLIENTS_MAX; i++)
		client_close(&control->clients[i]);
	if (control->fd >= 0)
		close(control->fd);
	mem_free(control);
}
