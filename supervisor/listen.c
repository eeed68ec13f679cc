#include "supervisor/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"

/* What connects while no worker accepts waits here; the kernel bounds it. */
#define BACKLOG 4096

/* -1 and errno on failure. */
static int
listen_on(const struct addrinfo *where)
{
	int fd = socket(where->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, where->ai_protocol);
	int yes = 1;
	int no = 0;
	int errnum;

	if (fd < 0)
		return -1;
	/* Connections of the last run that linger do not hold the port. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	    /* The wildcard of IPv6 takes IPv4 clients too. */
	    (where->ai_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) ==
		    0) &&
	    bind(fd, where->ai_addr, where->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	errnum = errno;
	close(fd);
	errno = errnum;
	return -1;
}

static enum status
listen_failed(const struct address *address, const char *flag, int errnum,
    struct error *err)
{
	unsigned other =
	    address->port >= 60000 ? address->port - 1u : address->port + 1u;

	if (errnum == EADDRINUSE)
		return error_set(err, STATUS_UNAVAILABLE,
		    "%s: port %u is in use by another program; stop that, or "
		    "choose another port, for instance %.60s:%u",
		    flag, address->port, address->host, other);
	if (errnum == EACCES || errnum == EPERM)
		return error_set(err, STATUS_CONFLICT,
		    "%s: this user may not listen on port %u; choose one from "
		    "1024 up, for instance %.60s:8080",
		    flag, address->port, address->host);
	if (errnum == EADDRNOTAVAIL)
		return error_set(err, STATUS_UNAVAILABLE,
		    "%s: this machine has no address %.60s; leave the host "
		    "out (:%u) to listen on all",
		    flag, address->host, address->port);
	error_set_errno(err, errnum, "%s: listen on %.60s:%u", flag,
	    address->host, address->port);
	err->code = STATUS_UNAVAILABLE;
	return err->code;
}

static enum status
resolve(const struct address *address, const char *flag, struct addrinfo **out,
    struct error *err)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	char port[8];
	int result;

	snprintf(port, sizeof(port), "%u", address->port);
	result = getaddrinfo(address->host, port, &hints, out);
	if (result == 0)
		return STATUS_OK;
	return error_set(err, STATUS_NOT_FOUND,
	    "%s: the host \"%.60s\" has no address (%s); write an IP address "
	    "or leave it out (:%u)",
	    flag, address->host, gai_strerror(result), address->port);
}

enum status
listen_open(
    const struct address *address, const char *flag, int *fd, struct error *err)
{
	struct sockaddr_in6 any6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(address->port)};
	struct sockaddr_in any4 = {
	    .sin_family = AF_INET, .sin_port = htons(address->port)};
	struct addrinfo wildcard4 = {.ai_family = AF_INET,
	    .ai_addr = (struct sockaddr *)&any4,
	    .ai_addrlen = sizeof(any4)};
	struct addrinfo wildcard6 = {.ai_family = AF_INET6,
	    .ai_addr = (struct sockaddr *)&any6,
	    .ai_addrlen = sizeof(any6),
	    .ai_next = &wildcard4};
	struct addrinfo *resolved = NULL;
	const struct addrinfo *candidate = &wildcard6;
	int errnum = 0;

	CHECK(!address->is_off);
	*fd = -1;
	if (address->host[0] != '\0') {
		if (resolve(address, flag, &resolved, err) != STATUS_OK)
			return err->code;
		candidate = resolved;
	}
	for (; candidate != NULL && *fd < 0; candidate = candidate->ai_next) {
		*fd = listen_on(candidate);
		errnum = errno;
		/* Without IPv6 in the kernel, IPv4 alone will do. */
		if (*fd < 0 && errnum != EAFNOSUPPORT &&
		    errnum != EADDRNOTAVAIL)
			break;
	}
	if (resolved != NULL)
		freeaddrinfo(resolved);
	if (*fd < 0)
		return listen_failed(address, flag, errnum, err);
	return STATUS_OK;
}

void
listen_name(int fd, char out[LISTEN_TEXT_BYTES_MAX])
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];

	CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	CHECK(getnameinfo((struct sockaddr *)&address, size, host, sizeof(host),
		  port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0);
	snprintf(out, LISTEN_TEXT_BYTES_MAX,
	    address.ss_family == AF_INET6 ? "[%.90s]:%s" : "%.90s:%s", host,
	    port);
}
