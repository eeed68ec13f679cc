/*
 * loader - reads the YAML configuration file, strictly.
 *
 * The file is one mapping of keys and sections, as config/kvstore.yaml shows.
 * Unknown and repeated keys, values of a wrong kind or out of range, anchors,
 * tags and second documents are errors; a file without content is none.
 *
 * Failure  STATUS_INVALID with "file:line:column: " before the text, both
 *          counted from 1; STATUS_NOT_FOUND or STATUS_IO if it cannot be read.
 * Limits   CONFIG_FILE_BYTES_MAX.
 */
#ifndef CONFIG_LOADER_H
#define CONFIG_LOADER_H

#include "common/base/status.h"

struct config;

#define CONFIG_FILE_BYTES_MAX (1 << 20)

/* Takes the values in the file at `path` into `config`. */
enum status config_load_file(
    struct config *config, const char *path, struct error *err) MUST_CHECK;

#endif
