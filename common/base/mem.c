#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

void *
mem_new(size_t size)
{
	return mem_new_array(1, size);
}

void *
mem_new_array(size_t count, size_t size)
{
	void *memory = calloc(count == 0 ? 1 : count, size);

	CHECK(memory != NULL);
	return memory;
}

void *
mem_resize(void *memory, size_t size)
{
	void *resized = realloc(memory, size == 0 ? 1 : size);

	CHECK(resized != NULL);
	return resized;
}

void *
mem_dup(const void *bytes, size_t size)
{
	void *copy = mem_resize(NULL, size);

	if (size > 0)
		memcpy(copy, bytes, size);
	return copy;
}

char *
mem_dup_string(const char *string)
{
	return mem_dup(string, strlen(string) + 1);
}

void
mem_free(void *memory)
{
	free(memory);
}
