#include "frontend/exporter/process_usage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES_MAX 1024
#define NS_PER_SECOND UINT64_C(1000000000)

/* Fields of /proc/PID/stat, counted from 1 as in proc(5). */
enum {
	FIELD_STATE = 3, /* the first one behind the name */
	FIELD_USER_TICKS = 14,
	FIELD_KERNEL_TICKS = 15,
	FIELD_THREADS = 20,
	FIELD_VIRTUAL_BYTES = 23,
	FIELD_RESIDENT_PAGES = 24,
	FIELD_LAST = FIELD_RESIDENT_PAGES,
};

/* Fields that are words or negative numbers count as 0: none is wanted. */
static bool
fields_parse(const char *text, uint64_t fields[FIELD_LAST + 1])
{
	for (int i = FIELD_STATE; i <= FIELD_LAST; i++) {
		if (*text != ' ')
			return false;
		text++;
		fields[i] = 0;
		while (*text >= '0' && *text <= '9')
			fields[i] = fields[i] * 10 + (uint64_t)(*text++ - '0');
		while (*text != ' ' && *text != '\0' && *text != '\n')
			text++;
	}
	return true;
}

bool
process_usage_parse(struct slice stat, uint64_t ticks_per_second,
    uint64_t page_bytes, struct process_usage *out)
{
	char text[STAT_BYTES_MAX];
	uint64_t fields[FIELD_LAST + 1];
	const char *name_end;

	*out = (struct process_usage){0};
	if (stat.size >= sizeof(text))
		return false;
	memcpy(text, stat.data, stat.size);
	text[stat.size] = '\0';
	/* The name stands in parentheses and may hold some, and blanks. */
	name_end = strrchr(text, ')');
	if (name_end == NULL || !fields_parse(name_end + 1, fields))
		return false;
	*out = (struct process_usage){
	    .is_known = true,
	    .cpu_ns = (fields[FIELD_USER_TICKS] + fields[FIELD_KERNEL_TICKS]) *
		(NS_PER_SECOND / ticks_per_second),
	    .resident_bytes = fields[FIELD_RESIDENT_PAGES] * page_bytes,
	    .virtual_bytes = fields[FIELD_VIRTUAL_BYTES],
	    .thread_count = fields[FIELD_THREADS],
	};
	return true;
}

void
process_usage_read(uint32_t pid, struct process_usage *out)
{
	char path[32];
	char text[STAT_BYTES_MAX];
	ssize_t size;
	int fd;

	*out = (struct process_usage){0};
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size > 0)
		(void)process_usage_parse(slice_of(text, (size_t)size),
		    (uint64_t)sysconf(_SC_CLK_TCK),
		    (uint64_t)sysconf(_SC_PAGESIZE), out);
}
