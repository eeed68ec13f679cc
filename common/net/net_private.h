/*
 * net_private - what stream.c, net.c and listener.c share; for them alone.
 */
#ifndef COMMON_NET_NET_PRIVATE_H
#define COMMON_NET_NET_PRIVATE_H

#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/loop/loop.h"
#include "common/net/stream.h"

/* One read takes at most so much, so that no stream keeps the loop. */
#define NET_READ_BYTES (64 * 1024)

/*
 *            stream_finish()       all sent         peer closed, or LINGER_MS
 *   OPEN ------------------> FINISHING ----> LINGERING ----> CLOSED
 *     \__________________________\_______________\____________/
 *          stream_close(), connection broken, silence
 */
enum stream_state {
	STREAM_OPEN,
	STREAM_FINISHING, /* output is on its way out, input is ignored */
	STREAM_LINGERING, /* our side is shut; the peer may still be reading */
	STREAM_CLOSED, /* waits for its on_closed */
};

TAILQ_HEAD(stream_list, stream);

struct stream {
	struct net *net;
	struct loop_watch *watch;
	const struct stream_handlers *handlers;
	void *context;
	int fd;
	enum stream_state state;
	enum stream_phase phase;
	enum stream_end end;
	unsigned interest; /* what `watch` is set to */
	bool is_inside; /* on_data is running */
	bool is_paused; /* by the owner */
	bool is_blocked; /* by its waiting output */
	bool is_write_awaited; /* the kernel took less than all */
	bool has_ended; /* the peer sends no more */
	bool end_is_told;
	bool tells_drained; /* on_drained is due once no output waits */
	bool wants_turn; /* on_data is due, though no byte has come */
	bool is_queued; /* in the net's work */
	/*
	 * Input is in one of two places: bytes that were read in this turn
	 * are still in the net's own memory, what was left of earlier turns
	 * is in `kept`.
	 */
	struct slice fresh;
	struct buffer kept;
	struct buffer output;
	uint64_t active_ms; /* when bytes last went either way */
	uint64_t number;
	TAILQ_ENTRY(stream) link; /* among the net's open ones */
	TAILQ_ENTRY(stream) work_link;
	bool is_public;
};

struct net {
	struct loop *loop;
	struct net_options options;
	struct stream_list streams;
	unsigned stream_count;
	uint64_t last_number;
	uint64_t refused_count;
	uint64_t received_bytes;
	uint64_t sent_bytes;
	/* Streams whose output, turn or end is due at the end of the turn. */
	struct stream_list work;
	struct loop_task work_task;
	struct loop_timer *sweep_timer;
	uint8_t *read_bytes; /* NET_READ_BYTES, shared by all streams */
	struct buffer spare_output; /* warm memory for the next output */
};

/* Has net.c call stream_work() at the end of the turn. */
void net_queue(struct net *net, struct stream *stream);

/* Does what is due for a stream that was queued; may free it. */
void stream_work(struct stream *stream);

/* Ends the stream if it has been silent for too long. */
void stream_sweep(struct stream *stream, uint64_t now_ms);

/* Closes for the given reason; on_closed follows. */
void stream_end(struct stream *stream, enum stream_end why);

#endif
