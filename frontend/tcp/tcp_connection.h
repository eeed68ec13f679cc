/*
 * tcp_connection - one client of the TCP door, whatever it speaks.
 *
 * Private to frontend/tcp. Replies go out in the order of the requests:
 * writes may follow one another into the gate, and their results come in that
 * order; anything else is answered only when no result is due. A request that
 * has to wait stays in the input and is parsed again.
 *
 *             a request must wait            the last result comes,
 *             for results or room            or there is room
 *     OPEN ------------------------> WAITING ----------> OPEN
 *      |
 *      +--- a read takes several runs --> BUSY --- its reply is made --> OPEN
 *
 * A large request that begins to come also waits until there is memory for it
 * (frontend/core/intake.h).
 *
 * The stream is paused in WAITING and BUSY. A connection whose stream has
 * gone lives on until its last result has come.
 */
#ifndef FRONTEND_TCP_TCP_CONNECTION_H
#define FRONTEND_TCP_TCP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/net/stream.h"
#include "frontend/core/front.h"
#include "frontend/core/intake.h"
#include "frontend/core/reply_claim.h"
#include "frontend/protocol/frame_request.h"
#include "frontend/tcp/frame_call.h"
#include "frontend/tcp/resp_commands.h"
#include "frontend/tcp/resp_parser.h"
#include "frontend/tcp/tcp_call.h"
#include "frontend/tcp/tcp_reader.h"

/* Writes of one connection whose results are due. */
#define TCP_PENDING_MAX (1u << 16)

struct batch_builder;
struct gate_result;
struct tcp_connection;

/* A write whose result is due. */
struct tcp_pending {
	union {
		struct resp_pending resp;
		struct frame_pending frame;
	};
	uint64_t arrived_ns;
	enum metric_operation operation;
};

/* A queue, oldest first. */
struct tcp_pendings {
	struct tcp_pending *items;
	uint32_t capacity; /* a power of two, or 0 */
	uint32_t first;
	uint32_t count;
};

/* What the two protocols do differently; a constant table. */
struct tcp_protocol {
	enum metric_protocol metric;
	void (*open)(struct tcp_connection *connection);
	void (*close)(struct tcp_connection *connection);
	/*
	 * Takes one request from the input. False if there is none that is
	 * whole, or if it has to wait.
	 */
	bool (*step)(struct tcp_connection *connection);
	/* The next run of the request that made it BUSY. */
	enum tcp_outcome (*run)(
	    struct tcp_connection *connection, struct buffer *out);
	/* The reply to the oldest write. */
	void (*reply)(const struct tcp_pending *pending,
	    const struct gate_result *result, struct buffer *out);
	/* The reply, whatever was asked, to a client that is not let in. */
	void (*refuse)(struct tcp_connection *connection, struct buffer *out);
};

extern const struct tcp_protocol tcp_protocol_resp;
extern const struct tcp_protocol tcp_protocol_frame;

enum tcp_state {
	TCP_OPEN,
	TCP_WAITING,
	TCP_BUSY,
};

TAILQ_HEAD(tcp_connections, tcp_connection);

/* What all connections share. */
struct tcp_door {
	struct front *front;
	struct loop *loop;
	struct gate *gate;
	struct tcp_server server;
	struct tcp_reader reader;
	struct tcp_store store;
	struct frame_limits frame_limits;
	struct buffer aside; /* replies that come too early */
	bool is_fresh; /* the reader was refreshed in this turn of on_data */
	uint32_t ahead; /* GETs to come of which the store was told */
	bool needs_room; /* some connection waits for it */
	/* Requests answered in this turn of on_data. */
	uint32_t tally[METRIC_OPERATION_COUNT];
	uint32_t tally_total;
	/* Results alike that came one after the other, not yet counted. */
	struct {
		enum metric_operation operation;
		enum metric_protocol protocol;
		uint64_t arrived_ns;
		uint64_t count;
	} results;
	struct loop_task results_task; /* counts them at the end of a turn */
	struct tcp_connections connections;
	struct tcp_connections busy; /* in TCP_BUSY, whose turn comes next */
	struct loop_timer *busy_timer;
	struct loop_timer *drain_timer;
	bool is_draining; /* the idle are finished ... */
	bool is_draining_hard; /* ... also in the middle of a request */
	char run_id[41];
	uint64_t started_ms;
};

struct tcp_connection {
	struct front_writer writer;
	struct tcp_door *door;
	struct stream *stream; /* NULL once it has gone */
	const struct tcp_protocol *protocol; /* NULL before the first byte */
	enum tcp_state state;
	bool has_ended; /* the client sends no more */
	struct tcp_pendings pendings;
	size_t wanted; /* input with less is not worth a look */
	struct intake_claim claim; /* of a large request, until its result */
	struct reply_claim reply_claim;
	size_t replied; /* what waits of the replies before this request's */
	/* In TCP_BUSY: what the request has so far, and its bytes. */
	struct tcp_task task;
	struct buffer held;
	enum metric_operation operation;
	uint64_t arrived_ns;
	TAILQ_ENTRY(tcp_connection) link;
	TAILQ_ENTRY(tcp_connection) busy_link;
	union {
		struct {
			struct resp_parser parser;
			struct resp_session session;
			const struct resp_command *command;
		} resp;
		struct frame_request frame;
	};
};

/* -- The door's part for its connections (tcp_door.c). -- */

/* Counts a result that has come. */
void tcp_door_count_result(struct tcp_door *door, enum metric_protocol protocol,
    const struct tcp_pending *pending);

/* Has tcp_connection_run() called in the next turn of the loop. */
void tcp_door_busy(struct tcp_door *door, struct tcp_connection *connection);

/* Makes door->server current. */
void tcp_door_update(struct tcp_door *door);

/* -- The connection. -- */

struct tcp_connection *
tcp_connection_create(struct tcp_door *door, struct stream *stream);

/* Frees one whose stream has gone, though results are due that never come. */
void tcp_connection_close(struct tcp_connection *connection);

/* The handlers of its stream. */
void tcp_connection_on_data(struct stream *stream, void *context);
void tcp_connection_on_end(struct stream *stream, void *context);
void tcp_connection_on_closed(
    struct stream *stream, void *context, enum stream_end why);
void tcp_connection_on_drained(struct stream *stream, void *context);

/* The gate has room again. */
void tcp_connection_on_room(struct tcp_connection *connection);

/* Runs the request of a connection that is BUSY once more. */
void tcp_connection_run(struct tcp_connection *connection);

/* Finishes it if nothing that it asked for is left to do. */
void tcp_connection_finish_idle(struct tcp_connection *connection);

/* -- For the protocols. -- */

/*
 * Where the reply to the request at hand goes: to the client, or aside while
 * results are due; what is written there is lost, since the request waits.
 */
struct buffer *tcp_connection_output(struct tcp_connection *connection);

/* Makes the reader current, once for each on_data. */
enum status tcp_connection_refresh(
    struct tcp_connection *connection, struct error *err) MUST_CHECK;

/*
 * Has the store prepare the GET at hand, of `size` bytes, and those that
 * follow it in the input, whose keys `find` finds (tcp_ahead.h).
 */
void tcp_connection_look_ahead(struct tcp_connection *connection, size_t size,
    size_t (*find)(struct slice input, struct slice *keys));

/* What a protocol may do with a write. */
enum tcp_admission {
	TCP_BEGUN, /* build the group, then submit it */
	TCP_NO_ROOM, /* it has to wait: return tcp_connection_wait() */
	TCP_REFUSED, /* `err` says why */
};

/* Asks for a builder for the group of the write at hand. */
enum tcp_admission tcp_connection_begin(struct tcp_connection *connection,
    struct batch_builder **out, struct error *err);

/*
 * Submits the group that was built for a request of `size` bytes; `pending`
 * tells how to reply.
 */
void tcp_connection_submit(struct tcp_connection *connection, size_t size,
    struct tcp_pending *pending);

/* The request has to wait: false, for step() to return. */
bool tcp_connection_wait(struct tcp_connection *connection);

/*
 * The request of `size` bytes has its reply in the output. False if it has to
 * wait since results are due that come first.
 */
bool tcp_connection_answered(struct tcp_connection *connection, size_t size,
    enum metric_operation operation);

/* The same, and the connection ends with it. */
bool
tcp_connection_answered_last(struct tcp_connection *connection, size_t size);

/* A reply was an error: counts it, by the read that failed if one did. */
void tcp_connection_count_error(struct tcp_connection *connection);

/*
 * The request of `size` bytes takes several runs. Its bytes are kept, from now
 * on at *moved; false, for step() to return.
 */
bool tcp_connection_hold(struct tcp_connection *connection, size_t size,
    enum metric_operation operation, const uint8_t **moved);

#endif
