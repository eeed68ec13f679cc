#include "frontend/kvctl/arguments.h"

#include <string.h>

#include "common/base/nearest.h"

static const struct {
	const char *name; /* with two dashes */
	bool has_value;
} rows[OPTION_COUNT] = {
    [OPTION_APPLY] = {"--apply", false},
    [OPTION_DATA_DIR] = {"--data-dir", true},
    [OPTION_END] = {"--end", true},
    [OPTION_ENDPOINT] = {"--endpoint", true},
    [OPTION_ESCAPED] = {"--escaped", false},
    [OPTION_HELP] = {"--help", false},
    [OPTION_IF_ABSENT] = {"--if-absent", false},
    [OPTION_IF_PRESENT] = {"--if-present", false},
    [OPTION_KEYS] = {"--keys", false},
    [OPTION_LIMIT] = {"--limit", true},
    [OPTION_OUTPUT] = {"--output", true},
    [OPTION_PREFIX] = {"--prefix", true},
    [OPTION_RAW] = {"--raw", false},
    [OPTION_START] = {"--start", true},
    [OPTION_TIMEOUT] = {"--timeout", true},
    [OPTION_TTL] = {"--ttl", true},
    [OPTION_VERSION] = {"--version", false},
};

const char *
option_name(enum option option)
{
	return rows[option].name;
}

/* Finds the option that `text`, without its dashes, names up to `size`. */
static enum option
find(const char *text, size_t size)
{
	if (size == 1 && *text == 'o')
		return OPTION_OUTPUT;
	if (size == 1 && *text == 'h')
		return OPTION_HELP;
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strlen(rows[i].name + 2) == size &&
		    memcmp(rows[i].name + 2, text, size) == 0)
			return (enum option)i;
	return OPTION_COUNT;
}

static enum status
unknown_option(const char *text, const char *name, struct error *err)
{
	struct nearest nearest = {.wrong = name};

	for (size_t i = 0; i < OPTION_COUNT; i++)
		nearest_offer(&nearest, rows[i].name + 2);
	if (nearest.best != NULL)
		return error_set(err, STATUS_INVALID,
		    "%.80s: there is no such option; did you mean --%s?", text,
		    nearest.best);
	return error_set(err, STATUS_INVALID,
	    "%.80s: there is no such option (a key that begins with a dash "
	    "goes behind --)",
	    text);
}

/* Takes the option at argv[*index], and moves over its value. */
static enum status
take_option(char **argv, int *index, struct arguments *out, struct error *err)
{
	const char *text = argv[*index];
	const char *name = text + (text[1] == '-' ? 2 : 1);
	size_t size = strcspn(name, "=");
	const char *value = name[size] == '=' ? name + size + 1 : NULL;
	enum option option = find(name, size);

	if (option == OPTION_COUNT)
		return unknown_option(text, name, err);
	if (out->options[option] != NULL)
		return error_set(err, STATUS_INVALID, "%s is given twice",
		    rows[option].name);
	if (!rows[option].has_value) {
		if (value != NULL)
			return error_set(err, STATUS_INVALID,
			    "%s takes no value", rows[option].name);
		value = "";
	} else if (value == NULL) {
		value = argv[++*index];
		if (value == NULL)
			return error_set(err, STATUS_INVALID,
			    "%s needs a value", rows[option].name);
	}
	out->options[option] = value;
	return STATUS_OK;
}

enum status
arguments_parse(int argc, char **argv, struct arguments *out, struct error *err)
{
	bool has_options = true;

	*out = (struct arguments){0};
	for (int i = 1; i < argc; i++) {
		/* A dash alone is a word: it stands for standard input. */
		if (has_options && argv[i][0] == '-' && argv[i][1] != '\0') {
			if (strcmp(argv[i], "--") == 0) {
				has_options = false;
				continue;
			}
			if (take_option(argv, &i, out, err) != STATUS_OK)
				return err->code;
			continue;
		}
		if (out->word_count == ARGUMENTS_WORDS_MAX)
			return error_set(err, STATUS_INVALID,
			    "too many arguments, from \"%.80s\" on", argv[i]);
		out->words[out->word_count++] = argv[i];
	}
	return STATUS_OK;
}
