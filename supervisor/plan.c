#include "supervisor/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/worker/control_message.h"
#include "common/worker/settings.h"
#include "config/config.h"

static const struct {
	const char *name;
	const char *program;
	unsigned stop_step;
} roles[WORKER_ROLE_COUNT] = {
    [WORKER_STORAGED] = {"storaged", "storaged", 1},
    [WORKER_HTTP] = {"http", "frontend", 0},
    [WORKER_TCP] = {"tcp", "frontend", 0},
    [WORKER_EXPORTER] = {"exporter", "exporter", 2},
};

const char *
worker_role_name(enum worker_role role)
{
	return roles[role].name;
}

unsigned
plan_stop_step(enum worker_role role)
{
	return roles[role].stop_step;
}

static void
add_fd(struct worker_plan *worker, const char *key, enum plan_fd_kind kind,
    unsigned which)
{
	CHECK(worker->fd_count < PLAN_FDS_MAX);
	settings_add(
	    &worker->settings, key, "%zu", CONTROL_FD + 1 + worker->fd_count);
	worker->fds[worker->fd_count++] = (struct plan_fd){kind, which};
}

static void
add_number(struct worker_plan *worker, const char *key,
    const struct config *config, enum config_key from)
{
	settings_add(
	    &worker->settings, key, "%" PRIu64, config_number(config, from));
}

static void
add_text(struct worker_plan *worker, const char *key,
    const struct config *config, enum config_key from)
{
	settings_add(&worker->settings, key, "%s", config_text(config, from));
}

static void
add_limits(struct worker_plan *worker, const struct config *config)
{
	add_number(worker, "key_bytes_max", config, CONFIG_KEY_SIZE_MAX);
	add_number(worker, "value_bytes_max", config, CONFIG_VALUE_SIZE_MAX);
	add_number(worker, "batch_bytes_max", config, CONFIG_BATCH_SIZE_MAX);
}

static void
add_door(struct worker_plan *worker, const struct config *config,
    enum config_key idle_timeout)
{
	add_fd(worker, "listen_fd", PLAN_FD_LISTENER, worker->role);
	add_text(worker, "access", config, CONFIG_ACCESS);
	add_number(worker, "connections_max", config, CONFIG_CONNECTIONS_MAX);
	add_number(worker, "idle_timeout_ms", config, idle_timeout);
	add_number(
	    worker, "request_timeout_ms", config, CONFIG_REQUEST_TIMEOUT);
}

static void
add_sink(struct worker_plan *worker, const struct plan_facts *facts)
{
	settings_add(&worker->settings, "sink", "%s/storaged-0.sock",
	    facts->runtime_path);
}

static struct worker_plan *
add_worker(struct plan *plan, enum worker_role role, unsigned index,
    const struct config *config, const struct plan_facts *facts)
{
	struct worker_plan *worker = &plan->workers[plan->worker_count];
	struct buffer *settings = &worker->settings;

	CHECK(plan->worker_count < PLAN_WORKERS_MAX);
	worker->role = role;
	worker->program = roles[role].program;
	if (role == WORKER_EXPORTER)
		snprintf(worker->name, sizeof(worker->name), "exporter");
	else
		snprintf(worker->name, sizeof(worker->name), "%s-%u",
		    roles[role].name, index);
	settings_add(settings, "name", "%s", worker->name);
	settings_add(settings, "role", "%s", roles[role].name);
	settings_add(settings, "node_id", "%s", facts->node_id);
	settings_add(settings, "data_dir", "%s", facts->data_path);
	settings_add(settings, "runtime_dir", "%s", facts->runtime_path);
	settings_add(settings, "store_id", "%s", facts->store_id);
	settings_add(settings, "heartbeat_ms", "%" PRIu64, facts->heartbeat_ms);
	/* Two steps may need their full time: the frontends', storaged's. */
	settings_add(settings, "stop_ms", "%" PRIu64,
	    config_number(config, CONFIG_STOP_TIMEOUT) / 2);
	add_text(worker, "log_level", config, CONFIG_LOG_LEVEL);
	add_fd(worker, "lock_fd", PLAN_FD_LOCK, 0);
	add_fd(worker, "metrics_fd", PLAN_FD_METRICS,
	    (unsigned)plan->worker_count);
	plan->worker_count++;
	return worker;
}

static void
add_storaged(struct plan *plan, const struct config *config,
    const struct plan_facts *facts)
{
	struct worker_plan *worker =
	    add_worker(plan, WORKER_STORAGED, 0, config, facts);

	settings_add(&worker->settings, "shard", "0");
	add_sink(worker, facts);
	add_number(worker, "cache_bytes", config, CONFIG_CACHE_SIZE);
	add_number(worker, "max_mem_bytes", config, CONFIG_MAX_MEM_SIZE);
	add_text(worker, "journal_sync", config, CONFIG_JOURNAL_SYNC);
	add_number(worker, "journal_sync_interval_ms", config,
	    CONFIG_JOURNAL_SYNC_INTERVAL);
	add_number(worker, "journal_segment_bytes", config,
	    CONFIG_JOURNAL_SEGMENT_SIZE);
	add_text(worker, "compression", config, CONFIG_COMPRESSION);
	add_number(worker, "scrub_bytes_per_s", config, CONFIG_SCRUB_RATE);
	add_number(worker, "scrub_interval_ms", config, CONFIG_SCRUB_INTERVAL);
	add_number(worker, "disk_soft_bytes", config, CONFIG_DISK_SOFT_LIMIT);
	add_number(worker, "disk_hard_bytes", config, CONFIG_DISK_HARD_LIMIT);
	add_number(worker, "disk_reserve_bytes", config, CONFIG_DISK_RESERVE);
}

static void
add_frontends(struct plan *plan, enum worker_role role,
    const struct config *config, const struct plan_facts *facts)
{
	bool is_http = role == WORKER_HTTP;
	uint64_t count = config_number(
	    config, is_http ? CONFIG_HTTP_WORKERS : CONFIG_TCP_WORKERS);

	if (config_address(config, is_http ? CONFIG_HTTP_ADDR : CONFIG_TCP_ADDR)
		.is_off)
		return;
	for (unsigned i = 0; i < count; i++) {
		struct worker_plan *worker =
		    add_worker(plan, role, i, config, facts);

		add_door(worker, config,
		    is_http ? CONFIG_HTTP_IDLE_TIMEOUT
			    : CONFIG_TCP_IDLE_TIMEOUT);
		add_sink(worker, facts);
		add_number(worker, "cache_bytes", config, CONFIG_CACHE_SIZE);
		add_limits(worker, config);
		add_number(
		    worker, "park_bytes_max", config, CONFIG_PARK_SIZE_MAX);
		add_number(
		    worker, "park_timeout_ms", config, CONFIG_PARK_TIMEOUT);
	}
}

static void
add_exporter(struct plan *plan, const struct config *config,
    const struct plan_facts *facts)
{
	struct worker_plan *worker;

	if (config_address(config, CONFIG_METRICS_ADDR).is_off)
		return;
	worker = add_worker(plan, WORKER_EXPORTER, 0, config, facts);
	add_door(worker, config, CONFIG_HTTP_IDLE_TIMEOUT);
	settings_add(&worker->settings, "segments", "%zu", plan->worker_count);
	for (unsigned i = 0; i < plan->worker_count; i++) {
		char key[32];

		snprintf(key, sizeof(key), "segment_%u_fd", i);
		add_fd(worker, key, PLAN_FD_METRICS, i);
	}
}

struct plan *
plan_create(const struct config *config, const struct plan_facts *facts)
{
	struct plan *plan = mem_new(sizeof(*plan));

	add_storaged(plan, config, facts);
	add_frontends(plan, WORKER_HTTP, config, facts);
	add_frontends(plan, WORKER_TCP, config, facts);
	add_exporter(plan, config, facts);
	return plan;
}

void
plan_close(struct plan *plan)
{
	if (plan == NULL)
		return;
	for (size_t i = 0; i < plan->worker_count; i++)
		buffer_deinit(&plan->workers[i].settings);
	mem_free(plan);
}
