#include "config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/nearest.h"

#define COMMENT_COLUMN 34

static enum status
check_bounds(const struct schema_key *schema, const char *text, uint64_t number,
    struct error *err)
{
	char least[VALUE_TEXT_BYTES_MAX];
	char most[VALUE_TEXT_BYTES_MAX];

	if (number >= schema->least && number <= schema->most)
		return STATUS_OK;
	if (schema->type == CONFIG_TYPE_SIZE) {
		value_format_size(least, schema->least);
		value_format_size(most, schema->most);
	} else if (schema->type == CONFIG_TYPE_DURATION) {
		value_format_duration(least, schema->least);
		value_format_duration(most, schema->most);
	} else {
		snprintf(least, sizeof(least), "%" PRIu64, schema->least);
		snprintf(most, sizeof(most), "%" PRIu64, schema->most);
	}
	return error_set(err, STATUS_INVALID,
	    "%.60s is out of range; it may be %s to %s", text, least, most);
}

static enum status
check_text(const struct schema_key *schema, const char *text, struct error *err)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < ' ')
			return error_set(err, STATUS_INVALID,
			    "it has a control character at byte %zu", i + 1);
	}
	if (size == 0)
		return error_set(err, STATUS_INVALID, "it is empty");
	if (size > schema->most)
		return error_set(err, STATUS_INVALID,
		    "it has %zu bytes; it may have up to %" PRIu64, size,
		    schema->most);
	return STATUS_OK;
}

/* The next of several words with blanks between; size 0 at the end. */
static struct slice
next_word(const char **words)
{
	struct slice word;

	*words += strspn(*words, " ");
	word = slice_of(*words, strcspn(*words, " "));
	*words += word.size;
	return word;
}

static enum status
check_word(const struct schema_key *schema, const char *text, struct error *err)
{
	char copy[SCHEMA_NAME_BYTES_MAX];
	char best[SCHEMA_NAME_BYTES_MAX + 20] = "";
	const char *words = schema->words;
	struct nearest nearest = {.wrong = text};
	struct slice word;

	while ((word = next_word(&words)).size > 0) {
		if (slice_equal(word, slice_of_string(text)))
			return STATUS_OK;
		snprintf(copy, sizeof(copy), "%.*s", (int)word.size,
		    (const char *)word.data);
		nearest.best = NULL;
		nearest_offer(&nearest, copy);
		if (nearest.best != NULL)
			snprintf(
			    best, sizeof(best), "; did you mean \"%s\"?", copy);
	}
	return error_set(err, STATUS_INVALID, "\"%.60s\" is none of: %s%s",
	    text, schema->words, best);
}

static enum status
parse_text(const struct schema_key *schema, const char *text, uint64_t *number,
    struct error *err)
{
	struct address address;

	*number = 0;
	switch (schema->type) {
	case CONFIG_TYPE_TEXT:
		return check_text(schema, text, err);
	case CONFIG_TYPE_WORD:
		return check_word(schema, text, err);
	case CONFIG_TYPE_ADDRESS:
		return value_parse_address(text, &address, err);
	case CONFIG_TYPE_SIZE:
		if (value_parse_size(text, number, err) != STATUS_OK)
			return err->code;
		break;
	case CONFIG_TYPE_DURATION:
		if (value_parse_duration(text, number, err) != STATUS_OK)
			return err->code;
		break;
	case CONFIG_TYPE_COUNT:
		if (value_parse_count(text, number, err) != STATUS_OK)
			return err->code;
		break;
	}
	return check_bounds(schema, text, *number, err);
}

void
config_init(struct config *config)
{
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;
		struct error err;

		config->values[i] = (struct config_value){0};
		CHECK(config_set(config, key, schema_key(key)->fallback,
			  CONFIG_FROM_DEFAULT, "default", &err) == STATUS_OK);
	}
}

void
config_deinit(struct config *config)
{
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		mem_free(config->values[i].text);
		config->values[i].text = NULL;
	}
}

enum status
config_set(struct config *config, enum config_key key, const char *text,
    enum config_origin origin, const char *place, struct error *err)
{
	const struct schema_key *schema = schema_key(key);
	struct config_value *value = &config->values[key];
	uint64_t number;

	if (parse_text(schema, text, &number, err) != STATUS_OK) {
		/* A flag and a variable say themselves which setting it is. */
		if (origin == CONFIG_FROM_FILE)
			return error_wrap(err, "%s: %s", place, schema->path);
		return error_wrap(err, "%s", place);
	}
	/* The order of the calls need not be that of precedence. */
	if (origin < value->origin)
		return STATUS_OK;
	mem_free(value->text);
	value->text = mem_dup_string(text);
	value->number = number;
	value->origin = origin;
	snprintf(value->place, sizeof(value->place), "%s", place);
	return STATUS_OK;
}

static const char *
find_variable(char *const *environment, const char *name)
{
	size_t size = strlen(name);

	for (; *environment != NULL; environment++) {
		if (strncmp(*environment, name, size) == 0 &&
		    (*environment)[size] == '=')
			return *environment + size + 1;
	}
	return NULL;
}

enum status
config_load_environment(
    struct config *config, char *const *environment, struct error *err)
{
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		char name[SCHEMA_NAME_BYTES_MAX];
		const char *text;

		schema_environment_name((enum config_key)i, name);
		text = find_variable(environment, name);
		if (text == NULL || text[0] == '\0')
			continue;
		if (config_set(config, (enum config_key)i, text,
			CONFIG_FROM_ENVIRONMENT, name, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/* How to name a setting in a message: by what the user wrote. */
static void
name_of(const struct config *config, enum config_key key,
    char out[CONFIG_PLACE_BYTES_MAX + SCHEMA_NAME_BYTES_MAX])
{
	const struct config_value *value = &config->values[key];
	const struct schema_key *schema = schema_key(key);
	size_t size = CONFIG_PLACE_BYTES_MAX + SCHEMA_NAME_BYTES_MAX;

	if (value->origin == CONFIG_FROM_FILE)
		snprintf(out, size, "%s: %s", value->place, schema->path);
	else if (value->origin != CONFIG_FROM_DEFAULT)
		snprintf(out, size, "%s", value->place);
	else if (schema->flag[0] != '\0')
		snprintf(out, size, "-%s", schema->flag);
	else
		snprintf(out, size, "%s", schema->path);
}

static enum status
check_cluster(const struct config *config, struct error *err)
{
	static const struct {
		enum config_key key;
		const char *alone;
	} settings[] = {
	    {CONFIG_REPLICATION_ADDR, "none"},
	    {CONFIG_PEERS, "none"},
	    {CONFIG_QUORUM_SIZE, "majority"},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char name[CONFIG_PLACE_BYTES_MAX + SCHEMA_NAME_BYTES_MAX];

		if (config_is(config, settings[i].key, settings[i].alone))
			continue;
		name_of(config, settings[i].key, name);
		return error_set(err, STATUS_INVALID,
		    "%s: replication is not in this build; leave it out to "
		    "run a single node",
		    name);
	}
	return STATUS_OK;
}

/* True if both cannot be listened on at once. */
static bool
addresses_collide(const struct address *a, const struct address *b)
{
	if (a->is_off || b->is_off || a->port == 0 || a->port != b->port)
		return false;
	return a->host[0] == '\0' || b->host[0] == '\0' ||
	    strcmp(a->host, b->host) == 0;
}

static enum status
check_addresses(const struct config *config, struct error *err)
{
	static const enum config_key keys[] = {
	    CONFIG_HTTP_ADDR, CONFIG_TCP_ADDR, CONFIG_METRICS_ADDR};

	for (size_t i = 1; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct address mine = config_address(config, keys[i]);

		for (size_t j = 0; j < i; j++) {
			char
			    one[CONFIG_PLACE_BYTES_MAX + SCHEMA_NAME_BYTES_MAX];
			char
			    two[CONFIG_PLACE_BYTES_MAX + SCHEMA_NAME_BYTES_MAX];
			struct address other = config_address(config, keys[j]);

			if (!addresses_collide(&mine, &other))
				continue;
			name_of(config, keys[i], one);
			name_of(config, keys[j], two);
			return error_set(err, STATUS_INVALID,
			    "%s: port %u is that of %s too; give each its own",
			    one, mine.port, two);
		}
	}
	return STATUS_OK;
}

static enum status
check_order(const struct config *config, enum config_key lesser,
    enum config_key greater, struct error *err)
{
	char name[CONFIG_PLACE_BYTES_MAX + SCHEMA_NAME_BYTES_MAX];

	if (config_number(config, lesser) <= config_number(config, greater))
		return STATUS_OK;
	name_of(config, lesser, name);
	return error_set(err, STATUS_INVALID,
	    "%s: %s is more than %s, which is %s", name,
	    config_text(config, lesser), schema_key(greater)->path,
	    config_text(config, greater));
}

enum status
config_check(const struct config *config, struct error *err)
{
	if (check_cluster(config, err) != STATUS_OK ||
	    check_addresses(config, err) != STATUS_OK ||
	    check_order(config, CONFIG_RESTART_DELAY, CONFIG_RESTART_DELAY_MAX,
		err) != STATUS_OK ||
	    check_order(config, CONFIG_VALUE_SIZE_MAX, CONFIG_BATCH_SIZE_MAX,
		err) != STATUS_OK)
		return err->code;
	return STATUS_OK;
}

const char *
config_text(const struct config *config, enum config_key key)
{
	CHECK(key < CONFIG_KEY_COUNT);
	return config->values[key].text;
}

uint64_t
config_number(const struct config *config, enum config_key key)
{
	enum config_type type = schema_key(key)->type;

	CHECK(type == CONFIG_TYPE_SIZE || type == CONFIG_TYPE_DURATION ||
	    type == CONFIG_TYPE_COUNT);
	return config->values[key].number;
}

struct address
config_address(const struct config *config, enum config_key key)
{
	struct address address;
	struct error err;

	CHECK(schema_key(key)->type == CONFIG_TYPE_ADDRESS);
	CHECK(value_parse_address(config->values[key].text, &address, &err) ==
	    STATUS_OK);
	return address;
}

bool
config_is(const struct config *config, enum config_key key, const char *word)
{
	return strcmp(config_text(config, key), word) == 0;
}

/* Plain where YAML reads that back as this text, else in quotes. */
static void
print_scalar(struct buffer *out, const char *text)
{
	if (text[strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
		"VWXYZ0123456789./_-")] == '\0' &&
	    text[0] != '-' && strcasecmp(text, "null") != 0) {
		buffer_printf(out, "%s", text);
		return;
	}
	buffer_append_byte(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buffer_append_byte(out, '\\');
		buffer_append_byte(out, (uint8_t)*text);
	}
	buffer_append_byte(out, '"');
}

void
config_print(const struct config *config, struct buffer *out)
{
	static const char *const origins[] = {
	    "", "file ", "environment ", "flag "};
	struct slice section = SLICE_EMPTY;

	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct config_value *value = &config->values[i];
		const char *path = schema_key((enum config_key)i)->path;
		const char *point = strchr(path, '.');
		struct slice mine =
		    slice_of(path, point == NULL ? 0 : (size_t)(point - path));
		size_t start;

		if (mine.size > 0 && !slice_equal(mine, section))
			buffer_printf(out, "%.*s:\n", (int)mine.size, path);
		section = mine;
		start = buffer_size(out);
		buffer_printf(out, "%s%s: ", point == NULL ? "" : "  ",
		    point == NULL ? path : point + 1);
		print_scalar(out, value->text);
		while (buffer_size(out) < start + COMMENT_COLUMN)
			buffer_append_byte(out, ' ');
		buffer_printf(
		    out, " # %s%s\n", origins[value->origin], value->place);
	}
}
