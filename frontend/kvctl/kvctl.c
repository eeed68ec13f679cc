#include "frontend/kvctl/kvctl.h"

#include <stdio.h>
#include <string.h>

#include "config/value.h"
#include "frontend/kvctl/arguments.h"
#include "frontend/kvctl/key_text.h"
#include "frontend/kvctl/verbs.h"

#define TIMEOUT_MS_DEFAULT 30000

static const enum option common_options[] = {OPTION_DATA_DIR, OPTION_ENDPOINT,
    OPTION_HELP, OPTION_OUTPUT, OPTION_TIMEOUT, OPTION_VERSION};

enum exit_code
kvctl_fail(const struct error *err)
{
	fprintf(stderr, "kvctl: %s\n", err->text);
	switch (err->code) {
	case STATUS_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT:
	case STATUS_CORRUPT:
		return EXIT_UNREACHABLE;
	case STATUS_UNKNOWN:
		return EXIT_OUTCOME_UNKNOWN;
	default:
		return EXIT_REFUSED;
	}
}

static enum exit_code
misused(const char *text, const char *what)
{
	fprintf(stderr, "kvctl: %s%s; kvctl --help\n", text, what);
	return EXIT_MISUSED;
}

/* The option that is neither common nor the verb's; OPTION_COUNT if none. */
static enum option
foreign_option(const struct arguments *arguments, const struct verb *verb)
{
	uint32_t allowed = verb->options;

	for (size_t i = 0;
	     i < sizeof(common_options) / sizeof(common_options[0]); i++)
		allowed |= UINT32_C(1) << common_options[i];
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (arguments->options[i] != NULL && (allowed >> i & 1) == 0)
			return (enum option)i;
	return OPTION_COUNT;
}

struct slice
kvctl_key(const struct kvctl *kvctl)
{
	return buffer_slice(&kvctl->keys.word);
}

static enum status
take_key(const struct arguments *arguments, const char *text,
    struct buffer *out, struct error *err)
{
	if (text == NULL)
		return STATUS_OK;
	if (arguments_has(arguments, OPTION_ESCAPED))
		return key_text_decode(text, out, err);
	buffer_append_slice(out, slice_of_string(text));
	return STATUS_OK;
}

static enum exit_code
take_keys(struct kvctl *kvctl)
{
	const struct arguments *arguments = kvctl->arguments;
	const char *const *options = arguments->options;
	const char *word = kvctl->word_count > 0 ? kvctl->words[0] : NULL;
	struct kvctl_keys *keys = &kvctl->keys;
	struct error err;

	if (take_key(arguments, word, &keys->word, &err) != STATUS_OK ||
	    take_key(arguments, options[OPTION_PREFIX], &keys->prefix, &err) !=
		STATUS_OK ||
	    take_key(arguments, options[OPTION_START], &keys->start, &err) !=
		STATUS_OK ||
	    take_key(arguments, options[OPTION_END], &keys->end, &err) !=
		STATUS_OK)
		return misused(err.text, "");
	return EXIT_DONE;
}

static void
keys_deinit(struct kvctl_keys *keys)
{
	buffer_deinit(&keys->word);
	buffer_deinit(&keys->prefix);
	buffer_deinit(&keys->start);
	buffer_deinit(&keys->end);
}

/* Takes the settings that all verbs share. */
static enum exit_code
prepare(struct kvctl *kvctl)
{
	const char *const *options = kvctl->arguments->options;
	struct error err;

	kvctl->timeout_ms = TIMEOUT_MS_DEFAULT;
	if (options[OPTION_TIMEOUT] != NULL &&
	    (value_parse_duration(options[OPTION_TIMEOUT], &kvctl->timeout_ms,
		 &err) != STATUS_OK ||
		kvctl->timeout_ms == 0))
		return misused("--timeout takes a time such as 500ms or 10s, "
			       "not ",
		    options[OPTION_TIMEOUT]);
	if (options[OPTION_OUTPUT] == NULL ||
	    strcmp(options[OPTION_OUTPUT], "text") == 0)
		return EXIT_DONE;
	kvctl->is_json = strcmp(options[OPTION_OUTPUT], "json") == 0;
	if (!kvctl->is_json)
		return misused("--output takes text or json, not ",
		    options[OPTION_OUTPUT]);
	return EXIT_DONE;
}

static enum exit_code
run(const struct arguments *arguments)
{
	const struct verb *verb =
	    verb_find(arguments->words, arguments->word_count);
	struct kvctl kvctl = {.arguments = arguments};
	enum option foreign;
	enum exit_code code;

	if (arguments_has(arguments, OPTION_VERSION)) {
		puts("kvctl " KVSTORE_VERSION);
		return EXIT_DONE;
	}
	if (arguments_has(arguments, OPTION_HELP)) {
		verb_help(verb);
		return EXIT_DONE;
	}
	if (arguments->word_count == 0)
		return misused("what to do is missing", "");
	if (verb == NULL)
		return verb_unknown(arguments->words, arguments->word_count);
	kvctl.words = arguments->words + verb_word_count(verb);
	kvctl.word_count = arguments->word_count - verb_word_count(verb);
	if (kvctl.word_count < verb->words_min ||
	    kvctl.word_count > verb->words_max)
		return misused("usage: kvctl ", verb->usage);
	foreign = foreign_option(arguments, verb);
	if (foreign != OPTION_COUNT)
		return misused(
		    "this verb has no option ", option_name(foreign));
	code = prepare(&kvctl);
	if (code == EXIT_DONE)
		code = take_keys(&kvctl);
	if (code == EXIT_DONE)
		code = verb->run(&kvctl);
	keys_deinit(&kvctl.keys);
	return code;
}

enum exit_code
kvctl_run(int argc, char **argv)
{
	struct arguments arguments;
	struct error err;
	enum exit_code code;

	if (arguments_parse(argc, argv, &arguments, &err) != STATUS_OK)
		return misused(err.text, "");
	code = run(&arguments);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "kvctl: the output cannot be written\n");
		return EXIT_NO_OUTPUT;
	}
	return code;
}
