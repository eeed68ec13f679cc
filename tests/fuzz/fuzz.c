#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/os/path.h"
#include "tests/support/scratch.h"

static struct scratch folder;

uint64_t
fuzz_take_number(struct slice *input, uint64_t from, uint64_t to)
{
	uint64_t span = to - from;
	uint64_t number = 0;

	for (; span > 0 && input->size > 0; span >>= 8) {
		number = number << 8 | input->data[0];
		input->data++;
		input->size--;
	}
	if (to - from == UINT64_MAX)
		return number;
	return from + number % (to - from + 1);
}

struct slice
fuzz_take_bytes(struct slice *input, size_t size_max)
{
	size_t size = (size_t)fuzz_take_number(input, 0, size_max);
	struct slice bytes;

	size = size < input->size ? size : input->size;
	bytes = slice_of(input->data, size);
	input->data += size;
	input->size -= size;
	return bytes;
}

uint8_t *
fuzz_copy(struct slice bytes)
{
	return mem_dup(bytes.data, bytes.size);
}

static void
remove_folder(void)
{
	scratch_deinit(&folder);
}

static void
need_folder(void)
{
	if (folder.path[0] != '\0')
		return;
	scratch_init(&folder);
	CHECK(atexit(remove_folder) == 0);
}

const char *
fuzz_file(const char *name, struct slice bytes)
{
	const char *path;
	int fd;

	need_folder();
	path = scratch_path(&folder, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK(bytes.size == 0 ||
	    write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
	CHECK(close(fd) == 0);
	return path;
}

static enum status
remove_name(void *context, const char *name, struct error *err)
{
	char path[PATH_BYTES_MAX];

	path_join(path, folder.path, name);
	return path_remove(file_system_real(), path, err);
}

const char *
fuzz_folder(void)
{
	struct error err;

	need_folder();
	CHECK(
	    directory_list(folder.path, remove_name, NULL, &err) == STATUS_OK);
	return folder.path;
}

const char *
fuzz_folder_path(void)
{
	need_folder();
	return folder.path;
}
