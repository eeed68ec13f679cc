/*
 * worker - the skeleton of every process that the supervisor starts.
 *
 * worker_main() takes the settings from the supervisor, opens the log, starts
 * to count into the worker's metrics segment, and runs the loop; what the
 * worker does is in its job's callbacks. It sends heartbeats, answers STATUS,
 * and on STOP (or SIGTERM) lets the job finish within the time that the
 * settings give. The terminal's SIGINT and SIGHUP are ignored, since the
 * supervisor decides; if the supervisor dies, so does the worker, at once.
 *
 * Threads  All callbacks are on the loop's thread.
 */
#ifndef COMMON_WORKER_WORKER_H
#define COMMON_WORKER_WORKER_H

#include "common/base/buffer.h"
#include "common/base/status.h"

struct loop;
struct settings;
struct worker;

struct worker_job {
	/*
	 * Builds what the worker needs, on worker_loop(). It calls
	 * worker_ready(), then or later. A failure is logged and ends the
	 * process; on_close follows it too.
	 */
	enum status (*on_start)(
	    void *context, struct worker *worker, struct error *err);
	/* Finish what is at hand, then call worker_stopped(). */
	void (*on_stop)(void *context, struct worker *worker);
	/* Appends a JSON object that tells how it is. */
	void (*on_status)(void *context, struct buffer *json);
	/* Takes down what on_start built, also half of it. */
	void (*on_close)(void *context);
};

/* The whole of a worker's main(); returns its exit code (sysexits). */
int worker_main(const struct worker_job *job, void *context);

struct loop *worker_loop(struct worker *worker);
const struct settings *worker_settings(struct worker *worker);

/* Tells the supervisor that the worker serves. Once. */
void worker_ready(struct worker *worker);

/* The job has finished: the loop ends. */
void worker_stopped(struct worker *worker);

/* Something is broken for good: logs it and ends with a failure. */
void worker_fail(struct worker *worker, const struct error *err);

#endif
