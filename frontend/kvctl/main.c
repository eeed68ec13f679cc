/*
 * kvctl - the tool for people and scripts.
 *
 * Job         One verb per run: data through the TCP door, questions about
 *             the node and its workers through the supervisor's socket,
 *             work on its tables through storaged's.
 * Peers       A `frontend` of role tcp (--endpoint); the supervisor of a node
 *             on this host, and its `storaged` (--data-dir).
 * Privileges  Those of who runs it; those sockets let in the node's own
 *             user alone.
 * Files       DATA_DIR/runtime says where the socket is.
 * Signals     The usual.
 * Exit codes  kvctl.h; `kvctl --help` prints them.
 */
#include "frontend/kvctl/kvctl.h"

int
main(int argc, char **argv)
{
	return kvctl_run(argc, argv);
}
