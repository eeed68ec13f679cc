#include "storaged/maintenance/view_space.h"

#include <stdio.h>

#include "common/log/log.h"
#include "storaged/tree/tree.h"

bool
view_space_hold(struct view_space *space, struct tree *tree)
{
	bool was_held = space->trouble[0] == '\0';
	struct error err;

	if (tree_reserve_view(tree, &err) == STATUS_OK) {
		if (!was_held)
			log_event(LOG_INFO, "views_go_on", "after=\"%s\"",
			    space->trouble);
		space->trouble[0] = '\0';
		return true;
	}
	if (was_held)
		log_event(LOG_WARN, "views_wait", "error=\"%s\"", err.text);
	snprintf(space->trouble, sizeof(space->trouble), "%s", err.text);
	return false;
}
