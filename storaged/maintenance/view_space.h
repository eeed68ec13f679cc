/*
 * view_space - watches whether the next view can have its file.
 *
 * While it cannot, no flush or compaction is to be begun: readers could not be
 * told of what comes of it. The log has when that begins and when it ends.
 */
#ifndef STORAGED_MAINTENANCE_VIEW_SPACE_H
#define STORAGED_MAINTENANCE_VIEW_SPACE_H

#include <stdbool.h>

#include "common/base/status.h"

struct tree;

struct view_space {
	char trouble[ERROR_TEXT_BYTES_MAX]; /* "" while all is well */
};

/* Takes the space if it is not held; false if it cannot be had. */
bool view_space_hold(struct view_space *space, struct tree *tree);

#endif
