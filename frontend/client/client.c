#include "frontend/client/client.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/clock.h"
#include "frontend/client/connection.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"

#define BUFFER_KEPT_BYTES (1u << 20)

/* A request without its reply. */
struct flight {
	uint64_t id;
	uint64_t end; /* where in all that was ever queued it ends */
	uint8_t opcode;
};

struct client {
	struct connection *connection;
	uint64_t timeout_ms;
	uint64_t next_id;
	struct buffer output;
	struct buffer input;
	size_t taken_bytes; /* of the input: the last reply, still borrowed */
	uint64_t queued_bytes; /* ever */
	struct flight *flights; /* a ring */
	size_t flight_first;
	size_t flight_count;
	size_t flight_capacity;
	struct error failure; /* OK while the connection is good */
};

enum status
client_open(const struct client_options *options, struct client **out,
    struct error *err)
{
	struct connection *connection;
	enum status status;

	*out = NULL;
	status =
	    connection_open(options->endpoint != NULL ? options->endpoint
						      : CLIENT_ENDPOINT_DEFAULT,
		options->connect_timeout_ms != 0
		    ? options->connect_timeout_ms
		    : CLIENT_CONNECT_TIMEOUT_MS_DEFAULT,
		&connection, err);
	if (status != STATUS_OK)
		return status;
	*out = mem_new(sizeof(**out));
	(*out)->connection = connection;
	(*out)->timeout_ms = options->timeout_ms != 0
	    ? options->timeout_ms
	    : CLIENT_TIMEOUT_MS_DEFAULT;
	(*out)->next_id = 1;
	return STATUS_OK;
}

void
client_close(struct client *client)
{
	if (client == NULL)
		return;
	connection_close(client->connection);
	buffer_deinit(&client->output);
	buffer_deinit(&client->input);
	mem_free(client->flights);
	mem_free(client);
}

size_t
client_in_flight(const struct client *client)
{
	return client->flight_count;
}

static void
add_flight(struct client *client, struct flight flight)
{
	size_t capacity = client->flight_capacity;

	if (client->flight_count == capacity) {
		struct flight *ring =
		    mem_new_array(2 * capacity + 16, sizeof(*client->flights));

		for (size_t i = 0; i < client->flight_count; i++)
			ring[i] = client->flights[(client->flight_first + i) %
			    capacity];
		mem_free(client->flights);
		client->flights = ring;
		client->flight_first = 0;
		client->flight_capacity = 2 * capacity + 16;
	}
	client->flights[(client->flight_first + client->flight_count) %
	    client->flight_capacity] = flight;
	client->flight_count++;
}

void
client_send(struct client *client, const struct frame_request *request)
{
	struct frame_request sent = *request;
	size_t before = buffer_size(&client->output);

	sent.id = client->next_id++;
	frame_request_encode(&client->output, &sent);
	client->queued_bytes += buffer_size(&client->output) - before;
	add_flight(client,
	    (struct flight){.id = sent.id,
		.end = client->queued_bytes,
		.opcode = (uint8_t)sent.opcode});
}

/* Drops the reply that the last call lent. */
static void
end_loan(struct client *client)
{
	buffer_consume(&client->input, client->taken_bytes);
	client->taken_bytes = 0;
	if (buffer_size(&client->input) == 0)
		buffer_clear(&client->input, BUFFER_KEPT_BYTES);
}

static uint64_t
deadline_ns(const struct client *client)
{
	return clock_monotonic_ns(&clock_system) + client->timeout_ms * 1000000;
}

/* Moves bytes once; a failure is for good. */
static enum status
move(struct client *client, uint64_t until_ns, struct error *err)
{
	if (connection_move(client->connection, &client->output, &client->input,
		until_ns, &client->failure) != STATUS_OK)
		return error_copy(err, &client->failure);
	return STATUS_OK;
}

enum status
client_flush(struct client *client, struct error *err)
{
	end_loan(client);
	if (client->failure.code != STATUS_OK)
		return error_copy(err, &client->failure);
	while (buffer_size(&client->output) > 0) {
		enum status status = move(client, deadline_ns(client), err);

		if (status != STATUS_OK)
			return status;
	}
	buffer_clear(&client->output, BUFFER_KEPT_BYTES);
	return STATUS_OK;
}

static struct flight
take_flight(struct client *client)
{
	struct flight flight = client->flights[client->flight_first];

	client->flight_first =
	    (client->flight_first + 1) % client->flight_capacity;
	client->flight_count--;
	return flight;
}

/*
 * The fate of the oldest request on a connection that broke. A server applies
 * whole requests only, so one that was not wholly sent was not applied.
 */
static enum status
fail_flight(struct client *client, struct frame_reply *out, struct error *err)
{
	struct flight flight = take_flight(client);
	uint64_t sent = client->queued_bytes - buffer_size(&client->output);

	*out = (struct frame_reply){.id = flight.id, .opcode = flight.opcode};
	out->failure.status = FRAME_STATUS_UNAVAILABLE;
	error_copy(err, &client->failure);
	if (flight.end <= sent && frame_opcode_is_write(flight.opcode)) {
		out->failure.outcome = FRAME_OUTCOME_UNKNOWN;
		error_wrap(err, "%s: the outcome is unknown",
		    frame_opcode_name(flight.opcode));
		err->code = STATUS_UNKNOWN;
	}
	return err->code;
}

static enum status
status_of(const struct frame_failure *failure)
{
	if (failure->outcome == FRAME_OUTCOME_UNKNOWN)
		return STATUS_UNKNOWN;
	switch (failure->status) {
	case FRAME_STATUS_OK:
		return STATUS_OK;
	case FRAME_STATUS_NOT_FOUND:
		return STATUS_NOT_FOUND;
	case FRAME_STATUS_CONDITION_FAILED:
		return STATUS_CONFLICT;
	case FRAME_STATUS_NOT_INTEGER:
	case FRAME_STATUS_OVERFLOW:
	case FRAME_STATUS_INVALID:
	case FRAME_STATUS_UNKNOWN_OPCODE:
	case FRAME_STATUS_KEY_SIZE:
	case FRAME_STATUS_VALUE_SIZE:
	case FRAME_STATUS_TOO_LARGE:
	case FRAME_STATUS_FORBIDDEN:
		return STATUS_INVALID;
	case FRAME_STATUS_VERSION:
		return STATUS_VERSION;
	case FRAME_STATUS_BUSY:
		return STATUS_BUSY;
	case FRAME_STATUS_UNAVAILABLE:
		return STATUS_UNAVAILABLE;
	case FRAME_STATUS_NO_SPACE:
		return STATUS_NO_SPACE;
	case FRAME_STATUS_INTERNAL:
		break;
	}
	/* A status of a later version of the protocol too. */
	return STATUS_IO;
}

/*
 * What is wrong with input that is no frame. Before a server knows what is
 * spoken it refuses a connection by a line of the Redis protocol.
 */
static void
set_babble(struct slice input, struct error *err)
{
	const uint8_t *end = memchr(input.data, '\r', input.size);

	if (input.data[0] == '-' && end != NULL)
		error_set(err, STATUS_UNAVAILABLE, "the server says: %.*s",
		    (int)(end - input.data - 1), (const char *)input.data + 1);
	else if (input.data[0] != FRAME_MAGIC_REPLY)
		error_set(err, STATUS_CORRUPT,
		    "what answers there does not speak kvstore's binary "
		    "protocol: is it the server's -tcp-addr?");
	else
		err->code = STATUS_CORRUPT;
}

/*
 * Takes a whole reply off the input, if there is one. What cannot be a reply
 * to the oldest request ends the connection.
 */
static enum frame_taken
take_reply(struct client *client, struct frame_reply *out)
{
	const struct flight *oldest = &client->flights[client->flight_first];
	struct slice input = buffer_slice(&client->input);
	struct error *err = &client->failure;
	struct frame frame;
	enum frame_taken taken;
	size_t wanted;

	taken = frame_take(&input, FRAME_MAGIC_REPLY, FRAME_PAYLOAD_BYTES_MAX,
	    &frame, &wanted, err);
	if (taken == FRAME_BROKEN)
		set_babble(input, err);
	if (taken != FRAME_TAKEN)
		return taken;
	if (frame_reply_decode(&frame, out, err) != STATUS_OK)
		return FRAME_BROKEN;
	if (out->id != oldest->id || out->opcode != oldest->opcode) {
		/* So a server refuses a stream, or a whole connection. */
		if (out->opcode == 0 && out->failure.status != FRAME_STATUS_OK)
			error_set(err, status_of(&out->failure),
			    "the server says %s: %.*s",
			    frame_status_name((uint8_t)out->failure.status),
			    (int)out->failure.text.size,
			    (const char *)out->failure.text.data);
		else
			error_set(err, STATUS_CORRUPT,
			    "a reply came to no request that was due");
		return FRAME_BROKEN;
	}
	client->taken_bytes = buffer_size(&client->input) - input.size;
	return FRAME_TAKEN;
}

enum status
client_receive(
    struct client *client, struct frame_reply *out, struct error *err)
{
	uint64_t until_ns = deadline_ns(client);
	enum frame_taken taken = FRAME_PARTIAL;
	enum status status;

	CHECK(client->flight_count > 0);
	end_loan(client);
	while (client->failure.code == STATUS_OK) {
		taken = take_reply(client, out);
		if (taken == FRAME_TAKEN)
			break;
		if (taken == FRAME_PARTIAL)
			(void)!move(client, until_ns, err);
	}
	if (taken != FRAME_TAKEN)
		return fail_flight(client, out, err);
	take_flight(client);
	status = status_of(&out->failure);
	if (status != STATUS_OK)
		error_set(err, status, "%s: %s%s%.*s",
		    frame_opcode_name(out->opcode),
		    frame_status_name((uint8_t)out->failure.status),
		    out->failure.text.size > 0 ? ": " : "",
		    (int)(out->failure.text.size < ERROR_TEXT_BYTES_MAX
			    ? out->failure.text.size
			    : ERROR_TEXT_BYTES_MAX),
		    (const char *)out->failure.text.data);
	return status;
}

enum status
client_call(struct client *client, const struct frame_request *request,
    struct frame_reply *out, struct error *err)
{
	CHECK(client->flight_count == 0);
	client_send(client, request);
	return client_receive(client, out, err);
}

enum status
client_get(struct client *client, struct slice key, struct frame_entry *out,
    bool *found, struct error *err)
{
	struct frame_request request = {.opcode = FRAME_OPCODE_GET, .key = key};
	struct frame_reply reply;
	enum status status = client_call(client, &request, &reply, err);

	*found = status == STATUS_OK;
	*out = reply.entry;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status
client_put(struct client *client, struct slice key, struct slice value,
    uint64_t ttl_ms, struct error *err)
{
	struct frame_request request = {.opcode = FRAME_OPCODE_PUT,
	    .key = key,
	    .value = value,
	    .ttl_ms = ttl_ms};
	struct frame_reply reply;

	return client_call(client, &request, &reply, err);
}

enum status
client_delete(
    struct client *client, struct slice key, bool *existed, struct error *err)
{
	struct frame_request request = {
	    .opcode = FRAME_OPCODE_DELETE, .key = key};
	struct frame_reply reply;
	enum status status = client_call(client, &request, &reply, err);

	*existed = status == STATUS_OK && reply.result.affected;
	return status;
}
