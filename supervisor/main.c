/*
 * server - runs one node of kvstore.
 *
 * Job         Reads the configuration, opens the public sockets, locks the
 *             data directory; starts storaged, the frontends and the exporter,
 *             and starts each again that ends; ends them in order.
 * Peers       The workers, over a socket pair each; kvctl, over control.sock
 *             in the runtime directory; the service manager (sd_notify).
 * Privileges  None are needed beyond those of its ports and directories.
 * Files       The data directory's store, lock and runtime; the runtime
 *             directory. See FORMAT.md and README.md.
 * Signals     SIGTERM, SIGINT, SIGHUP: an orderly end; a second one: at once.
 * Exit codes  0  an orderly end, or an answer to -help and the like
 *             1  ended at once by a second signal
 *             64 wrong flags            65 the store's identity is damaged
 *             66 the configuration file cannot be read
 *             68 a host name without an address
 *             69 a port, or the data directory, is in use
 *             70 a worker died again and again at the first start
 *             71 the system refused something   72 a program is missing
 *             73 the data directory cannot be created
 *             74 an input or output error
 *             77 no permission          78 wrong configuration, or a data
 *                directory that is not ours or too new
 *             A worker that refuses to start gives its own code (65: damage
 *             in the data, 78: ...).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "config/arguments.h"
#include "config/config.h"
#include "config/loader.h"
#include "supervisor/supervisor.h"

static int
fail(int exit_code, const struct error *err)
{
	fprintf(stderr, "server: %s\n", err->text);
	return exit_code;
}

static int
print(struct buffer *text)
{
	bool is_written = fwrite(text->data + text->start, 1, buffer_size(text),
			      stdout) == buffer_size(text) &&
	    fflush(stdout) == 0;

	buffer_deinit(text);
	return is_written ? EXIT_SUCCESS : EX_IOERR;
}

/* Flags first, since they name the file; precedence does not depend on it. */
static int
load(struct config *config, int argc, char **argv, struct arguments *arguments,
    struct error *err)
{
	if (arguments_parse(config, argc, argv, arguments, err) != STATUS_OK)
		return EX_USAGE;
	if (arguments->action == ARGUMENTS_HELP ||
	    arguments->action == ARGUMENTS_VERSION)
		return EXIT_SUCCESS;
	if (arguments->config_path == NULL)
		arguments->config_path = getenv("KVSTORE_CONFIG");
	if (arguments->config_path != NULL &&
	    config_load_file(config, arguments->config_path, err) != STATUS_OK)
		return err->code == STATUS_INVALID ? EX_CONFIG : EX_NOINPUT;
	if (config_load_environment(config, environ, err) != STATUS_OK ||
	    config_check(config, err) != STATUS_OK)
		return EX_CONFIG;
	return EXIT_SUCCESS;
}

static int
run(const struct config *config, const char *program_name)
{
	struct supervisor *supervisor = mem_new(sizeof(*supervisor));
	enum log_level level;
	struct error err;
	int exit_code;

	CHECK(log_level_find(config_text(config, CONFIG_LOG_LEVEL), &level));
	log_open("server", level);
	if (supervisor_open(supervisor, config, program_name, &exit_code,
		&err) != STATUS_OK)
		fail(exit_code, &err);
	else
		exit_code = supervisor_run(supervisor);
	supervisor_close(supervisor);
	mem_free(supervisor);
	return exit_code;
}

static int
act(const struct config *config, const struct arguments *arguments,
    const char *program_name)
{
	struct buffer text = {0};

	switch (arguments->action) {
	case ARGUMENTS_HELP:
		arguments_help(&text);
		return print(&text);
	case ARGUMENTS_VERSION:
		buffer_printf(&text, "kvstore %s\n", KVSTORE_VERSION);
		return print(&text);
	case ARGUMENTS_PRINT_CONFIG:
		config_print(config, &text);
		return print(&text);
	case ARGUMENTS_CHECK_CONFIG:
		buffer_printf(&text, "%s: the configuration is valid\n",
		    arguments->config_path == NULL ? "flags and environment"
						   : arguments->config_path);
		return print(&text);
	case ARGUMENTS_RUN:
		break;
	}
	return run(config, program_name);
}

int
main(int argc, char **argv)
{
	struct arguments arguments;
	struct config config;
	struct error err;
	int exit_code;

	config_init(&config);
	exit_code = load(&config, argc, argv, &arguments, &err);
	if (exit_code != EXIT_SUCCESS)
		fail(exit_code, &err);
	else
		exit_code = act(&config, &arguments, argv[0]);
	config_deinit(&config);
	return exit_code;
}
