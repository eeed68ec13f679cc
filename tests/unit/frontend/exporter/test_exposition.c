#include <stdio.h>

#include "frontend/exporter/exposition.h"
#include "tests/support/suite.h"

static const struct exposition_labels none;

static void
assert_text(struct buffer *out, const char *wanted)
{
	bool equal = slice_equal(buffer_slice(out), slice_of_string(wanted));

	if (!equal)
		fprintf(stderr, "got:\n%.*s\nwanted:\n%s\n",
		    (int)buffer_size(out), (char *)out->data + out->start,
		    wanted);
	CU_ASSERT_TRUE(equal);
	buffer_deinit(out);
}

static void
family_is_a_head_with_its_samples(void)
{
	struct exposition_labels labels = {0};
	struct buffer out = {0};

	exposition_label_add(&labels, "op", "get");
	exposition_label_add(&labels, "protocol", "resp");
	exposition_family(&out, "kvstore_x_total", EXPOSITION_COUNTER, "Help.");
	exposition_number(&out, "kvstore_x_total", &labels, UINT64_MAX);
	exposition_number(&out, "kvstore_x_total", &none, 0);
	assert_text(&out,
	    "# HELP kvstore_x_total Help.\n"
	    "# TYPE kvstore_x_total counter\n"
	    "kvstore_x_total{op=\"get\",protocol=\"resp\"} "
	    "18446744073709551615\n"
	    "kvstore_x_total 0\n");
}

static void
help_and_label_values_are_escaped(void)
{
	struct exposition_labels labels = {0};
	struct buffer out = {0};

	exposition_label_add(&labels, "a", "one\ntwo \"q\" \\ \xc3\xa4");
	exposition_family(
	    &out, "x", EXPOSITION_GAUGE, "first\nsecond \\ \"third\"");
	exposition_number(&out, "x", &labels, 1);
	assert_text(&out,
	    "# HELP x first\\nsecond \\\\ \"third\"\n"
	    "# TYPE x gauge\n"
	    "x{a=\"one\\ntwo \\\"q\\\" \\\\ \xc3\xa4\"} 1\n");
}

static void
gauge_whose_name_is_kept_for_histograms_has_no_type(void)
{
	struct buffer out = {0};

	exposition_family(&out, "kvstore_sstable_count", EXPOSITION_GAUGE, "H");
	exposition_family(&out, "_count", EXPOSITION_GAUGE, "H");
	assert_text(&out,
	    "# HELP kvstore_sstable_count H\n"
	    "# TYPE kvstore_sstable_count untyped\n"
	    "# HELP _count H\n"
	    "# TYPE _count gauge\n");
}

static void
seconds_are_exact_and_short(void)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
	    {0, "x 0\n"},
	    {1, "x 0.000000001\n"},
	    {1500000000, "x 1.5\n"},
	    {UINT64_C(1700000000123000000), "x 1700000000.123\n"},
	    {7000000000, "x 7\n"},
	};

	for (size_t i = 0; i < SUITE_COUNT(cases); i++) {
		struct buffer out = {0};

		exposition_seconds(&out, "x", &none, cases[i].ns);
		assert_text(&out, cases[i].text);
	}
}

static void
histogram_has_every_second_bound_and_loses_no_value(void)
{
	struct metric_histogram histogram = {.sum = 30};
	struct exposition_labels labels = {0};
	struct buffer out = {0};
	struct buffer wanted = {0};

	for (unsigned i = 0; i < METRIC_BUCKET_COUNT; i++) {
		histogram.buckets[i] = 1;
		histogram.count++;
	}
	exposition_label_add(&labels, "op", "get");
	exposition_histogram(&out, "s", &labels, METRIC_KIND_SIZES, &histogram);
	for (unsigned i = 0; i < 24; i++)
		buffer_printf(&wanted, "s_bucket{op=\"get\",le=\"%u\"} %u\n",
		    1u << i, 2 * i + 1);
	buffer_printf(&wanted,
	    "s_bucket{op=\"get\",le=\"+Inf\"} 49\n"
	    "s_sum{op=\"get\"} 30\n"
	    "s_count{op=\"get\"} 49\n");
	buffer_append_byte(&wanted, '\0');
	assert_text(&out, (char *)wanted.data);
	buffer_deinit(&wanted);
}

static void
histogram_of_durations_is_in_seconds(void)
{
	struct metric_histogram histogram = {
	    .sum = 2500000000, .count = 2, .buckets = {1, 0, 1}};
	struct buffer out = {0};
	struct slice text;

	exposition_histogram(&out, "s", &none, METRIC_KIND_SECONDS, &histogram);
	text = buffer_slice(&out);
	CU_ASSERT_TRUE(slice_starts_with(text,
	    slice_of_string("s_bucket{le=\"1.024e-06\"} 1\n"
			    "s_bucket{le=\"2.048e-06\"} 2\n"
			    "s_bucket{le=\"4.096e-06\"} 2\n")));
	CU_ASSERT_PTR_NOT_NULL(memmem(text.data, text.size,
	    "s_bucket{le=\"8.589934592\"} 2\ns_bucket{le=\"+Inf\"} 2\n"
	    "s_sum 2.5\ns_count 2\n",
	    70));
	buffer_deinit(&out);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(family_is_a_head_with_its_samples),
	    SUITE_CASE(help_and_label_values_are_escaped),
	    SUITE_CASE(gauge_whose_name_is_kept_for_histograms_has_no_type),
	    SUITE_CASE(seconds_are_exact_and_short),
	    SUITE_CASE(histogram_has_every_second_bound_and_loses_no_value),
	    SUITE_CASE(histogram_of_durations_is_in_seconds),
	};

	return suite_run("exposition", cases, SUITE_COUNT(cases), argc, argv);
}
