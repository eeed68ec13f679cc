#include "frontend/exporter/status_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frontend/exporter/health.h"
#include "frontend/exporter/worker_metrics.h"

#define HUMAN_BYTES_MAX 32

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>kvstore</title>\n<style>\n"
    "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; "
    "max-width: 60rem; padding: 0 1rem; color: #222; background: #fff }\n"
    "table { border-collapse: collapse; margin: 0.5rem 0 1.5rem }\n"
    "td, th { text-align: left; padding: 0.2rem 1.2rem 0.2rem 0; "
    "border-bottom: 1px solid #ddd; font-weight: normal }\n"
    "th { color: #666 } td.n, th.n { text-align: right }\n"
    ".good { color: #176f2c } .bad { color: #b00020; font-weight: bold }\n"
    "@media (prefers-color-scheme: dark) { body { color: #ddd; "
    "background: #1b1b1b } td, th { border-color: #444 } th { color: #999 } "
    ".good { color: #6fcf84 } .bad { color: #ff7b8a } a { color: #8ab4f8 } }\n"
    "</style></head>\n<body>\n";

static const char foot[] =
    "<p><a href=\"/metrics\">/metrics</a> for Prometheus, "
    "<a href=\"/livez\">/livez</a> and <a href=\"/readyz\">/readyz</a> for "
    "whoever watches the node.</p>\n</body></html>\n";

static void
text_append(struct buffer *out, const char *text)
{
	buffer_append(out, text, strlen(text));
}

static void
escaped_append(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<':
			text_append(out, "&lt;");
			break;
		case '>':
			text_append(out, "&gt;");
			break;
		case '&':
			text_append(out, "&amp;");
			break;
		case '"':
			text_append(out, "&quot;");
			break;
		default:
			buffer_append_byte(out, (uint8_t)*text);
		}
	}
}

/* "812 B", "1.5 MiB". */
static const char *
human_bytes(char out[HUMAN_BYTES_MAX], uint64_t bytes)
{
	static const char *const units[] = {
	    "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, HUMAN_BYTES_MAX, "%" PRIu64 " B", bytes);
		return out;
	}
	for (value /= 1024; value >= 1024; value /= 1024)
		unit++;
	snprintf(out, HUMAN_BYTES_MAX, "%.1f %s", value, units[unit]);
	return out;
}

/* "3 d 04:05:06". */
static void
uptime_append(struct buffer *out, uint64_t ms)
{
	uint64_t seconds = ms / 1000;

	if (seconds >= 86400)
		buffer_printf(out, "%" PRIu64 " d ", seconds / 86400);
	buffer_printf(out, "%02u:%02u:%02u", (unsigned)(seconds / 3600 % 24),
	    (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}

static void
verdict_append(struct buffer *out, const struct node_state *node)
{
	struct health health;

	health_judge(node, &health);
	text_append(out, "<h1>kvstore node ");
	escaped_append(out, node->node_id);
	buffer_printf(out, "</h1>\n<p class=\"%s\">%s</p>\n<table>\n",
	    health.is_ready ? "good" : "bad",
	    health.is_ready ? "ready" : "not ready");
	for (size_t i = 0; i < health.check_count; i++) {
		const struct health_check *check = &health.checks[i];

		buffer_printf(out, "<tr><td class=\"%s\">%s</td><td>",
		    check->passes ? "good" : "bad", check->name);
		escaped_append(out, check->reason);
		text_append(out, "</td></tr>\n");
	}
	text_append(out, "</table>\n");
}

static void
usage_append(struct buffer *out, const struct process_usage *usage)
{
	char bytes[HUMAN_BYTES_MAX];

	if (usage->is_known)
		buffer_printf(out,
		    "<td class=\"n\">%.1f s</td><td class=\"n\">%s</td>",
		    (double)usage->cpu_ns / 1e9,
		    human_bytes(bytes, usage->resident_bytes));
	else
		text_append(
		    out, "<td class=\"n\">-</td><td class=\"n\">-</td>");
}

static void
worker_append(
    struct buffer *out, const struct node_worker *worker, uint64_t now_ms)
{
	const struct metrics_worker *state = &worker->worker;

	text_append(out, "<tr><td>");
	escaped_append(out, state->name);
	buffer_printf(out, "</td><td class=\"%s\">%s</td><td class=\"n\">",
	    state->up ? "good" : "bad", state->up ? "up" : "down");
	if (state->pid != 0)
		buffer_printf(out, "%" PRIu32, state->pid);
	text_append(out, "</td><td class=\"n\">");
	if (state->up && state->started_ms <= now_ms)
		uptime_append(out, now_ms - state->started_ms);
	buffer_printf(
	    out, "</td><td class=\"n\">%" PRIu64 "</td>", state->restarts);
	usage_append(out, &worker->usage);
	text_append(out, "</tr>\n");
}

static void
workers_append(struct buffer *out, const struct node_state *node)
{
	text_append(out,
	    "<h2>Workers</h2>\n<table>\n<tr><th>name</th><th>state</th>"
	    "<th class=\"n\">pid</th><th class=\"n\">up for</th>"
	    "<th class=\"n\">restarts</th><th class=\"n\">CPU</th>"
	    "<th class=\"n\">memory</th></tr>\n");
	for (size_t i = 0; i < node->worker_count; i++)
		worker_append(out, &node->workers[i], node->now_ms);
	text_append(out,
	    "<tr><td>server</td><td class=\"good\">up</td><td></td><td></td>"
	    "<td></td>");
	usage_append(out, &node->server);
	text_append(out, "</tr>\n</table>\n");
}

static void
row_append(struct buffer *out, const char *name, const char *value)
{
	buffer_printf(
	    out, "<tr><td>%s</td><td class=\"n\">%s</td></tr>\n", name, value);
}

static void
number_append(struct buffer *out, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	row_append(out, name, text);
}

static uint64_t
sum(const struct node_state *node, enum metric metric, unsigned first)
{
	return worker_metrics_sum(node, metric, first, 0);
}

static void
store_append(struct buffer *out, const struct node_state *node)
{
	char bytes[HUMAN_BYTES_MAX];

	text_append(out, "<h2>Store</h2>\n<table>\n");
	if (node->store.view_error.code == STATUS_OK)
		number_append(
		    out, "keys in tables, about", node->store.key_estimate);
	row_append(out, "in memtables",
	    human_bytes(bytes, sum(node, METRIC_MEMTABLE_BYTES, 0)));
	number_append(out, "tables", sum(node, METRIC_SSTABLE_COUNT, 0));
	row_append(out, "in tables",
	    human_bytes(bytes, sum(node, METRIC_SSTABLE_BYTES, 0)));
	for (unsigned level = 0; level < METRIC_LEVEL_COUNT; level++) {
		uint64_t files = sum(node, METRIC_LEVEL_FILES, level);
		char name[64];

		if (files == 0)
			continue;
		snprintf(name, sizeof(name), "level %u: %" PRIu64 " tables",
		    level, files);
		row_append(out, name,
		    human_bytes(bytes, sum(node, METRIC_LEVEL_BYTES, level)));
	}
	row_append(out, "compaction is behind",
	    human_bytes(bytes, sum(node, METRIC_COMPACTION_DEBT_BYTES, 0)));
	row_append(out, "free on disk",
	    human_bytes(bytes, sum(node, METRIC_DISK_FREE_BYTES, 0)));
	number_append(out, "sequence", node->store.control.published_sequence);
	text_append(out, "</table>\n");
}

static void
operations_append(struct buffer *out, const struct node_state *node)
{
	text_append(out, "<h2>Operations</h2>\n<table>\n<tr><th></th>");
	for (unsigned p = 0; p < METRIC_PROTOCOL_COUNT; p++)
		buffer_printf(out, "<th class=\"n\">%s</th>",
		    metric_label_word(METRIC_OPERATIONS, 1, p));
	text_append(out, "</tr>\n");
	for (unsigned op = 0; op < METRIC_OPERATION_COUNT; op++) {
		buffer_printf(out, "<tr><td>%s</td>",
		    metric_label_word(METRIC_OPERATIONS, 0, op));
		for (unsigned p = 0; p < METRIC_PROTOCOL_COUNT; p++)
			buffer_printf(out, "<td class=\"n\">%" PRIu64 "</td>",
			    worker_metrics_sum(node, METRIC_OPERATIONS, op, p));
		text_append(out, "</tr>\n");
	}
	text_append(out, "<tr><td>connections open</td>");
	for (unsigned p = 0; p < METRIC_PROTOCOL_COUNT; p++)
		buffer_printf(out, "<td class=\"n\">%" PRIu64 "</td>",
		    sum(node, METRIC_CONNECTIONS, p));
	text_append(out, "</tr>\n</table>\n");
}

void
status_page_append(struct buffer *out, const struct node_state *node)
{
	text_append(out, head);
	verdict_append(out, node);
	workers_append(out, node);
	operations_append(out, node);
	store_append(out, node);
	buffer_printf(out, "<p>Version %s, store %s.</p>\n", node->version,
	    node->store_id);
	text_append(out, foot);
}
