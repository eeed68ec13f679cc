#include "tests/support/suite.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/os/random.h"

static uint64_t seed;

static bool
wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc <= 1;
}

int
suite_run(const char *name, const struct suite_case *cases, size_t count,
    int argc, char **argv)
{
	const char *given = getenv("TEST_SEED");
	CU_pSuite suite;
	unsigned int failures;
	unsigned int ran;

	if (given != NULL)
		seed = strtoull(given, NULL, 0);
	else
		random_fill(&seed, sizeof(seed));
	printf("%s: TEST_SEED=%llu\n", name, (unsigned long long)seed);
	fflush(stdout);
	CHECK(CU_initialize_registry() == CUE_SUCCESS);
	suite = CU_add_suite(name, NULL, NULL);
	CHECK(suite != NULL);
	for (size_t i = 0; i < count; i++) {
		if (wanted(cases[i].name, argc, argv))
			CHECK(CU_add_test(suite, cases[i].name, cases[i].run) !=
			    NULL);
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	/* The result of the run call says nothing of failed assertions. */
	(void)CU_basic_run_tests();
	ran = CU_get_number_of_tests_run();
	failures =
	    CU_get_number_of_failures() + CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failures == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

uint64_t
suite_seed(void)
{
	return seed;
}

void
suite_count(unsigned long long count, const char *what)
{
	printf("count: %llu %s\n", count, what);
	fflush(stdout);
}
