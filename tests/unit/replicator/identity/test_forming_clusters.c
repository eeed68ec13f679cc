/*
 * Nodes that form a cluster, by the thousand, in a world that loses, doubles,
 * delays and reorders what they say, and kills them at any time and at each
 * write. FORMING_SEEDS=n plays so many worlds, from TEST_SEED on.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "replicator/identity/forming.h"
#include "tests/support/suite.h"

#define NODES 5
#define EVENTS_MAX 4096
#define FAULTS_MS 4000
#define QUIET_MS 16000
#define SEEDS 3000

struct world;

struct node {
	struct world *world;
	size_t index;
	struct forming *forming; /* NULL: down */
	struct peers peers;
	struct replica disk;
	uint64_t incarnation;
	bool is_dying; /* in the middle of a write */
	bool was_wiped;
};

enum event_kind {
	EVENT_START,
	EVENT_TICK,
	EVENT_MESSAGE,
	EVENT_KILL,
};

struct event {
	uint64_t at_ms;
	enum event_kind kind;
	size_t node;
	uint64_t incarnation; /* of the node, for a tick or an answer */
	size_t from;
	uint64_t from_incarnation;
	size_t peer; /* of an answer; else FORMING_NO_PEER */
	struct envelope envelope;
	uint8_t *body;
};

struct world {
	struct rng rng;
	uint64_t seed;
	uint64_t now_ms;
	size_t count;
	struct node nodes[NODES];
	struct event events[EVENTS_MAX];
	size_t event_count;
	const struct event *current; /* what is being received */
	unsigned loss_percent;
	uint64_t delay_max_ms;
	unsigned wipes; /* that may still happen */
	size_t mistaken; /* the node that is started with a wrong list */
	bool is_quiet;
	uint8_t charters[NODES * 4][CLUSTER_ID_BYTES]; /* that were written */
	size_t charter_count;
};

static uint64_t total_crashes;
static uint64_t total_wipes;
static uint64_t total_messages;

static bool
chance(struct world *world, unsigned percent)
{
	return rng_below(&world->rng, 100) < percent;
}

static void
push(struct world *world, const struct event *event)
{
	CHECK(world->event_count < EVENTS_MAX);
	world->events[world->event_count++] = *event;
}

static void
push_at(struct world *world, uint64_t delay_ms, enum event_kind kind,
    const struct node *node)
{
	struct event event = {.at_ms = world->now_ms + delay_ms,
	    .kind = kind,
	    .node = node->index,
	    .incarnation = node->incarnation};

	push(world, &event);
}

static void
transmit(struct node *from, size_t to, size_t peer, enum envelope_kind kind,
    struct slice body)
{
	struct world *world = from->world;
	unsigned copies = world->is_quiet        ? 1
	    : chance(world, world->loss_percent) ? 0
	    : chance(world, 10)                  ? 2
						 : 1;
	const struct replica *replica = forming_replica(from->forming);
	struct event event = {.kind = EVENT_MESSAGE,
	    .node = to,
	    .from = from->index,
	    .from_incarnation = from->incarnation,
	    .incarnation = world->nodes[to].incarnation,
	    .peer = peer};

	CHECK(body.size <= envelope_body_bytes_max(kind));
	event.envelope = (struct envelope){.kind = kind,
	    .sender = replica->id,
	    .incarnation = from->incarnation,
	    .body_size = body.size};
	if (replica->is_formed)
		memcpy(event.envelope.cluster_id, replica->charter.cluster_id,
		    CLUSTER_ID_BYTES);
	for (; copies > 0; copies--) {
		event.at_ms =
		    world->now_ms + rng_below(&world->rng, world->delay_max_ms);
		event.body = mem_dup(body.data, body.size);
		push(world, &event);
	}
}

static size_t
node_index(const char *name)
{
	return (size_t)(name[0] - 'a');
}

static void
on_send(void *context, size_t peer, enum envelope_kind kind, struct slice body)
{
	struct node *node = context;

	transmit(node, node_index(node->peers.peers[peer].name),
	    FORMING_NO_PEER, kind, body);
}

static void
on_answer(void *context, enum envelope_kind kind, struct slice body)
{
	struct node *node = context;
	const struct event *question = node->world->current;
	const struct node *asker = &node->world->nodes[question->from];

	/* The connection is gone with the one who asked. */
	if (question->from_incarnation != asker->incarnation)
		return;
	for (size_t i = 0; i < asker->peers.count; i++) {
		if (node_index(asker->peers.peers[i].name) == node->index)
			transmit(node, asker->index, i, kind, body);
	}
}

static void
on_draw(void *context, void *bytes, size_t size)
{
	struct node *node = context;

	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)rng_next(&node->world->rng);
}

/* A charter that nobody had before must be the only one. */
static void
note_charter(struct world *world, const struct charter *charter)
{
	for (size_t i = 0; i < world->charter_count; i++) {
		if (memcmp(world->charters[i], charter->cluster_id,
			CLUSTER_ID_BYTES) == 0)
			return;
	}
	CHECK(world->charter_count < NODES * 4);
	memcpy(world->charters[world->charter_count++], charter->cluster_id,
	    CLUSTER_ID_BYTES);
}

static enum status
on_save(void *context, const struct replica *replica, struct error *err)
{
	struct node *node = context;
	struct world *world = node->world;
	bool is_dying = !world->is_quiet && chance(world, 20);

	/* A disk is in one cluster in its life. */
	CU_ASSERT_FALSE_FATAL(node->disk.is_formed);
	CU_ASSERT_TRUE(node->disk.id == 0 || node->disk.id == replica->id);
	CU_ASSERT_TRUE_FATAL(!replica->is_formed ||
	    charter_find(&replica->charter, replica->name)->id == replica->id);
	if (!is_dying || chance(world, 50)) {
		node->disk = *replica;
		if (replica->is_formed)
			note_charter(world, &replica->charter);
	}
	node->is_dying = is_dying;
	return is_dying ? error_set(err, STATUS_IO, "killed") : STATUS_OK;
}

static void
kill_node(struct node *node)
{
	struct world *world = node->world;

	forming_close(node->forming);
	node->forming = NULL;
	node->is_dying = false;
	total_crashes++;
	if (!world->is_quiet && world->wipes > 0 && chance(world, 30)) {
		world->wipes--;
		total_wipes++;
		node->was_wiped = true;
		node->disk = (struct replica){0};
	}
	push_at(world, rng_below(&world->rng, 1500), EVENT_START, node);
}

static void
list_peers(struct node *node)
{
	struct world *world = node->world;
	bool is_mistaken = !world->is_quiet && world->mistaken == node->index;
	char text[NODES * 4 + 8] = "";
	struct error err;
	size_t size = 0;

	for (size_t i = 0; i < world->count; i++) {
		if (i == node->index ||
		    (is_mistaken && i == (node->index + 1) % world->count))
			continue;
		size += (size_t)snprintf(text + size, sizeof(text) - size,
		    "%s%c:%zu", size > 0 ? "," : "", (char)('a' + i), 1 + i);
	}
	node->peers = (struct peers){0};
	if (size > 0)
		ASSERT_OK(
		    peers_parse(text, (char[]){(char)('a' + node->index), 0},
			&node->peers, &err),
		    &err);
}

static void
start_node(struct node *node)
{
	struct world *world = node->world;
	char name[] = {(char)('a' + node->index), '\0'};
	struct forming_host host = {node, on_save, on_send, on_answer, on_draw};
	struct forming_options options = {.name = name,
	    .peers = &node->peers,
	    .address = "host:1",
	    .settings = {500, 50, 0}};
	struct replica loaded = node->disk;
	struct error err;

	list_peers(node);
	node->incarnation = rng_next(&world->rng) | 1;
	options.incarnation = node->incarnation;
	if (forming_create(&options, &host, &loaded, &node->forming, &err) !=
	    STATUS_OK) {
		CU_ASSERT_TRUE(node->is_dying);
		kill_node(node);
		return;
	}
	push_at(
	    world, rng_below(&world->rng, FORMING_TICK_MS), EVENT_TICK, node);
}

static void
on_event(struct world *world, struct event *event)
{
	struct node *node = &world->nodes[event->node];
	enum status status = STATUS_OK;
	struct error rejected;
	struct error err;

	if (event->kind == EVENT_START && node->forming == NULL)
		start_node(node);
	if (node->forming == NULL || event->kind == EVENT_START)
		return;
	if (event->kind == EVENT_TICK &&
	    event->incarnation == node->incarnation) {
		status = forming_tick(node->forming, &err);
		push_at(world, FORMING_TICK_MS, EVENT_TICK, node);
	} else if (event->kind == EVENT_KILL) {
		kill_node(node);
		return;
	} else if (event->kind == EVENT_MESSAGE &&
	    (event->peer == FORMING_NO_PEER ||
		event->incarnation == node->incarnation)) {
		total_messages++;
		world->current = event;
		status = forming_receive(node->forming, event->peer,
		    &event->envelope,
		    slice_of(event->body, event->envelope.body_size), &rejected,
		    &err);
		CU_ASSERT_EQUAL(rejected.code, STATUS_OK);
	}
	CU_ASSERT_EQUAL(status != STATUS_OK, node->is_dying);
	if (status != STATUS_OK)
		kill_node(node);
}

static bool
take_next(struct world *world, uint64_t until_ms, struct event *out)
{
	size_t first = 0;

	for (size_t i = 1; i < world->event_count; i++) {
		if (world->events[i].at_ms < world->events[first].at_ms)
			first = i;
	}
	if (world->event_count == 0 || world->events[first].at_ms > until_ms)
		return false;
	*out = world->events[first];
	world->events[first] = world->events[--world->event_count];
	return true;
}

/* How many disks are in the cluster. */
static size_t
disks_in(const struct world *world, const uint8_t *cluster_id)
{
	size_t count = 0;

	for (size_t i = 0; i < world->count; i++) {
		const struct replica *disk = &world->nodes[i].disk;

		count += disk->is_formed &&
		    memcmp(disk->charter.cluster_id, cluster_id,
			CLUSTER_ID_BYTES) == 0;
	}
	return count;
}

static bool
all_are_in_one(const struct world *world)
{
	return world->charter_count == 1 &&
	    disks_in(world, world->charters[0]) == world->count;
}

static void
run_until(struct world *world, uint64_t until_ms)
{
	struct event event;

	while (take_next(world, until_ms, &event)) {
		world->now_ms = event.at_ms;
		on_event(world, &event);
		mem_free(event.body);
		if (world->is_quiet && all_are_in_one(world))
			break;
	}
}

/* Two clusters that can both commit something are what must never be. */
static void
check_majorities(const struct world *world)
{
	size_t able = 0;

	for (size_t i = 0; i < world->charter_count; i++)
		able += 2 * disks_in(world, world->charters[i]) > world->count;
	CU_ASSERT_TRUE(able <= 1);
}

static void
play(uint64_t seed, unsigned wipes)
{
	struct world *world = mem_new(sizeof(*world));

	world->seed = seed;
	world->rng = rng_seeded(seed);
	world->count = 1 + rng_below(&world->rng, NODES);
	world->loss_percent = (unsigned)rng_below(&world->rng, 50);
	world->delay_max_ms = 1 + rng_below(&world->rng, 1500);
	world->wipes = wipes == 0 ? 0 : (unsigned)(world->count - 1) / 2;
	world->mistaken = world->count > 2 && chance(world, 30)
	    ? rng_below(&world->rng, world->count)
	    : SIZE_MAX;
	for (size_t i = 0; i < world->count; i++) {
		world->nodes[i].world = world;
		world->nodes[i].index = i;
		push_at(world, rng_below(&world->rng, 2000), EVENT_START,
		    &world->nodes[i]);
		if (chance(world, 50))
			push_at(world, rng_below(&world->rng, FAULTS_MS),
			    EVENT_KILL, &world->nodes[i]);
	}
	run_until(world, FAULTS_MS);
	world->is_quiet = true;
	world->delay_max_ms = 200;
	if (world->mistaken != SIZE_MAX &&
	    world->nodes[world->mistaken].forming != NULL)
		kill_node(&world->nodes[world->mistaken]);
	run_until(world, FAULTS_MS + QUIET_MS);
	check_majorities(world);
	if (wipes == 0) {
		CU_ASSERT_EQUAL(world->charter_count, 1);
		CU_ASSERT_TRUE(all_are_in_one(world));
	}
	if (CU_get_number_of_failures() > 0) {
		fprintf(stderr, "seed %" PRIu64 "\n", seed);
		exit(1);
	}
	for (size_t i = 0; i < world->event_count; i++)
		mem_free(world->events[i].body);
	for (size_t i = 0; i < world->count; i++)
		forming_close(world->nodes[i].forming);
	mem_free(world);
}

static uint64_t
seeds(void)
{
	const char *text = getenv("FORMING_SEEDS");

	return text == NULL ? SEEDS : strtoull(text, NULL, 10);
}

static void
every_world_ends_in_one_cluster_of_all(void)
{
	for (uint64_t i = 0; i < seeds(); i++)
		play(suite_seed() + i, 0);
	suite_count(seeds(), "worlds, each with one cluster");
	suite_count(total_messages, "messages");
	suite_count(total_crashes, "crashes");
}

static void
wiped_disks_never_make_two_clusters_that_can_commit(void)
{
	for (uint64_t i = 0; i < seeds(); i++)
		play(suite_seed() + i, 1);
	suite_count(total_wipes, "wiped disks");
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(every_world_ends_in_one_cluster_of_all),
	    SUITE_CASE(wiped_disks_never_make_two_clusters_that_can_commit),
	};

	return suite_run(
	    "forming_clusters", cases, SUITE_COUNT(cases), argc, argv);
}
