#include <stdio.h>

#include "common/base/check.h"
#include "common/journal/journal.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"

#define SEGMENTS_MAX 3

static const uint8_t store_id[JOURNAL_STORE_ID_BYTES] = "0123456789abcdef";

static enum status
ignore(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	return STATUS_OK;
}

/* `records` of `bytes` each, in segments of 4096 bytes. */
static void
write_journal(const char *folder, unsigned records, size_t bytes)
{
	struct journal_options options = {.fs = file_system_real(),
	    .directory = folder,
	    .store_id = store_id,
	    .segment_bytes = 4096};
	struct journal_recovery recovery;
	struct journal *journal;
	uint8_t payload[3000] = "payload";
	struct error err;

	CHECK(journal_open(&options, 0, ignore, NULL, &recovery, &journal,
		  &err) == STATUS_OK);
	for (unsigned i = 0; i < records; i++) {
		payload[7] = (uint8_t)i;
		CHECK(journal_append(journal,
			  journal_last_sequence(journal) + 1, 1 + i % 3,
			  slice_of(payload, bytes), &err) == STATUS_OK);
		CHECK(journal_commit(journal, i % 2 == 0, &err) == STATUS_OK);
	}
	journal_close(journal);
}

static void
read_segment(const char *folder, unsigned number, struct buffer *out)
{
	char path[PATH_BYTES_MAX];
	struct error err;

	snprintf(path, sizeof(path), "%s/%016x.log", folder, number);
	CHECK(file_read_whole(file_system_real(), path, 1 << 20, out, &err) ==
	    STATUS_OK);
}

/* The last segment is cut to what is not zero, or to `cut`. */
static void
seed_journal(uint64_t after, uint8_t mask, unsigned records, size_t bytes,
    unsigned segments, size_t cut)
{
	const char *folder = fuzz_folder();
	struct buffer seed = {0};
	struct buffer segment = {0};

	write_journal(folder, records, bytes);
	seed_append_number(&seed, 255, after);
	seed_append_number(&seed, 255, mask);
	seed_append_number(&seed, SEGMENTS_MAX - 1, segments - 1);
	for (unsigned i = 1; i < segments; i++)
		seed_append_number(&seed, 128, 4096 / 64);
	for (unsigned i = 1; i <= segments; i++) {
		size_t size;

		buffer_clear(&segment, SIZE_MAX);
		read_segment(folder, i, &segment);
		size = buffer_size(&segment);
		while (i == segments && size > 0 &&
		    segment.data[segment.start + size - 1] == 0)
			size--;
		if (i == segments && cut < size)
			size = cut;
		buffer_append(&seed, segment.data + segment.start, size);
	}
	seed_write("journal", buffer_slice(&seed));
	buffer_deinit(&segment);
	buffer_deinit(&seed);
}

void
seeds_journal(void)
{
	seed_journal(0, 0, 0, 0, 1, SIZE_MAX);
	seed_journal(0, 0, 6, 20, 1, SIZE_MAX);
	seed_journal(3, 0, 6, 20, 1, 250);
	seed_journal(7, 0x04, 9, 33, 1, SIZE_MAX);
	seed_journal(0, 0, 3, 2000, 2, SIZE_MAX);
	seed_journal(2, 0, 5, 1500, 2, SIZE_MAX);
	seed_journal(6, 0x02, 6, 1900, 3, SIZE_MAX);
	seed_journal(0, 0x11, 6, 1900, 3, 0);
}
