#include "storaged/inspect/db_repair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/os/bus_guard.h"
#include "common/os/file.h"
#include "storaged/inspect/repair_state.h"
#include "storaged/manifest/manifest.h"

void
repair_say(
    struct repair *repair, enum db_repair_word word, const char *format, ...)
{
	char text[2 * PATH_BYTES_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	repair->report->damage_count += word == DB_REPAIR_DAMAGE;
	repair->report->lose_count += word == DB_REPAIR_LOSE;
	repair->report->doubt_count += word == DB_REPAIR_DOUBT;
	repair->options->on_line(repair->options->context, word, text);
}

const char *
repair_key_text(struct slice key, char out[REPAIR_KEY_TEXT_BYTES])
{
	size_t used = 0;

	out[used++] = '"';
	for (size_t i = 0; i < key.size; i++) {
		uint8_t byte = key.data[i];

		if (used + 10 > REPAIR_KEY_TEXT_BYTES) {
			memcpy(out + used, "...", 3);
			used += 3;
			break;
		}
		if (byte < ' ' || byte > '~' || byte == '"' || byte == '\\')
			used +=
			    (size_t)snprintf(out + used, 5, "\\x%02x", byte);
		else
			out[used++] = (char)byte;
	}
	out[used++] = '"';
	out[used] = '\0';
	return out;
}

/* Makes PATH's folder below lost+found-N, and the latter, where missing. */
static enum status
make_lost_folder(struct repair *repair, const char *below, struct error *err)
{
	char path[PATH_BYTES_MAX];
	const char *slash = below;

	for (unsigned i = 1; repair->lost_folder[0] == '\0'; i++) {
		char name[40];

		snprintf(name, sizeof(name), "lost+found-%u", i);
		path_join(path, repair->folder->path, name);
		if (path_exists(path))
			continue;
		snprintf(repair->lost_folder, PATH_BYTES_MAX, "%s", path);
		snprintf(repair->report->moved_to,
		    sizeof(repair->report->moved_to), "%s", name);
		if (directory_create(file_system_real(), path, 0750, err) !=
		    STATUS_OK)
			return err->code;
	}
	while ((slash = strchr(slash, '/')) != NULL) {
		snprintf(path, sizeof(path), "%.700s/%.*s", repair->lost_folder,
		    (int)(slash - below), below);
		if (directory_create(file_system_real(), path, 0750, err) !=
		    STATUS_OK)
			return err->code;
		slash++;
	}
	return STATUS_OK;
}

enum status
repair_move_away(struct repair *repair, const char *path, struct error *err)
{
	const char *below = data_folder_short(repair->folder, path);
	char to[PATH_BYTES_MAX];

	if (make_lost_folder(repair, below, err) != STATUS_OK)
		return err->code;
	path_join(to, repair->lost_folder, below);
	repair_say(repair, DB_REPAIR_DO, "moved %s", below);
	return path_rename(file_system_real(), path, to, err);
}

/* A second name in lost+found-N for a file that is about to be replaced. */
static enum status
keep_copy(struct repair *repair, const char *path, struct error *err)
{
	const char *below = data_folder_short(repair->folder, path);
	char to[PATH_BYTES_MAX];

	if (!path_exists(path))
		return STATUS_OK;
	if (make_lost_folder(repair, below, err) != STATUS_OK)
		return err->code;
	path_join(to, repair->lost_folder, below);
	return path_link(file_system_real(), path, to, err);
}

struct newest {
	struct repair *repair;
	uint64_t greatest; /* of all */
};

static enum status
on_manifest_name(void *context, const char *name, struct error *err)
{
	struct newest *newest = context;
	struct repair *repair = newest->repair;
	struct catalog catalog = {0};
	unsigned long long number;
	struct error ignored;

	(void)err;
	if (sscanf(name, "manifest-%16llx", &number) != 1)
		return STATUS_OK;
	if (number > newest->greatest)
		newest->greatest = number;
	if ((repair->has_manifest && number < repair->manifest_number) ||
	    manifest_read_numbered(file_system_real(),
		repair->folder->shard_directory, repair->folder->store_id,
		number, &catalog, &ignored) != STATUS_OK) {
		catalog_deinit(&catalog);
		return STATUS_OK;
	}
	catalog_deinit(&repair->catalog);
	repair->catalog = catalog;
	repair->manifest_number = number;
	repair->has_manifest = true;
	return STATUS_OK;
}

/* The current manifest, else the newest intact one, else none. */
static enum status
find_manifest(struct repair *repair, struct error *err)
{
	struct data_folder *folder = repair->folder;
	struct newest newest = {.repair = repair};
	struct error found;
	enum status status = manifest_read(file_system_real(),
	    folder->shard_directory, folder->store_id, &repair->catalog,
	    &repair->manifest_number, &found);

	if (status == STATUS_OK) {
		repair->has_manifest = true;
		return STATUS_OK;
	}
	if (status == STATUS_NOT_FOUND &&
	    !path_exists(folder->tables_directory)) {
		/* A new store, in which nothing has been written yet. */
		repair->has_manifest = true;
		return STATUS_OK;
	}
	if (status == STATUS_VERSION || status == STATUS_IO)
		return error_copy(err, &found);
	catalog_deinit(&repair->catalog);
	repair_say(repair, DB_REPAIR_DAMAGE, "%s", found.text);
	if (directory_list(folder->shard_directory, on_manifest_name, &newest,
		err) != STATUS_OK)
		return err->code;
	repair->manifest_changes = true;
	if (repair->has_manifest)
		repair_say(repair, DB_REPAIR_DO,
		    "use manifest-%016" PRIx64 ", which is intact",
		    repair->manifest_number);
	repair->manifest_number = newest.greatest;
	return STATUS_OK;
}

static enum status
plan_identity(struct repair *repair, struct error *err)
{
	static const uint8_t none[STORE_ID_BYTES];
	const struct data_folder *folder = repair->folder;

	if (folder->identity.code == STATUS_OK)
		return STATUS_OK;
	repair_say(
	    repair, DB_REPAIR_DAMAGE, "store: %s", folder->identity.text);
	if (memcmp(folder->store_id, none, STORE_ID_BYTES) == 0)
		return error_set(err, STATUS_CORRUPT,
		    "%.150s: neither \"store\" nor any table or journal says "
		    "which store this is",
		    folder->path);
	repair_say(repair, DB_REPAIR_DO,
	    "write \"store\" with the id that the other files have");
	return STATUS_OK;
}

static enum status
write_identity(struct repair *repair, struct error *err)
{
	uint8_t bytes[STORE_IDENTITY_BYTES];
	char path[PATH_BYTES_MAX];

	if (repair->folder->identity.code == STATUS_OK)
		return STATUS_OK;
	path_join(path, repair->folder->path, STORE_IDENTITY_NAME);
	store_identity_encode(bytes, repair->folder->store_id);
	if (keep_copy(repair, path, err) != STATUS_OK)
		return err->code;
	return file_replace(
	    file_system_real(), path, slice_of(bytes, sizeof(bytes)), err);
}

static enum status
write_manifest(struct repair *repair, struct error *err)
{
	struct data_folder *folder = repair->folder;
	char name[40];
	char path[PATH_BYTES_MAX];

	if (!repair->manifest_changes)
		return STATUS_OK;
	path_join(path, folder->shard_directory, "current");
	if (keep_copy(repair, path, err) != STATUS_OK)
		return err->code;
	snprintf(name, sizeof(name), "manifest-%016" PRIx64,
	    repair->manifest_number);
	path_join(path, folder->shard_directory, name);
	/* The next start removes manifests that are not current. */
	if (keep_copy(repair, path, err) != STATUS_OK)
		return err->code;
	return manifest_create(file_system_real(), folder->shard_directory,
	    folder->store_id, repair->manifest_number + 1, &repair->catalog,
	    err);
}

static enum status
move_tables(struct repair *repair, struct error *err)
{
	char path[PATH_BYTES_MAX];

	for (size_t i = 0; i < repair->replaced_count; i++) {
		table_file_path(
		    path, repair->folder->shard_directory, repair->replaced[i]);
		if (repair_move_away(repair, path, err) != STATUS_OK)
			return err->code;
	}
	return repair->replaced_count == 0
	    ? STATUS_OK
	    : directory_sync(
		  file_system_real(), repair->folder->tables_directory, err);
}

/* Everything new is on disk before anything old is moved. */
static enum status
apply(struct repair *repair, struct error *err)
{
	struct file_system *fs = file_system_real();
	const struct data_folder *folder = repair->folder;

	if (directory_create(fs, folder->tables_directory, 0750, err) !=
		STATUS_OK ||
	    directory_create(fs, folder->journal_directory, 0750, err) !=
		STATUS_OK ||
	    directory_sync(fs, folder->tables_directory, err) != STATUS_OK ||
	    write_identity(repair, err) != STATUS_OK ||
	    write_manifest(repair, err) != STATUS_OK ||
	    move_tables(repair, err) != STATUS_OK)
		return err->code;
	if (repair->journal_is_damaged &&
	    repair_rewrite_journal(repair, err) != STATUS_OK)
		return err->code;
	return directory_sync(fs, folder->path, err);
}

static enum status
plan(struct repair *repair, struct error *err)
{
	if (plan_identity(repair, err) != STATUS_OK ||
	    find_manifest(repair, err) != STATUS_OK)
		return err->code;
	if (repair->has_manifest) {
		if (repair_tables(repair, err) != STATUS_OK)
			return err->code;
	} else if (repair_gather_tables(repair, err) != STATUS_OK ||
	    repair_find_point(repair, err) != STATUS_OK) {
		return err->code;
	}
	repair_read_journal(repair);
	/* Dry, tables that overlap are still to be merged. */
	return repair->options->apply ? catalog_verify(&repair->catalog, err)
				      : STATUS_OK;
}

enum status
db_repair_run(struct data_folder *folder,
    const struct db_repair_options *options, struct db_repair_report *out,
    struct error *err)
{
	struct repair repair = {
	    .folder = folder,
	    .options = options,
	    .report = out,
	};
	enum status status;

	*out = (struct db_repair_report){0};
	bus_guard_install();
	status = plan(&repair, err);
	if (status == STATUS_OK && options->apply && out->damage_count > 0)
		status = apply(&repair, err);
	catalog_deinit(&repair.catalog);
	mem_free(repair.replaced);
	return status;
}
