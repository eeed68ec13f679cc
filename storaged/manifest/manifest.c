#include "storaged/manifest/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "storaged/manifest/manifest_format.h"

#define CURRENT_BYTES_MAX 64

/* Blocks are taken ahead of writing in steps of this. */
#define RESERVE_STEP_BYTES (64u << 10)

/*
 * What a file may grow by, however large its catalog: a file holds at most
 * two of the greatest records and this.
 */
#define GROWTH_BYTES_MAX (64u << 20)

_Static_assert(2ull * MANIFEST_RECORD_BYTES_MAX + GROWTH_BYTES_MAX <
	MANIFEST_FILE_BYTES_MAX,
    "what is written can be read");

struct manifest {
	struct file_system *fs; /* borrowed */
	char directory[PATH_BYTES_MAX];
	uint8_t store_id[MANIFEST_STORE_ID_BYTES];
	uint64_t number;
	struct file *file; /* owned */
	uint64_t size_bytes;
	uint64_t reserved_bytes; /* the blocks that the file has for sure */
	uint64_t first_bytes; /* the size with the whole catalog alone */
	struct error failure; /* OK while the file can be trusted */
};

static void
manifest_path(char out[PATH_BYTES_MAX], const char *directory, uint64_t number)
{
	int size = snprintf(
	    out, PATH_BYTES_MAX, "%s/manifest-%016" PRIx64, directory, number);

	CHECK(size > 0 && size < PATH_BYTES_MAX);
}

static void
header_encode(uint8_t header[MANIFEST_HEADER_BYTES], const uint8_t *store_id,
    uint64_t number)
{
	memset(header, 0, MANIFEST_HEADER_BYTES);
	u64_store(header, MANIFEST_MAGIC);
	u32_store(header + 8, MANIFEST_FORMAT_VERSION);
	u64_store(header + 16, number);
	memcpy(header + 24, store_id, MANIFEST_STORE_ID_BYTES);
	u64_store(
	    header + 56, checksum64(slice_of(header, 56), MANIFEST_MAGIC));
}

static enum status
header_verify(const uint8_t *header, const uint8_t *store_id, uint64_t number,
    struct error *err)
{
	if (u64_load(header) != MANIFEST_MAGIC)
		return error_set(
		    err, STATUS_CORRUPT, "offset 0: this is no manifest");
	if (u64_load(header + 56) !=
	    checksum64(slice_of(header, 56), MANIFEST_MAGIC))
		return error_set(
		    err, STATUS_CORRUPT, "offset 0: header checksum mismatch");
	if (u32_load(header + 8) != MANIFEST_FORMAT_VERSION)
		return error_set(err, STATUS_VERSION,
		    "format version %u; this program reads version %u",
		    u32_load(header + 8), MANIFEST_FORMAT_VERSION);
	if (u64_load(header + 16) != number)
		return error_set(err, STATUS_CORRUPT,
		    "offset 16: number %016" PRIx64 " does not fit the name",
		    u64_load(header + 16));
	if (memcmp(header + 24, store_id, MANIFEST_STORE_ID_BYTES) != 0)
		return error_set(
		    err, STATUS_INVALID, "belongs to another store");
	return STATUS_OK;
}

/* The place of a record is part of its checksum: none can be moved. */
static uint64_t
record_checksum(struct slice payload, uint64_t number, uint64_t offset)
{
	return checksum64(payload, number * 0x9e3779b97f4a7c15u + offset);
}

static enum status
replay_record(struct slice *input, uint64_t number, uint64_t offset,
    struct catalog *catalog, bool *torn, struct error *err)
{
	struct slice rest = *input;
	struct slice payload;
	uint32_t size;
	uint32_t reserved;
	uint64_t checksum;

	*torn = false;
	if (!u32_take(&rest, &size) || !u32_take(&rest, &reserved) ||
	    !u64_take(&rest, &checksum) || !bytes_take(&rest, size, &payload) ||
	    reserved != 0 ||
	    checksum != record_checksum(payload, number, offset)) {
		*torn = true;
		return STATUS_OK;
	}
	if (edit_replay(payload, catalog, err) != STATUS_OK)
		return error_wrap(err, "offset %" PRIu64, offset);
	*input = rest;
	return STATUS_OK;
}

/*
 * A record that cannot be read is a torn tail only if no intact one follows:
 * edits are synced one by one, so a crash can tear the last alone.
 */
static bool
intact_record_follows(struct slice rest, uint64_t number, uint64_t offset)
{
	while (rest.size > MANIFEST_RECORD_HEADER_BYTES) {
		uint32_t size = u32_load(rest.data);
		uint64_t checksum = u64_load(rest.data + 8);

		if (size > 0 &&
		    size <= rest.size - MANIFEST_RECORD_HEADER_BYTES &&
		    checksum ==
			record_checksum(
			    slice_of(
				rest.data + MANIFEST_RECORD_HEADER_BYTES, size),
			    number, offset))
			return true;
		rest.data++;
		rest.size--;
		offset++;
	}
	return false;
}

static enum status
replay_all(struct slice content, const uint8_t *store_id, uint64_t number,
    struct catalog *catalog, struct error *err)
{
	struct slice input = content;
	bool torn = false;
	size_t records = 0;

	if (content.size < MANIFEST_HEADER_BYTES)
		return error_set(err, STATUS_CORRUPT,
		    "%zu bytes are no whole header", content.size);
	if (header_verify(content.data, store_id, number, err) != STATUS_OK)
		return err->code;
	input.data += MANIFEST_HEADER_BYTES;
	input.size -= MANIFEST_HEADER_BYTES;
	while (input.size > 0 && !torn) {
		uint64_t offset = (uint64_t)(input.data - content.data);

		if (replay_record(&input, number, offset, catalog, &torn,
			err) != STATUS_OK)
			return err->code;
		records += !torn;
		if (torn &&
		    (records == 0 ||
			intact_record_follows(input, number, offset)))
			return error_set(err, STATUS_CORRUPT,
			    "offset %" PRIu64 ": record damaged", offset);
		catalog->torn_manifest = torn ? number : 0;
		catalog->torn_offset = torn ? offset : 0;
	}
	if (records == 0)
		return error_set(err, STATUS_CORRUPT, "offset %d: no record",
		    MANIFEST_HEADER_BYTES);
	return catalog_verify(catalog, err);
}

/* The whole text of `current`; returns its size. */
static size_t
current_format(char text[CURRENT_BYTES_MAX], uint64_t number)
{
	uint8_t bytes[sizeof(number)];
	int size;

	u64_store(bytes, number);
	size = snprintf(text, CURRENT_BYTES_MAX,
	    "manifest-%016" PRIx64 " %016" PRIx64 "\n", number,
	    hash64(slice_of(bytes, sizeof(bytes))));
	CHECK(size > 0 && size < CURRENT_BYTES_MAX);
	return (size_t)size;
}

static enum status
read_current(struct file_system *fs, const char *directory, uint64_t *number,
    struct error *err)
{
	char path[PATH_BYTES_MAX];
	char expected[CURRENT_BYTES_MAX];
	struct buffer content = {0};
	enum status status;
	size_t size;

	path_join(path, directory, "current");
	status = file_read_whole(fs, path, CURRENT_BYTES_MAX, &content, err);
	if (status == STATUS_OK) {
		buffer_append_byte(&content, 0);
		*number = 0;
		(void)sscanf(
		    (char *)content.data, "manifest-%16" SCNx64, number);
		/* Nothing but what would be written for this number. */
		size = current_format(expected, *number);
		if (!slice_equal(
			slice_of(expected, size + 1), buffer_slice(&content)))
			status = error_set(err, STATUS_CORRUPT,
			    "%s: does not name a manifest", path);
	}
	buffer_deinit(&content);
	return status;
}

enum status
manifest_read_numbered(struct file_system *fs, const char *directory,
    const uint8_t *store_id, uint64_t number, struct catalog *catalog,
    struct error *err)
{
	char path[PATH_BYTES_MAX];
	struct buffer content = {0};
	enum status status;

	manifest_path(path, directory, number);
	status =
	    file_read_whole(fs, path, MANIFEST_FILE_BYTES_MAX, &content, err);
	/* `current` names it: that it is gone is damage, no new store. */
	if (status == STATUS_NOT_FOUND)
		status = error_set(err, STATUS_CORRUPT,
		    "%s is named by `current` and missing", path);
	else if (status == STATUS_OK &&
	    (status = replay_all(buffer_slice(&content), store_id, number,
		 catalog, err)) != STATUS_OK)
		error_wrap(err, "%s", path);
	buffer_deinit(&content);
	return status;
}

enum status
manifest_read(struct file_system *fs, const char *directory,
    const uint8_t *store_id, struct catalog *catalog, uint64_t *number,
    struct error *err)
{
	enum status status = read_current(fs, directory, number, err);

	return status != STATUS_OK ? status
				   : manifest_read_numbered(fs, directory,
					 store_id, *number, catalog, err);
}

/*
 * Has the blocks before they are written to, so that a full disk is NO_SPACE
 * with nothing done, and never a failed write.
 */
static enum status
reserve(struct manifest *manifest, uint64_t bytes, struct error *err)
{
	if (bytes <= manifest->reserved_bytes)
		return STATUS_OK;
	bytes += RESERVE_STEP_BYTES - bytes % RESERVE_STEP_BYTES;
	if (file_reserve(manifest->file, bytes, err) != STATUS_OK)
		return err->code;
	manifest->reserved_bytes = bytes;
	return STATUS_OK;
}

/* Nothing is known of the file any more; NO_SPACE would say otherwise. */
static enum status
poison(struct manifest *manifest, struct error *err)
{
	if (err->code == STATUS_NO_SPACE)
		err->code = STATUS_IO;
	return error_copy(&manifest->failure, err);
}

static enum status
append_record(
    struct manifest *manifest, const struct edit *edit, struct error *err)
{
	struct buffer record = {0};
	struct slice payload;
	enum status status;

	buffer_reserve(&record, MANIFEST_RECORD_HEADER_BYTES);
	buffer_commit(&record, MANIFEST_RECORD_HEADER_BYTES);
	edit_encode(edit, &record);
	payload = buffer_slice(&record);
	payload.data += MANIFEST_RECORD_HEADER_BYTES;
	payload.size -= MANIFEST_RECORD_HEADER_BYTES;
	CHECK(payload.size > 0 && payload.size < MANIFEST_RECORD_BYTES_MAX);
	u32_store(record.data, (uint32_t)payload.size);
	u32_store(record.data + 4, 0);
	u64_store(record.data + 8,
	    record_checksum(payload, manifest->number, manifest->size_bytes));
	status =
	    reserve(manifest, manifest->size_bytes + buffer_size(&record), err);
	if (status == STATUS_OK) {
		if (file_write_at(manifest->file, manifest->size_bytes,
			buffer_slice(&record), err) != STATUS_OK ||
		    file_sync(manifest->file, err) != STATUS_OK)
			status = poison(manifest, err);
		else
			manifest->size_bytes += buffer_size(&record);
	} else if (status != STATUS_NO_SPACE) {
		status = poison(manifest, err);
	}
	buffer_deinit(&record);
	return status;
}

enum status
manifest_append(
    struct manifest *manifest, const struct edit *edit, struct error *err)
{
	if (manifest->failure.code != STATUS_OK)
		return error_copy(err, &manifest->failure);
	return append_record(manifest, edit, err);
}

/* Everything in `catalog` as one edit at the head of a new file. */
static enum status
write_whole(
    struct manifest *manifest, const struct catalog *catalog, struct error *err)
{
	size_t count = catalog_table_count(catalog);
	struct table_file **tables = mem_new_array(count, sizeof(*tables));
	struct edit whole = {
	    .added = tables,
	    .recovery = &catalog->recovery,
	    .number_ceiling = catalog->number_ceiling,
	};
	enum status status;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog->levels[i].count; t++)
			tables[whole.added_count++] =
			    catalog->levels[i].tables[t];
	}
	status = append_record(manifest, &whole, err);
	mem_free(tables);
	return status;
}

/* The text that names a manifest, in a file beside `current`. */
static enum status
prepare_current(struct manifest *manifest, const char *path, struct error *err)
{
	char text[CURRENT_BYTES_MAX];
	size_t size = current_format(text, manifest->number);
	struct file *file;
	enum status status;

	if (file_create(manifest->fs, path, &file, err) != STATUS_OK)
		return err->code;
	status = file_write_at(file, 0, slice_of(text, size), err);
	if (status == STATUS_OK)
		status = file_sync(file, err);
	file_close(file);
	return status;
}

/* Writes the file that is to be current, and the text that will say so. */
static enum status
prepare(struct manifest *manifest, const struct catalog *catalog,
    const char *passing, struct error *err)
{
	uint8_t header[MANIFEST_HEADER_BYTES];
	char path[PATH_BYTES_MAX];

	manifest_path(path, manifest->directory, manifest->number);
	header_encode(header, manifest->store_id, manifest->number);
	/*
	 * An earlier incarnation may have left a file of that number, and
	 * ended because a sync of the folder failed: such a name is seen, and
	 * no later sync puts it on disk. One that is made anew is written.
	 */
	if (path_remove(manifest->fs, path, err) != STATUS_OK ||
	    file_create(manifest->fs, path, &manifest->file, err) !=
		STATUS_OK ||
	    reserve(manifest, sizeof(header), err) != STATUS_OK ||
	    file_write_at(manifest->file, 0, slice_of(header, sizeof(header)),
		err) != STATUS_OK)
		return err->code;
	manifest->size_bytes = sizeof(header);
	if (write_whole(manifest, catalog, err) != STATUS_OK)
		return err->code;
	manifest->first_bytes = manifest->size_bytes;
	return prepare_current(manifest, passing, err);
}

/*
 * Goes on in a fresh file with everything in `catalog`. Until the last step
 * the old file holds, on disk and in *manifest: when there is no space for
 * the new one, it goes on.
 */
static enum status
begin(struct manifest *manifest, uint64_t number, const struct catalog *catalog,
    struct error *err)
{
	struct manifest fresh = *manifest;
	char current[PATH_BYTES_MAX];
	char passing[PATH_BYTES_MAX];
	char path[PATH_BYTES_MAX];
	struct error ignored;

	fresh.number = number;
	fresh.file = NULL;
	fresh.size_bytes = 0;
	fresh.reserved_bytes = 0;
	path_join(current, manifest->directory, "current");
	path_join(passing, manifest->directory, "current.new");
	if (prepare(&fresh, catalog, passing, err) != STATUS_OK) {
		file_close(fresh.file);
		/* The next start removes what stays. */
		manifest_path(path, manifest->directory, number);
		(void)!path_remove(manifest->fs, passing, &ignored);
		(void)!path_remove(manifest->fs, path, &ignored);
		return err->code;
	}
	file_close(manifest->file);
	*manifest = fresh;
	/* Both names exist before the one is changed that counts. */
	if (directory_sync(manifest->fs, manifest->directory, err) !=
		STATUS_OK ||
	    path_rename(manifest->fs, passing, current, err) != STATUS_OK ||
	    directory_sync(manifest->fs, manifest->directory, err) != STATUS_OK)
		return poison(manifest, err);
	return STATUS_OK;
}

/* Removes manifests other than the current one; failing is harmless. */
static enum status
remove_other(void *context, const char *name, struct error *err)
{
	struct manifest *manifest = context;
	char current[32];
	char path[PATH_BYTES_MAX];

	snprintf(
	    current, sizeof(current), "manifest-%016" PRIx64, manifest->number);
	if (strncmp(name, "manifest-", 9) != 0 || strcmp(name, current) == 0)
		return STATUS_OK;
	path_join(path, manifest->directory, name);
	return path_remove(manifest->fs, path, err);
}

enum status
manifest_renew(
    struct manifest *manifest, const struct catalog *catalog, struct error *err)
{
	if (manifest->failure.code != STATUS_OK)
		return error_copy(err, &manifest->failure);
	if (begin(manifest, manifest->number + 1, catalog, err) != STATUS_OK)
		return err->code;
	return directory_list(manifest->directory, remove_other, manifest, err);
}

static struct manifest *
manifest_new(
    struct file_system *fs, const char *directory, const uint8_t *store_id)
{
	struct manifest *manifest = mem_new(sizeof(*manifest));

	manifest->fs = fs;
	snprintf(
	    manifest->directory, sizeof(manifest->directory), "%s", directory);
	memcpy(manifest->store_id, store_id, MANIFEST_STORE_ID_BYTES);
	return manifest;
}

enum status
manifest_create(struct file_system *fs, const char *directory,
    const uint8_t *store_id, uint64_t number, const struct catalog *catalog,
    struct error *err)
{
	struct manifest *manifest = manifest_new(fs, directory, store_id);
	enum status status = begin(manifest, number, catalog, err);

	manifest_close(manifest);
	return status;
}

enum status
manifest_open(struct file_system *fs, const char *directory,
    const uint8_t *store_id, struct catalog *catalog, struct manifest **out,
    struct error *err)
{
	struct manifest *manifest;
	uint64_t number = 0;
	enum status status;

	*out = NULL;
	status = manifest_read(fs, directory, store_id, catalog, &number, err);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	manifest = manifest_new(fs, directory, store_id);
	if (begin(manifest, number + 1, catalog, err) != STATUS_OK ||
	    directory_list(directory, remove_other, manifest, err) !=
		STATUS_OK) {
		manifest_close(manifest);
		return err->code;
	}
	*out = manifest;
	return STATUS_OK;
}

bool
manifest_wants_renewal(const struct manifest *manifest, uint64_t bytes_min)
{
	uint64_t growth = manifest->size_bytes - manifest->first_bytes;

	return manifest->size_bytes > bytes_min &&
	    (growth > 3 * manifest->first_bytes || growth > GROWTH_BYTES_MAX);
}

void
manifest_close(struct manifest *manifest)
{
	if (manifest == NULL)
		return;
	file_close(manifest->file);
	mem_free(manifest);
}
