/*
 * bus_guard - reads mapped files so that a read error is an error, not death.
 *
 * Where the kernel cannot bring in a page of a mapped file (the disk failed,
 * the file became shorter) it sends SIGBUS to the thread that touched it.
 * Code that reads mappings runs inside bus_guard_run(), which turns that
 * signal into STATUS_IO.
 *
 *     status = bus_guard_run(get_from_tables, &request, err);
 *
 * The guarded function is left from its middle. So, while it reads mapped
 * bytes, it holds no lock, and everything that it has acquired must be owned
 * by something that outlives it; results it has half written are void.
 *
 * Failure  A SIGBUS outside of any guard, or one that no mapping caused, ends
 *          the process as if there were no handler.
 * Threads  Each thread has its own guards. Guards may be nested.
 * Limits   Costs some 10 ns a run: guard whole requests, not single reads.
 */
#ifndef COMMON_OS_BUS_GUARD_H
#define COMMON_OS_BUS_GUARD_H

#include "common/base/status.h"

/* Takes over SIGBUS for the whole process; again does nothing more. */
void bus_guard_install(void);

/*
 * Runs `read` and returns what it returns; STATUS_IO if a mapping that it
 * touched could not be read. Needs bus_guard_install() before it.
 */
enum status bus_guard_run(enum status (*read)(void *context, struct error *err),
    void *context, struct error *err) MUST_CHECK;

#endif
