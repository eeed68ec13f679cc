#include "storaged/manifest/damage_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/log/log.h"
#include "storaged/manifest/catalog.h"

void
damage_list_deinit(struct damage_list *list)
{
	mem_free(list->numbers);
	*list = (struct damage_list){0};
}

void
damage_list_add(
    struct damage_list *list, uint64_t number, const struct error *found)
{
	snprintf(list->last, sizeof(list->last), "%s", found->text);
	for (size_t i = 0; i < list->count; i++) {
		if (list->numbers[i] == number)
			return;
	}
	list->numbers = mem_resize(
	    list->numbers, (list->count + 1) * sizeof(*list->numbers));
	list->numbers[list->count++] = number;
}

bool
damage_list_mark(struct damage_list *list, struct table_file **tables,
    const struct error *found, size_t count)
{
	bool any = false;

	for (size_t i = 0; found != NULL && i < count; i++) {
		struct table_file *table = tables[i];

		/* Without descriptors or memory nothing was found out. */
		if (found[i].code == STATUS_OK || found[i].code == STATUS_BUSY)
			continue;
		any = true;
		table->damaged = true;
		damage_list_add(list, table->summary.number, &found[i]);
		log_event(LOG_ERROR, "compaction_damage",
		    "level=%u error=\"%s\"", table->level, found[i].text);
	}
	return any;
}

void
damage_list_review(struct damage_list *list, const struct catalog *catalog)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (catalog_find(catalog, list->numbers[i]) != NULL)
			list->numbers[kept++] = list->numbers[i];
	}
	list->count = kept;
	if (kept == 0)
		list->last[0] = '\0';
}
