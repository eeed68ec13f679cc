#include "common/os/bus_guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "common/base/check.h"

/* The innermost guard of this thread; the handler's only way back. */
static _Thread_local sigjmp_buf *volatile innermost;

static void
on_bus_error(int number, siginfo_t *info, void *context)
{
	sigjmp_buf *guard = innermost;

	/* Positive codes come from the kernel; kill(2) sends none of them. */
	if (guard != NULL && info->si_code > 0 && info->si_code != BUS_ADRALN) {
		/*
		 * The jump restores no signal mask, since saving one would
		 * cost a system call each run. It is put back here instead.
		 */
		const ucontext_t *interrupted = context;

		(void)pthread_sigmask(
		    SIG_SETMASK, &interrupted->uc_sigmask, NULL);
		siglongjmp(*guard, 1);
	}
	/* Returning runs the same instruction again, without a handler. */
	(void)signal(number, SIG_DFL);
	if (info->si_code <= 0)
		(void)raise(number);
}

void
bus_guard_install(void)
{
	struct sigaction action = {0};

	action.sa_sigaction = on_bus_error;
	action.sa_flags = SA_SIGINFO;
	CHECK(sigemptyset(&action.sa_mask) == 0);
	CHECK(sigaction(SIGBUS, &action, NULL) == 0);
}

enum status
bus_guard_run(enum status (*read)(void *context, struct error *err),
    void *context, struct error *err)
{
	sigjmp_buf here;
	sigjmp_buf *const outer = innermost;
	enum status status;

	CHECK(read != NULL);
	if (sigsetjmp(here, 0) != 0) {
		innermost = outer;
		return error_set(
		    err, STATUS_IO, "a mapped file could not be read");
	}
	innermost = &here;
	status = read(context, err);
	innermost = outer;
	return status;
}
