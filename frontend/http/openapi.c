#include "frontend/http/openapi.h"

/* Made from openapi.json by module.mk. */
static const uint8_t document[] = {
#include "frontend/http/openapi.inc"
};

struct slice
openapi_document(void)
{
	return slice_of(document, sizeof(document));
}
