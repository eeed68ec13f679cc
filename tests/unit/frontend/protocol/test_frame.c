#include <stdio.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "frontend/protocol/frame.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"
#include "tests/support/suite.h"

static const struct frame_limits limits = {65535, 16u << 20};

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

/* Takes the one frame that is in `bytes`. */
static struct frame
take_whole(const struct buffer *bytes, uint8_t magic)
{
	struct slice input = buffer_slice(bytes);
	struct frame frame;
	struct error err;
	size_t wanted;

	CU_ASSERT_EQUAL_FATAL(frame_take(&input, magic, FRAME_PAYLOAD_BYTES_MAX,
				  &frame, &wanted, &err),
	    FRAME_TAKEN);
	CU_ASSERT_EQUAL_FATAL(input.size, 0);
	return frame;
}

static enum frame_status
decode(const struct buffer *bytes, struct frame_request *out)
{
	struct frame frame = take_whole(bytes, FRAME_MAGIC_REQUEST);
	struct error err;
	uint32_t index;

	return frame_request_decode(&frame, &limits, out, &index, &err);
}

static struct frame_reply
decode_reply(const struct buffer *bytes)
{
	struct frame frame = take_whole(bytes, FRAME_MAGIC_REPLY);
	struct frame_reply reply;
	struct error err;

	ASSERT_OK(frame_reply_decode(&frame, &reply, &err), &err);
	return reply;
}

static void
encode(struct buffer *out, struct frame_request request)
{
	buffer_clear(out, 0);
	frame_request_encode(out, &request);
}

/* These bytes are what PROTOCOL.md promises: they must never change. */
static void
put_and_its_reply_have_the_specified_bytes(void)
{
	static const uint8_t put[] = {0xab, 1, 0x20, 0x11, 27, 0, 0, 0, 8, 7, 6,
	    5, 4, 3, 2, 1, 0xe8, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	    0, 0, 0, 'k', 2, 0, 0, 0, 'v', 'w'};
	static const uint8_t reply[] = {0xac, 1, 0x20, 0, 14, 0, 0, 0, 8, 7, 6,
	    5, 4, 3, 2, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 'o'};
	static const uint8_t failure[] = {0xac, 1, 0x20, 12, 15, 0, 0, 0, 1, 0,
	    0, 0, 0, 0, 0, 0, 2, 100, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 'n',
	    'o'};
	struct frame_request request = {.id = 0x0102030405060708u,
	    .opcode = FRAME_OPCODE_PUT,
	    .flags = FRAME_IF_ABSENT | FRAME_RETURN_OLD,
	    .ttl_ms = 1000,
	    .key = text("k"),
	    .value = text("vw")};
	struct frame_result result = {
	    .affected = true, .has_old = true, .sequence = 9, .old = text("o")};
	struct frame_failure refused = {.status = FRAME_STATUS_UNAVAILABLE,
	    .outcome = FRAME_OUTCOME_UNKNOWN,
	    .retry_after_ms = 100,
	    .text = text("no")};
	struct buffer out = {0};

	frame_request_encode(&out, &request);
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&out), slice_of(put, sizeof(put))));
	buffer_clear(&out, 0);
	frame_reply_result(&out, FRAME_OPCODE_PUT, request.id, &result);
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&out), slice_of(reply, sizeof(reply))));
	buffer_clear(&out, 0);
	frame_reply_failure(&out, FRAME_OPCODE_PUT, 1, &refused);
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&out), slice_of(failure, sizeof(failure))));
	buffer_deinit(&out);
}

static void
batches_come_back_as_they_went(void)
{
	struct buffer list = {0};
	struct buffer out = {0};
	struct frame_request put = {.opcode = FRAME_OPCODE_PUT,
	    .flags = FRAME_IF_SEQUENCE,
	    .sequence = 7,
	    .key = text("a"),
	    .value = text("1")};
	struct frame_request range = {.opcode = FRAME_OPCODE_DELETE_RANGE,
	    .start = text("b"),
	    .end = text("c")};
	struct frame_request got;
	struct slice rest;

	frame_list_add_command(&list, &put);
	frame_list_add_command(&list, &range);
	encode(&out,
	    (struct frame_request){.id = 5,
		.opcode = FRAME_OPCODE_BATCH,
		.count = 2,
		.list = buffer_slice(&list)});
	CU_ASSERT_EQUAL_FATAL(decode(&out, &got), FRAME_STATUS_OK);
	CU_ASSERT_EQUAL(got.id, 5);
	CU_ASSERT_EQUAL(got.count, 2);
	rest = got.list;
	CU_ASSERT_TRUE_FATAL(frame_list_next_command(&rest, &got));
	CU_ASSERT_EQUAL(got.opcode, FRAME_OPCODE_PUT);
	CU_ASSERT_EQUAL(got.sequence, 7);
	CU_ASSERT_TRUE(is_text(got.key, "a") && is_text(got.value, "1"));
	CU_ASSERT_TRUE_FATAL(frame_list_next_command(&rest, &got));
	CU_ASSERT_TRUE(is_text(got.start, "b") && is_text(got.end, "c"));
	CU_ASSERT_FALSE(frame_list_next_command(&rest, &got));
	buffer_deinit(&out);
	buffer_deinit(&list);
}

static void
requests_come_back_as_they_went(void)
{
	struct buffer out = {0};
	struct frame_request got;

	encode(&out,
	    (struct frame_request){.opcode = FRAME_OPCODE_INCREMENT,
		.delta = -3,
		.key = text("n")});
	CU_ASSERT_EQUAL_FATAL(decode(&out, &got), FRAME_STATUS_OK);
	CU_ASSERT_EQUAL(got.delta, -3);
	encode(&out,
	    (struct frame_request){.opcode = FRAME_OPCODE_SCAN,
		.flags = FRAME_KEYS_ONLY,
		.count_max = 10,
		.bytes_max = 20,
		.start = text("s")});
	CU_ASSERT_EQUAL_FATAL(decode(&out, &got), FRAME_STATUS_OK);
	CU_ASSERT_EQUAL(got.count_max, 10);
	CU_ASSERT_EQUAL(got.bytes_max, 20);
	CU_ASSERT_TRUE(is_text(got.start, "s") && got.end.size == 0);
	encode(&out,
	    (struct frame_request){
		.opcode = FRAME_OPCODE_PING, .value = text("echo")});
	CU_ASSERT_EQUAL_FATAL(decode(&out, &got), FRAME_STATUS_OK);
	CU_ASSERT_TRUE(is_text(got.value, "echo"));
	buffer_deinit(&out);
}

static void
half_frames_wait_for_the_rest(void)
{
	struct buffer out = {0};
	struct frame frame;
	struct error err;
	size_t wanted;

	encode(&out,
	    (struct frame_request){
		.opcode = FRAME_OPCODE_GET, .key = text("key")});
	for (size_t size = 0; size < buffer_size(&out); size++) {
		struct slice input = slice_of(out.data, size);

		CU_ASSERT_EQUAL(frame_take(&input, FRAME_MAGIC_REQUEST, 100,
				    &frame, &wanted, &err),
		    FRAME_PARTIAL);
		CU_ASSERT_EQUAL(input.size, size);
		CU_ASSERT_EQUAL(wanted,
		    size < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES
					      : buffer_size(&out));
	}
	buffer_deinit(&out);
}

static void
declared_sizes_over_the_limit_are_refused_by_the_header(void)
{
	static const uint8_t header[] = {
	    0xab, 1, 0x20, 0, 0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, 0, 0, 0, 0};
	struct slice input = slice_of(header, sizeof(header));
	struct frame frame;
	struct error err;
	size_t wanted;

	CU_ASSERT_EQUAL(frame_take(&input, FRAME_MAGIC_REQUEST,
			    FRAME_PAYLOAD_BYTES_MAX, &frame, &wanted, &err),
	    FRAME_BROKEN);
	CU_ASSERT_EQUAL(frame.id, 3);
	CU_ASSERT_EQUAL(frame.opcode, FRAME_OPCODE_PUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "4294967295"));
	input = text("GET / HTTP/1.1\r\n");
	CU_ASSERT_EQUAL(
	    frame_take(&input, FRAME_MAGIC_REQUEST, 100, &frame, &wanted, &err),
	    FRAME_BROKEN);
}

static enum frame_status
status_of(struct frame_request request)
{
	struct buffer out = {0};
	struct frame_request got;
	enum frame_status status;

	frame_request_encode(&out, &request);
	status = decode(&out, &got);
	buffer_deinit(&out);
	return status;
}

static void
sizes_against_the_rules_are_refused(void)
{
	static uint8_t large[(16u << 20) + 1];
	struct frame_request put = {
	    .opcode = FRAME_OPCODE_PUT, .key = text("k")};

	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_OK);
	put.key = SLICE_EMPTY;
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_KEY_SIZE);
	put.key = slice_of(large, 65536);
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_KEY_SIZE);
	put.key.size--;
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_OK);
	put.value = slice_of(large, sizeof(large));
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_VALUE_SIZE);
	put.value.size--;
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_OK);
	put = (struct frame_request){
	    .opcode = FRAME_OPCODE_PING, .value = slice_of(large, 1025)};
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_INVALID);
	put = (struct frame_request){.opcode = FRAME_OPCODE_MULTI_GET};
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_INVALID);
	put = (struct frame_request){
	    .opcode = FRAME_OPCODE_SCAN, .start = slice_of(large, 65537)};
	CU_ASSERT_EQUAL(status_of(put), FRAME_STATUS_KEY_SIZE);
}

static void
flags_and_times_against_the_rules_are_refused(void)
{
	struct frame_request put = {
	    .opcode = FRAME_OPCODE_PUT, .key = text("k")};
	struct frame_request bad = put;

	bad.ttl_ms = UINT64_MAX;
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_INVALID);
	bad.ttl_ms = 5;
	bad.flags = FRAME_KEEP_TTL;
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_INVALID);
	bad.flags = 0x80;
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_INVALID);
	bad.flags = FRAME_IF_ABSENT | FRAME_IF_PRESENT;
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_INVALID);
	bad = put;
	bad.flags = FRAME_TTL_IS_DEADLINE;
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_INVALID);
	bad = (struct frame_request){
	    .opcode = FRAME_OPCODE_EXPIRE, .key = text("k")};
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_INVALID);
	bad.ttl_ms = 1;
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_OK);
	bad.flags = FRAME_IF_LATER | FRAME_IF_SOONER;
	CU_ASSERT_EQUAL(status_of(bad), FRAME_STATUS_INVALID);
}

static void
unknown_operations_and_versions_keep_the_stream(void)
{
	struct buffer out = {0};
	struct frame_request got;

	encode(&out, (struct frame_request){.opcode = FRAME_OPCODE_INFO});
	out.data[FRAME_OPCODE_OFFSET] = 0x77;
	CU_ASSERT_EQUAL(decode(&out, &got), FRAME_STATUS_UNKNOWN_OPCODE);
	out.data[FRAME_VERSION_OFFSET] = 2;
	CU_ASSERT_EQUAL(decode(&out, &got), FRAME_STATUS_VERSION);
	buffer_deinit(&out);
}

static void
the_command_at_fault_in_a_batch_is_named(void)
{
	struct buffer list = {0};
	struct buffer out = {0};
	struct frame_request good = {
	    .opcode = FRAME_OPCODE_DELETE, .key = text("a")};
	struct frame_request bad = {.opcode = FRAME_OPCODE_DELETE};
	struct frame_request got;
	struct frame frame;
	struct error err;
	uint32_t index = 0;

	frame_list_add_command(&list, &good);
	frame_list_add_command(&list, &bad);
	encode(&out,
	    (struct frame_request){.opcode = FRAME_OPCODE_BATCH,
		.count = 2,
		.list = buffer_slice(&list)});
	frame = take_whole(&out, FRAME_MAGIC_REQUEST);
	CU_ASSERT_EQUAL(
	    frame_request_decode(&frame, &limits, &got, &index, &err),
	    FRAME_STATUS_KEY_SIZE);
	CU_ASSERT_EQUAL(index, 1);
	buffer_deinit(&out);
	buffer_deinit(&list);
}

static void
replies_come_back_as_they_went(void)
{
	struct buffer out = {0};
	struct frame_reply_list list;
	struct frame_reply reply;
	struct frame_entry entry = {.key = text("k"),
	    .value = text("v"),
	    .sequence = 3,
	    .ttl_ms = 4,
	    .state = FRAME_KEY_FOUND};
	struct slice rest;

	frame_reply_list_begin(&list, &out, FRAME_OPCODE_SCAN, 8);
	frame_reply_list_add_entry(&list, &entry);
	frame_reply_list_end_scan(&list, true, text("l"));
	reply = decode_reply(&out);
	CU_ASSERT_TRUE(reply.more && is_text(reply.next, "l"));
	CU_ASSERT_EQUAL(reply.count, 1);
	rest = reply.list;
	CU_ASSERT_TRUE_FATAL(frame_reply_next_entry(&rest, &entry));
	CU_ASSERT_TRUE(is_text(entry.key, "k") && is_text(entry.value, "v"));
	CU_ASSERT_EQUAL(entry.sequence, 3);
	CU_ASSERT_FALSE(frame_reply_next_entry(&rest, &entry));

	buffer_clear(&out, 0);
	frame_reply_list_begin(&list, &out, FRAME_OPCODE_MULTI_GET, 9);
	frame_reply_list_add_value(
	    &list, &(struct frame_entry){.state = FRAME_KEY_ABSENT});
	frame_reply_list_add_value(&list,
	    &(struct frame_entry){
		.state = FRAME_KEY_FOUND, .value = text("v")});
	frame_reply_list_end(&list);
	reply = decode_reply(&out);
	rest = reply.list;
	CU_ASSERT_TRUE(frame_reply_next_value(&rest, &entry));
	CU_ASSERT_EQUAL(entry.state, FRAME_KEY_ABSENT);
	CU_ASSERT_TRUE(frame_reply_next_value(&rest, &entry));
	CU_ASSERT_TRUE(is_text(entry.value, "v"));

	buffer_clear(&out, 0);
	frame_reply_list_begin(&list, &out, FRAME_OPCODE_INFO, 9);
	frame_reply_list_add_pair(&list, "version", text("1"));
	frame_reply_list_end(&list);
	CU_ASSERT_EQUAL(decode_reply(&out).count, 1);
	buffer_deinit(&out);
}

/* Whatever comes, decoding ends, stays in bounds, and keeps its promises. */
static void
random_bytes_are_judged_without_harm(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 20000; round++) {
		size_t size = rng_below(&rng, 64);
		uint8_t *payload = malloc(size + 1);
		struct frame frame = {.version = FRAME_VERSION};
		struct frame_request request;
		struct frame_request item;
		struct frame_reply reply;
		struct error err;
		uint32_t index;
		uint32_t count = 0;

		/* Small numbers make sizes and counts that sometimes fit. */
		for (size_t i = 0; i < size; i++)
			payload[i] = rng_below(&rng, 8) > 1
			    ? 0
			    : (uint8_t)rng_below(&rng, 64);
		frame.opcode = (uint8_t)rng_below(&rng, 0x34);
		frame.code = (uint8_t)rng_below(&rng, 2);
		frame.payload = slice_of(payload, size);
		if (frame_request_decode(&frame, &limits, &request, &index,
			&err) == FRAME_STATUS_OK &&
		    request.opcode == FRAME_OPCODE_BATCH) {
			while (frame_list_next_command(&request.list, &item))
				count++;
			CU_ASSERT_EQUAL(count, request.count);
		}
		(void)!frame_reply_decode(&frame, &reply, &err);
		free(payload);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(put_and_its_reply_have_the_specified_bytes),
	    SUITE_CASE(batches_come_back_as_they_went),
	    SUITE_CASE(requests_come_back_as_they_went),
	    SUITE_CASE(half_frames_wait_for_the_rest),
	    SUITE_CASE(declared_sizes_over_the_limit_are_refused_by_the_header),
	    SUITE_CASE(sizes_against_the_rules_are_refused),
	    SUITE_CASE(flags_and_times_against_the_rules_are_refused),
	    SUITE_CASE(unknown_operations_and_versions_keep_the_stream),
	    SUITE_CASE(the_command_at_fault_in_a_batch_is_named),
	    SUITE_CASE(replies_come_back_as_they_went),
	    SUITE_CASE(random_bytes_are_judged_without_harm),
	};

	return suite_run("frame", cases, SUITE_COUNT(cases), argc, argv);
}
