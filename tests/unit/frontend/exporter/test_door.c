#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/loop/loop.h"
#include "common/os/clock.h"
#include "frontend/exporter/door.h"
#include "frontend/exporter/node_probe.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define PATIENCE_MS 10000
#define REQUEST_MS 200

/* A door of a node without workers, and one client at a time. */
struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct node_probe *probe;
	struct door *door;
	struct loop_timer *patience;
	struct loop_timer *tick;
	struct loop_timer *time;
	struct sockaddr_in address;
	int listen_fd;
	int client; /* its socket */
	struct loop_watch *watch;
	struct buffer received;
	size_t wanted_bytes; /* stop when there are so many; 0: at the end */
	bool has_drained;
};

static void
on_impatience(void *context)
{
	struct fixture *fixture = context;

	CU_FAIL("nothing came");
	loop_stop(fixture->loop);
}

static void
on_tick(void *context)
{
	struct fixture *fixture = context;

	door_tick(fixture->door);
	loop_timer_start(fixture->tick, 10);
}

static void
on_time(void *context)
{
	struct fixture *fixture = context;

	loop_stop(fixture->loop);
}

static void
on_drained(void *context)
{
	struct fixture *fixture = context;

	CU_ASSERT_FALSE(fixture->has_drained);
	fixture->has_drained = true;
	loop_stop(fixture->loop);
}

static void
listen_somewhere(struct fixture *fixture)
{
	socklen_t size = sizeof(fixture->address);

	fixture->listen_fd =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	fixture->address = (struct sockaddr_in){.sin_family = AF_INET};
	CHECK(bind(fixture->listen_fd, (struct sockaddr *)&fixture->address,
		  size) == 0);
	CHECK(listen(fixture->listen_fd, 16) == 0);
	CHECK(getsockname(fixture->listen_fd,
		  (struct sockaddr *)&fixture->address, &size) == 0);
	fixture->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void
fixture_init_with(
    struct fixture *fixture, unsigned connections_max, bool is_open_to_all)
{
	struct node_probe_options probe = {.node_id = "a",
	    .store_id = "0",
	    .clock = &clock_system,
	    .server_pid = (uint32_t)getpid()};
	struct door_options door;
	struct error err;

	memset(fixture, 0, sizeof(*fixture));
	scratch_init(&fixture->scratch);
	probe.runtime_directory = fixture->scratch.path;
	probe.data_directory = fixture->scratch.path;
	fixture->client = -1;
	fixture->loop = loop_create();
	listen_somewhere(fixture);
	ASSERT_OK(node_probe_open(&probe, &fixture->probe, &err), &err);
	door = (struct door_options){.loop = fixture->loop,
	    .probe = fixture->probe,
	    .clock = &clock_system,
	    .listen_fd = fixture->listen_fd,
	    .connections_max = connections_max,
	    .idle_ms = REQUEST_MS,
	    .request_ms = REQUEST_MS,
	    .is_open_to_all = is_open_to_all,
	    .on_drained = on_drained,
	    .context = fixture};
	fixture->door = door_open(&door);
	fixture->patience =
	    loop_timer_create(fixture->loop, on_impatience, fixture);
	fixture->time = loop_timer_create(fixture->loop, on_time, fixture);
	fixture->tick = loop_timer_create(fixture->loop, on_tick, fixture);
	loop_timer_start(fixture->tick, 10);
}

static void
fixture_init(struct fixture *fixture)
{
	fixture_init_with(fixture, 100, false);
}

static void
hang_up(struct fixture *fixture)
{
	loop_watch_close(fixture->watch);
	fixture->watch = NULL;
	if (fixture->client >= 0)
		close(fixture->client);
	fixture->client = -1;
	buffer_clear(&fixture->received, 0);
}

static void
fixture_deinit(struct fixture *fixture)
{
	hang_up(fixture);
	door_close(fixture->door);
	node_probe_close(fixture->probe);
	loop_timer_close(fixture->patience);
	loop_timer_close(fixture->tick);
	loop_timer_close(fixture->time);
	loop_close(fixture->loop);
	close(fixture->listen_fd);
	buffer_deinit(&fixture->received);
	scratch_deinit(&fixture->scratch);
}

static void
on_received(void *context, unsigned ready)
{
	struct fixture *fixture = context;
	struct buffer *received = &fixture->received;
	ssize_t size =
	    recv(fixture->client, buffer_reserve(received, 65536), 65536, 0);

	if (size > 0)
		buffer_commit(received, (size_t)size);
	if (size == 0 || (size < 0 && errno != EAGAIN) ||
	    (fixture->wanted_bytes != 0 &&
		buffer_size(received) >= fixture->wanted_bytes))
		loop_stop(fixture->loop);
}

static void
dial(struct fixture *fixture)
{
	hang_up(fixture);
	fixture->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(fixture->client, (struct sockaddr *)&fixture->address,
		  sizeof(fixture->address)) == 0);
	fixture->watch = loop_watch_create(
	    fixture->loop, fixture->client, on_received, fixture);
	loop_watch_set(fixture->watch, LOOP_READ);
}

/* Turns until the client has so many bytes, or the connection's end. */
static void
wait_for(struct fixture *fixture, size_t wanted_bytes)
{
	fixture->wanted_bytes = wanted_bytes;
	loop_timer_start(fixture->patience, PATIENCE_MS);
	loop_run(fixture->loop);
	loop_timer_stop(fixture->patience);
}

static void
turn_for(struct fixture *fixture, uint64_t ms)
{
	loop_timer_start(fixture->time, ms);
	loop_run(fixture->loop);
}

static void
say(struct fixture *fixture, const char *text)
{
	CHECK(send(fixture->client, text, strlen(text), MSG_NOSIGNAL) ==
	    (ssize_t)strlen(text));
}

/* Sends on a connection of its own and receives all of the answer. */
static void
exchange(struct fixture *fixture, const char *text)
{
	dial(fixture);
	say(fixture, text);
	wait_for(fixture, 0);
}

static bool
received_has(const struct fixture *fixture, const char *part)
{
	struct slice text = buffer_slice(&fixture->received);

	return text.size > 0 &&
	    memmem(text.data, text.size, part, strlen(part)) != NULL;
}

static void
expect(struct fixture *fixture, const char *start, const char *part)
{
	struct slice text = buffer_slice(&fixture->received);

	if (!slice_starts_with(text, slice_of_string(start)) ||
	    !received_has(fixture, part)) {
		fprintf(stderr, "wanted %s ... %s, got:\n%.*s\n", start, part,
		    (int)text.size, (const char *)text.data);
		CU_FAIL("another answer");
	}
}

static size_t
count(const struct fixture *fixture, const char *part)
{
	struct slice text = buffer_slice(&fixture->received);
	size_t found = 0;

	for (size_t i = 0; i + strlen(part) <= text.size; i++)
		if (memcmp(text.data + i, part, strlen(part)) == 0)
			found++;
	return found;
}

#define CLOSE "Host: a\r\nConnection: close\r\n\r\n"

static void
each_page_has_its_status_and_type(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	exchange(&fixture, "GET /metrics HTTP/1.1\r\n" CLOSE);
	expect(&fixture, "HTTP/1.1 200 OK\r\n", "\nkvstore_up 0\n");
	CU_ASSERT_TRUE(received_has(&fixture,
	    "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	CU_ASSERT_TRUE(received_has(&fixture, "\r\nConnection: close\r\n"));
	CU_ASSERT_TRUE(
	    received_has(&fixture, "\r\nCache-Control: no-store\r\n"));
	exchange(&fixture, "GET /livez HTTP/1.1\r\n" CLOSE);
	expect(&fixture, "HTTP/1.1 200 OK\r\n", "\r\n\r\nalive\n");
	exchange(&fixture, "GET /readyz?verbose HTTP/1.1\r\n" CLOSE);
	expect(&fixture, "HTTP/1.1 503 Service Unavailable\r\n",
	    "\r\n\r\nnot ready\n[-] reads: ");
	exchange(&fixture, "GET / HTTP/1.1\r\n" CLOSE);
	expect(&fixture, "HTTP/1.1 200 OK\r\n", "</html>\n");
	CU_ASSERT_EQUAL(door_request_count(fixture.door), 4);
	fixture_deinit(&fixture);
}

static void
other_paths_and_methods_are_answered_with_a_problem(void)
{
	static const struct {
		const char *request;
		const char *start;
		const char *part;
	} cases[] = {
	    {"GET /metric HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 Not Found\r\n",
		"there are /, /metrics, /livez and /readyz"},
	    {"GET /metrics/ HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 Not Found\r\n",
		"application/problem+json"},
	    {"PUT /metrics HTTP/1.1\r\n" CLOSE,
		"HTTP/1.1 405 Method Not Allowed\r\n",
		"\r\nAllow: GET, HEAD\r\n"},
	    {"DELETE / HTTP/1.1\r\n" CLOSE,
		"HTTP/1.1 405 Method Not Allowed\r\n", "\"status\":405"},
	    {"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 400 Bad Request\r\n", "\r\nConnection: close\r\n"},
	    {"\x00\x01\x02\r\n\r\n", "HTTP/1.1 ", "application/problem+json"},
	};
	struct fixture fixture;

	fixture_init(&fixture);
	for (size_t i = 0; i < SUITE_COUNT(cases); i++) {
		dial(&fixture);
		/* The last one begins with a NUL. */
		CHECK(
		    send(fixture.client, cases[i].request,
			cases[i].request[0] == '\0' ? 7
						    : strlen(cases[i].request),
			0) > 0);
		wait_for(&fixture, 0);
		expect(&fixture, cases[i].start, cases[i].part);
	}
	fixture_deinit(&fixture);
}

static void
head_is_answered_without_the_body(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	exchange(&fixture, "HEAD /metrics HTTP/1.1\r\n" CLOSE);
	expect(&fixture, "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: ");
	CU_ASSERT_FALSE(received_has(&fixture, "\r\nContent-Length: 0\r\n"));
	CU_ASSERT_FALSE(received_has(&fixture, "kvstore"));
	fixture_deinit(&fixture);
}

static void
connection_serves_many_requests_also_at_once(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	exchange(&fixture,
	    "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
	    "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /livez HTTP/1.0\r\n\r\n");
	CU_ASSERT_EQUAL(count(&fixture, "HTTP/1.1 200 OK\r\n"), 4);
	CU_ASSERT_EQUAL(count(&fixture, "HTTP/1.1 404 Not Found\r\n"), 1);
	CU_ASSERT_EQUAL(count(&fixture, "Connection: close\r\n"), 1);
	fixture_deinit(&fixture);
}

static void
request_may_come_in_any_pieces(void)
{
	static const char text[] = "GET /livez HTTP/1.1\r\n" CLOSE;
	struct fixture fixture;

	fixture_init(&fixture);
	for (size_t i = 1; i + 1 < sizeof(text) - 1; i += 7) {
		dial(&fixture);
		CHECK(send(fixture.client, text, i, 0) == (ssize_t)i);
		turn_for(&fixture, 2);
		say(&fixture, text + i);
		wait_for(&fixture, 0);
		expect(&fixture, "HTTP/1.1 200 OK\r\n", "alive\n");
	}
	fixture_deinit(&fixture);
}

static void
request_that_comes_too_slowly_is_told_so(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	exchange(&fixture, "GET /metrics HTTP/1.1\r\nHost");
	expect(&fixture, "HTTP/1.1 408 Request Timeout\r\n", "too long");
	fixture_deinit(&fixture);
}

static void
silence_between_requests_ends_the_connection(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	exchange(&fixture, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(&fixture, "HTTP/1.1 200 OK\r\n", "alive\n");
	CU_ASSERT_EQUAL(count(&fixture, "HTTP/1.1"), 1);
	exchange(&fixture, "");
	CU_ASSERT_EQUAL(buffer_size(&fixture.received), 0);
	fixture_deinit(&fixture);
}

static void
head_over_the_limit_is_refused(void)
{
	struct fixture fixture;
	struct buffer request = {0};

	fixture_init(&fixture);
	buffer_printf(&request, "GET /metrics HTTP/1.1\r\nX: ");
	memset(buffer_reserve(&request, 40000), 'x', 40000);
	buffer_commit(&request, 40000);
	buffer_append(&request, "\r\n\r\n", 5);
	exchange(&fixture, (char *)request.data + request.start);
	expect(&fixture, "HTTP/1.1 431 ", "32768");
	buffer_deinit(&request);
	fixture_deinit(&fixture);
}

static void
connections_over_the_limit_are_told_so(void)
{
	struct fixture fixture;
	int first;

	fixture_init_with(&fixture, 1, false);
	dial(&fixture);
	say(&fixture, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
	wait_for(&fixture, 1);
	first = dup(fixture.client);
	exchange(&fixture, "");
	expect(&fixture, "HTTP/1.1 503 ", "too many connections");
	close(first);
	fixture_deinit(&fixture);
}

/* An address of this machine that is none of the loopback's; or false. */
static bool
find_public_address(struct in_addr *out)
{
	struct ifaddrs *all;
	bool found = false;

	CHECK(getifaddrs(&all) == 0);
	for (struct ifaddrs *one = all; one != NULL && !found;
	     one = one->ifa_next) {
		struct sockaddr_in *address =
		    (struct sockaddr_in *)one->ifa_addr;

		if (address == NULL || address->sin_family != AF_INET ||
		    ntohl(address->sin_addr.s_addr) >> 24 == 127)
			continue;
		*out = address->sin_addr;
		found = true;
	}
	freeifaddrs(all);
	return found;
}

static void
other_hosts_are_refused_until_they_are_let_in(void)
{
	struct fixture fixture;
	struct in_addr address;

	if (!find_public_address(&address))
		return; /* nothing to come from */
	fixture_init(&fixture);
	fixture.address.sin_addr = address;
	exchange(&fixture, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(&fixture, "HTTP/1.1 403 Forbidden\r\n", "access: open");
	fixture_deinit(&fixture);
	fixture_init_with(&fixture, 100, true);
	fixture.address.sin_addr = address;
	exchange(&fixture, "GET /metrics HTTP/1.1\r\n" CLOSE);
	expect(&fixture, "HTTP/1.1 200 OK\r\n", "kvstore_up");
	fixture_deinit(&fixture);
}

static void
draining_ends_every_connection_and_says_when(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	dial(&fixture);
	say(&fixture, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
	wait_for(&fixture, 1);
	door_drain(fixture.door);
	CU_ASSERT_FALSE(fixture.has_drained);
	wait_for(&fixture, 0);
	hang_up(&fixture);
	if (!fixture.has_drained)
		wait_for(&fixture, 0);
	CU_ASSERT_TRUE(fixture.has_drained);
	fixture_deinit(&fixture);
	fixture_init(&fixture);
	door_drain(fixture.door);
	wait_for(&fixture, 0);
	CU_ASSERT_TRUE(fixture.has_drained);
	fixture_deinit(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(each_page_has_its_status_and_type),
	    SUITE_CASE(other_paths_and_methods_are_answered_with_a_problem),
	    SUITE_CASE(head_is_answered_without_the_body),
	    SUITE_CASE(connection_serves_many_requests_also_at_once),
	    SUITE_CASE(request_may_come_in_any_pieces),
	    SUITE_CASE(request_that_comes_too_slowly_is_told_so),
	    SUITE_CASE(silence_between_requests_ends_the_connection),
	    SUITE_CASE(head_over_the_limit_is_refused),
	    SUITE_CASE(connections_over_the_limit_are_told_so),
	    SUITE_CASE(other_hosts_are_refused_until_they_are_let_in),
	    SUITE_CASE(draining_ends_every_connection_and_says_when),
	};

	return suite_run("door", cases, SUITE_COUNT(cases), argc, argv);
}
