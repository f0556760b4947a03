// SPDX-License-Identifier: BSD-2-Clause
#include "variables.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "dbus.h"

/* The most specific variable of a program wins over the one that we set: NSO's path over its port,
 * PostgreSQL's numeric address over its host.  So all of a kind are taken away before some are set,
 * and where none can be, nothing leads to another endpoint than ours. */
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

static int put_host(FILE *out, const struct address *at)
{
	char host[ADDRESS_TEXT];

	if (address_is_unix(at))
		return -1;
	fputs(address_format_host(at, host, sizeof(host)), out);
	return 0;
}

static int put_port(FILE *out, const struct address *at)
{
	const char *path = address_path(at), *name = path ? strstr(path, "/.s.PGSQL.") : NULL;

	if (name)
		fputs(name + 10, out);
	else if (!address_is_unix(at))
		fprintf(out, "%u", address_port(at));
	else
		return -1;
	return 0;
}

static int put_path(FILE *out, const struct address *at)
{
	const char *path = address_path(at);

	if (path)
		fputs(path, out);
	return path ? 0 : -1;
}

static int put_dir(FILE *out, const struct address *at)
{
	const char *path = address_path(at);

	if (path)
		fprintf(out, "%.*s", (int)(strrchr(path, '/') - path), path);
	return path ? 0 : -1;
}

static int put_addr(FILE *out, const struct address *at)
{
	char text[ADDRESS_TEXT];

	if (put_path(out, at) < 0)
		fputs(address_format(at, text, sizeof(text)), out);
	return 0;
}

static int put_dbus(FILE *out, const struct address *at)
{
	const char *path = address_path(at);

	if (path || address_is_unix(at)) {
		fputs(path ? "unix:path=" : "unix:abstract=", out);
		dbus_escape(out, path ? path : ((const struct sockaddr_un *)&at->sa)->sun_path + 1);
		return 0;
	}
	fputs("tcp:host=", out);
	put_host(out, at);
	fprintf(out, ",port=%u", address_port(at));
	return 0;
}

static const struct {
	const char *name;
	int (*put)(FILE *out, const struct address *at);
} placeholders[] = {{"{addr}", put_addr}, {"{host}", put_host}, {"{port}", put_port},
		    {"{path}", put_path}, {"{dir}", put_dir},	{"{dbus}", put_dbus}};

#define N_PLACEHOLDERS (sizeof(placeholders) / sizeof(*placeholders))

int variables_check(const char *assignment, const char **errstr)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	const char *equals = strchr(assignment, '=');

	*errstr = "expected NAME=TEMPLATE, for example URL=redis://{addr}";
	if (!equals || strspn(assignment, letters) == 0)
		return -1;
	for (const char *p = assignment; p < equals; p++) {
		if (!strchr(letters, *p) && (*p < '0' || *p > '9'))
			return -1;
	}
	return 0;
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
	FILE *out = open_memstream(&text, &size);
	bool complete = true;

	if (!out)
		abort();
	while (*assignment) {
		size_t i = 0;

		while (i < N_PLACEHOLDERS &&
		       strncmp(assignment, placeholders[i].name, strlen(placeholders[i].name)) != 0)
			i++;
		if (i == N_PLACEHOLDERS) {
			fputc(*assignment++, out);
			continue;
		}
		complete = placeholders[i].put(out, at) == 0 && complete;
		assignment += strlen(placeholders[i].name);
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
