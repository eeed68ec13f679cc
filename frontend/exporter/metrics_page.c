#include "frontend/exporter/metrics_page.h"

#include "frontend/exporter/exposition.h"
#include "frontend/exporter/health.h"
#include "frontend/exporter/worker_metrics.h"

#define NS_PER_MS UINT64_C(1000000)

static void
node_append(struct buffer *out, const struct node_state *node)
{
	struct exposition_labels labels = {0};
	struct health health;

	exposition_label_add(&labels, "version", node->version);
	exposition_family(out, "kvstore_build_info", EXPOSITION_GAUGE,
	    "Always 1; which build this is.");
	exposition_number(out, "kvstore_build_info", &labels, 1);

	labels.count = 0;
	exposition_label_add(&labels, "node_id", node->node_id);
	exposition_label_add(&labels, "store_id", node->store_id);
	exposition_family(out, "kvstore_node_info", EXPOSITION_GAUGE,
	    "Always 1; which node this is, and of which store.");
	exposition_number(out, "kvstore_node_info", &labels, 1);

	health_judge(node, &health);
	labels.count = 0;
	exposition_family(out, "kvstore_up", EXPOSITION_GAUGE,
	    "Whether the node is ready, as /readyz says.");
	exposition_number(out, "kvstore_up", &labels, health.is_ready);

	exposition_family(out, "kvstore_ready", EXPOSITION_GAUGE,
	    "Whether each of the checks behind /readyz passes.");
	for (size_t i = 0; i < health.check_count; i++) {
		labels.count = 0;
		exposition_label_add(&labels, "check", health.checks[i].name);
		exposition_number(
		    out, "kvstore_ready", &labels, health.checks[i].passes);
	}
}

/* A number of each worker. */
struct worker_family {
	const char *name;
	const char *help;
	uint64_t (*value)(const struct metrics_worker *worker);
	enum exposition_type type;
	bool in_ms;
};

static uint64_t
is_up(const struct metrics_worker *worker)
{
	return worker->up;
}

static uint64_t
restarts(const struct metrics_worker *worker)
{
	return worker->restarts;
}

static uint64_t
started_ms(const struct metrics_worker *worker)
{
	return worker->started_ms;
}

static const struct worker_family worker_families[] = {
    {"kvstore_worker_up", "Whether the worker is up.", is_up, EXPOSITION_GAUGE,
	false},
    {"kvstore_worker_restarts_total", "How often the worker was restarted.",
	restarts, EXPOSITION_COUNTER, false},
    {"kvstore_worker_start_time_seconds",
	"When the worker came up, since 1970; 0 while it is down.", started_ms,
	EXPOSITION_GAUGE, true},
};

static void
workers_append(struct buffer *out, const struct node_state *node)
{
	for (size_t f = 0;
	     f < sizeof(worker_families) / sizeof(worker_families[0]); f++) {
		const struct worker_family *family = &worker_families[f];

		exposition_family(
		    out, family->name, family->type, family->help);
		for (size_t i = 0; i < node->worker_count; i++) {
			const struct node_worker *worker = &node->workers[i];
			struct exposition_labels labels = {0};
			uint64_t value = family->value(&worker->worker);

			exposition_label_add(
			    &labels, "worker", worker->worker.name);
			exposition_label_add(&labels, "role", worker->role);
			if (family->in_ms)
				exposition_seconds(out, family->name, &labels,
				    value * NS_PER_MS);
			else
				exposition_number(
				    out, family->name, &labels, value);
		}
	}
}

/* A number of each process, the server's own included. */
struct usage_family {
	const char *name;
	const char *help;
	uint64_t (*value)(const struct process_usage *usage);
	enum exposition_type type;
	bool in_ns;
};

static uint64_t
cpu_ns(const struct process_usage *usage)
{
	return usage->cpu_ns;
}

static uint64_t
resident_bytes(const struct process_usage *usage)
{
	return usage->resident_bytes;
}

static uint64_t
virtual_bytes(const struct process_usage *usage)
{
	return usage->virtual_bytes;
}

static uint64_t
thread_count(const struct process_usage *usage)
{
	return usage->thread_count;
}

static const struct usage_family usage_families[] = {
    {"kvstore_process_cpu_seconds_total",
	"CPU time that the process has used since it started.", cpu_ns,
	EXPOSITION_COUNTER, true},
    {"kvstore_process_resident_memory_bytes",
	"Memory that the process has resident, mapped files included.",
	resident_bytes, EXPOSITION_GAUGE, false},
    {"kvstore_process_virtual_memory_bytes", "Address space of the process.",
	virtual_bytes, EXPOSITION_GAUGE, false},
    {"kvstore_process_threads", "Threads of the process.", thread_count,
	EXPOSITION_GAUGE, false},
};

static void
usage_append(struct buffer *out, const struct usage_family *family,
    const char *process, const struct process_usage *usage)
{
	struct exposition_labels labels = {0};

	if (!usage->is_known)
		return;
	exposition_label_add(&labels, "worker", process);
	if (family->in_ns)
		exposition_seconds(
		    out, family->name, &labels, family->value(usage));
	else
		exposition_number(
		    out, family->name, &labels, family->value(usage));
}

static void
processes_append(struct buffer *out, const struct node_state *node)
{
	for (size_t f = 0;
	     f < sizeof(usage_families) / sizeof(usage_families[0]); f++) {
		const struct usage_family *family = &usage_families[f];

		exposition_family(
		    out, family->name, family->type, family->help);
		usage_append(out, family, "server", &node->server);
		for (size_t i = 0; i < node->worker_count; i++)
			usage_append(out, family, node->workers[i].worker.name,
			    &node->workers[i].usage);
	}
}

static void
store_append(struct buffer *out, const struct node_store *store)
{
	struct exposition_labels labels = {0};

	exposition_label_add(&labels, "shard", "0");
	exposition_family(out, "kvstore_keys", EXPOSITION_GAUGE,
	    "About how many keys are in tables.");
	if (store->view_error.code == STATUS_OK)
		exposition_number(
		    out, "kvstore_keys", &labels, store->key_estimate);
}

void
metrics_page_append(struct buffer *out, const struct node_state *node)
{
	node_append(out, node);
	workers_append(out, node);
	processes_append(out, node);
	store_append(out, &node->store);
	worker_metrics_append(out, node);
}
