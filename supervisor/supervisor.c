#include "supervisor/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "config/config.h"
#include "supervisor/control_socket.h"
#include "supervisor/data_directory.h"
#include "supervisor/notify.h"
#include "supervisor/report.h"
#include "supervisor/runtime_directory.h"

/* Descriptors of a worker besides its connections: tables, mostly. */
#define FDS_BESIDE_CONNECTIONS 8192
/* A first start is given up after this many deaths by signal in a row. */
#define FIRST_START_FAILURES_MAX 5
#define HEARTBEAT_MS_MAX 1000
#define POLL_MS_MAX 60000
/* Waking up later than this means that we were suspended. */
#define ABSENCE_MS 500

static uint64_t
now(void)
{
	return clock_monotonic_ms(&clock_system);
}

static int
exit_code_of(enum status status)
{
	switch (status) {
	case STATUS_INVALID:
	case STATUS_VERSION:
		return EX_CONFIG;
	case STATUS_BUSY:
	case STATUS_UNAVAILABLE:
		return EX_UNAVAILABLE;
	case STATUS_CONFLICT:
		return EX_NOPERM;
	case STATUS_CORRUPT:
		return EX_DATAERR;
	case STATUS_NOT_FOUND:
		return EX_NOHOST;
	case STATUS_IO:
	case STATUS_NO_SPACE:
	case STATUS_UNSYNCED:
		return EX_IOERR;
	default:
		return EX_SOFTWARE;
	}
}

static enum status
open_directories(
    struct supervisor *supervisor, int *exit_code, struct error *err)
{
	struct runtime_directory_options options = {
	    .path = config_text(supervisor->config, CONFIG_RUNTIME_DIR),
	    .systemd_path = getenv("RUNTIME_DIRECTORY"),
	    .shared_memory = "/dev/shm",
	};
	enum status status = data_directory_open(
	    config_text(supervisor->config, CONFIG_DATA_DIR), &supervisor->data,
	    err);

	if (status != STATUS_OK) {
		*exit_code = status == STATUS_UNAVAILABLE
		    ? EX_CANTCREAT
		    : exit_code_of(status);
		return status;
	}
	options.data_path = data_directory_path(supervisor->data);
	options.store_id = data_directory_store_id(supervisor->data);
	status = runtime_directory_open(&options, &supervisor->runtime, err);
	if (status == STATUS_OK)
		status = data_directory_note_runtime(supervisor->data,
		    runtime_directory_path(supervisor->runtime), err);
	*exit_code = exit_code_of(status);
	if (status == STATUS_OK &&
	    !runtime_directory_is_tmpfs(supervisor->runtime))
		log_event(LOG_WARN, "runtime_on_disk",
		    "path=%s text=\"no tmpfs: memtables cost disk writes; "
		    "mount one on /dev/shm or set runtime_dir\"",
		    runtime_directory_path(supervisor->runtime));
	return status;
}

static enum status
open_listeners(struct supervisor *supervisor, int *exit_code, struct error *err)
{
	static const struct {
		enum worker_role role;
		enum config_key key;
	} doors[] = {
	    {WORKER_HTTP, CONFIG_HTTP_ADDR},
	    {WORKER_TCP, CONFIG_TCP_ADDR},
	    {WORKER_EXPORTER, CONFIG_METRICS_ADDR},
	};

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		struct address address =
		    config_address(supervisor->config, doors[i].key);
		char flag[SCHEMA_NAME_BYTES_MAX];

		snprintf(
		    flag, sizeof(flag), "-%s", schema_key(doors[i].key)->flag);
		if (address.is_off)
			continue;
		if (listen_open(&address, flag,
			&supervisor->listeners[doors[i].role],
			err) != STATUS_OK) {
			*exit_code = exit_code_of(err->code);
			return err->code;
		}
	}
	return STATUS_OK;
}

static enum status
open_children(struct supervisor *supervisor, struct error *err)
{
	const struct config *config = supervisor->config;
	struct restart_policy policy = {
	    .delay_ms = config_number(config, CONFIG_RESTART_DELAY),
	    .delay_ms_max = config_number(config, CONFIG_RESTART_DELAY_MAX),
	};
	uint64_t heartbeat_ms =
	    config_number(config, CONFIG_HEARTBEAT_TIMEOUT) / 4;
	struct plan_facts facts = {
	    .data_path = data_directory_path(supervisor->data),
	    .runtime_path = runtime_directory_path(supervisor->runtime),
	    .store_id = data_directory_store_id(supervisor->data),
	    .node_id = supervisor->node_id,
	    .heartbeat_ms = heartbeat_ms < HEARTBEAT_MS_MAX ? heartbeat_ms
							    : HEARTBEAT_MS_MAX,
	};

	supervisor->plan = plan_create(config, &facts);
	for (size_t i = 0; i < supervisor->plan->worker_count; i++) {
		static const enum metric_place places[] = {
		    [WORKER_STORAGED] = METRIC_PLACE_STORAGED,
		    [WORKER_HTTP] = METRIC_PLACE_FRONTEND,
		    [WORKER_TCP] = METRIC_PLACE_FRONTEND,
		    [WORKER_EXPORTER] = METRIC_PLACE_NONE,
		};
		const struct worker_plan *plan = &supervisor->plan->workers[i];

		if (metrics_segment_create(plan->name, places[plan->role],
			&supervisor->metrics_fds[i], err) != STATUS_OK)
			return err->code;
		supervisor->child_count++;
		if (child_init(&supervisor->children[i], plan, &policy,
			supervisor->metrics_fds[i], err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/* From here on signals come by the descriptor alone. */
static enum status
open_signals(struct supervisor *supervisor, struct error *err)
{
	static const int wanted[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	supervisor->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (supervisor->signal_fd < 0)
		return error_set_errno(
		    err, errno, "create a signal descriptor");
	return STATUS_OK;
}

/* Workers inherit it: connections and tables each need a descriptor. */
static void
raise_limits(const struct supervisor *supervisor)
{
	rlim_t wanted =
	    (rlim_t)(config_number(supervisor->config, CONFIG_CONNECTIONS_MAX) +
		FDS_BESIDE_CONNECTIONS);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	if (limit.rlim_max < wanted) {
		struct rlimit higher = {wanted, wanted};

		/* Root may; anybody else takes what there is. */
		if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
			return;
		log_event(LOG_WARN, "few_descriptors",
		    "limit=%llu wanted=%llu text=\"limits.connections may not "
		    "be reached; raise ulimit -n\"",
		    (unsigned long long)limit.rlim_max,
		    (unsigned long long)wanted);
		wanted = limit.rlim_max;
	}
	limit.rlim_cur = wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum status
find_program_folder(struct supervisor *supervisor, struct error *err)
{
	char *folder = supervisor->program_folder;
	ssize_t size = readlink("/proc/self/exe", folder, PATH_BYTES_MAX - 100);
	char *slash;

	if (size < 0)
		return error_set_errno(err, errno, "read /proc/self/exe");
	folder[size] = '\0';
	slash = strrchr(folder, '/');
	CHECK(slash != NULL);
	*slash = '\0';
	return STATUS_OK;
}

static void
choose_node_id(struct supervisor *supervisor)
{
	const char *text = config_text(supervisor->config, CONFIG_NODE_ID);
	char host[256] = "";

	if (strcmp(text, "auto") == 0) {
		(void)gethostname(host, sizeof(host) - 1);
		text = host;
	}
	snprintf(
	    supervisor->node_id, sizeof(supervisor->node_id), "%.64s", text);
}

enum status
supervisor_open(struct supervisor *supervisor, const struct config *config,
    const char *program_name, int *exit_code, struct error *err)
{
	char path[PATH_BYTES_MAX];

	*supervisor = (struct supervisor){.config = config,
	    .program_name = program_name,
	    .signal_fd = -1,
	    .started_ms = now()};
	for (size_t i = 0; i < WORKER_ROLE_COUNT; i++)
		supervisor->listeners[i] = -1;
	for (size_t i = 0; i < PLAN_WORKERS_MAX; i++)
		supervisor->metrics_fds[i] = -1;
	umask(0027);
	raise_limits(supervisor);
	choose_node_id(supervisor);
	/*
	 * The data directory first: once its lock is ours, no worker of an
	 * earlier server lives that could still hold a port.
	 */
	if (open_directories(supervisor, exit_code, err) != STATUS_OK ||
	    open_listeners(supervisor, exit_code, err) != STATUS_OK)
		return err->code;
	*exit_code = EX_OSERR;
	if (find_program_folder(supervisor, err) != STATUS_OK ||
	    open_children(supervisor, err) != STATUS_OK ||
	    open_signals(supervisor, err) != STATUS_OK)
		return err->code;
	path_join(
	    path, runtime_directory_path(supervisor->runtime), "control.sock");
	return control_socket_open(
	    path, report_on_request, supervisor, &supervisor->control, err);
}

bool
supervisor_is_whole(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->child_count; i++) {
		if (supervisor->children[i].state != CHILD_READY)
			return false;
	}
	return true;
}

/* Begins an orderly end. `exit_code` is what the server ends with. */
static void
begin_stop(struct supervisor *supervisor, int exit_code)
{
	if (supervisor->state == SUPERVISOR_STOPPING)
		return;
	supervisor->state = SUPERVISOR_STOPPING;
	supervisor->exit_code = exit_code;
	supervisor->kill_ms =
	    now() + config_number(supervisor->config, CONFIG_STOP_TIMEOUT);
	notify_stopping();
	log_event(LOG_INFO, "stopping", "exit_code=%d", exit_code);
}

static void
kill_all(struct supervisor *supervisor)
{
	if (supervisor->is_killing)
		return;
	supervisor->is_killing = true;
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *child = &supervisor->children[i];

		child_stop(child, false, now(), now());
		if (child_is_running(child))
			log_event(LOG_WARN, "worker_killed", "worker=%s",
			    child->plan->name);
		child_kill(child);
	}
}

static void
on_first_start_failed(
    struct supervisor *supervisor, const struct child *child, int exit_code)
{
	log_event(LOG_ERROR, "start_failed",
	    "worker=%s exit=\"%s\" text=\"starting it again will not help; "
	    "its own lines above say why\"",
	    child->plan->name, child->last_exit);
	begin_stop(supervisor, exit_code);
}

static void
start_child(struct supervisor *supervisor, struct child *child)
{
	int fds[PLAN_FDS_MAX];
	char path[PATH_BYTES_MAX];
	const struct worker_plan *plan = child->plan;
	struct child_options options = {
	    .path = path, .fds = fds, .fd_count = plan->fd_count};
	struct error err;

	path_join(path, supervisor->program_folder, plan->program);
	for (size_t i = 0; i < plan->fd_count; i++) {
		switch (plan->fds[i].kind) {
		case PLAN_FD_LOCK:
			fds[i] = data_directory_lock_fd(supervisor->data);
			break;
		case PLAN_FD_LISTENER:
			fds[i] = supervisor->listeners[plan->fds[i].which];
			break;
		case PLAN_FD_METRICS:
			fds[i] = supervisor->metrics_fds[plan->fds[i].which];
			break;
		}
	}
	if (child_start(child, &options, now(), &err) == STATUS_OK)
		return;
	log_event(LOG_ERROR, "worker_not_started", "worker=%s error=\"%s\"",
	    plan->name, err.text);
	if (supervisor->state == SUPERVISOR_STARTING)
		on_first_start_failed(supervisor, child, EX_OSFILE);
}

void
supervisor_restart(struct supervisor *supervisor, struct child *child)
{
	uint64_t patience_ms =
	    config_number(supervisor->config, CONFIG_STOP_TIMEOUT);

	child_stop(child, true, now(), now() + patience_ms);
}

static void
on_child_exit(struct supervisor *supervisor, struct child *child, int status)
{
	bool is_again = child->is_again;
	enum child_exit how = child_on_exit(child, status, now());

	if (supervisor->state == SUPERVISOR_STOPPING) {
		child_stop(child, false, now(), now());
		return;
	}
	if (how == CHILD_EXIT_WANTED && is_again) {
		start_child(supervisor, child);
		return;
	}
	if (supervisor->state != SUPERVISOR_STARTING)
		notify_status("degraded: a worker is being restarted");
	else if (how == CHILD_EXIT_REFUSED)
		on_first_start_failed(supervisor, child, child->exit_code);
	else if (child->policy.failures >= FIRST_START_FAILURES_MAX)
		on_first_start_failed(supervisor, child, EX_SOFTWARE);
}

static void
reap(struct supervisor *supervisor)
{
	pid_t pid;
	int status;

	/* Also those that are nobody's, since we may be process 1. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < supervisor->child_count; i++) {
			struct child *child = &supervisor->children[i];

			if (child->pid != pid)
				continue;
			/* Its last words may tell that it was ready. */
			(void)child_on_readable(child, now());
			on_child_exit(supervisor, child, status);
			break;
		}
	}
}

static void
on_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signal_fd, &info, sizeof(info)) ==
	    (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (supervisor->state == SUPERVISOR_STOPPING) {
			supervisor->exit_code = EXIT_FAILURE;
			kill_all(supervisor);
		} else {
			begin_stop(supervisor, EXIT_SUCCESS);
		}
	}
	/* Several SIGCHLD may have become one. */
	reap(supervisor);
}

static void
announce_ready(const struct supervisor *supervisor)
{
	struct buffer text = {0};
	ssize_t ignored;

	notify_ready("all workers are ready");
	if (notify_is_wanted())
		return;
	report_banner(supervisor, &text);
	ignored =
	    write(STDOUT_FILENO, text.data + text.start, buffer_size(&text));
	(void)ignored;
	buffer_deinit(&text);
}

static void
on_child_ready(struct supervisor *supervisor, const struct child *child)
{
	/* The others read what storaged has published. */
	if (supervisor->state == SUPERVISOR_STARTING &&
	    child->plan->role == WORKER_STORAGED) {
		for (size_t i = 0; i < supervisor->child_count; i++) {
			struct child *other = &supervisor->children[i];

			if (other->state == CHILD_STOPPED)
				start_child(supervisor, other);
		}
	}
	if (supervisor->state == SUPERVISOR_STOPPING ||
	    !supervisor_is_whole(supervisor))
		return;
	if (supervisor->state == SUPERVISOR_STARTING) {
		supervisor->state = SUPERVISOR_SERVING;
		log_event(LOG_INFO, "ready", "ms=%" PRIu64,
		    now() - supervisor->started_ms);
		announce_ready(supervisor);
	} else {
		notify_status("all workers are ready");
	}
}

/* Stops the workers of the current step; true when all have ended. */
static bool
advance_stop(struct supervisor *supervisor)
{
	for (; supervisor->stop_step < PLAN_STOP_STEPS;
	     supervisor->stop_step++) {
		bool is_done = true;

		for (size_t i = 0; i < supervisor->child_count; i++) {
			struct child *child = &supervisor->children[i];

			if (plan_stop_step(child->plan->role) !=
			    supervisor->stop_step)
				continue;
			child_stop(child, false, now(), supervisor->kill_ms);
			is_done = is_done && child->state == CHILD_STOPPED;
		}
		if (!is_done)
			return false;
	}
	return true;
}

/* Does what is due for one worker, and lowers *next_ms to what comes next. */
static void
run_child_timer(struct supervisor *supervisor, struct child *child,
    uint64_t now_ms, uint64_t *next_ms)
{
	uint64_t silence_ms =
	    config_number(supervisor->config, CONFIG_HEARTBEAT_TIMEOUT);
	uint64_t due_ms = UINT64_MAX;

	switch (child->state) {
	case CHILD_WAITING:
		if (now_ms >= child->due_ms)
			start_child(supervisor, child);
		if (child->state == CHILD_WAITING)
			due_ms = child->due_ms;
		break;
	case CHILD_STOPPING:
		due_ms = child->due_ms;
		if (now_ms >= due_ms) {
			log_event(LOG_WARN, "worker_killed",
			    "worker=%s text=\"it did not stop in time\"",
			    child->plan->name);
			child_kill(child);
			child->due_ms = due_ms = UINT64_MAX;
		}
		break;
	case CHILD_READY:
		due_ms = child->heard_ms + silence_ms;
		if (now_ms >= due_ms) {
			log_event(LOG_ERROR, "worker_stuck",
			    "worker=%s silent_ms=%" PRIu64, child->plan->name,
			    now_ms - child->heard_ms);
			child_kill(child);
			child->heard_ms = now_ms;
			due_ms = UINT64_MAX;
		}
		break;
	case CHILD_STARTING: /* recovery takes the time it takes */
	case CHILD_STOPPED:
		break;
	}
	if (due_ms < *next_ms)
		*next_ms = due_ms;
}

/*
 * After the machine or this process was suspended all workers look silent,
 * though they had no more time than we: their time begins anew.
 */
static void
forgive_absence(struct supervisor *supervisor, uint64_t now_ms)
{
	if (supervisor->wake_ms == 0 ||
	    now_ms < supervisor->wake_ms + ABSENCE_MS)
		return;
	log_event(LOG_WARN, "was_suspended", "ms=%" PRIu64,
	    now_ms - supervisor->wake_ms);
	for (size_t i = 0; i < supervisor->child_count; i++)
		supervisor->children[i].heard_ms = now_ms;
}

/* Does what is due; returns how long poll(2) may wait. */
static int
run_timers(struct supervisor *supervisor)
{
	uint64_t alive_interval_ms = notify_alive_interval_ms();
	uint64_t now_ms = now();
	uint64_t next_ms = now_ms + POLL_MS_MAX;

	forgive_absence(supervisor, now_ms);
	for (size_t i = 0; i < supervisor->child_count; i++)
		run_child_timer(
		    supervisor, &supervisor->children[i], now_ms, &next_ms);
	if (alive_interval_ms > 0) {
		if (now_ms >= supervisor->alive_due_ms) {
			notify_alive();
			supervisor->alive_due_ms = now_ms + alive_interval_ms;
		}
		if (supervisor->alive_due_ms < next_ms)
			next_ms = supervisor->alive_due_ms;
	}
	if (supervisor->state == SUPERVISOR_STOPPING &&
	    !supervisor->is_killing) {
		if (now_ms >= supervisor->kill_ms)
			kill_all(supervisor);
		else if (supervisor->kill_ms < next_ms)
			next_ms = supervisor->kill_ms;
	}
	now_ms = now();
	supervisor->wake_ms = next_ms > now_ms ? next_ms : now_ms;
	return (int)(supervisor->wake_ms - now_ms);
}

/* Waits for something to happen, and sees to it. */
static void
turn(struct supervisor *supervisor, int timeout_ms)
{
	struct pollfd fds[1 + CONTROL_SOCKET_POLL_MAX + PLAN_WORKERS_MAX];
	struct pollfd *child_fds;
	size_t count = 1;

	fds[0] = (struct pollfd){.fd = supervisor->signal_fd, .events = POLLIN};
	count += control_socket_prepare_poll(supervisor->control, fds + 1);
	child_fds = fds + count;
	for (size_t i = 0; i < supervisor->child_count; i++)
		fds[count++] = (struct pollfd){
		    .fd = supervisor->children[i].control_fd, .events = POLLIN};
	if (poll(fds, count, timeout_ms) < 0) {
		CHECK(errno == EINTR);
		return;
	}
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *child = &supervisor->children[i];

		if (child_fds[i].revents != 0 &&
		    child_on_readable(child, now()))
			on_child_ready(supervisor, child);
	}
	if (fds[0].revents != 0)
		on_signals(supervisor);
	control_socket_on_poll(supervisor->control, fds + 1);
}

int
supervisor_run(struct supervisor *supervisor)
{
	/* storaged alone at first; on_child_ready starts the others. */
	start_child(supervisor, &supervisor->children[0]);
	for (;;) {
		int timeout_ms = run_timers(supervisor);

		if (supervisor->state == SUPERVISOR_STOPPING &&
		    advance_stop(supervisor))
			break;
		turn(supervisor, timeout_ms);
	}
	log_event(LOG_INFO, "stopped", "exit_code=%d", supervisor->exit_code);
	return supervisor->exit_code;
}

/* After an early failure there may be processes that nobody waited for. */
static void
reap_all(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *child = &supervisor->children[i];
		int status;

		if (!child_is_running(child))
			continue;
		child_stop(child, false, now(), now());
		child_kill(child);
		if (waitpid(child->pid, &status, 0) == child->pid)
			(void)child_on_exit(child, status, now());
	}
}

void
supervisor_close(struct supervisor *supervisor)
{
	reap_all(supervisor);
	for (size_t i = 0; i < supervisor->child_count; i++)
		child_deinit(&supervisor->children[i]);
	for (size_t i = 0; i < PLAN_WORKERS_MAX; i++) {
		if (supervisor->metrics_fds[i] >= 0)
			close(supervisor->metrics_fds[i]);
	}
	for (size_t i = 0; i < WORKER_ROLE_COUNT; i++) {
		if (supervisor->listeners[i] >= 0)
			close(supervisor->listeners[i]);
	}
	if (supervisor->signal_fd >= 0)
		close(supervisor->signal_fd);
	control_socket_close(supervisor->control);
	plan_close(supervisor->plan);
	runtime_directory_close(supervisor->runtime);
	data_directory_close(supervisor->data);
}
