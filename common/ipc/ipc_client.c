#include "common/ipc/ipc_client.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/loop/mailbox.h"
#include "common/ipc/nng_support.h"
#include "common/log/log.h"
#include "common/loop/loop.h"

/* A restarted server is found again within this many milliseconds. */
#define RECONNECT_MS_MIN 5
#define RECONNECT_MS_MAX 20
/* The library's search for a server is begun anew if it takes this long. */
#define REDIAL_MS 1000

#define WARN_INTERVAL_MS 10000

/*
 *          pipe up            HELLO answered        ipc_client_send()
 *   LOST ----------> GREETING --------------> READY ----------------> BUSY
 *    ^                 |    \                   ^                      |
 *    |                 |     +--> REFUSED       +------- reply --------+
 *    +------ lost -----+------------+-----------+----------------------+
 *
 * In REFUSED the versions differ: nothing is sent until the server is another.
 */
enum client_state {
	CLIENT_LOST,
	CLIENT_GREETING,
	CLIENT_REFUSED,
	CLIENT_READY,
	CLIENT_BUSY,
};

static const char *const state_names[] = {
    "lost", "greeting", "refused", "ready", "busy"};

static const bool moves[5][5] = {
    [CLIENT_LOST] = {[CLIENT_GREETING] = true},
    [CLIENT_GREETING] =
	{[CLIENT_LOST] = true, [CLIENT_REFUSED] = true, [CLIENT_READY] = true},
    [CLIENT_REFUSED] = {[CLIENT_LOST] = true},
    [CLIENT_READY] = {[CLIENT_LOST] = true, [CLIENT_BUSY] = true},
    [CLIENT_BUSY] = {[CLIENT_LOST] = true, [CLIENT_READY] = true},
};

enum mail_kind {
	MAIL_PIPE_UP,
	MAIL_PIPE_DOWN,
	MAIL_RECEIVED, /* the client's own item */
};

struct client_mail {
	struct mailbox_item item; /* first: found by it */
	enum mail_kind kind;
	int pipe_id;
};

/*
 * What the library's connection events refer to. They may come for as long
 * as the socket exists, so this lives as long and outlives the client.
 */
struct pipe_watch {
	pthread_mutex_t mutex;
	struct mailbox *mailbox; /* guarded by mutex; NULL: nobody listens */
};

struct ipc_client {
	struct ipc_client_options options;
	struct loop *loop;
	struct mailbox *mailbox;
	struct pipe_watch *watch; /* once there is a socket */
	struct loop_timer *redial; /* runs while there is no connection */
	char url[NNG_SUPPORT_URL_BYTES];
	nng_socket socket;
	nng_dialer dialer;
	bool has_dialer; /* a former one may still have connections */
	bool was_dialed;
	/*
	 * One context for each connection: closing it is what surely ends
	 * the sending and receiving that it has under way, whatever the
	 * library has done with the message so far.
	 */
	nng_ctx context;
	bool has_context;
	nng_aio *send_aio;
	nng_aio *receive_aio;
	struct client_mail received; /* put in by receive_aio */
	bool is_receiving; /* until `received` is taken out */
	enum client_state state;
	enum ipc_type type; /* of the request in flight */
	int pipe_id; /* 0: no connection */
	bool is_inside;
	struct log_limiter limiter;
};

static void on_mail(void *context);

static void
client_move(struct ipc_client *client, enum client_state to)
{
	CHECK(moves[client->state][to]);
	log_event(LOG_DEBUG, "ipc_client_moved", "from=%s to=%s",
	    state_names[client->state], state_names[to]);
	client->state = to;
}

/* On a thread of nng's, as the next one. */
static void
on_receive_aio(void *context)
{
	struct ipc_client *client = context;

	mailbox_put(client->mailbox, &client->received.item);
}

static void
on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
	struct pipe_watch *watch = context;
	struct client_mail *mail;

	CHECK(pthread_mutex_lock(&watch->mutex) == 0);
	if (watch->mailbox != NULL) {
		mail = mem_new(sizeof(*mail));
		mail->kind = event == NNG_PIPE_EV_ADD_POST ? MAIL_PIPE_UP
							   : MAIL_PIPE_DOWN;
		mail->pipe_id = nng_pipe_id(pipe);
		mailbox_put(watch->mailbox, &mail->item);
	}
	CHECK(pthread_mutex_unlock(&watch->mutex) == 0);
}

static void
watch_open(struct ipc_client *client)
{
	struct pipe_watch *watch = mem_new(sizeof(*watch));

	CHECK(pthread_mutex_init(&watch->mutex, NULL) == 0);
	watch->mailbox = client->mailbox;
	client->watch = watch;
	CHECK(nng_pipe_notify(
		  client->socket, NNG_PIPE_EV_ADD_POST, on_pipe, watch) == 0);
	CHECK(nng_pipe_notify(
		  client->socket, NNG_PIPE_EV_REM_POST, on_pipe, watch) == 0);
}

/* No event is told from now on, also none that is on its way. */
static void
watch_mute(struct pipe_watch *watch)
{
	CHECK(pthread_mutex_lock(&watch->mutex) == 0);
	watch->mailbox = NULL;
	CHECK(pthread_mutex_unlock(&watch->mutex) == 0);
}

static void
watch_close(struct pipe_watch *watch)
{
	CHECK(pthread_mutex_destroy(&watch->mutex) == 0);
	mem_free(watch);
}

static int
dialer_open(struct ipc_client *client)
{
	int result = nng_dial(
	    client->socket, client->url, &client->dialer, NNG_FLAG_NONBLOCK);

	client->has_dialer = result == 0;
	client->was_dialed |= client->has_dialer;
	loop_timer_start(client->redial, REDIAL_MS);
	return result;
}

static void
dialer_close(struct ipc_client *client)
{
	if (client->has_dialer)
		nng_dialer_close(client->dialer);
	client->has_dialer = false;
}

/*
 * A dialer of 1.5.2 gives up for good when a server ends while a connection
 * to it is being made, and none dials again while the library waits for good
 * for an earlier connection's end (as told at socket_leave()). A new dialer
 * has no such past.
 */
static void
on_redial(void *context)
{
	struct ipc_client *client = context;

	dialer_close(client);
	(void)dialer_open(client);
}

static enum status
client_dial(struct ipc_client *client, const char *path, struct error *err)
{
	enum status status;
	int result;

	status = nng_support_url(client->url, path, err);
	if (status != STATUS_OK)
		return status;
	status =
	    nng_support_result(nng_req0_open(&client->socket), "open", err);
	if (status != STATUS_OK)
		return status;
	watch_open(client);
	status = nng_support_prepare(client->socket, err);
	if (status != STATUS_OK)
		return status;
	/* The library would send again by itself; the owner does, or not. */
	result = nng_socket_set_ms(
	    client->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	if (result == 0)
		result = nng_socket_set_ms(
		    client->socket, NNG_OPT_RECONNMINT, RECONNECT_MS_MIN);
	if (result == 0)
		result = nng_socket_set_ms(
		    client->socket, NNG_OPT_RECONNMAXT, RECONNECT_MS_MAX);
	if (result == 0)
		result = nng_aio_alloc(&client->send_aio, NULL, NULL);
	if (result == 0)
		result =
		    nng_aio_alloc(&client->receive_aio, on_receive_aio, client);
	if (result == 0)
		result = dialer_open(client);
	return nng_support_result(result, "dial", err);
}

enum status
ipc_client_create(struct loop *loop, const struct ipc_client_options *options,
    struct ipc_client **out, struct error *err)
{
	struct ipc_client *client = mem_new(sizeof(*client));

	CHECK(options->on_ready != NULL && options->on_reply != NULL &&
	    options->on_lost != NULL);
	*out = NULL;
	client->options = *options;
	client->options.path = NULL;
	client->loop = loop;
	client->limiter.interval_ms = WARN_INTERVAL_MS;
	client->received.kind = MAIL_RECEIVED;
	client->mailbox = mailbox_create(loop, on_mail, client);
	client->redial = loop_timer_create(loop, on_redial, client);
	if (client_dial(client, options->path, err) != STATUS_OK) {
		ipc_client_close(client);
		return error_wrap(err, "socket %s", options->path);
	}
	*out = client;
	return STATUS_OK;
}

bool
ipc_client_is_ready(const struct ipc_client *client)
{
	return client->state == CLIENT_READY;
}

static void
request_start(
    struct ipc_client *client, enum ipc_type type, struct slice payload)
{
	CHECK(payload.size <= ipc_request_bytes_max(type));
	CHECK(client->has_context && !client->is_receiving);
	client->type = type;
	client->is_receiving = true;
	nng_aio_set_msg(
	    client->send_aio, nng_support_message(type, STATUS_OK, payload));
	nng_ctx_send(client->context, client->send_aio);
	/*
	 * At once, not after the sending: its completion would wake a thread
	 * just to tell us so.
	 */
	nng_ctx_recv(client->context, client->receive_aio);
}

void
ipc_client_send(
    struct ipc_client *client, enum ipc_type type, struct slice payload)
{
	CHECK(type != IPC_HELLO);
	client_move(client, CLIENT_BUSY);
	request_start(client, type, payload);
}

/* Ends whatever is under way; nng touches nothing of ours afterwards. */
static void
context_close(struct ipc_client *client)
{
	nng_msg *message;

	if (!client->has_context)
		return;
	client->has_context = false;
	nng_ctx_close(client->context);
	nng_aio_wait(client->send_aio);
	nng_aio_wait(client->receive_aio);
	message = nng_aio_get_msg(client->send_aio);
	/* A message that was not sent is still ours. */
	if (message != NULL && nng_aio_result(client->send_aio) != 0)
		nng_msg_free(message);
	nng_aio_set_msg(client->send_aio, NULL);
	if (!client->is_receiving)
		return;
	/* So is one that was received and not taken out. */
	message = nng_aio_get_msg(client->receive_aio);
	if (message != NULL && nng_aio_result(client->receive_aio) == 0)
		nng_msg_free(message);
	nng_aio_set_msg(client->receive_aio, NULL);
}

static void
connection_lost(struct ipc_client *client)
{
	bool was_known =
	    client->state == CLIENT_READY || client->state == CLIENT_BUSY;

	client->pipe_id = 0;
	loop_timer_start(client->redial, REDIAL_MS);
	context_close(client);
	if (client->state != CLIENT_LOST)
		client_move(client, CLIENT_LOST);
	if (was_known)
		client->options.on_lost(client->options.context);
}

/* The other side makes no sense: start again with a new connection. */
static void
connection_break(struct ipc_client *client, const char *reason)
{
	nng_pipe pipe = NNG_PIPE_INITIALIZER;
	uint64_t suppressed;

	if (log_limiter_pass(
		&client->limiter, loop_now_ms(client->loop), &suppressed))
		log_event(
		    LOG_WARN, "ipc_connection_broken", "reason=\"%s\"", reason);
	pipe.id = (uint32_t)client->pipe_id;
	nng_pipe_close(pipe);
	connection_lost(client);
}

static void
greeting_start(struct ipc_client *client)
{
	if (nng_ctx_open(&client->context, client->socket) != 0) {
		connection_break(client, "no context");
		return;
	}
	client->has_context = true;
	client_move(client, CLIENT_GREETING);
	request_start(client, IPC_HELLO, SLICE_EMPTY);
}

static void
on_greeted(struct ipc_client *client, const struct ipc_message *message)
{
	if (message->payload.size != 8) {
		connection_break(client, "no incarnation");
		return;
	}
	client_move(client, CLIENT_READY);
	client->options.on_ready(
	    client->options.context, u64_load(message->payload.data));
}

static void
version_refused(struct ipc_client *client, const char *reason)
{
	log_event(LOG_ERROR, "ipc_version_refused", "reason=\"%s\"", reason);
	client_move(client, CLIENT_REFUSED);
}

static void
on_message(struct ipc_client *client, struct slice bytes)
{
	struct ipc_message message;
	struct error err;
	enum status status = ipc_reply_decode(bytes, &message, &err);
	bool is_greeting = client->state == CLIENT_GREETING;

	if (status == STATUS_OK && message.type != client->type)
		status = error_set(&err, STATUS_INVALID, "reply of type %s",
		    ipc_type_name(message.type));
	if (status == STATUS_OK && is_greeting && message.status != STATUS_OK)
		status = error_set(&err, message.status, "refused: %.*s",
		    (int)message.payload.size,
		    (const char *)message.payload.data);
	if (is_greeting && status == STATUS_VERSION)
		version_refused(client, err.text);
	else if (status != STATUS_OK)
		connection_break(client, err.text);
	else if (is_greeting)
		on_greeted(client, &message);
	else {
		client_move(client, CLIENT_READY);
		client->options.on_reply(
		    client->options.context, message.status, message.payload);
	}
}

static void
on_received(struct ipc_client *client)
{
	nng_msg *message;

	client->is_receiving = false;
	/* Of a connection that is given up already. */
	if (client->state != CLIENT_GREETING && client->state != CLIENT_BUSY)
		return;
	if (nng_aio_result(client->receive_aio) != 0) {
		connection_lost(client);
		return;
	}
	message = nng_aio_get_msg(client->receive_aio);
	nng_aio_set_msg(client->receive_aio, NULL);
	/* The request was sent, but that may not have been noted yet. */
	nng_aio_wait(client->send_aio);
	on_message(client, nng_support_bytes(message));
	nng_msg_free(message);
}

static void
on_pipe_mail(struct ipc_client *client, const struct client_mail *mail)
{
	if (mail->kind == MAIL_PIPE_UP) {
		client->pipe_id = mail->pipe_id;
		loop_timer_stop(client->redial);
	} else if (mail->pipe_id == client->pipe_id) {
		connection_lost(client);
	}
}

static void
on_mail(void *context)
{
	struct ipc_client *client = context;
	struct mailbox_list list = STAILQ_HEAD_INITIALIZER(list);
	struct mailbox_item *item;

	client->is_inside = true;
	mailbox_take(client->mailbox, &list);
	while ((item = STAILQ_FIRST(&list)) != NULL) {
		struct client_mail *mail = (struct client_mail *)item;

		STAILQ_REMOVE_HEAD(&list, link);
		if (mail->kind == MAIL_RECEIVED) {
			on_received(client);
		} else {
			on_pipe_mail(client, mail);
			mem_free(mail);
		}
		if (client->state == CLIENT_LOST && client->pipe_id != 0 &&
		    !client->is_receiving)
			greeting_start(client);
	}
	client->is_inside = false;
}

/* Events that nobody takes out any more. */
static void
mail_discard(struct ipc_client *client)
{
	struct mailbox_list list = STAILQ_HEAD_INITIALIZER(list);
	struct mailbox_item *item;

	mailbox_take(client->mailbox, &list);
	while ((item = STAILQ_FIRST(&list)) != NULL) {
		struct client_mail *mail = (struct client_mail *)item;

		STAILQ_REMOVE_HEAD(&list, link);
		if (mail->kind != MAIL_RECEIVED)
			mem_free(mail);
	}
}

/*
 * The socket stays open if it ever had a connection. nng_close() waits until
 * the library has taken down every connection, and that may be never: when a
 * connection is closed between two reads (or writes) of one message, the
 * library forgets to end the receiving (or sending) and waits for it for good
 * (seen with 1.5.2; nng's issue 1813 and pull request 1636 are of the same
 * kind). A reply on its way is enough for that. nng_dialer_close() ends the
 * connection and the search for another one as well, and waits for no
 * connection. What stays behind is some memory until the process ends, and
 * the library does nothing of its own at exit.
 */
static void
socket_leave(struct ipc_client *client)
{
	watch_mute(client->watch);
	dialer_close(client);
	if (client->was_dialed)
		return;
	nng_close(client->socket);
	watch_close(client->watch);
}

void
ipc_client_close(struct ipc_client *client)
{
	if (client == NULL)
		return;
	CHECK(!client->is_inside);
	context_close(client);
	if (client->watch != NULL)
		socket_leave(client);
	nng_aio_free(client->send_aio);
	nng_aio_free(client->receive_aio);
	mail_discard(client);
	loop_timer_close(client->redial);
	mailbox_close(client->mailbox);
	mem_free(client);
}
