/*
 * service - the engine behind its socket: gathers the batches that have
 * arrived, writes them as one group, and answers.
 *
 * Failure  When the engine ends, so does the worker: clients lose the
 *          connection, keep what was not answered, and send it again to the
 *          next incarnation, which tells what had been applied.
 * Threads  The loop's.
 */
#ifndef STORAGED_SERVICE_SERVICE_H
#define STORAGED_SERVICE_SERVICE_H

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "storaged/engine.h"

struct service;
struct worker;

/*
 * Opens the engine and listens at `socket_path`. Failures after that end the
 * worker by worker_fail().
 */
enum status service_create(struct worker *worker,
    const struct engine_options *options, const char *socket_path,
    struct service **out, struct error *err) MUST_CHECK;

/* Appends a JSON object that tells how the store is. */
void service_status(struct service *service, struct buffer *json);

/* Takes no more requests, and closes the engine. NULL is allowed. */
void service_close(struct service *service);

#endif
