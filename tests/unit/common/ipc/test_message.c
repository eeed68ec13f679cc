#include "common/base/buffer.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/integer.h"
#include "common/ipc/message.h"
#include "tests/support/suite.h"

static void
header_is_as_agreed(void)
{
	static const uint8_t golden[IPC_HEADER_BYTES + 3] = {'K', 'V', 'C', 'P',
	    1, 0, 2, 0, 5, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c'};
	uint8_t header[IPC_HEADER_BYTES];
	struct ipc_message message;
	struct error err;

	ipc_header_encode(header, IPC_WRITE, STATUS_BUSY, 3);
	CU_ASSERT_EQUAL(memcmp(header, golden, sizeof(header)), 0);
	ASSERT_OK(
	    ipc_reply_decode(slice_of(golden, sizeof(golden)), &message, &err),
	    &err);
	CU_ASSERT_EQUAL(message.type, IPC_WRITE);
	CU_ASSERT_EQUAL(message.status, STATUS_BUSY);
	CU_ASSERT_TRUE(slice_equal(message.payload, slice_of_string("abc")));
	/* A request has no status. */
	CU_ASSERT_EQUAL(ipc_request_decode(
			    slice_of(golden, sizeof(golden)), &message, &err),
	    STATUS_INVALID);
}

static void
bytes_that_are_no_message_are_refused(void)
{
	struct ipc_message message;
	struct error err;
	uint8_t good[IPC_HEADER_BYTES + 8] = {0};
	struct slice bytes = slice_of(good, sizeof(good));

	ipc_header_encode(good, IPC_WRITE, STATUS_OK, 8);
	ASSERT_OK(ipc_request_decode(bytes, &message, &err), &err);
	for (size_t size = 0; size < sizeof(good); size++) {
		/* A copy of just that size, for the address sanitizer. */
		uint8_t *copy = mem_dup(good, size);

		CU_ASSERT_EQUAL(
		    ipc_request_decode(slice_of(copy, size), &message, &err),
		    STATUS_INVALID);
		mem_free(copy);
	}
	for (size_t i = 0; i < IPC_HEADER_BYTES; i++) {
		uint8_t before = good[i];

		good[i] ^= 0x40;
		CU_ASSERT_EQUAL(ipc_request_decode(bytes, &message, &err),
		    i == 4 || i == 5 ? STATUS_VERSION : STATUS_INVALID);
		good[i] = before;
	}
}

static void
limits_of_a_type_are_kept(void)
{
	uint8_t bytes[IPC_HEADER_BYTES + 300] = {0};
	struct ipc_message message;
	struct error err;

	ipc_header_encode(bytes, IPC_FLUSH, STATUS_OK, 1);
	CU_ASSERT_EQUAL(
	    ipc_request_decode(
		slice_of(bytes, IPC_HEADER_BYTES + 1), &message, &err),
	    STATUS_INVALID);
	ipc_header_encode(bytes, IPC_FLUSH, STATUS_IO, IPC_ERROR_BYTES_MAX);
	ASSERT_OK(ipc_reply_decode(
		      slice_of(bytes, IPC_HEADER_BYTES + IPC_ERROR_BYTES_MAX),
		      &message, &err),
	    &err);
	ipc_header_encode(bytes, IPC_FLUSH, STATUS_IO, 300);
	CU_ASSERT_EQUAL(
	    ipc_reply_decode(slice_of(bytes, sizeof(bytes)), &message, &err),
	    STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    ipc_request_bytes_max(IPC_WRITE), IPC_PAYLOAD_BYTES_MAX);
	CU_ASSERT_STRING_EQUAL(ipc_type_name(IPC_COMPACT), "COMPACT");
	CU_ASSERT_STRING_EQUAL(ipc_type_name((enum ipc_type)99), "?");
}

static void
random_bytes_never_harm_the_decoder(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 50000; round++) {
		uint8_t bytes[40];
		size_t size = rng_below(&rng, sizeof(bytes) + 1);
		struct ipc_message message;
		struct error err;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)rng_next(&rng);
		/* Mostly almost right, or nothing would be reached. */
		if (round % 8 != 0 && size >= IPC_HEADER_BYTES) {
			ipc_header_encode(bytes, IPC_WRITE, STATUS_OK,
			    size - IPC_HEADER_BYTES);
			bytes[rng_below(&rng, size)] = (uint8_t)rng_next(&rng);
		}
		if (ipc_reply_decode(slice_of(bytes, size), &message, &err) ==
		    STATUS_OK)
			CU_ASSERT_EQUAL_FATAL(
			    message.payload.size, size - IPC_HEADER_BYTES);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(header_is_as_agreed),
	    SUITE_CASE(bytes_that_are_no_message_are_refused),
	    SUITE_CASE(limits_of_a_type_are_kept),
	    SUITE_CASE(random_bytes_never_harm_the_decoder),
	};

	return suite_run("message", cases, SUITE_COUNT(cases), argc, argv);
}
