#include <unistd.h>

#include "frontend/exporter/process_usage.h"
#include "tests/support/suite.h"

#define LINE                                                              \
	" S 1 71 71 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 15 0 8000 "    \
	"123456789 300 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1" \
	" 0 0 0 0 0\n"

static void
fields_are_found_behind_any_name(void)
{
	static const char *const texts[] = {
	    "71 (storaged)" LINE, "71 (a) R (b 1 2 3)" LINE, "71 ()" LINE};

	for (size_t i = 0; i < SUITE_COUNT(texts); i++) {
		struct process_usage usage;

		CU_ASSERT_TRUE(process_usage_parse(
		    slice_of_string(texts[i]), 100, 4096, &usage));
		CU_ASSERT_TRUE(usage.is_known);
		CU_ASSERT_EQUAL(usage.cpu_ns, 3000000000);
		CU_ASSERT_EQUAL(usage.thread_count, 15);
		CU_ASSERT_EQUAL(usage.virtual_bytes, 123456789);
		CU_ASSERT_EQUAL(usage.resident_bytes, 300 * 4096);
	}
}

static void
text_that_is_cut_short_is_no_usage(void)
{
	static const char *const texts[] = {
	    "", "71", "71 (x", "71 (x)", "71 (x) S 1 71 71 0 -1 4194560"};

	for (size_t i = 0; i < SUITE_COUNT(texts); i++) {
		struct process_usage usage;

		CU_ASSERT_FALSE(process_usage_parse(
		    slice_of_string(texts[i]), 100, 4096, &usage));
		CU_ASSERT_FALSE(usage.is_known);
	}
}

static void
this_process_is_found_and_one_that_is_gone_is_not(void)
{
	struct process_usage usage;

	process_usage_read((uint32_t)getpid(), &usage);
	CU_ASSERT_TRUE(usage.is_known);
	CU_ASSERT_TRUE(usage.resident_bytes > 100 * 1024);
	CU_ASSERT_TRUE(usage.virtual_bytes > usage.resident_bytes);
	CU_ASSERT_TRUE(usage.thread_count >= 1);
	/* Above the greatest number that Linux gives to a process. */
	process_usage_read(5000000, &usage);
	CU_ASSERT_FALSE(usage.is_known);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(fields_are_found_behind_any_name),
	    SUITE_CASE(text_that_is_cut_short_is_no_usage),
	    SUITE_CASE(this_process_is_found_and_one_that_is_gone_is_not),
	};

	return suite_run(
	    "process_usage", cases, SUITE_COUNT(cases), argc, argv);
}
