#include <inttypes.h>
#include <stdio.h>

#include "frontend/http/http_batch.h"
#include "tests/support/suite.h"

static const struct http_limits limits = {
    .key_bytes_max = 8,
    .value_bytes_max = 16,
    .batch_bytes_max = 4000,
};

static void
describe_command(struct buffer *out, const struct command *command)
{
	static const char *const names[] = {
	    "?", "put", "delete", "increment", "expire", "persist"};

	buffer_printf(out, "%s ", names[command->op]);
	buffer_append_slice(out, command->key);
	if (command->op == COMMAND_PUT) {
		buffer_append_byte(out, '=');
		buffer_append_slice(out, command->value);
	}
	if (command->op == COMMAND_INCREMENT)
		buffer_printf(out, "%+" PRId64, command->delta);
	if ((command->flags & COMMAND_EXPIRY_RELATIVE) != 0)
		buffer_printf(out, " in %" PRId64, command->expiry_ms);
	if ((command->flags & COMMAND_IF_ABSENT) != 0)
		buffer_printf(out, " if absent");
	if ((command->flags & COMMAND_IF_PRESENT) != 0)
		buffer_printf(out, " if present");
	if ((command->flags & COMMAND_IF_SEQUENCE) != 0)
		buffer_printf(out, " if %" PRIu64, command->sequence);
	buffer_append_byte(out, ';');
}

/* The items, or the problem's status and field. */
static void
expect(const char *body, const char *expected)
{
	struct http_problem problem;
	struct http_batch batch;
	struct buffer out = {0};

	if (!http_batch_parse(slice_of_string(body), &limits, &batch, &problem))
		buffer_printf(&out, "%u %s", problem.status,
		    problem.field == NULL ? "" : problem.field);
	else
		for (size_t i = 0; i < batch.count; i++)
			if (batch.commands != NULL)
				describe_command(&out, &batch.commands[i]);
			else
				buffer_printf(&out, "get %.*s;",
				    (int)batch.keys[i].size,
				    (const char *)batch.keys[i].data);
	http_batch_deinit(&batch);
	buffer_append_byte(&out, '\0');
	if (strcmp((char *)out.data, expected) != 0)
		fprintf(stderr, "%s is %s\n", body, (char *)out.data);
	CU_ASSERT_STRING_EQUAL((char *)out.data, expected);
	buffer_deinit(&out);
}

static void
reads_are_keys(void)
{
	expect("{\"get\":[\"a\"]}", "get a;");
	expect("{\"get\":[\"a\",{\"key\":\"b\"},{\"key_b64\":\"Yw==\"}]}",
	    "get a;get b;get c;");
	expect("{\"get\":[\"a\\u00e9\"]}", "get a\xc3\xa9;");
}

static void
writes_are_commands(void)
{
	expect("{\"write\":[{\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}]}",
	    "put a=1;");
	expect("{\"write\":[{\"op\":\"put\",\"key_b64\":\"YQ==\","
	       "\"value_b64\":\"Yg==\",\"ttl\":0.5,\"if_none_match\":\"*\"},"
	       "{\"op\":\"delete\",\"key\":\"b\",\"if_match\":\"17\"},"
	       "{\"op\":\"increment\",\"key\":\"n\"},"
	       "{\"op\":\"increment\",\"key\":\"n\",\"delta\":-5},"
	       "{\"op\":\"expire\",\"key\":\"c\",\"ttl\":60,"
	       "\"if_match\":\"*\"},"
	       "{\"op\":\"persist\",\"key\":\"c\"}]}",
	    "put a=b in 500 if absent;delete b if 17;increment n+1;"
	    "increment n-5;expire c in 60000 if present;persist c;");
}

static void
wrong_documents_are_refused(void)
{
	static const char *const rows[][2] = {
	    {"", "400 body"},
	    {"[]", "400 body"},
	    {"{}", "400 body"},
	    {"{\"get\":[\"a\"],\"write\":[]}", "400 body"},
	    {"{\"got\":[\"a\"]}", "400 body"},
	    {"{\"get\":\"a\"}", "400 get"},
	    {"{\"get\":[]}", "400 get"},
	    {"{\"write\":{}}", "400 write"},
	    {"{\"get\":[1]}", "400 get"},
	    {"{\"get\":[null]}", "400 get"},
	    {"{\"get\":[\"\"]}", "400 key"},
	    {"{\"get\":[\"123456789\"]}", "413 key"},
	    {"{\"get\":[{}]}", "400 key"},
	    {"{\"get\":[{\"key\":1}]}", "400 key"},
	    {"{\"get\":[{\"key\":\"a\",\"key_b64\":\"YQ==\"}]}", "400 key"},
	    {"{\"get\":[{\"key_b64\":\"YQ\"}]}", "400 key_b64"},
	    {"{\"get\":[{\"key\":\"a\",\"value\":\"b\"}]}", "400 body"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++)
		expect(rows[i][0], rows[i][1]);
}

static void
wrong_writes_are_refused(void)
{
	static const char *const rows[][2] = {
	    {"1", "400 op"},
	    {"{}", "400 op"},
	    {"{\"op\":\"PUT\"}", "400 op"},
	    {"{\"op\":7}", "400 op"},
	    {"{\"op\":\"delete\"}", "400 key"},
	    {"{\"op\":\"delete\",\"key\":\"\"}", "400 key"},
	    {"{\"op\":\"delete\",\"key\":\"123456789\"}", "413 key"},
	    {"{\"op\":\"delete\",\"key\":\"a\",\"value\":\"b\"}", "400 body"},
	    {"{\"op\":\"delete\",\"key\":\"a\",\"ttl\":1}", "400 body"},
	    {"{\"op\":\"put\",\"key\":\"a\"}", "400 value"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":5}", "400 value"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":"
	     "\"01234567890123456\"}",
		"413 value"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":\"b\",\"ttl\":0}",
		"400 ttl"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":\"b\",\"ttl\":-1}",
		"400 ttl"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":\"b\",\"ttl\":\"1\"}",
		"400 ttl"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":\"b\","
	     "\"if_match\":\"x\"}",
		"400 if_match"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":\"b\",\"if_match\":17}",
		"400 if_match"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":\"b\","
	     "\"if_none_match\":\"17\"}",
		"400 if_none_match"},
	    {"{\"op\":\"put\",\"key\":\"a\",\"value\":\"b\","
	     "\"if_match\":\"*\",\"if_none_match\":\"*\"}",
		"400 if_none_match"},
	    {"{\"op\":\"increment\",\"key\":\"a\",\"delta\":1.5}", "400 delta"},
	    {"{\"op\":\"increment\",\"key\":\"a\",\"delta\":\"1\"}",
		"400 delta"},
	    {"{\"op\":\"expire\",\"key\":\"a\"}", "400 ttl"},
	    {"{\"op\":\"expire\",\"key\":\"a\",\"ttl\":null}", "400 ttl"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		char body[300];

		snprintf(body, sizeof(body), "{\"write\":[%s]}", rows[i][0]);
		expect(body, rows[i][1]);
	}
}

static void
a_problem_says_which_item_it_is(void)
{
	static const char body[] = "{\"get\":[\"a\",\"b\",7]}";
	struct http_problem problem;
	struct http_batch batch;

	CU_ASSERT_FALSE(
	    http_batch_parse(slice_of_string(body), &limits, &batch, &problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem.detail, "get, item 2: "));
	http_batch_deinit(&batch);
}

/* A list of `count` items like `item`, in a body that ends with `end`. */
static void
expect_many(const char *start, const char *item, size_t count, unsigned status)
{
	struct buffer body = {0};
	struct http_problem problem = {0};
	struct http_batch batch;

	buffer_printf(&body, "%s", start);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&body, "%s%s", i == 0 ? "" : ",", item);
	buffer_printf(&body, "]}");
	CU_ASSERT_EQUAL(
	    http_batch_parse(buffer_slice(&body), &limits, &batch, &problem),
	    status == 0);
	CU_ASSERT_EQUAL(problem.status, status);
	if (status != 0)
		CU_ASSERT_NOT_EQUAL(problem.limit, 0);
	http_batch_deinit(&batch);
	buffer_deinit(&body);
}

static void
lists_have_limits(void)
{
	static const char put[] =
	    "{\"op\":\"put\",\"key\":\"a\",\"value\":\"0123456789012345\"}";

	expect_many("{\"get\":[", "\"a\"", HTTP_BATCH_ITEMS_MAX, 0);
	expect_many("{\"get\":[", "\"a\"", HTTP_BATCH_ITEMS_MAX + 1, 413);
	expect_many(
	    "{\"get\":[", "[1,2,3,4,5,6,7,8,9,10]", HTTP_BATCH_ITEMS_MAX, 413);
	expect_many("{\"write\":[", put, 50, 0);
	expect_many("{\"write\":[", put, 500, 413);
}

static void
results_are_told_by_operation(void)
{
	static const uint8_t ops[] = {COMMAND_PUT, COMMAND_DELETE,
	    COMMAND_INCREMENT, COMMAND_EXPIRE, COMMAND_PERSIST};
	static const struct reply_command results[] = {{.affected = true},
	    {.affected = false},
	    {.affected = true, .has_integer = true, .integer = -7},
	    {.affected = true}, {.affected = false}};
	struct reply_builder builder;
	struct reply_cursor cursor;
	struct reply_group group;
	struct buffer bytes = {0};
	struct buffer out = {0};
	struct reply reply;
	struct error err;

	reply_builder_start(&builder, &bytes, 1, 100, 1);
	reply_builder_begin_group(&builder, 5);
	for (size_t i = 0; i < 5; i++)
		reply_builder_add(&builder, &results[i]);
	reply_builder_end_group(&builder);
	ASSERT_OK(
	    reply_decode(reply_builder_finish(&builder), &reply, &err), &err);
	cursor = reply_cursor_at_start(&reply);
	CU_ASSERT_TRUE_FATAL(reply_cursor_next_group(&cursor, &group));
	http_batch_write_results(&out, ops, &group, &cursor);
	CU_ASSERT(slice_equal(buffer_slice(&out),
	    slice_of_string("{\"results\":[{\"etag\":\"101\"},"
			    "{\"deleted\":false},"
			    "{\"etag\":\"103\",\"number\":-7},"
			    "{\"changed\":true},{\"changed\":false}]}\n")));
	buffer_deinit(&out);
	buffer_deinit(&bytes);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(reads_are_keys),
	    SUITE_CASE(writes_are_commands),
	    SUITE_CASE(wrong_documents_are_refused),
	    SUITE_CASE(wrong_writes_are_refused),
	    SUITE_CASE(a_problem_says_which_item_it_is),
	    SUITE_CASE(lists_have_limits),
	    SUITE_CASE(results_are_told_by_operation),
	};

	return suite_run("http_batch", cases, SUITE_COUNT(cases), argc, argv);
}
