#include "storaged/background/background.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/*
 * How much less of a processor a lane gets than who answers clients, where
 * there are not enough for all: about a third. What lags behind then is
 * debt, and admission spreads that over the writers.
 */
#define LANE_NICE 5

TAILQ_HEAD(job_queue, job);

struct background {
	pthread_mutex_t mutex; /* guards the queues and `ending` */
	pthread_cond_t arrived;
	struct job_queue queued[LANE_COUNT];
	struct job_queue done;
	bool ending;
	atomic_bool ended; /* a hint: a job waits in `done` */
	atomic_bool stopping;
	bool threads;
	int descriptor;
	size_t under_way; /* the engine's thread alone: not yet delivered */
	struct lane_thread {
		struct background *background;
		enum lane lane;
		pthread_t thread;
	} lanes[LANE_COUNT];
};

static void
finish(struct background *background, struct job *job)
{
	uint64_t one = 1;

	pthread_mutex_lock(&background->mutex);
	TAILQ_INSERT_TAIL(&background->done, job, link);
	pthread_mutex_unlock(&background->mutex);
	atomic_store_explicit(&background->ended, true, memory_order_relaxed);
	CHECK(write(background->descriptor, &one, sizeof(one)) == sizeof(one));
}

static struct job *
next_job(struct background *background, enum lane lane)
{
	struct job_queue *queue = &background->queued[lane];
	struct job *job;

	pthread_mutex_lock(&background->mutex);
	while (TAILQ_EMPTY(queue) && !background->ending)
		pthread_cond_wait(&background->arrived, &background->mutex);
	job = TAILQ_FIRST(queue);
	if (job != NULL)
		TAILQ_REMOVE(queue, job, link);
	pthread_mutex_unlock(&background->mutex);
	return job;
}

/* Advice: a thread that may not be nice works on like the others. */
static void
let_others_go_first(void)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), LANE_NICE);
}

static void *
lane_main(void *argument)
{
	struct lane_thread *lane = argument;
	struct job *job;

	let_others_go_first();
	while ((job = next_job(lane->background, lane->lane)) != NULL) {
		job->run(job);
		finish(lane->background, job);
	}
	return NULL;
}

struct background *
background_create(bool threads)
{
	struct background *background = mem_new(sizeof(*background));

	background->threads = threads;
	background->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(background->descriptor >= 0);
	CHECK(pthread_mutex_init(&background->mutex, NULL) == 0);
	CHECK(pthread_cond_init(&background->arrived, NULL) == 0);
	TAILQ_INIT(&background->done);
	for (int i = 0; i < LANE_COUNT; i++) {
		struct lane_thread *lane = &background->lanes[i];

		TAILQ_INIT(&background->queued[i]);
		lane->background = background;
		lane->lane = (enum lane)i;
		if (threads)
			CHECK(pthread_create(
				  &lane->thread, NULL, lane_main, lane) == 0);
	}
	return background;
}

void
background_submit(
    struct background *background, enum lane lane, struct job *job)
{
	background->under_way++;
	pthread_mutex_lock(&background->mutex);
	TAILQ_INSERT_TAIL(&background->queued[lane], job, link);
	pthread_cond_broadcast(&background->arrived);
	pthread_mutex_unlock(&background->mutex);
}

/* Without threads: everything queued so far, in lane order. */
static void
run_inline(struct background *background)
{
	for (int i = 0; i < LANE_COUNT; i++) {
		struct job *job = TAILQ_FIRST(&background->queued[i]);

		if (job == NULL)
			continue;
		TAILQ_REMOVE(&background->queued[i], job, link);
		job->run(job);
		finish(background, job);
	}
}

bool
background_poll(struct background *background)
{
	struct job_queue done = TAILQ_HEAD_INITIALIZER(done);
	struct job *job;
	uint64_t count;
	bool any = false;

	if (!background->threads)
		run_inline(background);
	if (read(background->descriptor, &count, sizeof(count)) < 0) {
		CHECK(errno == EAGAIN);
		return false;
	}
	atomic_store_explicit(&background->ended, false, memory_order_relaxed);
	pthread_mutex_lock(&background->mutex);
	TAILQ_CONCAT(&done, &background->done, link);
	pthread_mutex_unlock(&background->mutex);
	while ((job = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, job, link);
		background->under_way--;
		any = true;
		job->on_done(job);
	}
	return any;
}

bool
background_has_ended(const struct background *background)
{
	return atomic_load_explicit(&background->ended, memory_order_relaxed);
}

bool
background_busy(const struct background *background)
{
	return background->under_way > 0;
}

void
background_wait(struct background *background)
{
	struct pollfd descriptor = {background->descriptor, POLLIN, 0};

	if (background->threads && background->under_way > 0)
		(void)poll(&descriptor, 1, -1);
}

int
background_descriptor(const struct background *background)
{
	return background->descriptor;
}

const atomic_bool *
background_stop(struct background *background)
{
	return &background->stopping;
}

void
background_close(struct background *background)
{
	if (background == NULL)
		return;
	atomic_store_explicit(
	    &background->stopping, true, memory_order_relaxed);
	pthread_mutex_lock(&background->mutex);
	background->ending = true;
	pthread_cond_broadcast(&background->arrived);
	pthread_mutex_unlock(&background->mutex);
	for (int i = 0; background->threads && i < LANE_COUNT; i++)
		CHECK(pthread_join(background->lanes[i].thread, NULL) == 0);
	while (background_busy(background))
		(void)background_poll(background);
	close(background->descriptor);
	pthread_cond_destroy(&background->arrived);
	pthread_mutex_destroy(&background->mutex);
	mem_free(background);
}
