// SPDX-License-Identifier: BSD-2-Clause
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "control.h"
#include "ctl_list.h"
#include "ctl_print.h"
#include "json.h"
#include "option.h"

#define PROGRAM CTL_PROGRAM

enum { PATIENCE_SECONDS = 15 }; /* twenty may be before us */

/* ---- asking ---- */

static int say(int code, const char *path, const char *why)
{
	fprintf(stderr, PROGRAM ": %s: %s\n", path, why);
	return code;
}

static int connect_to(const char *path, int *code)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct ucred server = {.uid = 0};
	socklen_t len = sizeof(server);
	struct address at;
	const char *why = NULL;
	char text[256];
	int fd;

	*code = EX_USAGE;
	if (settings_check_control(path, &why) != 0 || address_parse(path, 0, &at, &why) != 0) {
		say(EX_USAGE, path, why);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at.sa, at.len) != 0) {
		const bool forbidden = errno == EACCES || errno == EPERM;

		*code = forbidden ? EX_NOPERM : EX_UNAVAILABLE;
		snprintf(text, sizeof(text), "%s: %s%s",
			 forbidden ? "not allowed" : "no server here", strerror(errno),
			 forbidden ? "; only root and the server's own user are"
				   : "; it has a control socket when started with --control");
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &len) == 0 && geteuid() != 0 &&
		   geteuid() != server.uid) {
		*code = EX_NOPERM;
		snprintf(text, sizeof(text), "not allowed: only root and uid %u are",
			 (unsigned)server.uid);
	} else {
		return fd;
	}
	say(*code, path, text);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Everything up to the end; NULL when that does not come, or is too far. */
static char *receive(int fd)
{
	char *text = NULL, part[65536];
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	ssize_t n = 0;

	if (!f)
		return NULL;
	while (ftell(f) <= 2 * CONTROL_ANSWER && (n = recv(fd, part, sizeof(part), 0)) > 0)
		fwrite(part, 1, (size_t)n, f);
	if (fclose(f) == 0 && n == 0)
		return text;
	free(text);
	return NULL;
}

/* Lines of what a terminal shows as it is: a server of another user may be anybody's. */
static bool is_clean(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; s[i]; i++)
		if ((s[i] < ' ' && s[i] != '\n') || s[i] == 0x7f ||
		    (s[i] == 0xc2 && s[i + 1] >= 0x80 && s[i + 1] < 0xa0))
			return false;
	return true;
}

static const char *last_line(const char *text)
{
	const char *p = text + strlen(text);

	if (p == text || *--p != '\n')
		return "";
	while (p > text && p[-1] != '\n')
		p--;
	return p;
}

char *ctl_ask(const struct ctl *c, const char *request, int refused, int *code)
{
	struct control_request parsed;
	const char *why = NULL, *verdict;
	char *text = NULL, line[CONTROL_REQUEST + 1], error[2048];
	int fd, n;

	if (control_parse(request, strlen(request), &parsed, &why) != 0) {
		*code = ctl_usage("%s", why);
		return NULL;
	}
	if (!*c->path) {
		*code = say(EX_UNAVAILABLE, "no control socket",
			    "the server has none without --control or control");
		return NULL;
	}
	fd = connect_to(c->path, code);
	if (fd < 0)
		return NULL;
	n = snprintf(line, sizeof(line), "%s\n", request);
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) == n)
		text = receive(fd);
	close(fd);
	*code = EX_UNAVAILABLE;
	verdict = text ? last_line(text) : "";
	if (strncmp(verdict, "{\"ok\":true", 10) == 0 && is_clean(text)) {
		*code = EX_OK;
		return text;
	}
	if (strncmp(verdict, "{\"ok\":false", 11) == 0)
		*code = say(refused, c->path, json_value(verdict, "error", error, sizeof(error)));
	else
		say(EX_UNAVAILABLE, c->path, "the server did not answer as it should");
	free(text);
	return NULL;
}

/* ---- commands ---- */

static int show(const struct ctl *c, int argc, char **argv, void (*print)(char *answer))
{
	const int json = argc > 1 && strcmp(argv[1], "--json") == 0;
	char *answer;
	int code;

	if (argc > 1 + json)
		return ctl_usage(
		    "%s: unexpected argument '%s'%s", argv[0], argv[1 + json],
		    argv[1 + json][0] == '-' ? "; other options stand before the command" : "");
	answer = ctl_ask(c, argv[0], EX_UNAVAILABLE, &code);
	if (!answer)
		return code;
	if (json)
		fwrite(answer, 1, (size_t)(last_line(answer) - answer), stdout);
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
		return ctl_usage("kill takes one session id, key name or fingerprint");
	snprintf(request, sizeof(request), "kill %s", argv[1]);
	answer = ctl_ask(c, request, EX_USAGE, &code);
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
		return ctl_usage("reload: unexpected argument '%s'", argv[1]);
	answer = ctl_ask(c, "reload", EX_CONFIG, &code);
	if (answer)
		printf("%s\n", json_value(last_line(answer), "summary", summary, sizeof(summary)));
	free(answer);
	return code;
}

static const struct ctl_command commands[] = {
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
		return ctl_usage("-e '%s': %s", value, why);
	if (settings_add_endpoint(s, &e, &why) == 0)
		return -1;
	endpoint_free(&e);
	return ctl_usage("-e '%s': %s", value, why);
}

/* -1 to go on, or the exit code. */
static int set_option(struct ctl *c, int o, const char **config)
{
	struct settings *s = &c->settings;
	const bool others = c->path || s->allowlist || s->n_endpoints;

	if (*config || (o == 'f' && others) || (o == 'c' && c->path) || (o == 'a' && s->allowlist))
		return ctl_usage(
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
		code = ctl_usage("a command is missing");
	for (size_t i = 0; code < 0 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			code = commands[i].run(&c, argc - optind, argv + optind);
	if (code < 0)
		code = ctl_usage("unknown command '%s'", argv[optind]);
	if (fflush(stdout) != 0 && code == EX_OK)
		code = EX_IOERR;
	settings_free(&c.settings);
	return code;
}
