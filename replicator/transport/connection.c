#include "replicator/transport/connection.h"

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"

/* What one reading asks for, at least and at most. */
#define RECEIVE_BYTES_MIN ((size_t)64 << 10)
#define RECEIVE_BYTES_MAX ((size_t)1 << 20)

/* nng takes as many pieces for one sending. */
#define PIECES_MAX 8

/*
 * Sending may take as long: who gets nothing any more is found out by its
 * silence, much earlier.
 */
#define SEND_MS 30000

struct outgoing {
	STAILQ_ENTRY(outgoing) link;
	size_t size;
	uint8_t bytes[]; /* head and body */
};

STAILQ_HEAD(outgoing_list, outgoing);

struct connection {
	struct connection_options options;
	nng_stream *stream;
	nng_aio *receive_aio;
	nng_aio *send_aio;
	struct transport_mail received;
	struct transport_mail sent;
	bool is_receiving; /* until the mail is taken out */
	bool is_sending;
	bool is_closed;
	bool is_inside; /* on_envelope() */
	struct loop_task flush;
	LIST_ENTRY(connection) link;

	struct buffer input;
	bool has_head; /* the first of the input */
	struct envelope envelope;
	uint64_t received_bytes;

	struct outgoing_list queue; /* oldest first; nothing of it is sent */
	size_t queue_count;
	size_t queue_bytes;
	struct outgoing_list sending; /* nng has it, or the rest of it */
	size_t sending_offset; /* of its first */
	uint64_t sent_count;
	uint64_t dropped_count;
};

void
transport_mail_put(void *context)
{
	struct transport_mail *mail = context;

	mailbox_put(mail->mailbox, &mail->item);
}

static void
receive_start(struct connection *connection)
{
	size_t have = buffer_size(&connection->input);
	size_t want = RECEIVE_BYTES_MIN;
	nng_iov iov;

	/*
	 * A large body is not reserved at once, but as it comes: the other
	 * side must send what it has announced.
	 */
	if (connection->has_head && connection->envelope.body_size > have)
		want = connection->envelope.body_size - have;
	want = want < RECEIVE_BYTES_MIN ? RECEIVE_BYTES_MIN : want;
	want = want > RECEIVE_BYTES_MAX ? RECEIVE_BYTES_MAX : want;
	iov.iov_buf = buffer_reserve(&connection->input, want);
	iov.iov_len = want;
	CHECK(nng_aio_set_iov(connection->receive_aio, 1, &iov) == 0);
	nng_aio_set_timeout(connection->receive_aio,
	    connection->options.idle_ms == 0
		? NNG_DURATION_INFINITE
		: (nng_duration)connection->options.idle_ms);
	connection->is_receiving = true;
	nng_stream_recv(connection->stream, connection->receive_aio);
}

static void
send_start(struct connection *connection)
{
	nng_iov pieces[PIECES_MAX];
	unsigned count = 0;
	struct outgoing *outgoing;

	STAILQ_FOREACH(outgoing, &connection->sending, link) {
		pieces[count].iov_buf = outgoing->bytes;
		pieces[count].iov_len = outgoing->size;
		count++;
	}
	CHECK(count > 0 && connection->sending_offset < pieces[0].iov_len);
	pieces[0].iov_buf =
	    (uint8_t *)pieces[0].iov_buf + connection->sending_offset;
	pieces[0].iov_len -= connection->sending_offset;
	CHECK(nng_aio_set_iov(connection->send_aio, count, pieces) == 0);
	nng_aio_set_timeout(connection->send_aio, SEND_MS);
	connection->is_sending = true;
	nng_stream_send(connection->stream, connection->send_aio);
}

static struct outgoing *
queue_take(struct connection *connection)
{
	struct outgoing *first = STAILQ_FIRST(&connection->queue);

	STAILQ_REMOVE_HEAD(&connection->queue, link);
	connection->queue_count--;
	connection->queue_bytes -= first->size;
	return first;
}

/* The turn is over: what has gathered goes out together. */
static void
on_flush(void *context)
{
	struct connection *connection = context;

	if (connection->is_sending || connection->is_closed)
		return;
	for (unsigned i = 0; i < PIECES_MAX && connection->queue_count > 0;
	     i++) {
		struct outgoing *outgoing = queue_take(connection);

		STAILQ_INSERT_TAIL(&connection->sending, outgoing, link);
	}
	if (!STAILQ_EMPTY(&connection->sending))
		send_start(connection);
}

struct connection *
connection_create(const struct connection_options *options, nng_stream *stream)
{
	struct connection *connection = mem_new(sizeof(*connection));

	connection->options = *options;
	connection->stream = stream;
	LIST_INSERT_HEAD(options->all, connection, link);
	STAILQ_INIT(&connection->queue);
	STAILQ_INIT(&connection->sending);
	connection->flush.run = on_flush;
	connection->flush.context = connection;
	connection->received.kind = TRANSPORT_MAIL_RECEIVED;
	connection->sent.kind = TRANSPORT_MAIL_SENT;
	connection->received.owner = connection->sent.owner = connection;
	connection->received.mailbox = connection->sent.mailbox =
	    options->mailbox;
	CHECK(nng_aio_alloc(&connection->receive_aio, transport_mail_put,
		  &connection->received) == 0);
	CHECK(nng_aio_alloc(&connection->send_aio, transport_mail_put,
		  &connection->sent) == 0);
	receive_start(connection);
	return connection;
}

/*
 * Too many, or too many bytes even without the oldest: so that a large one is
 * not lost to a PING behind it.
 */
static bool
is_over_full(const struct connection *connection)
{
	const struct outgoing *oldest = STAILQ_FIRST(&connection->queue);

	return connection->queue_count >
	    connection->options.queue_messages_max ||
	    connection->queue_bytes - oldest->size >=
	    connection->options.queue_bytes_max;
}

void
connection_send(struct connection *connection, const struct envelope *envelope,
    struct slice body)
{
	size_t size = ENVELOPE_HEAD_BYTES + body.size;
	struct outgoing *outgoing;

	if (connection->is_closed)
		return;
	outgoing = mem_resize(NULL, sizeof(*outgoing) + size);
	outgoing->size = size;
	envelope_encode(outgoing->bytes, envelope, body);
	if (body.size > 0)
		memcpy(outgoing->bytes + ENVELOPE_HEAD_BYTES, body.data,
		    body.size);
	STAILQ_INSERT_TAIL(&connection->queue, outgoing, link);
	connection->queue_count++;
	connection->queue_bytes += size;
	while (is_over_full(connection)) {
		mem_free(queue_take(connection));
		connection->dropped_count++;
	}
	loop_defer(connection->options.loop, &connection->flush);
}

static void
list_free(struct outgoing_list *list)
{
	struct outgoing *outgoing;

	while ((outgoing = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		mem_free(outgoing);
	}
}

/* nng has nothing under way, and nobody is inside. */
static void
connection_free(struct connection *connection)
{
	LIST_REMOVE(connection, link);
	loop_task_cancel(connection->options.loop, &connection->flush);
	nng_stream_free(connection->stream);
	nng_aio_free(connection->receive_aio);
	nng_aio_free(connection->send_aio);
	list_free(&connection->queue);
	list_free(&connection->sending);
	buffer_deinit(&connection->input);
	mem_free(connection);
}

static void
free_if_done(struct connection *connection)
{
	if (connection->is_closed && !connection->is_receiving &&
	    !connection->is_sending && !connection->is_inside)
		connection_free(connection);
}

void
connection_close(struct connection *connection)
{
	CHECK(!connection->is_closed);
	connection->is_closed = true;
	nng_stream_close(connection->stream);
	/*
	 * A stream that was closed by the other side between two readings
	 * may keep the next one for good: that is ended here.
	 */
	nng_aio_cancel(connection->receive_aio);
	nng_aio_cancel(connection->send_aio);
	free_if_done(connection);
}

void
connection_discard_all(struct connection_list *all, struct mailbox *mailbox)
{
	struct mailbox_list mail = STAILQ_HEAD_INITIALIZER(mail);
	struct connection *connection;

	LIST_FOREACH(connection, all, link) {
		CHECK(!connection->is_inside);
		connection->is_closed = true;
		nng_stream_close(connection->stream);
		nng_aio_stop(connection->receive_aio);
		nng_aio_stop(connection->send_aio);
	}
	/* Only now, since mail that is put in is linked to what is there. */
	mailbox_take(mailbox, &mail);
	while ((connection = LIST_FIRST(all)) != NULL)
		connection_free(connection);
}

static void
connection_fail(struct connection *connection, const struct error *reason)
{
	connection->options.on_closed(
	    connection->options.context, connection, reason);
	connection_close(connection);
}

static void
connection_fail_nng(struct connection *connection, int result)
{
	struct error reason;

	error_set(&reason, STATUS_IO, "%s", nng_strerror(result));
	connection_fail(connection, &reason);
}

/* Takes one envelope off the input; false where that has none (yet). */
static bool
take_envelope(struct connection *connection, struct error *err)
{
	struct envelope *envelope = &connection->envelope;
	struct slice input = buffer_slice(&connection->input);
	struct slice body;

	if (!connection->has_head) {
		if (input.size < ENVELOPE_HEAD_BYTES)
			return false;
		if (envelope_decode(input.data, envelope, err) != STATUS_OK)
			return false;
		connection->has_head = true;
	}
	if (input.size - ENVELOPE_HEAD_BYTES < envelope->body_size)
		return false;
	body = slice_of(input.data + ENVELOPE_HEAD_BYTES, envelope->body_size);
	if (envelope_check(envelope, body, err) != STATUS_OK)
		return false;
	connection->options.on_envelope(
	    connection->options.context, connection, envelope, body);
	connection->has_head = false;
	buffer_consume(
	    &connection->input, ENVELOPE_HEAD_BYTES + envelope->body_size);
	return !connection->is_closed;
}

static void
on_received(struct connection *connection)
{
	int result = nng_aio_result(connection->receive_aio);
	size_t got = nng_aio_count(connection->receive_aio);
	struct error err = {.code = STATUS_OK};

	if (result != 0 || got == 0) {
		connection_fail_nng(
		    connection, result != 0 ? result : NNG_ECLOSED);
		return;
	}
	buffer_commit(&connection->input, got);
	connection->received_bytes += got;
	connection->is_inside = true;
	while (take_envelope(connection, &err))
		;
	connection->is_inside = false;
	if (connection->is_closed) {
		free_if_done(connection);
		return;
	}
	if (err.code != STATUS_OK) {
		connection_fail(connection, &err);
		return;
	}
	if (buffer_size(&connection->input) == 0)
		buffer_clear(&connection->input, RECEIVE_BYTES_MAX);
	receive_start(connection);
}

static void
on_sent(struct connection *connection)
{
	int result = nng_aio_result(connection->send_aio);
	size_t done =
	    connection->sending_offset + nng_aio_count(connection->send_aio);
	struct outgoing *first;

	if (result != 0) {
		connection_fail_nng(connection, result);
		return;
	}
	while ((first = STAILQ_FIRST(&connection->sending)) != NULL &&
	    done >= first->size) {
		done -= first->size;
		STAILQ_REMOVE_HEAD(&connection->sending, link);
		mem_free(first);
		connection->sent_count++;
	}
	connection->sending_offset = done;
	if (first != NULL)
		send_start(connection);
	else
		on_flush(connection);
}

void
connection_on_mail(const struct transport_mail *mail)
{
	struct connection *connection = mail->owner;
	bool is_received = mail->kind == TRANSPORT_MAIL_RECEIVED;

	if (is_received)
		connection->is_receiving = false;
	else
		connection->is_sending = false;
	if (connection->is_closed)
		free_if_done(connection);
	else if (is_received)
		on_received(connection);
	else
		on_sent(connection);
}

uint64_t
connection_received_bytes(const struct connection *connection)
{
	return connection->received_bytes;
}

uint64_t
connection_sent(const struct connection *connection)
{
	return connection->sent_count;
}

uint64_t
connection_dropped(const struct connection *connection)
{
	return connection->dropped_count;
}

size_t
connection_queued_bytes(const struct connection *connection)
{
	return connection->queue_bytes;
}
