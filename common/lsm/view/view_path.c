#include "common/lsm/view/view_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

#define VIEW_PREFIX "view-"
#define MEMTABLE_PREFIX "memtable-"
#define NUMBER_DIGITS 16

static void
join(char out[PATH_BYTES_MAX], const char *folder, const char *prefix,
    uint64_t number, const char *suffix)
{
	int size = snprintf(out, PATH_BYTES_MAX, "%s/%s%016" PRIx64 "%s",
	    folder, prefix, number, suffix);

	CHECK(size > 0);
	CHECK(size < PATH_BYTES_MAX);
}

/* Takes only what join() writes: no capitals, no sign, no blanks. */
static bool
parse(const char *name, const char *prefix, uint64_t *number)
{
	size_t prefix_size = strlen(prefix);
	uint64_t value = 0;

	if (strncmp(name, prefix, prefix_size) != 0 ||
	    strlen(name + prefix_size) != NUMBER_DIGITS)
		return false;
	for (const char *digit = name + prefix_size; *digit != '\0'; digit++) {
		if (*digit >= '0' && *digit <= '9')
			value = value << 4 | (uint64_t)(*digit - '0');
		else if (*digit >= 'a' && *digit <= 'f')
			value = value << 4 | (uint64_t)(*digit - 'a' + 10);
		else
			return false;
	}
	*number = value;
	return true;
}

void
view_path_control(char out[PATH_BYTES_MAX], const char *runtime)
{
	path_join(out, runtime, "control");
}

void
view_path_view(char out[PATH_BYTES_MAX], const char *runtime, uint64_t number)
{
	join(out, runtime, VIEW_PREFIX, number, "");
}

void
view_path_memtable(
    char out[PATH_BYTES_MAX], const char *runtime, uint64_t number)
{
	join(out, runtime, MEMTABLE_PREFIX, number, "");
}

void
view_path_table(char out[PATH_BYTES_MAX], const char *tables, uint64_t number)
{
	join(out, tables, "", number, ".sst");
}

bool
view_path_parse_view(const char *name, uint64_t *number)
{
	return parse(name, VIEW_PREFIX, number);
}

bool
view_path_parse_memtable(const char *name, uint64_t *number)
{
	return parse(name, MEMTABLE_PREFIX, number);
}
