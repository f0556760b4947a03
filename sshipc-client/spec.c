// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process while it reads its settings; the doctor and run mode ask it for
 * words about a destination.  It opens no socket and asks no name server: a host that is a name
 * stays one.
 */
#include "spec.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "alloc.h"
#include "endpoint.h"
#include "log.h"

#define DIGITS "0123456789"

char *spec_path(const char *path)
{
	const bool in_home = strncmp(path, "~/", 2) == 0;
	const char *home = in_home ? getenv("HOME") : "";
	const struct passwd *pw = home ? NULL : getpwuid(geteuid());
	char *whole = NULL;

	if (asprintf(&whole, "%s%s", home ? home : pw ? pw->pw_dir : "", path + in_home) < 0)
		abort();
	return whole;
}

/* Ends text at the first stop without a \ before it.  Returns the text behind it, or NULL. */
static char *cut(char *text, char stop)
{
	for (; *text && *text != stop; text++)
		text += text[0] == '\\' && text[1];
	if (!*text)
		return NULL;
	*text = '\0';
	return text + 1;
}

/* Of a path, in place. */
static const char *unescape(char *path)
{
	char *to = path;

	for (; *path; *to++ = *path++) {
		if (*path != '\\')
			continue;
		path++;
		if (!*path || !strchr(":,\\", *path))
			return "in a path \\ stands before a colon, a comma or another \\ only";
	}
	*to = '\0';
	return NULL;
}

/* Copies [BIND:]PORT to buf in the form that address_parse takes; *rest is the text behind its
 * colon, or NULL. -1: there is no port. */
static int cut_port(char *text, char *buf, size_t size, char **rest)
{
	char *port = text, *end = NULL;

	/* An all-digit first field is a port, anything else a bind address. */
	if (text[strspn(text, DIGITS)] != ':' && text[strspn(text, DIGITS)] != '\0') {
		if (text[0] == '[')
			port += strcspn(text, "]");
		port += strcspn(port, ":");
		if (*port++ == '\0')
			return -1;
	}
	end = port + strcspn(port, ":");
	*rest = *end ? end + 1 : NULL;
	return snprintf(buf, size, "%s%.*s", port == text ? "127.0.0.1:" : "", (int)(end - text),
			text) < (int)size
		   ? 0
		   : -1;
}

static const char *parse_listen(const char *listen, struct spec *out)
{
	const char *why =
	    address_parse(listen, ADDRESS_WILDCARD_OK | ADDRESS_PORT_0_OK, &out->listen);

	if (!why && !out->unsafe_listen && !address_is_loopback(&out->listen))
		return "that lets other machines in without a login; --unsafe-listen allows it";
	return why;
}

const char *destination_parse(const char *text, struct destination *out)
{
	const char *port = NULL, *why;

	if (text[0] == '~')
		return "whose home ~ is there the server does not say: write the path from / on";
	out->kind = text[0] == '/'	? DESTINATION_UNIX
		    : strchr(text, ':') ? DESTINATION_TCP
					: DESTINATION_NAME;
	why =
	    out->kind == DESTINATION_NAME ? endpoint_check_name(text) : endpoint_check_alias(text);
	if (why)
		return why;
	if (out->kind == DESTINATION_TCP) { /* which has been checked */
		address_split(text, out->host, &port);
		address_parse_port(port, &out->port);
	} else {
		snprintf(out->host, sizeof(out->host), "%s", text);
	}
	return NULL;
}

/* For a server that does not know ".": it is asked for the address that the listener has here. */
static void set_default(struct destination *out, const struct address *listen)
{
	out->port = address_port(listen);
	if (out->port && address_is_loopback(listen))
		address_format_host(listen, out->host, sizeof(out->host));
}

/* mode=, owner= and group= are of a socket's file, and given once each; the others are of any Unix
 * socket, and repeatable. */
enum option { MODE, OWNER, GROUP, ALLOW_UID, ALLOW_GID, N_OPTIONS };

static const struct {
	const char *name, *expected;
} options[N_OPTIONS] = {
    [MODE] = {"mode=", "mode= takes an octal number up to 0777"},
    [OWNER] = {"owner=", "owner= takes a user that exists, or a uid"},
    [GROUP] = {"group=", "group= takes a group that exists, or a gid"},
    [ALLOW_UID] = {"allow-uid=", "allow-uid= takes a user that exists, or a uid, at most 16 times"},
    [ALLOW_GID] = {"allow-gid=",
		   "allow-gid= takes a group that exists, or a gid, at most 16 times"},
};

/* -1: neither a name that the system knows nor a number. */
static int64_t parse_value(enum option o, const char *text)
{
	const struct passwd *pw = o == OWNER || o == ALLOW_UID ? getpwnam(text) : NULL;
	char *end = NULL;
	int64_t v;

	if (o == GROUP || o == ALLOW_GID)
		return caller_group(text);
	if (pw)
		return pw->pw_uid;
	/* strtoll would take blanks and a sign. */
	if (text[0] < '0' || text[0] > '9' || strlen(text) > 10)
		return -1;
	v = strtoll(text, &end, o == MODE ? 8 : 10);
	return *end || v > (o == MODE ? 0777 : UINT32_MAX - 1) ? -1 : v;
}

static const char *parse_option(const char *option, struct spec *s)
{
	int64_t *const once[] = {&s->perm.mode, &s->perm.uid, &s->perm.gid};
	uint32_t *ids = s->callers.uids;
	size_t *n = &s->callers.n_uids;
	unsigned o = 0;
	int64_t v;

	while (o < N_OPTIONS && strncmp(option, options[o].name, strlen(options[o].name)) != 0)
		o++;
	if (o == N_OPTIONS)
		return "the listener options are mode=, owner=, group=, allow-uid= and allow-gid=";
	if (o <= GROUP && !strchr("/~", s->text[0]))
		return "only a listener with a path has mode=, owner= and group=";
	if (o <= GROUP && *once[o] >= 0)
		return "a listener option is given twice";
	v = parse_value(o, option + strlen(options[o].name));
	if (v < 0)
		return options[o].expected;
	if (o <= GROUP) {
		*once[o] = v;
		return NULL;
	}
	if (o == ALLOW_GID) {
		ids = s->callers.gids;
		n = &s->callers.n_gids;
	}
	if (*n == CALLER_IDS)
		return options[o].expected;
	ids[(*n)++] = (uint32_t)v;
	return NULL;
}

/* Sets *rest to the destination, or NULL.  text is written to. */
static const char *parse_where(char *text, struct spec *out, char **rest)
{
	static const char expected[] = "expected a port, BIND:PORT, /path or fd:NAME to listen on";
	const bool is_path = text[0] == '/' || text[0] == '@' || strncmp(text, "~/", 2) == 0;
	char listen[ADDRESS_TEXT], *path = NULL;
	const char *why;

	if (strncmp(text, "fd:", 3) == 0) {
		*rest = cut(text + 3, ':');
		out->inherited = xstrdup(text + 3);
		return text[3] ? NULL : expected;
	}
	if (!is_path) {
		if (cut_port(text, listen, sizeof(listen), rest) < 0)
			return expected;
		out->is_localhost = strncasecmp(listen, "localhost:", 10) == 0;
		return parse_listen(listen, out);
	}
	*rest = cut(text, ':');
	why = unescape(text);
	if (why)
		return why;
	path = spec_path(text);
	why = path[0] == '/' && path[strlen(path) - 1] == '/'
		  ? "that is a folder; name the socket in it"
		  : parse_listen(path, out);
	free(path);
	return why;
}

static const char *parse_destination(char *text, struct spec *out)
{
	const char *why = text[0] == '/' ? unescape(text) : NULL;

	if (!why)
		why = destination_parse(text, &out->to);
	if (why && out->to.kind == DESTINATION_NAME && strchr("/@~", out->text[0]))
		return "what follows the colon is no endpoint's name; in a path a colon is written "
		       "\\:";
	if (why && text[strspn(text, DIGITS)] == '.' && text[0] != '.')
		return "what follows the port is no endpoint's name; the address to listen on "
		       "stands before the port";
	return why;
}

/* text is written to. */
static const char *parse(char *text, struct spec *out)
{
	char *options_text = cut(text, ','), *rest = NULL, *option;
	const char *why = parse_where(text, out, &rest);

	if (!why && rest)
		why = parse_destination(rest, out);
	else if (!why && !out->inherited)
		set_default(&out->to, &out->listen);
	if (!why && options_text && !address_is_unix(&out->listen) && !out->inherited)
		return "only a Unix socket has listener options: a path, @name or fd:NAME";
	while (!why && (option = strsep(&options_text, ",")))
		why = parse_option(option, out);
	return why;
}

const char *spec_parse(const char *text, bool unsafe_listen, struct spec *out)
{
	char *copy = xstrdup(text);
	const char *why;

	*out = (struct spec){.unsafe_listen = unsafe_listen,
			     .perm = {.mode = -1, .uid = -1, .gid = -1, .tune = true}};
	out->text = xstrdup(text);
	why = parse(copy, out);
	free(copy);
	if (why)
		spec_free(out);
	return why;
}

bool destination_misses(const struct destination *d, const char *asks, const char *endpoint,
			char *why, size_t size)
{
	if (d->kind != DESTINATION_NAME || strcmp(d->host, endpoint) == 0)
		return false;
	snprintf(why, size,
		 "%s asks for %s, the endpoint of this key is %s; ask for %s, or have the key's "
		 "line changed on the server",
		 asks, d->host, endpoint, endpoint);
	return true;
}

void spec_make_twin(const struct spec *localhost, struct spec *out)
{
	*out = *localhost;
	out->text = xstrdup(localhost->text);
	out->is_localhost = false;
	out->is_twin = true;
	address_from_host("::1", address_port(&localhost->listen), &out->listen);
}

bool spec_is_left_out(const struct spec *s)
{
	return s->is_twin && !address_is_here(&s->listen);
}

bool spec_same_listener(const struct spec *a, const struct spec *b)
{
	return !a->inherited && !b->inherited && address_equal(&a->listen, &b->listen) &&
	       (address_is_unix(&a->listen) || address_port(&a->listen));
}

void spec_free(struct spec *s)
{
	free(s->text);
	free(s->inherited);
	s->text = s->inherited = NULL;
}

const char *destination_format(const struct destination *d, char *buf, size_t size)
{
	if (d->kind == DESTINATION_DEFAULT)
		snprintf(buf, size, "default endpoint");
	else if (d->kind == DESTINATION_TCP)
		address_format_port(d->host, d->port, buf, size);
	else
		log_escape_to(buf, size, d->host, strlen(d->host));
	return buf;
}
