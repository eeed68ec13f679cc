/*
 * fake_worker - a worker that only speaks the control protocol, for tests of
 * the supervisor. Copied beside the server under the names of the workers.
 *
 * It writes its settings to fake-NAME in the runtime directory and sends
 * READY and heartbeats. A file fake.NAME in the data directory makes it
 * misbehave; its words:
 *
 *   exit=N       ends with exit code N before it is ready
 *   once=N       the same, and removes the file, so that the next run is well
 *   abort        dies by a signal before it is ready
 *   unready      never says READY
 *   mute         sends no heartbeat
 *   stubborn     does not end when it is told to
 *   slow=MS      takes MS milliseconds to end
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "common/worker/control_message.h"
#include "common/worker/settings.h"

struct fake {
	struct settings *settings;
	char behaviour_path[PATH_BYTES_MAX];
	char behaviour[256];
};

static const char *
word(const struct fake *fake, const char *name)
{
	const char *found = strstr(fake->behaviour, name);

	return found == NULL ? NULL : found + strlen(name);
}

static void
take_settings(struct fake *fake)
{
	struct control_message message;
	struct buffer bytes = {0};
	struct buffer behaviour = {0};
	char path[PATH_BYTES_MAX];
	char name[64];
	struct error err;

	CHECK(control_message_receive(CONTROL_FD, &bytes, &message, &err) ==
	    STATUS_OK);
	CHECK(message.type == CONTROL_SETTINGS);
	CHECK(settings_parse(message.payload, &fake->settings, &err) ==
	    STATUS_OK);
	snprintf(name, sizeof(name), "fake-%s",
	    settings_string(fake->settings, "name"));
	path_join(path, settings_string(fake->settings, "runtime_dir"), name);
	CHECK(file_replace(file_system_real(), path, message.payload, &err) ==
	    STATUS_OK);
	name[4] = '.';
	path_join(fake->behaviour_path,
	    settings_string(fake->settings, "data_dir"), name);
	if (file_read_whole(file_system_real(), fake->behaviour_path,
		sizeof(fake->behaviour) - 1, &behaviour, &err) == STATUS_OK &&
	    buffer_size(&behaviour) > 0)
		memcpy(fake->behaviour, behaviour.data + behaviour.start,
		    buffer_size(&behaviour));
	buffer_deinit(&behaviour);
	buffer_deinit(&bytes);
}

static void
say(enum control_type type)
{
	struct error err;

	if (control_message_send(CONTROL_FD, type, SLICE_EMPTY, &err) !=
	    STATUS_OK)
		_exit(EX_PROTOCOL);
}

static void
misbehave_at_start(const struct fake *fake)
{
	const char *code = word(fake, "exit=");

	if (code != NULL)
		_exit((int)strtol(code, NULL, 10));
	code = word(fake, "once=");
	if (code != NULL) {
		(void)unlink(fake->behaviour_path);
		_exit((int)strtol(code, NULL, 10));
	}
	if (word(fake, "abort") != NULL)
		(void)raise(SIGKILL);
}

/* Returns when the worker is to end. */
static void
serve(const struct fake *fake)
{
	int interval_ms = (int)settings_u64(fake->settings, "heartbeat_ms");
	bool is_mute = word(fake, "mute") != NULL;

	for (;;) {
		struct pollfd control = {.fd = CONTROL_FD, .events = POLLIN};
		struct control_message message;
		struct buffer bytes = {0};
		struct error err;

		if (poll(&control, 1, interval_ms) == 0) {
			if (!is_mute)
				say(CONTROL_HEARTBEAT);
			continue;
		}
		if (control_message_receive(
			CONTROL_FD, &bytes, &message, &err) != STATUS_OK)
			_exit(EX_PROTOCOL);
		buffer_deinit(&bytes);
		if (message.type == CONTROL_STOP &&
		    word(fake, "stubborn") == NULL)
			return;
	}
}

int
main(void)
{
	struct fake fake = {0};
	const char *slow;

	take_settings(&fake);
	misbehave_at_start(&fake);
	if (word(&fake, "unready") == NULL)
		say(CONTROL_READY);
	serve(&fake);
	slow = word(&fake, "slow=");
	if (slow != NULL) {
		uint64_t ms = strtoull(slow, NULL, 10);
		struct timespec pause = {
		    (time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

		(void)nanosleep(&pause, NULL);
	}
	fprintf(
	    stderr, "fake %s ends\n", settings_string(fake.settings, "name"));
	settings_close(fake.settings);
	return EXIT_SUCCESS;
}
