#include "common/metrics/metrics_segment.h"

#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/metrics/metrics_format.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct metrics_segment {
	struct metrics_layout *layout; /* a mapping */
};

#define LABEL_NAME_NONE NULL
#define LABEL_NAME_OPERATION "op"
#define LABEL_NAME_PROTOCOL "protocol"
#define LABEL_NAME_REASON "reason"
#define LABEL_NAME_LEVEL "level"

static const struct metric_info infos[METRIC_COUNT] = {
#define METRIC(id, name, kind, place, label1, label2, help)    \
	{name, help, METRIC_KIND_##kind, METRIC_PLACE_##place, \
	    {LABEL_NAME_##label1, LABEL_NAME_##label2},        \
	    {METRIC_LABEL_VALUES_##label1, METRIC_LABEL_VALUES_##label2}},
#include "common/metrics/metrics.def"
};

static const unsigned first_cells[METRIC_COUNT] = {
#define METRIC(id, ...) METRIC_CELL_##id,
#include "common/metrics/metrics.def"
};

static const char *const operation_words[] = {
#define METRIC_OPERATION(id, word) word,
#include "common/metrics/metrics.def"
};

static const char *const protocol_words[] = {
#define METRIC_PROTOCOL(id, word) word,
#include "common/metrics/metrics.def"
};

static const char *const reason_words[] = {
#define METRIC_REASON(id, word) word,
#include "common/metrics/metrics.def"
};

static const char *const level_words[METRIC_LEVEL_COUNT] = {
    "0", "1", "2", "3", "4", "5", "6", "7"};

const struct metric_info *
metric_info(enum metric metric)
{
	CHECK((unsigned)metric < METRIC_COUNT);
	return &infos[metric];
}

const char *
metric_label_word(enum metric metric, unsigned label, unsigned value)
{
	const struct metric_info *info = metric_info(metric);
	const char *name;

	CHECK(label < METRIC_LABELS_MAX && value < info->label_counts[label]);
	name = info->label_names[label];
	CHECK(name != NULL);
	if (strcmp(name, LABEL_NAME_OPERATION) == 0)
		return operation_words[value];
	if (strcmp(name, LABEL_NAME_PROTOCOL) == 0)
		return protocol_words[value];
	if (strcmp(name, LABEL_NAME_REASON) == 0)
		return reason_words[value];
	return level_words[value];
}

unsigned
metric_cell_index(enum metric metric, unsigned first, unsigned second)
{
	const struct metric_info *info = metric_info(metric);
	unsigned cells = 1;

	CHECK(first < info->label_counts[0] && second < info->label_counts[1]);
	if (info->kind == METRIC_KIND_SECONDS ||
	    info->kind == METRIC_KIND_SIZES)
		cells = METRIC_BUCKET_COUNT + 1;
	return first_cells[metric] +
	    (first * info->label_counts[1] + second) * cells;
}

double
metric_bucket_bound(enum metric_kind kind, unsigned index)
{
	double bound = (double)(UINT64_C(1) << (index / 2));

	CHECK(index < METRIC_BUCKET_COUNT - 1);
	if (index % 2 == 1)
		bound *= 1.5;
	return kind == METRIC_KIND_SECONDS ? bound * 1024e-9 : bound;
}

static uint64_t
table_hash(void)
{
	static const char text[] =
#define METRIC(id, name, kind, place, label1, label2, help) \
	name " " #kind " " #place " " #label1 " " #label2 "\n"
#define METRIC_OPERATION(id, word) word "\n"
#define METRIC_PROTOCOL(id, word) word "\n"
#define METRIC_REASON(id, word) word "\n"
#include "common/metrics/metrics.def"
	    ;

	return checksum64(slice_of_string(text), sizeof(struct metrics_layout));
}

static enum status
segment_prepare(
    int fd, const char *name, enum metric_place place, struct error *err)
{
	struct metrics_header header = {
	    .magic = METRICS_MAGIC,
	    .table_hash = table_hash(),
	    .place = (uint32_t)place,
	};

	snprintf(header.name, sizeof(header.name), "%s", name);
	if (ftruncate(fd, (off_t)sizeof(struct metrics_layout)) != 0)
		return error_set_errno(err, errno, "ftruncate");
	if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return error_set_errno(err, errno, "write");
	if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		return error_set_errno(err, errno, "seal");
	return STATUS_OK;
}

enum status
metrics_segment_create(
    const char *name, enum metric_place place, int *fd, struct error *err)
{
	CHECK(strlen(name) <= METRICS_NAME_BYTES_MAX);
	*fd = memfd_create("kvstore-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return error_set_errno(err, errno, "memfd_create");
	if (segment_prepare(*fd, name, place, err) == STATUS_OK)
		return STATUS_OK;
	close(*fd);
	*fd = -1;
	return error_wrap(err, "metrics segment of %s", name);
}

enum status
metrics_layout_map(
    int fd, int protection, struct metrics_layout **out, struct error *err)
{
	struct metrics_layout *layout;
	struct stat info;

	*out = NULL;
	if (fstat(fd, &info) != 0)
		return error_set_errno(err, errno, "metrics segment");
	if (info.st_size != (off_t)sizeof(*layout) ||
	    fcntl(fd, F_GET_SEALS) != SEALS)
		return error_set(err, STATUS_VERSION,
		    "metrics segment: not one of this build");
	layout = mmap(NULL, sizeof(*layout), protection, MAP_SHARED, fd, 0);
	if (layout == MAP_FAILED)
		return error_set_errno(err, errno, "metrics segment: mmap");
	if (layout->header.magic != METRICS_MAGIC ||
	    layout->header.table_hash != table_hash()) {
		munmap(layout, sizeof(*layout));
		return error_set(err, STATUS_VERSION,
		    "metrics segment: not one of this build");
	}
	*out = layout;
	return STATUS_OK;
}

enum status
metrics_segment_open(
    int fd, bool writable, struct metrics_segment **out, struct error *err)
{
	struct metrics_layout *layout;
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	enum status status;

	*out = NULL;
	status = metrics_layout_map(fd, protection, &layout, err);
	if (status != STATUS_OK)
		return status;
	*out = mem_new(sizeof(**out));
	(*out)->layout = layout;
	return STATUS_OK;
}

void
metrics_segment_note(struct metrics_segment *segment, bool up, uint32_t pid,
    uint64_t restarts, uint64_t started_ms)
{
	struct metrics_header *header = &segment->layout->header;

	atomic_store_explicit(&header->up, up, memory_order_relaxed);
	atomic_store_explicit(&header->pid, pid, memory_order_relaxed);
	atomic_store_explicit(
	    &header->restarts, restarts, memory_order_relaxed);
	atomic_store_explicit(
	    &header->started_ms, started_ms, memory_order_relaxed);
}

void
metrics_segment_worker(
    const struct metrics_segment *segment, struct metrics_worker *out)
{
	struct metrics_header *header = &segment->layout->header;

	memcpy(out->name, header->name, sizeof(out->name));
	out->name[METRICS_NAME_BYTES_MAX] = '\0';
	out->place = (enum metric_place)header->place;
	out->up = atomic_load_explicit(&header->up, memory_order_relaxed) != 0;
	out->pid = atomic_load_explicit(&header->pid, memory_order_relaxed);
	out->restarts =
	    atomic_load_explicit(&header->restarts, memory_order_relaxed);
	out->started_ms =
	    atomic_load_explicit(&header->started_ms, memory_order_relaxed);
}

static uint64_t
cell_load(const struct metrics_segment *segment, unsigned index)
{
	return atomic_load_explicit(
	    &segment->layout->cells[index], memory_order_relaxed);
}

uint64_t
metrics_segment_value(const struct metrics_segment *segment, enum metric metric,
    unsigned first, unsigned second)
{
	return cell_load(segment, metric_cell_index(metric, first, second));
}

void
metrics_segment_histogram(const struct metrics_segment *segment,
    enum metric metric, unsigned first, unsigned second,
    struct metric_histogram *out)
{
	unsigned index = metric_cell_index(metric, first, second);
	enum metric_kind kind = metric_info(metric)->kind;

	CHECK(kind == METRIC_KIND_SECONDS || kind == METRIC_KIND_SIZES);
	out->sum = cell_load(segment, index);
	out->count = 0;
	for (unsigned i = 0; i < METRIC_BUCKET_COUNT; i++) {
		out->buckets[i] = cell_load(segment, index + 1 + i);
		out->count += out->buckets[i];
	}
}

void
metrics_segment_close(struct metrics_segment *segment)
{
	if (segment == NULL)
		return;
	munmap(segment->layout, sizeof(*segment->layout));
	mem_free(segment);
}
