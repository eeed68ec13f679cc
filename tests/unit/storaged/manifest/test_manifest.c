#include <inttypes.h>
#include <stdio.h>

#include "common/base/rng.h"
#include "common/os/file.h"
#include "storaged/manifest/manifest.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static const uint8_t store_id[16] = {1, 2, 3};

static struct table_file *
make_table(unsigned level, uint64_t number, const char *first, const char *last)
{
	struct table_summary summary = {
	    .number = number,
	    .size_bytes = 1000 + number,
	    .entry_count = 10,
	    .sequence_min = number,
	    .sequence_max = number + 1,
	    .deadline_min = 77,
	    .deadline_max = 990000,
	    .expiring_count = 7,
	    .deadlines = {2, {{80, 3, 300}, {990000, 7, 777}}},
	};

	buffer_append_slice(&summary.first_key, slice_of_string(first));
	buffer_append_slice(&summary.last_key, slice_of_string(last));
	return table_file_create(&summary, COMPRESSION_LZ4, level);
}

static enum status
open_store(const struct scratch *scratch, struct catalog *catalog,
    struct manifest **out, struct error *err)
{
	*catalog = (struct catalog){0};
	return manifest_open(
	    file_system_real(), scratch->path, store_id, catalog, out, err);
}

static void
add_table(struct manifest *manifest, struct catalog *catalog,
    struct table_file *table, uint64_t sequence)
{
	struct recovery_point point = {.sequence = sequence, .clock_ms = 9};
	struct edit edit = {.added = &table,
	    .added_count = 1,
	    .recovery = &point,
	    .number_ceiling = 500};
	struct error err;

	buffer_append_slice(&point.writers, slice_of_string("writers"));
	ASSERT_OK(manifest_append(manifest, &edit, &err), &err);
	catalog_add(catalog, table);
	buffer_deinit(&catalog->recovery.writers);
	catalog->recovery = point;
	catalog->number_ceiling = 500;
}

static void
edits_come_back_after_reopening(void)
{
	struct scratch scratch;
	struct catalog catalog;
	struct manifest *manifest;
	struct error err;
	uint64_t removed = 3;
	struct edit edit = {.removed = &removed, .removed_count = 1};

	scratch_init(&scratch);
	ASSERT_OK(open_store(&scratch, &catalog, &manifest, &err), &err);
	add_table(manifest, &catalog, make_table(0, 3, "a", "z"), 10);
	add_table(manifest, &catalog, make_table(1, 4, "m", "p"), 20);
	add_table(manifest, &catalog, make_table(1, 5, "b", "c"), 30);
	ASSERT_OK(manifest_append(manifest, &edit, &err), &err);
	manifest_close(manifest);
	catalog_deinit(&catalog);
	for (int round = 0; round < 2; round++) {
		ASSERT_OK(
		    open_store(&scratch, &catalog, &manifest, &err), &err);
		CU_ASSERT_EQUAL(catalog.levels[0].count, 0);
		CU_ASSERT_EQUAL_FATAL(catalog.levels[1].count, 2);
		CU_ASSERT_EQUAL(catalog.levels[1].tables[0]->summary.number, 5);
		CU_ASSERT_EQUAL(
		    catalog.levels[1].tables[0]->compression, COMPRESSION_LZ4);
		CU_ASSERT_EQUAL(
		    catalog.levels[1].tables[1]->summary.deadline_min, 77);
		CU_ASSERT_EQUAL(
		    deadline_steps_expired(
			&catalog.levels[1].tables[1]->summary.deadlines, 989999)
			.raw_bytes,
		    300);
		CU_ASSERT_EQUAL(
		    catalog.levels[1].tables[1]->summary.deadlines.count, 2);
		CU_ASSERT_EQUAL(catalog.recovery.sequence, 30);
		CU_ASSERT_EQUAL(catalog.number_ceiling, 500);
		CU_ASSERT_TRUE(
		    slice_equal(buffer_slice(&catalog.recovery.writers),
			slice_of_string("writers")));
		manifest_close(manifest);
		catalog_deinit(&catalog);
	}
	scratch_deinit(&scratch);
}

/* A range tombstone cut where the next table begins ends just before it. */
static void
tables_may_touch_where_a_range_was_cut(void)
{
	struct table_file *cut = make_table(1, 3, "a", "m");
	struct scratch scratch;
	struct catalog catalog;
	struct manifest *manifest;
	struct error err;

	scratch_init(&scratch);
	cut->summary.last_is_exclusive = true;
	ASSERT_OK(open_store(&scratch, &catalog, &manifest, &err), &err);
	add_table(manifest, &catalog, cut, 10);
	add_table(manifest, &catalog, make_table(1, 4, "m", "p"), 20);
	ASSERT_OK(catalog_verify(&catalog, &err), &err);
	manifest_close(manifest);
	catalog_deinit(&catalog);
	ASSERT_OK(open_store(&scratch, &catalog, &manifest, &err), &err);
	CU_ASSERT_EQUAL_FATAL(catalog.levels[1].count, 2);
	CU_ASSERT_TRUE(catalog.levels[1].tables[0]->summary.last_is_exclusive);
	CU_ASSERT_EQUAL(
	    catalog.levels[1].tables[0]->compression, COMPRESSION_LZ4);
	CU_ASSERT_FALSE(catalog.levels[1].tables[1]->summary.last_is_exclusive);
	manifest_close(manifest);
	catalog_deinit(&catalog);
	scratch_deinit(&scratch);
}

static void
other_store_is_refused(void)
{
	static const uint8_t other[16] = {9};
	struct scratch scratch;
	struct catalog catalog;
	struct manifest *manifest;
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(open_store(&scratch, &catalog, &manifest, &err), &err);
	manifest_close(manifest);
	catalog_deinit(&catalog);
	CU_ASSERT_EQUAL(manifest_open(file_system_real(), scratch.path, other,
			    &catalog, &manifest, &err),
	    STATUS_INVALID);
	catalog_deinit(&catalog);
	scratch_deinit(&scratch);
}

/*
 * A flip is refused, or it hits the last record, which then counts as torn:
 * the catalog is the one before that edit.
 */
static void
flipped_bits_are_found_or_tear_the_last_edit(void)
{
	struct scratch scratch;
	struct catalog catalog;
	struct manifest *manifest;
	struct buffer bytes = {0};
	struct error err;
	char path[PATH_BYTES_MAX];

	scratch_init(&scratch);
	ASSERT_OK(open_store(&scratch, &catalog, &manifest, &err), &err);
	add_table(manifest, &catalog, make_table(0, 3, "a", "z"), 10);
	add_table(manifest, &catalog, make_table(0, 4, "a", "z"), 20);
	manifest_close(manifest);
	catalog_deinit(&catalog);
	path_join(path, scratch.path, "manifest-0000000000000001");
	ASSERT_OK(
	    file_read_whole(file_system_real(), path, 1 << 20, &bytes, &err),
	    &err);
	for (size_t bit = 0; bit < bytes.end * 8; bit++) {
		uint64_t number;
		enum status status;

		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ASSERT_OK(file_replace(file_system_real(), path,
			      buffer_slice(&bytes), &err),
		    &err);
		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		status = manifest_read(file_system_real(), scratch.path,
		    store_id, &catalog, &number, &err);
		if (status == STATUS_OK) {
			CU_ASSERT_EQUAL(catalog.recovery.sequence, 10);
			CU_ASSERT_EQUAL(catalog.levels[0].count, 1);
			CU_ASSERT_EQUAL(catalog.torn_manifest, 1);
			CU_ASSERT_TRUE(catalog.torn_offset > 0 &&
			    catalog.torn_offset <= bit / 8);
		} else {
			CU_ASSERT_TRUE(strstr(err.text, path) != NULL);
		}
		catalog_deinit(&catalog);
	}
	for (size_t size = 0; size < bytes.end; size++) {
		uint64_t number;

		ASSERT_OK(file_replace(file_system_real(), path,
			      slice_of(bytes.data, size), &err),
		    &err);
		if (manifest_read(file_system_real(), scratch.path, store_id,
			&catalog, &number, &err) == STATUS_OK)
			CU_ASSERT_TRUE(catalog.recovery.sequence <= 10);
		catalog_deinit(&catalog);
	}
	buffer_deinit(&bytes);
	scratch_deinit(&scratch);
}

static void
grown_manifest_is_renewed_and_the_old_one_goes(void)
{
	struct scratch scratch;
	struct catalog catalog;
	struct manifest *manifest;
	struct error err;
	struct recovery_point point = {.clock_ms = 1};

	scratch_init(&scratch);
	ASSERT_OK(open_store(&scratch, &catalog, &manifest, &err), &err);
	buffer_reserve(&point.writers, 100000);
	memset(point.writers.data, 'x', 100000);
	buffer_commit(&point.writers, 100000);
	CU_ASSERT_FALSE(manifest_wants_renewal(manifest, 1 << 20));
	for (point.sequence = 1; !manifest_wants_renewal(manifest, 1 << 20);
	     point.sequence++) {
		struct edit edit = {.recovery = &point};

		ASSERT_OK(manifest_append(manifest, &edit, &err), &err);
		catalog.recovery.sequence = point.sequence;
	}
	ASSERT_OK(manifest_renew(manifest, &catalog, &err), &err);
	CU_ASSERT_FALSE(manifest_wants_renewal(manifest, 1 << 20));
	CU_ASSERT_FALSE(
	    path_exists(scratch_path(&scratch, "manifest-0000000000000001")));
	CU_ASSERT_TRUE(
	    path_exists(scratch_path(&scratch, "manifest-0000000000000002")));
	manifest_close(manifest);
	catalog_deinit(&catalog);
	buffer_deinit(&point.writers);
	scratch_deinit(&scratch);
}

/* Large states of writers must not make a file that nobody can read. */
static void
large_manifest_is_renewed_early(void)
{
	const size_t size = 33 << 20;
	struct scratch scratch;
	struct catalog catalog;
	struct manifest *manifest;
	struct error err;
	struct edit edit = {.recovery = &catalog.recovery};

	scratch_init(&scratch);
	ASSERT_OK(open_store(&scratch, &catalog, &manifest, &err), &err);
	memset(buffer_reserve(&catalog.recovery.writers, size), 'x', size);
	buffer_commit(&catalog.recovery.writers, size);
	ASSERT_OK(manifest_renew(manifest, &catalog, &err), &err);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_FALSE(manifest_wants_renewal(manifest, 1 << 20));
		ASSERT_OK(manifest_append(manifest, &edit, &err), &err);
	}
	CU_ASSERT_TRUE(manifest_wants_renewal(manifest, 1 << 20));
	manifest_close(manifest);
	catalog_deinit(&catalog);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(edits_come_back_after_reopening),
	    SUITE_CASE(tables_may_touch_where_a_range_was_cut),
	    SUITE_CASE(other_store_is_refused),
	    SUITE_CASE(flipped_bits_are_found_or_tear_the_last_edit),
	    SUITE_CASE(grown_manifest_is_renewed_and_the_old_one_goes),
	    SUITE_CASE(large_manifest_is_renewed_early),
	};

	return suite_run("manifest", cases, SUITE_COUNT(cases), argc, argv);
}
