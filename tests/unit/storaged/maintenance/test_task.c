/* test_task - what tasks of one store do after one of them has failed. */
#include "storaged/maintenance/task.h"

#include <CUnit/CUnit.h>
#include <string.h>

#include "common/log/log.h"
#include "tests/support/suite.h"

struct piece {
	struct task task;
	enum status outcome;
	unsigned runs;
};

static void
work(struct task *task)
{
	struct piece *piece = (struct piece *)task;

	piece->runs++;
	if (piece->outcome != STATUS_OK)
		task->status =
		    error_set(&task->error, piece->outcome, "it says so");
}

struct fixture {
	struct task_group group;
	struct piece first;
	struct piece second;
};

static void
fixture_init(struct fixture *fixture, enum status outcome)
{
	*fixture = (struct fixture){0};
	task_group_init(&fixture->group, false);
	task_init(&fixture->first.task, &fixture->group, work);
	task_init(&fixture->second.task, &fixture->group, work);
	fixture->first.outcome = outcome;
}

/* Both are submitted before the first has run. */
static void
run_both(struct fixture *fixture)
{
	task_start(&fixture->first.task, LANE_FLUSH);
	task_start(&fixture->second.task, LANE_COMPACT);
	while (background_poll(fixture->group.background)) {
	}
	CU_ASSERT_TRUE(task_take_end(&fixture->first.task));
	CU_ASSERT_TRUE(task_take_end(&fixture->second.task));
	CU_ASSERT_FALSE(task_take_end(&fixture->second.task));
}

static void
nothing_begins_after_a_failed_sync(void)
{
	struct fixture fixture;
	struct error err;

	fixture_init(&fixture, STATUS_UNSYNCED);
	run_both(&fixture);
	CU_ASSERT_EQUAL(fixture.first.runs, 1);
	CU_ASSERT_EQUAL(fixture.second.runs, 0);
	CU_ASSERT_EQUAL(fixture.second.task.status, STATUS_UNSYNCED);
	CU_ASSERT_EQUAL(
	    task_failed(&fixture.second.task, "compaction", 0, 1, &err),
	    STATUS_UNSYNCED);
	CU_ASSERT_STRING_EQUAL(err.text, "compaction: it says so");
	/* Nor is it tried again. */
	CU_ASSERT_EQUAL(task_run(&fixture.first.task), STATUS_UNSYNCED);
	CU_ASSERT_EQUAL(fixture.first.runs, 1);
	task_group_deinit(&fixture.group);
}

static void
others_go_on_after_what_may_pass(void)
{
	struct fixture fixture;
	struct error err;

	fixture_init(&fixture, STATUS_NO_SPACE);
	run_both(&fixture);
	CU_ASSERT_EQUAL(fixture.second.runs, 1);
	CU_ASSERT_EQUAL(fixture.second.task.status, STATUS_OK);
	CU_ASSERT_EQUAL(
	    task_failed(&fixture.first.task, "flush", 1000, 50, &err),
	    STATUS_OK);
	CU_ASSERT_STRING_EQUAL(fixture.first.task.trouble, "flush: it says so");
	task_group_deinit(&fixture.group);
}

static void
wait_doubles_and_ends_when_space_is_back(void)
{
	struct fixture fixture;
	struct task *task = &fixture.first.task;
	struct error err;

	fixture_init(&fixture, STATUS_NO_SPACE);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(task_run(task), STATUS_NO_SPACE);
		CU_ASSERT_EQUAL(
		    task_failed(task, "flush", 1000, 50, &err), STATUS_OK);
	}
	CU_ASSERT_FALSE(task_idle(task, 50 + 3999));
	CU_ASSERT_TRUE(task_idle(task, 50 + 4000));
	task_hurry(task, 2000, 60);
	CU_ASSERT_FALSE(task_idle(task, 60));
	task_hurry(task, 2u << 20, 60);
	CU_ASSERT_TRUE(task_idle(task, 60));
	task_went_well(task);
	CU_ASSERT_STRING_EQUAL(task->trouble, "");
	task_group_deinit(&fixture.group);
}

static void
damage_passes_only_where_it_is_left_alone(void)
{
	struct fixture fixture;
	struct error err;

	fixture_init(&fixture, STATUS_CORRUPT);
	fixture.second.outcome = STATUS_CORRUPT;
	fixture.second.task.outlives_damage = true;
	run_both(&fixture);
	CU_ASSERT_EQUAL(task_failed(&fixture.first.task, "flush", 0, 0, &err),
	    STATUS_CORRUPT);
	CU_ASSERT_EQUAL(
	    task_failed(&fixture.second.task, "compaction", 0, 0, &err),
	    STATUS_OK);
	task_group_deinit(&fixture.group);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(nothing_begins_after_a_failed_sync),
	    SUITE_CASE(others_go_on_after_what_may_pass),
	    SUITE_CASE(wait_doubles_and_ends_when_space_is_back),
	    SUITE_CASE(damage_passes_only_where_it_is_left_alone),
	};

	log_open("test", LOG_ERROR);
	return suite_run("task", cases, SUITE_COUNT(cases), argc, argv);
}
