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

const char *endpoint_check_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || !strchr(LETTERS, name[0]))
		return "an endpoint's name begins with a letter";
	if (name[strspn(name, NAME_CHARS)])
		return "an endpoint's name has only letters, digits, - and _";
	return n >= ENDPOINT_NAME ? "an endpoint's name has at most 32 characters" : NULL;
}

const char *const endpoint_kinds[] = {
    [ENDPOINT_OTHER] = "other", [ENDPOINT_CONFD] = "confd",   [ENDPOINT_NSO] = "nso",
    [ENDPOINT_DBUS] = "dbus",	[ENDPOINT_DOCKER] = "docker", [ENDPOINT_POSTGRES] = "postgres",
};

int endpoint_kind_parse(const char *text, enum endpoint_kind *kind)
{
	for (unsigned i = 0; i < sizeof(endpoint_kinds) / sizeof(*endpoint_kinds); i++) {
		if (!strcmp(text, endpoint_kinds[i])) {
			*kind = (enum endpoint_kind)i;
			return 0;
		}
	}
	return -1;
}

const char *endpoint_check_alias(const char *alias)
{
	char host[ADDRESS_HOST];
	const char *port_text = NULL, *why;
	struct address numeric;
	uint16_t port = 0;

	if (alias[0] == '/')
		return strlen(alias) > PATH_LENGTH ? "a socket path has at most 107 bytes" : NULL;
	why = address_split(alias, host, &port_text);
	if (why)
		return why;
	if (address_parse_port(port_text, &port) < 0 || port == 0)
		return "the port is not a number from 1 to 65535";
	if (alias[0] == '[' && address_from_host(host, port, &numeric) < 0)
		return "the host is not an IPv6 address";
	if (host[0] == '.') /* "." and ".status" are destinations of sshipc's own */
		return "a host name does not begin with a dot";
	if (alias[0] != '[' && host[strspn(host, HOST_CHARS)])
		return "a host name has only letters, digits, '-', '_' and '.'";
	return NULL;
}

/* "NAME" or "NAME:KIND", of n bytes. */
static const char *parse_name(const char *text, size_t n, struct endpoint *out)
{
	const char *colon = memchr(text, ':', n), *why;
	const size_t len = colon ? (size_t)(colon - text) : n;
	char name[ENDPOINT_NAME + 1], kind[ENDPOINT_NAME];

	/* A name that does not fit is cut to one that is still too long. */
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	why = endpoint_check_name(name);
	if (why)
		return why;
	memcpy(out->name, name, sizeof(out->name));
	if (!colon && endpoint_kind_parse(out->name, &out->kind) < 0)
		out->kind = ENDPOINT_OTHER;
	snprintf(kind, sizeof(kind), "%.*s", colon ? (int)(n - len - 1) : 0, text + len + 1);
	return colon && endpoint_kind_parse(kind, &out->kind) < 0 ? "the kind is " KINDS : NULL;
}

const char *endpoint_parse(const char *text, struct endpoint *out)
{
	const char *equals = strchr("/@", text[0]) ? NULL : strchr(text, '=');
	const char *why = NULL;

	*out = (struct endpoint){.name = "endpoint"};
	if (equals)
		why = parse_name(text, (size_t)(equals - text), out);
	return why ? why : endpoint_parse_address(equals ? equals + 1 : text, &out->address);
}

const char *endpoint_parse_address(const char *text, struct address *out)
{
	const char *why = address_parse(text, 0, out);
	struct stat st;

	if (!why && text[0] == '/' &&
	    (text[strlen(text) - 1] == '/' || (stat(text, &st) == 0 && S_ISDIR(st.st_mode))))
		return "that is a folder; name the socket in it";
	return why;
}

const struct endpoint *endpoint_find(const struct endpoint *list, size_t n, const char *name)
{
	while (n-- > 0) {
		if (strcmp(list[n].name, name) == 0)
			return &list[n];
	}
	return NULL;
}

void endpoint_free(struct endpoint *e)
{
	for (size_t i = 0; i < e->n_accept; i++)
		free(e->accept[i]);
	e->n_accept = 0;
}
