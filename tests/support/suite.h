/*
 * suite - the frame of a unit test program: one CUnit suite, one process.
 *
 *     int
 *     main(int argc, char **argv)
 *     {
 *             static const struct suite_case cases[] = {
 *                 SUITE_CASE(append_after_failed_write_returns_first_error),
 *             };
 *             return suite_run("journal_writer", cases,
 *                 SUITE_COUNT(cases), argc, argv);
 *     }
 *
 * Arguments of the program: names of the cases to run, all by default. The
 * seed for randomized cases comes from the environment's TEST_SEED, else
 * from the kernel; it is printed first.
 */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <CUnit/CUnit.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct suite_case {
	const char *name;
	void (*run)(void);
};

#define SUITE_CASE(function)        \
	{                           \
#function, function \
	}
#define SUITE_COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

/* Runs the cases; returns main's exit code: 0 only if all passed. */
int suite_run(const char *name, const struct suite_case *cases, size_t count,
    int argc, char **argv);

/* This run's seed. */
uint64_t suite_seed(void);

/*
 * Says how many cases of a kind a test went through: "cuts, none wrong". What
 * `make torture` adds up, so that a proof cannot pass by doing nothing.
 */
void suite_count(unsigned long long count, const char *what);

/* Passes if `status` is OK; prints the text of `err` otherwise. */
#define ASSERT_OK(call, err)                                               \
	do {                                                               \
		enum status assert_status = (call);                        \
		if (assert_status != STATUS_OK)                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
			    (err)->text);                                  \
		CU_ASSERT_EQUAL_FATAL(assert_status, STATUS_OK);           \
	} while (0)

#endif
