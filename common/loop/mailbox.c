#include "common/loop/mailbox.h"

#include <pthread.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"

struct mailbox {
	pthread_mutex_t mutex;
	struct mailbox_list items; /* guarded by mutex */
	struct loop_wake *wake;
};

struct mailbox *
mailbox_create(struct loop *loop, void (*on_mail)(void *context), void *context)
{
	struct mailbox *mailbox = mem_new(sizeof(*mailbox));

	CHECK(pthread_mutex_init(&mailbox->mutex, NULL) == 0);
	STAILQ_INIT(&mailbox->items);
	mailbox->wake = loop_wake_create(loop, on_mail, context);
	return mailbox;
}

void
mailbox_put(struct mailbox *mailbox, struct mailbox_item *item)
{
	CHECK(pthread_mutex_lock(&mailbox->mutex) == 0);
	STAILQ_INSERT_TAIL(&mailbox->items, item, link);
	/*
	 * Rung under the mutex: once mailbox_take() has returned the item, no
	 * thread is still about to touch the bell because of it.
	 */
	loop_wake_send(mailbox->wake);
	CHECK(pthread_mutex_unlock(&mailbox->mutex) == 0);
}

void
mailbox_take(struct mailbox *mailbox, struct mailbox_list *list)
{
	CHECK(pthread_mutex_lock(&mailbox->mutex) == 0);
	STAILQ_CONCAT(list, &mailbox->items);
	CHECK(pthread_mutex_unlock(&mailbox->mutex) == 0);
}

void
mailbox_close(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	loop_wake_close(mailbox->wake);
	CHECK(pthread_mutex_destroy(&mailbox->mutex) == 0);
	mem_free(mailbox);
}
