#include "frontend/kvctl/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/os/path.h"

#define DATA_DIR_DEFAULT "data"
#define RUNTIME_DIR_SYSTEM "/run/kvstore"
#define ANSWER_BYTES_MAX (1u << 20)
#define RECEIVE_BYTES 4096u

enum status
control_find_runtime(
    const char *data_dir, char path[PATH_BYTES_MAX], struct error *err)
{
	struct buffer note = {0};
	char note_path[PATH_BYTES_MAX];
	const char *directory = data_dir != NULL ? data_dir : DATA_DIR_DEFAULT;
	enum status status;

	if (strlen(directory) > PATH_BYTES_MAX / 2)
		return error_set(
		    err, STATUS_INVALID, "--data-dir: the path is too long");
	path_join(note_path, directory, "runtime");
	status = file_read_whole(
	    file_system_real(), note_path, PATH_BYTES_MAX / 2, &note, err);
	if (status == STATUS_OK) {
		buffer_append_byte(&note, '\0');
		note.data[strcspn((char *)note.data, "\n")] = '\0';
		snprintf(path, PATH_BYTES_MAX, "%s", (char *)note.data);
	} else if (status == STATUS_NOT_FOUND && data_dir == NULL) {
		snprintf(path, PATH_BYTES_MAX, "%s", RUNTIME_DIR_SYSTEM);
		status = STATUS_OK;
	} else if (status == STATUS_NOT_FOUND) {
		status = error_set(err, STATUS_UNAVAILABLE,
		    "no node has run in %s: there is no file %s", directory,
		    note_path);
	}
	buffer_deinit(&note);
	return status;
}

static enum status
connect_to_socket(const char *path, int *out, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, STATUS_INVALID,
		    "%s: too long for a UNIX socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int failed = errno;

		close(fd);
		if (failed == EACCES || failed == EPERM)
			return error_set(err, STATUS_INVALID,
			    "%s: only the node's own user may do that", path);
		return error_set(err, STATUS_UNAVAILABLE,
		    "no node answers at %s: %s (is it running? --data-dir "
		    "says which)",
		    path, strerror(failed));
	}
	*out = fd;
	return STATUS_OK;
}

/* Receives up to the end of the line, without it. */
static enum status
receive_line(
    int fd, uint64_t timeout_ms, struct buffer *answer, struct error *err)
{
	uint64_t end_ms = clock_monotonic_ms(&clock_system) + timeout_ms;
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	while (buffer_size(answer) < ANSWER_BYTES_MAX) {
		uint64_t now_ms = clock_monotonic_ms(&clock_system);
		uint64_t left_ms = end_ms > now_ms ? end_ms - now_ms : 0;
		ssize_t size;

		if (buffer_size(answer) > 0 &&
		    answer->data[answer->end - 1] == '\n') {
			answer->end--;
			return STATUS_OK;
		}
		if (poll(&poll_fd, 1, left_ms < 60000 ? (int)left_ms : 60000) ==
			0 &&
		    left_ms == 0)
			return error_set(err, STATUS_UNKNOWN,
			    "the supervisor did not answer in time");
		size = recv(fd, buffer_reserve(answer, RECEIVE_BYTES),
		    RECEIVE_BYTES, MSG_DONTWAIT);
		if (size > 0)
			buffer_commit(answer, (size_t)size);
		else if (size == 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return error_set(err, STATUS_UNKNOWN,
	    "the supervisor hung up in the middle of its answer");
}

enum status
control_ask(const struct control_options *options, const char *request,
    struct buffer *answer, struct error *err)
{
	char runtime[PATH_BYTES_MAX];
	char path[PATH_BYTES_MAX];
	struct buffer line = {0};
	enum status status =
	    control_find_runtime(options->data_dir, runtime, err);
	int fd = -1;

	if (status == STATUS_OK) {
		path_join(path, runtime, "control.sock");
		status = connect_to_socket(path, &fd, err);
	}
	if (status != STATUS_OK)
		return status;
	buffer_printf(&line, "%s\n", request);
	if (send(fd, line.data, line.end, MSG_NOSIGNAL) != (ssize_t)line.end)
		status = error_set(err, STATUS_UNAVAILABLE,
		    "the supervisor hung up: %s", strerror(errno));
	else
		status = receive_line(fd, options->timeout_ms, answer, err);
	buffer_deinit(&line);
	close(fd);
	return status;
}
