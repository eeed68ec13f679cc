#include "storaged/tree/table_trash.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/path.h"
#include "storaged/background/sweeper.h"
#include "storaged/manifest/table_file.h"

void
table_trash_deinit(struct table_trash *trash)
{
	mem_free(trash->held);
	trash->held = NULL;
	trash->held_count = 0;
}

static void
unlink_table(const struct table_trash *trash, uint64_t number)
{
	char path[PATH_BYTES_MAX];

	table_file_path(path, trash->shard_directory, number);
	sweeper_add(trash->sweeper, NULL, path);
}

void
table_trash_drop(struct table_trash *trash, uint64_t number)
{
	if (trash->hold_count == 0) {
		unlink_table(trash, number);
		return;
	}
	trash->held = mem_resize(
	    trash->held, (trash->held_count + 1) * sizeof(*trash->held));
	trash->held[trash->held_count++] = number;
}

void
table_trash_hold(struct table_trash *trash)
{
	trash->hold_count++;
}

void
table_trash_release(struct table_trash *trash)
{
	CHECK(trash->hold_count > 0);
	if (--trash->hold_count > 0)
		return;
	for (size_t i = 0; i < trash->held_count; i++)
		unlink_table(trash, trash->held[i]);
	table_trash_deinit(trash);
}
