// SPDX-License-Identifier: BSD-2-Clause
/*
 * The settings of sshipc-client, a row each, with their setters: text -> struct settings, or the
 * reason against it.  Called by options.h's engine for settings.c, before anything is connected.
 * Opens nothing and prints nothing but for --version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "endpoint.h"
#include "option_rows.h"
#include "reason.h"
#include "settings.h"
#include "trust.h"
#include "variables.h"
#include "via.h"

/* ---- the server ---- */

/* Writes HOST:PORT into out: brackets are put around a bare IPv6 address, and the port is 1 where
 * none is given, which *has_port tells. */
static int complete_host(const char *where, char *out, size_t size, bool *has_port)
{
	struct address numeric;
	bool colon = strchr(where, ':'), bare = colon && address_from_host(where, 1, &numeric) == 0;

	if (!bare && (!*where || *where == ':'))
		return -1;
	*has_port = colon && !bare && where[strlen(where) - 1] != ']';
	return snprintf(out, size, bare ? "[%s]%s" : "%s%s", where, *has_port ? "" : ":1") <
		       (int)size
		   ? 0
		   : -1;
}

/* Adds one fingerprint to a list of them. */
static const char *add_pin(char *pins[SETTINGS_PINS], size_t *n, const char *value)
{
	if (!trust_pin_valid(value))
		return "expected SHA256: and 43 characters (no = behind them), as ssh-keygen -l "
		       "prints them";
	if (*n == SETTINGS_PINS)
		return "there are too many host keys";
	pins[(*n)++] = xstrdup(value);
	return NULL;
}

static void drop_pins(char *pins[SETTINGS_PINS], size_t *n)
{
	while (*n)
		free(pins[--*n]);
}

static void drop_server(struct settings_server *v)
{
	free(v->host);
	free(v->user);
	drop_pins(v->pins, &v->n_pins);
}

void settings_drop_servers(void *settings)
{
	struct settings *s = settings;

	while (s->n_servers)
		drop_server(&s->servers[--s->n_servers]);
}

/* "hostkey=SHA256:...", several with commas between them. */
static const char *add_own_pins(struct settings_server *v, const char *options)
{
	const char *why = NULL;

	for (size_t n = 0; options && !why; options = options[n] ? options + n + 1 : NULL) {
		char pin[KEYLINE_FINGERPRINT];

		n = strcspn(options, ",");
		if (strncmp(options, "hostkey=", 8) != 0)
			return "expected ,hostkey=SHA256:... behind the server, or nothing";
		snprintf(pin, sizeof(pin), "%.*s", (int)n - 8, options + 8);
		why = add_pin(v->pins, &v->n_pins, n - 8 < sizeof(pin) ? pin : "");
	}
	return why;
}

/* [ssh://][USER@]HOST[:PORT], where ssh:// may have a / at its end (RFC 3986), and pins. */
static const char *parse_server(struct settings_server *v, const char *value)
{
	static const char scheme[] = "ssh://";
	const bool uri = strncasecmp(value, scheme, strlen(scheme)) == 0;
	const char *text = value + (uri ? strlen(scheme) : 0);
	const char *at = strrchr(text, '@'), *where = at ? at + 1 : text, *port = NULL;
	const char *comma = strchr(where, ','), *why;
	const size_t user = at ? (size_t)(at - text) : 0, len = strcspn(where, ",");
	char only[ADDRESS_HOST + 16], full[ADDRESS_HOST + 16], host[ADDRESS_HOST];
	bool has_port = false;
	uint16_t number = 0;

	snprintf(only, sizeof(only), "%.*s", (int)(len - (uri && len && where[len - 1] == '/')),
		 where);
	/* Another scheme, or a password, is no user's name. */
	if (at == text || strcspn(text, "/:") < user || len >= sizeof(only) || only[0] == '/' ||
	    complete_host(only, full, sizeof(full), &has_port) < 0)
		return "expected [ssh://][USER@]HOST[:PORT][,hostkey=SHA256:...], where an IPv6 "
		       "HOST before a PORT is in brackets";
	why = endpoint_check_alias(full);
	if (!why)
		why = address_split(full, host, &port);
	if (why)
		return why;
	address_parse_port(port, &number); /* a part of an alias that was checked */
	v->host = xstrdup(host);
	v->user = at ? xstrndup(text, user) : NULL;
	v->port = has_port ? number : 0;
	return add_own_pins(v, comma ? comma + 1 : NULL);
}

const char *settings_add_server(void *settings, const char *value)
{
	struct settings *s = settings;
	struct settings_server new = {.host = NULL};
	const char *why = s->n_servers < SETTINGS_SERVERS ? parse_server(&new, value)
							  : "there are too many servers";

	if (why)
		drop_server(&new);
	else
		s->servers[s->n_servers++] = new;
	return why;
}

static const char *show_server(const void *settings, size_t i, char *buf)
{
	const struct settings *s = settings;
	const struct settings_server *v = &s->servers[i];
	char at[ADDRESS_TEXT];
	int n;

	if (i == s->n_servers)
		return NULL;
	n = snprintf(buf, OPTION_TEXT_MAX, "%s@%s", v->user,
		     address_format_port(v->host, v->port, at, sizeof(at)));
	for (size_t k = 0; k < v->n_pins && n < OPTION_TEXT_MAX; k++)
		n += snprintf(buf + n, OPTION_TEXT_MAX - (size_t)n, ",hostkey=%s", v->pins[k]);
	return buf;
}

/* ---- listeners ---- */

void settings_drop_listen(void *settings)
{
	struct settings *s = settings;

	while (s->n_specs)
		spec_free(&s->specs[--s->n_specs]);
}

/* Owns new from here on, also where it is refused. */
static const char *add_spec(struct settings *s, struct spec *new)
{
	const char *why = s->n_specs == SETTINGS_SPECS ? "there are too many listeners" : NULL;

	for (size_t i = 0; i < s->n_specs && !why; i++) {
		if (spec_same_listener(&s->specs[i], new))
			why = "a listener before it has this address";
	}
	if (why)
		spec_free(new);
	else
		s->specs[s->n_specs++] = *new;
	return why;
}

static const char *add_listen(void *settings, const char *value)
{
	struct settings *s = settings;
	struct spec new, twin;
	const char *why = spec_parse(value, s->unsafe_listen, &new);

	if (why)
		return reasonf("%s (for example 4565:confd, or "
			       "/run/local.sock:/run/remote.sock,mode=0660)",
			       why);
	why = add_spec(s, &new);
	if (why || !new.is_localhost)
		return why;
	spec_make_twin(&new, &twin);
	return add_spec(s, &twin);
}

static const char *show_listen(const void *settings, size_t i, char *buf)
{
	const struct settings *s = settings;

	for (size_t k = 0; k < s->n_specs; k++) {
		if (!s->specs[k].is_twin && i-- == 0)
			return s->specs[k].text;
	}
	return NULL;
}

/* ---- keys ---- */

static const char *set_path(void *target, const char *value)
{
	char **path = target;

	if (!value[0])
		return "a file's name is empty";
	free(*path);
	*path = spec_path(value);
	return NULL;
}

static const char *set_status(void *target, const char *value)
{
	struct address at;
	const char *why = set_path(target, value);

	if (!why && **(char **)target != '/')
		why = "expected the path of a Unix socket, as /run/x.sock";
	return why ? why : address_parse(*(char **)target, 0, &at);
}

/* Only one key is offered: an identity replaces a key of the agent that was set before. */
static const char *set_identity(void *settings, const char *value)
{
	struct settings *s = settings;
	const char *why = set_path(&s->identity, value);

	if (!why) {
		free(s->agent_key);
		s->agent_key = NULL;
	}
	return why;
}

static const char *show_identity(const void *settings, size_t i, char *buf)
{
	return ((const struct settings *)settings)->identity;
}

static const char *set_agent_key(void *target, const char *value)
{
	char **key = target;
	size_t none = 0;

	free(*key);
	*key = NULL;
	return add_pin(key, &none, value);
}

void settings_drop_hostkeys(void *settings)
{
	struct settings *s = settings;

	drop_pins(s->pins, &s->n_pins);
}

static const char *add_hostkey(void *settings, const char *value)
{
	struct settings *s = settings;

	return add_pin(s->pins, &s->n_pins, value);
}

static const char *show_hostkey(const void *settings, size_t i, char *buf)
{
	const struct settings *s = settings;

	return i < s->n_pins ? s->pins[i] : NULL;
}

/* ---- the connection ---- */

/* In a tunnel "" takes back the command that the file has for all. */
static const char *set_via(void *target, const char *value)
{
	const char *why = via_check(value);
	char **via = target;

	if (why)
		return why;
	free(*via);
	*via = *value ? xstrdup(value) : NULL;
	return NULL;
}

static const char *set_while_down(void *hold, const char *value)
{
	const bool seconds = strncmp(value, "hold:", 5) == 0;
	uint16_t v = 10;

	if (strcmp(value, "refuse") == 0)
		v = 0;
	else if (strcmp(value, "hold") != 0 &&
		 (!seconds || address_parse_port(value + 5, &v) < 0 || v < 1 || v > 3600))
		return "expected hold, hold:SECONDS (1 to 3600) or refuse";
	*(int *)hold = v;
	return NULL;
}

static const char *show_while_down(const void *hold, size_t i, char *buf)
{
	const int v = *(const int *)hold;

	snprintf(buf, OPTION_TEXT_MAX, v ? "hold:%d" : "refuse", v);
	return buf;
}

/* ---- what is to be done ---- */

static const char *add_env(void *settings, const char *value)
{
	struct settings *s = settings;
	const char *why = variables_check(value);

	if (why)
		return why;
	if (s->n_env == SETTINGS_ENV)
		return "there are too many";
	s->env[s->n_env++] = value;
	return NULL;
}

static const char *set_stdio(void *settings, const char *value)
{
	struct settings *s = settings;

	s->stdio = true;
	return value ? destination_parse(value, &s->stdio_to) : NULL;
}

static const char *set_print_dbus(void *settings, const char *value)
{
	struct settings *s = settings;

	s->stdio = s->print_dbus = true;
	return NULL;
}

static const char *set_check(void *settings, const char *value)
{
	struct settings *s = settings;

	if (value && strcmp(value, "connect") != 0)
		return "expected nothing, or connect";
	s->check = value ? SETTINGS_CHECK_CONNECT : SETTINGS_CHECK;
	return NULL;
}

/* ---- the table ---- */

static const char *const readies[] = {"listening", "endpoint"};
static const char *const orders[] = {"listed", "random"};

static const struct option_row rows[] = {
    {"server", LIST(settings_add_server), .clear = settings_drop_servers, .show = show_server},
    {"order", 0, "order", "HOW", "of several servers: listed or random (listed)",
     WORD(order, orders, 0, SETTINGS_RANDOM, 0)},
    {"return_to_first", 0, "return-to-first", "SECONDS",
     "look so often whether the first of them is back,\n"
     "while no connection is carried (0: never)",
     NUMBER(return_to_first, 0, 86400, 0)},
    {"listen", 'L', "listen", "SPEC",
     "where to listen, and what for; repeatable:\n"
     "[BIND:]PORT, /local.sock or fd:NAME (of the\n"
     "service manager), then nothing (my key's\n"
     "endpoint), :NAME, :HOST:PORT or :/remote.sock;\n"
     ": and , in a path are written \\: and \\,;\n"
     "options of a local socket:\n"
     ",mode=0660 ,owner=USER ,group=GROUP,\n"
     ",allow-uid=USER ,allow-gid=GROUP",
     LIST(add_listen), .clear = settings_drop_listen, .show = show_listen},
    {"identity", 'i', "identity", "FILE", "private key (~/.ssh/id_ed25519)", .type = OPTION_TEXT,
     .set = set_identity, .show = show_identity, .initial = "~/.ssh/id_ed25519"},
    {"agent_key", 0, "agent-key", "SHA256:...", "instead, this one key of ssh-agent",
     TEXT(agent_key), .set = set_agent_key},
    {NULL, 'p', "port", "PORT", "of the server (2245)", NUMBER(port, 1, 65535, 0)},
    {"hostkeys", 0, "hostkey", "SHA256:...", "accept this host key and no other; repeatable",
     LIST(add_hostkey), .clear = settings_drop_hostkeys, .show = show_hostkey},
    {"known_hosts", 0, "known-hosts", "FILE", "recorded host keys (~/.ssh/known_hosts)",
     TEXT(known_hosts), .set = set_path, .initial = "~/.ssh/known_hosts"},
    {"global_known_hosts", TEXT(global_known_hosts), .set = set_path,
     .initial = "/etc/ssh/ssh_known_hosts"},
    {"algorithms", WORD(algorithms, ALGORITHMS_WORDS, 0, ALGORITHMS_COMPATIBLE, 0)},
    {"keepalive", 0, "keepalive", "SECONDS", "until a silent server is given up (15)",
     NUMBER(keepalive, 4, 3600, 15)},
    {"connect_timeout", 0, "connect-timeout", "SECONDS", "for connect and login, for an open (30)",
     NUMBER(connect_timeout, 1, 3600, 30)},
    {"reconnect_max", 0, "reconnect-max", "SECONDS", "between attempts to connect, at most (30)",
     NUMBER(reconnect_max, 1, 3600, 30)},
    {"drain", 0, "drain", "SECONDS", "for connections to end in after SIGTERM (5)",
     NUMBER(drain, 0, 3600, 5)},
    {"via", 0, "via", "COMMAND",
     "its stdin and stdout are the connection, as\n"
     "ssh's ProxyCommand; %h and %p are HOST and PORT",
     TEXT(via), .set = set_via},
    {"log", LOG_SINK}, /* -T has it here, --help below */
    {"verbosity", LOG_LEVEL},
    {"while_down", 0, "while-down", "HOW",
     "local connections then: hold[:SECONDS] or refuse\n"
     "(hold:10)",
     TEXT(hold), .set = set_while_down, .show = show_while_down, .initial = "hold"},
    {"exit_on_refusal", 0, "exit-on-refusal", NULL,
     "end when refused, also after the first success", FLAG(exit_on_refusal)},
    {NULL, 0, "env", "NAME=TEMPLATE",
     "for COMMAND; {addr}, {host}, {port}, {path},\n"
     "{dir} and {dbus} are replaced; repeatable",
     LIST(add_env)},
    {NULL, 0, "stdio", "DESTINATION",
     "carry one connection on stdin and stdout, to my\n"
     "key's endpoint, NAME, HOST:PORT or /remote.sock",
     .type = OPTION_MAYBE, .set = set_stdio},
    {NULL, 0, "print-dbus-address", NULL, "print the D-Bus address that does that, then exit",
     .type = OPTION_FLAG, .set = set_print_dbus},
    {NULL, 0, "ready-fd", "N", "write the ready lines to descriptor N, close it",
     NUMBER(ready_fd, 3, 65535, 0)},
    {"ready", 0, "ready", "WHEN",
     "ready lines and COMMAND wait for: listening, or\n"
     "endpoint, which is connected to once (listening)",
     WORD(ready, readies, 0, SETTINGS_ENDPOINT, 0)},
    {"status", 0, "status", "PATH",
     "Unix socket that tells how the client is; alone\n"
     "on the command line: ask the client that has it",
     TEXT(status), .set = set_status},
    {"unsafe_listen", 0, "unsafe-listen", NULL, "allow -L addresses that are not loopback",
     FLAG(unsafe_listen), .set = options_set_permit},
    {NULL, 'f', "config", "FILE",
     "(" SETTINGS_SYSTEM_CONF ", else\n"
     "~/.config/sshipc/client.conf)",
     .type = OPTION_TEXT, .set = settings_set_nothing},
    {NULL, 't', "test", NULL, "check the configuration, then exit", FLAG(test)},
    {NULL, 'T', "print", NULL, "print the effective configuration, then exit", FLAG(print)},
    {NULL, 0, "check", "connect",
     "go the whole way step by step, say what fails and\n"
     "its remedy; connect: also to the endpoint",
     .type = OPTION_MAYBE, .set = set_check},
    {NULL, 0, "json", NULL, "what --check finds, an object a line", FLAG(json)},
    {NULL, 0, "keygen", "FILE", "make a key pair, print its allow list line", TEXT(keygen),
     .set = set_path},
    {NULL, 0, "log", "SINK", "stderr, syslog, json, /FILE or json:/FILE\n(stderr)", LOG_SINK},
    {NULL, 'v', "verbose", NULL, "say more; repeatable", LOUDER(1)},
    {NULL, 'q', "quiet", NULL, "say less; repeatable", LOUDER(-1)},
    {NULL, 'h', "help", NULL, "this text", DO(options_help)},
    {NULL, 'V', "version", NULL, "versions, and what this libssh can do", DO(options_version)},
    /* The last one: a tunnel has its name in place of it. */
    {"tunnels", .type = OPTION_GROUPS, .group = settings_add_tunnel},
    {.name = NULL},
};

const struct options settings_options = {
    .program = SETTINGS_PROGRAM,
    .rows = rows,
    .column = 30,
    .check = settings_check_keys,
    .usage = "Usage: " SETTINGS_PROGRAM " [OPTION]... -L SPEC... [USER@]HOST[:PORT]...\n"
	     "       " SETTINGS_PROGRAM " [OPTION]... [USER@]HOST[:PORT] -- COMMAND...\n"
	     "       " SETTINGS_PROGRAM " [OPTION]... --stdio [USER@]HOST[:PORT]\n"
	     "       " SETTINGS_PROGRAM " [OPTION]... @NAME\n"
	     "\n"
	     "Carries connections over SSH to an IPC endpoint: those to local listeners,\n"
	     "those of COMMAND, or the one on stdin and stdout.\n"
	     "\n",
    .notes = "\n"
	     "Of several servers the next one is used when one fails; HOST,hostkey=SHA256:...\n"
	     "pins the host key of one.  @NAME is a tunnel of the file; a command has one.\n"
	     "Options replace settings of the file, a list as a whole.\n"
	     "Exit codes: 0 ok, 64 usage, 69 server unreachable, 73 no key file made, 74 no\n"
	     "output written, 76 host key mismatch, 77 refused, 78 bad configuration;\n"
	     "--check: 0, or the step.\n",
};
