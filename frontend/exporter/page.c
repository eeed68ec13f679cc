#include "frontend/exporter/page.h"

#include <string.h>

#include "frontend/exporter/exposition.h"
#include "frontend/exporter/health.h"
#include "frontend/exporter/metrics_page.h"
#include "frontend/exporter/status_page.h"

#define PLAIN_TEXT "text/plain; charset=utf-8"

static unsigned
write_status(struct buffer *out, const struct node_state *node)
{
	status_page_append(out, node);
	return 200;
}

static unsigned
write_metrics(struct buffer *out, const struct node_state *node)
{
	metrics_page_append(out, node);
	return 200;
}

static unsigned
write_alive(struct buffer *out, const struct node_state *node)
{
	health_append_alive(out, node);
	return 200;
}

static unsigned
write_ready(struct buffer *out, const struct node_state *node)
{
	struct health health;

	health_judge(node, &health);
	health_append(out, &health);
	return health.is_ready ? 200 : 503;
}

static const struct page pages[] = {
    {"/", STATUS_PAGE_CONTENT_TYPE, write_status},
    {"/metrics", EXPOSITION_CONTENT_TYPE, write_metrics},
    {"/livez", PLAIN_TEXT, write_alive},
    {"/readyz", PLAIN_TEXT, write_ready},
};

const struct page *
page_find(struct slice target)
{
	const uint8_t *query =
	    target.size == 0 ? NULL : memchr(target.data, '?', target.size);
	struct slice path = target;

	if (query != NULL)
		path.size = (size_t)(query - target.data);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (slice_equal(path, slice_of_string(pages[i].path)))
			return &pages[i];
	return NULL;
}
