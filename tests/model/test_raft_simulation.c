/*
 * test_raft_simulation - clusters in one process, seed by seed.
 *
 * RAFT_SEEDS says how many (200), RAFT_SEED the first one (1). A seed that
 * fails is printed and plays again alone by RAFT_SEEDS=1 RAFT_SEED=it.
 */
#include <raft.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replicator/core/guard.h"
#include "tests/simulation/sim.h"
#include "tests/support/suite.h"

#define FAILURES_SHOWN 10

/* What libraft has allocated and not freed. */
static long live;

static void *
heap_malloc(void *data, size_t size)
{
	live++;
	return malloc(size == 0 ? 1 : size);
}

static void
heap_free(void *data, void *memory)
{
	live -= memory != NULL;
	free(memory);
}

static void *
heap_calloc(void *data, size_t count, size_t size)
{
	live++;
	return calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

static void *
heap_realloc(void *data, void *memory, size_t size)
{
	live += memory == NULL;
	return realloc(memory, size);
}

static void *
heap_aligned_alloc(void *data, size_t alignment, size_t size)
{
	live++;
	return aligned_alloc(alignment, size);
}

static void
heap_aligned_free(void *data, size_t alignment, void *memory)
{
	heap_free(data, memory);
}

static struct raft_heap heap = {NULL, heap_malloc, heap_free, heap_calloc,
    heap_realloc, heap_aligned_alloc, heap_aligned_free};

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static bool
run_seed(struct sim *sim, uint64_t seed)
{
	live = 0;
	if (!sim_run(sim, seed))
		return false;
	if (live != 0)
		sim_fail(sim, "libraft keeps %ld pieces of memory", live);
	return live == 0;
}

static void
no_seed_breaks_an_invariant(void)
{
	static struct sim sim;
	uint64_t first = number("RAFT_SEED", 1);
	uint64_t count = number("RAFT_SEEDS", 200);
	uint64_t failed = 0;

	raft_heap_set(&heap);
	for (uint64_t seed = first; seed < first + count; seed++) {
		if (run_seed(&sim, seed))
			continue;
		if (failed++ < FAILURES_SHOWN)
			printf("seed %llu at %llu ms: %s\n",
			    (unsigned long long)seed,
			    (unsigned long long)sim.now_ms, sim.failure);
	}
	raft_heap_set_default();
	suite_count(sim.done.seeds, "simulated clusters");
	printf("committed %llu, acknowledged %llu, elections %llu, crashes "
	       "%llu, snapshots %llu, installed %llu, changes %llu\n",
	    (unsigned long long)sim.done.committed,
	    (unsigned long long)sim.done.acknowledged,
	    (unsigned long long)sim.done.elections,
	    (unsigned long long)sim.done.crashes,
	    (unsigned long long)sim.done.taken,
	    (unsigned long long)sim.done.installed,
	    (unsigned long long)sim.done.changes);
	CU_ASSERT_EQUAL(failed, 0);
	/* A cluster that does nothing breaks nothing. */
	CU_ASSERT_TRUE(sim.done.acknowledged > count * 200);
	CU_ASSERT_TRUE(sim.done.elections > count);
	CU_ASSERT_TRUE(count < 10 || sim.done.installed > count);
	sim_deinit(&sim);
}

/* In a process of its own: what goes wrong may end it. */
static bool
fails_without(enum guard guard, uint64_t seeds)
{
	pid_t child;
	int result = 0;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		static struct sim sim;

		/* Its last words are expected. */
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(0);
		sim.guards_off = (unsigned)guard;
		raft_heap_set(&heap);
		for (uint64_t seed = 1; seed <= seeds; seed++) {
			if (!run_seed(&sim, seed))
				_exit(1);
		}
		_exit(0);
	}
	CU_ASSERT_TRUE_FATAL(child > 0);
	CU_ASSERT_EQUAL_FATAL(waitpid(child, &result, 0), child);
	return !WIFEXITED(result) || WEXITSTATUS(result) != 0;
}

static void
without_its_guards_it_breaks_them(void)
{
	CU_ASSERT_TRUE(fails_without(GUARD_SPLIT, 100));
	CU_ASSERT_TRUE(fails_without(GUARD_SOLE_VOTER, 300));
	CU_ASSERT_TRUE(fails_without(GUARD_COMMIT, 20));
	CU_ASSERT_TRUE(fails_without(GUARD_TIMER, 50));
	CU_ASSERT_TRUE(fails_without(GUARD_INSTALLING, 50));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(no_seed_breaks_an_invariant),
	    SUITE_CASE(without_its_guards_it_breaks_them),
	};

	return suite_run(
	    "raft_simulation", cases, SUITE_COUNT(cases), argc, argv);
}
