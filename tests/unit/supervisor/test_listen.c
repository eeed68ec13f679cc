#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/listen.h"
#include "tests/support/suite.h"

static void
open_at(const char *text, int *fd)
{
	struct address address;
	struct error err;

	ASSERT_OK(value_parse_address(text, &address, &err), &err);
	ASSERT_OK(listen_open(&address, "-x", fd, &err), &err);
}

static void
free_port_is_named_and_accepts_connections(void)
{
	char name[LISTEN_TEXT_BYTES_MAX];
	struct sockaddr_storage where;
	socklen_t size = sizeof(where);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int fd;

	open_at("127.0.0.1:0", &fd);
	listen_name(fd, name);
	CU_ASSERT_EQUAL(strncmp(name, "127.0.0.1:", 10), 0);
	CU_ASSERT_STRING_NOT_EQUAL(name, "127.0.0.1:0");
	CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&where, &size), 0);
	CU_ASSERT_EQUAL(connect(client, (struct sockaddr *)&where, size), 0);
	close(client);
	close(fd);
}

static void
host_name_and_wildcard_are_listened_on(void)
{
	char name[LISTEN_TEXT_BYTES_MAX];
	int fd;

	open_at("localhost:0", &fd);
	close(fd);
	open_at(":0", &fd);
	listen_name(fd, name);
	CU_ASSERT_TRUE(strncmp(name, "[::]:", 5) == 0 ||
	    strncmp(name, "0.0.0.0:", 8) == 0);
	close(fd);
}

static void
port_in_use_is_named_with_its_flag(void)
{
	char name[LISTEN_TEXT_BYTES_MAX];
	char expected[80];
	struct address address;
	struct error err;
	int first;
	int second;

	open_at("127.0.0.1:0", &first);
	listen_name(first, name);
	ASSERT_OK(value_parse_address(name, &address, &err), &err);
	CU_ASSERT_EQUAL(listen_open(&address, "-tcp-addr", &second, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(second, -1);
	snprintf(expected, sizeof(expected),
	    "-tcp-addr: port %u is in use by another program", address.port);
	CU_ASSERT_EQUAL(strncmp(err.text, expected, strlen(expected)), 0);
	close(first);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(free_port_is_named_and_accepts_connections),
	    SUITE_CASE(host_name_and_wildcard_are_listened_on),
	    SUITE_CASE(port_in_use_is_named_with_its_flag),
	};

	return suite_run("listen", cases, SUITE_COUNT(cases), argc, argv);
}
