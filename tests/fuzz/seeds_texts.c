#include "common/os/file.h"
#include "tests/fuzz/seeds.h"

static void
seed_yaml(void)
{
	static const char *const texts[] = {
	    "data_dir: /var/lib/kv\nhttp:\n  address: \":0\"\n",
	    "memory: {max_mem_size: 512KiB, cache_size: 1.5GiB}\n",
	    "journal:\n  sync: never\n  sync_interval: 1m30s\n",
	    "node_id: 'it''s'\n",
	    "node_id: \"a\\n\\x41\\u00e9\"\n# comment\n",
	    "a: &x 1\nb: *x\n",
	    "--- {}\n...\n--- {}\n",
	    "? [x]\n: y\n",
	    "storage:\n  compression: |\n    lz4\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		seed_write_text("yaml", texts[i]);
}

static void
seed_text(void)
{
	static const char *const texts[] = {"10MB", "1.5GiB", "512KiB", "100",
	    "1m30s", "1.5s", "500ms", ":8080", "[::1]:0", "name:80", "off",
	    "127.0.0.1:65535", "-9223372036854775808", "9223372036854775807",
	    "0", "3600", "0.5", "0.001", "AAEC/w==", "YWI=", "\x80\x01",
	    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x05*a?b*xaybz",
	    "\x06[^a-c]\\d", "\x04h[a-z]ello",
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\\\n", "\xed\xa0\x80"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		seed_write_text("text", texts[i]);
}

void
seeds_texts(void)
{
	seed_yaml();
	seed_text();
}
