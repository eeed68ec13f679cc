/* test_gate_batch - a batch that is taken apart when space is short. */
#include "frontend/gate/gate_batch.h"
#include "tests/support/suite.h"

static int tokens[4];

static void
take(struct gate_batch *batch, size_t place, enum command_op op)
{
	struct command command = {.op = op, .key = slice_of_string("key")};

	CU_ASSERT_TRUE(batch_builder_add(&batch->builder, &command));
	batch_builder_end_group(&batch->builder);
	gate_batch_take(batch, &tokens[place]);
}

static uint32_t
sent_commands(struct gate_batch *batch)
{
	static const struct batch_origin origin = {.writer = {1}, .number = 1};
	struct batch decoded;
	struct error err;

	ASSERT_OK(
	    batch_decode(batch_builder_finish(&batch->builder, &origin, 0),
		&decoded, &err),
	    &err);
	return decoded.command_count;
}

static void
deletes_go_without_what_adds(void)
{
	struct gate_batch *batch = gate_batch_create();
	struct gate_batch *rest = gate_batch_create();
	size_t size_bytes;

	take(batch, 0, COMMAND_DELETE);
	take(batch, 1, COMMAND_DELETE);
	(void)sent_commands(batch);
	CU_ASSERT_EQUAL(gate_batch_first_other(batch), 2);
	take(batch, 2, COMMAND_PUT);
	take(batch, 3, COMMAND_DELETE);
	CU_ASSERT_EQUAL(sent_commands(batch), 4);
	size_bytes = batch->size_bytes;
	CU_ASSERT_EQUAL(gate_batch_first_other(batch), 2);
	gate_batch_split(batch, 2, rest);
	gate_batch_encode(batch);
	CU_ASSERT_EQUAL(sent_commands(batch), 2);
	CU_ASSERT_EQUAL(sent_commands(rest), 2);
	CU_ASSERT_EQUAL(batch->size_bytes + rest->size_bytes, size_bytes);
	CU_ASSERT_PTR_EQUAL(batch->tokens[0], &tokens[0]);
	CU_ASSERT_PTR_EQUAL(rest->tokens[0], &tokens[2]);
	CU_ASSERT_PTR_EQUAL(rest->tokens[1], &tokens[3]);
	/* And once more: what adds is first here. */
	CU_ASSERT_EQUAL(gate_batch_first_other(rest), 1);
	gate_batch_close(batch);
	gate_batch_close(rest);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(deletes_go_without_what_adds),
	};

	return suite_run("gate_batch", cases, SUITE_COUNT(cases), argc, argv);
}
