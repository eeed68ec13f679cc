/*
 * listen - opens the public listening sockets, which workers inherit, so that
 * clients are never refused while a worker restarts.
 *
 * Failure  STATUS_UNAVAILABLE: the port is in use, or the address is no one
 *          of this machine. STATUS_CONFLICT: this user may not listen there.
 *          STATUS_NOT_FOUND: the host name has no address. The text names
 *          the setting, the address and the remedy.
 */
#ifndef SUPERVISOR_LISTEN_H
#define SUPERVISOR_LISTEN_H

#include "common/base/status.h"
#include "config/value.h"

#define LISTEN_TEXT_BYTES_MAX 128

/*
 * Listens on `address`, which is not off. `flag` is how messages name the
 * setting. The socket is non-blocking and close-on-exec.
 */
enum status listen_open(const struct address *address, const char *flag,
    int *fd, struct error *err) MUST_CHECK;

/* Writes where the socket listens ("[::]:8080"), with the port it was given. */
void listen_name(int fd, char out[LISTEN_TEXT_BYTES_MAX]);

#endif
