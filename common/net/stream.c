#include "common/net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/net/net_private.h"

/* How long a peer may take to read our last words. */
#define LINGER_MS 1000

/* Kept input grows by as much as there is, within these bounds. */
#define READ_MORE_MIN (16 * 1024)
#define READ_MORE_MAX (1024 * 1024)

/* Larger output memory is not kept for the next stream. */
#define SPARE_OUTPUT_BYTES_MAX (256 * 1024)

static void on_ready(void *context, unsigned ready);
static void stream_flush(struct stream *stream);
static void stream_turn(struct stream *stream);
static void interest_update(struct stream *stream);
static void end_tell(struct stream *stream);

static const char *const state_names[] = {
    "open", "finishing", "lingering", "closed"};

static void
stream_move(struct stream *stream, enum stream_state to)
{
	/* Every move goes forward, and LINGERING follows FINISHING alone. */
	CHECK(to > stream->state);
	CHECK(to != STREAM_LINGERING || stream->state == STREAM_FINISHING);
	log_event(LOG_DEBUG, "stream_moved", "stream=%llu from=%s to=%s",
	    (unsigned long long)stream->number, state_names[stream->state],
	    state_names[to]);
	stream->state = to;
}

static bool
address_is_public(const struct sockaddr_storage *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

	switch (address->ss_family) {
	case AF_UNIX:
		return false;
	case AF_INET:
		return ntohl(four->sin_addr.s_addr) >> 24 != 127;
	case AF_INET6:
		if (memcmp(&six->sin6_addr, mapped, sizeof(mapped)) == 0)
			return six->sin6_addr.s6_addr[12] != 127;
		return !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
	default:
		return true;
	}
}

struct stream *
stream_create(struct net *net, int fd, const struct stream_handlers *handlers,
    void *context)
{
	struct stream *stream = mem_new(sizeof(*stream));
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t size = sizeof(peer);

	CHECK(fd >= 0 && handlers->on_data != NULL);
	stream->net = net;
	stream->fd = fd;
	stream->handlers = handlers;
	stream->context = context;
	stream->number = ++net->last_number;
	stream->active_ms = loop_now_ms(net->loop);
	/* A peer that is gone already has no address: it counts as public. */
	(void)getpeername(fd, (struct sockaddr *)&peer, &size);
	stream->is_public = address_is_public(&peer);
	stream->watch = loop_watch_create(net->loop, fd, on_ready, stream);
	TAILQ_INSERT_TAIL(&net->streams, stream, link);
	net->stream_count++;
	/* The first visit at the end of the turn also starts the sweep. */
	net_queue(net, stream);
	interest_update(stream);
	return stream;
}

static void
interest_update(struct stream *stream)
{
	unsigned interest = 0;

	if (stream->state == STREAM_OPEN && !stream->is_paused &&
	    !stream->is_blocked && !stream->has_ended)
		interest |= LOOP_READ;
	if (stream->state == STREAM_LINGERING)
		interest |= LOOP_READ;
	if (stream->is_write_awaited)
		interest |= LOOP_WRITE;
	if (interest == stream->interest)
		return;
	loop_watch_set(stream->watch, interest);
	stream->interest = interest;
}

void
stream_end(struct stream *stream, enum stream_end why)
{
	if (stream->state == STREAM_CLOSED)
		return;
	stream_move(stream, STREAM_CLOSED);
	stream->end = why;
	loop_watch_close(stream->watch);
	stream->watch = NULL;
	close(stream->fd);
	stream->fd = -1;
	net_queue(stream->net, stream);
}

static void
stream_free(struct stream *stream)
{
	struct net *net = stream->net;

	if (stream->handlers->on_closed != NULL)
		stream->handlers->on_closed(
		    stream, stream->context, stream->end);
	TAILQ_REMOVE(&net->streams, stream, link);
	net->stream_count--;
	buffer_deinit(&stream->kept);
	buffer_deinit(&stream->output);
	mem_free(stream);
}

static bool
input_is_empty(const struct stream *stream)
{
	return stream->fresh.size == 0 && buffer_size(&stream->kept) == 0;
}

void
stream_work(struct stream *stream)
{
	bool wants_turn = stream->wants_turn;

	if (stream->state == STREAM_CLOSED) {
		stream_free(stream);
		return;
	}
	stream->wants_turn = false;
	if (wants_turn && stream_takes(stream) && !input_is_empty(stream)) {
		stream_turn(stream);
		return;
	}
	stream_flush(stream);
	end_tell(stream);
}

void
stream_sweep(struct stream *stream, uint64_t now_ms)
{
	const struct net_options *options = &stream->net->options;
	uint64_t silent_ms = now_ms - stream->active_ms;

	if (stream->state == STREAM_CLOSED)
		return;
	if (stream->state == STREAM_LINGERING) {
		if (silent_ms >= LINGER_MS)
			stream_end(stream, STREAM_END_OURS);
		return;
	}
	if (stream->is_write_awaited) {
		if (silent_ms >= options->stall_ms)
			stream_end(stream, STREAM_END_STALLED);
		return;
	}
	if (stream->phase == STREAM_AWAITS_REST &&
	    silent_ms >= options->stall_ms)
		stream_end(stream, STREAM_END_STALLED);
	else if (stream->phase == STREAM_AWAITS_REQUEST &&
	    options->idle_ms != 0 && silent_ms >= options->idle_ms)
		stream_end(stream, STREAM_END_IDLE);
}

/* Gives the owner its say about the peer's end, when nothing is left to do. */
static void
end_tell(struct stream *stream)
{
	if (!stream->has_ended || stream->end_is_told || stream->wants_turn ||
	    !stream_takes(stream))
		return;
	stream->end_is_told = true;
	if (stream->handlers->on_end != NULL)
		stream->handlers->on_end(stream, stream->context);
	else
		stream_finish(stream);
}

/* One on_data, and what follows from it. */
static void
stream_turn(struct stream *stream)
{
	const struct net_options *options = &stream->net->options;
	struct slice left;
	bool was_full;

	stream->is_inside = true;
	stream->handlers->on_data(stream, stream->context);
	stream->is_inside = false;
	left = stream->fresh;
	stream->fresh = SLICE_EMPTY;
	if (stream->state == STREAM_CLOSED)
		return;
	if (left.size > 0)
		buffer_append_slice(&stream->kept, left);
	else if (buffer_size(&stream->kept) == 0)
		buffer_deinit(&stream->kept);
	if (stream_takes(stream) &&
	    buffer_size(&stream->kept) >= options->input_bytes_max) {
		stream_end(stream, STREAM_END_FLOODED);
		return;
	}
	was_full = stream_output_waiting(stream) > options->output_bytes_high;
	stream_flush(stream);
	/* What the owner left because of its output can go on now. */
	if (was_full && stream_takes(stream) && !input_is_empty(stream)) {
		stream->wants_turn = true;
		net_queue(stream->net, stream);
	}
	end_tell(stream);
}

static void
linger_read(struct stream *stream)
{
	ssize_t got =
	    recv(stream->fd, stream->net->read_bytes, NET_READ_BYTES, 0);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		stream_end(stream, STREAM_END_OURS);
}

static void
stream_receive(struct stream *stream)
{
	struct buffer *kept = &stream->kept;
	size_t have = buffer_size(kept);
	size_t size = NET_READ_BYTES;
	uint8_t *place = stream->net->read_bytes;
	ssize_t got;

	if (have > 0) {
		size = have < READ_MORE_MIN ? READ_MORE_MIN : have;
		if (size > READ_MORE_MAX)
			size = READ_MORE_MAX;
		place = buffer_reserve(kept, size);
	}
	got = recv(stream->fd, place, size, 0);
	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			stream_end(stream, STREAM_END_PEER);
		return;
	}
	stream->active_ms = loop_now_ms(stream->net->loop);
	if (got == 0) {
		stream->has_ended = true;
		interest_update(stream);
		end_tell(stream);
		return;
	}
	stream->net->received_bytes += (uint64_t)got;
	if (have > 0)
		buffer_commit(kept, (size_t)got);
	else
		stream->fresh = slice_of(place, (size_t)got);
	stream_turn(stream);
}

static void
on_ready(void *context, unsigned ready)
{
	struct stream *stream = context;

	if (ready == LOOP_WRITE) {
		stream_flush(stream);
		return;
	}
	if (stream->state == STREAM_LINGERING) {
		linger_read(stream);
		return;
	}
	/*
	 * A pause leaves the watch alone, since most are over before more
	 * bytes come; when they do come, it is time to stop watching.
	 */
	interest_update(stream);
	if ((stream->interest & LOOP_READ) != 0)
		stream_receive(stream);
}

/* Hands the memory of sent output to whoever needs some next. */
static void
output_release(struct stream *stream)
{
	struct net *net = stream->net;

	if (net->spare_output.data == NULL &&
	    stream->output.capacity <= SPARE_OUTPUT_BYTES_MAX) {
		net->spare_output = stream->output;
		stream->output = (struct buffer){0};
		return;
	}
	buffer_deinit(&stream->output);
}

static void
all_sent(struct stream *stream)
{
	output_release(stream);
	if (stream->state != STREAM_FINISHING)
		return;
	/*
	 * Closing a socket that has unread input resets the connection, and
	 * the peer may lose our last words: so shut our side, read on, and
	 * close when the peer does.
	 */
	if (stream->has_ended || shutdown(stream->fd, SHUT_WR) != 0) {
		stream_end(stream, STREAM_END_OURS);
		return;
	}
	stream_move(stream, STREAM_LINGERING);
	stream->active_ms = loop_now_ms(stream->net->loop);
}

/* Sends what the kernel takes, and stops or restarts reading accordingly. */
static void
stream_flush(struct stream *stream)
{
	struct buffer *output = &stream->output;
	size_t high = stream->net->options.output_bytes_high;

	if (stream->state != STREAM_OPEN && stream->state != STREAM_FINISHING)
		return;
	stream->is_write_awaited = false;
	while (buffer_size(output) > 0) {
		ssize_t sent = send(stream->fd, output->data + output->start,
		    buffer_size(output), MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN) {
			stream_end(stream, STREAM_END_PEER);
			return;
		}
		if (sent > 0) {
			stream->net->sent_bytes += (uint64_t)sent;
			stream->active_ms = loop_now_ms(stream->net->loop);
			buffer_consume(output, (size_t)sent);
		}
		if (buffer_size(output) > 0) {
			stream->is_write_awaited = true;
			break;
		}
	}
	if (buffer_size(output) > high) {
		stream->is_blocked = true;
	} else if (stream->is_blocked && buffer_size(output) <= high / 2) {
		stream->is_blocked = false;
		stream->wants_turn = true;
		net_queue(stream->net, stream);
	}
	if (buffer_size(output) == 0 && output->data != NULL)
		output_release(stream);
	if (buffer_size(output) == 0 && stream->state == STREAM_FINISHING)
		all_sent(stream);
	if (stream->state == STREAM_CLOSED)
		return;
	interest_update(stream);
	if (buffer_size(output) == 0 && stream->tells_drained) {
		stream->tells_drained = false;
		if (stream->handlers->on_drained != NULL)
			stream->handlers->on_drained(stream, stream->context);
	}
}

struct slice
stream_input(const struct stream *stream)
{
	if (stream->fresh.size > 0)
		return stream->fresh;
	return buffer_slice(&stream->kept);
}

void
stream_consume(struct stream *stream, size_t size)
{
	if (stream->fresh.size == 0) {
		buffer_consume(&stream->kept, size);
		return;
	}
	CHECK(size <= stream->fresh.size);
	stream->fresh.data += size;
	stream->fresh.size -= size;
}

struct buffer *
stream_output(struct stream *stream)
{
	struct net *net = stream->net;

	if (stream->output.data == NULL) {
		stream->output = net->spare_output;
		net->spare_output = (struct buffer){0};
	}
	if (!stream->is_inside)
		net_queue(net, stream);
	return &stream->output;
}

size_t
stream_output_waiting(const struct stream *stream)
{
	return buffer_size(&stream->output);
}

void
stream_drop_output(struct stream *stream, size_t keep)
{
	struct buffer *output = &stream->output;
	struct buffer rest = {0};

	CHECK(keep <= buffer_size(output));
	if (keep > 0)
		buffer_append(&rest, output->data + output->start, keep);
	buffer_deinit(output);
	*output = rest;
}

void
stream_tell_drained(struct stream *stream)
{
	stream->tells_drained = true;
}

bool
stream_takes(const struct stream *stream)
{
	return stream->state == STREAM_OPEN && !stream->is_paused &&
	    !stream->is_blocked &&
	    buffer_size(&stream->output) <=
	    stream->net->options.output_bytes_high;
}

void
stream_pause(struct stream *stream)
{
	stream->is_paused = true;
}

void
stream_resume(struct stream *stream)
{
	if (!stream->is_paused)
		return;
	stream->is_paused = false;
	if (stream->state != STREAM_OPEN)
		return;
	/* It also tells of an end that was seen before the pause. */
	stream->wants_turn = true;
	net_queue(stream->net, stream);
	interest_update(stream);
}

void
stream_await(struct stream *stream, enum stream_phase phase)
{
	if (stream->phase == STREAM_AWAITS_US && phase != STREAM_AWAITS_US)
		stream->active_ms = loop_now_ms(stream->net->loop);
	stream->phase = phase;
}

void
stream_finish(struct stream *stream)
{
	if (stream->state != STREAM_OPEN)
		return;
	stream_move(stream, STREAM_FINISHING);
	net_queue(stream->net, stream);
}

void
stream_close(struct stream *stream)
{
	stream_end(stream, STREAM_END_OURS);
}

bool
stream_is_ending(const struct stream *stream)
{
	return stream->state != STREAM_OPEN;
}

void *
stream_context(const struct stream *stream)
{
	return stream->context;
}

uint64_t
stream_number(const struct stream *stream)
{
	return stream->number;
}

bool
stream_is_public(const struct stream *stream)
{
	return stream->is_public;
}
