/*
 * http_call - answers one request: routing, reads, and the sending of writes.
 *
 * Private to frontend/http.
 */
#ifndef FRONTEND_HTTP_HTTP_CALL_H
#define FRONTEND_HTTP_HTTP_CALL_H

#include <stdbool.h>

#include "common/base/status.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_reply.h"
#include "frontend/http/http_target.h"

struct gate_result;
struct http_connection;
struct http_list;
struct http_pending;
struct http_request;

enum http_call_outcome {
	HTTP_CALL_REPLIED, /* the response is in the output */
	HTTP_CALL_SUBMITTED, /* to the gate, the pending is filled in */
	HTTP_CALL_AWAITS_RESULTS, /* run again when none is due */
	HTTP_CALL_AWAITS_ROOM, /* run again when there is room, or fewer due */
	HTTP_CALL_LISTS, /* the list is to be run */
};

struct http_call {
	struct http_connection *connection;
	const struct http_request *request;
	struct http_reply reply;
	bool may_reply; /* no result is due that must go out before */
	struct http_target target;
	struct http_pending *pending; /* SUBMITTED: the connection's from now */
	struct http_list *list; /* LISTS: the connection's from now */
	struct http_problem problem;
};

enum http_call_outcome http_call_run(struct http_call *call);

/* Answers with the call's problem, unless it has to wait. */
enum http_call_outcome http_call_refuse(struct http_call *call);

/* Puts a failure to read into a problem. */
void http_call_fail(struct http_problem *problem, const struct error *err);

/* Makes the reader see all that is answered; once for what has come. */
enum status http_call_refresh(
    struct http_connection *connection, struct error *err) MUST_CHECK;

/* The response to a write, by its result. */
void
http_call_reply_result(struct buffer *aside, const struct http_pending *pending,
    const struct gate_result *result, const struct http_reply *reply);

/* Counts a response with a problem. */
void http_call_count_problem(const struct http_problem *problem);

#endif
