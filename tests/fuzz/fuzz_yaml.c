/*
 * The configuration file. What loads and passes the checks, printed as a file,
 * loads again to the very same text and numbers.
 */
#include "config/config.h"
#include "config/loader.h"
#include "tests/fuzz/fuzz.h"

static void
compare(const struct config *a, const struct config *b)
{
	for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;

		CHECK(slice_equal(slice_of_string(config_text(a, key)),
		    slice_of_string(config_text(b, key))));
		CHECK(a->values[i].number == b->values[i].number);
	}
}

static void
print_and_load(const struct config *config)
{
	struct buffer printed = {0};
	struct config again;
	struct error err;

	config_print(config, &printed);
	config_init(&again);
	if (config_load_file(&again,
		fuzz_file("again.yaml", buffer_slice(&printed)),
		&err) != STATUS_OK)
		check_failed(err.text, __FILE__, __LINE__);
	compare(config, &again);
	config_deinit(&again);
	buffer_deinit(&printed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file("kv.yaml", slice_of(data, size));
	struct config config;
	struct error err;

	config_init(&config);
	if (config_load_file(&config, path, &err) == STATUS_OK) {
		if (config_check(&config, &err) == STATUS_OK)
			print_and_load(&config);
	} else {
		/* An error says where, or it helps nobody. */
		CHECK(memchr(err.text, ':', sizeof(err.text)) != NULL);
	}
	config_deinit(&config);
	return 0;
}
