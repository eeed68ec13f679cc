/*
 * background - work off the engine's thread: one thread a lane, jobs in
 * order, their ends delivered back on the engine's thread.
 *
 * A job works on immutable input and private output alone; what is shared is
 * the two queues. Without threads (tests that own the order of things) a job
 * runs inside background_poll(). Lanes yield the processor to whoever answers
 * clients (readers and the writer), where there are not enough.
 *
 * Ownership  A job is borrowed from background_submit() until its on_done.
 * Threads    submit, poll and close belong to the engine's thread; run() is
 *            called on the lane's thread.
 */
#ifndef STORAGED_BACKGROUND_BACKGROUND_H
#define STORAGED_BACKGROUND_BACKGROUND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

struct background;

enum lane {
	LANE_FLUSH, /* short: flushing, files prepared ahead */
	LANE_COMPACT, /* long */
	LANE_SIDE, /* what nobody waits for: checkpoints, scrubbing */
	LANE_COUNT,
};

struct job {
	void (*run)(struct job *job);
	void (*on_done)(struct job *job);
	TAILQ_ENTRY(job) link;
};

struct background *background_create(bool threads);
void background_submit(
    struct background *background, enum lane lane, struct job *job);

/* Delivers on_done for jobs that have ended; true if there was one. */
bool background_poll(struct background *background);

/*
 * Whether some job has ended since, without a system call. A hint: it may be
 * true for nothing, or be a moment late.
 */
bool background_has_ended(const struct background *background);

/* True while a job is queued, running or not yet delivered. */
bool background_busy(const struct background *background);

/* Blocks until some job has ended (returns at once if none is under way). */
void background_wait(struct background *background);

/* Readable while ended jobs wait for background_poll(). */
int background_descriptor(const struct background *background);

/* True in it once close has begun: long jobs look and end early. */
const atomic_bool *background_stop(struct background *background);

/* Ends the threads after the running jobs; queued ones are run too. */
void background_close(struct background *background);

#endif
