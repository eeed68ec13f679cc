/*
 * tcp_door - the role of a frontend that serves the binary protocol and the
 * Redis protocol on one port. PROTOCOL.md specifies both.
 */
#ifndef FRONTEND_TCP_TCP_DOOR_H
#define FRONTEND_TCP_TCP_DOOR_H

struct front;

/* Begins to serve on `front`, which closes it at its end. */
void tcp_door_serve(struct front *front);

#endif
