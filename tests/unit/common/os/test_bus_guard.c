#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/os/bus_guard.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define MAPPED_BYTES 8192

struct mapped {
	const volatile uint8_t *bytes;
	unsigned seen;
	enum status inner;
};

/* Maps a file that has lost its bytes since. */
static struct mapped
mapped_and_cut(struct scratch *scratch)
{
	struct mapped mapped = {0};
	struct file *file;
	struct error err;
	void *bytes;

	ASSERT_OK(file_create(file_system_real(),
		      scratch_path(scratch, "mapped"), &file, &err),
	    &err);
	ASSERT_OK(file_truncate(file, MAPPED_BYTES, &err), &err);
	ASSERT_OK(file_map(file, MAPPED_BYTES, false, &bytes, &err), &err);
	ASSERT_OK(file_truncate(file, 0, &err), &err);
	file_close(file);
	mapped.bytes = bytes;
	return mapped;
}

static enum status
read_mapped(void *context, struct error *err)
{
	struct mapped *mapped = context;

	mapped->seen = mapped->bytes[0];
	return STATUS_OK;
}

static enum status
read_nothing(void *context, struct error *err)
{
	return error_set(err, STATUS_BUSY, "as returned");
}

static enum status
read_nested(void *context, struct error *err)
{
	struct mapped *mapped = context;

	mapped->inner = bus_guard_run(read_mapped, context, err);
	return read_mapped(context, err);
}

static void
lost_page_is_an_io_error_again_and_again(void)
{
	struct scratch scratch;
	struct mapped mapped;
	struct error err;

	scratch_init(&scratch);
	bus_guard_install();
	mapped = mapped_and_cut(&scratch);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(
		    bus_guard_run(read_mapped, &mapped, &err), STATUS_IO);
		CU_ASSERT_EQUAL(err.code, STATUS_IO);
	}
	munmap((void *)(uintptr_t)mapped.bytes, MAPPED_BYTES);
	scratch_deinit(&scratch);
}

static void
result_of_the_function_is_passed_through(void)
{
	struct error err;

	bus_guard_install();
	CU_ASSERT_EQUAL(bus_guard_run(read_nothing, NULL, &err), STATUS_BUSY);
	CU_ASSERT_STRING_EQUAL(err.text, "as returned");
}

static void
inner_guard_returns_to_the_outer_one(void)
{
	struct scratch scratch;
	struct mapped mapped;
	struct error err;

	scratch_init(&scratch);
	bus_guard_install();
	mapped = mapped_and_cut(&scratch);
	CU_ASSERT_EQUAL(bus_guard_run(read_nested, &mapped, &err), STATUS_IO);
	CU_ASSERT_EQUAL(mapped.inner, STATUS_IO);
	munmap((void *)(uintptr_t)mapped.bytes, MAPPED_BYTES);
	scratch_deinit(&scratch);
}

/* The signal that ends a child which runs `child`; 0 if none does. */
static int
signal_that_ends(void (*child)(struct mapped *), struct mapped *mapped)
{
	pid_t pid = fork();
	int state = 0;

	if (pid == 0) {
		child(mapped);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &state, 0), pid);
	return WIFSIGNALED(state) ? WTERMSIG(state) : 0;
}

static void
touch_unguarded(struct mapped *mapped)
{
	mapped->seen = mapped->bytes[0];
}

static enum status
raise_it(void *context, struct error *err)
{
	raise(SIGBUS);
	return STATUS_OK;
}

static void
raise_guarded(struct mapped *mapped)
{
	struct error err;

	(void)!bus_guard_run(raise_it, NULL, &err);
}

static void
unguarded_or_sent_signal_ends_the_process(void)
{
	struct scratch scratch;
	struct mapped mapped;

	scratch_init(&scratch);
	bus_guard_install();
	mapped = mapped_and_cut(&scratch);
	CU_ASSERT_EQUAL(signal_that_ends(touch_unguarded, &mapped), SIGBUS);
	CU_ASSERT_EQUAL(signal_that_ends(raise_guarded, &mapped), SIGBUS);
	munmap((void *)(uintptr_t)mapped.bytes, MAPPED_BYTES);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(lost_page_is_an_io_error_again_and_again),
	    SUITE_CASE(result_of_the_function_is_passed_through),
	    SUITE_CASE(inner_guard_returns_to_the_outer_one),
	    SUITE_CASE(unguarded_or_sent_signal_ends_the_process),
	};

	return suite_run("bus_guard", cases, SUITE_COUNT(cases), argc, argv);
}
