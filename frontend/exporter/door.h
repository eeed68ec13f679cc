/*
 * door - the exporter's HTTP server: connections in, pages out.
 *
 * Every answer is made at once from what a probe finds, so that nothing waits
 * between a request and its answer. GET and HEAD; anything else, and what is
 * no request, is answered with a problem (RFC 9457).
 *
 * Ownership  The probe and the descriptor are borrowed.
 * Threads    All on the loop's thread.
 * Limits     DOOR_CONNECTIONS_MAX at once, or fewer by the options; a request
 *            as http_assembler.h says, within request_ms from its first byte.
 */
#ifndef FRONTEND_EXPORTER_DOOR_H
#define FRONTEND_EXPORTER_DOOR_H

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct door;
struct loop;
struct node_probe;

/* Those who scrape are few; a page waits for each that takes it slowly. */
#define DOOR_CONNECTIONS_MAX 256

struct door_options {
	struct loop *loop;
	struct node_probe *probe;
	const struct clock *clock;
	int listen_fd;
	unsigned connections_max;
	uint64_t idle_ms; /* silence between requests; 0: for ever */
	uint64_t request_ms; /* from a request's first byte to its last */
	bool is_open_to_all; /* also to other hosts */
	/* The last connection has gone, after door_drain(). */
	void (*on_drained)(void *context);
	void *context;
};

struct door *door_open(const struct door_options *options);

/* Accepts nothing more and ends each connection after its request. */
void door_drain(struct door *door);

/* Ends connections whose request takes too long; about once a second. */
void door_tick(struct door *door);

/* Requests that were answered. */
uint64_t door_request_count(const struct door *door);

/* NULL is allowed. */
void door_close(struct door *door);

#endif
