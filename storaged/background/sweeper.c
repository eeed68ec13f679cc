#include "storaged/background/sweeper.h"

#include <pthread.h>
#include <sys/queue.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/os/path.h"

struct rubbish {
	struct memtable_writer *memtable; /* or NULL */
	char *path; /* owned */
	STAILQ_ENTRY(rubbish) link;
};

struct sweeper {
	struct file_system *fs; /* borrowed */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t arrived;
	STAILQ_HEAD(, rubbish) queue;
	bool ending;
};

static void
sweep(struct sweeper *sweeper, struct rubbish *rubbish)
{
	struct error ignored;

	memtable_writer_close(rubbish->memtable);
	(void)!path_remove(sweeper->fs, rubbish->path, &ignored);
	mem_free(rubbish->path);
	mem_free(rubbish);
}

/* NULL when the queue is empty and nothing more will come. */
static struct rubbish *
next(struct sweeper *sweeper)
{
	struct rubbish *first;

	pthread_mutex_lock(&sweeper->mutex);
	while (STAILQ_EMPTY(&sweeper->queue) && !sweeper->ending)
		pthread_cond_wait(&sweeper->arrived, &sweeper->mutex);
	first = STAILQ_FIRST(&sweeper->queue);
	if (first != NULL)
		STAILQ_REMOVE_HEAD(&sweeper->queue, link);
	pthread_mutex_unlock(&sweeper->mutex);
	return first;
}

static void *
sweeper_main(void *argument)
{
	struct sweeper *sweeper = argument;
	struct rubbish *rubbish;

	while ((rubbish = next(sweeper)) != NULL)
		sweep(sweeper, rubbish);
	return NULL;
}

struct sweeper *
sweeper_create(struct file_system *fs, bool thread)
{
	struct sweeper *sweeper = mem_new(sizeof(*sweeper));

	sweeper->fs = fs;
	sweeper->has_thread = thread;
	STAILQ_INIT(&sweeper->queue);
	CHECK(pthread_mutex_init(&sweeper->mutex, NULL) == 0);
	CHECK(pthread_cond_init(&sweeper->arrived, NULL) == 0);
	if (thread)
		CHECK(pthread_create(
			  &sweeper->thread, NULL, sweeper_main, sweeper) == 0);
	return sweeper;
}

void
sweeper_add(
    struct sweeper *sweeper, struct memtable_writer *memtable, const char *path)
{
	struct rubbish *rubbish = mem_new(sizeof(*rubbish));

	rubbish->memtable = memtable;
	rubbish->path = mem_dup_string(path);
	if (!sweeper->has_thread) {
		sweep(sweeper, rubbish);
		return;
	}
	pthread_mutex_lock(&sweeper->mutex);
	STAILQ_INSERT_TAIL(&sweeper->queue, rubbish, link);
	pthread_cond_signal(&sweeper->arrived);
	pthread_mutex_unlock(&sweeper->mutex);
}

void
sweeper_close(struct sweeper *sweeper)
{
	if (sweeper == NULL)
		return;
	if (sweeper->has_thread) {
		pthread_mutex_lock(&sweeper->mutex);
		sweeper->ending = true;
		pthread_cond_signal(&sweeper->arrived);
		pthread_mutex_unlock(&sweeper->mutex);
		CHECK(pthread_join(sweeper->thread, NULL) == 0);
	}
	CHECK(pthread_cond_destroy(&sweeper->arrived) == 0);
	CHECK(pthread_mutex_destroy(&sweeper->mutex) == 0);
	mem_free(sweeper);
}
