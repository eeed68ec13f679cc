/*
 * Three nodes that find each other over real connections and form a cluster,
 * over a good network and over bad ones, and then send frames by the ids that
 * the charter has.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/log/log.h"
#include "replicator/identity/forming.h"
#include "tests/support/transport/lossy_transport.h"
#include "tests/support/transport/node.h"

#define MEMBERS 3
#define FRAMES 200

struct member {
	struct loop *loop;
	struct transport *transport;
	struct forming *forming;
	struct loop_timer *tick;
	struct peers peers;
	struct replica disk;
	struct rng rng;
	uint64_t incarnation;
	char name[2];
	char address[32];
	unsigned frames;
};

struct cluster {
	struct loop *loop;
	struct member members[MEMBERS];
};

static enum status
on_save(void *context, const struct replica *replica, struct error *err)
{
	struct member *member = context;

	member->disk = *replica;
	return STATUS_OK;
}

static void
on_send(void *context, size_t peer, enum envelope_kind kind, struct slice body)
{
	struct member *member = context;

	transport_send(member->transport, peer, kind, body);
}

static void
on_answer(void *context, enum envelope_kind kind, struct slice body)
{
	struct member *member = context;

	transport_answer(member->transport, kind, body);
}

static void
on_draw(void *context, void *bytes, size_t size)
{
	struct member *member = context;

	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)rng_next(&member->rng);
}

/* What stands in its envelopes follows what is on its disk. */
static void
introduce(struct member *member)
{
	static const uint8_t none[CLUSTER_ID_BYTES];
	const struct replica *replica = &member->disk;

	transport_set_self(member->transport,
	    replica->is_formed ? replica->charter.cluster_id : none,
	    replica->id);
	for (size_t i = 0; replica->is_formed && i < member->peers.count; i++)
		transport_set_peer_id(member->transport, i,
		    charter_find(&replica->charter, member->peers.peers[i].name)
			->id);
}

static void
on_message(void *context, const struct transport_message *message)
{
	struct member *member = context;
	struct error rejected;
	struct error err;

	if (message->envelope->kind == ENVELOPE_FRAME) {
		CU_ASSERT_EQUAL(message->envelope->receiver, member->disk.id);
		member->frames++;
		return;
	}
	ASSERT_OK(forming_receive(member->forming,
		      message->peer == TRANSPORT_NO_PEER ? FORMING_NO_PEER
							 : message->peer,
		      message->envelope, message->body, &rejected, &err),
	    &err);
	CU_ASSERT_EQUAL(rejected.code, STATUS_OK);
	introduce(member);
}

static void
on_batch_end(void *context)
{
}

static void
on_link(void *context, size_t peer, bool is_up)
{
}

static void
on_tick(void *context)
{
	struct member *member = context;
	struct error err;

	ASSERT_OK(forming_tick(member->forming, &err), &err);
	introduce(member);
	loop_timer_start(member->tick, FORMING_TICK_MS);
}

static void
member_listen(struct member *member, struct loop *loop, size_t index,
    const struct lossy_transport_options *network)
{
	struct lossy_transport_options options = *network;
	struct nng_transport_options real = {.listen = "127.0.0.1:0",
	    .queue_messages_max = 4096,
	    .queue_bytes_max = 1 << 20,
	    .handlers = {on_message, on_batch_end, on_link, member}};
	struct transport *transport;
	struct error err;

	options.seed += index;
	*member = (struct member){
	    .loop = loop, .rng = rng_seeded(options.seed), .name = "a"};
	member->name[0] = (char)('a' + index);
	member->incarnation = rng_next(&member->rng) | 1;
	real.incarnation = member->incarnation;
	ASSERT_OK(nng_transport_create(loop, &real, &transport, &err), &err);
	snprintf(member->address, sizeof(member->address), "127.0.0.1:%u",
	    nng_transport_port(transport));
	member->transport = lossy_transport_create(loop, &options, transport);
}

static void
member_start(struct member *member, const char *list)
{
	struct forming_host host = {
	    member, on_save, on_send, on_answer, on_draw};
	struct forming_options options = {.name = member->name,
	    .peers = &member->peers,
	    .address = member->address,
	    .settings = {500, 50, 0},
	    .incarnation = member->incarnation};
	struct replica none = {0};
	struct error err;

	ASSERT_OK(peers_parse(list, member->name, &member->peers, &err), &err);
	ASSERT_OK(
	    forming_create(&options, &host, &none, &member->forming, &err),
	    &err);
	introduce(member);
	for (size_t i = 0; i < member->peers.count; i++) {
		const struct peer *peer = &member->peers.peers[i];
		char address[64];
		size_t number;

		snprintf(address, sizeof(address), "%.40s:%u",
		    peer->address.host, peer->address.port);
		ASSERT_OK(transport_add_peer(member->transport, peer->name,
			      address, &number, &err),
		    &err);
		CU_ASSERT_EQUAL_FATAL(number, i);
	}
	member->tick = loop_timer_create(member->loop, on_tick, member);
	loop_timer_start(member->tick, 0);
}

static void
cluster_start(
    struct cluster *cluster, const struct lossy_transport_options *network)
{
	cluster->loop = loop_create();
	for (size_t i = 0; i < MEMBERS; i++)
		member_listen(&cluster->members[i], cluster->loop, i, network);
	for (size_t i = 0; i < MEMBERS; i++) {
		const struct member *one = &cluster->members[(i + 1) % MEMBERS];
		const struct member *two = &cluster->members[(i + 2) % MEMBERS];
		char list[100];

		snprintf(list, sizeof(list), "%s=%s,%s=%s", one->name,
		    one->address, two->name, two->address);
		member_start(&cluster->members[i], list);
	}
}

static void
cluster_stop(struct cluster *cluster)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		loop_timer_close(cluster->members[i].tick);
		forming_close(cluster->members[i].forming);
		transport_close(cluster->members[i].transport);
	}
	loop_close(cluster->loop);
}

static bool
is_formed(void *context)
{
	struct cluster *cluster = context;

	for (size_t i = 0; i < MEMBERS; i++) {
		if (!cluster->members[i].disk.is_formed)
			return false;
	}
	return true;
}

static void
check_one_charter(const struct cluster *cluster)
{
	const struct charter *charter = &cluster->members[0].disk.charter;

	for (size_t i = 0; i < MEMBERS; i++) {
		const struct member *member = &cluster->members[i];

		CU_ASSERT_EQUAL(memcmp(member->disk.charter.cluster_id,
				    charter->cluster_id, CLUSTER_ID_BYTES),
		    0);
		CU_ASSERT_EQUAL(
		    charter_find(charter, member->name)->id, member->disk.id);
	}
}

static void
cluster_forms(const struct lossy_transport_options *network)
{
	struct cluster cluster;

	cluster_start(&cluster, network);
	CU_ASSERT_TRUE_FATAL(
	    node_loop_await(cluster.loop, is_formed, &cluster, 60000));
	check_one_charter(&cluster);
	/* Every other one's id is known to all now. */
	node_loop_pass(cluster.loop, 50);
	for (int i = 0; i < FRAMES; i++) {
		for (size_t j = 0; j < MEMBERS; j++) {
			struct member *member = &cluster.members[j];

			transport_send(member->transport, (size_t)i % 2,
			    ENVELOPE_FRAME, slice_of_string("frame"));
		}
		node_loop_pass(cluster.loop, 1);
	}
	node_loop_pass(cluster.loop, network->delay_max_ms + 100);
	for (size_t i = 0; i < MEMBERS; i++)
		CU_ASSERT_TRUE(cluster.members[i].frames > FRAMES / 4);
	cluster_stop(&cluster);
}

static void
cluster_forms_over_a_good_network(void)
{
	static const struct lossy_transport_options good = {0};

	cluster_forms(&good);
}

static void
cluster_forms_over_a_bad_network(void)
{
	struct lossy_transport_options bad = {.seed = suite_seed(),
	    .loss_percent = 30,
	    .double_percent = 10,
	    .delay_max_ms = 100};

	cluster_forms(&bad);
}

/* One that says nothing to another keeps all from deciding. */
static void
cluster_waits_for_one_that_is_cut_off(void)
{
	static const struct lossy_transport_options good = {0};
	struct cluster cluster;
	struct buffer trouble = {0};

	cluster_start(&cluster, &good);
	/* From a to b. */
	lossy_transport_cut(cluster.members[0].transport, 0, true);
	node_loop_pass(cluster.loop, 700);
	CU_ASSERT_FALSE(cluster.members[0].disk.is_formed);
	CU_ASSERT_TRUE(lossy_transport_lost(cluster.members[0].transport) > 0);
	forming_trouble(cluster.members[0].forming, 0, &trouble);
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&trouble), slice_of_string("has not answered")));
	lossy_transport_cut(cluster.members[0].transport, 0, false);
	CU_ASSERT_TRUE(
	    node_loop_await(cluster.loop, is_formed, &cluster, 60000));
	check_one_charter(&cluster);
	buffer_deinit(&trouble);
	cluster_stop(&cluster);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(cluster_forms_over_a_good_network),
	    SUITE_CASE(cluster_forms_over_a_bad_network),
	    SUITE_CASE(cluster_waits_for_one_that_is_cut_off),
	};

	log_open("test", LOG_ERROR);
	return suite_run("cluster", cases, SUITE_COUNT(cases), argc, argv);
}
