/*
 * Power cuts of a real file system: the engine, with its threads, on an ext4
 * of its own that is shut down under it (FS_IOC_SHUTDOWN) at random moments,
 * mounted again and recovered. What the kernel had not written is gone then,
 * as when the power fails.
 *
 *     ext4_cuts CUTS       TEST_SEED sets the seed
 *
 * Eight writers send one batch after the other, each batch one group: a key of
 * a slot is put or deleted, and "last" becomes the batch's number. So the
 * number that is found tells everything that must be there, no less and no
 * more; it lies between the last number answered and the last one sent.
 *
 * The load runs in a child, whose progress stands in memory that the parent
 * shares. Mounts live in a namespace of this process and loop devices detach
 * by themselves, so that nothing stays behind however it ends. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/command/batch.h"
#include "common/log/log.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/view/view_reader.h"
#include "common/lsm/view/view_scan.h"
#include "common/os/random.h"
#include "storaged/engine.h"
#include "tests/support/scratch.h"

#define FS_IOC_SHUTDOWN_CODE _IOR('X', 125, uint32_t)
#define FLAG_COUNT 3 /* default, with the log flushed, without */

#define IMAGE_BYTES ((off_t)96 << 20)
#define WRITERS 8
#define SLOTS 150
#define VALUE_BYTES_MAX_HERE 1500
#define LOAD_MS_MAX 600

/* What a child's exit code says. */
enum outcome {
	CHILD_CUT, /* the engine met the cut and ended */
	CHILD_WRONG = 10, /* what was found is not what must be there */
	CHILD_LATE, /* something was acknowledged after the cut */
	CHILD_BROKEN, /* the store did not open, or failed without a cut */
};

/* Shared with the child. */
struct progress {
	_Atomic uint64_t sent[WRITERS];
	_Atomic uint64_t answered[WRITERS];
	atomic_bool running; /* verified, and writing */
	atomic_bool is_cut;
	_Atomic uint64_t verified; /* keys */
};

struct stage {
	struct scratch scratch; /* mount point and runtime directory */
	char mount[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	char data[PATH_BYTES_MAX];
	int image; /* unlinked: gone with this process */
	struct progress *progress;
	struct rng rng;
};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* What batch `number` of a writer puts into its slot; empty: it deletes. */
static struct slice
value_of(unsigned writer, uint64_t number, uint8_t *bytes)
{
	struct rng rng = rng_seeded(number * WRITERS + writer);
	size_t size = rng_below(&rng, 5) == 0
	    ? 0
	    : 8 + rng_below(&rng, VALUE_BYTES_MAX_HERE - 8);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)rng_below(&rng, 256);
	return slice_of(bytes, size);
}

/* The last number up to `number` that wrote to `slot`; 0: none. */
static uint64_t
writer_of_slot(uint64_t number, unsigned slot)
{
	uint64_t back = (number + SLOTS - slot) % SLOTS;

	return back >= number ? 0 : number - back;
}

static enum status
encode(struct batch_builder *builder, const uint8_t *id, unsigned writer,
    uint64_t number, uint64_t batch_number, struct slice *out)
{
	struct batch_origin origin = {
	    .number = batch_number, .answered = batch_number - 1};
	uint8_t bytes[VALUE_BYTES_MAX_HERE];
	char key[32];
	char last[32];
	char text[32];
	struct command command = {.key = SLICE_EMPTY};

	memcpy(origin.writer, id, WRITER_ID_BYTES);
	batch_builder_reset(builder);
	snprintf(
	    key, sizeof(key), "w%u/%03u", writer, (unsigned)(number % SLOTS));
	command.key = slice_of_string(key);
	command.value = value_of(writer, number, bytes);
	command.op = command.value.size > 0 ? COMMAND_PUT : COMMAND_DELETE;
	CHECK(batch_builder_add(builder, &command));
	snprintf(last, sizeof(last), "w%u/last", writer);
	snprintf(text, sizeof(text), "%" PRIu64, number);
	command = (struct command){.op = COMMAND_PUT,
	    .key = slice_of_string(last),
	    .value = slice_of_string(text)};
	CHECK(batch_builder_add(builder, &command));
	batch_builder_end_group(builder);
	*out = batch_builder_finish(builder, &origin, 0);
	return STATUS_OK;
}

struct load {
	struct stage *stage;
	struct engine *engine;
	struct engine_options options;
	struct batch_builder builder;
	uint8_t ids[WRITERS][WRITER_ID_BYTES];
	uint64_t batch_numbers[WRITERS];
	uint64_t numbers[WRITERS]; /* found, then sent */
};

static void
say(const char *what, const char *text)
{
	fprintf(stderr, "%s: %s\n", what, text);
}

/* Everything that the store holds, by key. */
struct found {
	uint64_t last[WRITERS];
	struct buffer values[WRITERS][SLOTS];
	bool present[WRITERS][SLOTS];
	uint64_t keys;
	bool strange;
};

static void
take_entry(struct found *found, const struct entry *entry)
{
	char key[32] = "";
	char text[32] = "";
	unsigned writer;
	unsigned slot;

	found->keys++;
	if (entry->key.size < sizeof(key))
		memcpy(key, entry->key.data, entry->key.size);
	if (sscanf(key, "w%u/%03u", &writer, &slot) == 2 && writer < WRITERS &&
	    slot < SLOTS) {
		found->present[writer][slot] = true;
		buffer_append_slice(&found->values[writer][slot], entry->value);
	} else if (sscanf(key, "w%u/last", &writer) == 1 && writer < WRITERS &&
	    entry->value.size < sizeof(text)) {
		memcpy(text, entry->value.data, entry->value.size);
		found->last[writer] = strtoull(text, NULL, 10);
	} else {
		found->strange = true;
	}
}

static enum status
read_all(struct load *load, struct found *found, struct error *err)
{
	const struct view_scan_limits limits = {
	    .entries_max = 200, .bytes_max = 1 << 20, .steps_max = 1000};
	struct view_reader_options options = {
	    .runtime_directory = load->stage->runtime,
	    .data_directory = load->stage->data,
	    .clock = &clock_system,
	    .cache_bytes = 1 << 20,
	};
	struct view_reader *reader = view_reader_create(&options);
	struct view_scan_page page = {.is_end = false};
	struct view_scan *scan = NULL;
	enum status status = view_reader_refresh(reader, err);

	if (status == STATUS_OK)
		status = view_reader_scan(
		    reader, SLICE_EMPTY, SLICE_EMPTY, &scan, err);
	while (status == STATUS_OK && !page.is_end) {
		status = view_scan_read(scan, &limits, &page, err);
		for (size_t i = 0; status == STATUS_OK && i < page.count; i++)
			take_entry(found, &page.entries[i]);
	}
	view_scan_close(scan);
	view_reader_close(reader);
	return status;
}

static bool
writer_is_right(const struct load *load, const struct found *found, unsigned w)
{
	const struct progress *progress = load->stage->progress;
	uint64_t answered = atomic_load(&progress->answered[w]);
	uint64_t sent = atomic_load(&progress->sent[w]);
	uint64_t last = found->last[w];

	if (last < answered || last > sent) {
		fprintf(stderr,
		    "writer %u: found %" PRIu64 ", answered %" PRIu64
		    ", sent %" PRIu64 "\n",
		    w, last, answered, sent);
		return false;
	}
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		uint8_t bytes[VALUE_BYTES_MAX_HERE];
		uint64_t number = writer_of_slot(last, slot);
		struct slice wanted =
		    number == 0 ? SLICE_EMPTY : value_of(w, number, bytes);

		if (found->present[w][slot] != (wanted.size > 0) ||
		    !slice_equal(
			buffer_slice(&found->values[w][slot]), wanted)) {
			fprintf(stderr,
			    "writer %u at %" PRIu64 ": slot %u is not as"
			    " number %" PRIu64 " left it\n",
			    w, last, slot, number);
			return false;
		}
	}
	return true;
}

static bool
verify(struct load *load)
{
	struct found *found = mem_new(sizeof(*found));
	struct progress *progress = load->stage->progress;
	struct error err;
	bool right = true;

	if (read_all(load, found, &err) != STATUS_OK) {
		say("reading", err.text);
		right = false;
	}
	right = right && !found->strange;
	for (unsigned w = 0; right && w < WRITERS; w++) {
		right = writer_is_right(load, found, w);
		load->numbers[w] = found->last[w];
		/* What is there now has to stay. */
		atomic_store(&progress->sent[w], found->last[w]);
		atomic_store(&progress->answered[w], found->last[w]);
	}
	atomic_fetch_add(&progress->verified, found->keys);
	for (unsigned w = 0; w < WRITERS; w++) {
		for (unsigned slot = 0; slot < SLOTS; slot++)
			buffer_deinit(&found->values[w][slot]);
	}
	mem_free(found);
	return right;
}

/* Refused while flushes are behind: it goes again. */
static void
take_back(struct load *load, const struct engine_request *request, unsigned w)
{
	if (request->status != STATUS_BUSY) {
		say("refused", request->error.text);
		_exit(CHILD_BROKEN);
	}
	load->numbers[w]--;
	load->batch_numbers[w]--;
}

/* Sends one batch of some of the writers together; false when it failed. */
static bool
write_group(struct load *load, bool registers, bool *late)
{
	struct progress *progress = load->stage->progress;
	struct engine_request requests[WRITERS];
	bool was_cut = atomic_load(&progress->is_cut);
	struct error err;
	unsigned count = registers
	    ? WRITERS
	    : 1 + (unsigned)rng_below(&load->stage->rng, WRITERS);
	bool ok;

	for (unsigned w = 0; w < count; w++) {
		struct batch_origin origin = {0};
		struct slice bytes;

		memcpy(origin.writer, load->ids[w], WRITER_ID_BYTES);
		if (registers) {
			batch_builder_reset(&load->builder);
			bytes =
			    batch_builder_finish(&load->builder, &origin, 0);
		} else {
			atomic_store(&progress->sent[w], ++load->numbers[w]);
			CHECK(encode(&load->builder, load->ids[w], w,
				  load->numbers[w], ++load->batch_numbers[w],
				  &bytes) == STATUS_OK);
		}
		requests[w] = (struct engine_request){
		    .batch = mem_dup(bytes.data, bytes.size),
		    .batch_size = bytes.size,
		};
	}
	ok = engine_write(load->engine, requests, count, &err) == STATUS_OK;
	for (unsigned w = 0; w < count; w++) {
		if (ok && requests[w].status == STATUS_OK && !registers)
			atomic_store(&progress->answered[w], load->numbers[w]);
		if (ok && requests[w].status == STATUS_OK)
			*late |= was_cut;
		else if (ok)
			take_back(load, &requests[w], w);
		mem_free(requests[w].batch);
		buffer_deinit(&requests[w].reply);
	}
	return ok;
}

static enum outcome
run_load(struct load *load)
{
	struct progress *progress = load->stage->progress;
	struct error err;
	bool late = false;

	if (!write_group(load, true, &late))
		return atomic_load(&progress->is_cut) ? CHILD_CUT
						      : CHILD_BROKEN;
	atomic_store(&progress->running, true);
	for (unsigned i = 0, after = 0; after < 1000; i++) {
		if (!write_group(load, false, &late))
			break;
		if (late)
			return CHILD_LATE;
		/* Where it only refuses from then on, that is the end, too. */
		after += atomic_load(&progress->is_cut);
		if (i % 4 == 0 && engine_tick(load->engine, &err) != STATUS_OK)
			break;
	}
	return CHILD_CUT;
}

/* The child: opens what the cut has left, verifies it, and writes on. */
static enum outcome
child_run(struct stage *stage, bool is_last)
{
	struct load load = {
	    .stage = stage,
	    .options =
		{
		    .data_directory = stage->data,
		    .runtime_directory = stage->runtime,
		    .store_id = {9},
		    .memtable_bytes = 256 << 10,
		    .table_bytes_max = 256 << 10,
		    .level1_bytes_max = 1 << 20,
		    .journal_segment_bytes = 512 << 10,
		    .disk_soft_bytes = 1,
		    .disk_hard_bytes = 1,
		},
	};
	enum outcome outcome;
	struct error err;

	random_fill(load.ids, sizeof(load.ids));
	if (engine_open(&load.options, &load.engine, &err) != STATUS_OK) {
		say("opening", err.text);
		return CHILD_BROKEN;
	}
	if (!verify(&load))
		outcome = CHILD_WRONG;
	else if (is_last)
		outcome = CHILD_CUT;
	else
		outcome = run_load(&load);
	(void)engine_close(load.engine, &err);
	batch_builder_deinit(&load.builder);
	return outcome;
}

static void
attach_and_mount(struct stage *stage)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	char path[32];
	int device = -1;

	must(control >= 0, "/dev/loop-control (are there loop devices?)");
	/* Others may take the free one first. */
	for (int tries = 0; device < 0 && tries < 50; tries++) {
		struct loop_info64 info = {.lo_flags = LO_FLAGS_AUTOCLEAR};
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		must(number >= 0, "a free loop device");
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		device = open(path, O_RDWR | O_CLOEXEC);
		must(device >= 0, path);
		if (ioctl(device, LOOP_SET_FD, stage->image) != 0) {
			close(device);
			device = -1;
			continue;
		}
		must(ioctl(device, LOOP_SET_STATUS64, &info) == 0, path);
	}
	close(control);
	must(device >= 0, "attach a loop device");
	must(mount(path, stage->mount, "ext4", MS_NOATIME, NULL) == 0,
	    "mount ext4");
	close(device);
}

static void
unmount(struct stage *stage)
{
	for (int tries = 0; umount(stage->mount) != 0; tries++) {
		must(errno == EBUSY && tries < 100, "unmount");
		usleep(20000);
	}
}

static void
set_up(struct stage *stage, uint64_t seed)
{
	const char *build = getenv("KVSTORE_BUILD");
	char image[PATH_BYTES_MAX];
	char command[2 * PATH_BYTES_MAX + 64];

	if (geteuid() != 0) {
		fprintf(stderr,
		    "power cuts of a real ext4 need root (a loop"
		    " device, mounts): nothing was tested\n");
		exit(1);
	}
	must(unshare(CLONE_NEWNS) == 0 &&
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
	    "a namespace for mounts");
	*stage = (struct stage){.rng = rng_seeded(seed)};
	scratch_init(&stage->scratch);
	snprintf(stage->mount, PATH_BYTES_MAX, "%s",
	    scratch_path(&stage->scratch, "disk"));
	snprintf(stage->runtime, PATH_BYTES_MAX, "%s",
	    scratch_path(&stage->scratch, "runtime"));
	path_join(stage->data, stage->mount, "data");
	must(mkdir(stage->mount, 0700) == 0, stage->mount);
	snprintf(image, sizeof(image), "%s/ext4-cuts-%d.img",
	    build == NULL ? "build" : build, (int)getpid());
	stage->image =
	    open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(stage->image >= 0 && ftruncate(stage->image, IMAGE_BYTES) == 0,
	    image);
	snprintf(command, sizeof(command), "mkfs.ext4 -q -F '%s'", image);
	if (system(command) != 0) {
		unlink(image);
		fprintf(stderr, "mkfs.ext4 (e2fsprogs) failed\n");
		exit(1);
	}
	must(unlink(image) == 0, image);
	stage->progress = mmap(NULL, sizeof(*stage->progress),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(stage->progress != MAP_FAILED, "shared memory");
	attach_and_mount(stage);
	must(mkdir(stage->data, 0700) == 0, stage->data);
	sync();
}

/* As after a reboot: nothing of the memory is left. */
static void
renew_runtime(struct stage *stage)
{
	char command[2 * PATH_BYTES_MAX + 64];

	snprintf(command, sizeof(command), "rm -rf '%s' && mkdir '%s'",
	    stage->runtime, stage->runtime);
	must(system(command) == 0, stage->runtime);
}

static void
nap_ms(uint64_t ms)
{
	struct timespec time = {
	    (time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	nanosleep(&time, NULL);
}

/* Waits until the child has ended; -1 if it does not within the time. */
static int
await_child(pid_t child, int seconds)
{
	int status;

	for (int i = 0; i < seconds * 100; i++) {
		if (waitpid(child, &status, WNOHANG) == child)
			return status;
		nap_ms(10);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return -1;
}

/* Whether the child has got to its load. */
static bool
await_running(struct stage *stage, pid_t child, int *status)
{
	for (int i = 0; i < 60 * 1000; i++) {
		if (atomic_load(&stage->progress->running))
			return true;
		if (waitpid(child, status, WNOHANG) == child)
			return false;
		nap_ms(1);
	}
	kill(child, SIGKILL);
	waitpid(child, status, 0);
	return false;
}

static bool
one_life(struct stage *stage, bool is_last, uint64_t *cuts)
{
	uint32_t flag = (uint32_t)((cuts[0] + cuts[1] + cuts[2]) % FLAG_COUNT);
	uint64_t load_ms = 1 + rng_below(&stage->rng, LOAD_MS_MAX);
	int status;
	pid_t child;

	atomic_store(&stage->progress->running, false);
	atomic_store(&stage->progress->is_cut, false);
	renew_runtime(stage);
	(void)rng_next(&stage->rng);
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit((int)child_run(stage, is_last));
	}
	if (is_last) {
		status = await_child(child, 60);
	} else if (await_running(stage, child, &status)) {
		int disk = open(stage->mount, O_RDONLY | O_CLOEXEC);

		nap_ms(load_ms);
		must(disk >= 0 && ioctl(disk, FS_IOC_SHUTDOWN_CODE, &flag) == 0,
		    "FS_IOC_SHUTDOWN");
		atomic_store(&stage->progress->is_cut, true);
		close(disk);
		cuts[flag]++;
		status = await_child(child, 60);
	}
	if (status != -1 && WIFEXITED(status) &&
	    WEXITSTATUS(status) == CHILD_CUT)
		return true;
	fprintf(stderr, "the child ended with %d: %s\n", status,
	    status == -1                             ? "it hung"
		: !WIFEXITED(status)                 ? "a signal"
		: WEXITSTATUS(status) == CHILD_WRONG ? "data lost or wrong"
		: WEXITSTATUS(status) == CHILD_LATE
		? "acknowledged after the cut"
		: "the store failed");
	return false;
}

int
main(int argc, char **argv)
{
	unsigned long wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	const char *text = getenv("TEST_SEED");
	uint64_t seed =
	    text != NULL ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
	uint64_t cuts[FLAG_COUNT] = {0};
	uint64_t answered = 0;
	struct stage stage;
	bool ok = true;

	printf("TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	set_up(&stage, seed);
	for (unsigned long i = 0; ok && i <= wanted; i++) {
		uint64_t before[WRITERS];

		for (unsigned w = 0; w < WRITERS; w++)
			before[w] = atomic_load(&stage.progress->answered[w]);
		ok = one_life(&stage, i == wanted, cuts);
		for (unsigned w = 0; w < WRITERS; w++)
			answered += atomic_load(&stage.progress->answered[w]) -
			    before[w];
		unmount(&stage);
		if (ok && i < wanted)
			attach_and_mount(&stage);
	}
	scratch_deinit(&stage.scratch);
	printf("count: %" PRIu64 " cuts that sync first\n", cuts[0]);
	printf("count: %" PRIu64 " cuts that flush the log\n", cuts[1]);
	printf("count: %" PRIu64 " cuts that lose all that was not synced\n",
	    cuts[2]);
	printf("count: %" PRIu64 " acknowledged batches kept\n", answered);
	printf("count: %" PRIu64 " keys verified\n",
	    atomic_load(&stage.progress->verified));
	return ok ? 0 : 1;
}
