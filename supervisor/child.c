#include "supervisor/child.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/worker/control_message.h"
#include "supervisor/spawn.h"

#define MOVE(state) (1u << CHILD_##state)

static const struct {
	const char *name;
	unsigned moves;
} states[] = {
    [CHILD_STOPPED] = {"stopped", MOVE(STARTING) | MOVE(WAITING)},
    [CHILD_STARTING] = {"starting",
	MOVE(READY) | MOVE(STOPPING) | MOVE(WAITING)},
    [CHILD_READY] = {"ready", MOVE(STOPPING) | MOVE(WAITING)},
    [CHILD_STOPPING] = {"stopping", MOVE(STOPPED)},
    [CHILD_WAITING] = {"waiting",
	MOVE(STARTING) | MOVE(STOPPED) | MOVE(WAITING)},
};

const char *
child_state_name(enum child_state state)
{
	return states[state].name;
}

static void
child_move(struct child *child, enum child_state to)
{
	CHECK((states[child->state].moves & (1u << to)) != 0);
	log_event(LOG_DEBUG, "worker_moved", "worker=%s from=%s to=%s",
	    child->plan->name, states[child->state].name, states[to].name);
	child->state = to;
}

enum status
child_init(struct child *child, const struct worker_plan *plan,
    const struct restart_policy *policy, int metrics_fd, struct error *err)
{
	*child =
	    (struct child){.plan = plan, .policy = *policy, .control_fd = -1};
	return metrics_segment_open(metrics_fd, true, &child->segment, err);
}

void
child_deinit(struct child *child)
{
	CHECK(!child_is_running(child));
	metrics_segment_close(child->segment);
	buffer_deinit(&child->received);
}

bool
child_is_running(const struct child *child)
{
	return child->pid != 0;
}

static void
note(struct child *child, bool is_up)
{
	metrics_segment_note(child->segment, is_up, (uint32_t)child->pid,
	    child->restarts, is_up ? clock_wall_ms(&clock_system) : 0);
}

static void
close_control(struct child *child)
{
	if (child->control_fd >= 0)
		close(child->control_fd);
	child->control_fd = -1;
}

static void
wait_after_failure(struct child *child, uint64_t ready_ms, uint64_t now_ms)
{
	uint64_t delay_ms = restart_policy_on_failure(&child->policy, ready_ms);

	child->due_ms = now_ms + delay_ms;
	child_move(child, CHILD_WAITING);
}

enum status
child_start(struct child *child, const struct child_options *options,
    uint64_t now_ms, struct error *err)
{
	struct spawn_options spawn = {.path = options->path,
	    .name = child->plan->name,
	    .fds = options->fds,
	    .fd_count = options->fd_count};

	CHECK(!child_is_running(child));
	if (child->started_ms != 0)
		child->restarts++;
	child->started_ms = child->heard_ms = now_ms;
	if (spawn_start(&spawn, &child->pid, &child->control_fd, err) !=
	    STATUS_OK) {
		/* A child that could not exec is reaped as nobody's. */
		child->pid = 0;
		child->exit_code = EX_OSFILE;
		snprintf(
		    child->last_exit, sizeof(child->last_exit), "not started");
		wait_after_failure(child, 0, now_ms);
		return err->code;
	}
	child_move(child, CHILD_STARTING);
	note(child, false);
	if (control_message_send(child->control_fd, CONTROL_SETTINGS,
		buffer_slice(&child->plan->settings), err) != STATUS_OK) {
		/* It died at once, or cannot be told anything: reaped later. */
		log_event(LOG_WARN, "settings_not_sent",
		    "worker=%s error=\"%s\"", child->plan->name, err->text);
		child_kill(child);
	}
	log_event(LOG_INFO, "worker_started", "worker=%s pid=%d",
	    child->plan->name, (int)child->pid);
	return STATUS_OK;
}

static bool
on_message(
    struct child *child, const struct control_message *message, uint64_t now_ms)
{
	child->heard_ms = now_ms;
	switch (message->type) {
	case CONTROL_READY:
		if (child->state != CHILD_STARTING)
			return false;
		child_move(child, CHILD_READY);
		child->ready_ms = now_ms;
		note(child, true);
		log_event(LOG_INFO, "worker_ready", "worker=%s ms=%" PRIu64,
		    child->plan->name, now_ms - child->started_ms);
		return true;
	case CONTROL_HEARTBEAT:
	case CONTROL_STATUS_REPLY:
		return false;
	default:
		log_event(LOG_WARN, "unexpected_message", "worker=%s type=%s",
		    child->plan->name, control_type_name(message->type));
		return false;
	}
}

bool
child_on_readable(struct child *child, uint64_t now_ms)
{
	bool has_become_ready = false;

	while (child->control_fd >= 0) {
		struct control_message message;
		struct error err;
		enum status status = control_message_receive(
		    child->control_fd, &child->received, &message, &err);

		if (status == STATUS_BUSY)
			break;
		if (status == STATUS_OK) {
			if (on_message(child, &message, now_ms))
				has_become_ready = true;
			continue;
		}
		/* It has ended or is about to: SIGCHLD tells the rest. */
		if (status != STATUS_SHUTDOWN)
			log_event(LOG_WARN, "bad_message",
			    "worker=%s error=\"%s\"", child->plan->name,
			    err.text);
		close_control(child);
	}
	return has_become_ready;
}

static void
describe_exit(struct child *child, int status)
{
	if (WIFSIGNALED(status)) {
		child->exit_code = -1;
		snprintf(child->last_exit, sizeof(child->last_exit),
		    "signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
		return;
	}
	child->exit_code = WEXITSTATUS(status);
	snprintf(child->last_exit, sizeof(child->last_exit), "exit code %d",
	    child->exit_code);
}

/* For how long it has been ready, and one more; 0 if it is not. */
static uint64_t
ready_for_ms(const struct child *child, uint64_t now_ms)
{
	return child->ready_ms == 0 ? 0 : now_ms - child->ready_ms + 1;
}

enum child_exit
child_on_exit(struct child *child, int status, uint64_t now_ms)
{
	uint64_t ready_ms = ready_for_ms(child, now_ms);

	describe_exit(child, status);
	close_control(child);
	child->pid = 0;
	child->ready_ms = 0;
	note(child, false);
	if (child->state == CHILD_STOPPING) {
		log_event(LOG_INFO, "worker_stopped", "worker=%s exit=\"%s\"",
		    child->plan->name, child->last_exit);
		child_move(child, CHILD_STOPPED);
		return CHILD_EXIT_WANTED;
	}
	wait_after_failure(child, ready_ms, now_ms);
	log_event(LOG_ERROR, "worker_died",
	    "worker=%s exit=\"%s\" was_ready=%s failures=%u "
	    "restart_in_ms=%" PRIu64,
	    child->plan->name, child->last_exit, ready_ms > 0 ? "yes" : "no",
	    child->policy.failures, child->due_ms - now_ms);
	return ready_ms == 0 && child->exit_code >= EX__BASE &&
		child->exit_code <= EX__MAX
	    ? CHILD_EXIT_REFUSED
	    : CHILD_EXIT_FAILED;
}

void
child_stop(
    struct child *child, bool is_again, uint64_t now_ms, uint64_t kill_ms)
{
	struct error err;

	switch (child->state) {
	case CHILD_STOPPED:
		return;
	case CHILD_WAITING:
		restart_policy_reset(&child->policy);
		if (is_again)
			child->due_ms = now_ms;
		else
			child_move(child, CHILD_STOPPED);
		return;
	case CHILD_STOPPING:
		/* The node's end overrides a restart, and may be sooner. */
		child->is_again = child->is_again && is_again;
		if (kill_ms < child->due_ms)
			child->due_ms = kill_ms;
		return;
	case CHILD_STARTING:
	case CHILD_READY:
		break;
	}
	restart_policy_reset(&child->policy);
	child->is_again = is_again;
	child->due_ms = kill_ms;
	child_move(child, CHILD_STOPPING);
	if (child->control_fd < 0 ||
	    control_message_send(child->control_fd, CONTROL_STOP, SLICE_EMPTY,
		&err) != STATUS_OK)
		child_kill(child);
}

void
child_kill(struct child *child)
{
	if (child_is_running(child))
		(void)kill(child->pid, SIGKILL);
}
