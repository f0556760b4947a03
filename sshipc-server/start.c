// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process that becomes a generation's monitor (generation.h), called by main.c:
 * settings, host keys, user, session program and allow list in this order, each fault named; then
 * the loop, or, with -t and -T, the end.  What it has loaded is only read from then on.
 */
#include "start.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "caller.h"
#include "confine.h"
#include "control.h"
#include "generation.h"
#include "keyfile.h"
#include "launch_check.h"
#include "loop.h"
#include "session_program.h"
#include "settings.h"
#include "spawner.h"

struct start {
	struct settings s;
	struct hostkey *hostkeys[SETTINGS_HOSTKEYS];
	struct launch_user users[1 + SETTINGS_USERS]; /* the sessions'; those of connect_as */
	struct session_program program;
	struct allowlist *list;
	size_t faults;
};

/* ---- what only prints ---- */

static void print_version_details(void)
{
	struct session_program program;
	const struct launch_user user = {.demote = false}; /* it is run as we are */
	char err[SESSION_PROGRAM_ERROR];

	if (session_program_open(&program, &user, err) == 0)
		fputs(program.report.details, stdout);
	else
		printf("%s\n", err);
}

static int generate_hostkey(const char *path)
{
	char fingerprint[KEYLINE_FINGERPRINT], line[KEYFILE_LINE];
	const char *why = keyfile_generate(path, "sshipc-server", fingerprint, line);

	if (why) {
		fprintf(stderr, "sshipc-server: %s\n", why);
		return EX_CANTCREAT;
	}
	printf("%s: Ed25519 host key %s\nclients trust it with: sshipc-client --hostkey %s ...\n",
	       path, fingerprint, fingerprint);
	return EX_OK;
}

static void load_list(struct start *st)
{
	const struct allow_names names = settings_names(&st->s);
	char text[PATH_MAX + 128];

	if (access(st->s.allowlist, F_OK) < 0 && errno == ENOENT) {
		snprintf(text, sizeof(text), "%s: %s; \"cat id.pub >> %s\" makes one",
			 st->s.allowlist, strerror(errno), st->s.allowlist);
		options_print_fault(&st->faults, text);
		return;
	}
	st->list = allowlist_load(st->s.allowlist, &names, options_print_fault, &st->faults);
}

static int explain(struct start *st)
{
	load_list(st);
	return st->list ? explain_answer(&st->s.explain, st->s.allowlist, st->list) : EX_CONFIG;
}

/* ---- what is loaded and checked ---- */

static void load_hostkeys(struct start *st)
{
	const char *why;

	/* They are in memory from here on. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	for (size_t i = 0; i < st->s.hostkeys.n; i++)
		if (!(st->hostkeys[i] = hostkey_load(st->s.hostkeys.items[i], &why)))
			options_print_fault(&st->faults, why);
	/* libcrypto has numbers of them in its ordinary heap, too; an ordinary user's limit may
	 * not allow it. */
	if (mlockall(MCL_CURRENT | MCL_ONFAULT) != 0)
		log_msg(LOG_DEBUG,
			"private host keys may be written to swap space: %s; raise ulimit -l "
			"(LimitMEMLOCK=)",
			strerror(errno));
}

/* The user of the sessions (0), or one of connect_as. */
static void find_user(struct start *st, size_t i)
{
	const struct settings *s = &st->s;
	const char *name = i == 0 ? s->user : s->connect_as.items[i - 1], *why = NULL;
	char text[512];

	if (launch_user_find(name, &st->users[i], &why) != 0) {
		snprintf(text, sizeof(text), "%s: %s %s: %s",
			 s->config ? s->config : "sshipc-server", i == 0 ? "user" : "connect_as",
			 name ? name : "sshipc or nobody", why);
		options_print_fault(&st->faults, text);
	}
	st->users[i].debug = s->unsafe_no_sandbox;
}

/* Checks for faults that end a start, or that would show a client another host key than it knows.
 */
static void check(struct start *st)
{
	struct settings *s = &st->s;
	char err[CONTROL_ERROR];

	for (size_t i = 0; i <= s->connect_as.n; i++)
		find_user(st, i);
	if (st->users[0].demote && !s->user)
		s->user = xstrdup(st->users[0].name);
	if (s->control && !s->control_by_default && control_check(s->control, err) != 0)
		options_print_fault(&st->faults, err);
	if (s->control_group && caller_group(s->control_group) < 0) {
		snprintf(
		    err, sizeof(err),
		    "%s: control_group %s: there is no such group; make it (groupadd --system %s)",
		    s->config ? s->config : "sshipc-server", s->control_group, s->control_group);
		options_print_fault(&st->faults, err);
	}
	for (size_t i = 1; i < s->hostkeys.n; i++)
		for (size_t j = 0; st->hostkeys[i] && j < i; j++) {
			if (!st->hostkeys[j] ||
			    !hostkey_same_type(st->hostkeys[i], st->hostkeys[j]))
				continue;
			snprintf(
			    err, sizeof(err),
			    "%s: a host key of the type of %s, of which clients would see one; "
			    "remove one",
			    s->hostkeys.items[i], s->hostkeys.items[j]);
			options_print_fault(&st->faults, err);
		}
}

/* EX_OK, or the exit code of a start, each fault said. */
static int load(struct start *st, bool only_check)
{
	/* Whoever only checks runs the session's program as himself. */
	const struct launch_user as_we_are = {.demote = false, .debug = st->s.unsafe_no_sandbox};
	char err[SESSION_PROGRAM_ERROR];
	int unfit = 0;

	load_hostkeys(st);
	check(st);
	for (size_t i = 0; st->faults == 0 && !only_check && i <= st->s.connect_as.n; i++) {
		if (launch_check(&st->users[i], err, sizeof(err)) == 0)
			continue;
		log_msg(LOG_ERR, "%s", err);
		return EX_OSERR;
	}
	if (st->faults == 0)
		unfit =
		    session_program_open(&st->program, only_check ? &as_we_are : st->users, err);
	if (unfit)
		options_print_fault(&st->faults, err);
	/* Without endpoints every good line would be a fault. */
	if (st->s.allowlist && st->s.n_endpoints > 0)
		load_list(st);
	return unfit ? unfit : st->faults > 0 || st->s.faulty || !st->list ? EX_CONFIG : EX_OK;
}

/* ---- what is allowed, and worth a second look: at the start, with -t and with -T ---- */

/* One warning, in the log of the server that starts, and where it is only checked on stderr, or as
 * a comment of -T. */
static void __attribute__((format(printf, 2, 3)))
say(const struct settings *s, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->print)
		printf("# warning: %s\n", text);
	else if (s->test)
		fprintf(stderr, "warning: %s\n", text);
	else
		log_msg(LOG_WARNING, "%s", text);
}

/* NSO trusts a caller that has NSO's own uid, as it trusts root.  One warning for each user. */
static void look_at_owner(const struct start *st, const struct endpoint *e)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&e->address.sa;
	bool told[1 + SETTINGS_USERS] = {false};
	struct stat owner;

	if (e->kind != ENDPOINT_NSO || !address_is_unix(&e->address) || !un->sun_path[0] ||
	    stat(un->sun_path, &owner) != 0)
		return;
	for (size_t i = 0; i < allowlist_count(st->list); i++) {
		const struct allow_entry *a = allowlist_get(st->list, i);
		const struct launch_user *u = &st->users[a->user];

		if (a->endpoint != e || told[a->user] ||
		    owner.st_uid != (u->demote ? u->uid : geteuid()))
			continue;
		told[a->user] = true;
		say(&st->s,
		    "endpoint %s (%s): its socket belongs to uid %u, as whom key %s (line %u) "
		    "connects: NSO may trust its own user, as it trusts root, without asking for "
		    "a name; let such keys connect as another user (user, or connect-as)",
		    e->name, un->sun_path, (unsigned)owner.st_uid, a->key.name, a->key.line);
	}
}

/* True if dir is one that the service manager made for this service alone (PrivateTmp= of systemd).
 */
static bool is_private(const char *dir)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, root[PATH_MAX], at[PATH_MAX];
	size_t size = 0;
	bool found = false;

	while (mounts && !found && getline(&line, &size, mounts) > 0)
		found = sscanf(line, "%*s %*s %*s %4095s %4095s", root, at) == 2 &&
			strcmp(at, dir) == 0 && strstr(root, "/systemd-private-");
	free(line);
	if (mounts)
		fclose(mounts);
	return found;
}

static void look_at_folder(const struct start *st, const struct endpoint *e)
{
	const char *path = address_path(&e->address), *hidden = NULL;
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat is;

	if (path && stat(path, &is) == 0 && !S_ISSOCK(is.st_mode))
		say(&st->s, "endpoint %s (%s): that is not a socket; correct the path", e->name,
		    path);
	if (!path || access(path, F_OK) == 0)
		return;
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') + 1 - path), path);
	if (strncmp(path, "/tmp/", 5) == 0 && is_private("/tmp"))
		hidden = "/tmp";
	else if (strncmp(path, "/var/tmp/", 9) == 0 && is_private("/var/tmp"))
		hidden = "/var/tmp";
	if (hidden)
		say(&st->s,
		    "endpoint %s (%s): the socket is not there, and %s is this service's own "
		    "(PrivateTmp=yes): set PrivateTmp=no, or JoinsNamespaceOf= with the unit of "
		    "the endpoint's program (systemctl edit sshipc-server)",
		    e->name, path, hidden);
	else if (access(folder, F_OK) < 0 && errno == ENOENT)
		say(&st->s,
		    "endpoint %s (%s): the socket's folder is not there: start the endpoint's "
		    "program, or correct the path",
		    e->name, path);
}

static void look_at_endpoints(const struct start *st)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 0; i < st->s.n_endpoints; i++) {
		const struct endpoint *e = &st->s.endpoints[i];

		if (!address_is_unix(&e->address) && !address_is_loopback(&e->address))
			say(&st->s,
			    "endpoint %s (%s) is not on loopback: everything is in plain text from "
			    "here on (unsafe_endpoint)",
			    e->name, address_format(&e->address, text, sizeof(text)));
		look_at_folder(st, e);
		look_at_owner(st, e);
	}
}

/* ---- the server ---- */

/* Warnings for the administrator about the server that starts. */
static void warn(const struct settings *s, const struct allowlist *list)
{
	char until[WINDOW_TEXT];

	if (allowlist_count(list) == 0)
		log_msg(LOG_WARNING, "%s is empty: every login is refused until it has a key",
			s->allowlist);
	if (s->pending_from.n > 0)
		log_msg(LOG_WARNING,
			"unknown keys from pending_from are remembered for approval until %s (they "
			"are granted nothing)",
			window_format_time(s->pending_until, until));
	if (s->unsafe_no_sandbox)
		log_msg(LOG_WARNING, "--unsafe-no-sandbox: monitor and sessions run WITHOUT "
				     "confinement; never serve others like this");
}

/* A session that has no descriptor left for a socket of the monitor is lost, with all its channels:
 * it may not have so many. */
static void fit_channels(struct settings *s, size_t files)
{
	const size_t most = files > SESSION_SPARE_FILES ? files - SESSION_SPARE_FILES : 1;

	if (most >= (size_t)s->max_channels)
		return;
	log_msg(LOG_WARNING,
		"the limit of %zu descriptors allows max_channels = %zu, not %d; raise it (ulimit "
		"-Hn, LimitNOFILE=)",
		files, most, s->max_channels);
	s->max_channels = (int)most;
}

/* Takes over the list. */
static int run(struct start *st, struct generation *g)
{
	const struct spawner_setup setup = {&st->s, st->users, &st->program, st->hostkeys,
					    st->s.hostkeys.n};
	struct event_base *base = loop_new();
	const struct monitor_ops ops = generation_ops(g);
	struct allowlist *list = st->list;
	struct monitor *m = NULL;
	int code = EX_UNAVAILABLE;

	fit_channels(&st->s, confine_raise_nofile());
	if (generation_listen(g, &st->s)) {
		st->list = NULL;
		m = monitor_new(base, &setup, list, &ops, &code);
	}
	if (m && !generation_has_all(g)) {
		code = EX_CONFIG;
		monitor_free(m);
	} else if (m) {
		generation_serve(g, m);
		warn(&st->s, list);
		loop_run(base);
		code = monitor_exit_code(m);
		monitor_free(m);
	}
	generation_end(g);
	event_base_free(base);
	return code;
}

static int check_or_run(struct start *st, char **argv)
{
	const struct settings *s = &st->s;
	const bool only_check = s->test || s->print;
	struct generation g = {.sock = -1, .words = -1};
	int code = only_check ? -1 : generation_begin(&g, argv);

	if (code >= 0)
		return code;
	st->faults += generation_log(&g, s, only_check) != 0;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD,
	       SIG_IGN); /* the end of a helper is seen by its socket; it is not waited for */
	confine_raise_nofile();
	code = load(st, only_check);
	if (code == EX_OK && s->test && allowlist_count(st->list) == 0)
		fprintf(stderr, "%s is empty: every login is refused\n", s->allowlist);
	if (s->print && st->list) {
		options_print(&settings_options, s);
		explain_access(st->list);
	}
	if (code == EX_OK)
		look_at_endpoints(st);
	return code == EX_OK && !only_check ? run(st, &g) : code;
}

int start_main(int argc, char **argv)
{
	static struct start st;
	int code;

	options_version_details = print_version_details;
	code = settings_read(argc, argv, &st.s);
	if (code < 0)
		code = st.s.generate_hostkey ? generate_hostkey(st.s.generate_hostkey)
		       : st.s.explain.wanted ? explain(&st)
					     : check_or_run(&st, argv);
	for (size_t i = 0; i < SETTINGS_HOSTKEYS; i++)
		hostkey_free(st.hostkeys[i]);
	allowlist_free(st.list);
	settings_free(&st.s);
	return code;
}
