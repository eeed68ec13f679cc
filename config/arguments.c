#include "config/arguments.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

struct flag {
	char name[SCHEMA_NAME_BYTES_MAX];
	const char *value; /* behind '='; NULL without */
};

static const struct {
	const char *name;
	enum arguments_action action;
	const char *help;
} actions[] = {
    {"check-config", ARGUMENTS_CHECK_CONFIG,
	"say whether the configuration is valid, and end"},
    {"print-config", ARGUMENTS_PRINT_CONFIG,
	"print every setting and where it came from, and end"},
    {"version", ARGUMENTS_VERSION, "print the version, and end"},
    {"help", ARGUMENTS_HELP, "print this, and end"},
};

/* Splits "-name=value"; false if `argument` is no flag. */
static bool
split_flag(const char *argument, struct flag *flag)
{
	const char *name = argument;
	size_t size;

	if (*name != '-' || strcmp(argument, "-") == 0 ||
	    strcmp(argument, "--") == 0)
		return false;
	name += name[1] == '-' ? 2 : 1;
	size = strcspn(name, "=");
	flag->value = name[size] == '=' ? name + size + 1 : NULL;
	snprintf(flag->name, sizeof(flag->name), "%.*s", (int)size, name);
	return true;
}

static bool
find_action(const char *name, enum arguments_action *out)
{
	if (strcmp(name, "h") == 0)
		name = "help";
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) == 0) {
			*out = actions[i].action;
			return true;
		}
	}
	return false;
}

static enum status
unknown_flag(const char *name, struct error *err)
{
	const char *nearest = schema_nearest_flag(name);

	if (nearest != NULL)
		return error_set(err, STATUS_INVALID,
		    "unknown flag -%s; did you mean -%s?", name, nearest);
	return error_set(
	    err, STATUS_INVALID, "unknown flag -%s; -help lists them", name);
}

enum status
arguments_parse(struct config *config, int argc, char **argv,
    struct arguments *out, struct error *err)
{
	*out = (struct arguments){.action = ARGUMENTS_RUN};
	for (int i = 1; i < argc; i++) {
		char place[SCHEMA_NAME_BYTES_MAX + 1];
		struct flag flag;
		enum config_key key;
		bool is_config;

		if (!split_flag(argv[i], &flag))
			return error_set(err, STATUS_INVALID,
			    "unexpected argument \"%.60s\"; flags begin with "
			    "a dash, -help lists them",
			    argv[i]);
		if (find_action(flag.name, &out->action)) {
			if (flag.value == NULL)
				continue;
			return error_set(err, STATUS_INVALID,
			    "-%s: it takes no value", flag.name);
		}
		is_config = strcmp(flag.name, "config") == 0;
		if (!is_config && !schema_find_flag(flag.name, &key))
			return unknown_flag(flag.name, err);
		if (flag.value == NULL)
			flag.value = argv[++i];
		if (flag.value == NULL)
			return error_set(err, STATUS_INVALID,
			    "-%s: its value is missing", flag.name);
		if (is_config) {
			out->config_path = flag.value;
			continue;
		}
		snprintf(place, sizeof(place), "-%s", flag.name);
		if (config_set(config, key, flag.value, CONFIG_FROM_FLAG, place,
			err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

void
arguments_help(struct buffer *out)
{
	char name[SCHEMA_NAME_BYTES_MAX];

	buffer_printf(out,
	    "Usage: server [flag]...\n\n"
	    "Runs one node of kvstore in the foreground.\n\n");
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct schema_key *key = schema_key((enum config_key)i);

		if (key->flag[0] == '\0')
			continue;
		buffer_printf(out, "  -%-17s %s (%s)\n", key->flag, key->help,
		    key->fallback);
	}
	buffer_printf(out, "  -%-17s %s\n", "config",
	    "a YAML file with any of these settings and more");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		buffer_printf(
		    out, "  -%-17s %s\n", actions[i].name, actions[i].help);
	buffer_printf(out,
	    "\nEach setting, with its key in the file and its environment "
	    "variable. A flag\ncounts before the environment, that before "
	    "the file, that before the default.\n\n");
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		schema_environment_name((enum config_key)i, name);
		buffer_printf(out, "  %-28s %s\n",
		    schema_key((enum config_key)i)->path, name);
	}
	buffer_printf(out,
	    "\nExample: server -data-dir ./data -http-addr :8080 -tcp-addr "
	    ":9090\n");
}
