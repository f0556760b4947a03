// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads command line and client.conf in their order, and says what does not go together.  Called by
 * main.c at the start, and by nobody else.  What a setting may be stands in settings_table.c.
 */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "endpoint.h"
#include "via.h"

#define GO_ON	   (-1)
#define usage(...) options_usage(&settings_options, __VA_ARGS__)

/* ---- the file ---- */

const char *settings_set_nothing(void *target, const char *value)
{
	return NULL;
}

void settings_check_keys(struct options_file *f, config_setting_t *group)
{
	const config_setting_t *agent_key = config_setting_get_member(group, "agent_key");

	if (agent_key && config_setting_get_member(group, "identity"))
		options_fault(f, agent_key, "one key is offered: give identity or agent_key");
}

/* Whether a tunnel that stands before this one in the file has the name. */
static bool is_repeated(const config_setting_t *group, const char *name)
{
	const config_setting_t *all = config_setting_parent(group), *one;
	const char *other = "";
	unsigned i = 0;

	while ((one = config_setting_get_elem(all, i++)) && one != group) {
		if (config_setting_lookup_string(one, "name", &other) && !strcmp(other, name))
			return true;
	}
	return false;
}

/* Sets the tunnel that is asked for over what the file has for all tunnels; any other one is only
 * checked, in a struct that is thrown away. */
void settings_add_tunnel(struct options_file *f, config_setting_t *group, void *settings)
{
	struct settings *s = settings, other = {.unsafe_listen = s->unsafe_listen}, *to = &other;
	const struct option_row *all = settings_options.rows;
	struct option_row rows[OPTION_ROWS];
	const char *name = "";
	size_t n = 0;

	s->has_tunnels = true;
	config_setting_lookup_string(group, "name", &name);
	if (endpoint_check_name(name))
		options_fault(
		    f, group,
		    "tunnels: each has a name = \"NAME\": a letter, then letters, digits, - "
		    "and _, at most %d",
		    ENDPOINT_NAME - 1);
	else if (is_repeated(group, name))
		options_fault(f, group, "tunnels: \"%s\" is there twice", name);
	if (s->tunnel && strcmp(name, s->tunnel) == 0) {
		s->tunnel_found = true;
		to = s;
	}
	while (all[n].group != settings_add_tunnel)
		n++;
	memcpy(rows, all, n * sizeof(*rows));
	rows[n] =
	    (struct option_row){.name = "name", .type = OPTION_TEXT, .set = settings_set_nothing};
	rows[n + 1] = (struct option_row){.name = NULL};
	options_group(f, group, rows, to);
	settings_check_keys(f, group);
	if (!to->n_servers && !s->n_servers)
		options_fault(f, group,
			      "tunnels: \"%s\" has no server, and the file has none for all", name);
	settings_free(&other);
}

/* ---- the command line ---- */

/* The command line as it was given; whether it is complete is known once the file is read. */
struct words {
	struct option_line options;
	const char *hosts[SETTINGS_SERVERS];
	size_t n_hosts;
};

/* Cuts "--" and the COMMAND off before getopt permutes argv; returns the argc that is left. */
static int cut_command(int argc, char **argv, struct settings *s)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			s->command = &argv[i + 1];
			return i;
		}
	}
	return argc;
}

/* Takes an argument that is no option: a server, or @NAME of a tunnel. */
static int add_argument(struct words *w, struct settings *s, const char *text)
{
	if (text[0] != '@') {
		if (s->tunnel || w->n_hosts == SETTINGS_SERVERS)
			return usage("unexpected argument '%s'; a COMMAND follows --", text);
		w->hosts[w->n_hosts++] = text;
		return GO_ON;
	}
	if (w->n_hosts)
		return usage("'%s' is a tunnel of the file, which names its server", text);
	if (s->tunnel)
		return usage("'%s' is a second tunnel, and a process has one: start one command "
			     "for each, or have the service manager do it by a template "
			     "(" SETTINGS_PROGRAM "@.service with ExecStart=" SETTINGS_PROGRAM
			     " @%%i)",
			     text);
	s->tunnel = text + 1;
	return GO_ON;
}

static int read_words(int argc, char **argv, struct words *w, struct settings *s)
{
	int rc;

	argc = cut_command(argc, argv, s);
	rc = options_parse(&settings_options, argc, argv, &w->options);
	if (rc == GO_ON && s->command && !s->command[0])
		return usage("no COMMAND follows --");
	for (; rc == GO_ON && optind < argc; optind++)
		rc = add_argument(w, s, argv[optind]);
	return rc;
}

/* ---- both ---- */

static int read_file(const struct words *w, struct settings *s)
{
	const char *given = options_given(&w->options, "config");
	char *path = spec_path(given ? given : SETTINGS_SYSTEM_CONF);
	int rc = GO_ON;

	if (!given && access(path, F_OK) < 0) {
		free(path);
		path = spec_path("~/.config/sshipc/client.conf");
	}
	if ((given || access(path, F_OK) == 0) &&
	    options_read(&settings_options, path, s, options_print_fault, NULL))
		rc = EX_CONFIG;
	else if (s->tunnel && !s->tunnel_found)
		rc = usage(access(path, F_OK) == 0 ? "no tunnel '%s' in %s"
						   : "no tunnel '%s': " SETTINGS_SYSTEM_CONF
						     " and %s are not there",
			   s->tunnel, path);
	free(path);
	return rc;
}

static int apply_words(struct settings *s, const struct words *w)
{
	const struct option_line *given = &w->options;
	struct log_text shown;

	if (w->n_hosts)
		settings_drop_servers(s);
	for (size_t i = 0; i < w->n_hosts; i++) {
		const char *why = settings_add_server(s, w->hosts[i]);

		if (why)
			return usage("\"%s\": %s",
				     log_escape(&shown, w->hosts[i], strlen(w->hosts[i])), why);
		if (s->servers[i].port && options_given(given, "port"))
			return usage("the port is given twice");
	}
	if (options_given(given, "identity") && options_given(given, "agent-key"))
		return usage("one key is offered: give --identity or --agent-key");
	/* Another process may have the file's listeners open: a COMMAND gets one of its own. */
	if (s->command || options_given(given, "stdio") ||
	    options_given(given, "print-dbus-address"))
		settings_drop_listen(s);
	return options_apply(&settings_options, given, s);
}

static void mean_first(struct settings *s)
{
	s->host = s->servers[0].host;
	s->user = s->servers[0].user;
	s->port = s->servers[0].port;
}

static void set_server_defaults(struct settings *s)
{
	const struct passwd *pw = getpwuid(geteuid());
	char uid[16];

	/* A container may have no name for us; our server lets keys in, whatever the user's. */
	snprintf(uid, sizeof(uid), "%u", geteuid());
	for (struct settings_server *v = s->servers; v < s->servers + s->n_servers; v++) {
		if (s->port || !v->port)
			v->port = s->port ? s->port : SETTINGS_PORT;
		if (!v->user)
			v->user = xstrdup(pw ? pw->pw_name : uid);
	}
	mean_first(s);
}

void settings_aim(struct settings *view, const struct settings *s, size_t i)
{
	const struct settings_server *v = &s->servers[i];

	*view = *s;
	view->servers[0] = *v;
	view->n_servers = 1;
	mean_first(view);
	if (v->n_pins) {
		memcpy(view->pins, v->pins, sizeof(v->pins));
		view->n_pins = v->n_pins;
	}
}

static int check_complete(const struct settings *s)
{
	/* -t takes a file that has tunnels only. */
	const bool whole = s->test && s->has_tunnels && !s->tunnel;

	if (!s->n_servers && whole)
		return GO_ON;
	if (!s->n_servers)
		return usage("no server: give [USER@]HOST[:PORT]%s, or set server in the "
			     "configuration file",
			     s->has_tunnels ? " or @NAME, one of the file's tunnels" : "");
	for (const struct settings_server *v = s->servers; v < s->servers + s->n_servers; v++) {
		if (s->via && !via_allows(v->host))
			return usage("--via: '%s' is no name that a shell may see", v->host);
	}
	if (s->return_to_first && (s->via || s->order == SETTINGS_RANDOM))
		return usage(
		    "--return-to-first goes with neither --via, which would have to be run to "
		    "look, nor a random order, which has no first");
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
			     "set listen in the configuration file%s",
			     s->has_tunnels ? ", or @NAME, one of the file's tunnels" : "",
			     s->n_servers > 1 ? "; a COMMAND follows --" : "");
	return GO_ON;
}

int settings_read(int argc, char **argv, struct settings *s)
{
	struct words w = {.n_hosts = 0};
	int rc;

	*s = (struct settings){.argc = argc, .argv = argv};
	options_defaults(&settings_options, s);
	rc = read_words(argc, argv, &w, s);
	if (rc != GO_ON)
		return rc;
	if (options_given(&w.options, "json") && !options_given(&w.options, "check"))
		return usage("--json goes with --check");
	/* A COMMAND, or a peer on stdout, writes to the same terminal: we log warnings only. */
	s->verbosity = s->command || options_given(&w.options, "stdio") ? LOG_WARNING : LOG_INFO;
	s->unsafe_listen = options_given(&w.options, "unsafe-listen");
	/* With any other word, or by a file, it is the socket of the client that is started. */
	s->ask = options_given(&w.options, "status") && w.options.n == 1 && !w.n_hosts &&
		 !s->tunnel && !s->command;
	if (!options_given(&w.options, "keygen") && !s->ask)
		rc = read_file(&w, s);
	if (rc == GO_ON)
		rc = apply_words(s, &w);
	if (rc != GO_ON)
		return rc;
	set_server_defaults(s);
	return s->keygen || s->ask ? GO_ON : check_complete(s);
}

void settings_free(struct settings *s)
{
	settings_drop_servers(s);
	free(s->identity);
	free(s->agent_key);
	free(s->known_hosts);
	free(s->global_known_hosts);
	free(s->keygen);
	free(s->log.path);
	free(s->via);
	free(s->status);
	settings_drop_listen(s);
	settings_drop_hostkeys(s);
	*s = (struct settings){.host = NULL};
}
