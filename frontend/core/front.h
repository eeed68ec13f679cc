/*
 * front - what every role of a frontend is built on: the way to read the
 * store, the way to write to it, the clients' connections and their limits.
 *
 * A role (http, tcp) is a table of functions that front_serve() is given. The
 * front accepts connections for it, tells it when to come to an end, and
 * keeps its figures. Reading needs no other process:
 *
 *     on_data: for each request that is whole: if it reads, and nothing was
 *     refreshed yet in this call, front_refresh(); then view_reader_get()...
 *
 * A refresh counts for the requests whose bytes had come before it, so there
 * is one in each on_data that reads and none is kept for the next. On one
 * connection a read waits until the writes that were sent before it have
 * their results.
 *
 * Writing goes through the gate, whose results come back to the front_writer
 * that was submitted, in the order of submission.
 *
 * Failure    What fails for one request is its answer; a worker ends only
 *            when its settings or sockets are of no use at the start.
 * Ownership  The front owns everything that its accessors return.
 * Threads    All on the loop's thread.
 * Limits     struct front_limits.
 */
#ifndef FRONTEND_CORE_FRONT_H
#define FRONTEND_CORE_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/metrics/metrics.h"

struct command;
struct front;
struct gate;
struct gate_result;
struct intake;
struct loop;
struct net_options;
struct settings;
struct stream;
struct stream_handlers;
struct view_reader;
struct worker;

/* What the settings allow. */
struct front_limits {
	size_t key_bytes_max;
	size_t value_bytes_max;
	size_t batch_bytes_max; /* of one group; also of one request's body */
	unsigned connections_max;
	uint64_t idle_ms; /* silence while a request is awaited; 0: for ever */
	uint64_t request_ms; /* silence in the middle of one */
	uint64_t park_ms; /* until a write has a result at the latest */
};

/* The two lines of configuration that let other hosts in. */
#define FRONT_ACCESS_LINES "'auth:' and '  access: open'"

/* Why a connection from another host is refused: one sentence. */
#define FRONT_REFUSAL                                                         \
	"connections from other hosts are refused; to allow them to anybody " \
	"and without a password, put the lines " FRONT_ACCESS_LINES           \
	" into the server's configuration file"

/* Whoever has a group in the gate; stands in a larger struct of its owner's. */
struct front_writer {
	/* The result; may submit. Once for each submission, also after STOP. */
	void (*on_result)(
	    struct front_writer *writer, const struct gate_result *result);
};

/* What a role does; a constant table. NULL where it does nothing. */
struct front_role {
	const struct stream_handlers *handlers;
	size_t input_bytes_max; /* unconsumed input that ends a connection */
	size_t output_bytes_high; /* waiting output that stops requests */
	struct slice refusal; /* for connections beyond connections_max */
	/* Returns the stream's context. */
	void *(*on_accept)(struct stream *stream, void *context);
	/* The gate takes writes again after front_has_room() was false. */
	void (*on_room)(void *context);
	/*
	 * Nothing is accepted any more: finish each stream once what it has
	 * asked is answered. The worker ends when the last stream is gone.
	 */
	void (*on_drain)(void *context);
	/* About once a second. */
	void (*on_tick)(void *context);
	/* Appends members to a JSON object: ,"name":1 */
	void (*on_status)(void *context, struct buffer *json);
	/* Frees the role; its streams are gone. */
	void (*on_close)(void *context);
};

/* Opens what the worker's settings name: the reader, the gate, the sockets. */
enum status front_create(
    struct worker *worker, struct front **out, struct error *err) MUST_CHECK;

/* Begins to accept connections for `role`, and says READY. Once. */
void
front_serve(struct front *front, const struct front_role *role, void *context);

/* STOP came: drains, then tells the worker that it is done. */
void front_stop(struct front *front);

/* Appends a JSON object that tells how it is. */
void front_status(struct front *front, struct buffer *json);

/* Closes everything, the role too. NULL is allowed. */
void front_close(struct front *front);

struct loop *front_loop(const struct front *front);
const struct settings *front_settings(const struct front *front);
const struct front_limits *front_limits(const struct front *front);
struct net *front_net(const struct front *front);
struct gate *front_gate(const struct front *front);

/* Where large requests are claimed (intake.h). */
struct intake *front_intake(struct front *front);

/* Where replies that wait for their clients are (reply_claim.h). */
struct intake *front_outtake(struct front *front);

/* After STOP: a stream that is idle has to be finished. */
bool front_is_draining(const struct front *front);

/*
 * True if this connection comes from where none may come from while there is
 * no authentication: the role answers FRONT_REFUSAL in its protocol and
 * finishes the stream, whatever was asked.
 */
bool front_refuses(const struct front *front, const struct stream *stream);

/* Reading: common/lsm/view/view_reader.h. Borrowed until front_close(). */
struct view_reader *front_reader(const struct front *front);

/* Moves the reader on to what is current now. */
enum status front_refresh(struct front *front, struct error *err) MUST_CHECK;

/*
 * Submits a group of commands, which pass command_check() (gate.h). The
 * writer must live until its result has come.
 */
enum status front_submit(struct front *front, const struct command *commands,
    size_t count, struct front_writer *writer, struct error *err) MUST_CHECK;

/*
 * Whether writes should be taken from clients: if not, stop reading from the
 * client until on_room.
 */
bool front_has_room(struct front *front);

/* Counts `count` operations that took `elapsed_ns` each. */
void front_count(enum metric_operation operation, enum metric_protocol protocol,
    uint64_t elapsed_ns, uint64_t count);

/* Counts one operation that was answered with an error. */
void
front_count_error(enum metric_reason reason, enum metric_protocol protocol);

/* The reason under which a failure is counted. */
enum metric_reason front_reason(enum status status);

/* Count connections: once their protocol is known, and when they go. */
void front_count_opened(enum metric_protocol protocol);
void front_count_closed(enum metric_protocol protocol);

#endif
