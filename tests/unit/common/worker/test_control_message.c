#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/worker/control_message.h"
#include "tests/support/suite.h"

static void
bytes_of_a_message_are_as_agreed(void)
{
	static const uint8_t golden[] = {
	    0x63, 0x6b, 1, 0, 1, 0, 0, 0, 'a', '=', 'b', '\n'};
	struct buffer bytes = {0};
	struct control_message message;
	struct error err;

	control_message_encode(
	    &bytes, CONTROL_SETTINGS, slice_of_string("a=b\n"));
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&bytes), slice_of(golden, sizeof(golden))));
	ASSERT_OK(
	    control_message_decode(buffer_slice(&bytes), &message, &err), &err);
	CU_ASSERT_EQUAL(message.type, CONTROL_SETTINGS);
	CU_ASSERT_TRUE(slice_equal(message.payload, slice_of_string("a=b\n")));
	buffer_deinit(&bytes);
}

static void
foreign_bytes_are_refused(void)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum status status;
	} packets[] = {
	    {"", 0, STATUS_INVALID},
	    {"\x63\x6b\1\0\1\0\0", 7, STATUS_INVALID},
	    {"\x63\x6c\1\0\1\0\0\0", 8, STATUS_INVALID},
	    {"\x63\x6b\2\0\1\0\0\0", 8, STATUS_VERSION},
	    {"\x63\x6b\1\0\x63\0\0\0", 8, STATUS_INVALID},
	    {"\x63\x6b\1\0\1\0\0\1", 8, STATUS_INVALID},
	};

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct control_message message;
		struct error err;

		CU_ASSERT_EQUAL(control_message_decode(
				    slice_of(packets[i].bytes, packets[i].size),
				    &message, &err),
		    packets[i].status);
	}
}

static void
messages_pass_and_the_end_is_seen(void)
{
	struct buffer bytes = {0};
	struct control_message message;
	struct error err;
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	CU_ASSERT_EQUAL(
	    control_message_receive(ends[1], &bytes, &message, &err),
	    STATUS_BUSY);
	ASSERT_OK(
	    control_message_send(ends[0], CONTROL_READY, SLICE_EMPTY, &err),
	    &err);
	ASSERT_OK(control_message_send(ends[0], CONTROL_STATUS_REPLY,
		      slice_of_string("{}"), &err),
	    &err);
	ASSERT_OK(
	    control_message_receive(ends[1], &bytes, &message, &err), &err);
	CU_ASSERT_EQUAL(message.type, CONTROL_READY);
	ASSERT_OK(
	    control_message_receive(ends[1], &bytes, &message, &err), &err);
	CU_ASSERT_EQUAL(message.type, CONTROL_STATUS_REPLY);
	CU_ASSERT_TRUE(slice_equal(message.payload, slice_of_string("{}")));
	close(ends[0]);
	CU_ASSERT_EQUAL(
	    control_message_receive(ends[1], &bytes, &message, &err),
	    STATUS_SHUTDOWN);
	CU_ASSERT_EQUAL(
	    control_message_send(ends[1], CONTROL_STOP, SLICE_EMPTY, &err),
	    STATUS_SHUTDOWN);
	close(ends[1]);
	buffer_deinit(&bytes);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(bytes_of_a_message_are_as_agreed),
	    SUITE_CASE(foreign_bytes_are_refused),
	    SUITE_CASE(messages_pass_and_the_end_is_seen),
	};

	return suite_run(
	    "control_message", cases, SUITE_COUNT(cases), argc, argv);
}
