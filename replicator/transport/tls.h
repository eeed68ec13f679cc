/*
 * tls - certificates of a node, for both sides of its connections.
 *
 * Both sides show a certificate of the same authority. Who dials a peer also
 * demands that the peer's is for its name.
 *
 * Private to replicator/transport.
 */
#ifndef REPLICATOR_TRANSPORT_TLS_H
#define REPLICATOR_TRANSPORT_TLS_H

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "common/base/status.h"

/* Paths of PEM files. */
struct tls_files {
	const char *certificate;
	const char *key;
	const char *authority;
};

struct tls;

/* UNAVAILABLE where nng was built without TLS; INVALID for bad files. */
enum status tls_open(const struct tls_files *files, struct tls **out,
    struct error *err) MUST_CHECK;

/* NULL is allowed. */
void tls_close(struct tls *tls);

/*
 * The settings of one side, for nng_tls_config_free(). `server_name` is what
 * the other side's certificate must be for; NULL: for the listening side.
 */
enum status tls_config(const struct tls *tls, const char *server_name,
    nng_tls_config **out, struct error *err) MUST_CHECK;

#endif
