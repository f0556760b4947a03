// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs as `sshipc-server ctl`, called by main.c: its options, and the table of its commands.  It
 * talks to no server itself (ask.c) and changes no list (ctl_list.c).
 */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "ask.h"
#include "control.h"
#include "ctl_list.h"
#include "ctl_print.h"
#include "json.h"
#include "option.h"

#define PROGRAM ASK_PROGRAM

struct command {
	const char *name;
	/* argv[0] is the name.  Returns the exit code. */
	int (*run)(const struct ctl *c, int argc, char **argv);
	const char *help; /* lines for --help, the arguments first */
};

/* ---- commands ---- */

static int show(const struct ctl *c, int argc, char **argv, void (*print)(char *answer))
{
	const int json = argc > 1 && strcmp(argv[1], "--json") == 0;
	char *answer;
	int code;

	if (argc > 1 + json)
		return ask_usage(
		    "%s: unexpected argument '%s'%s", argv[0], argv[1 + json],
		    argv[1 + json][0] == '-' ? "; other options stand before the command" : "");
	answer = ask_server(c, argv[0], EX_UNAVAILABLE, &code);
	if (!answer)
		return code;
	if (json)
		fwrite(answer, 1, (size_t)(ask_verdict(answer) - answer), stdout);
	else
		print(answer);
	free(answer);
	return EX_OK;
}

static int run_who(const struct ctl *c, int argc, char **argv)
{
	return show(c, argc, argv, ctl_print_who);
}

static int run_pending(const struct ctl *c, int argc, char **argv)
{
	return show(c, argc, argv, ctl_print_pending);
}

static int run_status(const struct ctl *c, int argc, char **argv)
{
	return show(c, argc, argv, ctl_print_status);
}

static int run_kill(const struct ctl *c, int argc, char **argv)
{
	char request[2 * CONTROL_REQUEST], *answer;
	int code;

	if (argc != 2)
		return ask_usage("kill takes one session id, key name or fingerprint");
	snprintf(request, sizeof(request), "kill %s", argv[1]);
	answer = ask_server(c, request, EX_USAGE, &code);
	if (answer)
		ctl_print_ended(answer);
	free(answer);
	return code;
}

static int run_reload(const struct ctl *c, int argc, char **argv)
{
	char *answer, summary[2048];
	int code;

	if (argc > 1)
		return ask_usage("reload: unexpected argument '%s'", argv[1]);
	answer = ask_server(c, "reload", EX_CONFIG, &code);
	if (answer)
		printf("%s\n",
		       json_value(ask_verdict(answer), "summary", summary, sizeof(summary)));
	free(answer);
	return code;
}

static const struct command commands[] = {
    {"who", run_who,
     "  who [--json]            the sessions; bytes are as the session counts them\n"},
    {"kill", run_kill,
     "  kill ID|NAME|SHA256:... end the sessions that it names; a number is an id\n"},
    {"reload", run_reload,
     "  reload                  read the allow list anew, and judge every session by it\n"},
    {"status", run_status,
     "  status [--json]         the server, its allow list and its endpoints\n"},
    {"pending", run_pending,
     "  pending [--json]        unknown keys whose owners tried to log in\n"},
    {"approve", ctl_list_approve,
     "  approve SHA256:... --endpoint NAME --name NAME [--from CIDR] [--max-sessions N]\n"
     "                          add a pending key to the allow list, then reload\n"},
    {"revoke", ctl_list_revoke,
     "  revoke SHA256:...|NAME  remove a key from the allow list, then reload\n"},
};

/* ---- start ---- */

static int help(void)
{
	printf("Usage: " PROGRAM
	       " [-f FILE | [--control PATH] [-a FILE -e ENDPOINT...]] COMMAND\n\n"
	       "Asks a running server through its control socket; approve and revoke change its\n"
	       "allow list, with the rights of whoever calls them.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fputs(commands[i].help, stdout);
	printf("\n      --control PATH      the socket\n"
	       "  -f, --config FILE       the settings that name it; by default\n"
	       "                          " SETTINGS_CONFIG " if it can be read, else\n"
	       "                          the socket is " SETTINGS_CONTROL "\n"
	       "  -a, --allowlist FILE    the list that the server was started with, and\n"
	       "  -e, --endpoint [NAME=]ADDRESS\n"
	       "                          its endpoints, where no file names them\n"
	       "\nExit codes:  0  done\n"
	       "            64  wrong usage, or no such session or key\n"
	       "            69  no server there\n"
	       "            73  the allow list cannot be written\n"
	       "            77  not allowed: only root and the server's own user are\n"
	       "            78  wrong settings, or an allow list that is faulty or not ours\n");
	return EX_OK;
}

static int add_endpoint(struct settings *s, const char *value)
{
	struct endpoint e;
	const char *why = NULL;

	if (endpoint_parse(value, &e, &why) < 0)
		return ask_usage("-e '%s': %s", value, why);
	if (settings_add_endpoint(s, &e, &why) == 0)
		return -1;
	endpoint_free(&e);
	return ask_usage("-e '%s': %s", value, why);
}

/* -1 to go on, or the exit code. */
static int set_option(struct ctl *c, int o, const char **config)
{
	struct settings *s = &c->settings;
	const bool others = c->path || s->allowlist || s->n_endpoints;

	if (*config || (o == 'f' && others) || (o == 'c' && c->path) || (o == 'a' && s->allowlist))
		return ask_usage(
		    "--control, -a and -f stand once, and -f not together with others");
	if (o == 'e')
		return add_endpoint(s, optarg);
	if (o == 'a')
		s->allowlist = xstrdup(optarg);
	else
		*(o == 'c' ? &c->path : config) = optarg;
	return -1;
}

/* Which socket and which list: those of a file, or those of the command line. */
static int choose(struct ctl *c, const char *config)
{
	const bool given = c->path || c->settings.allowlist || c->settings.n_endpoints;

	if (!given && !config && access(SETTINGS_CONFIG, R_OK) == 0)
		config = SETTINGS_CONFIG;
	c->settings.unsafe_endpoint = true; /* that is for the server to judge */
	if (config && settings_read_file(config, &c->settings, option_print_fault, NULL) > 0)
		return EX_CONFIG;
	if (!c->path)
		c->path = c->settings.control ? c->settings.control : given ? "" : SETTINGS_CONTROL;
	return -1;
}

/* -1 to go on, or the exit code. */
static int read_options(struct ctl *c, int argc, char **argv)
{
	static const struct option longs[] = {{"control", required_argument, NULL, 'c'},
					      {"config", required_argument, NULL, 'f'},
					      {"allowlist", required_argument, NULL, 'a'},
					      {"endpoint", required_argument, NULL, 'e'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	const char *config = NULL;
	int o, code = -1;

	opterr = 0;
	while (code < 0 && (o = getopt_long(argc, argv, "+:f:a:e:h", longs, NULL)) != -1) {
		if (o == 'h')
			return help();
		if (o == ':' || o == '?')
			return option_refused(PROGRAM, longs, o, argv[optind - 1]);
		code = set_option(c, o, &config);
	}
	return code < 0 ? choose(c, config) : code;
}

int ctl_main(int argc, char **argv)
{
	struct ctl c = {.path = NULL};
	int code = read_options(&c, argc, argv);

	if (code < 0 && optind == argc)
		code = ask_usage("a command is missing");
	for (size_t i = 0; code < 0 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			code = commands[i].run(&c, argc - optind, argv + optind);
	if (code < 0)
		code = ask_usage("unknown command '%s'", argv[optind]);
	settings_free(&c.settings);
	return code;
}
