#include "tests/support/small_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define PAGE_BYTES 4096u

struct charge {
	ino_t inode;
	uint64_t bytes;
};

struct small_disk {
	struct file_system table; /* first: the table is the object */
	struct file_system *real; /* borrowed */
	const char *root; /* borrowed */
	pthread_mutex_t mutex; /* everything below */
	struct charge *charges;
	size_t count;
	uint64_t capacity;
	uint64_t foreign;
	uint64_t used;
	uint64_t refusals;
};

static struct small_disk *
of_table(struct file_system *fs)
{
	return (struct small_disk *)(void *)fs;
}

static bool
is_within(const struct small_disk *disk, const char *path)
{
	return strncmp(path, disk->root, strlen(disk->root)) == 0;
}

static struct charge *
find(struct small_disk *disk, ino_t inode)
{
	for (size_t i = 0; i < disk->count; i++) {
		if (disk->charges[i].inode == inode)
			return &disk->charges[i];
	}
	return NULL;
}

static uint64_t
left(const struct small_disk *disk)
{
	uint64_t taken = disk->used + disk->foreign;

	return taken >= disk->capacity ? 0 : disk->capacity - taken;
}

/* The charge of an open file; NULL for one outside the root. */
static struct charge *
of_descriptor(struct small_disk *disk, int fd)
{
	struct stat info;

	CHECK(fstat(fd, &info) == 0);
	return find(disk, info.st_ino);
}

static uint64_t
in_pages(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* Has the file take up at least `bytes`; false if there is no room. */
static bool
grow(struct small_disk *disk, struct charge *charge, uint64_t bytes)
{
	bytes = in_pages(bytes);
	if (charge == NULL || bytes <= charge->bytes)
		return true;
	if (bytes - charge->bytes > left(disk)) {
		disk->refusals++;
		errno = ENOSPC;
		return false;
	}
	disk->used += bytes - charge->bytes;
	charge->bytes = bytes;
	return true;
}

static void
shrink(struct small_disk *disk, struct charge *charge, uint64_t bytes)
{
	bytes = in_pages(bytes);
	if (charge == NULL || bytes >= charge->bytes)
		return;
	disk->used -= charge->bytes - bytes;
	charge->bytes = bytes;
}

/* An inode may come back as a file elsewhere, which takes up nothing here. */
static void
forget(struct small_disk *disk, ino_t inode)
{
	struct charge *charge = find(disk, inode);

	if (charge == NULL)
		return;
	disk->used -= charge->bytes;
	*charge = disk->charges[--disk->count];
}

static int
disk_open(struct file_system *fs, const char *path, int flags, mode_t mode)
{
	struct small_disk *disk = of_table(fs);
	int fd;

	pthread_mutex_lock(&disk->mutex);
	fd = disk->real->open(disk->real, path, flags, mode);
	if (fd >= 0) {
		struct stat info;

		CHECK(fstat(fd, &info) == 0);
		if (!is_within(disk, path))
			forget(disk, info.st_ino);
		else if (find(disk, info.st_ino) == NULL &&
		    S_ISREG(info.st_mode)) {
			disk->charges = mem_resize(disk->charges,
			    (disk->count + 1) * sizeof(*disk->charges));
			disk->charges[disk->count++] =
			    (struct charge){info.st_ino, 0};
		}
		if ((flags & O_TRUNC) != 0)
			shrink(disk, find(disk, info.st_ino), 0);
	}
	pthread_mutex_unlock(&disk->mutex);
	return fd;
}

static int
disk_close(struct file_system *fs, int fd)
{
	struct small_disk *disk = of_table(fs);

	return disk->real->close(disk->real, fd);
}

static ssize_t
disk_pread(
    struct file_system *fs, int fd, void *bytes, size_t size, off_t offset)
{
	struct small_disk *disk = of_table(fs);

	return disk->real->pread(disk->real, fd, bytes, size, offset);
}

/* As the kernel does: as much as there is room for. */
static ssize_t
disk_pwrite(struct file_system *fs, int fd, const void *bytes, size_t size,
    off_t offset)
{
	struct small_disk *disk = of_table(fs);
	struct charge *charge;
	ssize_t done = -1;

	pthread_mutex_lock(&disk->mutex);
	charge = of_descriptor(disk, fd);
	if (charge != NULL &&
	    in_pages((uint64_t)offset + size) > charge->bytes + left(disk)) {
		uint64_t end = charge->bytes + left(disk);

		size = end > (uint64_t)offset ? (size_t)(end - (uint64_t)offset)
					      : 0;
		if (size == 0) {
			disk->refusals++;
			errno = ENOSPC;
		}
	}
	if (size > 0 && grow(disk, charge, (uint64_t)offset + size))
		done = disk->real->pwrite(disk->real, fd, bytes, size, offset);
	pthread_mutex_unlock(&disk->mutex);
	return done;
}

/* What a mapping reaches was allocated, and so charged, before it was made. */
static ssize_t
disk_mapped_write(struct file_system *fs, int fd, void *mapping,
    const void *bytes, size_t size, off_t offset)
{
	struct small_disk *disk = of_table(fs);

	return disk->real->mapped_write(
	    disk->real, fd, mapping, bytes, size, offset);
}

/* A hint, which takes no space. */
static void
disk_write_out(struct file_system *fs, int fd, off_t offset, off_t size)
{
}

static int
disk_fdatasync(struct file_system *fs, int fd)
{
	return 0;
}

static int
disk_ftruncate(struct file_system *fs, int fd, off_t size)
{
	struct small_disk *disk = of_table(fs);
	int result = disk->real->ftruncate(disk->real, fd, size);

	pthread_mutex_lock(&disk->mutex);
	if (result == 0)
		shrink(disk, of_descriptor(disk, fd), (uint64_t)size);
	pthread_mutex_unlock(&disk->mutex);
	return result;
}

static int
disk_allocate(struct file_system *fs, int fd, off_t size)
{
	struct small_disk *disk = of_table(fs);
	int result = -1;

	pthread_mutex_lock(&disk->mutex);
	if (grow(disk, of_descriptor(disk, fd), (uint64_t)size))
		result = disk->real->allocate(disk->real, fd, size);
	pthread_mutex_unlock(&disk->mutex);
	return result;
}

static int
disk_reserve(struct file_system *fs, int fd, off_t size)
{
	struct small_disk *disk = of_table(fs);
	int result;

	pthread_mutex_lock(&disk->mutex);
	result = grow(disk, of_descriptor(disk, fd), (uint64_t)size) ? 0 : -1;
	pthread_mutex_unlock(&disk->mutex);
	return result;
}

/* Frees what the name at `path` takes up, if it is the file's only one. */
static void
release(struct small_disk *disk, const char *path)
{
	struct stat info;

	if (stat(path, &info) == 0 && info.st_nlink == 1)
		shrink(disk, find(disk, info.st_ino), 0);
}

static int
disk_rename(struct file_system *fs, const char *from, const char *to)
{
	struct small_disk *disk = of_table(fs);
	int result;

	pthread_mutex_lock(&disk->mutex);
	release(disk, to);
	result = disk->real->rename(disk->real, from, to);
	pthread_mutex_unlock(&disk->mutex);
	return result;
}

static int
disk_link(struct file_system *fs, const char *from, const char *to)
{
	struct small_disk *disk = of_table(fs);

	return disk->real->link(disk->real, from, to);
}

static int
disk_unlink(struct file_system *fs, const char *path)
{
	struct small_disk *disk = of_table(fs);
	int result;

	pthread_mutex_lock(&disk->mutex);
	release(disk, path);
	result = disk->real->unlink(disk->real, path);
	pthread_mutex_unlock(&disk->mutex);
	return result;
}

static int
disk_mkdir(struct file_system *fs, const char *path, mode_t mode)
{
	struct small_disk *disk = of_table(fs);

	return disk->real->mkdir(disk->real, path, mode);
}

static int
disk_space(struct file_system *fs, const char *path, uint64_t *free_bytes,
    uint64_t *total_bytes)
{
	struct small_disk *disk = of_table(fs);

	if (!is_within(disk, path))
		return disk->real->space(
		    disk->real, path, free_bytes, total_bytes);
	*free_bytes = small_disk_free_bytes(disk);
	*total_bytes = disk->capacity;
	return 0;
}

struct small_disk *
small_disk_create(const char *root, uint64_t capacity_bytes)
{
	struct small_disk *disk = mem_new(sizeof(*disk));

	disk->table = (struct file_system){
	    .open = disk_open,
	    .close = disk_close,
	    .pread = disk_pread,
	    .pwrite = disk_pwrite,
	    .mapped_write = disk_mapped_write,
	    .write_out = disk_write_out,
	    .fdatasync = disk_fdatasync,
	    .fsync = disk_fdatasync,
	    .ftruncate = disk_ftruncate,
	    .allocate = disk_allocate,
	    .reserve = disk_reserve,
	    .rename = disk_rename,
	    .link = disk_link,
	    .unlink = disk_unlink,
	    .mkdir = disk_mkdir,
	    .space = disk_space,
	};
	disk->real = file_system_real();
	disk->root = root;
	disk->capacity = capacity_bytes;
	pthread_mutex_init(&disk->mutex, NULL);
	return disk;
}

void
small_disk_close(struct small_disk *disk)
{
	pthread_mutex_destroy(&disk->mutex);
	mem_free(disk->charges);
	mem_free(disk);
}

struct file_system *
small_disk_table(struct small_disk *disk)
{
	return &disk->table;
}

uint64_t
small_disk_free_bytes(struct small_disk *disk)
{
	uint64_t bytes;

	pthread_mutex_lock(&disk->mutex);
	bytes = left(disk);
	pthread_mutex_unlock(&disk->mutex);
	return bytes;
}

void
small_disk_set_foreign(struct small_disk *disk, uint64_t bytes)
{
	pthread_mutex_lock(&disk->mutex);
	disk->foreign = bytes;
	pthread_mutex_unlock(&disk->mutex);
}

uint64_t
small_disk_refusals(const struct small_disk *disk)
{
	return disk->refusals;
}
