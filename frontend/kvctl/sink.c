#include "frontend/kvctl/sink.h"

#include "common/ipc/ipc_client.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "frontend/kvctl/control.h"

/* It connects within milliseconds, or there is nobody. */
#define CONNECT_MS 3000

struct question {
	struct loop *loop;
	struct ipc_client *client;
	struct loop_timer *timer;
	uint64_t timeout_ms;
	enum ipc_type type;
	struct slice payload;
	bool sent;
	struct buffer *reply;
	struct error error; /* OK: answered */
};

static void
on_ready(void *context, uint64_t incarnation)
{
	struct question *question = context;

	(void)incarnation;
	question->sent = true;
	loop_timer_start(question->timer, question->timeout_ms);
	ipc_client_send(question->client, question->type, question->payload);
}

static void
on_reply(void *context, enum status status, struct slice payload)
{
	struct question *question = context;

	if (status == STATUS_OK)
		buffer_append_slice(question->reply, payload);
	else
		error_set(&question->error, status, "%.*s", (int)payload.size,
		    (const char *)payload.data);
	loop_stop(question->loop);
}

static void
on_lost(void *context)
{
	struct question *question = context;

	if (!question->sent)
		return;
	/* What changes nothing can be asked again. */
	if (question->type == IPC_STATUS) {
		question->sent = false;
		return;
	}
	error_set(&question->error, STATUS_UNKNOWN,
	    "storaged hung up before it had answered");
	loop_stop(question->loop);
}

static void
on_timeout(void *context)
{
	struct question *question = context;

	if (question->sent)
		error_set(&question->error, STATUS_UNKNOWN,
		    "storaged did not answer in time; --timeout gives it "
		    "more");
	else
		error_set(&question->error, STATUS_UNAVAILABLE,
		    "no storaged answers (is the node running? --data-dir "
		    "says which)");
	loop_stop(question->loop);
}

static enum status
ask(struct question *question, const char *path, struct error *err)
{
	struct ipc_client_options options = {
	    .path = path,
	    .on_ready = on_ready,
	    .on_reply = on_reply,
	    .on_lost = on_lost,
	    .context = question,
	};

	question->loop = loop_create();
	question->timer =
	    loop_timer_create(question->loop, on_timeout, question);
	if (ipc_client_create(question->loop, &options, &question->client,
		err) == STATUS_OK) {
		loop_timer_start(question->timer,
		    question->timeout_ms < CONNECT_MS ? question->timeout_ms
						      : CONNECT_MS);
		loop_run(question->loop);
		if (question->error.code != STATUS_OK)
			error_copy(err, &question->error);
		else
			err->code = STATUS_OK;
	}
	ipc_client_close(question->client);
	loop_timer_close(question->timer);
	loop_close(question->loop);
	return err->code;
}

enum status
sink_ask(const struct sink_options *options, enum ipc_type type,
    struct slice payload, struct buffer *reply, struct error *err)
{
	char runtime[PATH_BYTES_MAX];
	char path[PATH_BYTES_MAX];
	struct question question = {
	    .timeout_ms = options->timeout_ms,
	    .type = type,
	    .payload = payload,
	    .reply = reply,
	};

	if (control_find_runtime(options->data_dir, runtime, err) != STATUS_OK)
		return err->code;
	path_join(path, runtime, "storaged-0.sock");
	if (!path_exists(path))
		return error_set(err, STATUS_UNAVAILABLE,
		    "no node answers: there is no %s (is it running? "
		    "--data-dir says which)",
		    path);
	/* A person has our words; those of the connection are for servers. */
	log_open("kvctl", LOG_ERROR);
	return ask(&question, path, err);
}
