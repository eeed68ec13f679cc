/*
 * journal_reader - finds the intact records of one segment.
 *
 * Inside common/journal only. It judges bytes, one place at a time; what a
 * damaged place means is recovery's to say.
 *
 * Failure   STATUS_IO only; damage is an answer.
 * Ownership Borrows the file. A payload is borrowed until the next call.
 * Threads   One.
 * Limits    Holds 1 MiB of the file, or one record where that is larger.
 */
#ifndef COMMON_JOURNAL_JOURNAL_READER_H
#define COMMON_JOURNAL_JOURNAL_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/journal/journal_format.h"
#include "common/os/file.h"

struct journal_reader {
	struct file *file; /* borrowed */
	uint64_t size_bytes;
	struct journal_base base;
	struct buffer window;
	uint64_t window_offset;
};

enum journal_place {
	JOURNAL_PLACE_INTACT, /* a whole record */
	JOURNAL_PLACE_HEADER, /* an intact header and a damaged payload */
	JOURNAL_PLACE_NONE, /* no intact header */
};

struct journal_found {
	enum journal_place place;
	uint64_t offset;
	struct journal_record_header record;
	struct slice payload;
};

/* Reads `file`, whose records are written against `base`. */
enum status
journal_reader_init(struct journal_reader *reader, struct file *file,
    const struct journal_base *base, struct error *err) MUST_CHECK;
void journal_reader_deinit(struct journal_reader *reader);

/* What stands at `offset`. */
enum status journal_reader_at(struct journal_reader *reader, uint64_t offset,
    struct journal_found *found, struct error *err) MUST_CHECK;

/* The first intact record at or behind `offset`, else JOURNAL_PLACE_NONE. */
enum status journal_reader_scan(struct journal_reader *reader, uint64_t offset,
    struct journal_found *found, struct error *err) MUST_CHECK;

/* Whether any byte from `offset` to the end of its page is not zero. */
enum status journal_reader_has_residue(struct journal_reader *reader,
    uint64_t offset, bool *residue, struct error *err) MUST_CHECK;

#endif
