#include "frontend/exporter/worker_metrics.h"

#include "common/base/check.h"
#include "common/lsm/view/control.h"
#include "frontend/exporter/exposition.h"

/* The samples of one family that are being written. */
struct family {
	struct buffer *out;
	const struct node_state *node;
	enum metric metric;
	const struct metric_info *info;
};

static bool
has_metric(const struct node_worker *worker, const struct metric_info *info)
{
	return worker->worker.place == info->place;
}

static bool
is_gauge(const struct metric_info *info)
{
	return info->kind == METRIC_KIND_GAUGE ||
	    info->kind == METRIC_KIND_GAUGE_SECONDS;
}

static uint64_t
value_of(const struct node_worker *worker, enum metric metric, unsigned first,
    unsigned second)
{
	const struct metric_info *info = metric_info(metric);

	if (!worker->worker.up) {
		if (metric == METRIC_WRITE_STATE)
			return CONTROL_WRITES_DOWN;
		if (is_gauge(info) && info->place == METRIC_PLACE_FRONTEND)
			return 0;
	}
	return metrics_segment_value(worker->segment, metric, first, second);
}

uint64_t
worker_metrics_sum(const struct node_state *node, enum metric metric,
    unsigned first, unsigned second)
{
	const struct metric_info *info = metric_info(metric);
	uint64_t sum = 0;

	for (size_t i = 0; i < node->worker_count; i++)
		if (has_metric(&node->workers[i], info))
			sum +=
			    value_of(&node->workers[i], metric, first, second);
	return sum;
}

static void
histogram_sum(const struct family *family, unsigned first, unsigned second,
    const struct node_worker *only, struct metric_histogram *out)
{
	const struct node_state *node = family->node;

	*out = (struct metric_histogram){0};
	for (size_t i = 0; i < node->worker_count; i++) {
		const struct node_worker *worker = &node->workers[i];
		struct metric_histogram part;

		if (!has_metric(worker, family->info) ||
		    (only != NULL && only != worker))
			continue;
		metrics_segment_histogram(
		    worker->segment, family->metric, first, second, &part);
		out->count += part.count;
		out->sum += part.sum;
		for (unsigned k = 0; k < METRIC_BUCKET_COUNT; k++)
			out->buckets[k] += part.buckets[k];
	}
}

/* One sample or histogram, of one worker or (NULL) of all together. */
static void
sample_append(const struct family *family, unsigned first, unsigned second,
    const struct node_worker *only, const struct exposition_labels *labels)
{
	const struct metric_info *info = family->info;
	struct metric_histogram histogram;
	uint64_t value;

	if (info->kind == METRIC_KIND_SECONDS ||
	    info->kind == METRIC_KIND_SIZES) {
		histogram_sum(family, first, second, only, &histogram);
		/* Most combinations of labels never come about. */
		if (histogram.count > 0 || info->label_names[0] == NULL)
			exposition_histogram(family->out, info->name, labels,
			    info->kind, &histogram);
		return;
	}
	value = only != NULL
	    ? value_of(only, family->metric, first, second)
	    : worker_metrics_sum(family->node, family->metric, first, second);
	if (info->kind == METRIC_KIND_GAUGE_SECONDS)
		exposition_seconds(family->out, info->name, labels, value);
	else
		exposition_number(family->out, info->name, labels, value);
}

/* All combinations of the values of the family's labels. */
static void
samples_append(const struct family *family, const struct node_worker *only)
{
	const struct metric_info *info = family->info;

	for (unsigned i = 0; i < info->label_counts[0]; i++) {
		for (unsigned k = 0; k < info->label_counts[1]; k++) {
			unsigned values[METRIC_LABELS_MAX] = {i, k};
			struct exposition_labels labels = {0};

			if (only != NULL)
				exposition_label_add(
				    &labels, "shard", only->number);
			for (unsigned n = 0; n < METRIC_LABELS_MAX; n++)
				if (info->label_names[n] != NULL)
					exposition_label_add(&labels,
					    info->label_names[n],
					    metric_label_word(
						family->metric, n, values[n]));
			sample_append(family, i, k, only, &labels);
		}
	}
}

static enum exposition_type
type_of(enum metric_kind kind)
{
	switch (kind) {
	case METRIC_KIND_COUNTER:
		return EXPOSITION_COUNTER;
	case METRIC_KIND_SECONDS:
	case METRIC_KIND_SIZES:
		return EXPOSITION_HISTOGRAM;
	default:
		return EXPOSITION_GAUGE;
	}
}

void
worker_metrics_append(struct buffer *out, const struct node_state *node)
{
	for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
		struct family family = {.out = out,
		    .node = node,
		    .metric = (enum metric)metric,
		    .info = metric_info((enum metric)metric)};

		exposition_family(out, family.info->name,
		    type_of(family.info->kind), family.info->help);
		if (family.info->place == METRIC_PLACE_FRONTEND) {
			samples_append(&family, NULL);
			continue;
		}
		for (size_t i = 0; i < node->worker_count; i++)
			if (has_metric(&node->workers[i], family.info))
				samples_append(&family, &node->workers[i]);
	}
}
