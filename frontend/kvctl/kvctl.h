/*
 * kvctl - what the files of the program share: settings, exit codes, verbs.
 */
#ifndef FRONTEND_KVCTL_KVCTL_H
#define FRONTEND_KVCTL_KVCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

struct arguments;

/* Part of the interface: scripts decide by them. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_NOT_FOUND = 1,
	EXIT_DAMAGED = 1, /* of the verbs on a folder */
	EXIT_REFUSED = 2,
	EXIT_UNREACHABLE = 3,
	EXIT_OUTCOME_UNKNOWN = 4,
	EXIT_MISUSED = 64, /* EX_USAGE */
	EXIT_NO_OUTPUT = 74, /* EX_IOERR */
};

struct kvctl {
	const struct arguments *arguments;
	const char *const *words; /* those behind the verb */
	size_t word_count;
	/* Keys, taken apart if they are --escaped; empty if not given. */
	struct kvctl_keys {
		struct buffer word; /* the first of the words */
		struct buffer prefix;
		struct buffer start;
		struct buffer end;
	} keys;
	uint64_t timeout_ms;
	bool is_json;
};

/* The key that the first word names; borrowed from `kvctl`. */
struct slice kvctl_key(const struct kvctl *kvctl);

/* The whole program but main(). */
enum exit_code kvctl_run(int argc, char **argv);

/* Writes "kvctl: " and the error to stderr; the exit code for its status. */
enum exit_code kvctl_fail(const struct error *err);

enum exit_code kvctl_help(const struct kvctl *kvctl);
enum exit_code kvctl_put(const struct kvctl *kvctl);
enum exit_code kvctl_get(const struct kvctl *kvctl);
enum exit_code kvctl_delete(const struct kvctl *kvctl);
enum exit_code kvctl_ttl(const struct kvctl *kvctl);
enum exit_code kvctl_scan(const struct kvctl *kvctl);
enum exit_code kvctl_checkpoint(const struct kvctl *kvctl);
enum exit_code kvctl_db_check(const struct kvctl *kvctl);
enum exit_code kvctl_db_dump(const struct kvctl *kvctl);
enum exit_code kvctl_db_repair(const struct kvctl *kvctl);
enum exit_code kvctl_flush(const struct kvctl *kvctl);
enum exit_code kvctl_compact(const struct kvctl *kvctl);
enum exit_code kvctl_status(const struct kvctl *kvctl);
enum exit_code kvctl_worker_list(const struct kvctl *kvctl);
enum exit_code kvctl_worker_restart(const struct kvctl *kvctl);

#endif
