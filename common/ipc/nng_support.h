/*
 * nng_support - what both sides do with nng. Private to common/ipc.
 */
#ifndef COMMON_IPC_NNG_SUPPORT_H
#define COMMON_IPC_NNG_SUPPORT_H

#include <nng/nng.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/ipc/message.h"

/* "ipc://" and a path, with its NUL. */
#define NNG_SUPPORT_URL_BYTES 128

/* STATUS_INVALID for a path that is too long. */
enum status nng_support_url(char url[NNG_SUPPORT_URL_BYTES], const char *path,
    struct error *err) MUST_CHECK;

/* Turns a result of nng into a status; `what` is the call. */
enum status
nng_support_result(int result, const char *what, struct error *err) MUST_CHECK;

/* Settings of every socket: bounded messages. */
enum status
nng_support_prepare(nng_socket socket, struct error *err) MUST_CHECK;

/*
 * A connection to `url` which the other side takes for that of a client, and
 * by which nothing is ever asked: a descriptor to close; -1 if there is none
 * to be had at once.
 */
int nng_support_knock(const char *url);

/* A message with header and payload, copied once. */
nng_msg *nng_support_message(
    enum ipc_type type, enum status status, struct slice payload);

struct slice nng_support_bytes(nng_msg *message);

#endif
