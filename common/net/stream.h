/*
 * stream - client connections on the loop, and the listeners they come from.
 *
 * A stream reads what has come, gives it to its owner, and sends what the
 * owner has put into its output: once after each on_data, and once at the end
 * of a turn for output made elsewhere. It stops reading by itself while too
 * much output waits, and ends connections that are silent for too long.
 *
 *     on_data: while (stream_takes(s) && one request is whole in
 *              stream_input(s)) { answer it into stream_output(s);
 *              stream_consume(s, its size); }
 *
 * on_data comes again by itself when more bytes have come, and with input
 * that was left when the output that was in the way is gone or after
 * stream_resume(). A request that is answered later calls stream_output()
 * whenever it likes.
 *
 * Failure    A connection that breaks is no failure of ours: on_closed says
 *            why. Exhausted descriptors pause the listener for a moment.
 * Ownership  The net owns its streams. A stream is valid until its on_closed
 *            has returned, which comes exactly once, never from inside a call
 *            of the owner. Input is borrowed until stream_consume() or the
 *            end of on_data; output until the next call for this stream.
 * Threads    All belongs to the loop's thread.
 * Limits     struct net_options.
 */
#ifndef COMMON_NET_STREAM_H
#define COMMON_NET_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

struct loop;
struct net;
struct listener;
struct stream;

struct net_options {
	unsigned connections_max;
	/* Unconsumed input at which a connection is ended. */
	size_t input_bytes_max;
	/* Waiting output above which stream_takes() says no. */
	size_t output_bytes_high;
	/* Silence while a request is awaited; 0: for ever. */
	uint64_t idle_ms;
	/* Silence in the middle of a request, or of taking our output. */
	uint64_t stall_ms;
};

/* What the owner of a stream waits for; decides which silence is too long. */
enum stream_phase {
	STREAM_AWAITS_REQUEST, /* idle_ms; so it is at first */
	STREAM_AWAITS_REST, /* stall_ms */
	STREAM_AWAITS_US, /* for ever: the reply is ours to make */
};

/* Why a stream was closed. */
enum stream_end {
	STREAM_END_PEER, /* the peer closed or the connection broke */
	STREAM_END_OURS, /* stream_close() or stream_finish() */
	STREAM_END_IDLE, /* silence while a request was awaited */
	STREAM_END_STALLED, /* silence in the middle of something */
	STREAM_END_FLOODED, /* input_bytes_max */
};

/* What an owner does with its streams; a constant table. */
struct stream_handlers {
	void (*on_data)(struct stream *stream, void *context);
	/*
	 * The peer will send no more; input that is left can still be taken.
	 * The owner calls stream_finish() once it has answered. NULL: that
	 * happens at once, after on_data.
	 */
	void (*on_end)(struct stream *stream, void *context);
	/* The stream goes; the last call. May be NULL. */
	void (*on_closed)(
	    struct stream *stream, void *context, enum stream_end why);
	/* What stream_tell_drained() asked for. May be NULL. */
	void (*on_drained)(struct stream *stream, void *context);
};

struct listener_options {
	/*
	 * A connection was accepted: the owner returns its context for the
	 * stream, and may already finish it.
	 */
	void *(*on_accept)(struct stream *stream, void *context);
	void *context;
	const struct stream_handlers *handlers;
	/* Sent to connections beyond connections_max before they are ended. */
	struct slice refusal;
};

/* `options` is copied. */
struct net *net_create(struct loop *loop, const struct net_options *options);

/* Streams that are open. */
unsigned net_stream_count(const struct net *net);

/* Connections turned away because of connections_max. */
uint64_t net_refused_count(const struct net *net);

/* Bytes of all streams, those that are gone too. */
uint64_t net_received_bytes(const struct net *net);
uint64_t net_sent_bytes(const struct net *net);

/* Calls `visit` for each open stream, which may finish or close any. */
void net_each(struct net *net,
    void (*visit)(struct stream *stream, void *context), void *context);

/* Closes what is open, each with its on_closed. NULL is allowed. */
void net_close(struct net *net);

/*
 * Accepts on `fd`, a listening socket that stays the caller's. The options
 * are copied, the strings in them borrowed.
 */
struct listener *
listener_open(struct net *net, int fd, const struct listener_options *options);

/* Stops accepting; its streams live on. NULL is allowed. */
void listener_close(struct listener *listener);

/* Takes over a connected socket, which it closes at the end. */
struct stream *stream_create(struct net *net, int fd,
    const struct stream_handlers *handlers, void *context);

/* What has come and is not consumed. */
struct slice stream_input(const struct stream *stream);
void stream_consume(struct stream *stream, size_t size);

/* Where to append output; it is sent by the end of the turn. */
struct buffer *stream_output(struct stream *stream);

/* Bytes of output that the kernel has not taken. */
size_t stream_output_waiting(const struct stream *stream);

/* Takes output back, all but the first `keep` bytes of what waits. */
void stream_drop_output(struct stream *stream, size_t keep);

/* Has on_drained come once, when no output waits any more. */
void stream_tell_drained(struct stream *stream);

/*
 * Whether the owner should go on taking requests from the input: false while
 * too much output waits, after stream_pause(), and once it is ending.
 */
bool stream_takes(const struct stream *stream);

/* No on_data until stream_resume(); calls do not nest. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

void stream_await(struct stream *stream, enum stream_phase phase);

/*
 * Ends in good order: output is sent, then the peer is given a moment to read
 * it. No on_data afterwards.
 */
void stream_finish(struct stream *stream);

/* Ends at once; waiting output is lost. */
void stream_close(struct stream *stream);

/* Once either of the two was called, or the connection is gone. */
bool stream_is_ending(const struct stream *stream);

void *stream_context(const struct stream *stream);

/* A number that no other stream of this process had or will have. */
uint64_t stream_number(const struct stream *stream);

/* From another host (not loopback, not a UNIX socket). */
bool stream_is_public(const struct stream *stream);

#endif
