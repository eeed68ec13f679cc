#include "replicator/identity/forming.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "replicator/protocol/refusal.h"

/*
 * A charter is written from what every peer has said after it had heard one
 * of our last so many: a disk that was wiped since has another id.
 */
#define FRESH_TICKS 4

struct peer_state {
	bool is_heard;
	bool is_formed;
	bool has_refused;
	enum refusal refusal;
	uint64_t id;
	uint64_t incarnation;
	uint8_t cluster_id[CLUSTER_ID_BYTES];
	struct hello hello;
	/* Another name than the one it is listed under; "" if not. */
	char other_name[NODE_NAME_BYTES_MAX + 1];
};

struct forming {
	struct forming_host host;
	struct cluster_settings settings;
	uint64_t incarnation;
	char address[HELLO_ADDRESS_BYTES_MAX + 1];
	struct replica replica;
	struct name_set names; /* that were listed, and its own */
	uint64_t number; /* of the last HELLO */
	struct buffer body; /* under way */
	size_t peer_count;
	struct {
		char name[NODE_NAME_BYTES_MAX + 1];
		struct peer_state state;
	} peers[PEERS_MAX];
};

static enum status
draw_id(struct forming *forming, struct error *err)
{
	while (forming->replica.id == 0)
		forming->host.draw(forming->host.context, &forming->replica.id,
		    sizeof(forming->replica.id));
	return forming->host.save(
	    forming->host.context, &forming->replica, err);
}

enum status
forming_create(const struct forming_options *options,
    const struct forming_host *host, const struct replica *replica,
    struct forming **out, struct error *err)
{
	struct forming *forming;
	enum status status = STATUS_OK;

	CHECK(options->incarnation != 0);
	CHECK(strlen(options->address) <= HELLO_ADDRESS_BYTES_MAX);
	*out = NULL;
	if (replica->id != 0 && strcmp(replica->name, options->name) != 0)
		return error_set(err, STATUS_INVALID,
		    "the data directory is that of node %s, and this is node "
		    "%s; start it as that one, or with another data directory",
		    replica->name, options->name);
	forming = mem_new(sizeof(*forming));
	forming->host = *host;
	forming->settings = options->settings;
	forming->incarnation = options->incarnation;
	memcpy(
	    forming->address, options->address, strlen(options->address) + 1);
	forming->replica = *replica;
	peers_names(options->peers, options->name, &forming->names);
	forming->peer_count = options->peers->count;
	for (size_t i = 0; i < forming->peer_count; i++)
		memcpy(forming->peers[i].name, options->peers->peers[i].name,
		    sizeof(forming->peers[i].name));
	if (replica->id == 0) {
		memcpy(forming->replica.name, options->name,
		    strlen(options->name) + 1);
		status = draw_id(forming, err);
	}
	if (status != STATUS_OK)
		forming_close(forming);
	else
		*out = forming;
	return status;
}

void
forming_close(struct forming *forming)
{
	if (forming == NULL)
		return;
	buffer_deinit(&forming->body);
	mem_free(forming);
}

/* Where what is to be said goes: to a peer, or back as an answer. */
static void
say(struct forming *forming, size_t to, enum envelope_kind kind)
{
	struct slice body = buffer_slice(&forming->body);

	if (to == FORMING_NO_PEER)
		forming->host.answer(forming->host.context, kind, body);
	else
		forming->host.send(forming->host.context, to, kind, body);
	buffer_clear(&forming->body, SIZE_MAX);
}

/* `question`: the envelope and body of what this answers; NULL if nothing. */
static void
say_hello(struct forming *forming, size_t to, const struct envelope *envelope,
    const struct hello *question)
{
	struct hello hello = {.number = forming->number,
	    .settings = forming->settings,
	    .software = KVSTORE_VERSION,
	    .names = forming->names};

	if (question != NULL) {
		hello.echo = question->number;
		hello.echo_incarnation = envelope->incarnation;
	}
	memcpy(hello.name, forming->replica.name, sizeof(hello.name));
	memcpy(hello.address, forming->address, sizeof(hello.address));
	hello_encode(&hello, &forming->body);
	say(forming, to, ENVELOPE_HELLO);
}

static void
say_charter(struct forming *forming, size_t to)
{
	charter_encode(&forming->replica.charter, &forming->body);
	say(forming, to, ENVELOPE_CHARTER);
}

static void
say_refusal(struct forming *forming, size_t to, enum refusal refusal)
{
	refusal_encode(refusal, &forming->body);
	say(forming, to, ENVELOPE_REFUSE);
}

static bool
settings_agree(const struct forming *forming, const struct peer_state *state)
{
	const struct cluster_settings *theirs = &state->hello.settings;

	return theirs->election_timeout_ms ==
	    forming->settings.election_timeout_ms &&
	    theirs->heartbeat_ms == forming->settings.heartbeat_ms &&
	    theirs->quorum_size == forming->settings.quorum_size;
}

/* It is in no cluster, has lately heard us, and would found the same one. */
static bool
is_ready(const struct forming *forming, const struct peer_state *state)
{
	return state->is_heard && !state->is_formed && state->id != 0 &&
	    state->id != forming->replica.id && state->other_name[0] == '\0' &&
	    state->hello.echo_incarnation == forming->incarnation &&
	    state->hello.echo + FRESH_TICKS >= forming->number &&
	    settings_agree(forming, state) &&
	    name_set_equal(&state->hello.names, &forming->names);
}

static bool
all_are_ready(const struct forming *forming)
{
	if (forming->replica.is_formed ||
	    strcmp(forming->names.names[0], forming->replica.name) != 0)
		return false;
	for (size_t i = 0; i < forming->peer_count; i++) {
		const struct peer_state *state = &forming->peers[i].state;

		if (!is_ready(forming, state))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (forming->peers[j].state.id == state->id)
				return false;
		}
	}
	return true;
}

static uint64_t
id_of(const struct forming *forming, const char *name)
{
	for (size_t i = 0; i < forming->peer_count; i++) {
		if (strcmp(forming->peers[i].name, name) == 0)
			return forming->peers[i].state.id;
	}
	return forming->replica.id;
}

/* It is on disk. What was refused to a node of no cluster is of the past. */
static void
become(struct forming *forming, const struct replica *replica)
{
	forming->replica = *replica;
	for (size_t i = 0; i < forming->peer_count; i++)
		forming->peers[i].state.has_refused = false;
}

/* Decides that there is a cluster, if this node is the one to do so. */
static enum status
form(struct forming *forming, struct error *err)
{
	static const uint8_t zeroes[CLUSTER_ID_BYTES];
	struct replica replica = forming->replica;
	struct charter *charter = &replica.charter;
	enum status status;

	if (!all_are_ready(forming))
		return STATUS_OK;
	replica.is_formed = true;
	*charter = (struct charter){.count = forming->names.count};
	while (memcmp(charter->cluster_id, zeroes, CLUSTER_ID_BYTES) == 0)
		forming->host.draw(forming->host.context, charter->cluster_id,
		    CLUSTER_ID_BYTES);
	for (size_t i = 0; i < charter->count; i++) {
		memcpy(charter->founders[i].name, forming->names.names[i],
		    sizeof(charter->founders[i].name));
		charter->founders[i].id =
		    id_of(forming, forming->names.names[i]);
	}
	status = forming->host.save(forming->host.context, &replica, err);
	if (status != STATUS_OK)
		return status;
	become(forming, &replica);
	for (size_t i = 0; i < forming->peer_count; i++)
		say_charter(forming, i);
	return STATUS_OK;
}

enum status
forming_tick(struct forming *forming, struct error *err)
{
	enum status status = form(forming, err);

	if (status != STATUS_OK)
		return status;
	forming->number++;
	for (size_t i = 0; i < forming->peer_count; i++)
		say_hello(forming, i, NULL, NULL);
	return STATUS_OK;
}

static void
note_hello(struct forming *forming, size_t peer,
    const struct envelope *envelope, const struct hello *hello)
{
	static const uint8_t zeroes[CLUSTER_ID_BYTES];
	struct peer_state *state = &forming->peers[peer].state;

	/* One that was overtaken says what is no longer so. */
	if (state->is_heard && state->incarnation == envelope->incarnation &&
	    state->hello.number > hello->number)
		return;
	if (!state->is_heard || state->incarnation != envelope->incarnation ||
	    memcmp(state->cluster_id, envelope->cluster_id, CLUSTER_ID_BYTES) !=
		0)
		state->has_refused = false;
	state->is_heard = true;
	state->is_formed =
	    memcmp(envelope->cluster_id, zeroes, CLUSTER_ID_BYTES) != 0;
	memcpy(state->cluster_id, envelope->cluster_id, CLUSTER_ID_BYTES);
	state->id = envelope->sender;
	state->incarnation = envelope->incarnation;
	state->hello = *hello;
	state->other_name[0] = '\0';
	if (strcmp(forming->peers[peer].name, hello->name) != 0)
		memcpy(state->other_name, hello->name, sizeof(hello->name));
}

/* What a node that is in a cluster has to tell one that said HELLO. */
static void
tell_cluster(struct forming *forming, size_t to,
    const struct envelope *envelope, const struct hello *hello)
{
	static const uint8_t zeroes[CLUSTER_ID_BYTES];
	const struct charter *charter = &forming->replica.charter;
	const struct founder *founder = charter_find(charter, hello->name);

	if (memcmp(envelope->cluster_id, charter->cluster_id,
		CLUSTER_ID_BYTES) == 0)
		return;
	if (memcmp(envelope->cluster_id, zeroes, CLUSTER_ID_BYTES) != 0)
		say_refusal(forming, to, REFUSAL_WRONG_CLUSTER);
	else if (founder != NULL && founder->id == envelope->sender)
		say_charter(forming, to);
	else
		say_refusal(forming, to, REFUSAL_NOT_A_MEMBER);
}

static enum status
on_hello(struct forming *forming, size_t peer, const struct envelope *envelope,
    struct slice body, struct error *rejected, struct error *err)
{
	struct hello hello;

	if (hello_decode(body, &hello, rejected) != STATUS_OK)
		return STATUS_OK;
	/*
	 * Only what was answered over our own connection counts: that is
	 * where the charter goes, and another node may use the same name.
	 */
	if (peer == FORMING_NO_PEER)
		say_hello(forming, peer, envelope, &hello);
	else
		note_hello(forming, peer, envelope, &hello);
	if (forming->replica.is_formed) {
		tell_cluster(forming, peer, envelope, &hello);
		return STATUS_OK;
	}
	return form(forming, err);
}

static enum status
on_charter(struct forming *forming, size_t peer, struct slice body,
    struct error *rejected, struct error *err)
{
	struct replica replica = forming->replica;
	const struct founder *self;
	struct name_set names;
	enum status status;

	if (charter_decode(body, &replica.charter, rejected) != STATUS_OK)
		return STATUS_OK;
	if (replica.is_formed) {
		if (memcmp(replica.charter.cluster_id,
			forming->replica.charter.cluster_id,
			CLUSTER_ID_BYTES) != 0)
			say_refusal(forming, peer, REFUSAL_WRONG_CLUSTER);
		return STATUS_OK;
	}
	self = charter_find(&replica.charter, replica.name);
	charter_names(&replica.charter, &names);
	if (self == NULL || self->id != replica.id) {
		say_refusal(forming, peer, REFUSAL_WRONG_SERVER);
		return STATUS_OK;
	}
	if (!name_set_equal(&names, &forming->names)) {
		say_refusal(forming, peer, REFUSAL_NAMES_DIFFER);
		return STATUS_OK;
	}
	replica.is_formed = true;
	status = forming->host.save(forming->host.context, &replica, err);
	if (status == STATUS_OK)
		become(forming, &replica);
	return status;
}

static void
on_refusal(struct forming *forming, size_t peer, struct slice body,
    struct error *rejected)
{
	enum refusal refusal;

	if (refusal_decode(body, &refusal, rejected) != STATUS_OK ||
	    peer == FORMING_NO_PEER)
		return;
	forming->peers[peer].state.has_refused = true;
	forming->peers[peer].state.refusal = refusal;
}

enum status
forming_receive(struct forming *forming, size_t peer,
    const struct envelope *envelope, struct slice body, struct error *rejected,
    struct error *err)
{
	CHECK(peer == FORMING_NO_PEER || peer < forming->peer_count);
	rejected->code = STATUS_OK;
	switch (envelope->kind) {
	case ENVELOPE_HELLO:
		return on_hello(forming, peer, envelope, body, rejected, err);
	case ENVELOPE_CHARTER:
		return on_charter(forming, peer, body, rejected, err);
	case ENVELOPE_REFUSE:
		on_refusal(forming, peer, body, rejected);
		return STATUS_OK;
	default:
		CHECK(false);
		return STATUS_OK;
	}
}

const struct replica *
forming_replica(const struct forming *forming)
{
	return &forming->replica;
}

const struct hello *
forming_peer(const struct forming *forming, size_t peer)
{
	CHECK(peer < forming->peer_count);
	return forming->peers[peer].state.is_heard
	    ? &forming->peers[peer].state.hello
	    : NULL;
}

/* What keeps two nodes from founding a cluster together. */
static void
print_disagreement(const struct forming *forming,
    const struct peer_state *state, struct buffer *out)
{
	if (!name_set_equal(&state->hello.names, &forming->names)) {
		buffer_printf(out, "would form a cluster of ");
		name_set_print(&state->hello.names, out);
		buffer_printf(out, ", not of ");
		name_set_print(&forming->names, out);
	} else if (state->is_formed) {
		buffer_printf(out, "%s",
		    state->has_refused ? refusal_text(state->refusal)
				       : "is in a cluster already");
	}
}

void
forming_trouble(const struct forming *forming, size_t peer, struct buffer *out)
{
	const struct peer_state *state = &forming->peers[peer].state;
	const struct charter *charter = &forming->replica.charter;

	CHECK(peer < forming->peer_count);
	if (!state->is_heard)
		buffer_printf(out, "has not answered");
	else if (state->other_name[0] != '\0')
		buffer_printf(out, "calls itself %s; list it as %s=host:port",
		    state->other_name, state->other_name);
	else if (state->id == forming->replica.id)
		buffer_printf(out,
		    "has this server's id: one of the two data directories "
		    "is a copy");
	else if (!settings_agree(forming, state))
		buffer_printf(out,
		    "has election timeout %" PRIu32 " ms, heartbeat %" PRIu32
		    " ms and quorum size %" PRIu32 " (0: majority), which "
		    "must be the same on all nodes",
		    state->hello.settings.election_timeout_ms,
		    state->hello.settings.heartbeat_ms,
		    state->hello.settings.quorum_size);
	else if (!forming->replica.is_formed)
		print_disagreement(forming, state, out);
	else if (state->is_formed &&
	    memcmp(state->cluster_id, charter->cluster_id, CLUSTER_ID_BYTES) !=
		0)
		buffer_printf(out, "belongs to another cluster");
	else if (!state->is_formed && state->has_refused)
		buffer_printf(out, "%s", refusal_text(state->refusal));
}
