/*
 * mailbox - what other threads leave for the loop's thread.
 *
 * A callback on a thread of nng's does nothing but mailbox_put(); the loop is
 * woken, and takes all that has gathered.
 *
 * Ownership  Items belong to whoever embeds them; one that is in the box is
 *            not put in again before it was taken out.
 * Threads    mailbox_put() from any thread, the rest from the loop's.
 */
#ifndef COMMON_LOOP_MAILBOX_H
#define COMMON_LOOP_MAILBOX_H

#include <stdbool.h>
#include <sys/queue.h>

struct loop;
struct mailbox;

struct mailbox_item {
	STAILQ_ENTRY(mailbox_item) link;
};

STAILQ_HEAD(mailbox_list, mailbox_item);

/* `on_mail` is called, on the loop's thread, when there is something. */
struct mailbox *mailbox_create(
    struct loop *loop, void (*on_mail)(void *context), void *context);

void mailbox_put(struct mailbox *mailbox, struct mailbox_item *item);

/* Moves all items, in the order of putting, to the end of `list`. */
void mailbox_take(struct mailbox *mailbox, struct mailbox_list *list);

/* Nobody may put any more. NULL is allowed. */
void mailbox_close(struct mailbox *mailbox);

#endif
