/*
 * Replies. What decodes is built again from its groups and results, to the
 * same bytes where the reply was made by our builder; else at least to a reply
 * that says the same. The second run has the header made right.
 */
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/command/reply.h"
#include "common/command/reply_format.h"
#include "tests/fuzz/fuzz.h"

static void
build_group(struct reply_builder *builder, struct reply_cursor *cursor,
    const struct reply_group *group)
{
	struct reply_command command;

	reply_builder_begin_group(builder, group->command_count);
	if (group->result == GROUP_APPLIED) {
		for (uint32_t i = 0; i < group->command_count; i++) {
			CHECK(reply_cursor_next_command(cursor, &command));
			reply_builder_add(builder, &command);
		}
	} else if (group->result == GROUP_CONDITION_FAILED) {
		CHECK(reply_cursor_next_command(cursor, &command));
		reply_builder_fail_group(
		    builder, group->result, group->failed, &command);
	} else {
		reply_builder_fail_group(
		    builder, group->result, group->failed, NULL);
	}
	CHECK(!reply_cursor_next_command(cursor, &command));
	reply_builder_end_group(builder);
}

static void
decode(struct slice bytes)
{
	struct reply_builder builder;
	struct reply_cursor cursor;
	struct reply_group group;
	struct buffer again = {0};
	struct reply reply;
	struct error err;
	uint64_t sequence;
	uint32_t groups = 0;

	if (reply_decode(bytes, &reply, &err) != STATUS_OK)
		return;
	cursor = reply_cursor_at_start(&reply);
	reply_builder_start(&builder, &again, reply.number,
	    reply.first_sequence, reply.group_count);
	sequence = reply.first_sequence + 1;
	while (reply_cursor_next_group(&cursor, &group)) {
		groups++;
		CHECK((group.result == GROUP_REPLY_FULL) ==
		    (groups > reply.answered_count));
		if (group.result == GROUP_REPLY_FULL)
			continue;
		CHECK(group.sequence == sequence);
		CHECK(group.failed < group.command_count);
		sequence += group.command_count;
		build_group(&builder, &cursor, &group);
	}
	CHECK(groups == reply.group_count);
	CHECK(slice_equal(bytes, reply_builder_finish(&builder)));
	buffer_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes;

	decode(slice_of(data, size));
	if (size < REPLY_HEADER_BYTES)
		return 0;
	bytes = fuzz_copy(slice_of(data, size));
	bytes[REPLY_OFFSET_VERSION] = REPLY_VERSION;
	memset(bytes + REPLY_OFFSET_ZERO, 0, REPLY_ZERO_BYTES);
	u32_store(bytes + REPLY_OFFSET_SIZE, (uint32_t)size);
	decode(slice_of(bytes, size));
	mem_free(bytes);
	return 0;
}
