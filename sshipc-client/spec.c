// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process while it reads its settings; the doctor and run mode ask it for
 * words about a destination.  It opens no socket and asks no name server: a host that is a name
 * stays one.
 */
#include "spec.h"

#include <grp.h>
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

/* Ends text at the first stop that no \ stands before.  What follows it, or NULL. */
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
static int unescape(char *path, const char **errstr)
{
	char *to = path;

	*errstr = "in a path \\ stands before a colon, a comma or another \\ only";
	for (; *path; *to++ = *path++) {
		if (*path != '\\')
			continue;
		path++;
		if (!*path || !strchr(":,\\", *path))
			return -1;
	}
	*to = '\0';
	return 0;
}

/* [BIND:]PORT as address_parse takes it into buf; what follows its colon into *rest, or NULL.  -1:
 * it is none. */
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

static int parse_listen(const char *listen, bool unsafe_listen, struct address *out,
			const char **errstr)
{
	if (address_parse(listen, ADDRESS_WILDCARD_OK | ADDRESS_PORT_0_OK, out, errstr) < 0)
		return -1;
	if (unsafe_listen || address_is_loopback(out))
		return 0;
	*errstr = "that lets other machines in without a login; --unsafe-listen allows it";
	return -1;
}

int destination_parse(const char *text, struct destination *out, const char **errstr)
{
	const char *port = NULL;

	if (text[0] == '~') {
		*errstr = "whose home ~ is there the server does not say: write the path from / on";
		return -1;
	}
	out->kind = text[0] == '/'	? DESTINATION_UNIX
		    : strchr(text, ':') ? DESTINATION_TCP
					: DESTINATION_NAME;
	if (out->kind == DESTINATION_NAME ? endpoint_check_name(text, errstr) < 0
					  : endpoint_check_alias(text, errstr) < 0)
		return -1;
	if (out->kind != DESTINATION_TCP) {
		snprintf(out->host, sizeof(out->host), "%s", text);
		return 0;
	}
	return address_split(text, out->host, &port, errstr) < 0
		   ? -1
		   : address_parse_port(port, &out->port);
}

/* For a server that knows no ".": what we stand in for here is there, too. */
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
	const struct group *gr = o == GROUP || o == ALLOW_GID ? getgrnam(text) : NULL;
	char *end = NULL;
	int64_t v;

	if (pw)
		return pw->pw_uid;
	if (gr)
		return gr->gr_gid;
	/* strtoll would take blanks and a sign. */
	if (text[0] < '0' || text[0] > '9' || strlen(text) > 10)
		return -1;
	v = strtoll(text, &end, o == MODE ? 8 : 10);
	return *end || v > (o == MODE ? 0777 : UINT32_MAX - 1) ? -1 : v;
}

static int parse_option(const char *option, struct spec *s, const char **errstr)
{
	int64_t *const once[] = {&s->perm.mode, &s->perm.uid, &s->perm.gid};
	uint32_t *ids = s->callers.uids;
	size_t *n = &s->callers.n_uids;
	unsigned o = 0;
	int64_t v;

	while (o < N_OPTIONS && strncmp(option, options[o].name, strlen(options[o].name)) != 0)
		o++;
	*errstr = "the listener options are mode=, owner=, group=, allow-uid= and allow-gid=";
	if (o == N_OPTIONS)
		return -1;
	*errstr = "only a listener with a path has mode=, owner= and group=";
	if (o <= GROUP && !strchr("/~", s->text[0]))
		return -1;
	*errstr = "a listener option is given twice";
	if (o <= GROUP && *once[o] >= 0)
		return -1;
	*errstr = options[o].expected;
	v = parse_value(o, option + strlen(options[o].name));
	if (v < 0)
		return -1;
	if (o <= GROUP) {
		*once[o] = v;
		return 0;
	}
	if (o == ALLOW_GID) {
		ids = s->callers.gids;
		n = &s->callers.n_gids;
	}
	if (*n == CALLER_IDS)
		return -1;
	ids[(*n)++] = (uint32_t)v;
	return 0;
}

/* Sets *rest to the destination, or NULL.  text is written to. */
static int parse_where(char *text, struct spec *out, char **rest, const char **errstr)
{
	const bool is_path = text[0] == '/' || text[0] == '@' || strncmp(text, "~/", 2) == 0;
	char listen[ADDRESS_TEXT], *path = NULL;
	int rc;

	*errstr = "expected a port, BIND:PORT, /path or fd:NAME to listen on";
	if (strncmp(text, "fd:", 3) == 0) {
		*rest = cut(text + 3, ':');
		out->inherited = xstrdup(text + 3);
		return text[3] ? 0 : -1;
	}
	if (!is_path) {
		if (cut_port(text, listen, sizeof(listen), rest) < 0)
			return -1;
		out->is_localhost = strncasecmp(listen, "localhost:", 10) == 0;
		return parse_listen(listen, out->unsafe_listen, &out->listen, errstr);
	}
	*rest = cut(text, ':');
	if (unescape(text, errstr) < 0)
		return -1;
	path = spec_path(text);
	if (path[0] == '/' && path[strlen(path) - 1] == '/') {
		*errstr = "that is a folder; name the socket in it";
		free(path);
		return -1;
	}
	rc = parse_listen(path, out->unsafe_listen, &out->listen, errstr);
	free(path);
	return rc;
}

/* text is written to. */
static int parse(char *text, struct spec *out, const char **errstr)
{
	char *options_text = cut(text, ','), *rest = NULL, *option;

	if (parse_where(text, out, &rest, errstr) < 0 ||
	    (rest && rest[0] == '/' && unescape(rest, errstr) < 0))
		return -1;
	if (rest && destination_parse(rest, &out->to, errstr) < 0) {
		if (out->to.kind == DESTINATION_NAME && strchr("/@~", out->text[0]))
			*errstr = "what follows the colon is no endpoint's name; in a path a colon "
				  "is written \\:";
		return -1;
	}
	if (!rest && !out->inherited)
		set_default(&out->to, &out->listen);
	if (options_text && !address_is_unix(&out->listen) && !out->inherited) {
		*errstr = "only a Unix socket has listener options: a path, @name or fd:NAME";
		return -1;
	}
	while ((option = strsep(&options_text, ",")))
		if (parse_option(option, out, errstr) < 0)
			return -1;
	return 0;
}

int spec_parse(const char *text, bool unsafe_listen, struct spec *out, const char **errstr)
{
	char *copy = xstrdup(text);
	int rc;

	*out = (struct spec){.unsafe_listen = unsafe_listen,
			     .perm = {.mode = -1, .uid = -1, .gid = -1}};
	out->text = xstrdup(text);
	rc = parse(copy, out, errstr);
	free(copy);
	if (rc < 0)
		spec_free(out);
	return rc;
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
