/*
 * config - a node's settings: one value for each key of the schema, and
 * where it came from.
 *
 * A value is taken from the first of these that has one: a flag, the
 * environment, the configuration file, the default. Fill in the other order:
 * config_init, config_load_file, config_load_environment, flags.
 *
 * Failure    STATUS_INVALID; the text says where the value stands (file, line
 *            and column, variable or flag), what it is, and what to write.
 * Ownership  A struct config is the caller's to config_deinit(). Texts given
 *            out are borrowed until then.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "config/schema.h"
#include "config/value.h"

enum config_origin {
	CONFIG_FROM_DEFAULT,
	CONFIG_FROM_FILE,
	CONFIG_FROM_ENVIRONMENT,
	CONFIG_FROM_FLAG,
};

#define CONFIG_PLACE_BYTES_MAX 160

struct config_value {
	char *text; /* as written, owned */
	uint64_t number; /* of sizes, durations and counts */
	enum config_origin origin;
	char place[CONFIG_PLACE_BYTES_MAX]; /* "kv.yaml:3:9", "-http-addr" */
};

struct config {
	struct config_value values[CONFIG_KEY_COUNT];
};

/* Every value its default. */
void config_init(struct config *config);
void config_deinit(struct config *config);

/*
 * Parses and bounds `text` and takes it as the value of `key`. `place` says
 * where it stands and begins the text of an error.
 */
enum status
config_set(struct config *config, enum config_key key, const char *text,
    enum config_origin origin, const char *place, struct error *err) MUST_CHECK;

/* Takes KVSTORE_* from `environment` (environ); an empty value is none. */
enum status config_load_environment(struct config *config,
    char *const *environment, struct error *err) MUST_CHECK;

/* Checks what concerns several keys together. Call it when all are set. */
enum status
config_check(const struct config *config, struct error *err) MUST_CHECK;

/* Text of any key; the number of a size (bytes), duration (ms) or count. */
const char *config_text(const struct config *config, enum config_key key);
uint64_t config_number(const struct config *config, enum config_key key);
struct address config_address(const struct config *config, enum config_key key);

/* True if the text of `key` is `word`. */
bool
config_is(const struct config *config, enum config_key key, const char *word);

/*
 * Appends the settings as a YAML file that gives the same values, each with
 * its origin in a comment.
 */
void config_print(const struct config *config, struct buffer *out);

#endif
