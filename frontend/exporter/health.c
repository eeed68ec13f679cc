#include "frontend/exporter/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "frontend/exporter/worker_metrics.h"

#define ROLE_STORAGED "storaged"
#define ROLE_EXPORTER "exporter"

static struct health_check *
check_add(struct health *health, const char *name)
{
	struct health_check *check = &health->checks[health->check_count];

	CHECK(health->check_count < HEALTH_CHECKS_MAX);
	check->name = name;
	health->check_count++;
	return check;
}

static void
judge_role(
    const struct node_state *node, const char *role, struct health_check *check)
{
	size_t count = 0;
	size_t up_count = 0;

	for (size_t i = 0; i < node->worker_count; i++) {
		if (strcmp(node->workers[i].role, role) != 0)
			continue;
		count++;
		if (node->workers[i].worker.up)
			up_count++;
	}
	/* A shard without its process is served by no other. */
	check->passes =
	    strcmp(role, ROLE_STORAGED) == 0 ? up_count == count : up_count > 0;
	snprintf(check->reason, sizeof(check->reason), "%zu of %zu up",
	    up_count, count);
}

/* One check for each role, in the order of the workers. */
static void
judge_roles(const struct node_state *node, struct health *health)
{
	for (size_t i = 0; i < node->worker_count; i++) {
		const char *role = node->workers[i].role;
		size_t k = 0;

		if (strcmp(role, ROLE_EXPORTER) == 0)
			continue;
		while (k < health->check_count &&
		    strcmp(health->checks[k].name, role) != 0)
			k++;
		if (k == health->check_count)
			judge_role(node, role, check_add(health, role));
	}
}

static void
judge_reads(const struct node_store *store, struct health_check *check)
{
	check->passes = store->view_error.code == STATUS_OK;
	if (check->passes)
		snprintf(check->reason, sizeof(check->reason),
		    "view %" PRIu64 " is open, sequence %" PRIu64,
		    store->control.view_number,
		    store->control.published_sequence);
	else
		snprintf(check->reason, sizeof(check->reason), "%s",
		    store->view_error.text);
}

static bool
is_storaged_up(const struct node_state *node)
{
	for (size_t i = 0; i < node->worker_count; i++)
		if (strcmp(node->workers[i].role, ROLE_STORAGED) == 0 &&
		    !node->workers[i].worker.up)
			return false;
	return true;
}

static void
judge_writes(const struct node_state *node, struct health_check *check)
{
	const struct node_store *store = &node->store;
	char *reason = check->reason;
	size_t size = sizeof(check->reason);

	if (store->control_error.code != STATUS_OK) {
		snprintf(reason, size, "%s", store->control_error.text);
		return;
	}
	/* Whoever died has not said so in the control block. */
	if (!is_storaged_up(node)) {
		snprintf(reason, size, "storaged is down; writes wait for it");
		return;
	}
	switch (store->control.write_state) {
	case CONTROL_WRITES_OK:
		check->passes = true;
		snprintf(reason, size, "taken");
		break;
	case CONTROL_WRITES_DELAYED:
		check->passes = true;
		snprintf(reason, size,
		    "delayed by %" PRIu32 " us, so that compaction keeps up "
		    "(%" PRIu64 " bytes behind)",
		    store->control.write_delay_us,
		    worker_metrics_sum(
			node, METRIC_COMPACTION_DEBT_BYTES, 0, 0));
		break;
	case CONTROL_WRITES_READ_ONLY:
		snprintf(reason, size,
		    "read-only: disk or memory is short (%" PRIu64
		    " bytes free on disk, compaction %" PRIu64 " bytes behind)",
		    worker_metrics_sum(node, METRIC_DISK_FREE_BYTES, 0, 0),
		    worker_metrics_sum(
			node, METRIC_COMPACTION_DEBT_BYTES, 0, 0));
		break;
	case CONTROL_WRITES_DELETES_ONLY:
		snprintf(reason, size,
		    "only deletes are taken: the disk is short (%" PRIu64
		    " bytes free, %" PRIu64 " in reserve)",
		    worker_metrics_sum(node, METRIC_DISK_FREE_BYTES, 0, 0),
		    worker_metrics_sum(node, METRIC_DISK_RESERVE_BYTES, 0, 0));
		break;
	default:
		snprintf(reason, size,
		    "not taken: storaged recovers or has stopped");
	}
}

void
health_judge(const struct node_state *node, struct health *out)
{
	*out = (struct health){.is_ready = true};
	judge_roles(node, out);
	judge_reads(&node->store, check_add(out, "reads"));
	judge_writes(node, check_add(out, "writes"));
	for (size_t i = 0; i < out->check_count; i++)
		if (!out->checks[i].passes)
			out->is_ready = false;
}

void
health_append(struct buffer *out, const struct health *health)
{
	buffer_printf(out, health->is_ready ? "ready\n" : "not ready\n");
	for (size_t i = 0; i < health->check_count; i++)
		buffer_printf(out, "[%c] %s: %s\n",
		    health->checks[i].passes ? '+' : '-',
		    health->checks[i].name, health->checks[i].reason);
}

void
health_append_alive(struct buffer *out, const struct node_state *node)
{
	buffer_printf(out, "alive\n");
	for (size_t i = 0; i < node->worker_count; i++) {
		const struct metrics_worker *worker = &node->workers[i].worker;

		buffer_printf(out, "[%c] %s: %s, restarted %" PRIu64 " times\n",
		    worker->up ? '+' : '-', worker->name,
		    worker->up ? "up" : "down", worker->restarts);
	}
}
