#include "tests/support/sink/scripted_sink.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "common/ipc/ipc_server.h"
#include "tests/support/suite.h"

/*
 * Servers come and go here while clients send, and the library (1.5.2) then
 * loses what is its own: a connection that was made and not yet handed out
 * when its listener or dialer closes, and its share of a message that is sent
 * on a connection that is about to close (ipc_pipe_send() returns without it).
 * Whether our side frees its messages is what the tests of common/ipc tell.
 */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:nng_dial\nleak:nng_listener_create\nleak:start_thread\n"
	       "leak:nng_support_message\n";
}

static struct known_writer *
writer_find(struct sink *sink, const uint8_t id[WRITER_ID_BYTES])
{
	for (size_t i = 0; i < sink->writer_count; i++) {
		if (memcmp(sink->writers[i].id, id, WRITER_ID_BYTES) == 0)
			return &sink->writers[i];
	}
	return NULL;
}

static void
on_registration(
    struct sink *sink, struct ipc_request *request, const struct batch *batch)
{
	struct known_writer *writer = &sink->writers[sink->writer_count];

	CHECK(sink->writer_count < SINK_WRITERS_MAX);
	if (writer_find(sink, batch->origin.writer) == NULL) {
		memcpy(writer->id, batch->origin.writer, WRITER_ID_BYTES);
		sink->writer_count++;
	}
	ipc_request_reply(request, STATUS_OK, SLICE_EMPTY);
}

static void
group_apply(struct sink *sink, struct reply_builder *builder,
    const struct command *command)
{
	struct reply_command result = {.affected = true};
	unsigned number = 0;

	reply_builder_begin_group(builder, 1);
	if (command->key.size > 0 && command->key.data[0] == 'f') {
		result.affected = false;
		reply_builder_fail_group(
		    builder, GROUP_CONDITION_FAILED, 0, &result);
	} else {
		for (size_t i = 0; i < command->key.size; i++)
			number = number * 10 +
			    (unsigned)(command->key.data[i] - '0');
		CHECK(sink->applied_count < SINK_GROUPS_MAX);
		sink->applied[sink->applied_count++] = number;
		reply_builder_add(builder, &result);
	}
	reply_builder_end_group(builder);
}

static void
batch_apply(
    struct sink *sink, struct known_writer *writer, const struct batch *batch)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct reply_builder builder;
	struct command command;
	bool group_end;

	buffer_clear(&writer->last_reply, SIZE_MAX);
	reply_builder_start(&builder, &writer->last_reply, batch->origin.number,
	    1000, batch->group_count);
	for (size_t i = 0; batch_cursor_next(&cursor, &command, &group_end);
	     i++) {
		CHECK(group_end);
		if (i < sink->answered_max)
			group_apply(sink, &builder, &command);
	}
	(void)reply_builder_finish(&builder);
	writer->last_number = batch->origin.number;
}

/* Applies a batch if it is the next one; false if it was refused. */
static bool
batch_judge(struct sink *sink, struct ipc_request *request,
    const struct batch *batch, struct known_writer **out)
{
	struct known_writer *writer = writer_find(sink, batch->origin.writer);

	*out = writer;
	if (writer == NULL) {
		ipc_request_reply(
		    request, STATUS_NOT_FOUND, slice_of_string("who?"));
		return false;
	}
	CU_ASSERT_EQUAL(batch->origin.answered, batch->origin.number - 1);
	if (batch->origin.number == writer->last_number)
		return true;
	if (batch->origin.number != writer->last_number + 1) {
		ipc_request_reply(
		    request, STATUS_INVALID, slice_of_string("gap"));
		return false;
	}
	if (sink->deed == DEED_REFUSE) {
		ipc_request_reply(
		    request, sink->refusal, slice_of_string("no, because"));
		return false;
	}
	batch_apply(sink, writer, batch);
	return true;
}

static void
on_request(void *context, struct ipc_request *request, enum ipc_type type,
    struct slice payload)
{
	struct sink *sink = context;
	struct known_writer *writer;
	struct batch batch;
	struct error err;

	CHECK(type == IPC_WRITE);
	CHECK(batch_decode(payload, &batch, &err) == STATUS_OK);
	if (batch.kind == BATCH_REGISTRATION) {
		on_registration(sink, request, &batch);
		return;
	}
	sink->batches++;
	if (sink->deeds_left == 0)
		sink->deed = DEED_APPLY;
	else
		sink->deeds_left--;
	if (sink->deed == DEED_KEEP) {
		sink->kept = request;
		return;
	}
	if (!batch_judge(sink, request, &batch, &writer))
		return;
	if (sink->deed == DEED_APPLY)
		ipc_request_reply(
		    request, STATUS_OK, buffer_slice(&writer->last_reply));
	else if (sink->deed == DEED_NONSENSE)
		ipc_request_reply(
		    request, STATUS_OK, slice_of_string("nonsense"));
}

static void
on_turn_end(void *context)
{
}

void
sink_start(struct sink *sink)
{
	struct ipc_server_options options = {.path = sink_path(sink),
	    .on_request = on_request,
	    .on_turn_end = on_turn_end,
	    .context = sink};
	struct error err;

	ASSERT_OK(
	    ipc_server_create(sink->loop, &options, &sink->server, &err), &err);
}

void
sink_stop(struct sink *sink)
{
	ipc_server_close(sink->server);
	sink->server = NULL;
	sink->kept = NULL;
}

void
sink_forget(struct sink *sink)
{
	for (size_t i = 0; i < sink->writer_count; i++)
		buffer_deinit(&sink->writers[i].last_reply);
	memset(sink->writers, 0, sizeof(sink->writers));
	sink->writer_count = 0;
}

void
sink_script(struct sink *sink, enum deed deed, unsigned times)
{
	sink->deed = deed;
	sink->deeds_left = times;
}

const char *
sink_path(const struct sink *sink)
{
	return scratch_path(&sink->scratch, "sink");
}

void
sink_init(struct sink *sink, struct loop *loop)
{
	*sink = (struct sink){.loop = loop, .answered_max = SIZE_MAX};
	sink->applied = mem_new_array(SINK_GROUPS_MAX, sizeof(unsigned));
	scratch_init(&sink->scratch);
}

void
sink_deinit(struct sink *sink)
{
	sink_stop(sink);
	sink_forget(sink);
	mem_free(sink->applied);
	scratch_deinit(&sink->scratch);
}
