#include "replicator/transport/tls.h"

#include <string.h>

#include "common/base/buffer.h"
#include "common/base/mem.h"
#include "common/os/file.h"

#define PEM_BYTES_MAX ((size_t)1 << 20)

struct tls {
	char *certificate; /* texts */
	char *key;
	char *authority;
};

static enum status
text_read(const char *path, char **out, struct error *err)
{
	struct buffer bytes = {0};
	enum status status;

	status = file_read_whole(
	    file_system_real(), path, PEM_BYTES_MAX, &bytes, err);
	if (status == STATUS_OK) {
		buffer_append_byte(&bytes, '\0');
		*out = mem_dup(bytes.data + bytes.start, buffer_size(&bytes));
		/* It may have been the key. */
		explicit_bzero(bytes.data, bytes.end);
	}
	buffer_deinit(&bytes);
	return status;
}

enum status
tls_open(const struct tls_files *files, struct tls **out, struct error *err)
{
	struct tls *tls = mem_new(sizeof(*tls));
	nng_tls_config *config;
	enum status status;

	*out = NULL;
	status = text_read(files->certificate, &tls->certificate, err);
	if (status == STATUS_OK)
		status = text_read(files->key, &tls->key, err);
	if (status == STATUS_OK)
		status = text_read(files->authority, &tls->authority, err);
	/* Once, so that what is wrong is said at the start. */
	if (status == STATUS_OK)
		status = tls_config(tls, NULL, &config, err);
	if (status != STATUS_OK) {
		tls_close(tls);
		return status;
	}
	nng_tls_config_free(config);
	*out = tls;
	return STATUS_OK;
}

void
tls_close(struct tls *tls)
{
	if (tls == NULL)
		return;
	if (tls->key != NULL)
		explicit_bzero(tls->key, strlen(tls->key));
	mem_free(tls->key);
	mem_free(tls->certificate);
	mem_free(tls->authority);
	mem_free(tls);
}

enum status
tls_config(const struct tls *tls, const char *server_name, nng_tls_config **out,
    struct error *err)
{
	const char *what = "TLS";
	int result;

	*out = NULL;
	result = nng_tls_config_alloc(out,
	    server_name == NULL ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT);
	if (result != 0) {
		*out = NULL;
		return error_set(err, STATUS_UNAVAILABLE,
		    "this system's nng has no TLS: %s", nng_strerror(result));
	}
	result = nng_tls_config_auth_mode(*out, NNG_TLS_AUTH_MODE_REQUIRED);
	if (result == 0 && server_name != NULL)
		result = nng_tls_config_server_name(*out, server_name);
	if (result == 0) {
		what = "the authority's certificate";
		result = nng_tls_config_ca_chain(*out, tls->authority, NULL);
	}
	if (result == 0) {
		what = "the node's certificate and key";
		result = nng_tls_config_own_cert(
		    *out, tls->certificate, tls->key, NULL);
	}
	if (result == 0)
		return STATUS_OK;
	nng_tls_config_free(*out);
	*out = NULL;
	return error_set(
	    err, STATUS_INVALID, "%s: %s", what, nng_strerror(result));
}
