// SPDX-License-Identifier: BSD-2-Clause
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "option.h"
#include "variables.h"
#include "via.h"

#define WORDS_MAX  128
#define GO_ON	   (-1)
#define PROGRAM	   SETTINGS_PROGRAM
#define usage(...) option_usage(PROGRAM, __VA_ARGS__)

void (*settings_version_details)(void);

enum {
	OPT_AGENT_KEY = 256,
	OPT_HOSTKEY,
	OPT_KNOWN_HOSTS,
	OPT_KEEPALIVE,
	OPT_TIMEOUT,
	OPT_RECONNECT,
	OPT_VIA,
	OPT_UNSAFE,
	OPT_LOG,
	OPT_KEYGEN,
	OPT_CHECK,
	OPT_JSON,
	OPT_WHILE_DOWN,
	OPT_EXIT_ON_REFUSAL,
	OPT_ENV,
	OPT_STDIO,
	OPT_PRINT_DBUS,
	OPT_READY_FD,
};

static const char short_options[] = ":f:L:i:p:tTvqhV";
static const struct option long_options[] = {
    {"config", required_argument, NULL, 'f'},
    {"listen", required_argument, NULL, 'L'},
    {"identity", required_argument, NULL, 'i'},
    {"port", required_argument, NULL, 'p'},
    {"test", no_argument, NULL, 't'},
    {"print", no_argument, NULL, 'T'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"agent-key", required_argument, NULL, OPT_AGENT_KEY},
    {"hostkey", required_argument, NULL, OPT_HOSTKEY},
    {"known-hosts", required_argument, NULL, OPT_KNOWN_HOSTS},
    {"keepalive", required_argument, NULL, OPT_KEEPALIVE},
    {"connect-timeout", required_argument, NULL, OPT_TIMEOUT},
    {"reconnect-max", required_argument, NULL, OPT_RECONNECT},
    {"via", required_argument, NULL, OPT_VIA},
    {"unsafe-listen", no_argument, NULL, OPT_UNSAFE},
    {"log", required_argument, NULL, OPT_LOG},
    {"check", optional_argument, NULL, OPT_CHECK},
    {"json", no_argument, NULL, OPT_JSON},
    {"keygen", required_argument, NULL, OPT_KEYGEN},
    {"while-down", required_argument, NULL, OPT_WHILE_DOWN},
    {"exit-on-refusal", no_argument, NULL, OPT_EXIT_ON_REFUSAL},
    {"env", required_argument, NULL, OPT_ENV},
    {"stdio", optional_argument, NULL, OPT_STDIO},
    {"print-dbus-address", no_argument, NULL, OPT_PRINT_DBUS},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {NULL, 0, NULL, 0},
};

/* The command line as it stands: whether it makes sense is known once the file is read. */
struct words {
	struct word {
		int option;
		const char *value;
	} all[WORDS_MAX];
	size_t n;
	const char *host, *tunnel;
	char **command; /* NULL: none */
};

static int print_version(void)
{
	printf(PROGRAM " " SSHIPC_VERSION "\n");
	if (settings_version_details)
		settings_version_details();
	return EX_OK;
}

static const struct word *find(const struct words *w, int option)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->all[i].option == option)
			return &w->all[i];
	}
	return NULL;
}

static const char *long_name(int option)
{
	const struct option *o = long_options;

	while (o->name && o->val != option)
		o++;
	return o->name;
}

static int add_word(struct words *w, int option, const char *value)
{
	if (value && !*value)
		return usage("the value of option '--%s' is empty", long_name(option));
	/* The last of two would win in silence. */
	if (value && option != 'L' && option != OPT_HOSTKEY && option != OPT_ENV && find(w, option))
		return usage("option '--%s' is given twice", long_name(option));
	if (w->n == WORDS_MAX)
		return usage("there are too many options");
	w->all[w->n++] = (struct word){.option = option, .value = value};
	return GO_ON;
}

/* Takes "--" and what follows off, before getopt moves it about; returns what is left of argc. */
static int cut_command(int argc, char **argv, struct words *w)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			w->command = &argv[i + 1];
			return i;
		}
	}
	return argc;
}

/* The server, or a tunnel. */
static int add_argument(struct words *w, const char *text)
{
	if (text[0] != '@') {
		if (w->host || w->tunnel)
			return usage("unexpected argument '%s'; a COMMAND follows --", text);
		w->host = text;
		return GO_ON;
	}
	if (w->host)
		return usage("'%s' is a tunnel of the file, which names its server", text);
	if (w->tunnel)
		return usage("'%s' is a second tunnel, and a process has one: start one command "
			     "for each, or have the service manager do it by a template "
			     "(" PROGRAM "@.service with ExecStart=" PROGRAM " @%%i)",
			     text);
	w->tunnel = text + 1;
	return GO_ON;
}

static int read_words(int argc, char **argv, struct words *w)
{
	int c = 0, rc = GO_ON;

	argc = cut_command(argc, argv, w);

	optind = 0; /* from the start, also the second time */
	opterr = 0;
	while (rc == GO_ON &&
	       (c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (c == 'h')
			return fputs(settings_help, stdout) < 0 ? EX_IOERR : EX_OK;
		if (c == 'V')
			return print_version();
		if (c == '?' || c == ':')
			rc = option_refused(PROGRAM, long_options, c, argv[optind - 1]);
		else
			rc = add_word(w, c, optarg);
	}
	if (rc != GO_ON)
		return rc;
	if (w->command && !w->command[0])
		return usage("no COMMAND follows --");
	for (; rc == GO_ON && optind < argc; optind++)
		rc = add_argument(w, argv[optind]);
	return rc;
}

static int set_number(const struct word *w, int min, int max, int *out)
{
	uint16_t v = 0;

	if (address_parse_port(w->value, &v) < 0 || v < min || v > max)
		return usage("option '--%s' takes a number from %d to %d", long_name(w->option),
			     min, max);
	*out = v;
	return GO_ON;
}

static int set_text(struct settings *s, const struct word *w, const char *setting)
{
	char err[SETTINGS_ERROR];

	if (settings_set(s, setting, w->value, err) < 0)
		return usage("--%s %s", long_name(w->option), err);
	return GO_ON;
}

static int add_env(struct settings *s, const char *value)
{
	const char *errstr = NULL;

	if (variables_check(value, &errstr) < 0)
		return usage("--env %s: %s", value, errstr);
	if (s->n_env == SETTINGS_ENV)
		return usage("there are too many --env");
	s->env[s->n_env++] = value;
	return GO_ON;
}

static int apply_value(struct settings *s, const struct word *w)
{
	const char *errstr = NULL;
	int port = 0, rc = GO_ON;

	switch (w->option) {
	case 'L':
		return set_text(s, w, "listen");
	case 'i':
		return set_text(s, w, "identity");
	case OPT_AGENT_KEY:
		return set_text(s, w, "agent_key");
	case OPT_HOSTKEY:
		return set_text(s, w, "hostkeys");
	case OPT_KNOWN_HOSTS:
		return set_text(s, w, "known_hosts");
	case OPT_LOG:
		return set_text(s, w, "log");
	case OPT_VIA:
		return set_text(s, w, "via");
	case OPT_WHILE_DOWN:
		return set_text(s, w, "while_down");
	case OPT_ENV:
		return add_env(s, w->value);
	case OPT_STDIO:
		return destination_parse(w->value, &s->stdio_to, &errstr) == 0
			   ? GO_ON
			   : usage("--stdio=%s: %s", w->value, errstr);
	case OPT_READY_FD:
		rc = set_number(w, 3, UINT16_MAX, &s->ready_fd);
		break;
	case OPT_KEEPALIVE:
		return set_number(w, SETTINGS_KEEPALIVE_MIN, SETTINGS_SECONDS_MAX, &s->keepalive);
	case OPT_TIMEOUT:
		return set_number(w, SETTINGS_TIMEOUT_MIN, SETTINGS_SECONDS_MAX,
				  &s->connect_timeout);
	case OPT_RECONNECT:
		return set_number(w, SETTINGS_RECONNECT_MIN, SETTINGS_SECONDS_MAX,
				  &s->reconnect_max);
	case 'p':
		rc = set_number(w, 1, UINT16_MAX, &port);
		s->port = (unsigned)port;
		break;
	case OPT_KEYGEN:
		s->keygen = spec_path(w->value);
		break;
	}
	return rc;
}

static void apply_flag(struct settings *s, int option)
{
	switch (option) {
	case OPT_STDIO:
		s->stdio = true;
		break;
	case OPT_PRINT_DBUS:
		s->stdio = s->print_dbus = true;
		break;
	case OPT_EXIT_ON_REFUSAL:
		s->exit_on_refusal = true;
		break;
	case 't':
		s->test = true;
		break;
	case 'T':
		s->print = true;
		break;
	case 'v':
		s->verbosity += s->verbosity < LOG_DEBUG;
		break;
	case 'q':
		s->verbosity -= s->verbosity > LOG_ERR;
		break;
	}
}

void settings_drop_listen(struct settings *s)
{
	while (s->n_specs)
		spec_free(&s->specs[--s->n_specs]);
}

void settings_drop_hostkeys(struct settings *s)
{
	while (s->n_pins)
		free(s->pins[--s->n_pins]);
}

static int apply_words(struct settings *s, const struct words *w)
{
	char err[SETTINGS_ERROR];
	int rc = GO_ON;

	if (w->host && settings_set(s, "server", w->host, err) < 0)
		return usage("%s", err);
	if (w->host && s->port && find(w, 'p'))
		return usage("the port is given twice");
	/* The file's listeners may be another process's: a command has its own. */
	if (find(w, 'L') || w->command || find(w, OPT_STDIO) || find(w, OPT_PRINT_DBUS))
		settings_drop_listen(s);
	if (find(w, OPT_HOSTKEY))
		settings_drop_hostkeys(s);
	if (find(w, 'i') && find(w, OPT_AGENT_KEY))
		return usage("one key is offered: give --identity or --agent-key");
	if (find(w, 'i')) {
		free(s->agent_key);
		s->agent_key = NULL;
	}
	for (size_t i = 0; rc == GO_ON && i < w->n; i++) {
		if (w->all[i].value)
			rc = apply_value(s, &w->all[i]);
		apply_flag(s, w->all[i].option);
	}
	return rc;
}

static int read_file(const struct words *w, struct settings *s)
{
	const struct word *given = find(w, 'f');
	char *path = spec_path(given ? given->value : SETTINGS_SYSTEM_CONF);
	int rc = GO_ON;

	if (!given && access(path, F_OK) < 0) {
		free(path);
		path = spec_path("~/.config/sshipc/client.conf");
	}
	if ((given || access(path, F_OK) == 0) &&
	    settings_read_file(path, s, option_print_fault, NULL))
		rc = EX_CONFIG;
	else if (s->tunnel && !s->tunnel_found)
		rc = usage("no tunnel '%s' in %s%s", s->tunnel, path,
			   access(path, F_OK) == 0 ? "" : ", which is not there");
	free(path);
	return rc;
}

static int set_defaults(struct settings *s)
{
	const struct {
		char *const *target;
		const char *name, *value;
	} paths[] = {
	    {&s->identity, "identity", "~/.ssh/id_ed25519"},
	    {&s->known_hosts, "known_hosts", "~/.ssh/known_hosts"},
	    {&s->global_known_hosts, "global_known_hosts", "/etc/ssh/ssh_known_hosts"},
	};
	const struct passwd *pw = s->user ? NULL : getpwuid(geteuid());
	char err[SETTINGS_ERROR], uid[16];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (!*paths[i].target && settings_set(s, paths[i].name, paths[i].value, err) < 0)
			return usage("%s", err);
	}
	if (!s->port)
		s->port = SETTINGS_PORT;
	/* A container may have no name for us; our server lets keys in, whatever the user's. */
	snprintf(uid, sizeof(uid), "%u", geteuid());
	if (!s->user)
		s->user = xstrdup(pw ? pw->pw_name : uid);
	return GO_ON;
}

static int check_complete(const struct settings *s)
{
	/* A file of tunnels only is whole. */
	const bool whole = s->test && s->has_tunnels && !s->tunnel;

	if (!s->host && whole)
		return GO_ON;
	if (!s->host)
		return usage("no server: give [USER@]HOST[:PORT]%s, or set server in the "
			     "configuration file",
			     s->has_tunnels ? " or @NAME, one of the file's tunnels" : "");
	if (s->via && !via_allows(s->host))
		return usage("--via: '%s' is no name that a shell may see", s->host);
	if (s->stdio && (s->n_specs || s->command))
		return usage("--stdio goes with neither -L nor a COMMAND");
	if (s->n_env && !s->command)
		return usage("--env goes with a COMMAND only: give -- COMMAND");
	if (s->ready_fd && (s->stdio || s->command))
		return usage("--ready-fd goes with -L only");
	if (s->ready_fd && fcntl(s->ready_fd, F_GETFD) < 0)
		return usage("--ready-fd %d: %s; open it in the shell: %d>FILE", s->ready_fd,
			     strerror(errno), s->ready_fd);
	if (!s->n_specs && !s->stdio && !s->command && !s->check && !whole)
		return usage("nothing to listen on: give -L SPEC, for example -L 4565:confd%s, or "
			     "set listen in the configuration file",
			     s->has_tunnels ? ", or @NAME, one of the file's tunnels" : "");
	return GO_ON;
}

static int read_check(const struct words *w, struct settings *s)
{
	const struct word *check = find(w, OPT_CHECK);

	s->json = find(w, OPT_JSON);
	if (!check)
		return s->json ? usage("--json goes with --check") : GO_ON;
	if (check->value && strcmp(check->value, "connect") != 0)
		return usage("--check takes nothing, or =connect");
	s->check = check->value ? SETTINGS_CHECK_CONNECT : SETTINGS_CHECK;
	return GO_ON;
}

int settings_read(int argc, char **argv, struct settings *s)
{
	struct words w = {.n = 0};
	int rc = GO_ON;

	*s = (struct settings){.keepalive = 15,
			       .connect_timeout = 30,
			       .reconnect_max = SETTINGS_RECONNECT,
			       .hold = SETTINGS_HOLD,
			       .argc = argc,
			       .argv = argv};
	rc = read_words(argc, argv, &w);
	if (rc != GO_ON)
		return rc;
	s->tunnel = w.tunnel;
	/* Where somebody else's words are on the terminal, ours are few. */
	s->command = w.command;
	s->verbosity = w.command || find(&w, OPT_STDIO) ? LOG_WARNING : LOG_INFO;
	s->unsafe_listen = find(&w, OPT_UNSAFE);
	if (read_check(&w, s) != GO_ON)
		return EX_USAGE;
	if (!find(&w, OPT_KEYGEN))
		rc = read_file(&w, s);
	if (rc == GO_ON)
		rc = apply_words(s, &w);
	if (rc == GO_ON)
		rc = set_defaults(s);
	return rc == GO_ON && !s->keygen ? check_complete(s) : rc;
}

void settings_free(struct settings *s)
{
	free(s->host);
	free(s->user);
	free(s->identity);
	free(s->agent_key);
	free(s->known_hosts);
	free(s->global_known_hosts);
	free(s->keygen);
	free(s->via);
	settings_drop_listen(s);
	settings_drop_hostkeys(s);
	*s = (struct settings){.host = NULL};
}
