#include <stdio.h>

#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"
#include "tests/support/memory/memory_door.h"
#include "tests/support/memory/memory_store.h"
#include "tests/support/suite.h"

struct fixture {
	struct memory_store *store;
	struct memory_door *door;
	struct buffer out;
	uint64_t id;
};

static struct fixture
fixture_create(void)
{
	struct fixture fixture = {.store = memory_store_create()};

	fixture.door = memory_door_create(fixture.store);
	return fixture;
}

static void
fixture_close(struct fixture *fixture)
{
	memory_door_close(fixture->door);
	memory_store_close(fixture->store);
	buffer_deinit(&fixture->out);
}

static struct slice
text(const char *string)
{
	return slice_of_string(string);
}

static bool
is_text(struct slice bytes, const char *string)
{
	return slice_equal(bytes, slice_of_string(string));
}

/* Sends one request; its reply is borrowed until the next. */
static struct frame_reply
ask(struct fixture *fixture, struct frame_request request)
{
	struct buffer bytes = {0};
	struct frame_reply reply;
	struct slice input;
	struct frame frame;
	struct error err;
	size_t wanted;

	request.id = ++fixture->id;
	buffer_clear(&fixture->out, SIZE_MAX);
	frame_request_encode(&bytes, &request);
	CU_ASSERT_TRUE(memory_door_feed(
	    fixture->door, buffer_slice(&bytes), &fixture->out));
	buffer_deinit(&bytes);
	input = buffer_slice(&fixture->out);
	CU_ASSERT_EQUAL_FATAL(
	    frame_take(&input, FRAME_MAGIC_REPLY, FRAME_PAYLOAD_BYTES_MAX,
		&frame, &wanted, &err),
	    FRAME_TAKEN);
	CU_ASSERT_EQUAL(input.size, 0);
	ASSERT_OK(frame_reply_decode(&frame, &reply, &err), &err);
	CU_ASSERT_EQUAL(reply.id, request.id);
	CU_ASSERT_EQUAL(reply.opcode, request.opcode);
	return reply;
}

static struct frame_reply
put(struct fixture *fixture, const char *key, const char *value,
    uint64_t ttl_ms, uint8_t flags)
{
	return ask(fixture,
	    (struct frame_request){.opcode = FRAME_OPCODE_PUT,
		.key = text(key),
		.value = text(value),
		.ttl_ms = ttl_ms,
		.flags = flags});
}

static struct frame_reply
on_key(struct fixture *fixture, enum frame_opcode opcode, const char *key,
    uint8_t flags)
{
	return ask(fixture,
	    (struct frame_request){
		.opcode = opcode, .key = text(key), .flags = flags});
}

static void
put_get_and_delete(void)
{
	struct fixture fixture = fixture_create();
	struct frame_reply reply;
	uint64_t sequence;

	reply = on_key(&fixture, FRAME_OPCODE_GET, "k", 0);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_NOT_FOUND);
	reply = put(&fixture, "k", "v", 0, 0);
	CU_ASSERT_TRUE(reply.result.affected);
	sequence = reply.result.sequence;
	reply = on_key(&fixture, FRAME_OPCODE_GET, "k", 0);
	CU_ASSERT_TRUE(is_text(reply.entry.value, "v"));
	CU_ASSERT_EQUAL(reply.entry.sequence, sequence);
	CU_ASSERT_EQUAL(reply.entry.ttl_ms, 0);
	reply = put(&fixture, "k", "w", 500, FRAME_RETURN_OLD);
	CU_ASSERT_TRUE(reply.result.has_old && is_text(reply.result.old, "v"));
	reply = on_key(&fixture, FRAME_OPCODE_STAT, "k", 0);
	CU_ASSERT_EQUAL(reply.entry.ttl_ms, 500);
	CU_ASSERT_EQUAL(reply.value_bytes, 1);
	reply = put(&fixture, "k", "x", 0, FRAME_KEEP_TTL);
	reply = on_key(&fixture, FRAME_OPCODE_STAT, "k", 0);
	CU_ASSERT_EQUAL(reply.entry.ttl_ms, 500);
	reply = put(&fixture, "k", "x", 1000250, FRAME_TTL_IS_DEADLINE);
	reply = on_key(&fixture, FRAME_OPCODE_STAT, "k", 0);
	CU_ASSERT_EQUAL(reply.entry.ttl_ms, 250);
	reply = on_key(&fixture, FRAME_OPCODE_DELETE, "k", FRAME_RETURN_OLD);
	CU_ASSERT_TRUE(reply.result.affected && reply.result.has_old);
	reply = on_key(&fixture, FRAME_OPCODE_DELETE, "k", FRAME_RETURN_OLD);
	CU_ASSERT_FALSE(reply.result.affected || reply.result.has_old);
	fixture_close(&fixture);
}

static void
conditions_are_kept(void)
{
	struct fixture fixture = fixture_create();
	struct frame_request request = {.opcode = FRAME_OPCODE_PUT,
	    .flags = FRAME_IF_SEQUENCE,
	    .key = text("k"),
	    .value = text("new")};
	struct frame_reply reply;

	reply = put(&fixture, "k", "v", 0, FRAME_IF_PRESENT);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_CONDITION_FAILED);
	CU_ASSERT_EQUAL(reply.failure.outcome, FRAME_OUTCOME_NOT_APPLIED);
	reply = put(&fixture, "k", "v", 0, FRAME_IF_ABSENT);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_OK);
	request.sequence = reply.result.sequence;
	CU_ASSERT_EQUAL(ask(&fixture, request).failure.status, FRAME_STATUS_OK);
	CU_ASSERT_EQUAL(ask(&fixture, request).failure.status,
	    FRAME_STATUS_CONDITION_FAILED);
	reply = on_key(&fixture, FRAME_OPCODE_DELETE, "x", FRAME_IF_PRESENT);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_CONDITION_FAILED);
	fixture_close(&fixture);
}

static void
counters_and_deadlines(void)
{
	struct fixture fixture = fixture_create();
	struct frame_request add = {.opcode = FRAME_OPCODE_INCREMENT,
	    .key = text("n"),
	    .delta = INT64_MAX};
	struct frame_request expire = {.opcode = FRAME_OPCODE_EXPIRE,
	    .key = text("n"),
	    .ttl_ms = 100,
	    .flags = FRAME_IF_TTL};
	struct frame_reply reply;

	reply = ask(&fixture, add);
	CU_ASSERT_TRUE(reply.result.has_number);
	CU_ASSERT_EQUAL(reply.result.number, INT64_MAX);
	reply = ask(&fixture, add);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_OVERFLOW);
	CU_ASSERT_FALSE(ask(&fixture, expire).result.affected);
	expire.flags = FRAME_IF_NO_TTL;
	CU_ASSERT_TRUE(ask(&fixture, expire).result.affected);
	expire.flags = FRAME_IF_TTL | FRAME_IF_SOONER;
	CU_ASSERT_FALSE(ask(&fixture, expire).result.affected);
	reply = on_key(&fixture, FRAME_OPCODE_PERSIST, "n", 0);
	CU_ASSERT_TRUE(reply.result.affected);
	put(&fixture, "n", "x", 0, 0);
	reply = ask(&fixture, add);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_NOT_INTEGER);
	fixture_close(&fixture);
}

static void
batches_take_effect_whole_or_not_at_all(void)
{
	struct fixture fixture = fixture_create();
	struct frame_request items[] = {
	    {.opcode = FRAME_OPCODE_PUT, .key = text("a"), .value = text("1")},
	    {.opcode = FRAME_OPCODE_INCREMENT, .key = text("a"), .delta = 5},
	    {.opcode = FRAME_OPCODE_PUT,
		.key = text("b"),
		.flags = FRAME_IF_PRESENT},
	};
	struct buffer list = {0};
	struct frame_request batch = {.opcode = FRAME_OPCODE_BATCH};
	struct frame_result result;
	struct frame_reply reply;

	for (size_t i = 0; i < 3; i++)
		frame_list_add_command(&list, &items[i]);
	batch.count = 3;
	batch.list = buffer_slice(&list);
	reply = ask(&fixture, batch);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_CONDITION_FAILED);
	CU_ASSERT_EQUAL(reply.failure.index, 2);
	reply = on_key(&fixture, FRAME_OPCODE_GET, "a", 0);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_NOT_FOUND);
	put(&fixture, "b", "", 0, 0);
	reply = ask(&fixture, batch);
	CU_ASSERT_EQUAL_FATAL(reply.count, 3);
	CU_ASSERT_TRUE(frame_reply_next_result(&reply.list, &result));
	CU_ASSERT_TRUE(frame_reply_next_result(&reply.list, &result));
	CU_ASSERT_EQUAL(result.number, 6);
	buffer_deinit(&list);
	fixture_close(&fixture);
}

static void
many_keys_are_read_in_many_runs(void)
{
	struct fixture fixture = fixture_create();
	struct buffer list = {0};
	struct frame_request request = {.opcode = FRAME_OPCODE_MULTI_GET};
	struct frame_entry entry;
	struct frame_reply reply;

	for (unsigned i = 0; i < 5000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%05u", i);
		if (i % 2 == 0)
			memory_store_put(fixture.store, text(key), text(key));
		frame_list_add_key(&list, text(key));
	}
	request.count = 5000;
	request.list = buffer_slice(&list);
	reply = ask(&fixture, request);
	CU_ASSERT_EQUAL_FATAL(reply.count, 5000);
	for (unsigned i = 0; i < 5000; i++) {
		CU_ASSERT_TRUE(frame_reply_next_value(&reply.list, &entry));
		CU_ASSERT_EQUAL(entry.state,
		    i % 2 == 0 ? FRAME_KEY_FOUND : FRAME_KEY_ABSENT);
	}
	buffer_deinit(&list);
	fixture_close(&fixture);
}

static void
values_without_room_in_a_reply_are_left_out(void)
{
	struct fixture fixture = fixture_create();
	struct buffer list = {0};
	struct frame_request request = {.opcode = FRAME_OPCODE_MULTI_GET};
	struct buffer value = {0};
	struct frame_reply reply;
	struct frame_entry entry;
	unsigned found = 0;

	memset(buffer_reserve(&value, 16u << 20), 'v', 16u << 20);
	buffer_commit(&value, 16u << 20);
	memory_store_put(fixture.store, text("k"), buffer_slice(&value));
	for (int i = 0; i < 10; i++)
		frame_list_add_key(&list, text("k"));
	request.count = 10;
	request.list = buffer_slice(&list);
	reply = ask(&fixture, request);
	while (frame_reply_next_value(&reply.list, &entry))
		found += entry.state == FRAME_KEY_FOUND;
	CU_ASSERT_EQUAL(found, 3);
	buffer_deinit(&list);
	buffer_deinit(&value);
	fixture_close(&fixture);
}

/* Goes on from page to page; returns how many entries came. */
static unsigned
scan_all(struct fixture *fixture, struct frame_request request, unsigned *pages)
{
	struct buffer start = {0};
	unsigned count = 0;
	bool more = true;

	for (*pages = 0; more; ++*pages) {
		struct frame_reply reply = ask(fixture, request);

		CU_ASSERT(reply.count > 0 || !reply.more);
		count += reply.count;
		more = reply.more;
		buffer_clear(&start, SIZE_MAX);
		buffer_append_slice(&start, reply.next);
		request.start = buffer_slice(&start);
	}
	buffer_deinit(&start);
	return count;
}

static void
scans_go_on_where_they_stopped(void)
{
	struct fixture fixture = fixture_create();
	struct frame_request scan = {.opcode = FRAME_OPCODE_SCAN};
	struct frame_reply reply;
	unsigned pages;

	for (unsigned i = 0; i < 1000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%03u", i);
		memory_store_put(fixture.store, text(key), text("0123456789"));
	}
	CU_ASSERT_EQUAL(scan_all(&fixture, scan, &pages), 1000);
	CU_ASSERT_EQUAL(pages, 1);
	scan.count_max = 300;
	CU_ASSERT_EQUAL(scan_all(&fixture, scan, &pages), 1000);
	CU_ASSERT_EQUAL(pages, 4);
	scan.count_max = 0;
	scan.bytes_max = 1;
	scan.start = text("990");
	CU_ASSERT_EQUAL(scan_all(&fixture, scan, &pages), 10);
	scan = (struct frame_request){.opcode = FRAME_OPCODE_SCAN,
	    .start = text("1"),
	    .end = text("2"),
	    .flags = FRAME_KEYS_ONLY};
	reply = ask(&fixture, scan);
	CU_ASSERT_EQUAL(reply.count, 100);
	CU_ASSERT_FALSE(reply.more);
	memory_store_set_steps(fixture.store, 7);
	CU_ASSERT_EQUAL(scan_all(&fixture, scan, &pages), 100);
	fixture_close(&fixture);
}

static void
ranges_are_deleted(void)
{
	struct fixture fixture = fixture_create();
	struct frame_request range = {.opcode = FRAME_OPCODE_DELETE_RANGE,
	    .start = text("b"),
	    .end = text("c")};
	unsigned pages;

	put(&fixture, "a", "", 0, 0);
	put(&fixture, "b", "", 0, 0);
	put(&fixture, "bb", "", 0, 0);
	CU_ASSERT_EQUAL(ask(&fixture, range).failure.status, FRAME_STATUS_OK);
	CU_ASSERT_EQUAL(
	    scan_all(&fixture,
		(struct frame_request){.opcode = FRAME_OPCODE_SCAN}, &pages),
	    1);
	range.end = text("a");
	CU_ASSERT_EQUAL(
	    ask(&fixture, range).failure.status, FRAME_STATUS_INVALID);
	range.start = range.end = SLICE_EMPTY;
	CU_ASSERT_EQUAL(ask(&fixture, range).failure.status, FRAME_STATUS_OK);
	CU_ASSERT_EQUAL(
	    scan_all(&fixture,
		(struct frame_request){.opcode = FRAME_OPCODE_SCAN}, &pages),
	    0);
	fixture_close(&fixture);
}

static void
the_server_describes_itself(void)
{
	struct fixture fixture = fixture_create();
	struct frame_reply reply;
	struct slice name;
	struct slice value;
	bool has_limit = false;

	reply = ask(&fixture,
	    (struct frame_request){
		.opcode = FRAME_OPCODE_PING, .value = text("echo")});
	CU_ASSERT_TRUE(is_text(reply.bytes, "echo"));
	reply =
	    ask(&fixture, (struct frame_request){.opcode = FRAME_OPCODE_INFO});
	while (frame_reply_next_pair(&reply.list, &name, &value))
		has_limit |= is_text(name, "value_bytes_max") &&
		    is_text(value, "16777216");
	CU_ASSERT_TRUE(has_limit);
	fixture_close(&fixture);
}

static void
failures_say_what_became_of_a_write(void)
{
	struct fixture fixture = fixture_create();
	struct frame_reply reply;

	memory_store_fail(fixture.store, STATUS_IO);
	reply = on_key(&fixture, FRAME_OPCODE_GET, "a", 0);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_INTERNAL);
	memory_door_fail_writes(fixture.door, true);
	reply = put(&fixture, "a", "b", 0, 0);
	CU_ASSERT_EQUAL(reply.failure.status, FRAME_STATUS_UNAVAILABLE);
	CU_ASSERT_EQUAL(reply.failure.outcome, FRAME_OUTCOME_UNKNOWN);
	CU_ASSERT_EQUAL(reply.failure.retry_after_ms, 50);
	memory_door_fail_writes(fixture.door, false);
	reply = put(&fixture, "a", "b", 0, 0);
	CU_ASSERT_EQUAL(reply.failure.outcome, FRAME_OUTCOME_NOT_APPLIED);
	fixture_close(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(put_get_and_delete),
	    SUITE_CASE(conditions_are_kept),
	    SUITE_CASE(counters_and_deadlines),
	    SUITE_CASE(batches_take_effect_whole_or_not_at_all),
	    SUITE_CASE(many_keys_are_read_in_many_runs),
	    SUITE_CASE(values_without_room_in_a_reply_are_left_out),
	    SUITE_CASE(scans_go_on_where_they_stopped),
	    SUITE_CASE(ranges_are_deleted),
	    SUITE_CASE(the_server_describes_itself),
	    SUITE_CASE(failures_say_what_became_of_a_write),
	};

	return suite_run("frame_call", cases, SUITE_COUNT(cases), argc, argv);
}
