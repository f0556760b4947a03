// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in run mode, in the process of the tunnel, once the endpoint's kind is known; the settings
 * use it to check --env.  It writes assignments and may not change an environment: that is done in
 * the process that becomes COMMAND.
 */
#include "variables.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "alloc.h"
#include "dbus.h"

/* A program prefers its most specific variable: NSO's path to its port, PostgreSQL's numeric
 * address to its host.  So all variables of a kind are unset before some are set, and where none
 * can be set, none leads to another endpoint. */
static const struct variable {
	enum endpoint_kind kind;
	enum { NEVER, TCP, UNIX, EITHER } listener;
	const char *assignment;
} variables[] = {
    {ENDPOINT_CONFD, TCP, "CONFD_IPC_ADDR={host}"},
    {ENDPOINT_CONFD, TCP, "CONFD_IPC_PORT={port}"},
    {ENDPOINT_NSO, UNIX, "NCS_IPC_PATH={path}"},
    {ENDPOINT_NSO, TCP, "NCS_IPC_ADDR={host}"},
    {ENDPOINT_NSO, TCP, "NCS_IPC_PORT={port}"},
    {ENDPOINT_DBUS, EITHER, "DBUS_SYSTEM_BUS_ADDRESS={dbus}"},
    {ENDPOINT_DBUS, EITHER, "DBUS_SESSION_BUS_ADDRESS={dbus}"},
    {ENDPOINT_DOCKER, UNIX, "DOCKER_HOST=unix://{path}"},
    {ENDPOINT_DOCKER, TCP, "DOCKER_HOST=tcp://{addr}"},
    {ENDPOINT_POSTGRES, UNIX, "PGPORT={port}"}, /* first: not every path has one */
    {ENDPOINT_POSTGRES, UNIX, "PGHOST={dir}"},
    {ENDPOINT_POSTGRES, TCP, "PGHOST={host}"},
    {ENDPOINT_POSTGRES, TCP, "PGPORT={port}"},
    {ENDPOINT_POSTGRES, NEVER, "PGHOSTADDR="},
};

#define N_VARIABLES (sizeof(variables) / sizeof(*variables))

enum placeholder { ADDR, HOST, PORT, PATH, DIRECTORY, DBUS, N_PLACEHOLDERS };

static const char *const placeholders[N_PLACEHOLDERS] = {
    [ADDR] = "{addr}", [HOST] = "{host}",     [PORT] = "{port}",
    [PATH] = "{path}", [DIRECTORY] = "{dir}", [DBUS] = "{dbus}"};

/* False: the listener has no such part. */
static bool put(FILE *out, enum placeholder what, const struct address *at)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&at->sa;
	const char *path = address_path(at);
	const char *number = path ? strstr(path, "/.s.PGSQL.") : NULL;
	const bool tcp = !address_is_unix(at);
	char text[ADDRESS_TEXT];

	switch (what) {
	case ADDR:
		fputs(path ? path : address_format(at, text, sizeof(text)), out);
		return true;
	case HOST:
		fputs(tcp ? address_format_host(at, text, sizeof(text)) : "", out);
		return tcp;
	case PORT:
		if (tcp)
			fprintf(out, "%u", address_port(at));
		else if (number)
			fputs(number + strlen("/.s.PGSQL."), out);
		return tcp || number;
	case PATH:
		fputs(path ? path : "", out);
		return path;
	case DIRECTORY:
		fprintf(out, "%.*s", path ? (int)(strrchr(path, '/') - path) : 0, path ? path : "");
		return path;
	case DBUS:
		if (tcp) {
			address_format_host(at, text, sizeof(text));
			fprintf(out, "tcp:host=%s,port=%u", text, address_port(at));
		} else {
			fputs(path ? "unix:path=" : "unix:abstract=", out);
			dbus_escape(out, path ? path : un->sun_path + 1);
		}
		return true;
	case N_PLACEHOLDERS:
		break;
	}
	return false;
}

const char *variables_check(const char *assignment)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	const size_t name = strcspn(assignment, "=");
	bool good = name && assignment[name] == '=';

	for (size_t i = 0; i < name; i++)
		good = good && (strchr(letters, assignment[i]) ||
				(i > 0 && assignment[i] >= '0' && assignment[i] <= '9'));
	return good ? NULL : "expected NAME=TEMPLATE, for example URL=redis://{addr}";
}

bool variables_want_tcp(enum endpoint_kind kind, const char *const *env, size_t n)
{
	bool tcp = kind == ENDPOINT_CONFD;

	for (size_t i = 0; i < n; i++)
		tcp = tcp || strstr(env[i], "{host}") ||
		      (kind != ENDPOINT_POSTGRES && strstr(env[i], "{port}"));
	return tcp;
}

char *variables_expand(const char *assignment, const struct address *at)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = alloc_or_abort(open_memstream(&text, &size));
	bool complete = true;

	while (*assignment) {
		unsigned i = 0;

		while (i < N_PLACEHOLDERS &&
		       strncmp(assignment, placeholders[i], strlen(placeholders[i])) != 0)
			i++;
		if (i == N_PLACEHOLDERS) {
			fputc(*assignment++, out);
			continue;
		}
		complete = put(out, i, at) && complete;
		assignment += strlen(placeholders[i]);
	}
	if (fclose(out) != 0)
		abort();
	if (!complete)
		free(text);
	return complete ? text : NULL;
}

unsigned variables_of_kind(FILE *out, enum endpoint_kind kind, const struct address *at)
{
	const int listener = address_is_unix(at) ? UNIX : TCP;
	unsigned n = 0;

	for (size_t i = 0; i < N_VARIABLES; i++) {
		const char *name = variables[i].assignment;

		if (variables[i].kind == kind)
			fprintf(out, "%.*s%c", (int)strcspn(name, "="), name, '\0');
	}
	for (size_t i = 0; i < N_VARIABLES; i++) {
		char *text = NULL;

		if (variables[i].kind != kind || !(variables[i].listener & listener))
			continue;
		text = variables_expand(variables[i].assignment, at);
		if (!text)
			break;
		fwrite(text, strlen(text) + 1, 1, out);
		free(text);
		n++;
	}
	return n;
}
