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
#include "ctl_metrics.h"
#include "ctl_print.h"
#include "json.h"
#include "nearest.h"
#include "option_rows.h"

struct command {
	const char *name;
	/* One or the other: what prints the answer of a command that only asks; all else, where
	 * argv[0] is the name and the exit code is returned. */
	void (*print)(char *answer);
	int (*run)(struct ctl *c, int argc, char **argv);
	const char *help; /* lines for --help, the arguments first */
};

/* ---- commands ---- */

static int run(const struct command *command, struct ctl *c, int argc, char **argv)
{
	const int json = argc > 1 && strcmp(argv[1], "--json") == 0;
	char *answer;
	int code;

	if (command->run)
		return command->run(c, argc, argv);
	if (argc > 1 + json)
		return ask_usage(
		    "%s: unexpected argument '%s'%s", argv[0], argv[1 + json],
		    argv[1 + json][0] == '-' ? "; other options stand before the command" : "");
	c->json = json;
	answer = ask_server(c, argv[0], EX_UNAVAILABLE, &code);
	if (!answer)
		return code;
	if (json)
		fwrite(answer, 1, (size_t)(ask_verdict(answer) - answer), stdout);
	else
		command->print(answer);
	free(answer);
	return EX_OK;
}

static int run_kill(struct ctl *c, int argc, char **argv)
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

static int run_reload(struct ctl *c, int argc, char **argv)
{
	char *answer, summary[2048];
	int code;

	if (argc > 1)
		return ask_usage("reload: unexpected argument '%s'", argv[1]);
	answer = ask_server(c, "reload", EX_CONFIG, &code);
	if (answer) {
		printf("%s\n",
		       json_value(ask_verdict(answer), "summary", summary, sizeof(summary)));
		ctl_print_older(answer);
	}
	free(answer);
	return code;
}

static int run_upgrade(struct ctl *c, int argc, char **argv)
{
	char *answer, number[16];
	int code;

	if (argc > 1)
		return ask_usage("upgrade: unexpected argument '%s'", argv[1]);
	answer = ask_server(c, "upgrade", EX_CONFIG, &code);
	if (answer) {
		ask_print_texts(answer, stderr);
		printf("generation %s accepts all connections\n",
		       json_value(ask_verdict(answer), "generation", number, sizeof(number)));
	}
	free(answer);
	return code;
}

static int run_metrics(struct ctl *c, int argc, char **argv)
{
	const bool strict = argc > 1 && strcmp(argv[1], "--openmetrics") == 0;
	char *answer;
	int code;

	if (argc > 1 + strict)
		return ask_usage("metrics: unexpected argument '%s'", argv[1 + strict]);
	answer = ask_server(c, "status", EX_UNAVAILABLE, &code);
	if (answer)
		ctl_print_metrics(answer, strict);
	free(answer);
	return code;
}

static const struct command commands[] = {
    {"who", ctl_print_who, NULL,
     "  who [--json]            the sessions; bytes are as the session counts them\n"},
    {"kill", NULL, run_kill,
     "  kill ID|NAME|SHA256:... end the sessions that it names; a number is an id\n"},
    {"reload", NULL, run_reload,
     "  reload                  read the allow list anew, and judge every session by it\n"},
    {"upgrade", NULL, run_upgrade,
     "  upgrade                 start anew, with new settings or a new program, and end no\n"
     "                          session; what does not start leaves all as it is\n"},
    {"status", ctl_print_status, NULL,
     "  status [--json]         the server, its allow list and its endpoints\n"},
    {"metrics", NULL, run_metrics,
     "  metrics [--openmetrics] the numbers of the server, as Prometheus reads them\n"},
    {"pending", ctl_print_pending, NULL,
     "  pending [--json]        unknown keys whose owners tried to log in\n"},
    {"approve", NULL, ctl_list_approve,
     "  approve SHA256:... --endpoint NAME --name NAME [--from CIDR] [--max-sessions N]\n"
     "                          add a pending key to the allow list, then reload\n"},
    {"revoke", NULL, ctl_list_revoke,
     "  revoke SHA256:...|NAME  remove a key from the allow list, then reload\n"},
};

/* ---- start ---- */

static int help(const struct options *o)
{
	printf("Usage: " ASK_PROGRAM
	       " [-f FILE | [--control PATH] [-a FILE -e ENDPOINT...]] COMMAND\n\n"
	       "Asks a running server through its control socket; approve and revoke change its\n"
	       "allow list, with the rights of whoever calls them.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fputs(commands[i].help, stdout);
	return options_help(o);
}

static const struct option_row rows[] = {
    {NULL, 0, "control", "PATH", "the socket", TEXT(control)},
    {NULL, 'f', "config", "FILE",
     "the settings that name it; by default\n" SETTINGS_CONFIG
     " if it can be read, else\nthe socket is " SETTINGS_CONTROL,
     TEXT(config)},
    {NULL, 'a', "allowlist", "FILE", "the list that the server was started with, and",
     TEXT(allowlist)},
    {NULL, 'e', "endpoint", "[NAME=]ADDRESS", "its endpoints, where no file names them",
     LIST(settings_add_endpoint)},
    {NULL, 0, "connect-as", "USER", "and its users of this option", LIST(settings_add_connect_as),
     AT(connect_as)},
    {NULL, 'h', "help", NULL, "this text", DO(help)},
    {.name = NULL},
};

static const struct options options = {
    .program = ASK_PROGRAM,
    .rows = rows,
    .column = 26,
    .leading = true,
    .letters = true,
    .usage = "\n",
    .notes = "\nExit codes:  0  done\n"
	     "            64  wrong usage, or no such session or key\n"
	     "            69  no server there\n"
	     "            73  the allow list cannot be written\n"
	     "            74  what is printed cannot be written\n"
	     "            77  not allowed: only root and the server's own user are, and\n"
	     "                control_group for who, status and metrics\n"
	     "            78  wrong settings, or an allow list that is faulty or not ours\n",
};

/* Which socket and which list: those of a file, or those of the command line.  -1 to go on, or the
 * exit code. */
static int read_options(struct ctl *c, int argc, char **argv)
{
	struct settings *s = &c->settings;
	struct option_line line;
	int code = options_parse(&options, argc, argv, &line);
	bool given;

	if (code < 0)
		code = options_apply(&options, &line, s);
	if (code >= 0)
		return code;
	given = s->control || s->allowlist || s->n_endpoints || s->connect_as.n;
	if (s->config && given)
		return ask_usage("-f stands without --control, -a, -e and --connect-as");
	if (!s->config && !given && access(SETTINGS_CONFIG, R_OK) == 0)
		s->config = xstrdup(SETTINGS_CONFIG);
	s->unsafe_endpoint = true; /* that is for the server to judge */
	if (s->config &&
	    options_read(&settings_options, s->config, s, options_print_fault, NULL) > 0)
		return EX_CONFIG;
	c->path = s->control ? s->control : given ? "" : SETTINGS_CONTROL;
	return -1;
}

static int unknown_command(const char *word)
{
	struct nearest near = {.word = word, .len = strlen(word)};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		nearest_offer(&near, commands[i].name);
	return ask_usage("unknown command '%s'%s", word, nearest_hint(&near, ""));
}

int ctl_main(int argc, char **argv)
{
	struct ctl c = {.path = NULL};
	int code = read_options(&c, argc, argv);

	if (code < 0 && optind == argc)
		code = ask_usage("a command is missing");
	for (size_t i = 0; code < 0 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			code = run(&commands[i], &c, argc - optind, argv + optind);
	if (code < 0)
		code = unknown_command(argv[optind]);
	settings_free(&c.settings);
	return code;
}
