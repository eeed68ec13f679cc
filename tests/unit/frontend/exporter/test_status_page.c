#include "frontend/exporter/status_page.h"
#include "tests/support/suite.h"
#include "tests/unit/frontend/exporter/node_fixture.h"

static void
page_tells_how_the_node_and_its_workers_are(void)
{
	static const char *const parts[] = {
	    "<h1>kvstore node node &quot;a&quot; &lt;b&gt;</h1>\n"
	    "<p class=\"good\">ready</p>\n",
	    "<tr><td>storaged-0</td><td class=\"good\">up</td>"
	    "<td class=\"n\">100</td><td class=\"n\">1 d 01:01:01</td>"
	    "<td class=\"n\">0</td><td class=\"n\">1.5 s</td>"
	    "<td class=\"n\">4.0 KiB</td></tr>\n",
	    "<tr><td>in memtables</td><td class=\"n\">1.5 MiB</td></tr>\n",
	    "<tr><td>in tables</td><td class=\"n\">812 B</td></tr>\n",
	    "<tr><td>level 1: 10 tables</td><td class=\"n\">0 B</td></tr>\n",
	    "<tr><td>put</td><td class=\"n\">0</td><td class=\"n\">3</td>"
	    "<td class=\"n\">0</td></tr>\n",
	    "</body></html>\n",
	};
	struct node_fixture fixture;
	struct buffer out = {0};

	fixture_init(&fixture);
	fixture_set(
	    &fixture, FIXTURE_STORAGED, METRIC_MEMTABLE_BYTES, 0, 0, 3 << 19);
	fixture_set(
	    &fixture, FIXTURE_STORAGED, METRIC_SSTABLE_BYTES, 0, 0, 812);
	fixture_set(&fixture, FIXTURE_STORAGED, METRIC_LEVEL_FILES, 1, 0, 10);
	fixture_set(&fixture, FIXTURE_TCP, METRIC_OPERATIONS,
	    METRIC_OPERATION_PUT, METRIC_PROTOCOL_RESP, 3);
	status_page_append(&out, &fixture.state);
	for (size_t i = 0; i < SUITE_COUNT(parts); i++) {
		if (!text_has(&out, parts[i]))
			fprintf(stderr, "missing: %s\nin:\n%.*s\n", parts[i],
			    (int)buffer_size(&out), (char *)out.data);
		CU_ASSERT_TRUE(text_has(&out, parts[i]));
	}
	buffer_deinit(&out);
	fixture_deinit(&fixture);
}

static void
page_loads_nothing_and_runs_nothing(void)
{
	static const char *const parts[] = {"http:", "https:", "<script",
	    "<img", "<link", "url(", "src=", "//"};
	struct node_fixture fixture;
	struct buffer out = {0};

	fixture_init(&fixture);
	status_page_append(&out, &fixture.state);
	for (size_t i = 0; i < SUITE_COUNT(parts); i++)
		CU_ASSERT_FALSE(text_has(&out, parts[i]));
	buffer_deinit(&out);
	fixture_deinit(&fixture);
}

static void
trouble_is_told_in_its_own_words_and_escaped(void)
{
	struct node_fixture fixture;
	struct buffer out = {0};

	fixture_init(&fixture);
	fixture_note(&fixture, FIXTURE_HTTP, false, 2);
	fixture.workers[FIXTURE_HTTP].usage.is_known = false;
	error_set(
	    &fixture.state.store.view_error, STATUS_IO, "<table> & \"3\"");
	status_page_append(&out, &fixture.state);
	CU_ASSERT_TRUE(text_has(&out, "<p class=\"bad\">not ready</p>\n"));
	CU_ASSERT_TRUE(text_has(&out,
	    "<td class=\"bad\">reads</td><td>&lt;table&gt; &amp; &quot;3&quot;"
	    "</td>"));
	CU_ASSERT_TRUE(text_has(&out,
	    "<tr><td>http-0</td><td class=\"bad\">down</td><td class=\"n\">"
	    "</td><td class=\"n\"></td><td class=\"n\">2</td>"
	    "<td class=\"n\">-</td><td class=\"n\">-</td></tr>\n"));
	CU_ASSERT_FALSE(text_has(&out, "keys in tables"));
	buffer_deinit(&out);
	fixture_deinit(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(page_tells_how_the_node_and_its_workers_are),
	    SUITE_CASE(page_loads_nothing_and_runs_nothing),
	    SUITE_CASE(trouble_is_told_in_its_own_words_and_escaped),
	};

	return suite_run("status_page", cases, SUITE_COUNT(cases), argc, argv);
}
