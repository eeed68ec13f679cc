/*
 * http_door - the role of a frontend that serves REST. What it serves is
 * specified in openapi.json, which it also serves itself.
 */
#ifndef FRONTEND_HTTP_HTTP_DOOR_H
#define FRONTEND_HTTP_HTTP_DOOR_H

struct front;

/* Begins to serve on `front`, which closes it at its end. */
void http_door_serve(struct front *front);

#endif
