#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/net/net_private.h"

/* Silence is noticed up to a quarter late, and not more finely than this. */
#define SWEEP_MS_MIN 5
#define SWEEP_MS_MAX 1000

static void
work_run(void *context)
{
	struct net *net = context;
	struct stream_list work = TAILQ_HEAD_INITIALIZER(work);
	struct stream *stream;

	/* What is queued meanwhile has its turn in the next round. */
	TAILQ_CONCAT(&work, &net->work, work_link);
	while ((stream = TAILQ_FIRST(&work)) != NULL) {
		TAILQ_REMOVE(&work, stream, work_link);
		stream->is_queued = false;
		stream_work(stream);
	}
}

static uint64_t
sweep_interval_ms(const struct net *net)
{
	uint64_t least = SWEEP_MS_MAX * 4;

	if (net->options.idle_ms != 0 && net->options.idle_ms < least)
		least = net->options.idle_ms;
	if (net->options.stall_ms < least)
		least = net->options.stall_ms;
	return least / 4 < SWEEP_MS_MIN ? SWEEP_MS_MIN : least / 4;
}

static void
on_sweep(void *context)
{
	struct net *net = context;
	uint64_t now_ms = loop_now_ms(net->loop);
	struct stream *stream;

	/* Ending one queues it, and leaves the list as it is. */
	TAILQ_FOREACH(stream, &net->streams, link)
		stream_sweep(stream, now_ms);
	if (net->stream_count > 0)
		loop_timer_start(net->sweep_timer, sweep_interval_ms(net));
}

struct net *
net_create(struct loop *loop, const struct net_options *options)
{
	struct net *net = mem_new(sizeof(*net));

	CHECK(options->connections_max > 0 && options->input_bytes_max > 0);
	CHECK(options->stall_ms > 0);
	net->loop = loop;
	net->options = *options;
	net->work_task.run = work_run;
	net->work_task.context = net;
	net->sweep_timer = loop_timer_create(loop, on_sweep, net);
	net->read_bytes = mem_new(NET_READ_BYTES);
	TAILQ_INIT(&net->streams);
	TAILQ_INIT(&net->work);
	return net;
}

unsigned
net_stream_count(const struct net *net)
{
	return net->stream_count;
}

uint64_t
net_refused_count(const struct net *net)
{
	return net->refused_count;
}

uint64_t
net_received_bytes(const struct net *net)
{
	return net->received_bytes;
}

uint64_t
net_sent_bytes(const struct net *net)
{
	return net->sent_bytes;
}

void
net_each(struct net *net, void (*visit)(struct stream *stream, void *context),
    void *context)
{
	struct stream *stream;

	TAILQ_FOREACH(stream, &net->streams, link) {
		if (stream->state == STREAM_OPEN)
			visit(stream, context);
	}
}

void
net_queue(struct net *net, struct stream *stream)
{
	if (!loop_timer_is_running(net->sweep_timer))
		loop_timer_start(net->sweep_timer, sweep_interval_ms(net));
	if (stream->is_queued)
		return;
	stream->is_queued = true;
	TAILQ_INSERT_TAIL(&net->work, stream, work_link);
	loop_defer(net->loop, &net->work_task);
}

void
net_close(struct net *net)
{
	struct stream *stream;

	if (net == NULL)
		return;
	TAILQ_FOREACH(stream, &net->streams, link)
		stream_close(stream);
	while (net->stream_count > 0)
		work_run(net);
	loop_task_cancel(net->loop, &net->work_task);
	loop_timer_close(net->sweep_timer);
	buffer_deinit(&net->spare_output);
	mem_free(net->read_bytes);
	mem_free(net);
}
