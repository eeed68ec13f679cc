/*
 * Runs a fuzz target over files, without libFuzzer: all files named, and all
 * files of the folders named. Linked in place of it by builds that do not
 * fuzz, so that what was found once stays fixed under every compiler.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/os/file.h"
#include "common/os/path.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_BYTES_MAX ((size_t)16 << 20)

static size_t count;

static void
replay_file(const char *path)
{
	struct buffer content = {0};
	struct error err;
	uint8_t *exact;

	if (file_read_whole(file_system_real(), path, INPUT_BYTES_MAX, &content,
		&err) != STATUS_OK) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	/* To the byte, so that the sanitizers see reads behind its end. */
	exact = fuzz_copy(buffer_slice(&content));
	LLVMFuzzerTestOneInput(exact, buffer_size(&content));
	free(exact);
	buffer_deinit(&content);
	count++;
}

static void
replay_folder(const char *path)
{
	struct dirent **names;
	int name_count = scandir(path, &names, NULL, alphasort);

	if (name_count < 0) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < name_count; i++) {
		char file[PATH_BYTES_MAX];

		path_join(file, path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			replay_file(file);
		free(names[i]);
	}
	free(names);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat info;

		if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("%s: %zu inputs\n", argv[0], count);
	return count > 0 ? 0 : 1;
}
