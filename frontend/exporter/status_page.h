/*
 * status_page - the page / for people: how the node is, its workers, what the
 * store holds, where else to look. One HTML document that loads nothing.
 */
#ifndef FRONTEND_EXPORTER_STATUS_PAGE_H
#define FRONTEND_EXPORTER_STATUS_PAGE_H

#include "common/base/buffer.h"
#include "frontend/exporter/node_state.h"

#define STATUS_PAGE_CONTENT_TYPE "text/html; charset=utf-8"

void status_page_append(struct buffer *out, const struct node_state *node);

#endif
