#include "common/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>

#include "common/base/check.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/worker/control_message.h"
#include "common/worker/settings.h"

/* The supervisor sends the settings before it starts us. */
#define SETTINGS_TIMEOUT_S 10

/*
 *   STARTING --worker_ready()--> SERVING --STOP--> STOPPING --> ENDED
 *       \___________________________\_______________/  ^
 *         STOP before it serves, worker_fail(), the supervisor gone
 */
enum worker_state {
	WORKER_STARTING,
	WORKER_SERVING,
	WORKER_STOPPING,
	WORKER_ENDED,
};

struct worker {
	const struct worker_job *job;
	void *context;
	struct loop *loop;
	struct settings *settings;
	struct buffer packet; /* the control message at hand */
	struct loop_watch *control;
	struct loop_signal *term;
	struct loop_timer *heartbeat;
	struct loop_timer *stop_limit;
	enum worker_state state;
	int exit_code;
};

static void on_control(void *context, unsigned ready);
static void on_heartbeat(void *context);
static void on_stop_overdue(void *context);
static void on_term(void *context);

static void
worker_move(struct worker *worker, enum worker_state to)
{
	/* Every move goes forward. */
	CHECK(to > worker->state);
	worker->state = to;
}

static void
worker_end(struct worker *worker, int exit_code)
{
	if (worker->state == WORKER_ENDED)
		return;
	worker_move(worker, WORKER_ENDED);
	worker->exit_code = exit_code;
	loop_stop(worker->loop);
}

static int
exit_code_of(enum status status)
{
	switch (status) {
	case STATUS_INVALID:
	case STATUS_VERSION:
		return EX_CONFIG;
	case STATUS_CORRUPT:
		return EX_DATAERR;
	case STATUS_IO:
	case STATUS_NO_SPACE:
	case STATUS_UNSYNCED:
		return EX_IOERR;
	default:
		return EX_UNAVAILABLE;
	}
}

/*
 * Fails when nobody is at the other end of descriptor 3, as when a person
 * starts the program.
 */
static enum status
settings_receive(struct worker *worker, struct error *err)
{
	struct timeval limit = {.tv_sec = SETTINGS_TIMEOUT_S};
	struct control_message message;
	int type = 0;
	socklen_t size = sizeof(type);
	enum status status;

	if (getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
	    type != SOCK_SEQPACKET)
		return error_set(err, STATUS_NOT_FOUND,
		    "this is a worker: start bin/server, which starts it");
	if (setsockopt(CONTROL_FD, SOL_SOCKET, SO_RCVTIMEO, &limit,
		sizeof(limit)) != 0)
		return error_set_errno(err, errno, "setsockopt");
	status =
	    control_message_receive(CONTROL_FD, &worker->packet, &message, err);
	if (status != STATUS_OK)
		return status;
	if (message.type != CONTROL_SETTINGS)
		return error_set(err, STATUS_INVALID,
		    "the first message is %s, not SETTINGS",
		    control_type_name(message.type));
	status = settings_parse(message.payload, &worker->settings, err);
	if (status != STATUS_OK)
		return status;
	if (fcntl(CONTROL_FD, F_SETFL, O_NONBLOCK) != 0)
		return error_set_errno(err, errno, "fcntl");
	return STATUS_OK;
}

static void
signals_settle(void)
{
	/*
	 * The terminal's signals reach every process of the group, but the
	 * supervisor alone ends its workers, in order.
	 */
	CHECK(signal(SIGINT, SIG_IGN) != SIG_ERR);
	CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	/*
	 * If the supervisor died before this call, the socket tells: it is
	 * read next.
	 */
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
}

static enum status
worker_open(struct worker *worker, struct error *err)
{
	enum log_level least = LOG_INFO;
	enum status status;

	signals_settle();
	status = settings_receive(worker, err);
	if (status != STATUS_OK)
		return status;
	CHECK(log_level_find(
	    settings_string(worker->settings, "log_level"), &least));
	log_open(settings_string(worker->settings, "name"), least);
	if (settings_has(worker->settings, "metrics_fd")) {
		status = metrics_publish(
		    (int)settings_u64(worker->settings, "metrics_fd"), err);
		if (status != STATUS_OK)
			return status;
	}
	worker->loop = loop_create();
	worker->control =
	    loop_watch_create(worker->loop, CONTROL_FD, on_control, worker);
	loop_watch_set(worker->control, LOOP_READ);
	worker->term =
	    loop_signal_create(worker->loop, SIGTERM, on_term, worker);
	worker->heartbeat =
	    loop_timer_create(worker->loop, on_heartbeat, worker);
	worker->stop_limit =
	    loop_timer_create(worker->loop, on_stop_overdue, worker);
	on_heartbeat(worker);
	return worker->job->on_start(worker->context, worker, err);
}

static void
worker_close(struct worker *worker)
{
	if (worker->loop != NULL)
		worker->job->on_close(worker->context);
	loop_watch_close(worker->control);
	loop_signal_close(worker->term);
	loop_timer_close(worker->heartbeat);
	loop_timer_close(worker->stop_limit);
	loop_close(worker->loop);
	settings_close(worker->settings);
	buffer_deinit(&worker->packet);
}

int
worker_main(const struct worker_job *job, void *context)
{
	struct worker worker = {.job = job, .context = context};
	struct error err;

	if (worker_open(&worker, &err) != STATUS_OK) {
		log_event(LOG_ERROR, "start_failed", "reason=\"%s\"", err.text);
		worker.exit_code = err.code == STATUS_NOT_FOUND
		    ? EX_USAGE
		    : exit_code_of(err.code);
	} else if (worker.state != WORKER_ENDED) {
		loop_run(worker.loop);
	}
	worker_close(&worker);
	return worker.exit_code;
}

struct loop *
worker_loop(struct worker *worker)
{
	return worker->loop;
}

const struct settings *
worker_settings(struct worker *worker)
{
	return worker->settings;
}

/*
 * A supervisor that does not read for a while misses heartbeats, which are
 * worth nothing late; whether it lives is told by reading.
 */
static void
control_send(
    struct worker *worker, enum control_type type, struct slice payload)
{
	struct error err;

	if (control_message_send(CONTROL_FD, type, payload, &err) != STATUS_OK)
		log_event(LOG_WARN, "control_send_failed",
		    "type=%s reason=\"%s\"", control_type_name(type), err.text);
}

void
worker_ready(struct worker *worker)
{
	/* STOP may have come first: then nobody waits for this any more. */
	if (worker->state != WORKER_STARTING)
		return;
	worker_move(worker, WORKER_SERVING);
	control_send(worker, CONTROL_READY, SLICE_EMPTY);
	log_event(LOG_INFO, "ready", "%s", "");
}

void
worker_stopped(struct worker *worker)
{
	CHECK(worker->state >= WORKER_STOPPING);
	worker_end(worker, EX_OK);
}

void
worker_fail(struct worker *worker, const struct error *err)
{
	log_event(LOG_ERROR, "failed", "reason=\"%s\"", err->text);
	worker_end(worker, exit_code_of(err->code));
}

static void
on_heartbeat(void *context)
{
	struct worker *worker = context;

	control_send(worker, CONTROL_HEARTBEAT, SLICE_EMPTY);
	loop_timer_start(
	    worker->heartbeat, settings_u64(worker->settings, "heartbeat_ms"));
}

static void
stop_start(struct worker *worker)
{
	if (worker->state >= WORKER_STOPPING)
		return;
	worker_move(worker, WORKER_STOPPING);
	log_event(LOG_INFO, "stopping", "%s", "");
	loop_timer_start(
	    worker->stop_limit, settings_u64(worker->settings, "stop_ms"));
	worker->job->on_stop(worker->context, worker);
}

static void
on_term(void *context)
{
	stop_start(context);
}

static void
on_stop_overdue(void *context)
{
	struct worker *worker = context;

	log_event(LOG_WARN, "stop_overdue", "%s", "");
	worker_end(worker, EX_TEMPFAIL);
}

static void
status_reply(struct worker *worker)
{
	struct buffer json = {0};

	worker->job->on_status(worker->context, &json);
	if (buffer_size(&json) > CONTROL_PAYLOAD_BYTES_MAX) {
		buffer_clear(&json, SIZE_MAX);
		buffer_printf(&json, "{\"error\":\"status too long\"}");
	}
	control_send(worker, CONTROL_STATUS_REPLY, buffer_slice(&json));
	buffer_deinit(&json);
}

static void
on_control(void *context, unsigned ready)
{
	struct worker *worker = context;
	struct control_message message;
	struct error err;
	enum status status = control_message_receive(
	    CONTROL_FD, &worker->packet, &message, &err);

	if (status == STATUS_BUSY)
		return;
	if (status != STATUS_OK) {
		error_wrap(&err, "supervisor");
		worker_fail(worker, &err);
		return;
	}
	switch (message.type) {
	case CONTROL_STOP:
		stop_start(worker);
		break;
	case CONTROL_STATUS:
		status_reply(worker);
		break;
	default:
		log_event(LOG_WARN, "control_message_ignored", "type=%s",
		    control_type_name(message.type));
	}
}
