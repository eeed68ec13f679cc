#include "config/loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "common/base/buffer.h"
#include "common/base/nearest.h"
#include "config/config.h"

/* The end of a long path is what tells files apart. */
#define SHOWN_PATH_BYTES_MAX 100

struct loader {
	struct config *config; /* borrowed */
	const char *path; /* borrowed; shortened for messages */
	yaml_parser_t parser;
	char section[SCHEMA_NAME_BYTES_MAX]; /* "" at the top level */
	char sections[CONFIG_KEY_COUNT][SCHEMA_NAME_BYTES_MAX]; /* seen */
	size_t sections_line[CONFIG_KEY_COUNT];
	size_t section_count;
	size_t key_line[CONFIG_KEY_COUNT]; /* 0: not seen */
};

static enum status
fail_at(const struct loader *loader, const yaml_mark_t *mark, struct error *err)
{
	return error_wrap(
	    err, "%s:%zu:%zu", loader->path, mark->line + 1, mark->column + 1);
}

static enum status
next_event(struct loader *loader, yaml_event_t *event, struct error *err)
{
	const yaml_parser_t *parser = &loader->parser;

	if (yaml_parser_parse(&loader->parser, event))
		return STATUS_OK;
	error_set(err, STATUS_INVALID, "%s",
	    parser->problem == NULL ? "this is no YAML" : parser->problem);
	/* What is no UTF-8 has a byte offset and no line. */
	if (parser->error == YAML_READER_ERROR)
		return error_wrap(err, "%s: byte %zu", loader->path,
		    parser->problem_offset + 1);
	return fail_at(loader, &parser->problem_mark, err);
}

static const char *
kind_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SEQUENCE_START_EVENT:
		return "a list";
	case YAML_MAPPING_START_EVENT:
		return "a section";
	case YAML_ALIAS_EVENT:
		return "an alias";
	default:
		return "a value";
	}
}

static bool
is_null(const yaml_event_t *event)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (event->type != YAML_SCALAR_EVENT ||
	    event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
		if (strcmp((char *)event->data.scalar.value, nulls[i]) == 0)
			return true;
	}
	return false;
}

/* A scalar without anchor, tag or NUL in it; anything else is an error. */
static enum status
check_scalar(const struct loader *loader, const yaml_event_t *event,
    const char *what, struct error *err)
{
	if (event->type != YAML_SCALAR_EVENT)
		error_set(err, STATUS_INVALID,
		    "%s must be a single value, "
		    "not %s",
		    what, kind_of(event));
	else if (event->data.scalar.anchor != NULL ||
	    event->data.scalar.tag != NULL)
		error_set(err, STATUS_INVALID,
		    "%s has an anchor or a tag; write the value alone", what);
	else if (strlen((char *)event->data.scalar.value) !=
	    event->data.scalar.length)
		error_set(err, STATUS_INVALID, "%s has a NUL byte", what);
	else
		return STATUS_OK;
	return fail_at(loader, &event->start_mark, err);
}

/* The section whose name is nearest to `wrong`; "" when none is near. */
static void
nearest_section(const char *wrong, char out[SCHEMA_NAME_BYTES_MAX])
{
	size_t best_distance = SIZE_MAX;

	out[0] = '\0';
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		const char *known = schema_key((enum config_key)i)->path;
		size_t size = strcspn(known, ".");
		char name[SCHEMA_NAME_BYTES_MAX];
		struct nearest nearest = {.wrong = wrong};

		snprintf(name, sizeof(name), "%.*s", (int)size, known);
		if (known[size] == '.')
			nearest_offer(&nearest, name);
		if (nearest.best == NULL || nearest.distance >= best_distance)
			continue;
		best_distance = nearest.distance;
		snprintf(out, SCHEMA_NAME_BYTES_MAX, "%s", name);
	}
}

/* "http has addr, workers, idle_timeout" */
static void
list_section(const char *section, struct buffer *out)
{
	size_t size = strlen(section);
	const char *comma = "";

	buffer_printf(out, "%s has ", section);
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		const char *known = schema_key((enum config_key)i)->path;

		if (strncmp(known, section, size) != 0 || known[size] != '.')
			continue;
		buffer_printf(out, "%s%s", comma, known + size + 1);
		comma = ", ";
	}
	buffer_append_byte(out, '\0');
}

static enum status
unknown_key(const struct loader *loader, const char *path,
    const yaml_mark_t *mark, struct error *err)
{
	const char *nearest = schema_nearest_path(path);
	char section[SCHEMA_NAME_BYTES_MAX];
	struct buffer list = {0};

	nearest_section(path, section);
	if (nearest == NULL && section[0] != '\0')
		nearest = section;
	if (nearest != NULL) {
		error_set(err, STATUS_INVALID,
		    "unknown key \"%.60s\"; did you mean \"%s\"?", path,
		    nearest);
	} else if (loader->section[0] != '\0') {
		list_section(loader->section, &list);
		error_set(err, STATUS_INVALID, "unknown key \"%.60s\"; %s",
		    path, (char *)list.data);
		buffer_deinit(&list);
	} else {
		error_set(err, STATUS_INVALID,
		    "unknown key \"%.60s\"; -print-config lists all keys",
		    path);
	}
	return fail_at(loader, mark, err);
}

static enum status
load_value(struct loader *loader, enum config_key key, const yaml_mark_t *mark,
    struct error *err)
{
	const struct schema_key *schema = schema_key(key);
	char place[CONFIG_PLACE_BYTES_MAX];
	yaml_event_t event;
	enum status status;

	if (loader->key_line[key] != 0) {
		error_set(err, STATUS_INVALID,
		    "%s is repeated; it stands on line %zu already",
		    schema->path, loader->key_line[key]);
		return fail_at(loader, mark, err);
	}
	loader->key_line[key] = mark->line + 1;
	if (next_event(loader, &event, err) != STATUS_OK)
		return err->code;
	status = check_scalar(loader, &event, schema->path, err);
	if (status == STATUS_OK && is_null(&event)) {
		error_set(err, STATUS_INVALID,
		    "%s has no value; write one, or take the line out",
		    schema->path);
		status = fail_at(loader, &event.start_mark, err);
	}
	if (status == STATUS_OK && schema->type == CONFIG_TYPE_COUNT &&
	    event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		error_set(err, STATUS_INVALID,
		    "%s must be a number, and this is a text; leave out the "
		    "quotes",
		    schema->path);
		status = fail_at(loader, &event.start_mark, err);
	}
	if (status == STATUS_OK) {
		snprintf(place, sizeof(place), "%s:%zu:%zu", loader->path,
		    event.start_mark.line + 1, event.start_mark.column + 1);
		status = config_set(loader->config, key,
		    (char *)event.data.scalar.value, CONFIG_FROM_FILE, place,
		    err);
	}
	yaml_event_delete(&event);
	return status;
}

static enum status
enter_section(struct loader *loader, const char *name, const yaml_mark_t *mark,
    struct error *err)
{
	yaml_event_t event;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < loader->section_count; i++) {
		if (strcmp(loader->sections[i], name) == 0) {
			error_set(err, STATUS_INVALID,
			    "section %s is repeated; it stands on line %zu "
			    "already",
			    name, loader->sections_line[i]);
			return fail_at(loader, mark, err);
		}
	}
	snprintf(loader->sections[loader->section_count], SCHEMA_NAME_BYTES_MAX,
	    "%s", name);
	loader->sections_line[loader->section_count++] = mark->line + 1;
	snprintf(loader->section, sizeof(loader->section), "%s", name);
	if (next_event(loader, &event, err) != STATUS_OK)
		return err->code;
	if (event.type != YAML_MAPPING_START_EVENT ||
	    event.data.mapping_start.anchor != NULL ||
	    event.data.mapping_start.tag != NULL) {
		error_set(err, STATUS_INVALID,
		    "%s is a section: its keys go below it, further to the "
		    "right",
		    name);
		status = fail_at(loader, &event.start_mark, err);
	}
	yaml_event_delete(&event);
	return status;
}

/* One key of the mapping that the loader is in, and what belongs to it. */
static enum status
load_key(struct loader *loader, const yaml_event_t *event, struct error *err)
{
	char path[2 * SCHEMA_NAME_BYTES_MAX];
	const char *name = (char *)event->data.scalar.value;
	enum config_key key;

	if (check_scalar(loader, event, "a key", err) != STATUS_OK)
		return err->code;
	snprintf(path, sizeof(path), "%s%s%.*s", loader->section,
	    loader->section[0] == '\0' ? "" : ".", SCHEMA_NAME_BYTES_MAX - 1,
	    name);
	/* "http.addr" as one word is no key, though it is a path. */
	if (strchr(name, '.') != NULL && schema_find_path(name, &key)) {
		error_set(err, STATUS_INVALID,
		    "\"%s\" is written in two lines: \"%.*s:\", and below "
		    "it, further to the right, \"%s:\"",
		    name, (int)strcspn(name, "."), name, strchr(name, '.') + 1);
		return fail_at(loader, &event->start_mark, err);
	}
	if (schema_find_path(path, &key))
		return load_value(loader, key, &event->start_mark, err);
	if (loader->section[0] == '\0' && schema_is_section(name))
		return enter_section(loader, name, &event->start_mark, err);
	return unknown_key(loader, path, &event->start_mark, err);
}

/* From the start of the outer mapping to its end. */
static enum status
load_mapping(struct loader *loader, struct error *err)
{
	enum status status;

	for (;;) {
		yaml_event_t event;

		if (next_event(loader, &event, err) != STATUS_OK)
			return err->code;
		if (event.type == YAML_MAPPING_END_EVENT) {
			bool is_outer = loader->section[0] == '\0';

			loader->section[0] = '\0';
			yaml_event_delete(&event);
			if (is_outer)
				return STATUS_OK;
			continue;
		}
		status = load_key(loader, &event, err);
		yaml_event_delete(&event);
		if (status != STATUS_OK)
			return status;
	}
}

/* The frame around the mapping: stream, documents, content of none. */
static enum status
load_stream(struct loader *loader, struct error *err)
{
	size_t document_count = 0;
	enum status status = STATUS_OK;

	for (;;) {
		yaml_event_t event;
		bool is_end;

		if (next_event(loader, &event, err) != STATUS_OK)
			return err->code;
		is_end = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_DOCUMENT_START_EVENT &&
		    ++document_count > 1) {
			error_set(err, STATUS_INVALID,
			    "a second document; one file is one document");
			status = fail_at(loader, &event.start_mark, err);
		} else if (event.type == YAML_MAPPING_START_EVENT) {
			status = load_mapping(loader, err);
		} else if (event.type == YAML_SEQUENCE_START_EVENT ||
		    (event.type == YAML_SCALAR_EVENT && !is_null(&event))) {
			error_set(err, STATUS_INVALID,
			    "the file must be keys with values, such as "
			    "\"data_dir: ./data\", not %s",
			    kind_of(&event));
			status = fail_at(loader, &event.start_mark, err);
		}
		yaml_event_delete(&event);
		if (status != STATUS_OK || is_end)
			return status;
	}
}

static enum status
read_file(const char *path, struct buffer *out, struct error *err)
{
	FILE *file = fopen(path, "rbe");
	struct stat info;
	size_t got;

	if (file == NULL && errno == ENOENT)
		return error_set(err, STATUS_NOT_FOUND,
		    "open %.100s: no such file; name one that exists with "
		    "-config",
		    path);
	if (file == NULL)
		return error_set_errno(err, errno, "open %.100s", path);
	if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
		fclose(file);
		return error_set(err, STATUS_INVALID,
		    "%.100s is a folder; name a file with -config", path);
	}
	got = fread(buffer_reserve(out, CONFIG_FILE_BYTES_MAX + 1), 1,
	    CONFIG_FILE_BYTES_MAX + 1, file);
	if (ferror(file)) {
		error_set_errno(err, errno, "read %.100s", path);
		fclose(file);
		return err->code;
	}
	fclose(file);
	if (got > CONFIG_FILE_BYTES_MAX)
		return error_set(err, STATUS_INVALID,
		    "%.100s is larger than %d bytes", path,
		    CONFIG_FILE_BYTES_MAX);
	buffer_commit(out, got);
	return STATUS_OK;
}

enum status
config_load_file(struct config *config, const char *path, struct error *err)
{
	struct loader loader = {.config = config, .path = path};
	struct buffer content = {0};
	size_t size = strlen(path);
	enum status status;

	if (size > SHOWN_PATH_BYTES_MAX)
		loader.path = path + size - SHOWN_PATH_BYTES_MAX;
	status = read_file(path, &content, err);
	if (status == STATUS_OK && !yaml_parser_initialize(&loader.parser)) {
		status = error_set_errno(err, ENOMEM, "read %.100s", path);
	} else if (status == STATUS_OK) {
		yaml_parser_set_input_string(&loader.parser,
		    content.data + content.start, buffer_size(&content));
		status = load_stream(&loader, err);
		yaml_parser_delete(&loader.parser);
	}
	buffer_deinit(&content);
	return status;
}
