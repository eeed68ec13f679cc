#include "replicator/transport/outbound.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "replicator/transport/transport_private.h"

/* A dialing that takes longer is given up. */
#define DIAL_MS 1000
/*
 * So is a connection with no sign of life between as many ticks. Ticks are
 * counted, not time: a process that was stopped itself blames nobody.
 */
#define SILENT_TICKS_MAX 4

#define RETRY_MS_MIN 5
#define RETRY_MS_MAX 100

#define WARN_INTERVAL_MS 10000

/*
 *             timer              dialed             PONG
 *   WAITING --------> DIALING ------------> ASKING -------> UP
 *      ^                 |                    |              |
 *      +----- failed ----+----- silent, or lost -------------+
 */
enum outbound_state {
	OUTBOUND_WAITING,
	OUTBOUND_DIALING,
	OUTBOUND_ASKING,
	OUTBOUND_UP,
};

static const char *const state_names[] = {"waiting", "dialing", "asking", "up"};

static const bool moves[4][4] = {
    [OUTBOUND_WAITING] = {[OUTBOUND_DIALING] = true},
    [OUTBOUND_DIALING] = {[OUTBOUND_WAITING] = true, [OUTBOUND_ASKING] = true},
    [OUTBOUND_ASKING] = {[OUTBOUND_WAITING] = true, [OUTBOUND_UP] = true},
    [OUTBOUND_UP] = {[OUTBOUND_WAITING] = true},
};

struct outbound {
	struct nng_transport *transport;
	bool is_removed; /* and nng is still at it: among the leaving */
	LIST_ENTRY(outbound) link; /* then */
	size_t number; /* the peer's, for the handlers */
	char name[64];
	char url[TRANSPORT_URL_BYTES];
	uint64_t id;
	enum outbound_state state;
	nng_tls_config *config; /* NULL: plain */
	nng_stream_dialer *dialer; /* while nng is dialing */
	nng_aio *dial_aio;
	struct transport_mail dialed;
	bool is_dialing; /* until the mail is taken out */
	struct connection *connection; /* while ASKING or UP */
	struct loop_timer *retry;
	uint64_t retry_ms;
	unsigned silent_ticks; /* since it last gave a sign of life */
	uint64_t dropped; /* while not up, and of former connections */
	uint64_t sent; /* over former connections */
	uint64_t links;
	uint64_t round_trip_ns;
	struct log_limiter lost_limiter;
	struct log_limiter up_limiter;
};

static void
outbound_move(struct outbound *outbound, enum outbound_state to)
{
	CHECK(moves[outbound->state][to]);
	log_event(LOG_DEBUG, "peer_moved", "peer=%s from=%s to=%s",
	    outbound->name, state_names[outbound->state], state_names[to]);
	outbound->state = to;
}

static void
outbound_ping(struct outbound *outbound)
{
	uint8_t now[8];

	u64_store(now, loop_now_ns(outbound->transport->loop));
	transport_say(outbound->transport, outbound->connection, outbound->id,
	    ENVELOPE_PING, slice_of(now, sizeof(now)));
}

static void
tell_link(struct outbound *outbound, bool is_up)
{
	struct nng_transport *transport = outbound->transport;
	bool was_inside = transport->is_inside;

	transport->is_inside = true;
	transport->handlers.on_link(
	    transport->handlers.context, outbound->number, is_up);
	transport->is_inside = was_inside;
}

/*
 * Whatever there was of it is over: begin anew in a while. The owner may have
 * removed it when this returns.
 */
static void
outbound_lost(struct outbound *outbound, const char *reason)
{
	struct nng_transport *transport = outbound->transport;
	bool was_up = outbound->state == OUTBOUND_UP;
	uint64_t suppressed;

	if (log_limiter_pass(&outbound->lost_limiter,
		loop_now_ms(transport->loop), &suppressed))
		log_event(LOG_WARN, was_up ? "peer_lost" : "peer_not_reached",
		    "peer=%s address=%s reason=\"%s\" suppressed=%" PRIu64,
		    outbound->name, strstr(outbound->url, "//") + 2, reason,
		    suppressed);
	outbound_move(outbound, OUTBOUND_WAITING);
	loop_timer_start(outbound->retry, outbound->retry_ms);
	outbound->retry_ms *= 2;
	if (outbound->retry_ms > RETRY_MS_MAX)
		outbound->retry_ms = RETRY_MS_MAX;
	if (was_up)
		tell_link(outbound, false);
}

/* Keeps the counts of a connection that is about to go. */
static void
outbound_let_go(struct outbound *outbound)
{
	outbound->sent += connection_sent(outbound->connection);
	outbound->dropped += connection_dropped(outbound->connection);
	outbound->connection = NULL;
}

static void
outbound_disconnect(struct outbound *outbound)
{
	struct connection *connection = outbound->connection;

	if (connection == NULL)
		return;
	outbound_let_go(outbound);
	connection_close(connection);
}

static void
on_closed(
    void *context, struct connection *connection, const struct error *reason)
{
	struct outbound *outbound = context;

	CHECK(outbound->connection == connection);
	if (reason->code != STATUS_IO)
		outbound->transport->counts.malformed++;
	outbound_let_go(outbound);
	outbound_lost(outbound, reason->text);
}

static void
on_pong(struct outbound *outbound, struct slice body)
{
	struct nng_transport *transport = outbound->transport;
	uint64_t sent_ns = body.size == 8 ? u64_load(body.data) : 0;
	uint64_t now_ns = loop_now_ns(transport->loop);
	uint64_t suppressed;

	outbound->silent_ticks = 0;
	if (sent_ns > 0 && sent_ns <= now_ns)
		outbound->round_trip_ns = now_ns - sent_ns;
	if (outbound->state == OUTBOUND_UP)
		return;
	outbound_move(outbound, OUTBOUND_UP);
	outbound->retry_ms = RETRY_MS_MIN;
	outbound->links++;
	if (log_limiter_pass(
		&outbound->up_limiter, now_ns / 1000000, &suppressed))
		log_event(LOG_INFO, "peer_up",
		    "peer=%s round_trip_us=%" PRIu64 " suppressed=%" PRIu64,
		    outbound->name, outbound->round_trip_ns / 1000, suppressed);
	tell_link(outbound, true);
}

/* What a peer answers on the connection that was dialed to it. */
static void
on_envelope(void *context, struct connection *connection,
    const struct envelope *envelope, struct slice body)
{
	struct outbound *outbound = context;

	switch (envelope->kind) {
	case ENVELOPE_PONG:
		on_pong(outbound, body);
		return;
	case ENVELOPE_HELLO:
	case ENVELOPE_CHARTER:
	case ENVELOPE_REFUSE:
		transport_hand_over(
		    outbound->transport, envelope, body, outbound, NULL);
		return;
	case ENVELOPE_PING:
	case ENVELOPE_FRAME:
		/* Nobody answers with these. */
		outbound->transport->counts.malformed++;
		return;
	}
}

static int
dialer_open(struct outbound *outbound)
{
	int result;

	result = nng_stream_dialer_alloc(&outbound->dialer, outbound->url);
	if (result != 0)
		outbound->dialer = NULL;
	else if (outbound->config != NULL)
		result = nng_stream_dialer_set_ptr(
		    outbound->dialer, NNG_OPT_TLS_CONFIG, outbound->config);
	return result;
}

static void
dialer_close(struct outbound *outbound)
{
	if (outbound->dialer == NULL)
		return;
	nng_stream_dialer_close(outbound->dialer);
	nng_stream_dialer_free(outbound->dialer);
	outbound->dialer = NULL;
}

/*
 * Dials, or leaves a former address first. A new dialer each time: it has no
 * past that could hold it up.
 */
static void
on_retry(void *context)
{
	struct outbound *outbound = context;
	int result;

	if (outbound->state != OUTBOUND_WAITING) {
		outbound_disconnect(outbound);
		outbound_lost(outbound, "it has another address");
		return;
	}
	/* Of an earlier one whose end nng has not told yet. */
	if (outbound->is_dialing) {
		loop_timer_start(outbound->retry, RETRY_MS_MIN);
		return;
	}
	outbound_move(outbound, OUTBOUND_DIALING);
	result = dialer_open(outbound);
	if (result != 0) {
		dialer_close(outbound);
		outbound_lost(outbound, nng_strerror(result));
		return;
	}
	outbound->is_dialing = true;
	nng_aio_set_timeout(outbound->dial_aio, DIAL_MS);
	nng_stream_dialer_dial(outbound->dialer, outbound->dial_aio);
}

/* nng is done with it. */
static void
outbound_free(struct outbound *outbound)
{
	dialer_close(outbound);
	loop_timer_close(outbound->retry);
	if (outbound->config != NULL)
		nng_tls_config_free(outbound->config);
	if (outbound->dial_aio != NULL)
		nng_aio_free(outbound->dial_aio);
	mem_free(outbound);
}

void
outbound_on_dialed(struct outbound *outbound)
{
	int result = nng_aio_result(outbound->dial_aio);
	nng_stream *stream =
	    result == 0 ? nng_aio_get_output(outbound->dial_aio, 0) : NULL;
	struct connection_options options;

	outbound->is_dialing = false;
	dialer_close(outbound);
	if (outbound->is_removed || outbound->state != OUTBOUND_DIALING) {
		/* Removed meanwhile, or to go to another address. */
		if (stream != NULL)
			nng_stream_free(stream);
		if (outbound->is_removed) {
			LIST_REMOVE(outbound, link);
			outbound_free(outbound);
		}
		return;
	}
	if (result != 0) {
		outbound_lost(outbound, nng_strerror(result));
		return;
	}
	options = transport_connection_options(outbound->transport);
	options.on_envelope = on_envelope;
	options.on_closed = on_closed;
	options.context = outbound;
	outbound->connection = connection_create(&options, stream);
	outbound_move(outbound, OUTBOUND_ASKING);
	outbound->silent_ticks = 0;
	outbound_ping(outbound);
}

void
outbound_tick(struct outbound *outbound)
{
	if (outbound->state != OUTBOUND_ASKING &&
	    outbound->state != OUTBOUND_UP)
		return;
	if (outbound->silent_ticks++ == SILENT_TICKS_MAX) {
		outbound_disconnect(outbound);
		outbound_lost(outbound, "silent");
	} else {
		outbound_ping(outbound);
	}
}

static enum status
outbound_set_url(
    struct outbound *outbound, const char *address, struct error *err)
{
	nng_stream_dialer *dialer;
	char url[TRANSPORT_URL_BYTES];
	int result;

	if (transport_url(outbound->transport, url, address, err) != STATUS_OK)
		return err->code;
	result = nng_stream_dialer_alloc(&dialer, url);
	if (result != 0)
		return transport_result(result, address, err);
	nng_stream_dialer_free(dialer);
	memcpy(outbound->url, url, sizeof(url));
	return STATUS_OK;
}

enum status
outbound_create(struct nng_transport *transport, size_t number,
    const char *name, const char *address, struct outbound **out,
    struct error *err)
{
	struct outbound *outbound = mem_new(sizeof(*outbound));

	CHECK(strlen(name) < sizeof(outbound->name));
	*out = NULL;
	outbound->transport = transport;
	outbound->number = number;
	if (outbound_set_url(outbound, address, err) != STATUS_OK ||
	    (transport->tls != NULL &&
		tls_config(transport->tls, name, &outbound->config, err) !=
		    STATUS_OK)) {
		outbound_free(outbound);
		return err->code;
	}
	memcpy(outbound->name, name, strlen(name) + 1);
	outbound->dialed.kind = TRANSPORT_MAIL_DIALED;
	outbound->dialed.mailbox = transport->mailbox;
	outbound->dialed.owner = outbound;
	outbound->retry_ms = RETRY_MS_MIN;
	outbound->lost_limiter.interval_ms = WARN_INTERVAL_MS;
	outbound->up_limiter.interval_ms = WARN_INTERVAL_MS;
	CHECK(nng_aio_alloc(&outbound->dial_aio, transport_mail_put,
		  &outbound->dialed) == 0);
	outbound->retry =
	    loop_timer_create(transport->loop, on_retry, outbound);
	loop_timer_start(outbound->retry, 0);
	*out = outbound;
	return STATUS_OK;
}

void
outbound_remove(struct outbound *outbound)
{
	outbound_disconnect(outbound);
	loop_timer_stop(outbound->retry);
	if (!outbound->is_dialing) {
		outbound_free(outbound);
		return;
	}
	outbound->is_removed = true;
	LIST_INSERT_HEAD(&outbound->transport->leaving, outbound, link);
	nng_aio_cancel(outbound->dial_aio);
}

enum status
outbound_set_address(
    struct outbound *outbound, const char *address, struct error *err)
{
	char before[TRANSPORT_URL_BYTES];

	memcpy(before, outbound->url, sizeof(before));
	if (outbound_set_url(outbound, address, err) != STATUS_OK)
		return err->code;
	if (strcmp(before, outbound->url) == 0)
		return STATUS_OK;
	outbound->retry_ms = RETRY_MS_MIN;
	if (outbound->is_dialing)
		nng_aio_cancel(outbound->dial_aio);
	/* Not here, since the owner is told. */
	loop_timer_start(outbound->retry, 0);
	return STATUS_OK;
}

void
outbound_set_id(struct outbound *outbound, uint64_t id)
{
	outbound->id = id;
}

size_t
outbound_number(const struct outbound *outbound)
{
	return outbound->number;
}

void
outbound_send(
    struct outbound *outbound, enum envelope_kind kind, struct slice body)
{
	struct nng_transport *transport = outbound->transport;

	if (transport_fits(transport, kind, body) &&
	    outbound->state == OUTBOUND_UP)
		transport_say(
		    transport, outbound->connection, outbound->id, kind, body);
	else
		outbound->dropped++;
}

void
outbound_status(
    const struct outbound *outbound, struct transport_peer_status *out)
{
	*out = (struct transport_peer_status){
	    .is_up = outbound->state == OUTBOUND_UP,
	    .round_trip_ns = outbound->round_trip_ns,
	    .links = outbound->links,
	    .sent = outbound->sent,
	    .dropped = outbound->dropped};
	if (outbound->connection == NULL)
		return;
	out->sent += connection_sent(outbound->connection);
	out->dropped += connection_dropped(outbound->connection);
	out->queued_bytes = connection_queued_bytes(outbound->connection);
}

void
outbound_stop_all(struct outbound_list *leaving)
{
	struct outbound *outbound;

	LIST_FOREACH(outbound, leaving, link) {
		loop_timer_stop(outbound->retry);
		outbound_disconnect(outbound);
		if (outbound->dialer != NULL)
			nng_stream_dialer_close(outbound->dialer);
		transport_aio_stop(outbound->dial_aio, outbound->is_dialing);
	}
}

void
outbound_leave(struct outbound *outbound, struct outbound_list *leaving)
{
	LIST_INSERT_HEAD(leaving, outbound, link);
}

void
outbound_free_all(struct outbound_list *leaving)
{
	struct outbound *outbound;

	while ((outbound = LIST_FIRST(leaving)) != NULL) {
		LIST_REMOVE(outbound, link);
		outbound_free(outbound);
	}
}
