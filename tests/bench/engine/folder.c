#include "tests/bench/engine/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/path.h"
#include "tests/bench/engine/store.h"

#define MEMORY "/dev/shm"
#define RUNTIME_PREFIX "kvstore-bench-"

void
folder_remove(const char *path)
{
	char *paths[] = {(char *)(uintptr_t)path, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	if (walk == NULL)
		store_die("%s: %s", path, strerror(errno));
	while ((entry = fts_read(walk)) != NULL) {
		if (entry->fts_info == FTS_DP)
			rmdir(entry->fts_path);
		else if (entry->fts_info == FTS_F ||
		    entry->fts_info == FTS_DEFAULT)
			unlink(entry->fts_path);
	}
	fts_close(walk);
	if (path_exists(path))
		store_die("%s: cannot be removed", path);
}

static void
for_each_file(const char *path, void (*on_file)(int fd))
{
	char *paths[] = {(char *)(uintptr_t)path, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	if (walk == NULL)
		store_die("%s: %s", path, strerror(errno));
	while ((entry = fts_read(walk)) != NULL) {
		int fd;

		if (entry->fts_info != FTS_F)
			continue;
		fd = open(entry->fts_path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		on_file(fd);
		close(fd);
	}
	fts_close(walk);
}

static void
read_file(int fd)
{
	static char bytes[1 << 20];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue;
}

static void
forget_file(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void
folder_read(const char *path)
{
	for_each_file(path, read_file);
}

void
folder_forget(const char *path)
{
	sync();
	for_each_file(path, forget_file);
}

void
folder_create(const char *path)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		store_die("%s: %s", path, strerror(errno));
}

void
folder_mark(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		store_die("%s: %s", path, strerror(errno));
	close(fd);
}

bool
folder_has(const char *path)
{
	return path_exists(path);
}

static void
remove_stale(void)
{
	DIR *memory = opendir(MEMORY);
	struct dirent *entry;

	if (memory == NULL)
		store_die("%s: %s", MEMORY, strerror(errno));
	while ((entry = readdir(memory)) != NULL) {
		char path[PATH_BYTES_MAX];
		long pid;

		if (strncmp(entry->d_name, RUNTIME_PREFIX,
			strlen(RUNTIME_PREFIX)) != 0)
			continue;
		pid = strtol(entry->d_name + strlen(RUNTIME_PREFIX), NULL, 10);
		if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		path_join(path, MEMORY, entry->d_name);
		folder_remove(path);
	}
	closedir(memory);
}

void
folder_create_runtime(char *out)
{
	remove_stale();
	snprintf(out, PATH_BYTES_MAX, MEMORY "/" RUNTIME_PREFIX "%d", getpid());
	folder_create(out);
}
