/*
 * The replies here were compared with those of Redis 7.0.15, except where a
 * comment says why they differ.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/memory/memory_door.h"
#include "tests/support/memory/memory_store.h"
#include "tests/support/suite.h"

struct row {
	const char *request;
	const char *reply;
};

/* A store, one connection, and what it replied last. */
struct fixture {
	struct memory_store *store;
	struct memory_door *door;
	struct buffer out;
};

static struct fixture
fixture_create(void)
{
	struct fixture fixture = {.store = memory_store_create()};

	fixture.door = memory_door_create(fixture.store);
	return fixture;
}

static void
fixture_close(struct fixture *fixture)
{
	memory_door_close(fixture->door);
	memory_store_close(fixture->store);
	buffer_deinit(&fixture->out);
}

/* Sends an inline command; the reply, borrowed until the next call. */
static const char *
ask(struct fixture *fixture, const char *request)
{
	buffer_clear(&fixture->out, SIZE_MAX);
	memory_door_feed(
	    fixture->door, slice_of_string(request), &fixture->out);
	memory_door_feed(fixture->door, slice_of_string("\r\n"), &fixture->out);
	buffer_append_byte(&fixture->out, '\0');
	return (const char *)fixture->out.data + fixture->out.start;
}

static void
expect(struct fixture *fixture, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = ask(fixture, rows[i].request);

		if (strcmp(got, rows[i].reply) != 0)
			fprintf(stderr, "%s\ngot  %swant %s", rows[i].request,
			    got, rows[i].reply);
		CU_ASSERT_STRING_EQUAL(got, rows[i].reply);
	}
}

static void
run_rows(const struct row *rows, size_t count)
{
	struct fixture fixture = fixture_create();

	expect(&fixture, rows, count);
	fixture_close(&fixture);
}

#define RUN_ROWS(rows) run_rows(rows, SUITE_COUNT(rows))
#define NOT_INTEGER "-ERR value is not an integer or out of range\r\n"

static void
set_and_get_with_all_options(void)
{
	static const struct row rows[] = {
	    {"GET a", "$-1\r\n"},
	    {"SET a b", "+OK\r\n"},
	    {"get a", "$1\r\nb\r\n"},
	    {"SET a c NX", "$-1\r\n"},
	    {"SET a c XX", "+OK\r\n"},
	    {"SET x c XX", "$-1\r\n"},
	    {"SET a d GET", "$1\r\nc\r\n"},
	    {"SET a e NX GET", "$1\r\nd\r\n"},
	    {"SET n e NX GET", "$-1\r\n"},
	    {"GET n", "$1\r\ne\r\n"},
	    {"SET m e GET", "$-1\r\n"},
	    {"SET a f EX 100", "+OK\r\n"},
	    {"TTL a", ":100\r\n"},
	    {"SET a g KEEPTTL", "+OK\r\n"},
	    {"PTTL a", ":100000\r\n"},
	    {"SET a g px 1500", "+OK\r\n"},
	    {"TTL a", ":2\r\n"},
	    {"SET a g EXAT 1001", "+OK\r\n"},
	    {"PTTL a", ":1000\r\n"},
	    {"SET a g PXAT 1000001", "+OK\r\n"},
	    {"PTTL a", ":1\r\n"},
	    {"SET a g EX 10 EX 20", "+OK\r\n"},
	    {"TTL a", ":20\r\n"},
	    {"SET a g", "+OK\r\n"},
	    {"TTL a", ":-1\r\n"},
	    {"SET a b PXAT 1", "+OK\r\n"},
	    {"GET a", "$-1\r\n"},
	    {"SET a", "-ERR wrong number of arguments for 'set' command\r\n"},
	    {"SET a b EX", "-ERR syntax error\r\n"},
	    {"SET a b FOO", "-ERR syntax error\r\n"},
	    {"SET a b NX XX", "-ERR syntax error\r\n"},
	    {"SET a b EX 10 PX 10", "-ERR syntax error\r\n"},
	    {"SET a b KEEPTTL EX 10", "-ERR syntax error\r\n"},
	    {"SET a b EX 10 KEEPTTL", "-ERR syntax error\r\n"},
	    {"SET a b EX 0", "-ERR invalid expire time in 'set' command\r\n"},
	    {"SET a b EX -1", "-ERR invalid expire time in 'set' command\r\n"},
	    {"SET a b EX x", NOT_INTEGER},
	    {"SET a b PX 9223372036854775807",
		"-ERR invalid expire time in 'set' command\r\n"},
	    {"SET a b EX 9223372036854775807",
		"-ERR invalid expire time in 'set' command\r\n"},
	    {"SET a b EXAT 9223372036854775807",
		"-ERR invalid expire time in 'set' command\r\n"},
	};

	RUN_ROWS(rows);
}

static void
other_writes_of_one_key(void)
{
	static const struct row rows[] = {
	    {"SETNX a 1", ":1\r\n"},
	    {"SETNX a 2", ":0\r\n"},
	    {"SETEX a 10 v", "+OK\r\n"},
	    {"TTL a", ":10\r\n"},
	    {"SETEX a 0 v", "-ERR invalid expire time in 'setex' command\r\n"},
	    {"SETEX a x v", NOT_INTEGER},
	    {"PERSIST a", ":1\r\n"},
	    {"PERSIST a", ":0\r\n"},
	    {"PERSIST x", ":0\r\n"},
	    {"GETDEL a", "$1\r\nv\r\n"},
	    {"GETDEL a", "$-1\r\n"},
	    {"STRLEN a", ":0\r\n"},
	    {"SET a 12345", "+OK\r\n"},
	    {"STRLEN a", ":5\r\n"},
	    {"TYPE a", "+string\r\n"},
	    {"TYPE x", "+none\r\n"},
	    {"TTL x", ":-2\r\n"},
	    {"PTTL x", ":-2\r\n"},
	};

	RUN_ROWS(rows);
}

static void
counters(void)
{
	static const struct row rows[] = {
	    {"INCR n", ":1\r\n"},
	    {"INCRBY n 9", ":10\r\n"},
	    {"DECR n", ":9\r\n"},
	    {"DECRBY n 10", ":-1\r\n"},
	    {"INCRBY n x", NOT_INTEGER},
	    {"DECRBY n -9223372036854775808",
		"-ERR decrement would overflow\r\n"},
	    {"SET n 9223372036854775807", "+OK\r\n"},
	    {"INCR n", "-ERR increment or decrement would overflow\r\n"},
	    {"SET n \" 1\"", "+OK\r\n"},
	    {"INCR n", NOT_INTEGER},
	    {"SET n 5 EX 10", "+OK\r\n"},
	    {"INCR n", ":6\r\n"},
	    {"TTL n", ":10\r\n"},
	};

	RUN_ROWS(rows);
}

static void
several_keys(void)
{
	static const struct row rows[] = {
	    {"MSET a 1 b 2 a 3", "+OK\r\n"},
	    {"MGET a b x", "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n"},
	    {"EXISTS a a b x", ":3\r\n"},
	    {"DEL a a x", ":1\r\n"},
	    {"UNLINK b", ":1\r\n"},
	    {"MSET a", "-ERR wrong number of arguments for 'mset' command\r\n"},
	    {"MSET a b c",
		"-ERR wrong number of arguments for 'mset' command\r\n"},
	    {"MGET", "-ERR wrong number of arguments for 'mget' command\r\n"},
	};

	RUN_ROWS(rows);
}

static void
deadlines(void)
{
	static const struct row rows[] = {
	    {"EXPIRE a 10", ":0\r\n"},
	    {"SET a 1", "+OK\r\n"},
	    {"EXPIRE a 10 GT", ":0\r\n"},
	    {"EXPIRE a 10 XX", ":0\r\n"},
	    {"EXPIRE a 10 LT", ":1\r\n"},
	    {"EXPIRE a 20 NX", ":0\r\n"},
	    {"EXPIRE a 20 XX GT", ":1\r\n"},
	    {"EXPIRE a 30 LT", ":0\r\n"},
	    {"PEXPIRE a 500", ":1\r\n"},
	    {"TTL a", ":1\r\n"},
	    {"PTTL a", ":500\r\n"},
	    {"EXPIRE a x", NOT_INTEGER},
	    {"EXPIRE a 10 FOO", "-ERR Unsupported option FOO\r\n"},
	    {"EXPIRE a 10 NX XX",
		"-ERR NX and XX, GT or LT options at the same time are not "
		"compatible\r\n"},
	    {"EXPIRE a 10 GT LT",
		"-ERR GT and LT options at the same time are not "
		"compatible\r\n"},
	    {"EXPIRE a 9223372036854775807",
		"-ERR invalid expire time in 'expire' command\r\n"},
	    {"EXPIRE a -9223372036854775808",
		"-ERR invalid expire time in 'expire' command\r\n"},
	    {"PEXPIRE a 9223372036854775807",
		"-ERR invalid expire time in 'pexpire' command\r\n"},
	    {"PEXPIRE a -9223372036854775808", ":1\r\n"},
	    {"EXISTS a", ":0\r\n"},
	    {"SET a 1", "+OK\r\n"},
	    {"EXPIRE a 0", ":1\r\n"},
	    {"GET a", "$-1\r\n"},
	};

	RUN_ROWS(rows);
}

static void
entries_are_gone_when_their_time_has_come(void)
{
	struct fixture fixture = fixture_create();

	ask(&fixture, "SET a b PX 100");
	memory_store_set_now(fixture.store, 1000099);
	CU_ASSERT_STRING_EQUAL(ask(&fixture, "PTTL a"), ":1\r\n");
	memory_store_set_now(fixture.store, 1000100);
	CU_ASSERT_STRING_EQUAL(ask(&fixture, "GET a"), "$-1\r\n");
	CU_ASSERT_STRING_EQUAL(ask(&fixture, "SET a c NX"), "+OK\r\n");
	fixture_close(&fixture);
}

static void
the_whole_of_the_keys(void)
{
	static const struct row rows[] = {
	    {"MSET a 1 ab 2 b 3", "+OK\r\n"},
	    {"KEYS *", "*3\r\n$1\r\na\r\n$2\r\nab\r\n$1\r\nb\r\n"},
	    {"KEYS a?", "*1\r\n$2\r\nab\r\n"},
	    {"KEYS b", "*1\r\n$1\r\nb\r\n"},
	    {"KEYS c*", "*0\r\n"},
	    {"DBSIZE", ":3\r\n"},
	    {"SCAN 0 MATCH b", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"},
	    {"SCAN 0 TYPE list", "*2\r\n$1\r\n0\r\n*0\r\n"},
	    {"SCAN 0 TYPE string MATCH b COUNT 5",
		"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"},
	    {"SCAN -1", "*2\r\n$1\r\n0\r\n*0\r\n"},
	    {"SCAN \"\" COUNT 5 MATCH b", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"},
	    {"SCAN x", "-ERR invalid cursor\r\n"},
	    {"SCAN 5x", "-ERR invalid cursor\r\n"},
	    {"SCAN \" 5\"", "-ERR invalid cursor\r\n"},
	    {"SCAN 18446744073709551616", "-ERR invalid cursor\r\n"},
	    {"SCAN 0 COUNT 0", "-ERR syntax error\r\n"},
	    {"SCAN 0 COUNT x", NOT_INTEGER},
	    {"SCAN 0 FOO", "-ERR syntax error\r\n"},
	    {"SCAN 0 MATCH", "-ERR syntax error\r\n"},
	    {"FLUSHALL FOO", "-ERR syntax error\r\n"},
	    {"FLUSHALL ASYNC SYNC", "-ERR syntax error\r\n"},
	    {"FLUSHALL async", "+OK\r\n"},
	    {"DBSIZE", ":0\r\n"},
	    {"KEYS", "-ERR wrong number of arguments for 'keys' command\r\n"},
	};

	RUN_ROWS(rows);
}

/* The keys in the reply to a SCAN; returns the next cursor. */
static uint64_t
count_scanned(const char *reply, size_t *keys)
{
	char *end;
	uint64_t cursor;

	CU_ASSERT_EQUAL_FATAL(strncmp(reply, "*2\r\n$", 5), 0);
	cursor = strtoull(strchr(reply + 5, '\n') + 1, &end, 10);
	*keys += strtoull(end + 3, NULL, 10);
	return cursor;
}

/* With pages of a few steps, calls take many runs and come to the same. */
static void
scans_in_many_runs_return_everything(void)
{
	struct fixture fixture = fixture_create();
	uint64_t cursor = 0;
	size_t keys = 0;
	unsigned calls = 0;

	memory_store_set_steps(fixture.store, 7);
	for (unsigned i = 0; i < 3000; i++) {
		char key[64];

		snprintf(key, sizeof(key), "a-common-prefix:%u", i);
		memory_store_put(
		    fixture.store, slice_of_string(key), SLICE_EMPTY);
	}
	CU_ASSERT_STRING_EQUAL(ask(&fixture, "DBSIZE"), ":3000\r\n");
	CU_ASSERT_EQUAL(strncmp(ask(&fixture, "KEYS *:1?"), "*10\r\n", 5), 0);
	do {
		char request[64];

		snprintf(request, sizeof(request), "SCAN %llu COUNT 100",
		    (unsigned long long)cursor);
		cursor = count_scanned(ask(&fixture, request), &keys);
		calls++;
	} while (cursor != 0);
	CU_ASSERT_EQUAL(keys, 3000);
	CU_ASSERT(calls >= 20 && calls <= 40);
	fixture_close(&fixture);
}

static void
about_the_connection(void)
{
	static const struct row rows[] = {
	    {"PING", "+PONG\r\n"},
	    {"PING a", "$1\r\na\r\n"},
	    {"PING a b",
		"-ERR wrong number of arguments for 'ping' command\r\n"},
	    {"ECHO \"\\x41\\n\"", "$2\r\nA\n\r\n"},
	    {"SELECT 0", "+OK\r\n"},
	    {"SELECT 99", "-ERR DB index is out of range\r\n"},
	    {"SELECT a", NOT_INTEGER},
	    {"CLIENT ID", ":7\r\n"},
	    {"CLIENT GETNAME", "$-1\r\n"},
	    {"CLIENT SETNAME me", "+OK\r\n"},
	    {"CLIENT GETNAME", "$2\r\nme\r\n"},
	    {"CLIENT SETNAME \"\"", "+OK\r\n"},
	    {"CLIENT GETNAME", "$-1\r\n"},
	    {"CLIENT SETNAME \"a b\"",
		"-ERR Client names cannot contain spaces, newlines or special "
		"characters.\r\n"},
	    {"CLIENT SETINFO LIB-NAME x", "+OK\r\n"},
	    {"CLIENT SETINFO FOO x", "-ERR Unrecognized option 'FOO'\r\n"},
	    {"CLIENT FOO",
		"-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"},
	    {"CLIENT",
		"-ERR wrong number of arguments for 'client' command\r\n"},
	    {"CLIENT SETNAME",
		"-ERR wrong number of arguments for 'client|setname' "
		"command\r\n"},
	    {"CONFIG GET save appendonly",
		"*4\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n$4\r\nsave\r\n$0\r\n"
		"\r\n"},
	    {"CONFIG GET nosuch*", "*0\r\n"},
	    {"CONFIG GET",
		"-ERR wrong number of arguments for 'config|get' command\r\n"},
	};

	RUN_ROWS(rows);
}

static void
greetings(void)
{
	static const struct row rows[] = {
	    {"HELLO 4", "-NOPROTO unsupported protocol version\r\n"},
	    {"HELLO x",
		"-ERR Protocol version is not an integer or out of range\r\n"},
	    {"HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"},
	    {"HELLO 3 SETNAME \"a b\"",
		"-ERR Client names cannot contain spaces, newlines or special "
		"characters.\r\n"},
	    {"HELLO",
		"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n"
		"7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n$4\r\nmode"
		"\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\n"
		"modules\r\n*0\r\n"},
	    {"HELLO 3 SETNAME me",
		"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n"
		"7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:7\r\n$4\r\nmode"
		"\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\n"
		"modules\r\n*0\r\n"},
	    {"CLIENT GETNAME", "$2\r\nme\r\n"},
	    {"GET x", "_\r\n"},
	    {"SET x y XX", "_\r\n"},
	    {"MGET x", "*1\r\n_\r\n"},
	    {"CONFIG GET save", "%1\r\n$4\r\nsave\r\n$0\r\n\r\n"},
	    {"INFO nosuch", "=4\r\ntxt:\r\n"},
	    {"INFO replication",
		"=52\r\ntxt:# Replication\r\nrole:master\r\n"
		"connected_slaves:0\r\n\r\n"},
	    {"HELLO 3 AUTH a b",
		"-WRONGPASS invalid username-password pair or user is "
		"disabled.\r\n"},
	};

	RUN_ROWS(rows);
}

static void
commands_describe_themselves(void)
{
	static const struct row rows[] = {
	    {"COMMAND COUNT", ":34\r\n"},
	    {"COMMAND INFO nosuch", "*1\r\n$-1\r\n"},
	    {"COMMAND INFO get",
		"*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n"
		":1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n"
		"*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\n"
		"begin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec"
		"\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\n"
		"type\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n"
		":0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n"},
	    {"COMMAND INFO client|id",
		"*1\r\n*10\r\n$9\r\nclient|id\r\n:2\r\n*3\r\n+noscript\r\n"
		"+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n*2\r\n+@slow\r\n"
		"+@connection\r\n*0\r\n*0\r\n*0\r\n"},
	    {"COMMAND DOCS nosuch", "*0\r\n"},
	    {"COMMAND GETKEYS mset a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
	    {"COMMAND GETKEYS ping x",
		"-ERR The command has no key arguments\r\n"},
	    {"COMMAND GETKEYS nosuch x", "-ERR Invalid command specified\r\n"},
	    {"COMMAND GETKEYS get a b",
		"-ERR Invalid number of arguments specified for command\r\n"},
	    {"COMMAND LIST FILTERBY PATTERN get*",
		"*2\r\n$3\r\nget\r\n$6\r\ngetdel\r\n"},
	    {"COMMAND LIST FILTERBY MODULE x", "*0\r\n"},
	    {"COMMAND LIST a", "-ERR syntax error\r\n"},
	    {"COMMAND FOO",
		"-ERR unknown subcommand 'FOO'. Try COMMAND HELP.\r\n"},
	};
	struct fixture fixture = fixture_create();

	expect(&fixture, rows, SUITE_COUNT(rows));
	CU_ASSERT_EQUAL(strncmp(ask(&fixture, "COMMAND"), "*34\r\n", 5), 0);
	CU_ASSERT_EQUAL(
	    strncmp(ask(&fixture, "COMMAND DOCS"), "*68\r\n", 5), 0);
	fixture_close(&fixture);
}

static void
what_is_not_known_is_refused(void)
{
	static const struct row rows[] = {
	    {"FOO a b",
		"-ERR unknown command 'FOO', with args beginning with: 'a' 'b' "
		"\r\n"},
	    {"FOO \"a\\r\\nb\"",
		"-ERR unknown command 'FOO', with args beginning with: 'a  b' "
		"\r\n"},
	    {"a-name-longer-than-any-command-has",
		"-ERR unknown command 'a-name-longer-than-any-command-has', "
		"with args beginning with: \r\n"},
	    /* Redis takes the empty key. */
	    {"GET \"\"", "-ERR the key has 0 bytes; a key has 1 to 65535\r\n"},
	    {"MSET a 1 \"\" 2",
		"-ERR the key has 0 bytes; a key has 1 to 65535\r\n"},
	    {"GET a", "$-1\r\n"},
	};

	RUN_ROWS(rows);
}

static void
web_pages_are_shut_out(void)
{
	struct fixture fixture = fixture_create();

	CU_ASSERT_FALSE(memory_door_feed(fixture.door,
	    slice_of_string("POST / HTTP/1.1\r\n"), &fixture.out));
	CU_ASSERT_EQUAL(buffer_size(&fixture.out), 0);
	fixture_close(&fixture);
}

static void
quit_answers_and_ends(void)
{
	struct fixture fixture = fixture_create();

	CU_ASSERT_FALSE(memory_door_feed(
	    fixture.door, slice_of_string("QUIT\r\nPING\r\n"), &fixture.out));
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&fixture.out), slice_of_string("+OK\r\n")));
	fixture_close(&fixture);
}

/* Many requests at once: a read sees the writes before it. */
static void
pipelined_requests_are_answered_in_order(void)
{
	static const struct row rows[] = {
	    {"SET a 1\r\nINCR a\r\nGET a\r\nSET a\r\nINCR a\r\nPING\r\nSET a x"
	     "\r\nINCR a\r\nDEL a\r\nSETNX a 1\r\nSETNX a 1",
		"+OK\r\n:2\r\n$1\r\n2\r\n-ERR wrong number of arguments for "
		"'set' command\r\n:3\r\n+PONG\r\n+OK\r\n" NOT_INTEGER
		":1\r\n:1\r\n:0\r\n"},
	};

	RUN_ROWS(rows);
}

static void
failures_say_what_became_of_a_write(void)
{
	static const struct row reads[] = {
	    {"GET a", "-LOADING made to fail\r\n"},
	    {"MGET a b", "-LOADING made to fail\r\n"},
	    {"EXISTS a b", "-LOADING made to fail\r\n"},
	    {"KEYS *", "-LOADING made to fail\r\n"},
	    {"SCAN 0", "-LOADING made to fail\r\n"},
	    {"DBSIZE", "-LOADING made to fail\r\n"},
	    {"PING", "+PONG\r\n"},
	};
	struct fixture fixture = fixture_create();

	memory_store_fail(fixture.store, STATUS_UNAVAILABLE);
	expect(&fixture, reads, SUITE_COUNT(reads));
	memory_door_fail_writes(fixture.door, false);
	CU_ASSERT_STRING_EQUAL(ask(&fixture, "SET a b"),
	    "-LOADING not applied: the store is away\r\n");
	memory_door_fail_writes(fixture.door, true);
	CU_ASSERT_STRING_EQUAL(ask(&fixture, "SET a b"),
	    "-UNKNOWN the write may or may not have been applied: the store is "
	    "away\r\n");
	fixture_close(&fixture);
}

static void
values_over_the_limit_leave_the_connection_usable(void)
{
	struct fixture fixture = fixture_create();
	struct buffer request = {0};
	size_t size = (16u << 20) + 1;

	buffer_printf(&request, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%zu\r\n", size);
	memset(buffer_reserve(&request, size), 'v', size);
	buffer_commit(&request, size);
	buffer_printf(&request, "\r\nPING\r\n");
	CU_ASSERT_TRUE(memory_door_feed(
	    fixture.door, buffer_slice(&request), &fixture.out));
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&fixture.out),
	    slice_of_string("-ERR string exceeds maximum allowed size "
			    "(16777216 bytes)\r\n+PONG\r\n")));
	buffer_deinit(&request);
	fixture_close(&fixture);
}

/* More commands than a batch holds are refused whole. */
static void
requests_larger_than_a_batch_are_refused(void)
{
	struct fixture fixture = fixture_create();
	struct buffer request = {0};

	buffer_printf(&request, "*%d\r\n$4\r\nMSET\r\n", 1 + 2 * 45);
	for (int i = 0; i < 45; i++) {
		buffer_printf(&request, "$2\r\n%02d\r\n$1500000\r\n", i);
		memset(buffer_reserve(&request, 1500000), 'v', 1500000);
		buffer_commit(&request, 1500000);
		buffer_printf(&request, "\r\n");
	}
	memory_door_feed(
	    fixture.door, slice_of_string("SET a b\r\n*91"), &fixture.out);
	buffer_consume(&request, 3);
	memory_door_feed(fixture.door, buffer_slice(&request), &fixture.out);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&fixture.out),
	    slice_of_string("+OK\r\n-ERR not applied: the request is more "
			    "than one batch may hold\r\n")));
	CU_ASSERT_STRING_EQUAL(ask(&fixture, "DBSIZE"), ":1\r\n");
	buffer_deinit(&request);
	fixture_close(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(set_and_get_with_all_options),
	    SUITE_CASE(other_writes_of_one_key),
	    SUITE_CASE(counters),
	    SUITE_CASE(several_keys),
	    SUITE_CASE(deadlines),
	    SUITE_CASE(entries_are_gone_when_their_time_has_come),
	    SUITE_CASE(the_whole_of_the_keys),
	    SUITE_CASE(scans_in_many_runs_return_everything),
	    SUITE_CASE(about_the_connection),
	    SUITE_CASE(greetings),
	    SUITE_CASE(commands_describe_themselves),
	    SUITE_CASE(what_is_not_known_is_refused),
	    SUITE_CASE(web_pages_are_shut_out),
	    SUITE_CASE(quit_answers_and_ends),
	    SUITE_CASE(pipelined_requests_are_answered_in_order),
	    SUITE_CASE(failures_say_what_became_of_a_write),
	    SUITE_CASE(values_over_the_limit_leave_the_connection_usable),
	    SUITE_CASE(requests_larger_than_a_batch_are_refused),
	};

	return suite_run(
	    "resp_commands", cases, SUITE_COUNT(cases), argc, argv);
}
