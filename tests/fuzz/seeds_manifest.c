#include <stdio.h>

#include "common/base/check.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "storaged/manifest/manifest.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"

#define EDIT_BYTES_TAKEN 255 /* as fuzz_edit.c has it */

static const uint8_t store_id[16] = "0123456789abcdef";

static struct table_file *
make_table(uint64_t number, unsigned level, const char *first, const char *last)
{
	struct table_summary summary = {
	    .number = number,
	    .size_bytes = 4096 * number,
	    .entry_count = 100,
	    .tombstone_count = 3,
	    .range_count = number % 2,
	    .raw_bytes = 3000,
	    .sequence_min = 10 * number,
	    .sequence_max = 10 * number + 9,
	    .expiring_count = level,
	    .deadline_min = level,
	    .deadline_max = level,
	    .last_is_exclusive = number % 3 == 0,
	};

	buffer_append(&summary.first_key, first, strlen(first));
	buffer_append(&summary.last_key, last, strlen(last));
	return table_file_create(
	    &summary, (enum compression)(number % 3), level);
}

/* Appends edits to a manifest and, one by one, to a seed of fuzz_edit. */
static void
append(struct manifest *manifest, const struct edit *edit, struct buffer *list)
{
	struct buffer bytes = {0};
	struct error err;

	CHECK(manifest_append(manifest, edit, &err) == STATUS_OK);
	edit_encode(edit, &bytes);
	seed_append_bytes(list, EDIT_BYTES_TAKEN, buffer_slice(&bytes));
	seed_write("edit", buffer_slice(list));
	buffer_deinit(&bytes);
}

static void
append_edits(struct manifest *manifest)
{
	struct table_file *tables[] = {
	    make_table(2, 0, "a", "m"),
	    make_table(3, 0, "", "zzz"),
	    make_table(4, 1, "b", "c"),
	    make_table(5, 1, "d", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"),
	};
	const uint64_t removed[] = {2, 3};
	struct recovery_point recovery = {100, 1700000000000, 0, {0}};
	struct buffer list = {0};
	struct edit edit = {
	    .added = tables, .added_count = 2, .recovery = &recovery};

	buffer_append(&recovery.writers, "state", 5);
	append(manifest, &edit, &list);
	edit = (struct edit){.added = tables + 2,
	    .added_count = 2,
	    .removed = removed,
	    .removed_count = 2};
	append(manifest, &edit, &list);
	edit = (struct edit){.number_ceiling = 4096};
	append(manifest, &edit, &list);
	for (size_t i = 0; i < 4; i++)
		table_file_close(tables[i]);
	buffer_deinit(&recovery.writers);
	buffer_deinit(&list);
}

void
seeds_manifest(void)
{
	const char *folder = fuzz_folder();
	struct catalog catalog = {0};
	struct buffer content = {0};
	struct manifest *manifest;
	char path[PATH_BYTES_MAX];
	struct error err;

	CHECK(manifest_open(file_system_real(), folder, store_id, &catalog,
		  &manifest, &err) == STATUS_OK);
	append_edits(manifest);
	manifest_close(manifest);
	catalog_deinit(&catalog);
	snprintf(path, sizeof(path), "%s/manifest-%016x", folder, 1);
	CHECK(file_read_whole(file_system_real(), path, 1 << 20, &content,
		  &err) == STATUS_OK);
	seed_write("manifest", buffer_slice(&content));
	/* A torn tail, and a first record alone. */
	seed_write(
	    "manifest", slice_of(content.data, buffer_size(&content) - 3));
	seed_write("manifest", slice_of(content.data, 90));
	buffer_clear(&content, SIZE_MAX);
	snprintf(path, sizeof(path), "%s/current", folder);
	CHECK(file_read_whole(file_system_real(), path, 100, &content, &err) ==
	    STATUS_OK);
	seed_write("current", buffer_slice(&content));
	seed_write_text("current", "00000000000000ff\n");
	buffer_deinit(&content);
}
