/*
 * memory_server - a memory_door behind a TCP port, on a thread of its own.
 *
 * The store belongs to the thread while the server runs.
 */
#ifndef TESTS_SUPPORT_MEMORY_MEMORY_SERVER_H
#define TESTS_SUPPORT_MEMORY_MEMORY_SERVER_H

struct memory_server;
struct memory_store;

/* What becomes of requests from now on. */
enum memory_server_mode {
	MEMORY_SERVER_SERVES,
	MEMORY_SERVER_SILENT, /* takes requests and does not answer */
	MEMORY_SERVER_HANGS_UP, /* takes bytes and closes */
	MEMORY_SERVER_BABBLES, /* answers what is no reply */
	MEMORY_SERVER_FULL, /* refuses connections as one too many */
	MEMORY_SERVER_STUTTERS, /* sends each byte by itself */
	MEMORY_SERVER_DOUBTS, /* fails writes with an unknown outcome */
};

/* Listens on a free port of this host. */
struct memory_server *memory_server_start(struct memory_store *store);

/* "127.0.0.1:port", borrowed. */
const char *memory_server_endpoint(const struct memory_server *server);

void memory_server_set_mode(
    struct memory_server *server, enum memory_server_mode mode);

/* Ends the thread, closes all connections. */
void memory_server_stop(struct memory_server *server);

#endif
