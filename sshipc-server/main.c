// SPDX-License-Identifier: BSD-2-Clause
/*
 * sshipc-server: options, start-up order, loop.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sysexits.h>

#include "alloc.h"
#include "allowlist.h"
#include "confine.h"
#include "control.h"
#include "ctl.h"
#include "dialler.h"
#include "helper.h"
#include "keyfile.h"
#include "loop.h"
#include "monitor.h"
#include "option.h"
#include "session_program.h"
#include "settings.h"
#include "spawner.h"
#include "window.h"

static void print_version_details(void)
{
	struct session_program program;
	const struct helper_user user = {.demote = false}; /* it is run as we are */
	char err[SESSION_PROGRAM_ERROR];

	if (session_program_open(&program, &user, err) == 0)
		fputs(program.details, stdout);
	else
		printf("%s\n", err);
}

static int generate_hostkey(const char *path)
{
	char fingerprint[KEYLINE_FINGERPRINT], err[KEYFILE_ERROR];

	if (keyfile_generate(path, "sshipc-server", fingerprint, NULL, 0, err) != 0) {
		fprintf(stderr, "sshipc-server: %s\n", err);
		return EX_CANTCREAT;
	}
	printf("%s: Ed25519 host key %s\nclients trust it with: sshipc-client --hostkey %s ...\n",
	       path, fingerprint, fingerprint);
	return EX_OK;
}

static int explain(const struct settings *s)
{
	size_t faults = 0;
	struct allowlist *list = allowlist_load(s->allowlist, s->endpoints, s->n_endpoints,
						s->default_endpoint, option_print_fault, &faults);
	const int code = list ? explain_answer(&s->explain, s->allowlist, list) : EX_CONFIG;

	allowlist_free(list);
	return code;
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	if (sig == SIGHUP) {
		monitor_reload(arg);
		return;
	}
	log_msg(LOG_NOTICE, "%s: shutting down", strsignal((int)sig));
	monitor_stop(arg);
}

/* What would end a start, or have a client find another key than it knows. */
static void check_start(struct settings *s, struct hostkey *const *hostkeys,
			struct helper_user *user, size_t *faults)
{
	char err[CONTROL_ERROR];
	const char *why = NULL;

	if (helper_user_find(s->user, user, &why) != 0) {
		snprintf(err, sizeof(err), "%s: user %s: %s",
			 s->config ? s->config : "sshipc-server",
			 s->user ? s->user : "sshipc or nobody", why);
		option_print_fault(faults, err);
	} else if (user->demote && !s->user) {
		s->user = xstrdup(user->name);
	}
	user->debug = s->unsafe_no_sandbox;
	if (s->control && !s->control_by_default && control_check(s->control, err) != 0)
		option_print_fault(faults, err);
	for (size_t i = 1; i < s->n_hostkeys; i++)
		for (size_t j = 0; hostkeys[i] && j < i; j++) {
			if (!hostkeys[j] || !hostkey_same_type(hostkeys[i], hostkeys[j]))
				continue;
			snprintf(
			    err, sizeof(err),
			    "%s: a host key of the type of %s, of which clients would see one; "
			    "remove one",
			    s->hostkeys[i], s->hostkeys[j]);
			option_print_fault(faults, err);
		}
}

static int run(const struct spawner_setup *setup, struct allowlist *list)
{
	const struct settings *s = setup->settings;
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct event *events[3] = {NULL};
	struct event_base *base = loop_new();
	struct monitor *m;
	int code;

	m = monitor_new(base, setup, list, &code);
	if (m) {
		for (size_t i = 0; i < 3; i++)
			events[i] =
			    loop_watch(base, signals[i], EV_SIGNAL | EV_PERSIST, on_signal, m);
		if (allowlist_count(list) == 0)
			log_msg(LOG_WARNING,
				"%s is empty: every login is refused until it has a key",
				s->allowlist);
		if (s->pending_from.n > 0) {
			char until[WINDOW_TEXT];

			log_msg(LOG_WARNING,
				"unknown keys from pending_from are remembered for approval until "
				"%s (they are granted nothing)",
				window_format_time(s->pending_until, until));
		}
		for (size_t i = 0; i < s->n_endpoints; i++) {
			const struct address *at = &s->endpoints[i].address;
			char text[ADDRESS_TEXT];

			if (!address_is_unix(at) && !address_is_loopback(at))
				log_msg(LOG_WARNING,
					"endpoint %s (%s) is not on loopback: everything is in "
					"plain text from here on (unsafe_endpoint)",
					s->endpoints[i].name,
					address_format(at, text, sizeof(text)));
		}
		if (s->unsafe_no_sandbox)
			log_msg(LOG_WARNING, "--unsafe-no-sandbox: monitor and sessions run "
					     "WITHOUT confinement; never serve others like this");
		event_base_dispatch(base);
		code = monitor_exit_code(m);
		for (size_t i = 0; i < 3; i++)
			event_free(events[i]);
		monitor_free(m);
	}
	event_base_free(base);
	return code;
}

int main(int argc, char **argv)
{
	static struct settings s;
	struct hostkey *hostkeys[SETTINGS_HOSTKEYS] = {NULL};
	struct helper_user user, as_we_are = {.demote = false};
	struct session_program program;
	char err[KEYFILE_ERROR + SESSION_PROGRAM_ERROR];
	size_t faults = 0;
	struct allowlist *list = NULL;
	const char *role = helper_role(argv);
	int code, unfit = 0;

	if (role && strcmp(role, "dialler") == 0)
		dialler_main();
	if (confine_open_stdio() != 0)
		return EX_OSERR;
	alloc_must_succeed("sshipc-server: out of memory\n");
	log_init("sshipc-server", LOG_SINK_STDERR, LOG_INFO);
	signal(SIGIO, SIG_IGN); /* somebody opens the allow list while it is looked at */
	if (argc > 1 && strcmp(argv[1], "ctl") == 0)
		return ctl_main(argc - 1, argv + 1);
	settings_version_details = print_version_details;
	code = settings_read(argc, argv, &s);
	if (code >= 0)
		goto out;
	if (s.generate_hostkey) {
		code = generate_hostkey(s.generate_hostkey);
		goto out;
	}
	if (s.explain.wanted) {
		code = explain(&s);
		goto out;
	}
	log_init("sshipc-server", s.log, s.verbosity);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* helpers are missed by their sockets; nobody waits for them */
	/* Host keys are in memory from here on. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	confine_raise_nofile();
	for (size_t i = 0; i < s.n_hostkeys; i++)
		if (!(hostkeys[i] = hostkey_load(s.hostkeys[i], err)))
			option_print_fault(&faults, err);
	/* libcrypto has numbers of them in its ordinary heap, too; an ordinary user's limit may
	 * not allow it. */
	if (mlockall(MCL_CURRENT | MCL_ONFAULT) != 0)
		log_msg(LOG_DEBUG,
			"private host keys may be written to swap space: %s; raise ulimit -l "
			"(LimitMEMLOCK=)",
			strerror(errno));
	check_start(&s, hostkeys, &user, &faults);
	if (faults == 0 && !s.test && !s.print && helper_check(&user, err, sizeof(err)) != 0) {
		log_msg(LOG_ERR, "%s", err);
		code = EX_OSERR;
		goto out;
	}
	as_we_are.debug = user.debug;
	if (faults == 0)
		unfit = session_program_open(&program, s.test || s.print ? &as_we_are : &user, err);
	if (unfit)
		option_print_fault(&faults, err);
	/* Without endpoints every good line would be a fault. */
	if (s.allowlist && s.n_endpoints > 0)
		list = allowlist_load(s.allowlist, s.endpoints, s.n_endpoints, s.default_endpoint,
				      option_print_fault, &faults);
	code = unfit ? unfit : faults > 0 || s.faulty || !list ? EX_CONFIG : EX_OK;
	if (code == EX_OK && s.test && allowlist_count(list) == 0)
		fprintf(stderr, "%s is empty: every login is refused\n", s.allowlist);
	if (s.print && list) {
		settings_print(&s);
		explain_access(list);
	}
	if (code == EX_OK && !s.test && !s.print) {
		code =
		    run(&(struct spawner_setup){&s, &user, &program, hostkeys, s.n_hostkeys}, list);
		list = NULL;
	}
out:
	for (size_t i = 0; i < SETTINGS_HOSTKEYS; i++)
		hostkey_free(hostkeys[i]);
	allowlist_free(list);
	settings_free(&s);
	return code;
}
