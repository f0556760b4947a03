// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs where settings are read, in server and client, and where the client reads the kind from
 * .status.  It says what an endpoint may be called and where it may be; it connects to none, and
 * who may use one is the policy's decision.
 */
#include "endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LETTERS	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define NAME_CHARS  LETTERS "0123456789-_"
#define HOST_CHARS  NAME_CHARS "."
#define PATH_LENGTH 107
#define KINDS	    "confd, nso, dbus, docker, postgres or other"

int endpoint_check_name(const char *name, const char **errstr)
{
	size_t n = strlen(name);

	if (n == 0 || !strchr(LETTERS, name[0]))
		*errstr = "an endpoint's name begins with a letter";
	else if (name[strspn(name, NAME_CHARS)])
		*errstr = "an endpoint's name has only letters, digits, - and _";
	else if (n >= ENDPOINT_NAME)
		*errstr = "an endpoint's name has at most 32 characters";
	else
		return 0;
	return -1;
}

static const char *const kinds[] = {
    [ENDPOINT_OTHER] = "other", [ENDPOINT_CONFD] = "confd",   [ENDPOINT_NSO] = "nso",
    [ENDPOINT_DBUS] = "dbus",	[ENDPOINT_DOCKER] = "docker", [ENDPOINT_POSTGRES] = "postgres",
};

int endpoint_kind_parse(const char *text, enum endpoint_kind *kind)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(text, kinds[i])) {
			*kind = (enum endpoint_kind)i;
			return 0;
		}
	}
	return -1;
}

const char *endpoint_kind_text(enum endpoint_kind kind)
{
	return kinds[kind];
}

int endpoint_check_alias(const char *alias, const char **errstr)
{
	char host[ADDRESS_HOST];
	const char *port_text = NULL;
	struct address numeric;
	uint16_t port = 0;

	if (alias[0] == '/') {
		if (strlen(alias) <= PATH_LENGTH)
			return 0;
		*errstr = "a socket path has at most 107 bytes";
		return -1;
	}
	if (address_split(alias, host, &port_text, errstr) < 0)
		return -1;
	if (address_parse_port(port_text, &port) < 0 || port == 0)
		*errstr = "the port is not a number from 1 to 65535";
	else if (alias[0] == '[' && address_from_host(host, port, &numeric) < 0)
		*errstr = "the host is not an IPv6 address";
	else if (host[0] == '.')
		*errstr = "a host name does not begin with a dot"; /* "." and ".status" are ours */
	else if (alias[0] != '[' && host[strspn(host, HOST_CHARS)])
		*errstr = "a host name has only letters, digits, '-', '_' and '.'";
	else
		return 0;
	return -1;
}

/* "NAME" or "NAME:KIND", of n bytes. */
static int parse_name(const char *text, size_t n, struct endpoint *out, const char **errstr)
{
	const char *colon = memchr(text, ':', n);
	const size_t len = colon ? (size_t)(colon - text) : n;
	char name[ENDPOINT_NAME + 1], kind[ENDPOINT_NAME];

	/* What does not fit is one too long, as the check then finds. */
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	if (endpoint_check_name(name, errstr) < 0)
		return -1;
	memcpy(out->name, name, sizeof(out->name));
	if (!colon && endpoint_kind_parse(out->name, &out->kind) < 0)
		out->kind = ENDPOINT_OTHER;
	snprintf(kind, sizeof(kind), "%.*s", colon ? (int)(n - len - 1) : 0, text + len + 1);
	*errstr = "the kind is " KINDS;
	return colon ? endpoint_kind_parse(kind, &out->kind) : 0;
}

int endpoint_parse(const char *text, struct endpoint *out, const char **errstr)
{
	const char *equals = strchr("/@", text[0]) ? NULL : strchr(text, '=');

	*out = (struct endpoint){.name = "endpoint"};
	if (equals && parse_name(text, (size_t)(equals - text), out, errstr) < 0)
		return -1;
	return endpoint_parse_address(equals ? equals + 1 : text, &out->address, errstr);
}

int endpoint_parse_address(const char *text, struct address *out, const char **errstr)
{
	struct stat st;

	if (address_parse(text, 0, out, errstr) < 0)
		return -1;
	*errstr = "that is a folder; name the socket in it";
	return text[0] == '/' && (text[strlen(text) - 1] == '/' ||
				  (stat(text, &st) == 0 && S_ISDIR(st.st_mode)))
		   ? -1
		   : 0;
}

void endpoint_free(struct endpoint *e)
{
	for (size_t i = 0; i < e->n_accept; i++)
		free(e->accept[i]);
	e->n_accept = 0;
}
