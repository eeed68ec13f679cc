/*
 * arguments - the command line of bin/server, in the manner of Go's flags:
 * "-flag value", "-flag=value", one dash or two, the last of several counts.
 *
 * Failure  STATUS_INVALID: an unknown flag (with the nearest valid one), a
 *          missing value, a value that does not parse, a word that is no flag.
 */
#ifndef CONFIG_ARGUMENTS_H
#define CONFIG_ARGUMENTS_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

struct config;

enum arguments_action {
	ARGUMENTS_RUN,
	ARGUMENTS_CHECK_CONFIG,
	ARGUMENTS_PRINT_CONFIG,
	ARGUMENTS_VERSION,
	ARGUMENTS_HELP,
};

struct arguments {
	enum arguments_action action;
	const char *config_path; /* borrowed from argv; NULL without -config */
};

/* Takes argv[1..] into `config` and *out. */
enum status arguments_parse(struct config *config, int argc, char **argv,
    struct arguments *out, struct error *err) MUST_CHECK;

/* Appends the text of -help. */
void arguments_help(struct buffer *out);

#endif
