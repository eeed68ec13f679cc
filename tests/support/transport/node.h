/*
 * node - the real transport of one node, and what it was told, for tests.
 *
 * Every wait turns the loop, and is bounded.
 */
#ifndef TESTS_SUPPORT_TRANSPORT_NODE_H
#define TESTS_SUPPORT_TRANSPORT_NODE_H

#include "common/base/buffer.h"
#include "common/loop/loop.h"
#include "replicator/protocol/refusal.h"
#include "replicator/transport/nng_transport.h"
#include "tests/support/suite.h"

#define NODE_PATIENCE_MS 20000

/* The cluster that all of them are in. */
extern const uint8_t node_cluster[CLUSTER_ID_BYTES];

struct node {
	struct loop *loop;
	struct transport *transport;
	uint64_t id;
	char address[32];
	unsigned frames;
	unsigned hellos;
	unsigned answers; /* HELLOs over the connection to a peer */
	unsigned batches;
	unsigned refusals;
	enum refusal refusal;
	size_t up; /* links */
	bool removes_lost; /* peers, when it is told */
	uint64_t next; /* number that the next frame must have, or more */
	unsigned gaps;
	struct buffer last;
};

/* Listening at `listen`. */
enum status
node_open(struct node *node, struct loop *loop, uint64_t id, const char *listen,
    const struct tls_files *tls, size_t queue_messages_max, struct error *err);

/* The same at a free port, with a long queue. */
void node_init(struct node *node, struct loop *loop, uint64_t id,
    const struct tls_files *tls);
void node_deinit(struct node *node);

size_t node_dial(
    struct node *node, const char *name, const char *address, uint64_t id);

/* Two nodes, 1 and 2, of which the first has dialed the second. */
size_t node_pair_init(struct node *one, struct node *two, struct loop *loop,
    const struct tls_files *tls);

/* Turns the loop until it is done; false if that takes too long. */
bool node_loop_await(struct loop *loop, bool (*is_done)(void *context),
    void *context, unsigned patience_ms);
void node_loop_pass(struct loop *loop, unsigned ms);

/* What a node can be awaited to have. */
bool node_is_up(void *context);
bool node_is_down(void *context);
bool node_has_frame(void *context);
bool node_has_refusal(void *context);
bool node_has_answer(void *context);

#define NODE_AWAIT(condition, node) \
	CU_ASSERT_TRUE_FATAL(       \
	    node_loop_await((node)->loop, condition, node, NODE_PATIENCE_MS))

#endif
