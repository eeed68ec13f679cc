/*
 * Edits of the manifest, one behind the other on the same catalog. What the
 * catalog then is, written as one edit and replayed, is the same catalog. The
 * input is a list of edits, each a size and so many bytes.
 */
#include "common/base/mem.h"
#include "storaged/manifest/catalog.h"
#include "storaged/manifest/edit.h"
#include "tests/fuzz/fuzz.h"

static void
encode_whole(const struct catalog *catalog, struct buffer *out)
{
	size_t count = catalog_table_count(catalog);
	struct table_file **tables = mem_new_array(count + 1, sizeof(*tables));
	struct edit edit = {
	    .added = tables,
	    .recovery = &catalog->recovery,
	    .number_ceiling = catalog->number_ceiling,
	};

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog->levels[i].count; t++)
			tables[edit.added_count++] =
			    catalog->levels[i].tables[t];
	}
	edit_encode(&edit, out);
	mem_free(tables);
}

static void
replay_whole(const struct catalog *catalog)
{
	struct catalog again = {0};
	struct buffer first = {0};
	struct buffer second = {0};
	struct error err;

	encode_whole(catalog, &first);
	if (edit_replay(buffer_slice(&first), &again, &err) != STATUS_OK)
		check_failed(err.text, __FILE__, __LINE__);
	encode_whole(&again, &second);
	CHECK(slice_equal(buffer_slice(&first), buffer_slice(&second)));
	CHECK(catalog_bytes(catalog) == catalog_bytes(&again));
	CHECK(catalog_verify(catalog, &err) == catalog_verify(&again, &err));
	catalog_deinit(&again);
	buffer_deinit(&first);
	buffer_deinit(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct catalog catalog = {0};
	struct error err;

	while (input.size > 0) {
		struct slice bytes = fuzz_take_bytes(&input, 255);

		if (edit_replay(bytes, &catalog, &err) != STATUS_OK)
			break;
		replay_whole(&catalog);
	}
	catalog_deinit(&catalog);
	return 0;
}
