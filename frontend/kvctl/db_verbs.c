/* The verbs of kvctl that read a data directory by themselves. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "common/base/check.h"
#include "common/os/clock.h"
#include "config/value.h"
#include "frontend/kvctl/arguments.h"
#include "frontend/kvctl/kvctl.h"
#include "frontend/kvctl/output.h"
#include "storaged/inspect/data_folder.h"
#include "storaged/inspect/db_check.h"
#include "storaged/inspect/db_dump.h"
#include "storaged/inspect/db_repair.h"

#define PROGRESS_MS 200

static enum exit_code
open_folder(const struct kvctl *kvctl, struct data_folder **out)
{
	struct error err;

	if (data_folder_open(kvctl->words[0], out, &err) == STATUS_OK)
		return EXIT_DONE;
	fprintf(stderr, "kvctl: %s\n", err.text);
	return EXIT_REFUSED;
}

/* What the callbacks of a verb share. */
struct output {
	bool is_json;
	json_t *findings;
	uint64_t next_ms; /* when progress is shown again */
	bool has_progress; /* on the terminal's current line */
};

static void
clear_progress(struct output *output)
{
	if (output->has_progress)
		fprintf(stderr, "\r\033[K");
	output->has_progress = false;
}

static void
on_finding(void *context, bool is_damage, const char *text)
{
	struct output *output = context;

	clear_progress(output);
	if (!output->is_json) {
		printf("%-8s ", is_damage ? "damaged" : "note");
		output_escaped(slice_of_string(text));
		putchar('\n');
		return;
	}
	json_array_append_new(output->findings,
	    json_pack("{s:b, s:s}", "damaged", is_damage, "text", text));
}

static void
on_progress(void *context, uint64_t done, uint64_t total)
{
	struct output *output = context;
	uint64_t now_ms = clock_monotonic_ms(&clock_system);

	if (!isatty(STDERR_FILENO) || now_ms < output->next_ms || total == 0)
		return;
	output->next_ms = now_ms + PROGRESS_MS;
	output->has_progress = true;
	fprintf(stderr, "\r%3u %% of %.1f MB\033[K",
	    (unsigned)(100 * ((double)done / (double)total)),
	    (double)total / 1e6);
}

static void
print_report(const struct kvctl *kvctl, const struct db_check_report *report)
{
	printf("%s: %s: %zu tables, %" PRIu64 " bytes, %" PRIu64
	       " entries up to sequence %" PRIu64 "; %" PRIu64
	       " batches in the journal up to %" PRIu64 "\n",
	    kvctl->words[0], report->damage_count == 0 ? "sound" : "damaged",
	    report->table_count, report->table_bytes, report->entry_count,
	    report->recovery_sequence, report->record_count,
	    report->last_sequence);
	if (report->damage_count > 0)
		printf("kvctl db repair %s says what can be saved\n",
		    kvctl->words[0]);
}

static void
print_report_json(const struct db_check_report *report, json_t *findings)
{
	json_t *object = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	    "sound", report->damage_count == 0, "tables",
	    (json_int_t)report->table_count, "damaged_tables",
	    (json_int_t)report->damaged_tables, "table_bytes",
	    (json_int_t)report->table_bytes, "entries",
	    (json_int_t)report->entry_count, "recovery_sequence",
	    (json_int_t)report->recovery_sequence, "journal_batches",
	    (json_int_t)report->record_count, "last_sequence",
	    (json_int_t)report->last_sequence);

	CHECK(object != NULL);
	json_object_set_new(object, "findings", findings);
	output_json(object);
}

enum exit_code
kvctl_db_check(const struct kvctl *kvctl)
{
	struct output output = {.is_json = kvctl->is_json};
	struct db_check_options options = {
	    .on_finding = on_finding,
	    .on_progress = on_progress,
	    .context = &output,
	};
	struct db_check_report report;
	struct data_folder *folder;
	struct error err;
	enum status status;
	enum exit_code code = open_folder(kvctl, &folder);

	if (code != EXIT_DONE)
		return code;
	if (kvctl->is_json)
		output.findings = json_array();
	status = db_check_run(folder, &options, &report, &err);
	data_folder_close(folder);
	clear_progress(&output);
	if (status != STATUS_OK) {
		json_decref(output.findings);
		return kvctl_fail(&err);
	}
	if (kvctl->is_json)
		print_report_json(&report, output.findings);
	else
		print_report(kvctl, &report);
	return report.damage_count == 0 ? EXIT_DONE : EXIT_DAMAGED;
}

static bool
print_entry(void *context, const struct db_dump_entry *entry)
{
	static const char *const kinds[] = {
	    [DB_DUMP_PUT] = "put",
	    [DB_DUMP_TOMBSTONE] = "deletion",
	    [DB_DUMP_RANGE] = "range_deletion",
	};
	const bool *is_raw = context;
	json_t *object = json_object();

	output_set(
	    object, entry->kind == DB_DUMP_RANGE ? "start" : "key", entry->key);
	if (entry->kind == DB_DUMP_PUT)
		output_set(object, "value", entry->value);
	else if (entry->kind == DB_DUMP_RANGE && entry->value.size > 0)
		output_set(object, "end", entry->value);
	json_object_set_new(
	    object, "sequence", json_integer((json_int_t)entry->sequence));
	if (entry->kind == DB_DUMP_PUT)
		json_object_set_new(object, "deadline_ms",
		    entry->deadline_ms == 0
			? json_null()
			: json_integer((json_int_t)entry->deadline_ms));
	if (*is_raw) {
		json_object_set_new(
		    object, "kind", json_string(kinds[entry->kind]));
		json_object_set_new(
		    object, "source", json_string(entry->source));
		json_object_set_new(
		    object, "level", json_integer((json_int_t)entry->level));
	}
	output_json(object);
	/* The reader of a pipe may have seen enough. */
	return ferror(stdout) == 0;
}

static struct slice
slice_option(const struct kvctl *kvctl, enum option option)
{
	const char *text = kvctl->arguments->options[option];

	return text == NULL ? SLICE_EMPTY : slice_of_string(text);
}

enum exit_code
kvctl_db_dump(const struct kvctl *kvctl)
{
	const char *limit = kvctl->arguments->options[OPTION_LIMIT];
	struct db_dump_options options = {
	    .prefix = slice_option(kvctl, OPTION_PREFIX),
	    .start = slice_option(kvctl, OPTION_START),
	    .end = slice_option(kvctl, OPTION_END),
	    .raw = arguments_has(kvctl->arguments, OPTION_RAW),
	    .now_ms = clock_wall_ms(&clock_system),
	    .on_entry = print_entry,
	    .context = &options.raw,
	};
	struct data_folder *folder;
	struct error err;
	enum status status;
	enum exit_code code;

	if (limit != NULL &&
	    (value_parse_count(limit, &options.limit, &err) != STATUS_OK ||
		options.limit == 0)) {
		fprintf(stderr, "kvctl: --limit takes a number from 1 on\n");
		return EXIT_MISUSED;
	}
	code = open_folder(kvctl, &folder);
	if (code != EXIT_DONE)
		return code;
	status = db_dump_run(folder, &options, &err);
	data_folder_close(folder);
	if (status == STATUS_OK)
		return EXIT_DONE;
	fprintf(stderr, "kvctl: %s\n", err.text);
	return err.code == STATUS_CORRUPT || err.code == STATUS_INVALID
	    ? EXIT_DAMAGED
	    : EXIT_REFUSED;
}

static const char *const repair_words[] = {
    [DB_REPAIR_DAMAGE] = "damaged",
    [DB_REPAIR_LOSE] = "lose",
    [DB_REPAIR_DOUBT] = "doubt",
    [DB_REPAIR_DO] = "do",
};

static void
on_repair_line(void *context, enum db_repair_word word, const char *text)
{
	struct output *output = context;

	if (!output->is_json) {
		printf("%-8s ", repair_words[word]);
		output_escaped(slice_of_string(text));
		putchar('\n');
		return;
	}
	json_array_append_new(output->findings,
	    json_pack("{s:s, s:s}", "word", repair_words[word], "text", text));
}

static void
print_repair(const struct kvctl *kvctl, const struct db_repair_report *report,
    bool applied)
{
	const char *directory = kvctl->words[0];

	if (report->damage_count == 0)
		printf("%s: there is nothing to repair\n", directory);
	else if (!applied)
		printf("%s: nothing was changed; kvctl db repair %s --apply "
		       "does it\n",
		    directory, directory);
	else if (report->moved_to[0] == '\0')
		printf("%s: repaired\n", directory);
	else
		printf("%s: repaired; what was replaced is in %s/%s\n",
		    directory, directory, report->moved_to);
}

enum exit_code
kvctl_db_repair(const struct kvctl *kvctl)
{
	struct output output = {.is_json = kvctl->is_json};
	struct db_repair_options options = {
	    .apply = arguments_has(kvctl->arguments, OPTION_APPLY),
	    .on_line = on_repair_line,
	    .context = &output,
	};
	struct db_repair_report report;
	struct data_folder *folder;
	struct error err;
	enum status status;
	enum exit_code code = open_folder(kvctl, &folder);

	if (code != EXIT_DONE)
		return code;
	if (kvctl->is_json)
		output.findings = json_array();
	status = db_repair_run(folder, &options, &report, &err);
	data_folder_close(folder);
	if (status != STATUS_OK) {
		json_decref(output.findings);
		fprintf(stderr, "kvctl: %s\n", err.text);
		return EXIT_REFUSED;
	}
	if (kvctl->is_json)
		output_json(json_pack("{s:b, s:I, s:I, s:I, s:s, s:o}",
		    "applied", options.apply, "damaged",
		    (json_int_t)report.damage_count, "lose",
		    (json_int_t)report.lose_count, "doubt",
		    (json_int_t)report.doubt_count, "moved_to", report.moved_to,
		    "lines", output.findings));
	else
		print_repair(kvctl, &report, options.apply);
	return report.damage_count == 0 || options.apply ? EXIT_DONE
							 : EXIT_DAMAGED;
}
