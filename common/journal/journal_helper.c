#include "common/journal/journal_helper.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/file.h"
#include "common/os/path.h"

/* While pages are found, nobody else can map or unmap any: not for long. */
#define PREFAULT_BYTES ((size_t)256 << 10)

enum chore_kind {
	CHORE_PREFAULT,
	CHORE_WRITE_OUT,
	CHORE_LEAVE,
	CHORE_REMOVE
};

struct chore {
	enum chore_kind kind;
	struct file *file;
	uint8_t *bytes; /* of a mapping */
	uint64_t offset;
	uint64_t size_bytes;
	char *path; /* owned */
	STAILQ_ENTRY(chore) link;
};

STAILQ_HEAD(chore_queue, chore);

struct journal_helper {
	struct file_system *fs; /* borrowed */
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t arrived;
	struct chore_queue pages; /* what the writer is about to need */
	struct chore_queue rest;
	bool ending;
};

static void
do_chore(struct journal_helper *helper, struct chore *chore)
{
	struct error ignored;

	switch (chore->kind) {
	case CHORE_PREFAULT:
		for (size_t done = 0; done < chore->size_bytes;
		     done += PREFAULT_BYTES) {
			size_t rest = (size_t)chore->size_bytes - done;

			file_prefault(chore->bytes + done,
			    rest < PREFAULT_BYTES ? rest : PREFAULT_BYTES);
		}
		break;
	case CHORE_WRITE_OUT:
		file_leave_pages(chore->bytes, (size_t)chore->size_bytes);
		file_write_out(chore->file, chore->offset, chore->size_bytes);
		break;
	case CHORE_LEAVE:
		file_unmap(chore->bytes, (size_t)chore->size_bytes);
		file_close(chore->file);
		break;
	case CHORE_REMOVE:
		(void)!path_remove(helper->fs, chore->path, &ignored);
		mem_free(chore->path);
		break;
	}
	mem_free(chore);
}

/* NULL when there is nothing to do and nothing more will come. */
static struct chore *
next(struct journal_helper *helper)
{
	struct chore_queue *queue;
	struct chore *first;

	pthread_mutex_lock(&helper->mutex);
	while (STAILQ_EMPTY(&helper->pages) && STAILQ_EMPTY(&helper->rest) &&
	    !helper->ending)
		pthread_cond_wait(&helper->arrived, &helper->mutex);
	queue = STAILQ_EMPTY(&helper->pages) ? &helper->rest : &helper->pages;
	first = STAILQ_FIRST(queue);
	if (first != NULL)
		STAILQ_REMOVE_HEAD(queue, link);
	pthread_mutex_unlock(&helper->mutex);
	return first;
}

static void *
helper_main(void *argument)
{
	struct journal_helper *helper = argument;
	struct chore *chore;

	while ((chore = next(helper)) != NULL)
		do_chore(helper, chore);
	return NULL;
}

struct journal_helper *
journal_helper_create(struct file_system *fs)
{
	struct journal_helper *helper = mem_new(sizeof(*helper));

	helper->fs = fs;
	STAILQ_INIT(&helper->pages);
	STAILQ_INIT(&helper->rest);
	CHECK(pthread_mutex_init(&helper->mutex, NULL) == 0);
	CHECK(pthread_cond_init(&helper->arrived, NULL) == 0);
	CHECK(pthread_create(&helper->thread, NULL, helper_main, helper) == 0);
	return helper;
}

static void
add(struct journal_helper *helper, const struct chore *wanted)
{
	struct chore *chore = mem_new(sizeof(*chore));

	*chore = *wanted;
	pthread_mutex_lock(&helper->mutex);
	if (chore->kind == CHORE_PREFAULT)
		STAILQ_INSERT_TAIL(&helper->pages, chore, link);
	else
		STAILQ_INSERT_TAIL(&helper->rest, chore, link);
	pthread_cond_signal(&helper->arrived);
	pthread_mutex_unlock(&helper->mutex);
}

void
journal_helper_prefault(
    struct journal_helper *helper, void *pages, size_t size_bytes)
{
	add(helper,
	    &(struct chore){.kind = CHORE_PREFAULT,
		.bytes = pages,
		.size_bytes = size_bytes});
}

void
journal_helper_write_out(struct journal_helper *helper, struct file *file,
    void *pages, uint64_t offset, uint64_t size_bytes)
{
	add(helper,
	    &(struct chore){.kind = CHORE_WRITE_OUT,
		.file = file,
		.bytes = pages,
		.offset = offset,
		.size_bytes = size_bytes});
}

void
journal_helper_leave(struct journal_helper *helper, struct file *file,
    void *mapping, size_t size_bytes)
{
	add(helper,
	    &(struct chore){.kind = CHORE_LEAVE,
		.file = file,
		.bytes = mapping,
		.size_bytes = size_bytes});
}

void
journal_helper_remove(struct journal_helper *helper, const char *path)
{
	add(helper,
	    &(struct chore){
		.kind = CHORE_REMOVE, .path = mem_dup_string(path)});
}

void
journal_helper_close(struct journal_helper *helper)
{
	if (helper == NULL)
		return;
	pthread_mutex_lock(&helper->mutex);
	helper->ending = true;
	pthread_cond_signal(&helper->arrived);
	pthread_mutex_unlock(&helper->mutex);
	CHECK(pthread_join(helper->thread, NULL) == 0);
	CHECK(pthread_cond_destroy(&helper->arrived) == 0);
	CHECK(pthread_mutex_destroy(&helper->mutex) == 0);
	mem_free(helper);
}
