/*
 * damage - a small store whose files are kept in memory, so that a test can
 * damage them one way after the other, and what became of each case.
 */
#ifndef TESTS_SUPPORT_DAMAGE_H
#define TESTS_SUPPORT_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/lsm/table/compression.h"
#include "common/os/path.h"
#include "tests/support/crash_workload.h"
#include "tests/support/scratch.h"

#define DAMAGE_FILES_MAX 200

struct damage_image {
	char path[256]; /* below the data directory */
	struct buffer bytes;
};

struct damage {
	struct scratch scratch;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	struct crash_workload work;
	struct damage_image images[DAMAGE_FILES_MAX];
	size_t count;
};

/* What became of the cases of one kind of file. */
struct damage_tally {
	unsigned long long cases;
	unsigned long long refused; /* the file, at opening */
	unsigned long long reported; /* by a read, or as a torn tail */
	unsigned long long harmless;
};

enum damage_outcome {
	DAMAGE_REFUSED,
	DAMAGE_REPORTED,
	DAMAGE_HARMLESS,
	DAMAGE_WRONG,
};

extern const uint8_t damage_store_id[16];

/*
 * The first life from the run's seed on that leaves files of every kind: a
 * journal of several segments, tables without compression and with
 * `compression`, ranges and deadlines.
 */
void damage_init(struct damage *store, enum compression compression);
void damage_deinit(struct damage *store);

/* TEST_STRIDE, or some: one of so many bits is looked at. */
uint64_t damage_stride(void);

/* Whether the file's path has `word` in it. */
bool damage_is_of(const struct damage_image *image, const char *word);

void damage_flip(struct damage_image *image, uint64_t bit);

/* Writes the file as it is in memory now, below `data`. */
void damage_write(const struct damage_image *image, const char *data);

void damage_make_folder(const char *path);

/* Batches of the last commit; they may read as torn. */
size_t damage_last_commit(const struct crash_workload *work);

/*
 * Opens the whole store as it is in memory now, and reads every key. Only the
 * batches of the last commit may be missing.
 */
enum damage_outcome damage_judge(const struct damage *store);

/* Counts a case, and fails the test for one that went wrong. */
void damage_note(struct damage_tally *tally, enum damage_outcome outcome,
    const struct damage_image *image, uint64_t place);

/* Says how many cases there were; none at all fails the test. */
void damage_say(const struct damage_tally *tally, const char *what);

#endif
