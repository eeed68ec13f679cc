#include "frontend/exporter/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static const char *const type_words[] = {
    [EXPOSITION_COUNTER] = "counter",
    [EXPOSITION_GAUGE] = "gauge",
    [EXPOSITION_HISTOGRAM] = "histogram",
};

void
exposition_label_add(
    struct exposition_labels *labels, const char *name, const char *value)
{
	CHECK(labels->count < EXPOSITION_LABELS_MAX);
	labels->list[labels->count++] = (struct exposition_label){name, value};
}

static void
text_append(struct buffer *out, const char *text)
{
	buffer_append(out, text, strlen(text));
}

/* Line feeds and backslashes; in label values quotes, too. */
static void
escaped_append(struct buffer *out, const char *text, bool quotes)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			text_append(out, "\\n");
		else if (*text == '\\' || (*text == '"' && quotes))
			buffer_printf(out, "\\%c", *text);
		else
			buffer_append_byte(out, (uint8_t)*text);
	}
}

/*
 * Prometheus keeps names that end in _count for parts of histograms, unless
 * the type is left open; a gauge that is called so all the same is untyped.
 */
static const char *
type_word(const char *name, enum exposition_type type)
{
	static const char reserved[] = "_count";
	size_t size = strlen(name);

	if (type == EXPOSITION_GAUGE && size > strlen(reserved) &&
	    strcmp(name + size - strlen(reserved), reserved) == 0)
		return "untyped";
	return type_words[type];
}

void
exposition_family(struct buffer *out, const char *name,
    enum exposition_type type, const char *help)
{
	buffer_printf(out, "# HELP %s ", name);
	escaped_append(out, help, false);
	buffer_printf(out, "\n# TYPE %s %s\n", name, type_word(name, type));
}

/* Writes all of a sample but its value. */
static void
sample_start(struct buffer *out, const char *name, const char *suffix,
    const struct exposition_labels *labels)
{
	text_append(out, name);
	text_append(out, suffix);
	for (size_t i = 0; i < labels->count; i++) {
		buffer_append_byte(out, i == 0 ? '{' : ',');
		text_append(out, labels->list[i].name);
		text_append(out, "=\"");
		escaped_append(out, labels->list[i].value, true);
		buffer_append_byte(out, '"');
	}
	text_append(out, labels->count > 0 ? "} " : " ");
}

static void
seconds_append(struct buffer *out, uint64_t value_ns)
{
	char digits[10];
	size_t size = 9;

	buffer_printf(out, "%" PRIu64, value_ns / NS_PER_SECOND);
	value_ns %= NS_PER_SECOND;
	if (value_ns != 0) {
		snprintf(digits, sizeof(digits), "%09" PRIu64, value_ns);
		while (digits[size - 1] == '0')
			size--;
		buffer_append_byte(out, '.');
		buffer_append(out, digits, size);
	}
	buffer_append_byte(out, '\n');
}

void
exposition_number(struct buffer *out, const char *name,
    const struct exposition_labels *labels, uint64_t value)
{
	sample_start(out, name, "", labels);
	buffer_printf(out, "%" PRIu64 "\n", value);
}

void
exposition_seconds(struct buffer *out, const char *name,
    const struct exposition_labels *labels, uint64_t value_ns)
{
	sample_start(out, name, "", labels);
	seconds_append(out, value_ns);
}

static void
bucket_append(struct buffer *out, const char *name,
    const struct exposition_labels *labels, const char *bound, uint64_t value)
{
	struct exposition_labels with_bound = *labels;

	exposition_label_add(&with_bound, "le", bound);
	sample_start(out, name, "_bucket", &with_bound);
	buffer_printf(out, "%" PRIu64 "\n", value);
}

void
exposition_histogram(struct buffer *out, const char *name,
    const struct exposition_labels *labels, enum metric_kind kind,
    const struct metric_histogram *histogram)
{
	uint64_t so_far = 0;

	for (unsigned i = 0; i < METRIC_BUCKET_COUNT - 1; i++) {
		char bound[32];

		so_far += histogram->buckets[i];
		if (i % 2 != 0)
			continue;
		snprintf(bound, sizeof(bound), "%.10g",
		    metric_bucket_bound(kind, i));
		bucket_append(out, name, labels, bound, so_far);
	}
	bucket_append(out, name, labels, "+Inf", histogram->count);
	sample_start(out, name, "_sum", labels);
	if (kind == METRIC_KIND_SECONDS)
		seconds_append(out, histogram->sum);
	else
		buffer_printf(out, "%" PRIu64 "\n", histogram->sum);
	sample_start(out, name, "_count", labels);
	buffer_printf(out, "%" PRIu64 "\n", histogram->count);
}
