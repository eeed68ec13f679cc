#include "common/os/random.h"

#include <stdint.h>
#include <sys/random.h>

#include "common/base/check.h"

void
random_fill(void *bytes, size_t size)
{
	size_t filled = 0;

	while (filled < size) {
		ssize_t got =
		    getrandom((uint8_t *)bytes + filled, size - filled, 0);

		CHECK(got > 0);
		filled += (size_t)got;
	}
}
