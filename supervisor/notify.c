#include "supervisor/notify.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

/* A notification that is lost changes nothing that the server could mend. */

bool
notify_is_wanted(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

void
notify_ready(const char *text)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", text);
}

void
notify_status(const char *text)
{
	(void)sd_notifyf(0, "STATUS=%s", text);
}

void
notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

uint64_t
notify_alive_interval_ms(void)
{
	uint64_t timeout_us = 0;

	if (sd_watchdog_enabled(0, &timeout_us) <= 0)
		return 0;
	/* Half, as the manual of sd_watchdog_enabled(3) recommends. */
	return timeout_us < 2000 ? 1 : timeout_us / 2000;
}

void
notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}
