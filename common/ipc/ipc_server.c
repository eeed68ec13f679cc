#include "common/ipc/ipc_server.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/transport/ipc/ipc.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/loop/mailbox.h"
#include "common/ipc/nng_support.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/os/random.h"

#define SOCKET_MODE 0600

/* How often is looked whether connections are still accepted. */
#define ACCEPTING_CHECK_MS 1000

/*
 * In doubt: so often, so many times in vain. After a failure the library
 * itself accepts nothing for 100 ms.
 */
#define KNOCK_MS 50
#define KNOCKS_MAX 12

/*
 *   RECEIVING --message--> OWNED --ipc_request_reply()--> SENDING
 *       ^                                                    |
 *       +-------------------- sent, or not ------------------+
 */
enum request_state {
	REQUEST_RECEIVING, /* nng has it */
	REQUEST_OWNED, /* the owner has it */
	REQUEST_SENDING, /* nng has it */
};

struct ipc_request {
	struct mailbox_item item; /* first: found by it */
	struct ipc_server *server;
	nng_ctx context;
	nng_aio *aio;
	nng_msg *message; /* while OWNED */
	enum ipc_type type;
	enum request_state state;
	bool has_context;
};

/* What the library has counted of a listener. */
struct listener_counts {
	uint64_t accepted;
	uint64_t failed; /* before they were made */
};

struct ipc_server {
	struct ipc_server_options options;
	struct mailbox *mailbox;
	nng_socket socket;
	nng_listener listener;
	bool has_socket;
	bool is_listening;
	bool has_listened; /* so there may have been connections */
	char url[NNG_SUPPORT_URL_BYTES];
	struct loop_timer *check;
	struct listener_counts seen; /* when there was last a doubt */
	unsigned knocks; /* in vain so far; 0: there is no doubt */
	int knock; /* our own connection, as long as there is one; else -1 */
	uint64_t incarnation;
	bool is_inside;
	struct ipc_request requests[IPC_REQUESTS_MAX];
};

static void on_mail(void *context);

/* On a thread of nng's. */
static void
on_aio(void *context)
{
	struct ipc_request *request = context;

	mailbox_put(request->server->mailbox, &request->item);
}

static void
request_move(struct ipc_request *request, enum request_state to)
{
	CHECK(to == (request->state + 1) % 3);
	request->state = to;
}

static enum status
request_open(struct ipc_request *request, struct error *err)
{
	enum status status;

	status = nng_support_result(
	    nng_ctx_open(&request->context, request->server->socket), "context",
	    err);
	if (status != STATUS_OK)
		return status;
	request->has_context = true;
	status = nng_support_result(
	    nng_aio_alloc(&request->aio, on_aio, request), "aio", err);
	if (status != STATUS_OK)
		return status;
	nng_ctx_recv(request->context, request->aio);
	return STATUS_OK;
}

static enum status
listener_open(struct ipc_server *server, struct error *err)
{
	enum status status;

	server->seen = (struct listener_counts){0};
	server->knocks = 0;
	status = nng_support_result(
	    nng_listener_create(&server->listener, server->socket, server->url),
	    "listen", err);
	if (status != STATUS_OK)
		return status;
	status = nng_support_result(nng_listener_set_int(server->listener,
					NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE),
	    "permissions", err);
	if (status == STATUS_OK)
		status = nng_support_result(
		    nng_listener_start(server->listener, 0), "listen", err);
	server->is_listening = status == STATUS_OK;
	server->has_listened |= server->is_listening;
	if (!server->is_listening)
		nng_listener_close(server->listener);
	return status;
}

/* Ends the connections and removes the path. */
static void
listener_close(struct ipc_server *server)
{
	if (server->is_listening)
		nng_listener_close(server->listener);
	server->is_listening = false;
}

static uint64_t
count_of(nng_stat *listener, const char *name)
{
	nng_stat *stat = nng_stat_find(listener, name);

	return stat == NULL ? 0 : nng_stat_value(stat);
}

/* False if the library does not tell. */
static bool
listener_count(const struct ipc_server *server, struct listener_counts *out)
{
	nng_stat *all;
	nng_stat *stat;

	if (nng_stats_get(&all) != 0)
		return false;
	stat = nng_stat_find_listener(all, server->listener);
	if (stat != NULL) {
		out->accepted = count_of(stat, "accept");
		out->failed = count_of(stat, "other");
	}
	nng_stats_free(all);
	return stat != NULL;
}

static void
knock_end(struct ipc_server *server)
{
	if (server->knock >= 0)
		close(server->knock);
	server->knock = -1;
	server->knocks = 0;
}

/*
 * A listener of 1.5.2 may give nobody a connection any more after a client
 * went away while one was being made (nng's issue 1518). It cannot be asked
 * whether it is in that state, and the failure that it counts does not tell:
 * most clients that go away early leave it well. So a connection of our own
 * finds out. Any that is accepted after the failure was counted, ours or not,
 * shows that there is nothing the matter.
 */
static bool
listener_is_stuck(struct ipc_server *server)
{
	struct listener_counts now;

	if (!listener_count(server, &now))
		return false;
	if (server->knocks > 0 && now.accepted != server->seen.accepted)
		knock_end(server);
	if (server->knocks == 0) {
		if (now.failed == server->seen.failed)
			return false;
		server->seen = now;
	}
	/* There may be no room for it in the queue at first. */
	if (server->knock < 0)
		server->knock = nng_support_knock(server->url);
	return ++server->knocks > KNOCKS_MAX;
}

/* The clients of the old listener come to the new one by themselves. */
static void
on_check(void *context)
{
	struct ipc_server *server = context;
	struct error err;

	if (server->is_listening && listener_is_stuck(server)) {
		log_event(LOG_INFO, "ipc_listening_anew",
		    "reason=\"no connection is accepted\"");
		listener_close(server);
		knock_end(server);
	}
	if (!server->is_listening && listener_open(server, &err) != STATUS_OK)
		log_event(
		    LOG_ERROR, "ipc_listen_failed", "reason=\"%s\"", err.text);
	loop_timer_start(
	    server->check, server->knocks > 0 ? KNOCK_MS : ACCEPTING_CHECK_MS);
}

static enum status
server_listen(struct ipc_server *server, const char *path, struct error *err)
{
	enum status status;

	status = nng_support_url(server->url, path, err);
	if (status != STATUS_OK)
		return status;
	status =
	    nng_support_result(nng_rep0_open(&server->socket), "open", err);
	if (status != STATUS_OK)
		return status;
	server->has_socket = true;
	status = nng_support_prepare(server->socket, err);
	if (status != STATUS_OK)
		return status;
	for (int i = 0; i < IPC_REQUESTS_MAX; i++) {
		status = request_open(&server->requests[i], err);
		if (status != STATUS_OK)
			return status;
	}
	loop_timer_start(server->check, ACCEPTING_CHECK_MS);
	return listener_open(server, err);
}

enum status
ipc_server_create(struct loop *loop, const struct ipc_server_options *options,
    struct ipc_server **out, struct error *err)
{
	struct ipc_server *server = mem_new(sizeof(*server));

	CHECK(options->on_request != NULL && options->on_turn_end != NULL);
	*out = NULL;
	server->options = *options;
	server->options.path = NULL;
	random_fill(&server->incarnation, sizeof(server->incarnation));
	server->mailbox = mailbox_create(loop, on_mail, server);
	server->check = loop_timer_create(loop, on_check, server);
	server->knock = -1;
	for (int i = 0; i < IPC_REQUESTS_MAX; i++)
		server->requests[i].server = server;
	if (server_listen(server, options->path, err) != STATUS_OK) {
		ipc_server_close(server);
		return error_wrap(err, "socket %s", options->path);
	}
	*out = server;
	return STATUS_OK;
}

/* Answers what the owner has no part in; true if it was that. */
static bool
answer_here(struct ipc_request *request, struct ipc_message *message)
{
	struct error err;
	uint8_t incarnation[8];

	if (ipc_request_decode(nng_support_bytes(request->message), message,
		&err) != STATUS_OK) {
		log_event(
		    LOG_WARN, "ipc_request_refused", "reason=\"%s\"", err.text);
		/* The type may be anything: a refusal goes out as HELLO. */
		request->type = IPC_HELLO;
		ipc_request_reply(request, err.code, slice_of_string(err.text));
		return true;
	}
	request->type = message->type;
	if (message->type != IPC_HELLO)
		return false;
	u64_store(incarnation, request->server->incarnation);
	ipc_request_reply(
	    request, STATUS_OK, slice_of(incarnation, sizeof(incarnation)));
	return true;
}

/* True if the owner was given a request. */
static bool
on_received(struct ipc_request *request)
{
	struct ipc_server *server = request->server;
	struct ipc_message message;
	int result = nng_aio_result(request->aio);

	if (result == NNG_ECLOSED)
		return false;
	if (result != 0) {
		nng_ctx_recv(request->context, request->aio);
		return false;
	}
	request->message = nng_aio_get_msg(request->aio);
	nng_aio_set_msg(request->aio, NULL);
	request_move(request, REQUEST_OWNED);
	if (answer_here(request, &message))
		return false;
	server->options.on_request(
	    server->options.context, request, message.type, message.payload);
	return true;
}

static void
on_sent(struct ipc_request *request)
{
	/* A message that was not sent is still ours. */
	if (nng_aio_result(request->aio) != 0)
		nng_msg_free(nng_aio_get_msg(request->aio));
	nng_aio_set_msg(request->aio, NULL);
	request_move(request, REQUEST_RECEIVING);
	nng_ctx_recv(request->context, request->aio);
}

static void
on_mail(void *context)
{
	struct ipc_server *server = context;
	struct mailbox_list list = STAILQ_HEAD_INITIALIZER(list);
	struct mailbox_item *item;
	bool has_requests = false;

	server->is_inside = true;
	/*
	 * Taking again after each round gathers what came meanwhile. It ends,
	 * since a request is given out once before it is answered.
	 */
	for (mailbox_take(server->mailbox, &list); !STAILQ_EMPTY(&list);
	     mailbox_take(server->mailbox, &list)) {
		while ((item = STAILQ_FIRST(&list)) != NULL) {
			struct ipc_request *request =
			    (struct ipc_request *)item;

			STAILQ_REMOVE_HEAD(&list, link);
			CHECK(request->state != REQUEST_OWNED);
			if (request->state == REQUEST_SENDING)
				on_sent(request);
			else if (on_received(request))
				has_requests = true;
		}
	}
	if (has_requests)
		server->options.on_turn_end(server->options.context);
	server->is_inside = false;
}

void
ipc_request_reply(
    struct ipc_request *request, enum status status, struct slice payload)
{
	nng_msg *message;

	CHECK(payload.size <= ipc_reply_bytes_max(request->type));
	request_move(request, REQUEST_SENDING);
	message = nng_support_message(request->type, status, payload);
	/* Only now: the payload may be borrowed from the request. */
	nng_msg_free(request->message);
	request->message = NULL;
	nng_aio_set_msg(request->aio, message);
	nng_ctx_send(request->context, request->aio);
}

static void
request_close(struct ipc_request *request)
{
	if (request->aio != NULL) {
		nng_aio_stop(request->aio);
		/* Received and not taken, or not sent: it was left here. */
		if (nng_aio_get_msg(request->aio) != NULL &&
		    (request->state == REQUEST_RECEIVING) ==
			(nng_aio_result(request->aio) == 0))
			nng_msg_free(nng_aio_get_msg(request->aio));
		nng_aio_free(request->aio);
	}
	if (request->has_context)
		nng_ctx_close(request->context);
	if (request->message != NULL)
		nng_msg_free(request->message);
}

void
ipc_server_close(struct ipc_server *server)
{
	if (server == NULL)
		return;
	CHECK(!server->is_inside);
	for (int i = 0; i < IPC_REQUESTS_MAX; i++)
		request_close(&server->requests[i]);
	listener_close(server);
	knock_end(server);
	/*
	 * The socket stays open if there may have been connections, since
	 * nng_close() might wait for good (as told in ipc_client.c).
	 */
	if (server->has_socket && !server->has_listened)
		nng_close(server->socket);
	loop_timer_close(server->check);
	mailbox_close(server->mailbox);
	mem_free(server);
}
