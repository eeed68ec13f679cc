#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/net/net_private.h"

/* So many at once, so that a flood of connections leaves the others a turn. */
#define ACCEPT_BATCH 32

/* How long a listener waits when the kernel has no descriptors left. */
#define PAUSE_MS 100
#define WARN_INTERVAL_MS 10000

struct listener {
	struct net *net;
	struct listener_options options;
	int fd;
	struct loop_watch *watch;
	struct loop_timer *pause_timer;
	struct log_limiter limiter;
};

static void on_acceptable(void *context, unsigned ready);
static void on_pause_over(void *context);

struct listener *
listener_open(struct net *net, int fd, const struct listener_options *options)
{
	struct listener *listener = mem_new(sizeof(*listener));
	int yes = 1;

	CHECK(options->on_accept != NULL && options->handlers != NULL);
	listener->net = net;
	listener->fd = fd;
	listener->options = *options;
	listener->limiter.interval_ms = WARN_INTERVAL_MS;
	listener->watch =
	    loop_watch_create(net->loop, fd, on_acceptable, listener);
	listener->pause_timer =
	    loop_timer_create(net->loop, on_pause_over, listener);
	/*
	 * Accepted sockets inherit both, which saves two calls for each; a
	 * UNIX socket has neither and says so.
	 */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	loop_watch_set(listener->watch, LOOP_READ);
	return listener;
}

static void
accept_failed(struct listener *listener, int errnum)
{
	uint64_t suppressed;

	loop_watch_set(listener->watch, 0);
	loop_timer_start(listener->pause_timer, PAUSE_MS);
	if (log_limiter_pass(&listener->limiter,
		loop_now_ms(listener->net->loop), &suppressed))
		log_event(LOG_WARN, "accept_failed",
		    "reason=\"%s\" open=%u suppressed=%llu", strerror(errnum),
		    listener->net->stream_count,
		    (unsigned long long)suppressed);
}

/* Says why, as well as that is possible without waiting. */
static void
refuse(struct listener *listener, int fd)
{
	struct slice refusal = listener->options.refusal;

	listener->net->refused_count++;
	if (refusal.size > 0)
		(void)send(fd, refusal.data, refusal.size,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
on_acceptable(void *context, unsigned ready)
{
	struct listener *listener = context;
	struct net *net = listener->net;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct stream *stream;
		int fd = accept4(
		    listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EAGAIN)
				return;
			/* Connections that broke in the queue, and the like. */
			if (errno != EMFILE && errno != ENFILE &&
			    errno != ENOBUFS && errno != ENOMEM &&
			    errno != EINVAL && errno != EBADF)
				continue;
			accept_failed(listener, errno);
			return;
		}
		if (net->stream_count >= net->options.connections_max) {
			refuse(listener, fd);
			continue;
		}
		stream =
		    stream_create(net, fd, listener->options.handlers, NULL);
		stream->context = listener->options.on_accept(
		    stream, listener->options.context);
	}
}

static void
on_pause_over(void *context)
{
	struct listener *listener = context;

	loop_watch_set(listener->watch, LOOP_READ);
}

void
listener_close(struct listener *listener)
{
	if (listener == NULL)
		return;
	loop_watch_close(listener->watch);
	loop_timer_close(listener->pause_timer);
	mem_free(listener);
}
