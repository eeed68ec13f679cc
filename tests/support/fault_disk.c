#include "tests/support/fault_disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/os/path.h"

#define PAGE_BYTES 4096
#define SECTOR_BYTES 512

struct content {
	uint8_t *data; /* owned */
	size_t size;
	size_t capacity;
};

/* A change of a file's bytes that no sync has covered. */
struct change {
	enum fault_op op;
	uint64_t offset;
	uint64_t size;
	const uint8_t *bytes; /* borrowed from the call; NULL: zeroes */
};

struct node {
	bool known;
	bool is_folder;
	char *path; /* owned; folders */
	struct content stored; /* on disk */
	struct content cached; /* what readers see */
	struct change *changes;
	size_t change_count;
};

struct entry {
	char *path; /* owned */
	int node;
};

/* A change of names that no sync of a folder has covered. */
struct renaming {
	const char *removed; /* borrowed from the call; may be NULL */
	const char *added; /* borrowed from the call; may be NULL */
	int node;
};

struct names {
	struct entry *entries;
	size_t count;
};

struct fault_disk {
	struct node *nodes;
	size_t node_count;
	struct names names; /* on disk */
	struct renaming *renamings;
	size_t renaming_count;
};

/* What of an unsynced history a power cut leaves. */
enum survival {
	ALL,
	NOTHING,
	A_PREFIX,
	ANY_PART
};

static void
content_resize(struct content *content, size_t size)
{
	if (size > content->capacity) {
		content->capacity = size + size / 2;
		content->data = mem_resize(content->data, content->capacity);
	}
	if (size > content->size)
		memset(content->data + content->size, 0, size - content->size);
	content->size = size;
}

/* Copies what both have of a range. */
static void
content_copy(struct content *to, const struct content *from, uint64_t start,
    uint64_t end)
{
	if (end > from->size)
		end = from->size;
	if (end > to->size)
		end = to->size;
	if (start < end)
		memcpy(to->data + start, from->data + start, end - start);
}

static uint64_t
size_after(const struct change *change, uint64_t size)
{
	uint64_t end = change->offset + change->size;

	return change->op == FAULT_TRUNCATE || end > size ? end : size;
}

static void
content_write(struct content *content, const struct change *change,
    uint64_t start, uint64_t end)
{
	uint64_t limit = change->offset + change->size;

	if (end > content->size)
		end = content->size;
	if (change->op == FAULT_TRUNCATE) {
		start = start < limit ? limit : start;
		if (start < end)
			memset(content->data + start, 0, end - start);
		return;
	}
	start = start < change->offset ? change->offset : start;
	end = end > limit ? limit : end;
	if (change->op != FAULT_PWRITE || start >= end)
		return;
	if (change->bytes == NULL)
		memset(content->data + start, 0, end - start);
	else
		memcpy(content->data + start,
		    change->bytes + (start - change->offset), end - start);
}

static struct node *
node_of(struct fault_disk *disk, int number)
{
	size_t wanted = (size_t)number + 1;

	CHECK(number >= 0);
	if (disk->node_count < wanted) {
		disk->nodes =
		    mem_resize(disk->nodes, wanted * sizeof(*disk->nodes));
		memset(disk->nodes + disk->node_count, 0,
		    (wanted - disk->node_count) * sizeof(*disk->nodes));
		disk->node_count = wanted;
	}
	return &disk->nodes[number];
}

static void
names_remove(struct names *names, const char *path)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->entries[i].path, path) != 0)
			continue;
		mem_free(names->entries[i].path);
		names->entries[i] = names->entries[--names->count];
		return;
	}
}

static void
names_add(struct names *names, const char *path, int node)
{
	names_remove(names, path);
	names->entries = mem_resize(
	    names->entries, (names->count + 1) * sizeof(*names->entries));
	names->entries[names->count++] =
	    (struct entry){mem_dup_string(path), node};
}

static void
names_apply(struct names *names, const struct renaming *renaming)
{
	if (renaming->removed != NULL)
		names_remove(names, renaming->removed);
	if (renaming->added != NULL)
		names_add(names, renaming->added, renaming->node);
}

static void
names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		mem_free(names->entries[i].path);
	mem_free(names->entries);
}

struct fault_disk *
fault_disk_create(void)
{
	return mem_new(sizeof(struct fault_disk));
}

void
fault_disk_close(struct fault_disk *disk)
{
	if (disk == NULL)
		return;
	for (size_t i = 0; i < disk->node_count; i++) {
		mem_free(disk->nodes[i].path);
		mem_free(disk->nodes[i].stored.data);
		mem_free(disk->nodes[i].cached.data);
		mem_free(disk->nodes[i].changes);
	}
	mem_free(disk->nodes);
	names_deinit(&disk->names);
	mem_free(disk->renamings);
	mem_free(disk);
}

static struct node *
make_folder(struct fault_disk *disk, int number, const char *path)
{
	struct node *node = node_of(disk, number);

	node->known = true;
	node->is_folder = true;
	node->path = mem_dup_string(path);
	return node;
}

void
fault_disk_add_folder(struct fault_disk *disk, int number, const char *path)
{
	make_folder(disk, number, path);
	names_add(&disk->names, path, number);
}

void
fault_disk_add_file(struct fault_disk *disk, int number, const char *path,
    const uint8_t *bytes, size_t size)
{
	struct node *node = node_of(disk, number);

	names_add(&disk->names, path, number);
	if (node->known) /* a further name */
		return;
	node->known = true;
	content_resize(&node->stored, size);
	content_resize(&node->cached, size);
	if (size > 0) {
		memcpy(node->stored.data, bytes, size);
		memcpy(node->cached.data, bytes, size);
	}
}

static void
add_change(struct node *node, const struct fault_call *call)
{
	struct change change = {
	    call->op, call->offset, call->size, call->bytes};
	size_t size;

	if (call->op == FAULT_OPEN)
		change = (struct change){FAULT_TRUNCATE, 0, 0, NULL};
	if (change.op == FAULT_PWRITE && change.size == 0)
		return;
	size = (size_t)size_after(&change, node->cached.size);
	content_resize(&node->cached, size);
	content_write(&node->cached, &change, 0, size);
	node->changes = mem_resize(
	    node->changes, (node->change_count + 1) * sizeof(*node->changes));
	node->changes[node->change_count++] = change;
}

/* Writes back the changed pages, or where the sync failed some of them. */
static void
sync_file(struct node *node, bool failed, struct rng *rng)
{
	bool keeps_size = !failed || rng_below(rng, 2) == 0;

	for (size_t i = 0; i < node->change_count && keeps_size; i++) {
		const struct change *change = &node->changes[i];

		if (change->op == FAULT_TRUNCATE &&
		    change->size < node->stored.size)
			content_resize(&node->stored, (size_t)change->size);
	}
	if (keeps_size)
		content_resize(&node->stored, node->cached.size);
	for (size_t i = 0; i < node->change_count; i++) {
		const struct change *change = &node->changes[i];
		uint64_t page = change->offset / PAGE_BYTES * PAGE_BYTES;

		if (change->op != FAULT_PWRITE)
			continue;
		for (; page < change->offset + change->size;
		     page += PAGE_BYTES) {
			if (!failed || rng_below(rng, 2) == 0)
				content_copy(&node->stored, &node->cached, page,
				    page + PAGE_BYTES);
		}
	}
	node->change_count = 0;
}

static bool
lies_in(const char *path, const char *folder)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	size_t size = slash == NULL ? 0 : (size_t)(slash - path);

	return path != NULL && strlen(folder) == size &&
	    memcmp(path, folder, size) == 0;
}

static bool
touches(const struct renaming *renaming, const char *path)
{
	return path != NULL &&
	    ((renaming->removed != NULL &&
		 strcmp(renaming->removed, path) == 0) ||
		(renaming->added != NULL &&
		    strcmp(renaming->added, path) == 0));
}

static void
sync_folder(struct fault_disk *disk, const char *folder)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk->renaming_count; i++) {
		struct renaming now = disk->renamings[i];
		size_t left = 0;

		if (!lies_in(now.removed, folder) &&
		    !lies_in(now.added, folder)) {
			disk->renamings[kept++] = now;
			continue;
		}
		names_apply(&disk->names, &now);
		/* A move between folders overtakes what was before it. */
		for (size_t j = 0; j < kept; j++) {
			if (!touches(&disk->renamings[j], now.removed) &&
			    !touches(&disk->renamings[j], now.added))
				disk->renamings[left++] = disk->renamings[j];
		}
		kept = left;
	}
	disk->renaming_count = kept;
}

/*
 * After a failed sync of a folder each change of its names that the sync
 * should have written is on its way to the disk as before, or lost for good.
 * Folders themselves are spared: whole trees would be lost with one name.
 */
static void
lose_names(struct fault_disk *disk, const char *folder, struct rng *rng)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk->renaming_count; i++) {
		const struct renaming *now = &disk->renamings[i];
		bool concerned = (lies_in(now->removed, folder) ||
				     lies_in(now->added, folder)) &&
		    !disk->nodes[now->node].is_folder;

		if (!concerned || rng_below(rng, 2) == 0)
			disk->renamings[kept++] = *now;
	}
	disk->renaming_count = kept;
}

static void
add_renaming(
    struct fault_disk *disk, const char *removed, const char *added, int node)
{
	disk->renamings = mem_resize(disk->renamings,
	    (disk->renaming_count + 1) * sizeof(*disk->renamings));
	disk->renamings[disk->renaming_count++] =
	    (struct renaming){removed, added, node};
}

static void
play_names(struct fault_disk *disk, const struct fault_call *call)
{
	switch (call->op) {
	case FAULT_OPEN:
		add_renaming(disk, NULL, call->path, call->node);
		node_of(disk, call->node)->known = true;
		break;
	case FAULT_MKDIR:
		add_renaming(disk, NULL, call->path, call->node);
		make_folder(disk, call->node, call->path);
		break;
	case FAULT_RENAME:
		add_renaming(disk, call->path, call->to, call->node);
		break;
	case FAULT_LINK:
		add_renaming(disk, NULL, call->to, call->node);
		break;
	default:
		add_renaming(disk, call->path, NULL, call->node);
		break;
	}
}

void
fault_disk_play(
    struct fault_disk *disk, const struct fault_call *call, uint64_t number)
{
	struct rng rng = rng_seeded(number);
	struct node *node;

	if (call->node < 0)
		return;
	node = node_of(disk, call->node);
	switch (call->op) {
	case FAULT_OPEN:
		if (call->created)
			play_names(disk, call);
		else if (call->truncated)
			add_change(node, call);
		break;
	case FAULT_PWRITE:
		add_change(node, call);
		break;
	case FAULT_TRUNCATE:
	case FAULT_ALLOCATE:
		if (!call->failed)
			add_change(node, call);
		break;
	case FAULT_SYNC:
		if (!node->is_folder)
			sync_file(node, call->failed, &rng);
		else if (!call->failed)
			sync_folder(disk, node->path);
		else
			lose_names(disk, node->path, &rng);
		break;
	case FAULT_CLOSE:
	case FAULT_PREAD:
	case FAULT_RESERVE:
		break;
	default:
		if (!call->failed)
			play_names(disk, call);
		break;
	}
}

/* How many changes each piece of the file got, and which size holds. */
static void
choose_cuts(const struct node *node, struct rng *rng, size_t *cuts,
    size_t cut_count, uint64_t *size)
{
	size_t count = node->change_count;
	size_t size_cut = (size_t)rng_below(rng, count + 1);
	size_t first = 0;
	size_t last = count;
	uint64_t now = node->stored.size;

	/*
	 * A file that was cut back has given up its old blocks: no piece shows
	 * bytes from the other side of that than the size does.
	 */
	*size = now;
	for (size_t i = 0; i < count; i++) {
		uint64_t next = size_after(&node->changes[i], now);

		if (next < now && i < size_cut)
			first = i + 1;
		else if (next < now && last == count)
			last = i;
		now = next;
		if (i < size_cut)
			*size = now;
	}
	for (size_t i = 0; i < cut_count; i++) {
		cuts[i] = rng_below(rng, 2) == 0
		    ? last
		    : first + (size_t)rng_below(rng, last - first + 1);
	}
}

static void
tear_file(const struct node *node, struct rng *rng, struct content *out)
{
	uint64_t piece = rng_below(rng, 2) == 0 ? SECTOR_BYTES : PAGE_BYTES;
	uint64_t size_max = node->stored.size;
	uint64_t size;
	size_t cut_count;
	size_t *cuts;

	for (size_t i = 0; i < node->change_count; i++) {
		uint64_t next = size_after(&node->changes[i], 0);

		size_max = next > size_max ? next : size_max;
	}
	cut_count = (size_t)(size_max / piece + 1);
	cuts = mem_new_array(cut_count, sizeof(*cuts));
	choose_cuts(node, rng, cuts, cut_count, &size);
	content_resize(out, (size_t)size_max);
	for (size_t i = 0; i < node->change_count; i++) {
		const struct change *change = &node->changes[i];
		uint64_t from = change->offset / piece;
		uint64_t to = change->op == FAULT_TRUNCATE
		    ? cut_count
		    : (change->offset + change->size) / piece + 1;

		for (uint64_t j = from; j < to && j < cut_count; j++) {
			if (i >= cuts[j])
				continue;
			if (cuts[j] == node->change_count)
				content_copy(out, &node->cached, j * piece,
				    (j + 1) * piece);
			else
				content_write(
				    out, change, j * piece, (j + 1) * piece);
		}
	}
	content_resize(out, (size_t)size);
	mem_free(cuts);
}

static void
write_file(const struct node *node, uint64_t seed, const char *path)
{
	struct rng rng = rng_seeded(seed);
	struct content torn = {0};
	const struct content *content = &torn;
	size_t done = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	CHECK(fd >= 0);
	switch ((enum survival)rng_below(&rng, 4)) {
	case ALL:
		content = &node->cached;
		break;
	case NOTHING:
		content = &node->stored;
		break;
	default:
		content_resize(&torn, node->stored.size);
		content_copy(&torn, &node->stored, 0, torn.size);
		tear_file(node, &rng, &torn);
		break;
	}
	while (done < content->size) {
		ssize_t count =
		    write(fd, content->data + done, content->size - done);

		CHECK(count > 0);
		done += (size_t)count;
	}
	CHECK(close(fd) == 0);
	mem_free(torn.data);
}

/* The names on disk and those of the unsynced changes that survived. */
static void
surviving_names(
    const struct fault_disk *disk, uint64_t seed, struct names *names)
{
	struct rng rng = rng_seeded(seed);
	enum survival survival = (enum survival)rng_below(&rng, 4);
	size_t limit = disk->renaming_count;

	for (size_t i = 0; i < disk->names.count; i++)
		names_add(names, disk->names.entries[i].path,
		    disk->names.entries[i].node);
	if (survival == NOTHING)
		limit = 0;
	else if (survival == A_PREFIX)
		limit = (size_t)rng_below(&rng, limit + 1);
	for (size_t i = 0; i < limit; i++) {
		if (survival != ANY_PART || rng_below(&rng, 2) == 0)
			names_apply(names, &disk->renamings[i]);
	}
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(
	    ((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static bool
parent_exists(const char *path)
{
	char parent[PATH_BYTES_MAX];
	const char *slash = strrchr(path, '/');

	CHECK(slash != NULL && (size_t)(slash - path) < sizeof(parent));
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	return path_exists(parent);
}

void
fault_disk_materialise(
    const struct fault_disk *disk, uint64_t seed, const char *target)
{
	struct names names = {0};
	char **places = mem_new_array(disk->node_count + 1, sizeof(*places));

	surviving_names(disk, seed, &names);
	qsort(names.entries, names.count, sizeof(*names.entries), by_path);
	if (!path_exists(target))
		CHECK(mkdir(target, 0750) == 0);
	for (size_t i = 0; i < names.count; i++) {
		const struct entry *entry = &names.entries[i];
		const struct node *node = &disk->nodes[entry->node];
		char path[PATH_BYTES_MAX];

		path_join(path, target, entry->path);
		if (entry->path[0] == '\0' || !parent_exists(path))
			continue;
		if (node->is_folder) {
			CHECK(mkdir(path, 0750) == 0);
		} else if (places[entry->node] != NULL) {
			CHECK(link(places[entry->node], path) == 0);
		} else {
			write_file(
			    node, seed ^ ((uint64_t)entry->node << 32), path);
			places[entry->node] = mem_dup_string(path);
		}
	}
	for (size_t i = 0; i < disk->node_count; i++)
		mem_free(places[i]);
	mem_free(places);
	names_deinit(&names);
}
