#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "config/loader.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

/* Loads `text` as the file "k.yaml" of the working folder. */
static enum status
load(struct config *config, const char *text, struct error *err)
{
	FILE *file = fopen("k.yaml", "w");

	*err = (struct error){0};
	config_init(config);
	fputs(text, file);
	fclose(file);
	return config_load_file(config, "k.yaml", err);
}

static void
keys_and_sections_are_taken(void)
{
	struct config config;
	struct error err;

	ASSERT_OK(load(&config,
		      "# a comment\n"
		      "data_dir: /d # here\n"
		      "node_id: '7'\n"
		      "http: {addr: ':81', workers: 4}\n"
		      "memory:\n"
		      "  max_mem_size: \"20MB\"\n",
		      &err),
	    &err);
	CU_ASSERT_STRING_EQUAL(config_text(&config, CONFIG_DATA_DIR), "/d");
	CU_ASSERT_STRING_EQUAL(config_text(&config, CONFIG_NODE_ID), "7");
	CU_ASSERT_EQUAL(config_address(&config, CONFIG_HTTP_ADDR).port, 81);
	CU_ASSERT_EQUAL(config_number(&config, CONFIG_HTTP_WORKERS), 4);
	CU_ASSERT_EQUAL(config_number(&config, CONFIG_MAX_MEM_SIZE), 20000000);
	CU_ASSERT_STRING_EQUAL(
	    config.values[CONFIG_MAX_MEM_SIZE].place, "k.yaml:6:17");
	CU_ASSERT_EQUAL(
	    config.values[CONFIG_TCP_ADDR].origin, CONFIG_FROM_DEFAULT);
	config_deinit(&config);
}

static void
file_without_content_changes_nothing(void)
{
	static const char *const texts[] = {"", "\n", "# only this\n", "---\n"};

	for (size_t i = 0; i < SUITE_COUNT(texts); i++) {
		struct config config;
		struct error err;

		ASSERT_OK(load(&config, texts[i], &err), &err);
		config_deinit(&config);
	}
}

static const struct {
	const char *text;
	const char *error;
} wrong[] = {
    {"http:\n  adr: :80\n",
	"k.yaml:2:3: unknown key \"http.adr\"; did you mean \"http.addr\"?"},
    {"http:\n  colour: red\n",
	"k.yaml:2:3: unknown key \"http.colour\"; http has addr, workers, "
	"idle_timeout"},
    {"tcp:\n  max_mem_size: 1MB\n",
	"k.yaml:2:3: unknown key \"tcp.max_mem_size\"; did you mean "
	"\"memory.max_mem_size\"?"},
    {"max_mem_size: 1MB\n",
	"k.yaml:1:1: unknown key \"max_mem_size\"; did you mean "
	"\"memory.max_mem_size\"?"},
    {"htp:\n  addr: :80\n",
	"k.yaml:1:1: unknown key \"htp\"; did you mean \"http\"?"},
    {"http.addr: :80\n",
	"k.yaml:1:1: \"http.addr\" is written in two lines: \"http:\", and "
	"below it, further to the right, \"addr:\""},
    {"data_dri: x\n",
	"k.yaml:1:1: unknown key \"data_dri\"; did you mean \"data_dir\"?"},
    {"colour: red\n",
	"k.yaml:1:1: unknown key \"colour\"; -print-config lists all keys"},
    {"data_dir: a\nnode_id: b\ndata_dir: c\n",
	"k.yaml:3:1: data_dir is repeated; it stands on line 1 already"},
    {"http:\n  workers: 1\ntcp:\n  workers: 1\nhttp:\n  addr: :1\n",
	"k.yaml:5:1: section http is repeated; it stands on line 1 already"},
    {"http:\n  workers: many\n",
	"k.yaml:2:12: http.workers: \"many\" is no number; write digits "
	"alone"},
    {"http:\n  workers: \"2\"\n",
	"k.yaml:2:12: http.workers must be a number, and this is a text; "
	"leave out the quotes"},
    {"http:\n  workers: 65\n",
	"k.yaml:2:12: http.workers: 65 is out of range; it may be 1 to 64"},
    {"http:\n  workers: [1, 2]\n",
	"k.yaml:2:12: http.workers must be a single value, not a list"},
    {"http:\n  addr: {port: 1}\n",
	"k.yaml:2:9: http.addr must be a single value, not a section"},
    {"http: 8080\n",
	"k.yaml:1:7: http is a section: its keys go below it, "
	"further to the right"},
    {"http:\ndata_dir: x\n",
	"k.yaml:1:6: http is a section: its keys go "
	"below it, further to the right"},
    {"data_dir:\n",
	"k.yaml:1:10: data_dir has no value; write one, or take "
	"the line out"},
    {"data_dir: ~\n",
	"k.yaml:1:11: data_dir has no value; write one, or "
	"take the line out"},
    {"data_dir: &a x\n",
	"k.yaml:1:11: data_dir has an anchor or a tag; "
	"write the value alone"},
    {"data_dir: !!str x\n",
	"k.yaml:1:11: data_dir has an anchor or a tag; "
	"write the value alone"},
    {"data_dir: *a\n",
	"k.yaml:1:11: data_dir must be a single value, not "
	"an alias"},
    {"data_dir: \"a\\0b\"\n", "k.yaml:1:11: data_dir has a NUL byte"},
    {"? [a, b]\n: c\n",
	"k.yaml:1:3: a key must be a single value, not a "
	"list"},
    {"- a\n",
	"k.yaml:1:1: the file must be keys with values, such as "
	"\"data_dir: ./data\", not a list"},
    {"hello\n",
	"k.yaml:1:1: the file must be keys with values, such as "
	"\"data_dir: ./data\", not a value"},
    {"data_dir: a\n---\nnode_id: b\n",
	"k.yaml:2:1: a second document; one file is one document"},
    {"http:\n\taddr: :80\n",
	"k.yaml:2:1: found character that cannot start "
	"any token"},
    {"data_dir: \"a\n", "k.yaml:2:1: found unexpected end of stream"},
    {"data_dir: \xff\xfe\n", "k.yaml: byte 11: invalid leading UTF-8 octet"},
    {"journal:\n  sync: alwas\n",
	"k.yaml:2:9: journal.sync: \"alwas\" is none of: always interval "
	"never; did you mean \"always\"?"},
    {"memory:\n  max_mem_size: 10X\n",
	"k.yaml:2:17: memory.max_mem_size: \"10X\" has the unknown unit "
	"\"X\"; write a size like 512KiB, 10MB or 1.5GiB"},
};

static void
each_mistake_has_its_place_and_its_remedy(void)
{
	for (size_t i = 0; i < SUITE_COUNT(wrong); i++) {
		struct config config;
		struct error err;

		CU_ASSERT_EQUAL(
		    load(&config, wrong[i].text, &err), STATUS_INVALID);
		if (strcmp(err.text, wrong[i].error) != 0)
			fprintf(stderr, "got  %s\nwant %s\n", err.text,
			    wrong[i].error);
		CU_ASSERT_STRING_EQUAL(err.text, wrong[i].error);
		config_deinit(&config);
	}
}

static void
file_that_cannot_be_read_is_named(void)
{
	struct config config;
	struct error err;

	config_init(&config);
	CU_ASSERT_EQUAL(
	    config_load_file(&config, "no.yaml", &err), STATUS_NOT_FOUND);
	CU_ASSERT_STRING_EQUAL(err.text,
	    "open no.yaml: no such file; name one that exists with -config");
	CU_ASSERT_EQUAL(config_load_file(&config, ".", &err), STATUS_INVALID);
	CU_ASSERT_STRING_EQUAL(
	    err.text, ". is a folder; name a file with -config");
	config_deinit(&config);
}

static void
oversized_file_is_refused(void)
{
	struct config config;
	struct error err;
	FILE *file = fopen("k.yaml", "w");

	for (size_t i = 0; i <= CONFIG_FILE_BYTES_MAX; i++)
		fputc('#', file);
	fclose(file);
	config_init(&config);
	CU_ASSERT_EQUAL(
	    config_load_file(&config, "k.yaml", &err), STATUS_INVALID);
	CU_ASSERT_STRING_EQUAL(err.text, "k.yaml is larger than 1048576 bytes");
	config_deinit(&config);
}

/* Any bytes end in a status; sanitizers see the rest. */
static void
damaged_files_never_break_the_loader(void)
{
	static const char good[] = "data_dir: /d\nhttp: {addr: ':81', "
				   "workers: 4}\nmemory:\n  max_mem_size: "
				   "\"20MB\"\n";
	uint64_t state = suite_seed();

	for (size_t round = 0; round < 300; round++) {
		char text[sizeof(good)];
		struct config config;
		struct error err;

		memcpy(text, good, sizeof(good));
		for (size_t i = 0; i < 3; i++) {
			state = state * 6364136223846793005u + 1442695040888963;
			text[(state >> 33) % (sizeof(good) - 1)] =
			    (char)(1 + (state >> 20) % 255);
		}
		if (load(&config, text, &err) != STATUS_OK)
			CU_ASSERT_TRUE(err.text[0] != '\0');
		config_deinit(&config);
	}
}

static char example_path[PATH_BYTES_MAX];

static void
example_file_is_the_defaults(void)
{
	struct config config;
	struct error err;

	config_init(&config);
	ASSERT_OK(config_load_file(&config, example_path, &err), &err);
	for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;

		if (config.values[key].origin != CONFIG_FROM_FILE)
			fprintf(
			    stderr, "%s is missing\n", schema_key(key)->path);
		CU_ASSERT_EQUAL(config.values[key].origin, CONFIG_FROM_FILE);
		CU_ASSERT_STRING_EQUAL(
		    config_text(&config, key), schema_key(key)->fallback);
	}
	config_deinit(&config);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(keys_and_sections_are_taken),
	    SUITE_CASE(file_without_content_changes_nothing),
	    SUITE_CASE(each_mistake_has_its_place_and_its_remedy),
	    SUITE_CASE(file_that_cannot_be_read_is_named),
	    SUITE_CASE(oversized_file_is_refused),
	    SUITE_CASE(damaged_files_never_break_the_loader),
	    SUITE_CASE(example_file_is_the_defaults),
	};
	char back[PATH_BYTES_MAX];
	struct scratch scratch;
	int code;

	/* Messages have the path in them; a working folder keeps it short. */
	if (getcwd(back, sizeof(back)) == NULL)
		return EXIT_FAILURE;
	path_join(example_path, back, "config/kvstore.yaml");
	scratch_init(&scratch);
	if (chdir(scratch.path) != 0)
		return EXIT_FAILURE;
	code = suite_run("loader", cases, SUITE_COUNT(cases), argc, argv);
	if (chdir(back) != 0)
		return EXIT_FAILURE;
	scratch_deinit(&scratch);
	return code;
}
