#include <string.h>

#include "replicator/identity/forming.h"
#include "replicator/protocol/refusal.h"
#include "tests/support/suite.h"

#define SAID_MAX 64

/* A node whose peers are played by the test. */
struct stage {
	struct peers peers;
	struct forming *forming;
	struct replica disk;
	uint64_t drawn;
	bool is_failing;
	size_t said_count;
	struct {
		size_t to;
		enum envelope_kind kind;
		struct hello hello;
		enum refusal refusal;
	} said[SAID_MAX];
};

static const struct cluster_settings settings = {500, 50, 0};

static enum status
on_save(void *context, const struct replica *replica, struct error *err)
{
	struct stage *stage = context;

	if (stage->is_failing)
		return error_set(err, STATUS_NO_SPACE, "full");
	stage->disk = *replica;
	return STATUS_OK;
}

static void
on_send(void *context, size_t peer, enum envelope_kind kind, struct slice body)
{
	struct stage *stage = context;
	struct error err;

	CU_ASSERT_TRUE_FATAL(stage->said_count < SAID_MAX);
	stage->said[stage->said_count].to = peer;
	stage->said[stage->said_count].kind = kind;
	if (kind == ENVELOPE_HELLO)
		ASSERT_OK(hello_decode(body,
			      &stage->said[stage->said_count].hello, &err),
		    &err);
	if (kind == ENVELOPE_REFUSE)
		ASSERT_OK(refusal_decode(body,
			      &stage->said[stage->said_count].refusal, &err),
		    &err);
	stage->said_count++;
}

static void
on_answer(void *context, enum envelope_kind kind, struct slice body)
{
	on_send(context, FORMING_NO_PEER, kind, body);
}

static void
on_draw(void *context, void *bytes, size_t size)
{
	struct stage *stage = context;

	memset(bytes, 0, size);
	stage->drawn += 100;
	memcpy(bytes, &stage->drawn, sizeof(stage->drawn));
}

static enum status
stage_start(
    struct stage *stage, const char *name, const char *peers, struct error *err)
{
	struct forming_host host = {
	    stage, on_save, on_send, on_answer, on_draw};
	struct forming_options options = {.name = name,
	    .peers = &stage->peers,
	    .address = "host:1",
	    .settings = settings,
	    .incarnation = 77};
	struct replica loaded = stage->disk;

	forming_close(stage->forming);
	if (peers[0] != '\0')
		ASSERT_OK(peers_parse(peers, name, &stage->peers, err), err);
	return forming_create(&options, &host, &loaded, &stage->forming, err);
}

static struct hello
hello_of(const char *name, const char *names)
{
	struct hello hello = {.number = 1,
	    .echo = 1,
	    .echo_incarnation = 77,
	    .settings = settings,
	    .address = "host:2",
	    .software = "1"};
	struct error err;

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	for (; *names != '\0'; names++)
		ASSERT_OK(
		    name_set_add(&hello.names, slice_of(names, 1), &err), &err);
	return hello;
}

static void
hear(struct stage *stage, size_t peer, uint64_t sender, const char *cluster,
    const struct hello *hello)
{
	struct envelope envelope = {.kind = ENVELOPE_HELLO,
	    .sender = sender,
	    .incarnation = sender + 1};
	struct buffer body = {0};
	struct error rejected;
	struct error err;

	memcpy(envelope.cluster_id, cluster, strlen(cluster));
	hello_encode(hello, &body);
	stage->said_count = 0;
	ASSERT_OK(forming_receive(stage->forming, peer, &envelope,
		      buffer_slice(&body), &rejected, &err),
	    &err);
	CU_ASSERT_EQUAL(rejected.code, STATUS_OK);
	buffer_deinit(&body);
}

static void
hear_charter(struct stage *stage, const struct charter *charter)
{
	struct envelope envelope = {.kind = ENVELOPE_CHARTER, .sender = 1};
	struct buffer body = {0};
	struct error rejected;
	struct error err;

	charter_encode(charter, &body);
	stage->said_count = 0;
	ASSERT_OK(forming_receive(stage->forming, FORMING_NO_PEER, &envelope,
		      buffer_slice(&body), &rejected, &err),
	    &err);
	buffer_deinit(&body);
}

static bool
trouble_has(const struct stage *stage, size_t peer, const char *words)
{
	struct buffer text = {0};
	bool has;

	forming_trouble(stage->forming, peer, &text);
	buffer_append_byte(&text, '\0');
	has = words[0] == '\0' ? text.data[0] == '\0'
			       : strstr((char *)text.data, words) != NULL;
	if (!has)
		fprintf(stderr, "trouble: %s\n", (char *)text.data);
	buffer_deinit(&text);
	return has;
}

static void
tick(struct stage *stage)
{
	struct error err;

	stage->said_count = 0;
	ASSERT_OK(forming_tick(stage->forming, &err), &err);
}

static void
node_without_peers_is_a_cluster_at_its_first_tick(void)
{
	struct stage stage = {0};
	struct error err;

	ASSERT_OK(stage_start(&stage, "a", "", &err), &err);
	CU_ASSERT_EQUAL(stage.disk.id, 100);
	CU_ASSERT_FALSE(stage.disk.is_formed);
	tick(&stage);
	CU_ASSERT_TRUE(stage.disk.is_formed);
	CU_ASSERT_EQUAL(stage.disk.charter.count, 1);
	CU_ASSERT_EQUAL(stage.disk.charter.founders[0].id, 100);
	/* And stays the one it is. */
	ASSERT_OK(stage_start(&stage, "a", "", &err), &err);
	tick(&stage);
	CU_ASSERT_EQUAL(stage.drawn, 200);
	forming_close(stage.forming);
}

static void
smallest_name_decides_when_all_agree(void)
{
	struct stage stage = {0};
	struct hello b = hello_of("b", "abc");
	struct hello c = hello_of("c", "abc");
	struct error err;

	ASSERT_OK(stage_start(&stage, "a", "c:1,b:1", &err), &err);
	tick(&stage);
	CU_ASSERT_EQUAL_FATAL(stage.said_count, 2);
	CU_ASSERT_EQUAL(stage.said[0].kind, ENVELOPE_HELLO);
	CU_ASSERT_EQUAL(stage.said[0].hello.number, 1);
	hear(&stage, 1, 22, "", &b);
	CU_ASSERT_FALSE(forming_replica(stage.forming)->is_formed);
	CU_ASSERT_TRUE(trouble_has(&stage, 0, "has not answered"));
	hear(&stage, 0, 33, "", &c);
	CU_ASSERT_TRUE_FATAL(stage.disk.is_formed);
	CU_ASSERT_EQUAL(stage.disk.charter.count, 3);
	CU_ASSERT_EQUAL(charter_find(&stage.disk.charter, "a")->id, 100);
	CU_ASSERT_EQUAL(charter_find(&stage.disk.charter, "b")->id, 22);
	CU_ASSERT_EQUAL(charter_find(&stage.disk.charter, "c")->id, 33);
	CU_ASSERT_EQUAL_FATAL(stage.said_count, 2);
	CU_ASSERT_EQUAL(stage.said[1].kind, ENVELOPE_CHARTER);
	CU_ASSERT_PTR_NOT_NULL(forming_peer(stage.forming, 0));
	/* A founder that has lost its charter on the way gets it again. */
	hear(&stage, FORMING_NO_PEER, 22, "", &b);
	CU_ASSERT_EQUAL_FATAL(stage.said_count, 2);
	CU_ASSERT_EQUAL(stage.said[0].kind, ENVELOPE_HELLO);
	CU_ASSERT_EQUAL(stage.said[0].hello.echo, 1);
	CU_ASSERT_EQUAL(stage.said[1].kind, ENVELOPE_CHARTER);
	/* One whose disk was wiped does not, nor does another cluster's. */
	hear(&stage, FORMING_NO_PEER, 23, "", &b);
	CU_ASSERT_EQUAL_FATAL(stage.said_count, 2);
	CU_ASSERT_EQUAL(stage.said[1].refusal, REFUSAL_NOT_A_MEMBER);
	hear(&stage, FORMING_NO_PEER, 22, "another", &b);
	CU_ASSERT_EQUAL(stage.said[1].refusal, REFUSAL_WRONG_CLUSTER);
	forming_close(stage.forming);
}

static void
nothing_is_decided_while_anything_disagrees(void)
{
	struct stage stage = {0};
	struct hello good = hello_of("b", "ab");
	struct hello hello = good;
	struct error err;

	ASSERT_OK(stage_start(&stage, "a", "b:1", &err), &err);
	for (int i = 0; i < 6; i++)
		tick(&stage);
	good.echo = 6;
	/* Too old, or an answer to an earlier incarnation of this node. */
	hear(&stage, 0, 22, "", &hello);
	hello = good;
	hello.echo_incarnation = 76;
	hear(&stage, 0, 22, "", &hello);
	hello = good;
	hello.settings.heartbeat_ms = 51;
	hear(&stage, 0, 22, "", &hello);
	CU_ASSERT_TRUE(trouble_has(&stage, 0, "heartbeat 51 ms"));
	hello = hello_of("b", "abc");
	hello.echo = 6;
	hear(&stage, 0, 22, "", &hello);
	CU_ASSERT_TRUE(
	    trouble_has(&stage, 0, "form a cluster of a, b, c, not of a, b"));
	hello = hello_of("d", "ab");
	hello.echo = 6;
	hear(&stage, 0, 22, "", &hello);
	CU_ASSERT_TRUE(trouble_has(&stage, 0, "calls itself d"));
	hear(&stage, 0, 100, "", &good);
	CU_ASSERT_TRUE(trouble_has(&stage, 0, "has this server's id"));
	hear(&stage, 0, 22, "some cluster", &good);
	CU_ASSERT_TRUE(trouble_has(&stage, 0, "is in a cluster already"));
	/* What another says over a connection of its own decides nothing. */
	hear(&stage, FORMING_NO_PEER, 22, "", &good);
	CU_ASSERT_FALSE(stage.disk.is_formed);
	hear(&stage, 0, 22, "", &good);
	CU_ASSERT_TRUE(stage.disk.is_formed);
	forming_close(stage.forming);
}

static void
charter_is_taken_by_the_disk_that_it_names(void)
{
	struct stage stage = {0};
	struct charter good = {.cluster_id = "cluster",
	    .count = 2,
	    .founders = {{1, "a"}, {100, "b"}}};
	struct charter charter = good;
	struct error err;

	ASSERT_OK(stage_start(&stage, "b", "a:1", &err), &err);
	charter.founders[1].id = 99;
	hear_charter(&stage, &charter);
	CU_ASSERT_EQUAL(stage.said[0].refusal, REFUSAL_WRONG_SERVER);
	charter = good;
	charter.count = 3;
	charter.founders[2] = (struct founder){3, "c"};
	hear_charter(&stage, &charter);
	CU_ASSERT_EQUAL(stage.said[0].refusal, REFUSAL_NAMES_DIFFER);
	CU_ASSERT_FALSE(stage.disk.is_formed);
	hear_charter(&stage, &good);
	CU_ASSERT_TRUE(stage.disk.is_formed);
	CU_ASSERT_EQUAL(stage.said_count, 0);
	hear_charter(&stage, &good);
	CU_ASSERT_EQUAL(stage.said_count, 0);
	charter = good;
	charter.cluster_id[0] = 'k';
	hear_charter(&stage, &charter);
	CU_ASSERT_EQUAL(stage.said[0].refusal, REFUSAL_WRONG_CLUSTER);
	CU_ASSERT_EQUAL(stage.disk.charter.cluster_id[0], 'c');
	forming_close(stage.forming);
}

static void
stranger_is_told_why(void)
{
	static const struct envelope refuse = {.kind = ENVELOPE_REFUSE};
	struct stage stage = {0};
	struct hello a = hello_of("a", "ab");
	struct error rejected;
	struct error err;

	ASSERT_OK(stage_start(&stage, "b", "a:1", &err), &err);
	tick(&stage);
	hear(&stage, 0, 1, "cluster", &a);
	ASSERT_OK(forming_receive(stage.forming, 0, &refuse,
		      slice_of("\3\0\0\0", 4), &rejected, &err),
	    &err);
	CU_ASSERT_TRUE(trouble_has(&stage, 0, "without this node's disk"));
	hear(&stage, 0, 1, "cluster", &a);
	CU_ASSERT_TRUE(trouble_has(&stage, 0, "without this node's disk"));
	ASSERT_OK(forming_receive(stage.forming, 0, &refuse, slice_of("?", 1),
		      &rejected, &err),
	    &err);
	CU_ASSERT_EQUAL(rejected.code, STATUS_CORRUPT);
	forming_close(stage.forming);
}

static void
failed_write_and_foreign_disk_end_it(void)
{
	struct stage stage = {.is_failing = true};
	struct error err;

	CU_ASSERT_EQUAL(stage_start(&stage, "a", "", &err), STATUS_NO_SPACE);
	CU_ASSERT_PTR_NULL(stage.forming);
	stage.is_failing = false;
	ASSERT_OK(stage_start(&stage, "a", "", &err), &err);
	stage.is_failing = true;
	CU_ASSERT_EQUAL(forming_tick(stage.forming, &err), STATUS_NO_SPACE);
	CU_ASSERT_FALSE(forming_replica(stage.forming)->is_formed);
	CU_ASSERT_EQUAL(stage_start(&stage, "b", "", &err), STATUS_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "that of node a"));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(node_without_peers_is_a_cluster_at_its_first_tick),
	    SUITE_CASE(smallest_name_decides_when_all_agree),
	    SUITE_CASE(nothing_is_decided_while_anything_disagrees),
	    SUITE_CASE(charter_is_taken_by_the_disk_that_it_names),
	    SUITE_CASE(stranger_is_told_why),
	    SUITE_CASE(failed_write_and_foreign_disk_end_it),
	};

	return suite_run("forming", cases, SUITE_COUNT(cases), argc, argv);
}
