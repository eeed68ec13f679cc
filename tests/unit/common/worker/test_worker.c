#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics_segment.h"
#include "common/worker/control_message.h"
#include "common/worker/settings.h"
#include "common/worker/worker.h"
#include "tests/support/suite.h"

#define PATIENCE_MS 20000
#define METRICS_FD 10

/*
 * The worker of these tests is this program, executed again. What it does is
 * in the setting `behaviour`.
 */
struct duty {
	struct worker *worker;
	struct loop_timer *timer;
	const char *behaviour;
};

static void
on_drained(void *context)
{
	struct duty *duty = context;

	worker_stopped(duty->worker);
}

static enum status
on_start(void *context, struct worker *worker, struct error *err)
{
	struct duty *duty = context;

	duty->worker = worker;
	duty->behaviour = settings_string(worker_settings(worker), "behaviour");
	duty->timer = loop_timer_create(worker_loop(worker), on_drained, duty);
	if (strcmp(duty->behaviour, "cannot_start") == 0)
		return error_set(err, STATUS_CORRUPT, "nothing fits");
	metrics_add(METRIC_FLUSHES, 0, 0, 7);
	worker_ready(worker);
	if (strcmp(duty->behaviour, "fails") == 0) {
		error_set(err, STATUS_IO, "the disk is gone");
		worker_fail(worker, err);
	}
	return STATUS_OK;
}

static void
on_stop(void *context, struct worker *worker)
{
	struct duty *duty = context;

	if (strcmp(duty->behaviour, "never_stops") != 0)
		loop_timer_start(duty->timer, 20);
}

static void
on_status(void *context, struct buffer *json)
{
	struct duty *duty = context;

	buffer_printf(json, "{\"behaviour\":\"%s\"}", duty->behaviour);
}

static void
on_close(void *context)
{
	struct duty *duty = context;

	loop_timer_close(duty->timer);
}

static int
work(void)
{
	static const struct worker_job job = {
	    on_start, on_stop, on_status, on_close};
	struct duty duty = {0};

	return worker_main(&job, &duty);
}

struct child {
	pid_t pid;
	int control;
	struct buffer packet;
};

static void
child_exec(int control, int metrics)
{
	if (metrics >= 0)
		CHECK(dup2(metrics, METRICS_FD) == METRICS_FD);
	/* Last: descriptor 3 may have been the other one. */
	CHECK(dup2(control, CONTROL_FD) == CONTROL_FD);
	execl("/proc/self/exe", "worker", "--work", (char *)NULL);
	_exit(127);
}

static struct child
child_start(const char *behaviour, int metrics)
{
	struct child child = {0};
	struct buffer text = {0};
	struct error err;
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	settings_add(&text, "name", "test-0");
	settings_add(&text, "log_level", "warn");
	settings_add(&text, "heartbeat_ms", "10");
	settings_add(&text, "stop_ms", "100");
	settings_add(&text, "behaviour", "%s", behaviour);
	if (metrics >= 0)
		settings_add(&text, "metrics_fd", "%d", METRICS_FD);
	ASSERT_OK(control_message_send(
		      ends[0], CONTROL_SETTINGS, buffer_slice(&text), &err),
	    &err);
	buffer_deinit(&text);
	child.pid = fork();
	CHECK(child.pid >= 0);
	if (child.pid == 0)
		child_exec(ends[1], metrics);
	close(ends[1]);
	child.control = ends[0];
	return child;
}

/* Waits for a message of this type, passing over others. */
static struct slice
child_await(struct child *child, enum control_type type)
{
	struct control_message message;
	struct error err;

	do {
		struct pollfd ready = {child->control, POLLIN, 0};

		CU_ASSERT_EQUAL_FATAL(poll(&ready, 1, PATIENCE_MS), 1);
		ASSERT_OK(control_message_receive(
			      child->control, &child->packet, &message, &err),
		    &err);
	} while (message.type != type);
	return message.payload;
}

static void
child_tell(struct child *child, enum control_type type)
{
	struct error err;

	ASSERT_OK(control_message_send(child->control, type, SLICE_EMPTY, &err),
	    &err);
}

static int
child_exit_code(struct child *child)
{
	int status;

	CHECK(waitpid(child->pid, &status, 0) == child->pid);
	close(child->control);
	buffer_deinit(&child->packet);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
worker_gets_ready_beats_and_stops_when_told(void)
{
	struct child child = child_start("works", -1);

	child_await(&child, CONTROL_READY);
	child_await(&child, CONTROL_HEARTBEAT);
	child_await(&child, CONTROL_HEARTBEAT);
	child_tell(&child, CONTROL_STOP);
	/* It still beats while it finishes. */
	child_await(&child, CONTROL_HEARTBEAT);
	CU_ASSERT_EQUAL(child_exit_code(&child), EX_OK);
}

static void
worker_tells_its_status(void)
{
	struct child child = child_start("works", -1);

	child_await(&child, CONTROL_READY);
	child_tell(&child, CONTROL_STATUS);
	CU_ASSERT_TRUE(slice_equal(child_await(&child, CONTROL_STATUS_REPLY),
	    slice_of_string("{\"behaviour\":\"works\"}")));
	child_tell(&child, CONTROL_STOP);
	child_tell(&child, CONTROL_STOP);
	CU_ASSERT_EQUAL(child_exit_code(&child), EX_OK);
}

static void
worker_ignores_the_terminal_and_obeys_sigterm(void)
{
	struct child child = child_start("works", -1);

	child_await(&child, CONTROL_READY);
	CHECK(kill(child.pid, SIGINT) == 0);
	CHECK(kill(child.pid, SIGHUP) == 0);
	child_tell(&child, CONTROL_STATUS);
	child_await(&child, CONTROL_STATUS_REPLY);
	CHECK(kill(child.pid, SIGTERM) == 0);
	CU_ASSERT_EQUAL(child_exit_code(&child), EX_OK);
}

static void
stopping_has_its_limit(void)
{
	struct child child = child_start("never_stops", -1);

	child_await(&child, CONTROL_READY);
	child_tell(&child, CONTROL_STOP);
	CU_ASSERT_EQUAL(child_exit_code(&child), EX_TEMPFAIL);
}

static void
failures_show_in_the_exit_code(void)
{
	struct child child = child_start("cannot_start", -1);

	CU_ASSERT_EQUAL(child_exit_code(&child), EX_DATAERR);
	child = child_start("fails", -1);
	CU_ASSERT_EQUAL(child_exit_code(&child), EX_IOERR);
}

static void
worker_counts_in_the_segment_it_is_given(void)
{
	struct metrics_segment *segment;
	struct child child;
	struct error err;
	int fd;

	ASSERT_OK(
	    metrics_segment_create("test-0", METRIC_PLACE_STORAGED, &fd, &err),
	    &err);
	ASSERT_OK(metrics_segment_open(fd, false, &segment, &err), &err);
	child = child_start("works", fd);
	child_await(&child, CONTROL_READY);
	CU_ASSERT_EQUAL(
	    metrics_segment_value(segment, METRIC_FLUSHES, 0, 0), 7);
	child_tell(&child, CONTROL_STOP);
	CU_ASSERT_EQUAL(child_exit_code(&child), EX_OK);
	metrics_segment_close(segment);
	close(fd);
}

static void
program_started_by_hand_says_what_to_start(void)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		close(CONTROL_FD);
		execl("/proc/self/exe", "worker", "--work", (char *)NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CU_ASSERT_EQUAL(WEXITSTATUS(status), EX_USAGE);
}

/*
 * A supervisor in between starts the worker and dies. The worker holds the
 * writing end of a pipe, which ends when it does.
 */
static void
worker_does_not_outlive_its_supervisor(void)
{
	int alive[2];
	char byte;
	pid_t supervisor;

	CHECK(pipe(alive) == 0);
	supervisor = fork();
	CHECK(supervisor >= 0);
	if (supervisor == 0) {
		struct child child = child_start("never_stops", -1);

		child_await(&child, CONTROL_READY);
		CHECK(kill(getpid(), SIGKILL) == 0);
	}
	close(alive[1]);
	CHECK(waitpid(supervisor, NULL, 0) == supervisor);
	CU_ASSERT_EQUAL(read(alive[0], &byte, 1), 0);
	close(alive[0]);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(worker_gets_ready_beats_and_stops_when_told),
	    SUITE_CASE(worker_tells_its_status),
	    SUITE_CASE(worker_ignores_the_terminal_and_obeys_sigterm),
	    SUITE_CASE(stopping_has_its_limit),
	    SUITE_CASE(failures_show_in_the_exit_code),
	    SUITE_CASE(worker_counts_in_the_segment_it_is_given),
	    SUITE_CASE(program_started_by_hand_says_what_to_start),
	    SUITE_CASE(worker_does_not_outlive_its_supervisor),
	};

	if (argc == 2 && strcmp(argv[1], "--work") == 0)
		return work();
	return suite_run("worker", cases, SUITE_COUNT(cases), argc, argv);
}
