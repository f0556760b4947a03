// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a setting of sshipc-server may be: a row for each, and the setters that take its text from
 * the command line and from server.conf alike.  Called through the table by settings.c at the
 * start, and by ctl for the file that names a server's list.  It opens nothing.
 */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "message.h"
#include "option_rows.h"

/* ---- listeners and host keys ---- */

static const char *add_listen(void *settings, const char *value)
{
	static const char form[] = "expected HOST:PORT, [V6]:PORT or PORT";
	struct settings *s = settings;
	const char *why = NULL;
	struct address a;
	uint16_t port;

	if (!strchr(value, ':') && address_parse_port(value, &port) < 0)
		return form;
	why = address_parse(value, ADDRESS_WILDCARD_OK | ADDRESS_PORT_0_OK, &a);
	if (why)
		return why;
	if (address_is_unix(&a))
		return form;
	for (size_t i = 0; i < s->n_listen; i++) {
		if (address_port(&a) && address_equal(&s->listen[i], &a))
			return "it is there twice";
	}
	if (s->n_listen == SETTINGS_LISTEN)
		return "there are too many addresses";
	s->listen[s->n_listen++] = a;
	return NULL;
}

static void clear_listen(void *settings)
{
	((struct settings *)settings)->n_listen = 0;
}

static const char *show_listen(const void *settings, size_t i, char *buf)
{
	const struct settings *s = settings;

	return i < s->n_listen ? address_format(&s->listen[i], buf, OPTION_TEXT_MAX) : NULL;
}

/* ---- host keys and users ---- */

void settings_drop_texts(void *texts)
{
	struct settings_texts *t = texts;

	while (t->n)
		free(t->items[--t->n]);
}

static const char *show_text(const void *texts, size_t i, char *buf)
{
	const struct settings_texts *t = texts;

	return i < t->n ? t->items[i] : NULL;
}

static const char *add_hostkey(void *texts, const char *value)
{
	struct settings_texts *t = texts;

	if (t->n == SETTINGS_HOSTKEYS)
		return "there are too many host keys, one of each type will do";
	t->items[t->n++] = xstrdup(value);
	return NULL;
}

/* Whether there is such a user is looked up at the start alone: nothing that happens to it may keep
 * ctl from a list. */
const char *settings_add_connect_as(void *texts, const char *value)
{
	struct settings_texts *t = texts;

	if (!strcmp(value, "root") || !strcmp(value, "0"))
		return "endpoints never see root; name an ordinary user";
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->items[i], value))
			return "it is there twice";
	if (t->n == SETTINGS_USERS)
		return "there are too many users";
	t->items[t->n++] = xstrdup(value);
	return NULL;
}

/* ---- endpoints ---- */

static const char *add_endpoint(struct settings *s, const struct endpoint *e)
{
	if (s->n_endpoints == SETTINGS_ENDPOINTS)
		return "there are too many endpoints";
	if (endpoint_find(s->endpoints, s->n_endpoints, e->name))
		return "another endpoint has this name";
	for (size_t i = 0; i < s->n_endpoints; i++) {
		if (address_equal(&s->endpoints[i].address, &e->address))
			return "another endpoint has this address";
	}
	s->endpoints[s->n_endpoints++] = *e;
	return NULL;
}

const char *settings_add_endpoint(void *settings, const char *value)
{
	struct endpoint e;
	const char *why = endpoint_parse(value, &e);

	if (why)
		return why;
	why = add_endpoint(settings, &e);
	if (why)
		endpoint_free(&e);
	return why;
}

const char *settings_check_endpoint(const struct settings *s, const struct endpoint *e)
{
	if (s->unsafe_endpoint || e->address.len == 0 || address_is_unix(&e->address) ||
	    address_is_loopback(&e->address))
		return NULL;
	return "its address is not loopback: from here on everything would be in plain text, and "
	       "whoever reaches it there needs no key; run sshipc-server beside the daemon, or "
	       "allow it (--unsafe-endpoint, unsafe_endpoint = true;)";
}

static const char *set_name(void *endpoint, const char *value)
{
	struct endpoint *e = endpoint;
	const char *why = endpoint_check_name(value);

	if (why)
		return why;
	snprintf(e->name, sizeof(e->name), "%s", value);
	if (endpoint_kind_parse(value, &e->kind) < 0)
		e->kind = ENDPOINT_OTHER;
	return NULL;
}

static const char *set_kind(void *endpoint, const char *value)
{
	return endpoint_kind_parse(value, &((struct endpoint *)endpoint)->kind) < 0
		   ? "expected confd, nso, dbus, docker, postgres or other"
		   : NULL;
}

static const char *set_address(void *endpoint, const char *value)
{
	struct endpoint *e = endpoint;
	const char *why = endpoint_parse_address(value, &e->address);

	return !why && address_is_unix(&e->address) ? "a socket's setting is path" : why;
}

static const char *set_path(void *endpoint, const char *value)
{
	struct endpoint *e = endpoint;
	const char *why = endpoint_parse_address(value, &e->address);

	return why || address_is_unix(&e->address) ? why : "expected /path or @abstract";
}

static const char *add_accept(void *endpoint, const char *value)
{
	struct endpoint *e = endpoint;
	const char *why = endpoint_check_alias(value);

	if (e->n_accept == ENDPOINT_ALIASES)
		return "there are too many aliases";
	if (why)
		return why;
	e->accept[e->n_accept++] = xstrdup(value);
	return NULL;
}

/* One endpoint of the file. */
static void on_endpoint(struct options_file *f, config_setting_t *group, void *settings)
{
	/* kind after name, whose default it overrides. */
	static const struct option_row members[] = {
	    {"name", .type = OPTION_TEXT, .set = set_name},
	    {"address", .type = OPTION_TEXT, .set = set_address},
	    {"path", .type = OPTION_TEXT, .set = set_path},
	    {"kind", .type = OPTION_TEXT, .set = set_kind},
	    {"accept", .type = OPTION_LIST, .set = add_accept},
	    {"send_proxy", .type = OPTION_FLAG, .at = offsetof(struct endpoint, send_proxy)},
	    {"idle_timeout", .type = OPTION_NUMBER, .at = offsetof(struct endpoint, idle_timeout),
	     .min = 0, .max = SETTINGS_LONGEST},
	    {.name = NULL},
	};
	struct endpoint e = {.name = ""};
	const bool address = config_setting_get_member(group, "address");
	const bool path = config_setting_get_member(group, "path");
	const char *why = NULL;

	options_group(f, group, members, &e);
	if (!config_setting_get_member(group, "name"))
		options_fault(f, group, "an endpoint needs a name: name = \"confd\";");
	if (address == path)
		options_fault(f, group, "an endpoint needs either address or path");
	else if ((why = settings_check_endpoint(settings, &e)))
		options_fault(f, group, "endpoint \"%s\": %s", e.name, why);
	why = NULL;
	/* An endpoint with a fault is kept, so that what names it is not a fault, too. */
	if (e.name[0] && !(why = add_endpoint(settings, &e)))
		return;
	if (why)
		options_fault(f, group, "endpoint \"%s\": %s", e.name, why);
	endpoint_free(&e);
}

void settings_drop_endpoints(void *settings)
{
	struct settings *s = settings;

	while (s->n_endpoints)
		endpoint_free(&s->endpoints[--s->n_endpoints]);
	free(s->default_endpoint);
	s->default_endpoint = NULL;
}

static void print_endpoints(const void *settings)
{
	const struct settings *s = settings;
	char at[ADDRESS_TEXT];

	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct endpoint *e = &s->endpoints[i];

		printf("\t{ name = \"%s\"; %s = \"%s\"; kind = \"%s\";", e->name,
		       address_is_unix(&e->address) ? "path" : "address",
		       address_format(&e->address, at, sizeof(at)), endpoint_kinds[e->kind]);
		for (size_t j = 0; j < e->n_accept; j++)
			options_print_text(j ? ", " : " accept = [ ", e->accept[j], "");
		printf("%s%s", e->n_accept ? " ];" : "",
		       e->send_proxy ? " send_proxy = true;" : "");
		if (e->idle_timeout)
			printf(" idle_timeout = %d;", e->idle_timeout);
		printf(" }%s\n", i + 1 < s->n_endpoints ? "," : "");
	}
}

static const char *set_default(void *settings, const char *value)
{
	struct settings *s = settings;

	if (!endpoint_find(s->endpoints, s->n_endpoints, value))
		return "no endpoint has this name";
	s->default_endpoint = xstrdup(value);
	return NULL;
}

static const char *show_default(const void *settings, size_t i, char *buf)
{
	return ((const struct settings *)settings)->default_endpoint;
}

/* ---- others ---- */

const char *settings_parse_control(const char *path, struct address *at)
{
	return *path == '/' ? address_parse(path, 0, at) : "expected an absolute /path";
}

/* In the file "" means no control socket. */
static const char *set_control(void *path, const char *value)
{
	struct address at;
	const char *why = *value ? settings_parse_control(value, &at) : NULL;

	if (why)
		return why;
	free(*(char **)path);
	*(char **)path = xstrdup(value);
	return NULL;
}

static const char *show_control(const void *path, size_t i, char *buf)
{
	return *(char *const *)path ? *(char *const *)path : "";
}

/* One element; it may itself be a list with commas. */
static const char *add_network(void *networks, const char *value)
{
	struct settings_networks *n = networks;
	struct cidr_list more = {.n = 0}, *all = &n->list;
	const char *why = cidr_parse(value, &more);

	if (why)
		return why;
	all->items = xreallocarray(all->items, all->n + more.n, sizeof(*all->items));
	memcpy(all->items + all->n, more.items, more.n * sizeof(*more.items));
	all->n += more.n;
	cidr_free(&more);
	n->texts = xreallocarray(n->texts, n->n + 1, sizeof(*n->texts));
	n->texts[n->n++] = xstrdup(value);
	return NULL;
}

static const char *add_balancer(void *networks, const char *value)
{
	const struct cidr_list *all = &((struct settings_networks *)networks)->list;
	const size_t had = all->n;
	const char *why = add_network(networks, value);

	for (size_t i = had; !why && i < all->n; i++)
		if (all->items[i].bits == 0 && !all->items[i].negated)
			why = "everybody could claim any address: name the balancers";
	return why;
}

static const char *show_network(const void *networks, size_t i, char *buf)
{
	const struct settings_networks *n = networks;

	return i < n->n ? n->texts[i] : NULL;
}

void settings_drop_networks(void *networks)
{
	struct settings_networks *n = networks;

	while (n->n)
		free(n->texts[--n->n]);
	free(n->texts);
	cidr_free(&n->list);
	*n = (struct settings_networks){.n = 0};
}

static const char *set_pending_from(void *list, const char *value)
{
	return cidr_parse(value, list);
}

static const char *show_pending_from(const void *list, size_t i, char *buf)
{
	return ((const struct cidr_list *)list)->text;
}

static const char *set_pending_until(void *until, const char *value)
{
	return window_parse_time(value, until);
}

static const char *show_pending_until(const void *until, size_t i, char *buf)
{
	const time_t *t = until;

	return *t && strftime(buf, OPTION_TEXT_MAX, "%F %TZ", gmtime(t)) > 0 ? buf : NULL;
}

static void check_pending(struct options_file *f, config_setting_t *root)
{
	const bool from = config_setting_get_member(root, "pending_from");
	const bool until = config_setting_get_member(root, "pending_until");

	if (from != until)
		options_fault(f, NULL, "pending_from and pending_until go together: set %s",
			      until ? "pending_from = \"192.0.2.0/24\""
				    : "pending_until = \"YYYY-MM-DD HH:MM\"");
}

/* ---- the table ---- */

/* "default" stands after the endpoints, one of which it names. */
static const struct option_row rows[] = {
    {NULL, 'f', "config", "FILE",
     "settings; default " SETTINGS_CONFIG ",\n"
     "read if it exists and none of -k, -a, -e is given",
     TEXT(config)},
    {"listen", 'l', "listen", "ADDRESS",
     "HOST:PORT, [V6]:PORT or PORT, where PORT 0 is any\n"
     "free one; repeatable; default " SETTINGS_DEFAULT_LISTEN,
     LIST(add_listen), .clear = clear_listen, .show = show_listen},
    {"accept_proxy", 0, "accept-proxy", "NETWORK",
     "where balancers are, each of whose connections has\n"
     "to begin with a PROXY header; repeatable",
     LIST(add_balancer), AT(accept_proxy), .clear = settings_drop_networks, .show = show_network},
    {"hostkeys", 'k', "hostkey", "FILE", "private host key; repeatable, one of each type",
     LIST(add_hostkey), AT(hostkeys), .clear = settings_drop_texts, .show = show_text},
    {"allowlist", 'a', "allowlist", "FILE", "the keys that may log in, as in authorized_keys",
     TEXT(allowlist)},
    {"endpoints", 'e', "endpoint", "[NAME[:KIND]=]ADDRESS",
     "what they reach: numeric HOST:PORT, [V6]:PORT,\n"
     "/path/of.sock or @abstract; KIND confd, nso, dbus,\n"
     "docker, postgres, other (its name); repeatable",
     .type = OPTION_GROUPS, .set = settings_add_endpoint, .clear = settings_drop_endpoints,
     .group = on_endpoint, .print = print_endpoints},
    {"unsafe_endpoint", FLAG(unsafe_endpoint), .set = options_set_permit},
    {"default", .type = OPTION_TEXT, .set = set_default, .show = show_default},
    {"control", TEXT(control), .set = set_control, .show = show_control},
    {"user", 'u', "user", "USER",
     "name or uid that endpoints see and sessions have,\n"
     "when started as root; default sshipc, else nobody",
     TEXT(user)},
    {"connect_as", 0, "connect-as", "USER",
     "one more that endpoints may see, by connect-as of a\n"
     "key's line, when started as root; repeatable",
     LIST(settings_add_connect_as), AT(connect_as), .clear = settings_drop_texts,
     .show = show_text},
    {NULL, 0, "control", "PATH",
     "Unix socket for " SETTINGS_PROGRAM " ctl; by default\n" SETTINGS_CONTROL
     " with settings, else none",
     TEXT(control), .set = set_control},
    {"control_group", 0, "control-group", "GROUP", "members may ask it for who, status and metrics",
     TEXT(control_group)},
    {NULL, 't', "test", NULL, "check settings, keys and allow list, then exit", FLAG(test)},
    {NULL, 'T', "print", NULL, "print the effective settings and who may reach what", FLAG(print)},
    {NULL, 'v', "verbose", NULL, "log more; repeatable", LOUDER(1)},
    {NULL, 'q', "quiet", NULL, "log less; repeatable", LOUDER(-1)},
    {"algorithms", WORD(algorithms, ALGORITHMS_WORDS, 0, ALGORITHMS_COMPATIBLE, 0)},
    {"log", 0, "log", "SINK", "stderr (default), syslog, json, /FILE or json:/FILE", LOG_SINK},
    {"verbosity", LOG_LEVEL},
    {"watch", FLAG(watch), .value = true},
    {"unpunished", LIST(add_network), AT(unpunished), .clear = settings_drop_networks,
     .show = show_network},
    {"pending_from", TEXT(pending_from), .set = set_pending_from, .show = show_pending_from},
    {"pending_until", TEXT(pending_until), .set = set_pending_until, .show = show_pending_until},
    {"login_grace", NUMBER(login_grace, 1, 3600, 30)},
    {"keepalive", NUMBER(keepalive, 4, 3600, 15)},
    {"max_unauthenticated", NUMBER(max_unauthenticated, 1, 65535, 100)},
    {"max_unauthenticated_per_source", NUMBER(max_unauthenticated_per_source, 1, 65535, 25)},
    {"source_prefix_v4", NUMBER(source_prefix_v4, 1, 32, 32)},
    {"source_prefix_v6", NUMBER(source_prefix_v6, 1, 128, 64)},
    {"max_penalty", NUMBER(max_penalty, 0, 86400, 600)},
    {"max_sessions", NUMBER(max_sessions, 1, 65535, 1000)},
    {"max_lifetime", NUMBER(max_lifetime, 0, SETTINGS_LONGEST, 0)},
    {"max_channels", NUMBER(max_channels, 1, SESSION_CHANNELS_MAX, 1024)},
    {"max_opens", NUMBER(max_opens, 10, 100000, 10000)},
    {"max_dials", NUMBER(max_dials, 4, 65535, 4096)},
    {"dial_timeout", NUMBER(dial_timeout, 1, 3600, 10)},
    {"drain", 0, "drain", "SECONDS",
     "that channels have to end in after SIGTERM (10); 0:\nthey are reset at once",
     NUMBER(drain, 0, 3600, 10)},
    {"upgrade_drain", NUMBER(upgrade_drain, 0, 604800, 0)},
    {"max_held", NUMBER(max_held, 1, 4096, 128)},
    {"rekey_data", NUMBER(rekey_data, 1, 65536, ALGORITHMS_REKEY_DATA)},
    {"rekey_time", NUMBER(rekey_time, 10, 86400, ALGORITHMS_REKEY_TIME)},
    {NULL, 0, "generate-hostkey", "FILE", "make an Ed25519 key in FILE and FILE.pub, then exit",
     TEXT(generate_hostkey)},
    {NULL, 0, "explain", NULL,
     "say what a login and an open would get, and why:", FLAG(explain.wanted)},
    {NULL, 0, "key", "FILE", "with this public key (one line, as in id.pub)", TEXT(explain.key)},
    {NULL, 0, "from", "ADDRESS", "from this IP address", TEXT(explain), .set = explain_set_from},
    {NULL, 0, "at", "TIME", "YYYY-MM-DD HH:MM[:SS], then Z for UTC; default now", TEXT(explain),
     .set = explain_set_at},
    {NULL, 0, "dest", "DESTINATION", "HOST:PORT, NAME, /path or (default) \".\", its endpoint",
     TEXT(explain), .set = explain_set_dest},
    {NULL, 0, "unsafe-endpoint", NULL, "allow -e addresses that are not loopback",
     FLAG(unsafe_endpoint)},
    {NULL, 0, "unsafe-no-sandbox", NULL, "do not confine our processes: for debuggers only",
     FLAG(unsafe_no_sandbox)},
    {NULL, 'h', "help", NULL, "this text", DO(options_help)},
    {NULL, 'V', "version", NULL, "versions, and what this libssh can do", DO(options_version)},
    {.name = NULL},
};

_Static_assert(sizeof(rows) / sizeof(*rows) <= OPTION_ROWS, "the engine has room for all rows");

const struct options settings_options = {
    .program = SETTINGS_PROGRAM,
    .rows = rows,
    .column = 26,
    .leading = true,
    .letters = true,
    .check = check_pending,
    .usage = "Usage: " SETTINGS_PROGRAM " [OPTION]...\n"
	     "       " SETTINGS_PROGRAM " --generate-hostkey FILE\n"
	     "       " SETTINGS_PROGRAM " ctl --help\n"
	     "       " SETTINGS_PROGRAM " [OPTION]... --explain --key FILE --from ADDRESS\n"
	     "\n"
	     "Carries to each SSH key of its allow list one IPC endpoint, and nothing else.\n"
	     "\n",
    .notes = "\n"
	     "Options replace what the file says, a list as a whole.\n"
	     "\n"
	     "Exit codes:  0  ended in order, nothing is wrong (-t), granted (--explain)\n"
	     "            64  wrong usage\n"
	     "            69  an address cannot be listened on\n"
	     "            70  a helper process ended unexpectedly\n"
	     "            71  the system refused what is needed to run\n"
	     "            73  a key file cannot be made (--generate-hostkey)\n"
	     "            74  what is printed cannot be written\n"
	     "            77  refused (--explain)\n"
	     "            78  wrong settings, keys, allow list or sshipc-session\n",
};
