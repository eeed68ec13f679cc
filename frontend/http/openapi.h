/*
 * openapi - the description of the HTTP interface (openapi.json), which is
 * built into the program.
 */
#ifndef FRONTEND_HTTP_OPENAPI_H
#define FRONTEND_HTTP_OPENAPI_H

#include "common/base/slice.h"

/* The document; it lasts for ever. */
struct slice openapi_document(void);

#endif
