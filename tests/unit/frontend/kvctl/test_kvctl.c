#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "frontend/kvctl/kvctl.h"
#include "tests/support/memory/memory_server.h"
#include "tests/support/memory/memory_store.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define WORDS_MAX 16

struct fixture {
	struct memory_store *store;
	struct memory_server *server;
	struct scratch scratch;
	char out[1 << 16];
	size_t out_bytes;
	char err[4096];
};

static void
fixture_init(struct fixture *fixture)
{
	fixture->store = memory_store_create();
	fixture->server = memory_server_start(fixture->store);
	scratch_init(&fixture->scratch);
}

static void
fixture_deinit(struct fixture *fixture)
{
	memory_server_stop(fixture->server);
	memory_store_close(fixture->store);
	scratch_deinit(&fixture->scratch);
}

/* Puts a file in memory in the place of a standard stream. */
static int
divert(int stream, const void *bytes, size_t size)
{
	int kept = dup(stream);
	int fd = memfd_create("stream", 0);

	CU_ASSERT_EQUAL(write(fd, bytes, size), (ssize_t)size);
	lseek(fd, 0, SEEK_SET);
	dup2(fd, stream);
	close(fd);
	return kept;
}

/* Ends a diversion; what was written to it goes to `text`. */
static size_t
restore(int stream, int kept, char *text, size_t size_max)
{
	ssize_t size;

	lseek(stream, 0, SEEK_SET);
	size = read(stream, text, size_max - 1);
	CU_ASSERT_FATAL(size >= 0);
	text[size] = '\0';
	dup2(kept, stream);
	close(kept);
	return (size_t)size;
}

/* Runs kvctl on this input; the words end with NULL. */
static enum exit_code
run_with(struct fixture *fixture, struct slice input, ...)
{
	char *argv[WORDS_MAX] = {"kvctl", "--endpoint",
	    (char *)(uintptr_t)memory_server_endpoint(fixture->server)};
	int argc = 3;
	int in = divert(STDIN_FILENO, input.data, input.size);
	int out = divert(STDOUT_FILENO, "", 0);
	int err = divert(STDERR_FILENO, "", 0);
	enum exit_code code;
	char unused[2];
	va_list words;

	va_start(words, input);
	while ((argv[argc] = va_arg(words, char *)) != NULL)
		argc++;
	va_end(words);
	code = kvctl_run(argc, argv);
	fflush(stdout);
	fflush(stderr);
	restore(STDERR_FILENO, err, fixture->err, sizeof(fixture->err));
	fixture->out_bytes =
	    restore(STDOUT_FILENO, out, fixture->out, sizeof(fixture->out));
	restore(STDIN_FILENO, in, unused, sizeof(unused));
	return code;
}

#define RUN(...) run_with(fixture, SLICE_EMPTY, __VA_ARGS__, NULL)
#define EXPECT_OUT(text) CU_ASSERT_STRING_EQUAL(fixture->out, text)

/* Each case runs with a server of its own. */
static void
with_fixture(void (*run)(struct fixture *fixture))
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture_init(fixture);
	run(fixture);
	fixture_deinit(fixture);
	free(fixture);
}

static void
run_put_get_delete(struct fixture *fixture)
{
	CU_ASSERT_EQUAL(RUN("put", "mykey", "myvalue"), EXIT_DONE);
	EXPECT_OUT("");
	CU_ASSERT_EQUAL(RUN("get", "mykey"), EXIT_DONE);
	EXPECT_OUT("myvalue");
	CU_ASSERT_EQUAL(RUN("get", "mykey", "-o", "json"), EXIT_DONE);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(fixture->out, "{\"key\":\"mykey\",\"value\":\"myvalue\","));
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->out, "\"ttl_ms\":null}\n"));
	CU_ASSERT_EQUAL(RUN("delete", "mykey"), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("delete", "mykey"), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(RUN("delete", "mykey", "-o", "json"), EXIT_NOT_FOUND);
	EXPECT_OUT("{\"deleted\":false}\n");
	CU_ASSERT_EQUAL(RUN("get", "mykey"), EXIT_NOT_FOUND);
	EXPECT_OUT("");
}

static void
put_get_and_delete(void)
{
	with_fixture(run_put_get_delete);
}

static void
run_binary(struct fixture *fixture)
{
	static const char bytes[] = "\0\xff\n\r\t binary";
	struct slice value = slice_of(bytes, sizeof(bytes));

	CU_ASSERT_EQUAL(run_with(fixture, value, "put", "k", NULL), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("get", "k"), EXIT_DONE);
	CU_ASSERT_TRUE(
	    slice_equal(slice_of(fixture->out, fixture->out_bytes), value));
	CU_ASSERT_EQUAL(run_with(fixture, value, "put", "-o", "json", "--",
			    "-k", "-", NULL),
	    EXIT_DONE);
	CU_ASSERT_EQUAL(strncmp(fixture->out, "{\"sequence\":", 12), 0);
	CU_ASSERT_EQUAL(RUN("-o=json", "get", "--", "-k"), EXIT_DONE);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(fixture->out, "\"value_b64\":\"AP8KDQkgYmluYXJ5AA==\""));
}

static void
values_pass_through_byte_for_byte(void)
{
	with_fixture(run_binary);
}

static void
run_ttl(struct fixture *fixture)
{
	CU_ASSERT_EQUAL(RUN("put", "k", "v", "--ttl", "90"), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("ttl", "k"), EXIT_DONE);
	EXPECT_OUT("90.000\n");
	CU_ASSERT_EQUAL(RUN("ttl", "k", "1m500ms"), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("ttl", "k"), EXIT_DONE);
	EXPECT_OUT("60.500\n");
	CU_ASSERT_EQUAL(RUN("ttl", "k", "never"), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("ttl", "k", "never"), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("ttl", "k"), EXIT_DONE);
	EXPECT_OUT("never\n");
	CU_ASSERT_EQUAL(RUN("ttl", "x"), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(RUN("ttl", "x", "5s"), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(RUN("ttl", "x", "never"), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(RUN("ttl", "k", "0"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("ttl", "k", "-1"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("ttl", "k", "soon"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("ttl", "k", "99999999999999999999"), EXIT_MISUSED);
}

static void
times_to_live(void)
{
	with_fixture(run_ttl);
}

static void
run_conditions(struct fixture *fixture)
{
	CU_ASSERT_EQUAL(RUN("put", "k", "v", "--if-present"), EXIT_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->err, "condition"));
	CU_ASSERT_EQUAL(RUN("put", "k", "v", "--if-absent"), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("put", "k", "v", "--if-absent"), EXIT_REFUSED);
	CU_ASSERT_EQUAL(
	    RUN("put", "k", "v", "--if-absent", "--if-present"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("put", "", "v"), EXIT_REFUSED);
}

static void
conditions_and_limits_refuse(void)
{
	with_fixture(run_conditions);
}

static void
run_scan(struct fixture *fixture)
{
	RUN("put", "a1", "one");
	RUN("put", "a2", "tab\tline\nback\\\x01");
	RUN("put", "b\xff", "\xc3\xa4");
	CU_ASSERT_EQUAL(RUN("scan"), EXIT_DONE);
	EXPECT_OUT("a1\tone\na2\ttab\\tline\\nback\\\\\\x01\n"
		   "b\\xff\t\xc3\xa4\n");
	CU_ASSERT_EQUAL(RUN("scan", "--prefix", "a", "--keys"), EXIT_DONE);
	EXPECT_OUT("a1\na2\n");
	CU_ASSERT_EQUAL(RUN("scan", "--start=a2", "--end=b"), EXIT_DONE);
	EXPECT_OUT("a2\ttab\\tline\\nback\\\\\\x01\n");
	CU_ASSERT_EQUAL(
	    RUN("scan", "--limit", "1", "--keys", "-o", "json"), EXIT_DONE);
	CU_ASSERT_EQUAL(strncmp(fixture->out, "{\"key\":\"a1\",", 12), 0);
	CU_ASSERT_EQUAL(RUN("scan", "--start=b", "-o", "json"), EXIT_DONE);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->out, "\"key_b64\":\"Yv8=\""));
	CU_ASSERT_EQUAL(RUN("scan", "--limit", "0"), EXIT_DONE);
	EXPECT_OUT("");
	CU_ASSERT_EQUAL(RUN("scan", "--limit", "x"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(
	    RUN("scan", "--prefix", "a", "--end", "b"), EXIT_MISUSED);
}

static void
scans_list_what_is_there(void)
{
	with_fixture(run_scan);
}

/* Many pages, each of a thousand at most. */
static void
run_long_scan(struct fixture *fixture)
{
	unsigned lines = 0;

	memory_server_stop(fixture->server);
	for (unsigned i = 0; i < 2500; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%05u", i);
		memory_store_put(
		    fixture->store, slice_of_string(key), SLICE_EMPTY);
	}
	fixture->server = memory_server_start(fixture->store);
	CU_ASSERT_EQUAL(RUN("scan", "--keys"), EXIT_DONE);
	for (size_t i = 0; i < fixture->out_bytes; i++)
		lines += fixture->out[i] == '\n';
	CU_ASSERT_EQUAL(lines, 2500);
	CU_ASSERT_EQUAL(RUN("scan", "--keys", "--limit=1500"), EXIT_DONE);
	CU_ASSERT_EQUAL(fixture->out_bytes, 1500 * 6);
}

static void
long_scans_go_over_many_pages(void)
{
	with_fixture(run_long_scan);
}

static void
run_lost(struct fixture *fixture)
{
	memory_server_set_mode(fixture->server, MEMORY_SERVER_SILENT);
	CU_ASSERT_EQUAL(
	    RUN("put", "k", "v", "--timeout", "50ms"), EXIT_OUTCOME_UNKNOWN);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->err, "outcome is unknown"));
	CU_ASSERT_EQUAL(RUN("get", "k", "--timeout", "50ms"), EXIT_UNREACHABLE);
	memory_server_set_mode(fixture->server, MEMORY_SERVER_HANGS_UP);
	CU_ASSERT_EQUAL(RUN("put", "k", "v"), EXIT_OUTCOME_UNKNOWN);
	CU_ASSERT_EQUAL(RUN("scan"), EXIT_UNREACHABLE);
}

static void
lost_answers_have_their_codes(void)
{
	with_fixture(run_lost);
}

static void
nobody_at_the_endpoint_is_unreachable(void)
{
	char *argv[] = {"kvctl", "--endpoint=127.0.0.1:1", "get", "k", NULL};
	char *wrong[] = {"kvctl", "--endpoint=nonsense", "get", "k", NULL};

	CU_ASSERT_EQUAL(kvctl_run(4, argv), EXIT_UNREACHABLE);
	CU_ASSERT_EQUAL(kvctl_run(4, wrong), EXIT_MISUSED);
}

static void
run_misuse(struct fixture *fixture)
{
	CU_ASSERT_EQUAL(RUN("frobnicate"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get", "a", "b"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get", "a", "--nonsense"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get", "a", "--ttl", "5s"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get", "a", "-o", "xml"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get", "a", "-o"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get", "a", "--keys=1"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("get", "a", "--timeout", "x"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("worker"), EXIT_MISUSED);
	CU_ASSERT_EQUAL(RUN("--version"), EXIT_DONE);
	CU_ASSERT_EQUAL(RUN("--help"), EXIT_DONE);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->out, "kvctl get session:7"));
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->out, "outcome unknown"));
	CU_ASSERT_EQUAL(RUN("put", "-h"), EXIT_DONE);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->out, "Example: kvctl put"));
}

static void
wrong_command_lines_are_refused(void)
{
	with_fixture(run_misuse);
}

/* A supervisor that answers one request, with this line. */
struct supervisor {
	int fd;
	const char *answer;
	char asked[256];
	pthread_t thread;
};

static void *
supervise(void *context)
{
	struct supervisor *supervisor = context;
	int fd = accept(supervisor->fd, NULL, NULL);
	ssize_t size =
	    read(fd, supervisor->asked, sizeof(supervisor->asked) - 1);

	supervisor->asked[size > 0 ? size : 0] = '\0';
	size = write(fd, supervisor->answer, strlen(supervisor->answer));
	close(fd);
	return NULL;
}

static void
supervisor_start(struct supervisor *supervisor, const struct scratch *scratch,
    const char *answer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	FILE *note = fopen(scratch_path(scratch, "runtime"), "w");

	fprintf(note, "%s\n", scratch->path);
	fclose(note);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	    scratch_path(scratch, "control.sock"));
	unlink(address.sun_path);
	supervisor->answer = answer;
	supervisor->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL_FATAL(
	    bind(supervisor->fd, (struct sockaddr *)&address, sizeof(address)),
	    0);
	CU_ASSERT_EQUAL_FATAL(listen(supervisor->fd, 1), 0);
	pthread_create(&supervisor->thread, NULL, supervise, supervisor);
}

static void
supervisor_stop(struct supervisor *supervisor)
{
	pthread_join(supervisor->thread, NULL);
	close(supervisor->fd);
}

#define WORKERS                                                             \
	"\"workers\":[{\"name\":\"storaged-0\",\"role\":\"storaged\","      \
	"\"state\":\"ready\",\"pid\":72,\"restarts\":3,\"uptime_ms\":5500," \
	"\"last_exit\":\"signal 9 (Killed)\"}]"

static void
run_node(struct fixture *fixture)
{
	struct supervisor supervisor;
	char *directory = fixture->scratch.path;

	supervisor_start(
	    &supervisor, &fixture->scratch, "{\"ok\":true," WORKERS "}\n");
	CU_ASSERT_EQUAL(
	    RUN("worker", "list", "--data-dir", directory), EXIT_DONE);
	supervisor_stop(&supervisor);
	CU_ASSERT_STRING_EQUAL(supervisor.asked, "worker list\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->out,
	    "storaged-0     ready            72         3       5.5s  signal 9 "
	    "(Killed)\n"));

	supervisor_start(&supervisor, &fixture->scratch,
	    "{\"ok\":true,\"version\":\"1\",\"state\":\"ready\",\"uptime_ms\":"
	    "1000,\"node_id\":\"a\",\"data_dir\":\"/d\",\"runtime_dir\":\"/r\","
	    "\"listeners\":[{\"role\":\"http\",\"address\":\"[::]:8080\"}]"
	    "," WORKERS "}\n");
	CU_ASSERT_EQUAL(RUN("status", "--data-dir", directory), EXIT_DONE);
	supervisor_stop(&supervisor);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->out, "[::]:8080"));

	supervisor_start(&supervisor, &fixture->scratch,
	    "{\"ok\":true,\"name\":\"http-0\"}\n");
	CU_ASSERT_EQUAL(RUN("worker", "restart", "http-0", "-o", "json",
			    "--data-dir", directory),
	    EXIT_DONE);
	supervisor_stop(&supervisor);
	CU_ASSERT_STRING_EQUAL(supervisor.asked, "worker restart http-0\n");
	EXPECT_OUT("{\"name\":\"http-0\"}\n");
}

static void
questions_to_the_node(void)
{
	with_fixture(run_node);
}

static void
run_node_failures(struct fixture *fixture)
{
	struct supervisor supervisor;
	char *directory = fixture->scratch.path;

	CU_ASSERT_EQUAL(
	    RUN("status", "--data-dir", directory), EXIT_UNREACHABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->err, "no node has run in"));
	supervisor_start(&supervisor, &fixture->scratch,
	    "{\"ok\":false,\"error\":\"there is no worker x\"}\n");
	CU_ASSERT_EQUAL(RUN("worker", "restart", "x", "--data-dir", directory),
	    EXIT_REFUSED);
	supervisor_stop(&supervisor);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->err, "no worker x"));
	CU_ASSERT_EQUAL(
	    RUN("status", "--data-dir", directory), EXIT_UNREACHABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture->err, "is it running?"));
	supervisor_start(&supervisor, &fixture->scratch, "{\"ok\":");
	CU_ASSERT_EQUAL(RUN("worker", "restart", "x", "--data-dir", directory),
	    EXIT_OUTCOME_UNKNOWN);
	supervisor_stop(&supervisor);
	CU_ASSERT_EQUAL(
	    RUN("worker", "restart", "a b", "--data-dir", directory),
	    EXIT_REFUSED);
}

static void
questions_that_the_node_does_not_answer(void)
{
	with_fixture(run_node_failures);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(put_get_and_delete),
	    SUITE_CASE(values_pass_through_byte_for_byte),
	    SUITE_CASE(times_to_live),
	    SUITE_CASE(conditions_and_limits_refuse),
	    SUITE_CASE(scans_list_what_is_there),
	    SUITE_CASE(long_scans_go_over_many_pages),
	    SUITE_CASE(lost_answers_have_their_codes),
	    SUITE_CASE(nobody_at_the_endpoint_is_unreachable),
	    SUITE_CASE(wrong_command_lines_are_refused),
	    SUITE_CASE(questions_to_the_node),
	    SUITE_CASE(questions_that_the_node_does_not_answer),
	};

	return suite_run("kvctl", cases, SUITE_COUNT(cases), argc, argv);
}
