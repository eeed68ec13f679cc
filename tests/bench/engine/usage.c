#include "tests/bench/engine/usage.h"

#include <fts.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base/check.h"
#include "common/os/path.h"

#define WATCH_NS 100000000

static struct {
	char runtime[PATH_BYTES_MAX];
	struct usage_memory most;
	atomic_bool stop;
	pthread_t thread;
} watch;

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t
usage_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t
usage_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The number behind `name` in a file of lines `name number`; else 0. */
static uint64_t
number_in(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[256];
	unsigned long long number = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0 &&
		    sscanf(line + strlen(name), "%llu", &number) == 1)
			break;
	}
	fclose(file);
	return number;
}

uint64_t
usage_written_bytes(void)
{
	return number_in("/proc/self/io", "write_bytes:");
}

static bool
ends_in(const FTSENT *entry, const char *end)
{
	size_t size = strlen(end);

	return entry->fts_namelen >= size &&
	    strcmp(entry->fts_name + entry->fts_namelen - size, end) == 0;
}

/* Its size does not depend on what the store holds. */
static bool
is_fixed(const FTSENT *entry)
{
	return ends_in(entry, ".log") || ends_in(entry, ".spare") ||
	    strcmp(entry->fts_name, "reserve") == 0;
}

uint64_t
usage_folder_bytes(const char *folder, uint64_t *fixed_bytes)
{
	char *paths[] = {(char *)(uintptr_t)folder, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	uint64_t bytes = 0;

	*fixed_bytes = 0;
	if (walk == NULL)
		return 0;
	while ((entry = fts_read(walk)) != NULL) {
		uint64_t size;

		if (entry->fts_info != FTS_F)
			continue;
		size = (uint64_t)entry->fts_statp->st_blocks * 512;
		bytes += size;
		if (is_fixed(entry))
			*fixed_bytes += size;
	}
	fts_close(walk);
	return bytes;
}

void
usage_memory(const char *runtime, struct usage_memory *out)
{
	static const char status[] = "/proc/self/status";
	uint64_t fixed_bytes;

	*out = (struct usage_memory){
	    .anonymous_bytes = number_in(status, "RssAnon:") * 1024,
	    .runtime_bytes = usage_folder_bytes(runtime, &fixed_bytes),
	    .mapped_bytes = number_in(status, "RssFile:") * 1024,
	    .resident_peak_bytes = number_in(status, "VmHWM:") * 1024,
	};
	out->own_bytes = out->anonymous_bytes + out->runtime_bytes;
}

static void
raise_to(uint64_t *most, uint64_t now)
{
	if (now > *most)
		*most = now;
}

static void
look(void)
{
	struct usage_memory now;

	usage_memory(watch.runtime, &now);
	raise_to(&watch.most.own_bytes, now.own_bytes);
	raise_to(&watch.most.anonymous_bytes, now.anonymous_bytes);
	raise_to(&watch.most.runtime_bytes, now.runtime_bytes);
	raise_to(&watch.most.mapped_bytes, now.mapped_bytes);
	raise_to(&watch.most.resident_peak_bytes, now.resident_peak_bytes);
}

static void *
watch_memory(void *argument)
{
	const struct timespec pause = {.tv_nsec = WATCH_NS};

	while (!atomic_load(&watch.stop)) {
		look();
		nanosleep(&pause, NULL);
	}
	return NULL;
}

void
usage_watch_start(const char *runtime)
{
	snprintf(watch.runtime, sizeof(watch.runtime), "%s", runtime);
	watch.most = (struct usage_memory){0};
	atomic_store(&watch.stop, false);
	CHECK(pthread_create(&watch.thread, NULL, watch_memory, NULL) == 0);
}

void
usage_watch_stop(struct usage_memory *out)
{
	atomic_store(&watch.stop, true);
	pthread_join(watch.thread, NULL);
	look();
	*out = watch.most;
}
