/*
 * metrics_page - the page /metrics: who is up, what each process costs, and
 * all that the workers count, in Prometheus' format.
 */
#ifndef FRONTEND_EXPORTER_METRICS_PAGE_H
#define FRONTEND_EXPORTER_METRICS_PAGE_H

#include "common/base/buffer.h"
#include "frontend/exporter/node_state.h"

void metrics_page_append(struct buffer *out, const struct node_state *node);

#endif
