#include "storaged/inspect/db_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/command/batch.h"
#include "common/journal/journal.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/bus_guard.h"
#include "common/os/file.h"
#include "storaged/apply/apply.h"
#include "storaged/inspect/data_folder.h"
#include "storaged/manifest/catalog.h"
#include "storaged/manifest/manifest.h"

struct check {
	struct data_folder *folder;
	const struct db_check_options *options;
	struct db_check_report *report;
	struct catalog catalog;
	bool has_catalog;
	uint64_t manifest_number;
	uint64_t bytes_done;
	uint64_t bytes_total;
	uint64_t expected; /* the next sequence of the journal */
	const char *directory; /* of the listing under way */
};

static void find(struct check *check, bool is_damage, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void
find(struct check *check, bool is_damage, const char *format, ...)
{
	char text[2 * PATH_BYTES_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (is_damage)
		check->report->damage_count++;
	else
		check->report->note_count++;
	check->options->on_finding(check->options->context, is_damage, text);
}

/* The text of an error, from the file's name below the data directory on. */
static const char *
shorten(const struct check *check, const struct error *err)
{
	const char *place = strstr(err->text, check->folder->path);

	return place == NULL ? err->text
			     : data_folder_short(check->folder, place);
}

static void
progress(struct check *check, uint64_t bytes)
{
	check->bytes_done += bytes;
	if (check->options->on_progress != NULL)
		check->options->on_progress(check->options->context,
		    check->bytes_done, check->bytes_total);
}

static void
check_manifest(struct check *check)
{
	struct data_folder *folder = check->folder;
	struct apply *apply;
	struct error err;
	enum status status;

	status = manifest_read(file_system_real(), folder->shard_directory,
	    folder->store_id, &check->catalog, &check->manifest_number, &err);
	check->has_catalog = status == STATUS_OK;
	/* What a damaged manifest says up to the damage is no state. */
	if (!check->has_catalog)
		catalog_deinit(&check->catalog);
	if (status == STATUS_NOT_FOUND) {
		if (path_exists(folder->tables_directory))
			find(check, true,
			    "shard-0/current: missing, so no manifest holds");
		return;
	}
	if (status != STATUS_OK) {
		find(check, true, "%s", shorten(check, &err));
		return;
	}
	if (check->catalog.torn_offset != 0)
		find(check, false,
		    "shard-0/manifest-%016" PRIx64
		    ": ends in a record that was cut off, or damaged, at "
		    "offset %" PRIu64 "; the next start leaves it out",
		    check->catalog.torn_manifest, check->catalog.torn_offset);
	check->report->recovery_sequence = check->catalog.recovery.sequence;
	if (check->catalog.recovery.sequence == 0)
		return;
	if (apply_decode(buffer_slice(&check->catalog.recovery.writers), &apply,
		&err) != STATUS_OK) {
		find(check, true,
		    "shard-0/manifest-%016" PRIx64 ": the recovery point: %s",
		    check->manifest_number, err.text);
		return;
	}
	if (apply_clock_ms(apply) != check->catalog.recovery.clock_ms)
		find(check, true,
		    "shard-0/manifest-%016" PRIx64
		    ": the recovery point has two different clocks",
		    check->manifest_number);
	apply_close(apply);
}

static enum status
verify_guarded(void *context, struct error *err)
{
	return table_reader_verify(context, err);
}

/* `known` is what the manifest says; NULL where there is none. */
static bool
check_table(
    struct check *check, uint64_t number, const struct table_summary *known)
{
	struct data_folder *folder = check->folder;
	struct table_reader *reader = NULL;
	char path[PATH_BYTES_MAX];
	struct error err;
	bool sound = false;

	table_file_path(path, folder->shard_directory, number);
	if (known != NULL && !path_exists(path))
		find(check, true, "%s: missing; the manifest names it",
		    data_folder_short(folder, path));
	else if (table_reader_open(path, number, folder->store_id,
		     known == NULL ? 0 : known->size_bytes, NULL, &reader,
		     &err) != STATUS_OK ||
	    bus_guard_run(verify_guarded, reader, &err) != STATUS_OK)
		find(check, true, "%s", shorten(check, &err));
	else if (known != NULL &&
	    !table_summary_equal(known, table_reader_summary(reader)))
		find(check, true, "%s: it is not what the manifest says",
		    data_folder_short(folder, path));
	else
		sound = true;
	if (sound)
		check->report->entry_count +=
		    table_reader_summary(reader)->entry_count;
	else
		check->report->damaged_tables++;
	table_reader_close(reader);
	return sound;
}

static void
check_tables(struct check *check)
{
	check->report->table_count = catalog_table_count(&check->catalog);
	check->report->table_bytes = catalog_bytes(&check->catalog);
	check->bytes_total = check->report->table_bytes;
	progress(check, 0);
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &check->catalog.levels[i];

		for (size_t t = 0; t < level->count; t++) {
			const struct table_summary *summary =
			    &level->tables[t]->summary;

			if (summary->number >= check->catalog.number_ceiling)
				find(check, true,
				    "shard-0/manifest-%016" PRIx64
				    ": table %016" PRIx64
				    " is above its ceiling",
				    check->manifest_number, summary->number);
			(void)check_table(check, summary->number, summary);
			progress(check, summary->size_bytes);
		}
	}
}

static enum status
on_record(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct check *check = context;
	struct batch batch;

	if (batch_decode(payload, &batch, err) != STATUS_OK)
		return error_wrap(err, "no batch");
	if (batch.command_count + 1 != count ||
	    first_sequence != check->expected)
		return error_set(err, STATUS_CORRUPT,
		    "the batch of sequence %" PRIu64
		    " does not follow %" PRIu64,
		    first_sequence, check->expected - 1);
	check->expected += count;
	return STATUS_OK;
}

static void
check_journal(struct check *check)
{
	struct data_folder *folder = check->folder;
	struct journal_options options = {
	    .fs = file_system_real(),
	    .directory = folder->journal_directory,
	    .store_id = folder->store_id,
	};
	struct journal_recovery recovery;
	struct error err;
	uint64_t after = check->catalog.recovery.sequence;

	check->expected = after + 1;
	if (journal_read(&options, after, on_record, check, &recovery, &err) !=
	    STATUS_OK)
		find(check, true, "%s", shorten(check, &err));
	else if (recovery.torn)
		find(check, false,
		    "%s: ends in a write that was cut off, at offset %" PRIu64
		    "; nothing that was answered is lost",
		    data_folder_short(folder, recovery.torn_path),
		    recovery.torn_offset);
	check->report->record_count = recovery.record_count;
	check->report->last_sequence = check->expected - 1;
}

/* True if `name` is PREFIX, 16 hexadecimal digits, SUFFIX. */
static bool
is_numbered(
    const char *name, const char *prefix, const char *suffix, uint64_t *number)
{
	char again[64];
	unsigned long long value;

	if (strlen(name) >= sizeof(again) ||
	    strncmp(name, prefix, strlen(prefix)) != 0 ||
	    sscanf(name + strlen(prefix), "%16llx", &value) != 1)
		return false;
	snprintf(again, sizeof(again), "%s%016llx%s", prefix, value, suffix);
	*number = value;
	return strcmp(name, again) == 0;
}

static bool
catalog_has(const struct catalog *catalog, uint64_t number)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog->levels[i].count; t++) {
			if (catalog->levels[i].tables[t]->summary.number ==
			    number)
				return true;
		}
	}
	return false;
}

static enum status
on_table_name(void *context, const char *name, struct error *err)
{
	struct check *check = context;
	uint64_t number;

	(void)err;
	if (!is_numbered(name, "", ".sst", &number))
		find(check, false, "shard-0/tables/%s: not one of a store's",
		    name);
	else if (!check->has_catalog)
		(void)check_table(check, number, NULL);
	else if (!catalog_has(&check->catalog, number))
		find(check, false,
		    "shard-0/tables/%s: no manifest names it; the next start "
		    "removes it",
		    name);
	return STATUS_OK;
}

static enum status
on_shard_name(void *context, const char *name, struct error *err)
{
	struct check *check = context;
	uint64_t number;

	(void)err;
	if (strcmp(name, "tables") == 0 || strcmp(name, "journal") == 0 ||
	    strcmp(name, "current") == 0 ||
	    (is_numbered(name, "manifest-", "", &number) &&
		number == check->manifest_number))
		return STATUS_OK;
	find(check, false, "shard-0/%s: %s", name,
	    strncmp(name, "manifest-", 9) == 0
		? "`current` does not name it; the next start removes it"
		: "not one of a store's");
	return STATUS_OK;
}

static enum status
on_journal_name(void *context, const char *name, struct error *err)
{
	uint64_t number;

	(void)err;
	if (!is_numbered(name, "", ".log", &number) &&
	    !is_numbered(name, "", ".spare", &number) &&
	    !is_numbered(name, "", ".log.new", &number))
		find(context, false, "shard-0/journal/%s: not one of a store's",
		    name);
	return STATUS_OK;
}

static enum status
check_names(struct check *check, struct error *err)
{
	const struct data_folder *folder = check->folder;
	const struct {
		const char *path;
		enum status (*on_name)(
		    void *context, const char *name, struct error *err);
	} listings[] = {
	    {folder->shard_directory, on_shard_name},
	    {folder->tables_directory, on_table_name},
	    {folder->journal_directory, on_journal_name},
	};

	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
		if (path_exists(listings[i].path) &&
		    directory_list(listings[i].path, listings[i].on_name, check,
			err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

enum status
db_check_run(struct data_folder *folder, const struct db_check_options *options,
    struct db_check_report *out, struct error *err)
{
	struct check check = {
	    .folder = folder,
	    .options = options,
	    .report = out,
	};
	enum status status;

	*out = (struct db_check_report){0};
	bus_guard_install();
	if (folder->identity.code != STATUS_OK)
		find(&check, true, "store: %s", folder->identity.text);
	check_manifest(&check);
	check_tables(&check);
	/* Without a manifest there is no point from which to read it. */
	if (check.has_catalog || !path_exists(folder->tables_directory))
		check_journal(&check);
	status = check_names(&check, err);
	catalog_deinit(&check.catalog);
	return status;
}
