/* test_copies - the room for what a batch writes and does not carry. */
#include "common/codec/decimal.h"
#include "common/command/batch.h"
#include "common/lsm/record/entry.h"
#include "storaged/apply/apply.h"
#include "storaged/apply/copies.h"
#include "tests/support/suite.h"

#define HELD_BYTES 500

/* Every key has a value of that many bytes; looking up "bad" fails. */
static enum status
get(void *context, const struct apply_key *key, struct entry *out, bool *found,
    struct error *err)
{
	static const uint8_t bytes[HELD_BYTES];

	(void)context;
	if (slice_compare(key->key, slice_of_string("bad")) == 0)
		return error_set(err, STATUS_CORRUPT, "damaged");
	*out = (struct entry){.value = slice_of(bytes, sizeof(bytes))};
	*found = true;
	return STATUS_OK;
}

static const struct apply_store store = {.get = get};

static void
decode(struct batch_builder *builder, const struct command *command,
    struct batch *out)
{
	static const struct batch_origin origin = {.writer = {1}, .number = 1};
	struct error err;

	batch_builder_reset(builder);
	CU_ASSERT_TRUE(batch_builder_add(builder, command));
	batch_builder_end_group(builder);
	ASSERT_OK(
	    batch_decode(batch_builder_finish(builder, &origin, 0), out, &err),
	    &err);
}

static void
room_is_for_what_is_written_again(void)
{
	struct batch_builder builder = {0};
	struct command persist = {
	    .op = COMMAND_PERSIST, .key = slice_of_string("key")};
	struct command increment = {
	    .op = COMMAND_INCREMENT, .key = slice_of_string("key"), .delta = 1};
	struct command put = {.op = COMMAND_PUT,
	    .key = slice_of_string("key"),
	    .value = slice_of_string("value")};
	struct batch batch;
	struct error err;
	size_t bytes;

	decode(&builder, &persist, &batch);
	CU_ASSERT_TRUE(copies_any(&batch));
	ASSERT_OK(copies_bytes_max(&batch, &store, 0, 0, &bytes, &err), &err);
	CU_ASSERT_EQUAL(bytes, HELD_BYTES);
	/* One before it may write a larger value. */
	ASSERT_OK(copies_bytes_max(&batch, &store, 0, 900, &bytes, &err), &err);
	CU_ASSERT_EQUAL(bytes, 900);
	decode(&builder, &increment, &batch);
	CU_ASSERT_FALSE(copies_any(&batch));
	ASSERT_OK(copies_bytes_max(&batch, &store, 0, 900, &bytes, &err), &err);
	CU_ASSERT_EQUAL(bytes, DECIMAL_BYTES_MAX);
	decode(&builder, &put, &batch);
	CU_ASSERT_FALSE(copies_any(&batch));
	CU_ASSERT_EQUAL(copies_value_bytes_max(&batch), 5);
	ASSERT_OK(copies_bytes_max(&batch, &store, 0, 900, &bytes, &err), &err);
	CU_ASSERT_EQUAL(bytes, 0);
	persist.key = slice_of_string("bad");
	decode(&builder, &persist, &batch);
	CU_ASSERT_EQUAL(copies_bytes_max(&batch, &store, 0, 0, &bytes, &err),
	    STATUS_CORRUPT);
	batch_builder_deinit(&builder);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(room_is_for_what_is_written_again),
	};

	return suite_run("copies", cases, SUITE_COUNT(cases), argc, argv);
}
