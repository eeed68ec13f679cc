#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/worker/control_message.h"
#include "supervisor/plan.h"

/* In the child, until exec. Tells errno through `report` and ends. */
static void
child_fail(int report, int errnum)
{
	ssize_t ignored = write(report, &errnum, sizeof(errnum));

	(void)ignored;
	_exit(127);
}

/*
 * Puts the descriptors in their places. All are first moved above the
 * highest place, so that none is overwritten before its turn.
 */
static int
child_place_fds(const struct spawn_options *options, int control, int *report)
{
	int above = CONTROL_FD + 1 + (int)options->fd_count;
	int moved[PLAN_FDS_MAX + 2];
	size_t count = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return errno;
	moved[count++] = fcntl(*report, F_DUPFD_CLOEXEC, above);
	moved[count++] = fcntl(control, F_DUPFD_CLOEXEC, above);
	for (size_t i = 0; i < options->fd_count; i++)
		moved[count++] = fcntl(options->fds[i], F_DUPFD_CLOEXEC, above);
	for (size_t i = 0; i < count; i++) {
		if (moved[i] < 0)
			return errno;
	}
	*report = moved[0];
	for (size_t i = 1; i < count; i++) {
		if (dup2(moved[i], CONTROL_FD + (int)i - 1) < 0)
			return errno;
	}
	return 0;
}

static void
child_set_signals(void)
{
	static const int ignored[] = {SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
child_run(
    const struct spawn_options *options, int control, int report, pid_t server)
{
	char *argv[] = {(char *)options->path, (char *)options->name, NULL};
	int errnum;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The server may have ended before that took effect. */
	if (getppid() != server)
		_exit(127);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	errnum = child_place_fds(options, control, &report);
	if (errnum != 0)
		child_fail(report, errnum);
	child_set_signals();
	execv(options->path, argv);
	child_fail(report, errno);
}

static void
close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

enum status
spawn_start(const struct spawn_options *options, pid_t *pid, int *control_fd,
    struct error *err)
{
	int control[2];
	int report[2];
	pid_t server = getpid();
	int errnum = 0;
	ssize_t got;

	CHECK(options->fd_count <= PLAN_FDS_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0)
		return error_set_errno(err, errno, "create a socket pair");
	if (pipe2(report, O_CLOEXEC) != 0) {
		error_set_errno(err, errno, "create a pipe");
		close_pair(control);
		return err->code;
	}
	*pid = fork();
	if (*pid == 0)
		child_run(options, control[1], report[1], server);
	if (*pid < 0) {
		error_set_errno(err, errno, "fork for %.150s", options->path);
		close_pair(control);
		close_pair(report);
		return err->code;
	}
	close(control[1]);
	close(report[1]);
	/* exec closes the pipe: no bytes mean that the worker runs. */
	do {
		got = read(report[0], &errnum, sizeof(errnum));
	} while (got < 0 && errno == EINTR);
	close(report[0]);
	if (got == (ssize_t)sizeof(errnum)) {
		close(control[0]);
		return error_set_errno(
		    err, errnum, "start %.150s", options->path);
	}
	CHECK(fcntl(control[0], F_SETFL, O_NONBLOCK) == 0);
	*control_fd = control[0];
	return STATUS_OK;
}
