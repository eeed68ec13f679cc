#include <stdio.h>

#include "frontend/client/client.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"
#include "tests/support/memory/memory_server.h"
#include "tests/support/memory/memory_store.h"
#include "tests/support/suite.h"

struct fixture {
	struct memory_store *store;
	struct memory_server *server;
	struct client *client;
};

static void
reconnect(struct fixture *fixture, uint64_t timeout_ms)
{
	struct client_options options = {
	    .endpoint = memory_server_endpoint(fixture->server),
	    .timeout_ms = timeout_ms};
	struct error err;

	client_close(fixture->client);
	ASSERT_OK(client_open(&options, &fixture->client, &err), &err);
}

static struct fixture
fixture_create(void)
{
	struct fixture fixture = {.store = memory_store_create()};

	fixture.server = memory_server_start(fixture.store);
	reconnect(&fixture, 0);
	return fixture;
}

static void
fixture_close(struct fixture *fixture)
{
	client_close(fixture->client);
	memory_server_stop(fixture->server);
	memory_store_close(fixture->store);
}

static struct slice
text(const char *string)
{
	return slice_of_string(string);
}

static enum status
put(struct fixture *fixture, struct error *err)
{
	return client_put(fixture->client, text("k"), text("v"), 0, err);
}

static void
blocking_calls_do_their_work(void)
{
	struct fixture fixture = fixture_create();
	struct frame_entry entry;
	struct error err;
	bool found;

	ASSERT_OK(client_put(fixture.client, slice_of("k\0\n", 3),
		      slice_of("v\0\xff", 3), 5000, &err),
	    &err);
	ASSERT_OK(client_get(fixture.client, slice_of("k\0\n", 3), &entry,
		      &found, &err),
	    &err);
	CU_ASSERT_TRUE(found);
	CU_ASSERT_TRUE(slice_equal(entry.value, slice_of("v\0\xff", 3)));
	CU_ASSERT_EQUAL(entry.ttl_ms, 5000);
	ASSERT_OK(
	    client_delete(fixture.client, slice_of("k\0\n", 3), &found, &err),
	    &err);
	CU_ASSERT_TRUE(found);
	ASSERT_OK(client_get(fixture.client, slice_of("k\0\n", 3), &entry,
		      &found, &err),
	    &err);
	CU_ASSERT_FALSE(found);
	fixture_close(&fixture);
}

static void
refusals_have_their_status_and_leave_the_client_usable(void)
{
	struct fixture fixture = fixture_create();
	struct frame_request request = {.opcode = FRAME_OPCODE_PUT,
	    .key = text("k"),
	    .flags = FRAME_IF_PRESENT};
	struct frame_reply reply;
	struct error err;

	CU_ASSERT_EQUAL(client_call(fixture.client, &request, &reply, &err),
	    STATUS_CONFLICT);
	CU_ASSERT_STRING_EQUAL(
	    err.text, "put: condition_failed: the condition does not hold");
	request.key = SLICE_EMPTY;
	CU_ASSERT_EQUAL(client_call(fixture.client, &request, &reply, &err),
	    STATUS_INVALID);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_KEY_SIZE);
	ASSERT_OK(put(&fixture, &err), &err);
	memory_server_set_mode(fixture.server, MEMORY_SERVER_DOUBTS);
	CU_ASSERT_EQUAL(put(&fixture, &err), STATUS_UNKNOWN);
	fixture_close(&fixture);
}

/* More than the buffers of the kernel hold, in both directions. */
static void
many_requests_are_pipelined(void)
{
	struct fixture fixture = fixture_create();
	enum {
		COUNT = 4000
	};
	static uint8_t value[4096];
	struct frame_reply reply;
	struct error err;

	for (uint32_t i = 0; i < COUNT; i++) {
		struct frame_request request = {.key = slice_of(&i, sizeof(i))};

		memcpy(value, &i, sizeof(i));
		request.opcode = FRAME_OPCODE_PUT;
		request.value = slice_of(value, sizeof(value));
		client_send(fixture.client, &request);
		request.opcode = FRAME_OPCODE_GET;
		client_send(fixture.client, &request);
	}
	CU_ASSERT_EQUAL(client_in_flight(fixture.client), 2 * COUNT);
	ASSERT_OK(client_flush(fixture.client, &err), &err);
	for (uint32_t i = 0; i < COUNT; i++) {
		ASSERT_OK(client_receive(fixture.client, &reply, &err), &err);
		ASSERT_OK(client_receive(fixture.client, &reply, &err), &err);
		CU_ASSERT_EQUAL_FATAL(reply.entry.value.size, sizeof(value));
		CU_ASSERT_EQUAL(memcmp(reply.entry.value.data, &i, 4), 0);
	}
	CU_ASSERT_EQUAL(client_in_flight(fixture.client), 0);
	fixture_close(&fixture);
}

static void
replies_may_come_in_any_pieces(void)
{
	struct fixture fixture = fixture_create();
	struct frame_entry entry;
	struct error err;
	bool found;

	memory_server_set_mode(fixture.server, MEMORY_SERVER_STUTTERS);
	ASSERT_OK(put(&fixture, &err), &err);
	ASSERT_OK(
	    client_get(fixture.client, text("k"), &entry, &found, &err), &err);
	CU_ASSERT_TRUE(found);
	fixture_close(&fixture);
}

static void
a_write_without_an_answer_has_an_unknown_outcome(void)
{
	static const enum memory_server_mode modes[] = {MEMORY_SERVER_SILENT,
	    MEMORY_SERVER_HANGS_UP, MEMORY_SERVER_BABBLES};
	struct fixture fixture = fixture_create();
	struct frame_entry entry;
	struct error err;
	bool found;

	for (size_t i = 0; i < SUITE_COUNT(modes); i++) {
		memory_server_set_mode(fixture.server, modes[i]);
		reconnect(&fixture, 50);
		CU_ASSERT_EQUAL(put(&fixture, &err), STATUS_UNKNOWN);
		CU_ASSERT_EQUAL(
		    strncmp(err.text, "put: the outcome is ", 20), 0);
		/* What came later was never sent, so it is certain. */
		CU_ASSERT_NOT_EQUAL(put(&fixture, &err), STATUS_UNKNOWN);
		CU_ASSERT_NOT_EQUAL(put(&fixture, &err), STATUS_OK);
		/* A read has no outcome to doubt. */
		reconnect(&fixture, 50);
		CU_ASSERT_NOT_EQUAL(
		    client_get(fixture.client, text("k"), &entry, &found, &err),
		    STATUS_UNKNOWN);
	}
	fixture_close(&fixture);
}

static void
a_refused_connection_says_why(void)
{
	struct fixture fixture = fixture_create();
	struct frame_entry entry;
	struct error err;
	bool found;

	memory_server_set_mode(fixture.server, MEMORY_SERVER_FULL);
	CU_ASSERT_EQUAL(
	    client_get(fixture.client, text("k"), &entry, &found, &err),
	    STATUS_UNAVAILABLE);
	CU_ASSERT_STRING_EQUAL(err.text, "the server says: ERR too many");
	fixture_close(&fixture);
}

static void
all_in_flight_fail_with_the_connection(void)
{
	struct fixture fixture = fixture_create();
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_PUT, .key = text("k")};
	struct frame_reply reply;
	struct error err;

	memory_server_set_mode(fixture.server, MEMORY_SERVER_SILENT);
	reconnect(&fixture, 50);
	client_send(fixture.client, &request);
	client_send(fixture.client, &request);
	ASSERT_OK(client_flush(fixture.client, &err), &err);
	CU_ASSERT_EQUAL(
	    client_receive(fixture.client, &reply, &err), STATUS_UNKNOWN);
	client_send(fixture.client, &request);
	CU_ASSERT_EQUAL(
	    client_receive(fixture.client, &reply, &err), STATUS_UNKNOWN);
	CU_ASSERT_EQUAL(
	    client_receive(fixture.client, &reply, &err), STATUS_TIMEOUT);
	CU_ASSERT_EQUAL(client_in_flight(fixture.client), 0);
	fixture_close(&fixture);
}

static void
nobody_there_is_said_at_once(void)
{
	struct fixture fixture = fixture_create();
	char endpoint[64];
	struct client_options options = {.endpoint = endpoint};
	struct client *client;
	struct error err;

	snprintf(endpoint, sizeof(endpoint), "%s",
	    memory_server_endpoint(fixture.server));
	fixture_close(&fixture);
	CU_ASSERT_EQUAL(
	    client_open(&options, &client, &err), STATUS_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, endpoint));
	options.endpoint = "nonsense";
	CU_ASSERT_EQUAL(client_open(&options, &client, &err), STATUS_INVALID);
	options.endpoint = "127.0.0.1:nonsense";
	CU_ASSERT_EQUAL(client_open(&options, &client, &err), STATUS_INVALID);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(blocking_calls_do_their_work),
	    SUITE_CASE(refusals_have_their_status_and_leave_the_client_usable),
	    SUITE_CASE(many_requests_are_pipelined),
	    SUITE_CASE(replies_may_come_in_any_pieces),
	    SUITE_CASE(a_write_without_an_answer_has_an_unknown_outcome),
	    SUITE_CASE(a_refused_connection_says_why),
	    SUITE_CASE(all_in_flight_fail_with_the_connection),
	    SUITE_CASE(nobody_there_is_said_at_once),
	};

	return suite_run("client", cases, SUITE_COUNT(cases), argc, argv);
}
