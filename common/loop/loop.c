#include "common/loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer_heap.h"
#include "common/os/clock.h"

TAILQ_HEAD(task_list, loop_task);

/*
 * libevent's own timers are either coarse or set the kernel's timer in every
 * turn. Ours set it only when an earlier deadline appears: stopping or moving
 * the earliest timer leaves the kernel's as it is, at the price of one turn
 * that finds nothing due.
 */
struct loop {
	struct event_base *base;
	struct task_list tasks;
	struct timer_heap timers;
	struct event timer_event;
	int timer_fd;
	uint64_t timer_armed_ns; /* what timer_fd is set to; 0: nothing */
	uint64_t now_ns; /* 0: not asked for in this turn */
	bool is_stopped;
};

struct loop_timer {
	struct loop *loop;
	void (*on_expire)(void *context);
	void *context;
	size_t place; /* in the loop's heap */
};

struct loop_watch {
	struct event read_event;
	struct event write_event;
	unsigned interest;
	void (*on_ready)(void *context, unsigned ready);
	void *context;
};

struct loop_signal {
	struct event event;
	void (*on_signal)(void *context);
	void *context;
};

struct loop_wake {
	struct event event;
	int fd;
	atomic_bool is_rung; /* set by any thread, cleared by the loop's */
	void (*on_wake)(void *context);
	void *context;
};

static void on_timer_fd(evutil_socket_t fd, short what, void *context);
static void tasks_run(struct loop *loop);

/* Errors that event_add has are those of the kernel's tables being full. */
static void
event_start(struct event *event)
{
	CHECK(event_add(event, NULL) == 0);
}

struct loop *
loop_create(void)
{
	struct loop *loop = mem_new(sizeof(*loop));
	struct event_config *config = event_config_new();

	CHECK(config != NULL);
	CHECK(event_config_set_flag(config,
		  EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
		      EVENT_BASE_FLAG_NO_CACHE_TIME) == 0);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	CHECK(loop->base != NULL);
	TAILQ_INIT(&loop->tasks);
	loop->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	CHECK(loop->timer_fd >= 0);
	CHECK(event_assign(&loop->timer_event, loop->base, loop->timer_fd,
		  EV_READ | EV_PERSIST, on_timer_fd, loop) == 0);
	event_start(&loop->timer_event);
	return loop;
}

void
loop_run(struct loop *loop)
{
	loop->is_stopped = false;
	while (!loop->is_stopped) {
		int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

		if (!TAILQ_EMPTY(&loop->tasks))
			flags |= EVLOOP_NONBLOCK;
		loop->now_ns = 0;
		CHECK(event_base_loop(loop->base, flags) >= 0);
		tasks_run(loop);
	}
}

void
loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
}

void
loop_close(struct loop *loop)
{
	if (loop == NULL)
		return;
	CHECK(loop->timers.count == 0);
	event_del(&loop->timer_event);
	close(loop->timer_fd);
	timer_heap_deinit(&loop->timers);
	event_base_free(loop->base);
	mem_free(loop);
}

uint64_t
loop_now_ns(struct loop *loop)
{
	if (loop->now_ns == 0)
		loop->now_ns = clock_monotonic_ns(&clock_system);
	return loop->now_ns;
}

uint64_t
loop_now_ms(struct loop *loop)
{
	return loop_now_ns(loop) / 1000000;
}

void
loop_defer(struct loop *loop, struct loop_task *task)
{
	if (task->is_deferred)
		return;
	task->is_deferred = true;
	TAILQ_INSERT_TAIL(&loop->tasks, task, link);
}

void
loop_task_cancel(struct loop *loop, struct loop_task *task)
{
	if (!task->is_deferred)
		return;
	task->is_deferred = false;
	TAILQ_REMOVE(&loop->tasks, task, link);
}

static void
tasks_run(struct loop *loop)
{
	struct loop_task mark = {0};
	struct loop_task *task;

	/*
	 * A mark in the list ends a round, so that tasks which defer one
	 * another cannot keep events from the loop.
	 */
	for (int round = 0; round < LOOP_TASK_ROUNDS_MAX; round++) {
		if (TAILQ_EMPTY(&loop->tasks))
			return;
		TAILQ_INSERT_TAIL(&loop->tasks, &mark, link);
		while ((task = TAILQ_FIRST(&loop->tasks)) != &mark) {
			TAILQ_REMOVE(&loop->tasks, task, link);
			task->is_deferred = false;
			task->run(task->context);
		}
		TAILQ_REMOVE(&loop->tasks, &mark, link);
	}
}

static void
timer_arm(struct loop *loop, uint64_t deadline_ns)
{
	struct itimerspec spec = {0};

	/* A deadline of 0 would disarm the kernel's timer. */
	if (deadline_ns == 0)
		deadline_ns = 1;
	spec.it_value.tv_sec = (time_t)(deadline_ns / 1000000000);
	spec.it_value.tv_nsec = (long)(deadline_ns % 1000000000);
	CHECK(timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) ==
	    0);
	loop->timer_armed_ns = deadline_ns;
}

static void
on_timer_fd(evutil_socket_t fd, short what, void *context)
{
	struct loop *loop = context;
	const struct timer_entry *first;
	uint64_t expirations;
	uint64_t now_ns;
	uint64_t order_end = loop->timers.next_order;

	if (read(fd, &expirations, sizeof(expirations)) < 0) {
		CHECK(errno == EAGAIN);
		return;
	}
	loop->timer_armed_ns = 0;
	/* The cached time may be from before the timer's end. */
	loop->now_ns = 0;
	now_ns = loop_now_ns(loop);
	while ((first = timer_heap_first(&loop->timers)) != NULL &&
	    first->deadline_ns <= now_ns && first->order < order_end) {
		struct loop_timer *timer = first->owner;

		timer_heap_remove(&loop->timers, &timer->place);
		timer->on_expire(timer->context);
	}
	if (first != NULL &&
	    (loop->timer_armed_ns == 0 ||
		first->deadline_ns < loop->timer_armed_ns))
		timer_arm(loop, first->deadline_ns);
}

struct loop_timer *
loop_timer_create(
    struct loop *loop, void (*on_expire)(void *context), void *context)
{
	struct loop_timer *timer = mem_new(sizeof(*timer));

	timer->loop = loop;
	timer->on_expire = on_expire;
	timer->context = context;
	return timer;
}

void
loop_timer_start_ns(struct loop_timer *timer, uint64_t delay_ns)
{
	struct loop *loop = timer->loop;
	uint64_t deadline_ns = loop_now_ns(loop) + delay_ns;

	loop_timer_stop(timer);
	timer_heap_add(&loop->timers, deadline_ns, &timer->place, timer);
	if (loop->timer_armed_ns == 0 || deadline_ns < loop->timer_armed_ns)
		timer_arm(loop, deadline_ns);
}

void
loop_timer_start(struct loop_timer *timer, uint64_t delay_ms)
{
	loop_timer_start_ns(timer, delay_ms * 1000000);
}

void
loop_timer_stop(struct loop_timer *timer)
{
	if (timer->place != 0)
		timer_heap_remove(&timer->loop->timers, &timer->place);
}

bool
loop_timer_is_running(const struct loop_timer *timer)
{
	return timer->place != 0;
}

void
loop_timer_close(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	loop_timer_stop(timer);
	mem_free(timer);
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
	struct loop_watch *watch = context;

	watch->on_ready(watch->context, LOOP_READ);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
	struct loop_watch *watch = context;

	watch->on_ready(watch->context, LOOP_WRITE);
}

struct loop_watch *
loop_watch_create(struct loop *loop, int fd,
    void (*on_ready)(void *context, unsigned ready), void *context)
{
	struct loop_watch *watch = mem_new(sizeof(*watch));

	watch->on_ready = on_ready;
	watch->context = context;
	CHECK(event_assign(&watch->read_event, loop->base, fd,
		  EV_READ | EV_PERSIST, on_readable, watch) == 0);
	CHECK(event_assign(&watch->write_event, loop->base, fd,
		  EV_WRITE | EV_PERSIST, on_writable, watch) == 0);
	return watch;
}

static void
event_switch(struct event *event, bool was_on, bool is_on)
{
	if (is_on && !was_on)
		event_start(event);
	else if (was_on && !is_on)
		CHECK(event_del(event) == 0);
}

void
loop_watch_set(struct loop_watch *watch, unsigned interest)
{
	unsigned before = watch->interest;

	CHECK((interest & ~(LOOP_READ | LOOP_WRITE)) == 0);
	event_switch(&watch->read_event, (before & LOOP_READ) != 0,
	    (interest & LOOP_READ) != 0);
	event_switch(&watch->write_event, (before & LOOP_WRITE) != 0,
	    (interest & LOOP_WRITE) != 0);
	watch->interest = interest;
}

void
loop_watch_close(struct loop_watch *watch)
{
	if (watch == NULL)
		return;
	loop_watch_set(watch, 0);
	mem_free(watch);
}

static void
on_signal_event(evutil_socket_t number, short what, void *context)
{
	struct loop_signal *signal = context;

	signal->on_signal(signal->context);
}

struct loop_signal *
loop_signal_create(struct loop *loop, int number,
    void (*on_signal)(void *context), void *context)
{
	struct loop_signal *signal = mem_new(sizeof(*signal));

	signal->on_signal = on_signal;
	signal->context = context;
	CHECK(event_assign(&signal->event, loop->base, number,
		  EV_SIGNAL | EV_PERSIST, on_signal_event, signal) == 0);
	event_start(&signal->event);
	return signal;
}

void
loop_signal_close(struct loop_signal *signal)
{
	if (signal == NULL)
		return;
	CHECK(event_del(&signal->event) == 0);
	mem_free(signal);
}

static void
on_wake_event(evutil_socket_t fd, short what, void *context)
{
	struct loop_wake *wake = context;
	uint64_t rings;

	if (read(fd, &rings, sizeof(rings)) < 0)
		CHECK(errno == EAGAIN);
	/*
	 * Cleared before the callback looks for work: whoever adds work later
	 * finds it clear and rings again. The exchange makes the work of
	 * everybody who found it set visible here.
	 */
	(void)atomic_exchange(&wake->is_rung, false);
	wake->on_wake(wake->context);
}

struct loop_wake *
loop_wake_create(
    struct loop *loop, void (*on_wake)(void *context), void *context)
{
	struct loop_wake *wake = mem_new(sizeof(*wake));

	wake->on_wake = on_wake;
	wake->context = context;
	wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(wake->fd >= 0);
	CHECK(event_assign(&wake->event, loop->base, wake->fd,
		  EV_READ | EV_PERSIST, on_wake_event, wake) == 0);
	event_start(&wake->event);
	return wake;
}

void
loop_wake_send(struct loop_wake *wake)
{
	uint64_t one = 1;

	if (atomic_exchange(&wake->is_rung, true))
		return;
	CHECK(write(wake->fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

void
loop_wake_close(struct loop_wake *wake)
{
	if (wake == NULL)
		return;
	CHECK(event_del(&wake->event) == 0);
	close(wake->fd);
	mem_free(wake);
}
