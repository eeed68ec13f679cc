#include <stdio.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/base/rng.h"
#include "frontend/protocol/frame_request.h"
#include "frontend/tcp/tcp_ahead.h"
#include "frontend/tcp/tcp_store.h"
#include "tests/support/suite.h"

static size_t
resp_keys(const char *input, struct slice *keys)
{
	return tcp_ahead_resp(slice_of_string(input), keys);
}

static void
gets_that_follow_one_another_are_found(void)
{
	struct slice keys[TCP_PREFETCH_MAX];

	CU_ASSERT_EQUAL(resp_keys("*2\r\n$3\r\nGET\r\n$3\r\nabc\r\n"
				  "*2\r\n$3\r\nget\r\n$1\r\nx\r\n"
				  "*2\r\n$3\r\nGeT\r\n$2\r\n\r\n\r\n"
				  "*1\r\n$4\r\nPING\r\n",
			    keys),
	    3);
	CU_ASSERT_TRUE(slice_equal(keys[0], slice_of_string("abc")));
	CU_ASSERT_TRUE(slice_equal(keys[1], slice_of_string("x")));
	CU_ASSERT_TRUE(slice_equal(keys[2], slice_of_string("\r\n")));
}

static void
anything_else_ends_the_look(void)
{
	struct slice keys[TCP_PREFETCH_MAX];

	CU_ASSERT_EQUAL(tcp_ahead_resp(SLICE_EMPTY, keys), 0);
	CU_ASSERT_EQUAL(tcp_ahead_frame(SLICE_EMPTY, keys), 0);
	CU_ASSERT_EQUAL(
	    resp_keys("GET abc\r\nGET abcdefghijklmn\r\n", keys), 0);
	CU_ASSERT_EQUAL(resp_keys("*2\r\n$3\r\nSET\r\n$3\r\nabc\r\n", keys), 0);
	CU_ASSERT_EQUAL(
	    resp_keys("*2\r\n$3\r\nGET\r\n$-1\r\nabcdefg\r\n", keys), 0);
	CU_ASSERT_EQUAL(
	    resp_keys("*2\r\n$3\r\nGET\r\n$999999\r\nabcdefg\r\n", keys), 0);
	CU_ASSERT_EQUAL(
	    resp_keys("*2\r\n$3\r\nGET\r\n$99999\r\nabcdefg\r\n", keys), 0);
	/* Its last byte has not come. */
	CU_ASSERT_EQUAL(
	    resp_keys("*2\r\n$3\r\nGET\r\n$9\r\nabcdefghi\r", keys), 0);
}

static void
frames_of_gets_are_found(void)
{
	struct frame_request request = {.opcode = FRAME_OPCODE_GET};
	struct slice keys[TCP_PREFETCH_MAX];
	struct buffer input = {0};

	request.key = slice_of_string("first");
	frame_request_encode(&input, &request);
	request.key = slice_of_string("second");
	frame_request_encode(&input, &request);
	request.opcode = FRAME_OPCODE_STAT;
	frame_request_encode(&input, &request);
	CU_ASSERT_EQUAL(tcp_ahead_frame(buffer_slice(&input), keys), 2);
	CU_ASSERT_TRUE(slice_equal(keys[0], slice_of_string("first")));
	CU_ASSERT_TRUE(slice_equal(keys[1], slice_of_string("second")));
	buffer_deinit(&input);
}

static void
no_more_are_found_than_the_store_takes(void)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_GET, .key = slice_of_string("k")};
	struct slice keys[TCP_PREFETCH_MAX];
	struct buffer frames = {0};
	struct buffer commands = {0};

	for (unsigned i = 0; i < 2 * TCP_PREFETCH_MAX; i++) {
		frame_request_encode(&frames, &request);
		buffer_printf(&commands, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
	}
	CU_ASSERT_EQUAL(
	    tcp_ahead_frame(buffer_slice(&frames), keys), TCP_PREFETCH_MAX);
	CU_ASSERT_EQUAL(
	    tcp_ahead_resp(buffer_slice(&commands), keys), TCP_PREFETCH_MAX);
	buffer_deinit(&frames);
	buffer_deinit(&commands);
}

/* Looks at a copy that ends where its memory does. */
static void
look_at(struct slice input)
{
	struct slice keys[TCP_PREFETCH_MAX];
	uint8_t *copy = malloc(input.size);
	struct slice whole = slice_of(copy, input.size);
	size_t count;

	memcpy(copy, input.data, input.size);
	for (int i = 0; i < 2; i++) {
		count = i == 0 ? tcp_ahead_resp(whole, keys)
			       : tcp_ahead_frame(whole, keys);
		for (size_t k = 0; k < count; k++) {
			CU_ASSERT_TRUE(keys[k].data >= copy);
			CU_ASSERT_TRUE(keys[k].size <= input.size);
			CU_ASSERT_TRUE(
			    keys[k].data + keys[k].size <= copy + input.size);
		}
	}
	free(copy);
}

static void
keys_lie_in_the_input_whatever_it_is(void)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_GET, .key = slice_of_string("abcdef")};
	struct buffer inputs[2] = {0};
	struct rng rng = rng_seeded(suite_seed());

	buffer_printf(&inputs[0],
	    "*2\r\n$3\r\nGET\r\n$6\r\nabcdef\r\n"
	    "*2\r\n$3\r\nGET\r\n$12\r\nabcdefabcdef\r\n");
	frame_request_encode(&inputs[1], &request);
	frame_request_encode(&inputs[1], &request);
	for (int i = 0; i < 2; i++) {
		struct slice input = buffer_slice(&inputs[i]);

		for (size_t size = 1; size <= input.size; size++)
			look_at(slice_of(input.data, size));
		for (int round = 0; round < 20000; round++) {
			size_t at = rng_below(&rng, input.size);
			uint8_t was = inputs[i].data[inputs[i].start + at];

			inputs[i].data[inputs[i].start + at] =
			    (uint8_t)rng_next(&rng);
			look_at(input);
			inputs[i].data[inputs[i].start + at] = was;
		}
		buffer_deinit(&inputs[i]);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(gets_that_follow_one_another_are_found),
	    SUITE_CASE(anything_else_ends_the_look),
	    SUITE_CASE(frames_of_gets_are_found),
	    SUITE_CASE(no_more_are_found_than_the_store_takes),
	    SUITE_CASE(keys_lie_in_the_input_whatever_it_is),
	};

	return suite_run("tcp_ahead", cases, SUITE_COUNT(cases), argc, argv);
}
