#include "storaged/maintenance/task.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/log/log.h"
#include "common/os/clock.h"

/* What fails is tried again after this; the wait doubles up to the most. */
#define RETRY_MS 1000
#define RETRY_DOUBLINGS_MAX 5

/* That more must be free, at least, to try again before the time. */
#define RETRY_FREED_BYTES (1u << 20)

void
task_group_init(struct task_group *group, bool threads)
{
	group->background = background_create(threads);
	CHECK(pthread_mutex_init(&group->lock, NULL) == 0);
	group->unsynced = (struct error){0};
}

void
task_group_deinit(struct task_group *group)
{
	background_close(group->background);
	pthread_mutex_destroy(&group->lock);
}

/* Of this task's own sync, or an earlier one's. */
static enum status
check_synced(struct task *task)
{
	struct task_group *group = task->group;

	pthread_mutex_lock(&group->lock);
	if (group->unsynced.code != STATUS_OK)
		task->status = error_copy(&task->error, &group->unsynced);
	else if (task->status == STATUS_UNSYNCED)
		error_copy(&group->unsynced, &task->error);
	pthread_mutex_unlock(&group->lock);
	return task->status;
}

enum status
task_run(struct task *task)
{
	task->status = STATUS_OK;
	task->error = (struct error){0};
	if (check_synced(task) != STATUS_OK)
		return task->status;
	task->work(task);
	return check_synced(task);
}

static void
run_job(struct job *job)
{
	(void)task_run((struct task *)job);
}

static void
on_job_done(struct job *job)
{
	struct task *task = (struct task *)job;

	task->running = false;
	task->finished = true;
}

void
task_init(struct task *task, struct task_group *group,
    void (*work)(struct task *task))
{
	*task = (struct task){
	    .job = {.run = run_job, .on_done = on_job_done},
	    .group = group,
	    .work = work,
	};
}

void
task_start(struct task *task, enum lane lane)
{
	CHECK(!task->running && !task->finished);
	task->running = true;
	task->begun_ns = clock_monotonic_ns(&clock_system);
	background_submit(task->group->background, lane, &task->job);
}

bool
task_idle(const struct task *task, uint64_t now_ms)
{
	return !task->running && now_ms >= task->retry_ms;
}

bool
task_take_end(struct task *task)
{
	bool finished = task->finished;

	task->finished = false;
	return finished;
}

void
task_went_well(struct task *task)
{
	task->trouble[0] = '\0';
	task->failures = 0;
}

void
task_forget(struct task *task)
{
	task->retry_ms = 0;
	task_went_well(task);
}

enum status
task_failed(struct task *task, const char *what, uint64_t free_bytes,
    uint64_t now_ms, struct error *err)
{
	uint64_t retry_ms = (uint64_t)RETRY_MS << task->failures;

	if (task->status == STATUS_UNSYNCED ||
	    (task->status == STATUS_CORRUPT && !task->outlives_damage)) {
		error_copy(err, &task->error);
		return error_wrap(err, "%s", what);
	}
	if (task->failures < RETRY_DOUBLINGS_MAX)
		task->failures++;
	task->retry_ms = now_ms + retry_ms;
	task->free_bytes = free_bytes;
	snprintf(task->trouble, sizeof(task->trouble), "%s: %.200s", what,
	    task->error.text);
	if (task->status != STATUS_SHUTDOWN)
		log_event(LOG_WARN, "maintenance_failed",
		    "what=%s retry_ms=%" PRIu64 " error=\"%s\"", what, retry_ms,
		    task->error.text);
	return STATUS_OK;
}

void
task_hurry(struct task *task, uint64_t free_bytes, uint64_t now_ms)
{
	uint64_t least = task->free_bytes + task->free_bytes / 4;

	if (task->failures > 0 && task->error.code == STATUS_NO_SPACE &&
	    free_bytes > least + RETRY_FREED_BYTES)
		task->retry_ms = now_ms;
}
