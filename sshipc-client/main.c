// SPDX-License-Identifier: BSD-2-Clause
/*
 * sshipc-client: options, start-up order, loop.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "keyfile.h"
#include "keyline.h"
#include "link.h"
#include "listener.h"
#include "selftest.h"
#include "settings.h"
#include "sshloop.h"

struct client {
	struct event_base *base;
	struct listeners *listeners;
	struct link *link;
	bool ready;
	int exit_code;
};

static void print_version_details(void)
{
	struct selftest t;

	selftest_run(NULL, &t);
	printf("libssh %s\nAES-GCM: %s\ndirect-streamlocal: on (to OpenSSH servers)\n",
	       ssh_version(0), t.gcm ? "on" : "off");
	if (t.why[0])
		printf("%s\n", t.why);
}

static int keygen(const char *path)
{
	char fingerprint[KEYLINE_FINGERPRINT], line[1024], err[KEYFILE_ERROR],
	    comment[256] = "sshipc";

	gethostname(comment, sizeof(comment) - 1);
	if (keyfile_generate(path, comment, fingerprint, line, sizeof(line), err) != 0) {
		fprintf(stderr, "sshipc-client: %s\n", err);
		return EX_CANTCREAT;
	}
	printf("%s: Ed25519 key %s\nput this line into the server's allow list:\n%s\n", path,
	       fingerprint, line);
	return EX_OK;
}

static void on_up(void *arg, const char *server)
{
	struct client *c = arg;
	char text[2 * ADDRESS_TEXT];

	if (c->ready)
		return;
	c->ready = true;
	listeners_start(c->listeners, c->link);
	for (size_t i = 0; listeners_describe(c->listeners, i, text, sizeof(text)); i++)
		printf("ready: %s via %s\n", text, server);
	fflush(stdout);
}

static void on_refused(void *arg, int exit_code)
{
	struct client *c = arg;

	c->exit_code = exit_code;
	event_base_loopbreak(c->base);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct client *c = arg;

	(void)what;
	log_msg(LOG_NOTICE, "%s: shutting down", strsignal((int)sig));
	event_base_loopbreak(c->base);
}

static int run(const struct settings *s)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct event *events[3] = {NULL};
	struct client c = {.base = event_base_new()};
	const struct link_ops ops = {on_up, on_refused, &c};

	if (!c.base)
		return EX_OSERR;
	for (size_t i = 0; i < 3; i++) {
		events[i] = evsignal_new(c.base, signals[i], on_signal, &c);
		if (!events[i] || event_add(events[i], NULL) != 0)
			abort();
	}
	c.exit_code = EX_UNAVAILABLE;
	c.listeners = listeners_open(c.base, s->specs, s->n_specs);
	if (c.listeners)
		c.link = link_new(c.base, s, &ops, &c.exit_code);
	if (c.link) {
		c.exit_code = EX_OK;
		sshloop_watchdog("sshipc-client: the SSH library hangs; giving up\n");
		event_base_dispatch(c.base);
	}
	listeners_free(c.listeners);
	link_free(c.link);
	for (size_t i = 0; i < 3; i++)
		event_free(events[i]);
	event_base_free(c.base);
	return c.exit_code;
}

int main(int argc, char **argv)
{
	static struct settings s;
	int code;

	if (confine_open_stdio() != 0)
		return EX_OSERR;
	log_init("sshipc-client", LOG_SINK_STDERR, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	settings_version_details = print_version_details;
	code = settings_read(argc, argv, &s);
	if (code >= 0)
		goto out;
	log_init("sshipc-client", s.log, s.verbosity);
	if (s.keygen) {
		code = keygen(s.keygen);
		goto out;
	}
	if (s.print)
		settings_print(&s);
	if (s.test || s.print) {
		code = EX_OK;
		goto out;
	}
	/* A private key is in memory from here on. */
	if (confine_process(0) != 0)
		log_msg(LOG_WARNING, "cannot keep core dumps and debuggers away");
	alloc_must_succeed("sshipc-client: out of memory\n");
	confine_raise_nofile();
	ssh_init();
	code = run(&s);
	ssh_finalize();
out:
	settings_free(&s);
	return code;
}
