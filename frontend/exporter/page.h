/*
 * page - what the exporter has to show, and under which path.
 */
#ifndef FRONTEND_EXPORTER_PAGE_H
#define FRONTEND_EXPORTER_PAGE_H

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "frontend/exporter/node_state.h"

struct page {
	const char *path;
	const char *content_type;
	/* Appends the page's content; returns the status of HTTP. */
	unsigned (*write)(struct buffer *out, const struct node_state *node);
};

/* All paths there are, for people who asked for another one. */
#define PAGE_PATHS "/, /metrics, /livez and /readyz"

/* The page that a request's target names, or NULL. Its query is ignored. */
const struct page *page_find(struct slice target);

#endif
