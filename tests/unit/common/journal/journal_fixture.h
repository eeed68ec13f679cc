/*
 * journal_fixture - a folder with a journal, records whose bytes follow from
 * their sequence, and a reader that knows which ones to expect.
 */
#ifndef TESTS_UNIT_COMMON_JOURNAL_JOURNAL_FIXTURE_H
#define TESTS_UNIT_COMMON_JOURNAL_JOURNAL_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/journal/journal.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static const uint8_t journal_fixture_store[JOURNAL_STORE_ID_BYTES] =
    "the store";

struct journal_fixture {
	struct journal_options options;
	struct journal *journal; /* NULL while closed */
	struct journal_recovery recovery;
	uint64_t first; /* of the records given by the last opening; 0: none */
	uint64_t next; /* behind them */
	uint64_t salt; /* other bytes for the same sequences */
	size_t payload_bytes_max;
	struct error err;
};

static inline void
journal_fixture_init(
    struct journal_fixture *fixture, struct file_system *fs, const char *folder)
{
	*fixture = (struct journal_fixture){
	    .options =
		{
		    .fs = fs,
		    .directory = folder,
		    .store_id = journal_fixture_store,
		    .shard = 3,
		    .segment_bytes = 4096,
		    .spares_max = 2,
		},
	    .payload_bytes_max = 700,
	};
}

static inline uint32_t
journal_fixture_count(uint64_t first_sequence)
{
	return 1 + (uint32_t)(first_sequence % 3);
}

/* The payload of the record that begins at `first_sequence`. */
static inline void
journal_fixture_payload(const struct journal_fixture *fixture,
    uint64_t first_sequence, struct buffer *out)
{
	struct rng rng = rng_seeded(first_sequence ^ fixture->salt);
	size_t size = 1 + (size_t)rng_below(&rng, fixture->payload_bytes_max);

	buffer_clear(out, SIZE_MAX);
	for (size_t i = 0; i < size; i++)
		buffer_append_byte(out, (uint8_t)rng_next(&rng));
}

static inline enum status
journal_fixture_on_record(void *context, uint64_t first_sequence,
    uint32_t count, struct slice payload, struct error *err)
{
	struct journal_fixture *fixture = context;
	struct buffer expected = {0};

	if (fixture->first == 0)
		fixture->first = first_sequence;
	else
		CU_ASSERT_EQUAL(first_sequence, fixture->next);
	CU_ASSERT_EQUAL(count, journal_fixture_count(first_sequence));
	fixture->next = first_sequence + count;
	journal_fixture_payload(fixture, first_sequence, &expected);
	CU_ASSERT_TRUE(slice_equal(payload, buffer_slice(&expected)));
	buffer_deinit(&expected);
	return STATUS_OK;
}

static inline enum status
journal_fixture_open(struct journal_fixture *fixture, uint64_t after)
{
	CHECK(fixture->journal == NULL);
	fixture->first = 0;
	fixture->next = after + 1;
	return journal_open(&fixture->options, after, journal_fixture_on_record,
	    fixture, &fixture->recovery, &fixture->journal, &fixture->err);
}

static inline void
journal_fixture_close(struct journal_fixture *fixture)
{
	journal_close(fixture->journal);
	fixture->journal = NULL;
}

/* Appends the record that follows on. */
static inline enum status
journal_fixture_append(struct journal_fixture *fixture)
{
	uint64_t first = journal_last_sequence(fixture->journal) + 1;
	struct buffer payload = {0};
	enum status status;

	journal_fixture_payload(fixture, first, &payload);
	status = journal_append(fixture->journal, first,
	    journal_fixture_count(first), buffer_slice(&payload),
	    &fixture->err);
	buffer_deinit(&payload);
	return status;
}

/* Appends `count` records, each with a synced commit. */
static inline void
journal_fixture_fill(struct journal_fixture *fixture, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ASSERT_OK(journal_fixture_append(fixture), &fixture->err);
		ASSERT_OK(journal_commit(fixture->journal, true, &fixture->err),
		    &fixture->err);
	}
}

/* The path of segment `number`, borrowed until the next such call. */
static inline const char *
journal_fixture_segment(const char *folder, unsigned number)
{
	static char path[PATH_BYTES_MAX];
	char name[32];

	snprintf(name, sizeof(name), "%016x.log", number);
	path_join(path, folder, name);
	return path;
}

#endif
