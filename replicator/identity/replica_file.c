#include "replicator/identity/replica_file.h"

#include <string.h>

#include "common/base/check.h"
#include "common/codec/append.h"
#include "common/codec/checksum.h"
#include "common/os/file.h"
#include "common/os/path.h"

#define MAGIC "kvrepl1\n"
#define MAGIC_BYTES 8
#define VERSION 1
#define FIXED_BYTES 16 /* the same in every later version */
#define CHECKSUM_BYTES 8
#define FILE_BYTES_MAX 4096

void
replica_encode(const struct replica *replica, struct buffer *out)
{
	size_t start = buffer_size(out);
	struct slice bytes;

	CHECK(replica->id != 0);
	buffer_append(out, MAGIC, MAGIC_BYTES);
	u32_append(out, VERSION);
	u32_append(out, replica->is_formed);
	u64_append(out, replica->id);
	sized_append(out, slice_of_string(replica->name));
	if (replica->is_formed)
		charter_encode(&replica->charter, out);
	bytes = buffer_slice(out);
	u64_append(out,
	    checksum64(slice_of(bytes.data + start, bytes.size - start), 0));
}

static bool
replica_take(struct slice input, struct replica *out)
{
	const struct founder *self;
	uint32_t is_formed;

	if (!u32_take(&input, &is_formed) || is_formed > 1 ||
	    !u64_take(&input, &out->id) || out->id == 0 ||
	    !node_name_take(&input, out->name))
		return false;
	out->is_formed = is_formed == 1;
	if (!out->is_formed)
		return input.size == 0;
	if (!charter_take(&input, &out->charter) || input.size != 0)
		return false;
	self = charter_find(&out->charter, out->name);
	return self != NULL && self->id == out->id;
}

enum status
replica_decode(struct slice bytes, struct replica *out, struct error *err)
{
	struct slice content;
	uint32_t version;

	if (bytes.size < FIXED_BYTES + CHECKSUM_BYTES ||
	    memcmp(bytes.data, MAGIC, MAGIC_BYTES) != 0)
		return error_set(
		    err, STATUS_CORRUPT, "is damaged, or another program's");
	version = u32_load(bytes.data + MAGIC_BYTES);
	if (version > VERSION)
		return error_set(err, STATUS_VERSION,
		    "has format %u, and this build (" KVSTORE_VERSION
		    ") knows up to %u",
		    version, VERSION);
	content = slice_of(bytes.data, bytes.size - CHECKSUM_BYTES);
	if (version != VERSION ||
	    u64_load(content.data + content.size) != checksum64(content, 0) ||
	    !replica_take(slice_of(bytes.data + 12, content.size - 12), out))
		return error_set(err, STATUS_CORRUPT, "is damaged");
	return STATUS_OK;
}

enum status
replica_file_load(struct file_system *fs, const char *directory,
    struct replica *out, struct error *err)
{
	struct buffer bytes = {0};
	char path[PATH_BYTES_MAX];
	enum status status;

	path_join(path, directory, REPLICA_FILE_NAME);
	status = file_read_whole(fs, path, FILE_BYTES_MAX, &bytes, err);
	if (status == STATUS_OK) {
		status = replica_decode(buffer_slice(&bytes), out, err);
		if (status != STATUS_OK)
			error_wrap(err, "file %s", path);
	}
	buffer_deinit(&bytes);
	return status;
}

enum status
replica_file_save(struct file_system *fs, const char *directory,
    const struct replica *replica, struct error *err)
{
	struct buffer bytes = {0};
	char path[PATH_BYTES_MAX];
	enum status status;

	path_join(path, directory, REPLICA_FILE_NAME);
	replica_encode(replica, &bytes);
	status = file_replace(fs, path, buffer_slice(&bytes), err);
	buffer_deinit(&bytes);
	return status;
}
