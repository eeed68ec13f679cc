/*
 * loop - the one event loop of a worker, over libevent.
 *
 * A turn waits for events, runs their callbacks, then the deferred tasks.
 * Timers are precise to the kernel's timer, and cost no system call unless
 * they become the earliest.
 *
 * Failure    Creating anything aborts when the kernel has no descriptors for
 *            it: that happens at the start of a worker, where nothing is lost.
 * Ownership  Whatever is created on a loop is closed before the loop. Each
 *            may be closed in any callback, its own included; no callback of
 *            it comes afterwards. A loop_task belongs to its owner.
 * Threads    Everything belongs to the loop's thread but loop_wake_send().
 */
#ifndef COMMON_LOOP_LOOP_H
#define COMMON_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/status.h"

/* Tasks that tasks defer run in the same turn, in at most so many rounds. */
#define LOOP_TASK_ROUNDS_MAX 8

struct loop;
struct loop_timer;
struct loop_watch;
struct loop_signal;
struct loop_wake;

/* What a watched descriptor is ready for. */
#define LOOP_READ 1u
#define LOOP_WRITE 2u

/* A task that can be deferred; its owner sets `run` and `context` once. */
struct loop_task {
	void (*run)(void *context);
	void *context;
	bool is_deferred;
	TAILQ_ENTRY(loop_task) link;
};

struct loop *loop_create(void);

/* Turns until loop_stop(); the turn in which it is called is finished. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* NULL is allowed. Tasks that were deferred do not run any more. */
void loop_close(struct loop *loop);

/* CLOCK_MONOTONIC as it was when first asked for in this turn. */
uint64_t loop_now_ns(struct loop *loop);
uint64_t loop_now_ms(struct loop *loop);

/*
 * Runs `task` after the events of this turn, in the order of deferring. A
 * task that is deferred already stays where it is.
 */
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop *loop, struct loop_task *task);

/* A timer fires once each time it is started. */
struct loop_timer *loop_timer_create(
    struct loop *loop, void (*on_expire)(void *context), void *context);

/* Starts, or moves a running timer. Timers due together keep this order. */
void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_start_ns(struct loop_timer *timer, uint64_t delay_ns);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_running(const struct loop_timer *timer);

/* NULL is allowed, also for the closes below. */
void loop_timer_close(struct loop_timer *timer);

/*
 * Watches a descriptor, which stays the caller's and must be open until
 * loop_watch_close(). In each turn `on_ready` is called once for each part
 * of the interest that it is ready for, in no order.
 */
struct loop_watch *loop_watch_create(struct loop *loop, int fd,
    void (*on_ready)(void *context, unsigned ready), void *context);

/* LOOP_READ, LOOP_WRITE, both or 0; at first 0. */
void loop_watch_set(struct loop_watch *watch, unsigned interest);
void loop_watch_close(struct loop_watch *watch);

/* Takes a signal away from its default and brings it to the loop. */
struct loop_signal *loop_signal_create(struct loop *loop, int number,
    void (*on_signal)(void *context), void *context);
void loop_signal_close(struct loop_signal *signal);

/*
 * A bell that other threads ring. After loop_wake_send() there is at least
 * one `on_wake`; several may become one.
 */
struct loop_wake *loop_wake_create(
    struct loop *loop, void (*on_wake)(void *context), void *context);
void loop_wake_send(struct loop_wake *wake);
void loop_wake_close(struct loop_wake *wake);

#endif
