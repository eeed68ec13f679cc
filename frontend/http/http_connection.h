/*
 * http_connection - one client of the HTTP door.
 *
 * Private to frontend/http. Replies go out in the order of the requests:
 * writes may follow one another into the gate, and their results come in that
 * order; anything else is answered only when no result is due.
 *
 *             a request must wait            the last result comes,
 *             for results or room            or there is room
 *     OPEN ------------------------> HELD --------------> OPEN
 *      |
 *      +--- a list takes turns ----> LISTING --- it is whole ---> OPEN
 *      |                                |
 *      +--- the last request -----------+---> LAST
 *
 * The stream is paused in HELD and LISTING; in LAST nothing more is taken,
 * and the stream is finished once the last result has come. A connection
 * whose stream has gone lives on until then.
 */
#ifndef FRONTEND_HTTP_HTTP_CONNECTION_H
#define FRONTEND_HTTP_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/loop/loop.h"
#include "common/net/stream.h"
#include "frontend/core/front.h"
#include "frontend/core/intake.h"
#include "frontend/core/reply_claim.h"
#include "frontend/http/http_assembler.h"
#include "frontend/http/http_date.h"
#include "frontend/http/http_reply.h"
#include "frontend/http/http_request.h"

/* Writes of one connection whose results are due. */
#define HTTP_PENDING_MAX 1024u

struct gate;
struct http_list;

enum http_state {
	HTTP_OPEN,
	HTTP_HELD,
	HTTP_LISTING,
	HTTP_LAST,
};

/* A write whose result is due. */
struct http_pending {
	STAILQ_ENTRY(http_pending) link;
	uint64_t arrived_ns;
	enum metric_operation operation;
	bool is_creation; /* of a key that must not be there: 201 */
	bool is_old;
	bool closes;
	uint8_t *ops; /* owned: those of a batch, else NULL */
};

/* What all connections share. */
struct http_door {
	struct front *front;
	struct loop *loop;
	struct gate *gate;
	struct view_reader *reader;
	struct http_limits limits;
	uint64_t request_ms;
	struct http_date date;
	struct buffer scratch; /* what a target decodes to */
	struct buffer aside; /* bodies of replies */
	struct arena arena; /* what a body decodes to */
	bool is_fresh; /* the reader was refreshed for what has come */
	bool needs_room; /* some connection waits for it */
	uint64_t gets; /* answered in this turn of on_data */
	TAILQ_HEAD(, http_connection) connections;
	struct loop_timer *drain_timer;
	bool is_draining; /* the idle are finished ... */
	bool is_draining_hard; /* ... also in the middle of a request */
};

struct http_connection {
	struct front_writer writer;
	struct http_door *door;
	struct stream *stream; /* NULL once it has gone */
	struct http_assembler *assembler;
	enum http_state state;
	enum http_assembled held; /* HELD: what the assembler had */
	bool awaits_results; /* HELD: all of them; else some, or room */
	bool has_ended; /* the client sends no more */
	struct intake_claim claim; /* of a large body, until its result */
	struct reply_claim reply_claim;
	bool awaits_memory; /* OPEN: for that claim; the stream is paused */
	uint64_t began_ms; /* when the request began to come; 0: none has */
	STAILQ_HEAD(, http_pending) pendings; /* oldest first */
	unsigned pending_count;
	/* LISTING */
	struct http_list *list;
	struct loop_task list_task;
	struct http_reply list_reply; /* but for its output */
	uint64_t list_arrived_ns;
	TAILQ_ENTRY(http_connection) link;
};

struct http_connection *
http_connection_create(struct http_door *door, struct stream *stream);

/* The callbacks of its stream. */
void http_connection_on_data(struct stream *stream, void *context);
void http_connection_on_end(struct stream *stream, void *context);
void http_connection_on_closed(
    struct stream *stream, void *context, enum stream_end why);
void http_connection_on_drained(struct stream *stream, void *context);

/* The gate has room, or is to be asked anew whether it takes anything. */
void http_connection_on_room(struct http_connection *connection);

/* Ends it if nothing was asked; while draining hard, also half-way. */
void http_connection_finish_idle(struct http_connection *connection);

/* Frees a connection without a stream, whose results will not come. */
void http_connection_close(struct http_connection *connection);

#endif
