#include "tests/support/ipc/ipc_peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/base/check.h"
#include "common/loop/loop.h"
#include "tests/support/suite.h"

#define PATIENCE_MS 10000

/* The library loses a connection that is being made when it is to close. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:nng_dial\nleak:nng_listener_create\nleak:start_thread\n";
}

static void
on_hang(int number)
{
	static const char text[] = "a call did not return in time\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) >= 0)
		abort();
	_exit(EXIT_FAILURE);
}

void
peer_guard_start(void)
{
	signal(SIGALRM, on_hang);
	alarm(PATIENCE_MS / 1000);
}

void
peer_guard_stop(void)
{
	alarm(0);
}

static void
on_request(void *context, struct ipc_request *request, enum ipc_type type,
    struct slice payload)
{
	struct answering *answering = context;

	CHECK(type == IPC_WRITE);
	if (slice_equal(payload, slice_of_string("silence")))
		return;
	if (slice_equal(payload, slice_of_string("sleep")))
		usleep(200000);
	CHECK(answering->count < IPC_REQUESTS_MAX);
	answering->requests[answering->count] = request;
	answering->payloads[answering->count] = payload;
	answering->count++;
}

static void
on_turn_end(void *context)
{
	struct answering *answering = context;

	answering->turns++;
	for (unsigned i = 0; i < answering->count; i++) {
		struct buffer reply = {0};

		buffer_append_byte(&reply, (uint8_t)answering->count);
		buffer_append_slice(&reply, answering->payloads[i]);
		ipc_request_reply(
		    answering->requests[i], STATUS_OK, buffer_slice(&reply));
		buffer_deinit(&reply);
	}
	answering->count = 0;
	if (answering->is_leaving)
		loop_stop(answering->loop);
}

enum status
answering_init(struct answering *answering, struct loop *loop, const char *path,
    struct error *err)
{
	struct ipc_server_options options = {.path = path,
	    .on_request = on_request,
	    .on_turn_end = on_turn_end,
	    .context = answering};

	*answering = (struct answering){.loop = loop};
	return ipc_server_create(loop, &options, &answering->server, err);
}

int
answering_serve(const char *path, bool is_leaving, unsigned long delay_us)
{
	struct answering answering;
	struct loop *loop = loop_create();
	struct error err;

	if (answering_init(&answering, loop, path, &err) != STATUS_OK) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	answering.is_leaving = is_leaving;
	loop_run(loop);
	peer_guard_start();
	usleep((useconds_t)delay_us);
	ipc_server_close(answering.server);
	loop_close(loop);
	return EXIT_SUCCESS;
}

pid_t
peer_start(const char *what, const char *path, unsigned number)
{
	pid_t parent = getpid();
	char text[20];
	pid_t child;

	snprintf(text, sizeof(text), "%u", number);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
		    getppid() == parent)
			execl("/proc/self/exe", "ipc_peer", what, path, text,
			    (char *)NULL);
		_exit(127);
	}
	return child;
}

pid_t
peer_serve(const char *path)
{
	return peer_start("--serve", path, 0);
}

void
peer_kill(pid_t child)
{
	peer_guard_start();
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	peer_guard_stop();
}

bool
peer_ends_well(pid_t child)
{
	int status;

	/* It has bounds of its own, which say more. */
	peer_guard_start();
	alarm(3 * PATIENCE_MS / 1000);
	CHECK(waitpid(child, &status, 0) == child);
	peer_guard_stop();
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static void
stop_if_done(struct asking *asking)
{
	if (asking->done == NULL || --*asking->done == 0)
		loop_stop(asking->loop);
}

static void
on_ready(void *context, uint64_t incarnation)
{
	struct asking *asking = context;

	asking->ready++;
	asking->incarnation = incarnation;
	stop_if_done(asking);
}

static void
on_reply(void *context, enum status status, struct slice payload)
{
	struct asking *asking = context;

	asking->replies++;
	asking->status = status;
	buffer_clear(&asking->reply, SIZE_MAX);
	buffer_append_slice(&asking->reply, payload);
	stop_if_done(asking);
}

static void
on_lost(void *context)
{
	struct asking *asking = context;

	asking->lost++;
	CHECK(!ipc_client_is_ready(asking->client));
	stop_if_done(asking);
}

static void
on_impatient(void *context)
{
	struct asking *asking = context;

	asking->is_late = true;
	loop_stop(asking->loop);
}

void
asking_init(struct asking *asking, struct loop *loop, const char *path)
{
	struct ipc_client_options options = {.path = path,
	    .on_ready = on_ready,
	    .on_reply = on_reply,
	    .on_lost = on_lost,
	    .context = asking};
	struct error err;

	*asking = (struct asking){.loop = loop};
	asking->patience = loop_timer_create(loop, on_impatient, asking);
	CHECK(ipc_client_create(loop, &options, &asking->client, &err) ==
	    STATUS_OK);
}

void
asking_deinit(struct asking *asking)
{
	peer_guard_start();
	ipc_client_close(asking->client);
	peer_guard_stop();
	loop_timer_close(asking->patience);
	buffer_deinit(&asking->reply);
}

bool
asking_event(struct asking *asking)
{
	asking->is_late = false;
	loop_timer_start(asking->patience, PATIENCE_MS);
	loop_run(asking->loop);
	loop_timer_stop(asking->patience);
	return !asking->is_late;
}

void
asking_await(struct asking *asking)
{
	CU_ASSERT_TRUE_FATAL(asking_event(asking));
}
