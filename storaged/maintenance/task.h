/*
 * task - one kind of background work: its job, how it went, and when it may be
 * tried again.
 *
 * Failure  What may pass is tried again after a wait that doubles. A failed
 *          sync does not pass: the disk is not to be trusted with anything
 *          more, and no task of the group begins after one; recovery finds
 *          out what the disk has, from the files alone.
 * Threads  The engine's, but for task_run() and `work`, on a lane's.
 */
#ifndef STORAGED_MAINTENANCE_TASK_H
#define STORAGED_MAINTENANCE_TASK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "storaged/background/background.h"

/* The tasks of one store. */
struct task_group {
	struct background *background;
	pthread_mutex_t lock;
	struct error unsynced; /* the first failed sync; under `lock` */
};

struct task {
	struct job job; /* first: a job is cast back to its task */
	struct task_group *group;
	/* Does it, on a lane's thread; sets `status` and `error`. */
	void (*work)(struct task *task);
	bool outlives_damage; /* what is damaged is left alone from then on */
	bool running;
	bool finished; /* ended, and its outcome not yet taken in */
	uint64_t retry_ms;
	unsigned failures; /* since it last went well */
	uint64_t free_bytes; /* on the disk, when it last failed */
	uint64_t begun_ns;
	enum status status;
	struct error error;
	char trouble[ERROR_TEXT_BYTES_MAX]; /* "" since it last went well */
};

void task_group_init(struct task_group *group, bool threads);
/* Ends the running work, and runs what is queued. */
void task_group_deinit(struct task_group *group);

void task_init(struct task *task, struct task_group *group,
    void (*work)(struct task *task));
void task_start(struct task *task, enum lane lane);

/* Works on the caller's thread. */
enum status task_run(struct task *task);
bool task_idle(const struct task *task, uint64_t now_ms);

/* True once for each end. */
bool task_take_end(struct task *task);
void task_went_well(struct task *task);

/* Forgets failures: it may be tried again at once. */
void task_forget(struct task *task);

/*
 * Notes a failure that may pass; gives back one that will not: a failed sync,
 * and damage unless it outlives that. `free_bytes` are what the disk has.
 */
enum status task_failed(struct task *task, const char *what,
    uint64_t free_bytes, uint64_t now_ms, struct error *err);

/* It failed for want of space: tries at once if there is clearly more now. */
void task_hurry(struct task *task, uint64_t free_bytes, uint64_t now_ms);

#endif
