// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the doctor (--check), called by check.c for the steps that need no server: listeners and
 * environment.  It connects to nobody, keeps no address bound, and sets no variable.
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

/* The variables that clients of a kind read.  A path wins over address and port. */
static const struct variable {
	enum endpoint_kind kind;
	enum { ACCESS_FILE, PATH, ADDR, PORT } holds;
	const char *name;
} variables[] = {
    {ENDPOINT_CONFD, ACCESS_FILE, "CONFD_IPC_ACCESS_FILE"},
    {ENDPOINT_CONFD, ADDR, "CONFD_IPC_ADDR"},
    {ENDPOINT_CONFD, PORT, "CONFD_IPC_PORT"},
    {ENDPOINT_NSO, ACCESS_FILE, "NCS_IPC_ACCESS_FILE"},
    {ENDPOINT_NSO, PATH, "NCS_IPC_PATH"},
    {ENDPOINT_NSO, ADDR, "NCS_IPC_ADDR"},
    {ENDPOINT_NSO, PORT, "NCS_IPC_PORT"},
};

/* Port 0 may become any, a name may be of any address, and what is not loopback may be a wildcard.
 */
static bool leads_to_us(const struct settings *s, const struct variable *v, const char *value)
{
	char path[ADDRESS_TEXT];
	struct address wanted;
	uint16_t port = 0;

	if (v->holds == ADDR && address_from_host(value, 0, &wanted) < 0)
		return true;
	if (v->holds == PORT && address_parse_port(value, &port) < 0)
		return false;
	for (size_t i = 0; i < s->n_specs; i++) {
		struct address at = s->specs[i].listen;
		const uint16_t own = address_port(&at);

		address_set_port(&at, 0);
		if (v->holds == PATH   ? strcmp(address_format(&at, path, sizeof(path)), value) == 0
		    : v->holds == PORT ? !address_is_unix(&at) && (own == 0 || own == port)
				       : !address_is_loopback(&at) || address_equal(&at, &wanted))
			return true;
	}
	return false;
}

static void check_variable(struct report *r, const struct settings *s, const struct variable *v)
{
	const char *value = getenv(v->name);
	const bool by_path = v->kind == ENDPOINT_NSO && getenv("NCS_IPC_PATH");

	if (!value || (by_path && (v->holds == ADDR || v->holds == PORT)))
		return;
	if (v->holds == ACCESS_FILE && access(value, R_OK) < 0)
		report_fail(r, REPORT_ENVIRONMENT, NULL,
			    "%s=%s: %s; make it readable for uid %u, or unset %s", v->name, value,
			    strerror(errno), geteuid(), v->name);
	if (v->holds == ACCESS_FILE || leads_to_us(s, v, value))
		return;
	if (v->holds == PATH)
		report_fail(r, REPORT_ENVIRONMENT, NULL,
			    "%s=%s sends clients there, past the tunnel and whatever NCS_IPC_PORT "
			    "says; unset %s, or listen there: -L %s",
			    v->name, value, v->name, value);
	else
		report_fail(r, REPORT_ENVIRONMENT, NULL,
			    "%s=%s sends clients past the tunnel; set it to the %s of a "
			    "listener, or %s%s",
			    v->name, value, v->holds == PORT ? "port" : "address",
			    v->holds == PORT ? "listen there: -L " : "unset it",
			    v->holds == PORT ? value : "");
}

void local_environment(struct report *r, const struct settings *s, const enum endpoint_kind *kind)
{
	bool known = false;

	/* A command gets its own; stdin and stdout are no listener. */
	if (s->n_specs == 0) {
		report_skip(r, REPORT_ENVIRONMENT, "no listener is asked for");
		return;
	}
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		if (kind && *kind != variables[i].kind)
			continue;
		known = true;
		check_variable(r, s, &variables[i]);
	}
	if (known)
		report_pass(r, REPORT_ENVIRONMENT, "nothing sends clients past the tunnel");
	else
		report_skip(r, REPORT_ENVIRONMENT, "only the variables of confd and nso are known");
}
