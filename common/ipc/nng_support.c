#include "common/ipc/nng_support.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/ipc/ipc_client.h"

/* What the library puts in front of a message, and counts in its limit. */
#define LIBRARY_HEADER_BYTES 64

#define SCHEME "ipc://"

enum status
nng_support_url(
    char url[NNG_SUPPORT_URL_BYTES], const char *path, struct error *err)
{
	if (strlen(path) > IPC_PATH_BYTES_MAX)
		return error_set(err, STATUS_INVALID,
		    "socket path of %zu bytes, at most %d are possible: %s",
		    strlen(path), IPC_PATH_BYTES_MAX, path);
	snprintf(url, NNG_SUPPORT_URL_BYTES, SCHEME "%s", path);
	return STATUS_OK;
}

enum status
nng_support_result(int result, const char *what, struct error *err)
{
	if (result == 0)
		return STATUS_OK;
	return error_set(err,
	    result == NNG_EADDRINUSE ? STATUS_BUSY : STATUS_IO, "%s: %s", what,
	    nng_strerror(result));
}

enum status
nng_support_prepare(nng_socket socket, struct error *err)
{
	/* Without a limit a peer's length field decides what is allocated. */
	return nng_support_result(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ,
				      IPC_HEADER_BYTES + IPC_PAYLOAD_BYTES_MAX +
					  LIBRARY_HEADER_BYTES),
	    "limit messages", err);
}

int
nng_support_knock(const char *url)
{
	/* What a requester says first, by the specification of SP over IPC. */
	static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	memcpy(address.sun_path, url + strlen(SCHEME),
	    strlen(url) - strlen(SCHEME));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) ==
		(ssize_t)sizeof(greeting))
		return fd;
	close(fd);
	return -1;
}

nng_msg *
nng_support_message(
    enum ipc_type type, enum status status, struct slice payload)
{
	nng_msg *message;
	uint8_t *body;

	/*
	 * Allocated whole: a message that grows by appending copies itself
	 * each time.
	 */
	CHECK(nng_msg_alloc(&message, IPC_HEADER_BYTES + payload.size) == 0);
	body = nng_msg_body(message);
	ipc_header_encode(body, type, status, payload.size);
	if (payload.size > 0)
		memcpy(body + IPC_HEADER_BYTES, payload.data, payload.size);
	return message;
}

struct slice
nng_support_bytes(nng_msg *message)
{
	return slice_of(nng_msg_body(message), nng_msg_len(message));
}
