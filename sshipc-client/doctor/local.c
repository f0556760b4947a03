// SPDX-License-Identifier: BSD-2-Clause
/*
 * In the doctor (--check), called by check.c for the steps that need no server.  Connects to
 * nobody, and sets no variable.
 */
#include "local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "available.h"
#include "sockets.h"

void local_listeners(struct report *r, const struct settings *s)
{
	char err[2 * ADDRESS_TEXT], own[SOCKETS_TEXT] = "";
	size_t looked_at = 0;

	for (size_t i = 0; i < s->n_specs; i++) {
		if (s->specs[i].inherited)
			continue;
		looked_at++;
		if (spec_is_left_out(&s->specs[i]))
			continue;
		if (available_check(&s->specs[i].listen, err, sizeof(err)) < 0 &&
		    !sockets_own_listener(&s->specs[i].listen, own)) {
			report_fail(r, REPORT_LISTENER, NULL, "%s", err);
			return;
		}
	}
	if (s->n_specs == 0)
		report_skip(r, REPORT_LISTENER, "none is asked for");
	else if (own[0])
		report_pass(r, REPORT_LISTENER, "%s listens there", own);
	else if (looked_at < s->n_specs)
		report_skip(r, REPORT_LISTENER, "of fd:NAME only the service manager knows");
	else
		report_pass(r, REPORT_LISTENER,
			    s->n_specs == 1 ? "%s is free" : "%s and all others are free",
			    s->specs[0].text);
}

/* What the clients of a kind read; a path wins over a port. */
static const struct variables {
	enum endpoint_kind kind;
	const char *access_file, *path, *addr, *port;
} kinds[] = {
    {ENDPOINT_CONFD, "CONFD_IPC_ACCESS_FILE", NULL, "CONFD_IPC_ADDR", "CONFD_IPC_PORT"},
    {ENDPOINT_NSO, "NCS_IPC_ACCESS_FILE", "NCS_IPC_PATH", "NCS_IPC_ADDR", "NCS_IPC_PORT"},
};

static bool have_path(const struct settings *s, const char *path)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 0; i < s->n_specs; i++) {
		if (strcmp(address_format(&s->specs[i].listen, text, sizeof(text)), path) == 0)
			return true;
	}
	return false;
}

/* Port 0 may become any. */
static bool have_port(const struct settings *s, const char *port)
{
	uint16_t wanted = 0;

	if (address_parse_port(port, &wanted) < 0)
		return false;
	for (size_t i = 0; i < s->n_specs; i++) {
		const struct address *a = &s->specs[i].listen;

		if (!address_is_unix(a) && (!address_port(a) || address_port(a) == wanted))
			return true;
	}
	return false;
}

/* A name may be of any address, and what is not loopback may be a wildcard. */
static bool have_host(const struct settings *s, const char *host)
{
	struct address wanted;
	bool have = address_from_host(host, 0, &wanted) < 0;

	for (size_t i = 0; i < s->n_specs && !have; i++) {
		struct address at = s->specs[i].listen;

		address_set_port(&at, 0);
		have = !address_is_loopback(&at) || address_equal(&at, &wanted);
	}
	return have;
}

static void look_at(struct report *r, const struct settings *s, const struct variables *v)
{
	const char *file = getenv(v->access_file), *path = v->path ? getenv(v->path) : NULL,
		   *addr = getenv(v->addr), *port = getenv(v->port);

	if (file && access(file, R_OK) < 0)
		report_fail(r, REPORT_ENVIRONMENT, NULL,
			    "%s=%s: %s; make it readable for uid %u, or unset %s", v->access_file,
			    file, strerror(errno), geteuid(), v->access_file);
	if (path && !have_path(s, path))
		report_fail(
		    r, REPORT_ENVIRONMENT, NULL,
		    "%s=%s sends clients there, past the tunnel and whatever %s says; unset "
		    "%s, or listen there: -L %s",
		    v->path, path, v->port, v->path, path);
	if (!path && addr && !have_host(s, addr))
		report_fail(r, REPORT_ENVIRONMENT, NULL,
			    "%s=%s sends clients past the tunnel; set it to the address of a "
			    "listener, or unset it",
			    v->addr, addr);
	if (!path && port && !have_port(s, port))
		report_fail(
		    r, REPORT_ENVIRONMENT, NULL,
		    "%s=%s sends clients past the tunnel; set it to the port of a listener, "
		    "or listen there: -L %s",
		    v->port, port, port);
}

void local_environment(struct report *r, const struct settings *s, const enum endpoint_kind *kind)
{
	bool known = false;

	/* A command gets its own; stdin and stdout are no listener. */
	if (s->n_specs == 0) {
		report_skip(r, REPORT_ENVIRONMENT, "no listener is asked for");
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (kind && *kind != kinds[i].kind)
			continue;
		known = true;
		look_at(r, s, &kinds[i]);
	}
	if (known)
		report_pass(r, REPORT_ENVIRONMENT, "nothing sends clients past the tunnel");
	else
		report_skip(r, REPORT_ENVIRONMENT, "only the variables of confd and nso are known");
}
