// SPDX-License-Identifier: BSD-2-Clause
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "conf.h"
#include "message.h"
#include "settings.h"
#include "window.h"

int settings_add_endpoint(struct settings *s, const struct endpoint *e, const char **errstr)
{
	*errstr = "there are too many endpoints";
	if (s->n_endpoints == SETTINGS_ENDPOINTS)
		return -1;
	for (size_t i = 0; i < s->n_endpoints; i++) {
		*errstr = "another endpoint has this name";
		if (!strcmp(s->endpoints[i].name, e->name))
			return -1;
		*errstr = "another endpoint has this address";
		if (address_equal(&s->endpoints[i].address, &e->address))
			return -1;
	}
	s->endpoints[s->n_endpoints++] = *e;
	return 0;
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

int settings_add_listen(struct settings *s, const char *text, const char **errstr)
{
	struct address a;
	uint16_t port;

	*errstr = "expected HOST:PORT, [V6]:PORT or PORT";
	if (!strchr(text, ':') && address_parse_port(text, &port) < 0)
		return -1;
	if (address_parse(text, ADDRESS_WILDCARD_OK | ADDRESS_PORT_0_OK, &a, errstr) < 0)
		return -1;
	*errstr = "expected HOST:PORT, [V6]:PORT or PORT";
	if (address_is_unix(&a))
		return -1;
	for (size_t i = 0; i < s->n_listen; i++) {
		*errstr = "it is there twice";
		if (address_port(&a) && address_equal(&s->listen[i], &a))
			return -1;
	}
	*errstr = "there are too many addresses";
	if (s->n_listen == SETTINGS_LISTEN)
		return -1;
	s->listen[s->n_listen++] = a;
	return 0;
}

int settings_add_hostkey(struct settings *s, const char *path, const char **errstr)
{
	*errstr = "there are too many host keys, one of each type will do";
	if (s->n_hostkeys == SETTINGS_HOSTKEYS)
		return -1;
	s->hostkeys[s->n_hostkeys++] = xstrdup(path);
	return 0;
}

static void bad(struct conf *c, const config_setting_t *setting, const char *name,
		const char *value, const char *why)
{
	struct log_text shown;

	conf_fault(c, setting, "%s \"%s\": %s", name, log_escape(&shown, value, strlen(value)),
		   why);
}

static void on_listen(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	const char *why = NULL;

	if (settings_add_listen(arg, value, &why) < 0)
		bad(c, setting, "listen", value, why);
}

static void on_hostkey(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	const char *why = NULL;

	if (settings_add_hostkey(arg, value, &why) < 0)
		bad(c, setting, "hostkeys", value, why);
}

static void on_default(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct settings *s = arg;

	for (size_t i = 0; i < s->n_endpoints; i++) {
		if (strcmp(s->endpoints[i].name, value) != 0)
			continue;
		s->default_endpoint = xstrdup(value);
		return;
	}
	bad(c, setting, "default", value, "no endpoint has this name");
}

int settings_check_control(const char *text, const char **errstr)
{
	struct address a;

	*errstr = "expected an absolute /path";
	return *text == '/' ? address_parse(text, 0, &a, errstr) : -1;
}

static void on_control(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct settings *s = arg;
	const char *why = NULL;

	if (*value && settings_check_control(value, &why) < 0)
		bad(c, setting, "control", value, why);
	else
		s->control = xstrdup(value);
}

static void on_algorithms(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	if (algorithms_parse(value, arg) < 0)
		bad(c, setting, "algorithms", value, "expected default or compatible");
}

static void on_log(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	if (log_sink_parse(value, arg) < 0)
		bad(c, setting, "log", value, "expected " LOG_SINKS);
}

static void on_verbosity(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	if (log_level_parse(value, arg) < 0)
		bad(c, setting, "verbosity", value, "expected " LOG_LEVELS);
}

static void on_name(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct endpoint *e = arg;
	const char *why = NULL;

	if (endpoint_check_name(value, &why) < 0) {
		bad(c, setting, "name", value, why);
		return;
	}
	snprintf(e->name, sizeof(e->name), "%s", value);
	if (endpoint_kind_parse(value, &e->kind) < 0)
		e->kind = ENDPOINT_OTHER;
}

static void on_kind(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct endpoint *e = arg;

	if (endpoint_kind_parse(value, &e->kind) < 0)
		bad(c, setting, "kind", value,
		    "expected confd, nso, dbus, docker, postgres or other");
}

static void on_address(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct endpoint *e = arg;
	const char *name = config_setting_name(setting), *why = NULL;
	bool path = !strcmp(name, "path");

	if (endpoint_parse_address(value, &e->address, &why) < 0)
		bad(c, setting, name, value, why);
	else if (address_is_unix(&e->address) != path)
		bad(c, setting, name, value,
		    path ? "expected /path or @abstract" : "a socket's setting is path");
}

static void on_accept(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct endpoint *e = arg;
	const char *why = "there are too many aliases";

	if (e->n_accept == ENDPOINT_ALIASES || endpoint_check_alias(value, &why) < 0)
		bad(c, setting, "accept", value, why);
	else
		e->accept[e->n_accept++] = xstrdup(value);
}

static void on_endpoint(struct conf *c, config_setting_t *group, const char *value, void *arg)
{
	struct endpoint e = {.name = ""};
	const char *why = NULL;
	bool address = config_setting_get_member(group, "address");
	bool path = config_setting_get_member(group, "path");
	/* kind after name, whose default it overrides. */
	const struct conf_rule rules[] = {
	    {.name = "name", .type = CONF_STRING, .handle = on_name, .arg = &e},
	    {.name = "address", .type = CONF_STRING, .handle = on_address, .arg = &e},
	    {.name = "path", .type = CONF_STRING, .handle = on_address, .arg = &e},
	    {.name = "kind", .type = CONF_STRING, .handle = on_kind, .arg = &e},
	    {.name = "accept", .type = CONF_STRINGS, .handle = on_accept, .arg = &e},
	    {.name = NULL},
	};

	conf_apply(c, group, rules);
	if (!config_setting_get_member(group, "name"))
		conf_fault(c, group, "an endpoint needs a name: name = \"confd\";");
	if (address == path)
		conf_fault(c, group, "an endpoint needs either address or path");
	else if ((why = settings_check_endpoint(arg, &e)))
		bad(c, group, "endpoint", e.name, why);
	why = NULL;
	/* One with a fault of its own is kept: what refers to it is none. */
	if (e.name[0] && settings_add_endpoint(arg, &e, &why) == 0)
		return;
	if (why)
		bad(c, group, "endpoint", e.name, why);
	endpoint_free(&e);
}

static void on_pending_from(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct settings *s = arg;
	const char *why = NULL;

	if (s->pending_from.n > 0)
		return;
	why = cidr_parse(value, &s->pending_from);
	if (why)
		bad(c, setting, "pending_from", value, why);
	else
		s->pending_text = xstrdup(value);
}

/* One of several; a list within it is taken, too. */
static void on_unpunished(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	struct settings *s = arg;
	struct cidr_list more = {.n = 0};
	const char *why = cidr_parse(value, &more);

	if (why) {
		bad(c, setting, "unpunished", value, why);
		return;
	}
	s->unpunished.items = xreallocarray(s->unpunished.items, s->unpunished.n + more.n,
					    sizeof(*s->unpunished.items));
	memcpy(s->unpunished.items + s->unpunished.n, more.items, more.n * sizeof(*more.items));
	s->unpunished.n += more.n;
	cidr_free(&more);
	s->unpunished_texts =
	    xreallocarray(s->unpunished_texts, s->n_unpunished + 1, sizeof(*s->unpunished_texts));
	s->unpunished_texts[s->n_unpunished++] = xstrdup(value);
}

static void on_pending_until(struct conf *c, config_setting_t *setting, const char *value,
			     void *arg)
{
	struct settings *s = arg;
	const char *why = window_parse_time(value, &s->pending_until);

	if (why)
		bad(c, setting, "pending_until", value, why);
}

#define NUMBER(m, lo, hi, value)                                                                   \
	{                                                                                          \
#m, offsetof(struct settings, m), (lo), (hi), (value)                              \
	}
static const struct {
	const char *name;
	size_t at;
	int min, max, value;
} numbers[] = {
    NUMBER(login_grace, 1, 3600, 30),
    NUMBER(keepalive, 4, 3600, 15),
    NUMBER(max_unauthenticated, 1, 65535, 100),
    NUMBER(max_unauthenticated_per_source, 1, 65535, 25),
    NUMBER(source_prefix_v4, 1, 32, 32),
    NUMBER(source_prefix_v6, 1, 128, 64),
    NUMBER(max_penalty, 0, 86400, 600),
    NUMBER(max_sessions, 1, 65535, 1000),
    NUMBER(max_channels, 1, SESSION_CHANNELS_MAX, 1024),
    NUMBER(max_opens, 10, 100000, 2000),
    NUMBER(max_dials, 4, 65535, 4096),
    NUMBER(dial_timeout, 1, 3600, 10),
    NUMBER(max_held, 1, 4096, 128),
    NUMBER(rekey_data, 1, 65536, ALGORITHMS_REKEY_DATA),
    NUMBER(rekey_time, 10, 86400, ALGORITHMS_REKEY_TIME),
};

enum { NUMBERS = sizeof(numbers) / sizeof(*numbers) };

static int *number(const struct settings *s, size_t i)
{
	return (int *)((char *)(uintptr_t)s + numbers[i].at);
}

void settings_defaults(struct settings *s)
{
	*s = (struct settings){.verbosity = LOG_INFO, .watch = true};
	for (size_t i = 0; i < NUMBERS; i++)
		*number(s, i) = numbers[i].value;
}

int settings_read_file(const char *path, struct settings *s,
		       void (*fault)(void *arg, const char *text), void *arg)
{
#define HANDLED(n, t, h, a)                                                                        \
	{                                                                                          \
		.name = (n), .type = (t), .handle = (h), .arg = (a)                                \
	}
#define TEXT(m)                                                                                    \
	{                                                                                          \
		.name = #m, .type = CONF_STRING, .target = &s->m                                   \
	}
	static bool in_file;
	/* default after endpoints, one of which it names; the file cannot take back what the
	 * command line allows. */
	const struct conf_rule fixed[] = {
	    HANDLED("listen", CONF_STRINGS, on_listen, s),
	    HANDLED("hostkeys", CONF_STRINGS, on_hostkey, s),
	    TEXT(allowlist),
	    {.name = "unsafe_endpoint",
	     .type = CONF_BOOL,
	     .target = s->unsafe_endpoint ? &in_file : &s->unsafe_endpoint},
	    HANDLED("endpoints", CONF_GROUPS, on_endpoint, s),
	    HANDLED("default", CONF_STRING, on_default, s),
	    HANDLED("control", CONF_STRING, on_control, s),
	    TEXT(user),
	    HANDLED("algorithms", CONF_STRING, on_algorithms, &s->algorithms),
	    HANDLED("log", CONF_STRING, on_log, &s->log),
	    HANDLED("verbosity", CONF_STRING, on_verbosity, &s->verbosity),
	    {.name = "watch", .type = CONF_BOOL, .target = &s->watch},
	    HANDLED("unpunished", CONF_STRINGS, on_unpunished, s),
	    HANDLED("pending_from", CONF_STRING, on_pending_from, s),
	    HANDLED("pending_until", CONF_STRING, on_pending_until, s),
	};
	enum { FIXED = sizeof(fixed) / sizeof(*fixed) };
	struct conf_rule rules[FIXED + NUMBERS + 1] = {{.name = NULL}};
	char text[512];
	int faults;

	memcpy(rules, fixed, sizeof(fixed));
	for (size_t i = 0; i < NUMBERS; i++)
		rules[FIXED + i] = (struct conf_rule){.name = numbers[i].name,
						      .type = CONF_INT,
						      .target = number(s, i),
						      .min = numbers[i].min,
						      .max = numbers[i].max};
	faults = conf_read(path, rules, fault, arg);
	if ((s->pending_from.n == 0) == (s->pending_until == 0) || faults)
		return faults;
	snprintf(text, sizeof(text), "%s: pending_from and pending_until go together: set %s", path,
		 s->pending_until ? "pending_from = \"192.0.2.0/24\""
				  : "pending_until = \"YYYY-MM-DD HH:MM\"");
	fault(arg, text);
	return faults + 1;
}

static void print_endpoint(const struct endpoint *e)
{
	char at[ADDRESS_TEXT];

	printf("\t{ name = \"%s\"; %s = \"%s\"; kind = \"%s\";", e->name,
	       address_is_unix(&e->address) ? "path" : "address",
	       address_format(&e->address, at, sizeof(at)), endpoint_kind_text(e->kind));
	for (size_t i = 0; i < e->n_accept; i++)
		conf_print(i ? ", " : " accept = [ ", e->accept[i], "");
	printf("%s }", e->n_accept ? " ];" : "");
}

void settings_print(const struct settings *s)
{
	char at[ADDRESS_TEXT];

	printf("listen = [ ");
	for (size_t i = 0; i < s->n_listen; i++)
		printf("%s\"%s\"", i ? ", " : "", address_format(&s->listen[i], at, sizeof(at)));
	printf(" ];\nhostkeys = [ ");
	for (size_t i = 0; i < s->n_hostkeys; i++)
		conf_print(i ? ", " : "", s->hostkeys[i], "");
	printf(" ];\n");
	conf_print("allowlist = ", s->allowlist, ";\n");
	printf("endpoints = (\n");
	for (size_t i = 0; i < s->n_endpoints; i++) {
		print_endpoint(&s->endpoints[i]);
		printf(i + 1 < s->n_endpoints ? ",\n" : "\n");
	}
	printf(");\n");
	printf("unsafe_endpoint = %s;\n", s->unsafe_endpoint ? "true" : "false");
	conf_print("default = ", s->default_endpoint, ";\n");
	conf_print("control = ", s->control ? s->control : "", ";\n");
	conf_print("user = ", s->user, ";\n");
	printf("algorithms = \"%s\";\nlog = \"%s\";\n", algorithms_text(s->algorithms),
	       log_sink_text(s->log));
	printf("verbosity = \"%s\";\n", log_level_text(s->verbosity));
	printf("watch = %s;\n", s->watch ? "true" : "false");
	printf("unpunished = [ ");
	for (size_t i = 0; i < s->n_unpunished; i++)
		conf_print(i ? ", " : "", s->unpunished_texts[i], "");
	printf(" ];\n");
	conf_print("pending_from = ", s->pending_text, ";\n");
	if (s->pending_until && strftime(at, sizeof(at), "%F %TZ", gmtime(&s->pending_until)) > 0)
		conf_print("pending_until = ", at, ";\n");
	for (size_t i = 0; i < NUMBERS; i++)
		printf("%s = %d;\n", numbers[i].name, *number(s, i));
}
