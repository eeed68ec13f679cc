#include "storaged/reserve/reserve.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/os/file.h"
#include "common/os/path.h"

struct reserve {
	struct file *file; /* owned */
	uint64_t held_bytes;
};

/* What the file system has really set aside: a copy of it may be sparse. */
static enum status
look(struct reserve *reserve, struct error *err)
{
	struct stat info;
	uint64_t blocks;

	if (fstat(file_descriptor(reserve->file), &info) != 0)
		return error_set_errno(
		    err, errno, "stat %s", file_path(reserve->file));
	blocks = (uint64_t)info.st_blocks * 512;
	reserve->held_bytes = (uint64_t)info.st_size;
	if (blocks < reserve->held_bytes)
		reserve->held_bytes = blocks;
	return STATUS_OK;
}

enum status
reserve_open(struct file_system *fs, const char *shard_directory,
    struct reserve **out, struct error *err)
{
	struct reserve *reserve = mem_new(sizeof(*reserve));
	char path[PATH_BYTES_MAX];
	enum status status;

	*out = NULL;
	path_join(path, shard_directory, "reserve");
	status = file_open_writable(fs, path, &reserve->file, err);
	if (status == STATUS_NOT_FOUND)
		status = file_create(fs, path, &reserve->file, err);
	if (status == STATUS_OK)
		status = look(reserve, err);
	if (status != STATUS_OK) {
		reserve_close(reserve);
		return error_wrap(err, "reserve");
	}
	*out = reserve;
	return STATUS_OK;
}

uint64_t
reserve_held_bytes(const struct reserve *reserve)
{
	return reserve == NULL ? 0 : reserve->held_bytes;
}

enum status
reserve_resize(struct reserve *reserve, uint64_t bytes, struct error *err)
{
	uint64_t before = reserve->held_bytes;
	enum status status = STATUS_OK;
	struct error more;

	bytes -= bytes % RESERVE_STEP_BYTES;
	if (bytes == before)
		return STATUS_OK;
	if (bytes > before)
		status = file_allocate(reserve->file, bytes, err);
	/* Allocating may have got half of what it was to get. */
	if (bytes < before || status != STATUS_OK) {
		enum status cut = file_truncate(
		    reserve->file, status == STATUS_OK ? bytes : before, &more);

		if (status == STATUS_OK && cut != STATUS_OK)
			status = error_copy(err, &more);
	}
	if (look(reserve, &more) != STATUS_OK)
		reserve->held_bytes = status == STATUS_OK ? bytes : before;
	return status == STATUS_OK ? STATUS_OK : error_wrap(err, "reserve");
}

void
reserve_close(struct reserve *reserve)
{
	if (reserve == NULL)
		return;
	file_close(reserve->file);
	mem_free(reserve);
}
