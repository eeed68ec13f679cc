#include "common/journal/journal_directory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/os/file.h"
#include "common/os/random.h"

#define NUMBER_DIGITS 16

struct listing {
	struct journal_directory *directory;
	const struct journal_options *options;
};

void
journal_segment_path(char out[PATH_BYTES_MAX],
    const struct journal_options *options, uint64_t number)
{
	char name[32];

	snprintf(name, sizeof(name), "%016" PRIx64 ".log", number);
	path_join(out, options->directory, name);
}

void
journal_spare_path(
    char out[PATH_BYTES_MAX], const struct journal_options *options)
{
	uint64_t any;
	char name[32];

	random_fill(&any, sizeof(any));
	snprintf(name, sizeof(name), "%016" PRIx64 ".spare", any);
	path_join(out, options->directory, name);
}

static bool
ends_with(const char *name, const char *end)
{
	size_t size = strlen(name);
	size_t end_size = strlen(end);

	return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

static bool
is_segment_name(const char *name, uint64_t *number)
{
	char again[32];

	*number = strtoull(name, NULL, 16);
	snprintf(again, sizeof(again), "%016" PRIx64 ".log", *number);
	return strlen(name) == NUMBER_DIGITS + strlen(".log") &&
	    strcmp(name, again) == 0;
}

static enum status
on_name(void *context, const char *name, struct error *err)
{
	struct listing *listing = context;
	struct journal_directory *directory = listing->directory;
	char path[PATH_BYTES_MAX];
	uint64_t number;

	if (is_segment_name(name, &number)) {
		directory->files = mem_resize(directory->files,
		    (directory->file_count + 1) * sizeof(*directory->files));
		directory->files[directory->file_count++] =
		    (struct journal_file){.number = number};
	} else if (ends_with(name, ".spare") || ends_with(name, ".log.new")) {
		path_join(path, listing->options->directory, name);
		directory->leftovers = mem_resize(directory->leftovers,
		    (directory->leftover_count + 1) *
			sizeof(*directory->leftovers));
		directory->leftovers[directory->leftover_count++] =
		    mem_dup_string(path);
	}
	return STATUS_OK;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct journal_file *)a)->number;
	uint64_t y = ((const struct journal_file *)b)->number;

	return (x > y) - (x < y);
}

/* What an intact header says must be for us to read. */
static enum status
check_identity(const struct journal_file *file, const char *path,
    const struct journal_options *options, struct error *err)
{
	const struct journal_segment_header *header = &file->header;

	if (header->version != JOURNAL_FORMAT_VERSION)
		return error_set(err, STATUS_VERSION,
		    "%s: journal format %u, this build reads %u", path,
		    header->version, JOURNAL_FORMAT_VERSION);
	if (memcmp(header->store_id, options->store_id,
		sizeof(header->store_id)) != 0)
		return error_set(
		    err, STATUS_INVALID, "%s: belongs to another store", path);
	if (header->shard != options->shard)
		return error_set(err, STATUS_INVALID,
		    "%s: belongs to shard %u, not to %u", path, header->shard,
		    options->shard);
	/* So much will be written for what is read of it. */
	if (header->size_bytes == 0 ||
	    header->size_bytes % JOURNAL_PAGE_BYTES != 0 ||
	    header->size_bytes > JOURNAL_SEGMENT_BYTES_MAX)
		return error_set(err, STATUS_CORRUPT,
		    "%s: no segment has %" PRIu64 " bytes", path,
		    header->size_bytes);
	return STATUS_OK;
}

static enum status
read_header(struct journal_file *file, const struct journal_options *options,
    struct error *err)
{
	uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES];
	char path[PATH_BYTES_MAX];
	struct file *opened;
	enum status status;
	size_t got;

	journal_segment_path(path, options, file->number);
	if (file_open(options->fs, path, &opened, err) != STATUS_OK)
		return err->code;
	status = file_size(opened, &file->size_bytes, err);
	if (status == STATUS_OK)
		status =
		    file_read_at(opened, 0, bytes, sizeof(bytes), &got, err);
	file_close(opened);
	if (status != STATUS_OK)
		return status;
	if (got < sizeof(bytes) ||
	    !journal_segment_header_decode(bytes, &file->header, &file->seed))
		return STATUS_OK;
	/* A recycled file that was renamed and not yet begun has an old one. */
	file->intact = file->header.number == file->number;
	return check_identity(file, path, options, err);
}

enum status
journal_directory_read(struct journal_directory *directory,
    const struct journal_options *options, struct error *err)
{
	struct listing listing = {directory, options};

	if (directory_list(options->directory, on_name, &listing, err) !=
	    STATUS_OK)
		return err->code;
	if (directory->file_count > 0)
		qsort(directory->files, directory->file_count,
		    sizeof(*directory->files), by_number);
	for (size_t i = 0; i < directory->file_count; i++) {
		if (read_header(&directory->files[i], options, err) !=
		    STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

void
journal_directory_deinit(struct journal_directory *directory)
{
	for (size_t i = 0; i < directory->leftover_count; i++)
		mem_free(directory->leftovers[i]);
	mem_free(directory->leftovers);
	mem_free(directory->files);
	*directory = (struct journal_directory){0};
}
