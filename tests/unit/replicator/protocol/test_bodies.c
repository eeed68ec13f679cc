#include <string.h>

#include "common/base/mem.h"
#include "replicator/protocol/charter.h"
#include "replicator/protocol/hello.h"
#include "replicator/protocol/refusal.h"
#include "tests/support/suite.h"

static void
add_name(struct name_set *set, const char *name)
{
	struct error err;

	ASSERT_OK(name_set_add(set, slice_of_string(name), &err), &err);
}

static struct hello
sample_hello(void)
{
	struct hello hello = {.number = 1,
	    .echo = 2,
	    .echo_incarnation = 3,
	    .settings = {500, 50, 2},
	    .name = "n1",
	    .address = "h:10001",
	    .software = "0.1"};

	add_name(&hello.names, "n2");
	add_name(&hello.names, "n1");
	return hello;
}

static void
hello_is_as_agreed(void)
{
	static const char golden[] =
	    "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0"
	    "\xf4\1\0\0\x32\0\0\0\2\0\0\0"
	    "\2\0\0\0n1\7\0\0\0h:10001\3\0\0\0"
	    "0.1"
	    "\2\0\0\0\2\0\0\0n1\2\0\0\0n2";
	struct hello hello = sample_hello();
	struct hello out;
	struct buffer body = {0};
	struct error err;

	hello_encode(&hello, &body);
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&body), slice_of(golden, sizeof(golden) - 1)));
	ASSERT_OK(hello_decode(buffer_slice(&body), &out, &err), &err);
	CU_ASSERT_EQUAL(out.number, 1);
	CU_ASSERT_EQUAL(out.echo, 2);
	CU_ASSERT_EQUAL(out.echo_incarnation, 3);
	CU_ASSERT_EQUAL(out.settings.election_timeout_ms, 500);
	CU_ASSERT_EQUAL(out.settings.heartbeat_ms, 50);
	CU_ASSERT_EQUAL(out.settings.quorum_size, 2);
	CU_ASSERT_STRING_EQUAL(out.name, "n1");
	CU_ASSERT_STRING_EQUAL(out.address, "h:10001");
	CU_ASSERT_STRING_EQUAL(out.software, "0.1");
	CU_ASSERT_TRUE(name_set_equal(&out.names, &hello.names));
	buffer_deinit(&body);
}

static struct charter
sample_charter(void)
{
	return (struct charter){.cluster_id = "0123456789abcdef",
	    .count = 2,
	    .founders = {{7, "n1"}, {8, "n2"}}};
}

static void
charter_is_as_agreed(void)
{
	static const char golden[] = "0123456789abcdef\2\0\0\0"
				     "\7\0\0\0\0\0\0\0\2\0\0\0n1"
				     "\10\0\0\0\0\0\0\0\2\0\0\0n2";
	struct charter charter = sample_charter();
	struct charter out;
	struct name_set names;
	struct buffer body = {0};
	struct error err;

	charter_encode(&charter, &body);
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&body), slice_of(golden, sizeof(golden) - 1)));
	ASSERT_OK(charter_decode(buffer_slice(&body), &out, &err), &err);
	CU_ASSERT_EQUAL(memcmp(out.cluster_id, charter.cluster_id, 16), 0);
	CU_ASSERT_EQUAL(out.count, 2);
	CU_ASSERT_EQUAL(charter_find(&out, "n2")->id, 8);
	CU_ASSERT_PTR_NULL(charter_find(&out, "n3"));
	charter_names(&out, &names);
	CU_ASSERT_EQUAL(names.count, 2);
	CU_ASSERT_STRING_EQUAL(names.names[0], "n1");
	buffer_deinit(&body);
}

static void
charters_that_nobody_writes_are_refused(void)
{
	struct charter charter = sample_charter();
	struct charter out;
	struct buffer body = {0};
	struct error err;

	/* Not sorted, twice the same name, twice the same id, no cluster. */
	for (int i = 0; i < 4; i++) {
		charter = sample_charter();
		if (i == 0)
			charter.founders[0].name[1] = '3';
		else if (i == 1)
			charter.founders[0].name[1] = '2';
		else if (i == 2)
			charter.founders[0].id = 8;
		else
			memset(charter.cluster_id, 0, CLUSTER_ID_BYTES);
		buffer_clear(&body, SIZE_MAX);
		charter_encode(&charter, &body);
		CU_ASSERT_EQUAL(charter_decode(buffer_slice(&body), &out, &err),
		    STATUS_CORRUPT);
	}
	buffer_deinit(&body);
}

static void
refusals_are_as_agreed(void)
{
	struct buffer body = {0};
	enum refusal out;
	struct error err;

	refusal_encode(REFUSAL_NOT_A_MEMBER, &body);
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&body), slice_of("\3\0\0\0", 4)));
	ASSERT_OK(refusal_decode(buffer_slice(&body), &out, &err), &err);
	CU_ASSERT_EQUAL(out, REFUSAL_NOT_A_MEMBER);
	CU_ASSERT_NOT_EQUAL(refusal_text(out)[0], '?');
	CU_ASSERT_EQUAL(refusal_decode(slice_of("\0\0\0\0", 4), &out, &err),
	    STATUS_CORRUPT);
	CU_ASSERT_EQUAL(refusal_decode(slice_of("\5\0\0\0", 4), &out, &err),
	    STATUS_CORRUPT);
	buffer_deinit(&body);
}

/* Bodies cut short at any place, and with a byte more. */
static void
sizes_must_fit(void)
{
	struct hello hello = sample_hello();
	struct charter charter = sample_charter();
	struct buffer bodies[3] = {{0}, {0}, {0}};

	hello_encode(&hello, &bodies[0]);
	charter_encode(&charter, &bodies[1]);
	refusal_encode(REFUSAL_WRONG_SERVER, &bodies[2]);
	for (int i = 0; i < 3; i++) {
		size_t whole = buffer_size(&bodies[i]);

		buffer_append_byte(&bodies[i], 0);
		for (size_t size = 0; size <= whole + 1; size++) {
			/* A copy of just that size, for the sanitizer. */
			uint8_t *copy = mem_dup(bodies[i].data, size);
			struct slice body = slice_of(copy, size);
			struct hello hello_out;
			struct charter charter_out;
			enum refusal refusal_out;
			struct error err;

			CU_ASSERT_EQUAL(i == 0
				? hello_decode(body, &hello_out, &err)
				: i == 1
				? charter_decode(body, &charter_out, &err)
				: refusal_decode(body, &refusal_out, &err),
			    size == whole ? STATUS_OK : STATUS_CORRUPT);
			mem_free(copy);
		}
		buffer_deinit(&bodies[i]);
	}
}

static void
names_are_sorted_once_each_and_proper(void)
{
	static const char *const bad[] = {"", "a b", "a,b", "a=b", "\xc3\xa9",
	    "0123456789012345678901234567890123456789012345678901234567890123"};
	struct name_set set = {0};
	struct name_set other = {0};
	struct buffer text = {0};
	struct error err;
	char name[16];

	add_name(&set, "node2");
	add_name(&set, "node10");
	add_name(&set, "::1");
	name_set_print(&set, &text);
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&text), slice_of_string("::1, node10, node2")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(
		    name_set_add(&set, slice_of_string(bad[i]), &err),
		    STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    name_set_add(&set, slice_of_string("node2"), &err), STATUS_INVALID);
	CU_ASSERT_EQUAL(set.count, 3);
	CU_ASSERT_FALSE(name_set_equal(&set, &other));
	for (int i = 0; i < NODES_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		add_name(&other, name);
	}
	CU_ASSERT_EQUAL(name_set_add(&other, slice_of_string("more"), &err),
	    STATUS_INVALID);
	buffer_deinit(&text);
}

static void
differences_are_named(void)
{
	struct name_set listed = {0};
	struct name_set members = {0};
	struct buffer text = {0};

	name_set_compare(&listed, &members, &text);
	add_name(&listed, "a");
	add_name(&members, "a");
	add_name(&listed, "c");
	add_name(&members, "c");
	name_set_compare(&listed, &members, &text);
	CU_ASSERT_EQUAL(buffer_size(&text), 0);
	add_name(&listed, "b");
	add_name(&members, "d");
	add_name(&members, "e");
	name_set_compare(&listed, &members, &text);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&text),
	    slice_of_string("b is listed and no member; d is a member and not "
			    "listed; e is a member and not listed")));
	buffer_deinit(&text);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(hello_is_as_agreed),
	    SUITE_CASE(charter_is_as_agreed),
	    SUITE_CASE(charters_that_nobody_writes_are_refused),
	    SUITE_CASE(refusals_are_as_agreed),
	    SUITE_CASE(sizes_must_fit),
	    SUITE_CASE(names_are_sorted_once_each_and_proper),
	    SUITE_CASE(differences_are_named),
	};

	return suite_run("bodies", cases, SUITE_COUNT(cases), argc, argv);
}
