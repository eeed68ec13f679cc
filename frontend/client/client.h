/*
 * client - the C library for the binary protocol of the TCP door.
 *
 * Blocking: client_call() and the functions below it send one request and wait
 * for its reply. Pipelined: client_send() any number of requests, then
 * client_receive() as many replies, which come in the same order.
 *
 *     struct client_options options = {.endpoint = "127.0.0.1:9090"};
 *
 *     client_open(&options, &client, &err);
 *     client_put(client, key, value, 0, &err);
 *     client_get(client, key, &entry, &found, &err);
 *     client_close(client);
 *
 * Failure    What a server refuses has a status: NOT_FOUND, CONFLICT (a
 *            condition does not hold), INVALID, VERSION, BUSY, UNAVAILABLE,
 *            NO_SPACE, IO. UNKNOWN is a write that may or may not have been
 *            applied; with every other status it was not applied. After a
 *            connection broke (UNAVAILABLE, TIMEOUT, CORRUPT or UNKNOWN), all
 *            requests in flight fail, each with what is known of it, and so
 *            does every later call: close the client and open another.
 * Ownership  Replies are borrowed until the next call with the same client.
 * Threads    None inside; a client belongs to one thread at a time.
 * Limits     Who pipelines bounds what is in flight: replies wait in memory.
 */
#ifndef FRONTEND_CLIENT_CLIENT_H
#define FRONTEND_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"

#define CLIENT_ENDPOINT_DEFAULT "127.0.0.1:9090"
#define CLIENT_CONNECT_TIMEOUT_MS_DEFAULT 5000
#define CLIENT_TIMEOUT_MS_DEFAULT 30000

struct client;
struct frame_entry;
struct frame_reply;
struct frame_request;

/* Zeroes stand for the defaults. */
struct client_options {
	const char *endpoint; /* "host:port" */
	uint64_t connect_timeout_ms;
	uint64_t timeout_ms; /* for one reply */
};

enum status client_open(const struct client_options *options,
    struct client **out, struct error *err) MUST_CHECK;

/* NULL is allowed. What is in flight is abandoned. */
void client_close(struct client *client);

/*
 * Queues a request under an id of the client's. It is sent with the next
 * client_receive() or client_flush(), which also tell of any failure.
 */
void client_send(struct client *client, const struct frame_request *request);

/* Sends what is queued, taking in replies meanwhile. */
enum status client_flush(struct client *client, struct error *err) MUST_CHECK;

/*
 * Waits for the reply to the oldest request in flight, of which there must be
 * one. A refusal is a failure here; out->failure has its details.
 */
enum status client_receive(struct client *client, struct frame_reply *out,
    struct error *err) MUST_CHECK;

/* Requests whose replies have not been received. */
size_t client_in_flight(const struct client *client);

/* Sends one request and waits for its reply; nothing else is in flight. */
enum status
client_call(struct client *client, const struct frame_request *request,
    struct frame_reply *out, struct error *err) MUST_CHECK;

enum status client_get(struct client *client, struct slice key,
    struct frame_entry *out, bool *found, struct error *err) MUST_CHECK;

/* `ttl_ms` 0: the entry never expires. */
enum status client_put(struct client *client, struct slice key,
    struct slice value, uint64_t ttl_ms, struct error *err) MUST_CHECK;

enum status client_delete(struct client *client, struct slice key,
    bool *existed, struct error *err) MUST_CHECK;

#endif
