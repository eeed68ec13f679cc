/*
 * notify - tells the service manager how the server is (sd_notify). Without
 * one, all of this does nothing.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* True if a service manager wants to be told. */
bool notify_is_wanted(void);

/* The server serves; `text` is what "systemctl status" shows. */
void notify_ready(const char *text);
void notify_status(const char *text);
void notify_stopping(void);

/* How often notify_alive() must be called, in milliseconds; 0: never. */
uint64_t notify_alive_interval_ms(void);
void notify_alive(void);

#endif
