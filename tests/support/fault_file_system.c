#include "tests/support/fault_file_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "tests/support/fault_call.h"
#include "tests/support/fault_disk.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define DESCRIPTION_BYTES_MAX 512
#define NO_CALL UINT64_MAX

/* A name as the calls so far have left it. */
struct name {
	char *path; /* owned, relative to the root */
	int node;
	bool removed;
};

/* What was there before us, or came behind our back: durable. */
struct adopted {
	char *path; /* owned */
	int node;
	bool is_folder;
	ino_t inode; /* 0: it has one name only */
	struct buffer content;
};

struct fault_file_system {
	struct file_system table; /* first: the table is the object */
	struct file_system *real; /* borrowed */
	pthread_mutex_t mutex; /* everything below */
	char *root; /* owned */
	struct fault_call *calls;
	size_t call_count;
	struct name *names;
	size_t name_count;
	struct adopted *adopted;
	size_t adopted_count;
	int node_count;
	int *nodes_of_fds;
	size_t fd_count;
	uint64_t fault_call;
	enum fault_kind fault_kind;
	int fault_errnum;
	bool struck;
	struct fault_disk *disk; /* NULL, or the first `played` calls */
	uint64_t played;
	const char *ignored; /* borrowed; syncs that the disk ignores */
	char description[DESCRIPTION_BYTES_MAX];
};

static void adopt_folder(struct fault_file_system *fault, const char *path);

static struct fault_file_system *
of_table(struct file_system *fs)
{
	return (struct fault_file_system *)(void *)fs;
}

/* Appends `count` + 1 to an array's size; amortised by doubling. */
static void *
grown(void *array, size_t count, size_t size)
{
	if (count > 0 && (count & (count - 1)) != 0)
		return array;
	return mem_resize(array, (count == 0 ? 1 : count * 2) * size);
}

/* The path within the root, owned; NULL for one outside. */
static char *
path_within(const struct fault_file_system *fault, const char *path)
{
	size_t size = strlen(fault->root);

	if (strncmp(path, fault->root, size) != 0 ||
	    (path[size] != '/' && path[size] != '\0'))
		return NULL;
	path += size;
	while (*path == '/')
		path++;
	CHECK(strstr(path, "//") == NULL && strstr(path, "..") == NULL);
	return mem_dup_string(path);
}

static struct name *
find_name(struct fault_file_system *fault, const char *path)
{
	for (size_t i = 0; i < fault->name_count; i++) {
		if (!fault->names[i].removed &&
		    strcmp(fault->names[i].path, path) == 0)
			return &fault->names[i];
	}
	return NULL;
}

static void
remove_name(struct fault_file_system *fault, const char *path)
{
	struct name *name = find_name(fault, path);

	if (name != NULL)
		name->removed = true;
}

static void
add_name(struct fault_file_system *fault, const char *path, int node)
{
	remove_name(fault, path);
	fault->names =
	    grown(fault->names, fault->name_count, sizeof(*fault->names));
	fault->names[fault->name_count++] =
	    (struct name){mem_dup_string(path), node, false};
}

static struct adopted *
add_adopted(struct fault_file_system *fault, const char *path)
{
	struct adopted *adopted;

	fault->adopted =
	    grown(fault->adopted, fault->adopted_count, sizeof(*adopted));
	adopted = &fault->adopted[fault->adopted_count++];
	*adopted = (struct adopted){.path = mem_dup_string(path), .node = -1};
	/* What was played so far did not know of it. */
	fault_disk_close(fault->disk);
	fault->disk = NULL;
	return adopted;
}

static void
adopt_file(
    struct fault_file_system *fault, const char *path, const struct stat *info)
{
	struct adopted *adopted = add_adopted(fault, path);
	char full[PATH_BYTES_MAX];
	struct error err;

	if (info->st_nlink > 1) {
		adopted->inode = info->st_ino;
		for (size_t i = 0; i + 1 < fault->adopted_count; i++) {
			if (fault->adopted[i].inode == info->st_ino)
				adopted->node = fault->adopted[i].node;
		}
	}
	if (adopted->node < 0) {
		adopted->node = fault->node_count++;
		path_join(full, fault->root, path);
		CHECK(file_read_whole(fault->real, full, FILE_BYTES_MAX,
			  &adopted->content, &err) == STATUS_OK);
	}
	add_name(fault, path, adopted->node);
}

/* Takes in what lies at `path` if the calls so far do not explain it. */
static void
adopt(struct fault_file_system *fault, const char *path)
{
	char full[PATH_BYTES_MAX];
	struct stat info;

	if (path == NULL || find_name(fault, path) != NULL)
		return;
	path_join(full, fault->root, path);
	if (lstat(full, &info) != 0)
		return;
	if (S_ISREG(info.st_mode))
		adopt_file(fault, path, &info);
	else if (S_ISDIR(info.st_mode))
		adopt_folder(fault, path);
}

static void
adopt_folder(struct fault_file_system *fault, const char *path)
{
	struct adopted *adopted = add_adopted(fault, path);
	char full[PATH_BYTES_MAX];
	struct dirent *entry;
	DIR *directory;

	adopted->is_folder = true;
	adopted->node = fault->node_count++;
	add_name(fault, path, adopted->node);
	path_join(full, fault->root, path);
	directory = opendir(full);
	CHECK(directory != NULL);
	while ((entry = readdir(directory)) != NULL) {
		char inner[PATH_BYTES_MAX];

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (path[0] == '\0')
			snprintf(inner, sizeof(inner), "%s", entry->d_name);
		else
			path_join(inner, path, entry->d_name);
		adopt(fault, inner);
	}
	closedir(directory);
}

/* Locks, and records a call that has not happened yet. */
static struct fault_call *
begin(struct fault_file_system *fault, enum fault_op op)
{
	struct fault_call *call;

	pthread_mutex_lock(&fault->mutex);
	fault->calls =
	    grown(fault->calls, fault->call_count, sizeof(*fault->calls));
	call = &fault->calls[fault->call_count++];
	*call = (struct fault_call){.op = op, .node = FAULT_NODE_NONE};
	return call;
}

/* Keeps how it went, unlocks, and returns what the caller gets. */
static ssize_t
end(struct fault_file_system *fault, struct fault_call *call, ssize_t result)
{
	int errnum = errno;

	call->failed = result < 0;
	pthread_mutex_unlock(&fault->mutex);
	errno = errnum;
	return result;
}

/* Whether the armed fault strikes the call just begun; sets errno then. */
static bool
strikes(struct fault_file_system *fault, enum fault_op op)
{
	uint64_t number = fault->call_count - 1;

	if (fault->fault_call == NO_CALL || number < fault->fault_call ||
	    (number > fault->fault_call &&
		fault->fault_kind != FAULT_ERROR_FROM))
		return false;
	fault->struck = true;
	errno = fault->fault_errnum;
	/* A short count is no failure, and only reads and writes have one. */
	return fault->fault_kind != FAULT_SHORT || op == FAULT_PREAD ||
	    op == FAULT_PWRITE;
}

static void
note_path(
    struct fault_file_system *fault, struct fault_call *call, const char *path)
{
	char *within = path_within(fault, path);

	adopt(fault, within);
	call->path = within != NULL ? within : mem_dup_string(path);
	if (within != NULL) {
		const struct name *name = find_name(fault, within);

		call->node = name == NULL ? FAULT_NODE_NONE : name->node;
	}
}

static void
note_fd(struct fault_file_system *fault, struct fault_call *call, int fd)
{
	if (fd >= 0 && (size_t)fd < fault->fd_count)
		call->node = fault->nodes_of_fds[fd];
	for (size_t i = 0; call->node >= 0 && i < fault->name_count; i++) {
		const struct name *name = &fault->names[i];

		if (name->node != call->node || name->removed)
			continue;
		call->path = mem_dup_string(name->path);
		return;
	}
}

static void
bind_fd(struct fault_file_system *fault, int fd, int node)
{
	size_t wanted = (size_t)fd + 1;

	if (fault->fd_count < wanted) {
		fault->nodes_of_fds = mem_resize(
		    fault->nodes_of_fds, wanted * sizeof(*fault->nodes_of_fds));
		for (size_t i = fault->fd_count; i < wanted; i++)
			fault->nodes_of_fds[i] = FAULT_NODE_NONE;
		fault->fd_count = wanted;
	}
	fault->nodes_of_fds[fd] = node;
}

static int
fault_open(struct file_system *fs, const char *path, int flags, mode_t mode)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_OPEN);
	char *within;
	int fd;

	note_path(fault, call, path);
	if (strikes(fault, FAULT_OPEN))
		return (int)end(fault, call, -1);
	fd = fault->real->open(fault->real, path, flags, mode);
	if (fd < 0)
		return (int)end(fault, call, -1);
	within = path_within(fault, path);
	if (within != NULL && call->node < 0) {
		call->created = true;
		call->node = fault->node_count++;
		add_name(fault, within, call->node);
	} else if (within != NULL && (flags & O_TRUNC) != 0) {
		call->truncated = true;
	}
	mem_free(within);
	bind_fd(fault, fd, call->node);
	return (int)end(fault, call, fd);
}

static int
fault_close(struct file_system *fs, int fd)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_CLOSE);
	bool fails = strikes(fault, FAULT_CLOSE) &&
	    fault->fault_kind != FAULT_ERROR_FROM;
	int result;

	note_fd(fault, call, fd);
	/* Linux closes the descriptor even when it reports an error. */
	bind_fd(fault, fd, FAULT_NODE_NONE);
	result = fault->real->close(fault->real, fd);
	if (fails)
		errno = fault->fault_errnum;
	return (int)end(fault, call, fails ? -1 : result);
}

static ssize_t
fault_pread(
    struct file_system *fs, int fd, void *bytes, size_t size, off_t offset)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_PREAD);

	note_fd(fault, call, fd);
	call->offset = (uint64_t)offset;
	call->size = size;
	if (strikes(fault, FAULT_PREAD)) {
		if (fault->fault_kind != FAULT_SHORT)
			return end(fault, call, -1);
		size = (size + 1) / 2;
	}
	return end(fault, call,
	    fault->real->pread(fault->real, fd, bytes, size, offset));
}

static bool
all_zero(const uint8_t *bytes, size_t size)
{
	return size == 0 ||
	    (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static ssize_t
fault_pwrite(struct file_system *fs, int fd, const void *bytes, size_t size,
    off_t offset)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_PWRITE);
	bool struck = strikes(fault, FAULT_PWRITE);
	ssize_t done = 0;

	note_fd(fault, call, fd);
	call->offset = (uint64_t)offset;
	if (struck) {
		if (fault->fault_kind == FAULT_SHORT)
			size = (size + 1) / 2;
		else if (fault->fault_kind == FAULT_ERROR_AFTER_HALF)
			size = size / 2;
		else
			size = 0;
	}
	if (size > 0)
		done =
		    fault->real->pwrite(fault->real, fd, bytes, size, offset);
	if (done > 0) {
		call->size = (uint64_t)done;
		if (call->node >= 0 && !all_zero(bytes, (size_t)done))
			call->bytes = mem_dup(bytes, (size_t)done);
	}
	if (struck && fault->fault_kind != FAULT_SHORT) {
		errno = fault->fault_errnum;
		done = -1;
	}
	return end(fault, call, done);
}

/* The page cache is one for both ways: for a test this is a pwrite. */
static ssize_t
fault_mapped_write(struct file_system *fs, int fd, void *mapping,
    const void *bytes, size_t size, off_t offset)
{
	(void)mapping;
	return fault_pwrite(fs, fd, bytes, size, offset);
}

/* What the disk writes unasked it may write at any time: no call. */
static void
fault_write_out(struct file_system *fs, int fd, off_t offset, off_t size)
{
	(void)fs;
	(void)fd;
	(void)offset;
	(void)size;
}

static int
fault_sync(struct file_system *fs, int fd)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_SYNC);

	note_fd(fault, call, fd);
	if (strikes(fault, FAULT_SYNC))
		return (int)end(fault, call, -1);
	/* The model decides what is on disk; the machine's need not wait. */
	return (int)end(fault, call, 0);
}

static int
fault_truncate(struct file_system *fs, int fd, off_t size)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_TRUNCATE);

	note_fd(fault, call, fd);
	call->size = (uint64_t)size;
	if (strikes(fault, FAULT_TRUNCATE))
		return (int)end(fault, call, -1);
	return (int)end(
	    fault, call, fault->real->ftruncate(fault->real, fd, size));
}

static int
fault_allocate(struct file_system *fs, int fd, off_t size)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_ALLOCATE);

	note_fd(fault, call, fd);
	call->size = (uint64_t)size;
	if (strikes(fault, FAULT_ALLOCATE))
		return (int)end(fault, call, -1);
	return (int)end(
	    fault, call, fault->real->allocate(fault->real, fd, size));
}

/* Nothing that a power cut could show: a file's size stays. */
static int
fault_reserve(struct file_system *fs, int fd, off_t size)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_RESERVE);

	note_fd(fault, call, fd);
	call->size = (uint64_t)size;
	if (strikes(fault, FAULT_RESERVE))
		return (int)end(fault, call, -1);
	return (int)end(
	    fault, call, fault->real->reserve(fault->real, fd, size));
}

/* A look that changes nothing: not counted as a call. */
static int
fault_space(struct file_system *fs, const char *path, uint64_t *free_bytes,
    uint64_t *total_bytes)
{
	struct file_system *real = of_table(fs)->real;

	return real->space(real, path, free_bytes, total_bytes);
}

static void
note_two_paths(struct fault_file_system *fault, struct fault_call *call,
    const char *from, const char *to)
{
	char *within = path_within(fault, to);
	const struct name *name;

	note_path(fault, call, from);
	adopt(fault, within);
	call->to = within != NULL ? within : mem_dup_string(to);
	/* Into the root or out of it would be a file half recorded. */
	CHECK((within != NULL) == (call->node >= 0) || within == NULL);
	name = call->node < 0 ? NULL : find_name(fault, call->path);
	if (name != NULL && within == NULL) {
		/* A second name out there is nothing to the root. */
		CHECK(call->op == FAULT_LINK);
		call->node = FAULT_NODE_NONE;
	}
}

static int
fault_rename(struct file_system *fs, const char *from, const char *to)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_RENAME);
	int result;

	note_two_paths(fault, call, from, to);
	if (strikes(fault, FAULT_RENAME))
		return (int)end(fault, call, -1);
	result = fault->real->rename(fault->real, from, to);
	if (result == 0 && call->node >= 0) {
		remove_name(fault, call->path);
		add_name(fault, call->to, call->node);
	}
	return (int)end(fault, call, result);
}

static int
fault_link(struct file_system *fs, const char *from, const char *to)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_LINK);
	int result;

	note_two_paths(fault, call, from, to);
	if (strikes(fault, FAULT_LINK))
		return (int)end(fault, call, -1);
	result = fault->real->link(fault->real, from, to);
	if (result == 0 && call->node >= 0)
		add_name(fault, call->to, call->node);
	return (int)end(fault, call, result);
}

static int
fault_unlink(struct file_system *fs, const char *path)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_UNLINK);
	int result;

	note_path(fault, call, path);
	if (strikes(fault, FAULT_UNLINK))
		return (int)end(fault, call, -1);
	result = fault->real->unlink(fault->real, path);
	if (result == 0 && call->node >= 0)
		remove_name(fault, call->path);
	return (int)end(fault, call, result);
}

static int
fault_mkdir(struct file_system *fs, const char *path, mode_t mode)
{
	struct fault_file_system *fault = of_table(fs);
	struct fault_call *call = begin(fault, FAULT_MKDIR);
	char *within;
	int result;

	note_path(fault, call, path);
	if (strikes(fault, FAULT_MKDIR))
		return (int)end(fault, call, -1);
	result = fault->real->mkdir(fault->real, path, mode);
	within = path_within(fault, path);
	if (result == 0 && within != NULL) {
		call->node = fault->node_count++;
		add_name(fault, within, call->node);
	}
	mem_free(within);
	return (int)end(fault, call, result);
}

struct fault_file_system *
fault_file_system_create(const char *root)
{
	struct fault_file_system *fault = mem_new(sizeof(*fault));

	fault->table = (struct file_system){
	    .open = fault_open,
	    .close = fault_close,
	    .pread = fault_pread,
	    .pwrite = fault_pwrite,
	    .mapped_write = fault_mapped_write,
	    .write_out = fault_write_out,
	    .fdatasync = fault_sync,
	    .fsync = fault_sync,
	    .ftruncate = fault_truncate,
	    .allocate = fault_allocate,
	    .reserve = fault_reserve,
	    .rename = fault_rename,
	    .link = fault_link,
	    .unlink = fault_unlink,
	    .mkdir = fault_mkdir,
	    .space = fault_space,
	};
	fault->real = file_system_real();
	fault->root = mem_dup_string(root);
	fault->fault_call = NO_CALL;
	pthread_mutex_init(&fault->mutex, NULL);
	adopt_folder(fault, "");
	return fault;
}

void
fault_file_system_close(struct fault_file_system *fault)
{
	if (fault == NULL)
		return;
	fault_disk_close(fault->disk);
	for (size_t i = 0; i < fault->call_count; i++) {
		mem_free(fault->calls[i].path);
		mem_free(fault->calls[i].to);
		mem_free(fault->calls[i].bytes);
	}
	for (size_t i = 0; i < fault->name_count; i++)
		mem_free(fault->names[i].path);
	for (size_t i = 0; i < fault->adopted_count; i++) {
		mem_free(fault->adopted[i].path);
		buffer_deinit(&fault->adopted[i].content);
	}
	mem_free(fault->calls);
	mem_free(fault->names);
	mem_free(fault->adopted);
	mem_free(fault->nodes_of_fds);
	mem_free(fault->root);
	pthread_mutex_destroy(&fault->mutex);
	mem_free(fault);
}

struct file_system *
fault_file_system_table(struct fault_file_system *fault)
{
	return &fault->table;
}

void
fault_file_system_fail(struct fault_file_system *fault, uint64_t call,
    enum fault_kind kind, int errnum)
{
	fault->fault_call = call;
	fault->fault_kind = kind;
	fault->fault_errnum = errnum;
	fault->struck = false;
}

void
fault_file_system_heal(struct fault_file_system *fault)
{
	fault->fault_call = NO_CALL;
}

bool
fault_file_system_struck(const struct fault_file_system *fault)
{
	return fault->struck;
}

uint64_t
fault_file_system_calls(struct fault_file_system *fault)
{
	uint64_t calls;

	pthread_mutex_lock(&fault->mutex);
	calls = fault->call_count;
	pthread_mutex_unlock(&fault->mutex);
	return calls;
}

bool
fault_file_system_call_matters(
    const struct fault_file_system *fault, uint64_t number)
{
	const struct fault_call *call;

	CHECK(number < fault->call_count);
	call = &fault->calls[number];
	if (call->node < 0)
		return false;
	switch (call->op) {
	case FAULT_OPEN:
		return call->created || call->truncated;
	case FAULT_PWRITE:
		return call->size > 0;
	case FAULT_SYNC:
		return true;
	case FAULT_CLOSE:
	case FAULT_PREAD:
	case FAULT_RESERVE:
		return false;
	default:
		return !call->failed;
	}
}

const char *
fault_file_system_describe(struct fault_file_system *fault, uint64_t number)
{
	static const char *const words[FAULT_OP_COUNT] = {"open", "close",
	    "pread", "pwrite", "sync", "truncate", "allocate", "reserve",
	    "rename", "link", "unlink", "mkdir"};
	const struct fault_call *call;

	CHECK(number < fault->call_count);
	call = &fault->calls[number];
	snprintf(fault->description, sizeof(fault->description),
	    "%s %s%s%s %llu+%llu%s", words[call->op],
	    call->path == NULL ? "?" : call->path,
	    call->to == NULL ? "" : " to ", call->to == NULL ? "" : call->to,
	    (unsigned long long)call->offset, (unsigned long long)call->size,
	    call->failed ? " (failed)" : "");
	return fault->description;
}

static bool
trusts(const struct fault_call *call)
{
	return call->op == FAULT_PWRITE || call->op == FAULT_SYNC ||
	    call->op == FAULT_TRUNCATE || call->op == FAULT_ALLOCATE;
}

const char *
fault_file_system_find_retry(
    struct fault_file_system *fault, uint64_t from, uint64_t until)
{
	until = until < fault->call_count ? until : fault->call_count;
	for (uint64_t i = from; i < until; i++) {
		const struct fault_call *failed = &fault->calls[i];

		if (failed->op != FAULT_SYNC || !failed->failed ||
		    failed->node < 0)
			continue;
		for (uint64_t j = i + 1; j < until; j++) {
			if (fault->calls[j].node == failed->node &&
			    trusts(&fault->calls[j]))
				return fault_file_system_describe(fault, j);
		}
	}
	return NULL;
}

void
fault_file_system_ignore_syncs(
    struct fault_file_system *fault, const char *pattern)
{
	fault->ignored = pattern;
	fault_disk_close(fault->disk);
	fault->disk = NULL;
}

static bool
is_ignored(const struct fault_file_system *fault, const struct fault_call *call)
{
	return fault->ignored != NULL && call->op == FAULT_SYNC &&
	    call->path != NULL &&
	    fnmatch(fault->ignored, call->path, FNM_PATHNAME) == 0;
}

void
fault_file_system_materialise(struct fault_file_system *fault, uint64_t calls,
    uint64_t seed, const char *target)
{
	CHECK(calls <= fault->call_count);
	if (fault->disk != NULL && fault->played > calls) {
		fault_disk_close(fault->disk);
		fault->disk = NULL;
	}
	if (fault->disk == NULL) {
		fault->disk = fault_disk_create();
		fault->played = 0;
		for (size_t i = 0; i < fault->adopted_count; i++) {
			const struct adopted *adopted = &fault->adopted[i];

			if (adopted->is_folder)
				fault_disk_add_folder(
				    fault->disk, adopted->node, adopted->path);
			else
				fault_disk_add_file(fault->disk, adopted->node,
				    adopted->path,
				    adopted->content.data +
					adopted->content.start,
				    buffer_size(&adopted->content));
		}
	}
	for (; fault->played < calls; fault->played++) {
		const struct fault_call *call = &fault->calls[fault->played];

		if (!is_ignored(fault, call))
			fault_disk_play(fault->disk, call, fault->played);
	}
	fault_disk_materialise(fault->disk, seed, target);
}
