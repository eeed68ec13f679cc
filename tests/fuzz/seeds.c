#include "tests/fuzz/seeds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/codec/checksum.h"

static const char *folder;

void
seed_write(const char *target, struct slice bytes)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, target);
	(void)mkdir(path, 0755);
	/* Named after the content, so that the same is there once. */
	snprintf(path, sizeof(path), "%s/%s/seed-%016" PRIx64, folder, target,
	    hash64(bytes));
	file = fopen(path, "w");
	if (file == NULL ||
	    fwrite(bytes.data, 1, bytes.size, file) != bytes.size ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

void
seed_write_text(const char *target, const char *text)
{
	seed_write(target, slice_of_string(text));
}

void
seed_append_number(struct buffer *out, uint64_t span, uint64_t number)
{
	unsigned bytes = 0;

	for (; span > 0; span >>= 8)
		bytes++;
	while (bytes-- > 0)
		buffer_append_byte(out, (uint8_t)(number >> 8 * bytes));
}

void
seed_append_bytes(struct buffer *out, size_t size_max, struct slice bytes)
{
	seed_append_number(out, size_max, bytes.size);
	buffer_append_slice(out, bytes);
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds FOLDER\n");
		return 64;
	}
	folder = argv[1];
	seeds_commands();
	seeds_journal();
	seeds_manifest();
	seeds_tables();
	seeds_processes();
	seeds_clients();
	seeds_texts();
	seeds_nodes();
	return 0;
}
