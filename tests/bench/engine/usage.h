/*
 * usage - what this process costs the machine: CPU, bytes written, memory.
 *
 * Threads  usage_watch_start() runs a thread that looks at the memory ten
 *          times a second; the rest may be called from any.
 */
#ifndef TESTS_BENCH_ENGINE_USAGE_H
#define TESTS_BENCH_ENGINE_USAGE_H

#include <stdint.h>

/* Of all threads, and of the calling one. */
uint64_t usage_cpu_ns(void);
uint64_t usage_thread_cpu_ns(void);

/*
 * Bytes that this process caused to be written to a block device: pages that
 * it made dirty and direct writes (/proc/self/io). Memory file systems do not
 * count.
 */
uint64_t usage_written_bytes(void);

/*
 * Of a folder with all below it, as the file system has allocated them. What
 * stays as large with any number of keys, write-ahead logs and our reserve
 * for a full disk, is also in *fixed_bytes.
 */
uint64_t usage_folder_bytes(const char *folder, uint64_t *fixed_bytes);

struct usage_memory {
	uint64_t own_bytes; /* anonymous memory, and files in `runtime` */
	uint64_t anonymous_bytes;
	uint64_t runtime_bytes;
	uint64_t mapped_bytes; /* of files: page cache */
	uint64_t resident_peak_bytes; /* VmHWM: all of these */
};

/* Now; `runtime` is a folder on a memory file system. */
void usage_memory(const char *runtime, struct usage_memory *out);

/* Looks on from here; the folder's name is kept. */
void usage_watch_start(const char *runtime);

/* Ends it; the greatest of what was seen, each by itself. */
void usage_watch_stop(struct usage_memory *out);

#endif
