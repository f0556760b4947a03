// SPDX-License-Identifier: BSD-2-Clause
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "conf.h"
#include "endpoint.h"
#include "settings.h"
#include "trust.h"
#include "via.h"

static int refuse(char err[SETTINGS_ERROR], const char *value, const char *why)
{
	struct log_text shown;

	snprintf(err, SETTINGS_ERROR, "\"%s\": %s", log_escape(&shown, value, strlen(value)), why);
	return -1;
}

static int set_path(char **target, const char *value, char err[SETTINGS_ERROR])
{
	if (!value[0])
		return refuse(err, value, "a file's name is empty");
	free(*target);
	*target = spec_path(value);
	return 0;
}

static int set_identity(struct settings *s, const char *value, char *err)
{
	return set_path(&s->identity, value, err);
}

static int set_known_hosts(struct settings *s, const char *value, char *err)
{
	return set_path(&s->known_hosts, value, err);
}

static int set_global_known_hosts(struct settings *s, const char *value, char *err)
{
	return set_path(&s->global_known_hosts, value, err);
}

/* What HOST, [V6] and a bare V6 lack: out is HOST:PORT in any case, *has_port whether that PORT was
 * given. */
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

/* [ssh://][USER@]HOST[:PORT], where ssh:// may have a / at its end (RFC 3986). */
static int set_server(struct settings *s, const char *value, char *err)
{
	static const char scheme[] = "ssh://";
	const bool uri = strncasecmp(value, scheme, strlen(scheme)) == 0;
	const char *text = value + (uri ? strlen(scheme) : 0);
	const char *at = strrchr(text, '@'), *where = at ? at + 1 : text, *port = NULL;
	const char *why = "expected [ssh://][USER@]HOST[:PORT], where an IPv6 HOST before a PORT "
			  "is in brackets";
	const size_t user = at ? (size_t)(at - text) : 0, len = strlen(where);
	char only[ADDRESS_HOST + 16], full[ADDRESS_HOST + 16], host[ADDRESS_HOST];
	bool has_port = false;
	uint16_t number = 0;

	snprintf(only, sizeof(only), "%.*s", (int)(len - (uri && len && where[len - 1] == '/')),
		 where);
	/* Another scheme, or a password, is no user's name. */
	if (at == text || strcspn(text, "/:") < user || len >= sizeof(only) || only[0] == '/' ||
	    complete_host(only, full, sizeof(full), &has_port) < 0 ||
	    endpoint_check_alias(full, &why) < 0 || address_split(full, host, &port, &why) < 0 ||
	    address_parse_port(port, &number) < 0)
		return refuse(err, value, why);
	free(s->host);
	free(s->user);
	s->host = xstrdup(host);
	s->user = at ? xstrndup(text, user) : NULL;
	s->port = has_port ? number : 0;
	return 0;
}

/* Takes it over. */
static int add_spec(struct settings *s, const char *value, struct spec *new, char *err)
{
	const char *why = s->n_specs == SETTINGS_SPECS ? "there are too many listeners" : NULL;

	for (size_t i = 0; i < s->n_specs && !why; i++) {
		if (spec_same_listener(&s->specs[i], new))
			why = "a listener before it has this address";
	}
	if (why) {
		spec_free(new);
		return refuse(err, value, why);
	}
	s->specs[s->n_specs++] = *new;
	return 0;
}

static int add_listen(struct settings *s, const char *value, char *err)
{
	struct spec new, twin;

	if (spec_parse(value, s->unsafe_listen, &new, err, SETTINGS_ERROR) < 0 ||
	    add_spec(s, value, &new, err) < 0)
		return -1;
	if (!new.is_localhost)
		return 0;
	spec_make_twin(&new, &twin);
	return add_spec(s, value, &twin, err);
}

static const char a_fingerprint[] =
    "expected SHA256: and 43 characters, as ssh-keygen -l prints them";

static int set_agent_key(struct settings *s, const char *value, char *err)
{
	if (!trust_pin_valid(value))
		return refuse(err, value, a_fingerprint);
	free(s->agent_key);
	s->agent_key = xstrdup(value);
	return 0;
}

static int add_pin(struct settings *s, const char *value, char *err)
{
	if (!trust_pin_valid(value))
		return refuse(err, value, a_fingerprint);
	if (s->n_pins == SETTINGS_PINS)
		return refuse(err, value, "there are too many host keys");
	s->pins[s->n_pins++] = xstrdup(value);
	return 0;
}

static int set_algorithms(struct settings *s, const char *value, char *err)
{
	return algorithms_parse(value, &s->algorithms) == 0
		   ? 0
		   : refuse(err, value, "expected default or compatible");
}

static int set_log(struct settings *s, const char *value, char *err)
{
	return log_sink_parse(value, &s->log) == 0 ? 0 : refuse(err, value, "expected " LOG_SINKS);
}

static int set_verbosity(struct settings *s, const char *value, char *err)
{
	return log_level_parse(value, &s->verbosity) == 0
		   ? 0
		   : refuse(err, value, "expected " LOG_LEVELS);
}

static int set_while_down(struct settings *s, const char *value, char *err)
{
	const bool seconds = strncmp(value, "hold:", 5) == 0;
	uint16_t v = SETTINGS_HOLD;

	if (strcmp(value, "refuse") == 0)
		s->hold = 0;
	else if (strcmp(value, "hold") == 0 || (seconds && address_parse_port(value + 5, &v) == 0 &&
						v > 0 && v <= SETTINGS_SECONDS_MAX))
		s->hold = v;
	else
		return refuse(err, value, "expected hold, hold:SECONDS (1 to 3600) or refuse");
	return 0;
}

/* "" takes back, for one tunnel, what the file has for all. */
static int set_via(struct settings *s, const char *value, char *err)
{
	const char *why = NULL;

	if (*value && via_check(value, &why) < 0)
		return refuse(err, value, why);
	free(s->via);
	s->via = *value ? xstrdup(value) : NULL;
	return 0;
}

static const struct text {
	const char *name;
	enum conf_type type;
	int (*set)(struct settings *s, const char *value, char *err);
} texts[] = {
    {"server", CONF_STRING, set_server},
    {"listen", CONF_STRINGS, add_listen},
    {"identity", CONF_STRING, set_identity},
    {"agent_key", CONF_STRING, set_agent_key},
    {"hostkeys", CONF_STRINGS, add_pin},
    {"known_hosts", CONF_STRING, set_known_hosts},
    {"global_known_hosts", CONF_STRING, set_global_known_hosts},
    {"algorithms", CONF_STRING, set_algorithms},
    {"via", CONF_STRING, set_via},
    {"while_down", CONF_STRING, set_while_down},
    {"log", CONF_STRING, set_log},
    {"verbosity", CONF_STRING, set_verbosity},
};

#define N_TEXTS (sizeof(texts) / sizeof(*texts))

int settings_set(struct settings *s, const char *name, const char *value, char err[SETTINGS_ERROR])
{
	for (size_t i = 0; i < N_TEXTS; i++) {
		if (strcmp(texts[i].name, name) == 0)
			return texts[i].set(s, value, err);
	}
	return refuse(err, value, "unknown setting");
}

/* What a handler needs. */
struct setter {
	struct settings *s;
	const struct text *text;
};

static void on_text(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	const struct setter *to = arg;
	char err[SETTINGS_ERROR];

	if (to->text->set(to->s, value, err) < 0)
		conf_fault(c, setting, "%s: %s", to->text->name, err);
	else if (to->text->set == set_agent_key &&
		 config_setting_get_member(config_setting_parent(setting), "identity"))
		conf_fault(c, setting, "one key is offered: give identity or agent_key");
}

enum { RULES = N_TEXTS + 7 }; /* with the numbers, one more, and the end */

/* What fills s.  unsafe_listen before listen, which it decides about; the file cannot take back
 * what the command line gave: then in_file gets it. */
static void make_rules(struct settings *s, struct setter setters[N_TEXTS],
		       struct conf_rule rules[RULES], bool *in_file)
{
	const struct conf_rule numbers[] = {
	    {.name = "unsafe_listen",
	     .type = CONF_BOOL,
	     .target = s->unsafe_listen ? in_file : &s->unsafe_listen},
	    {.name = "keepalive",
	     .type = CONF_INT,
	     .target = &s->keepalive,
	     .min = SETTINGS_KEEPALIVE_MIN,
	     .max = SETTINGS_SECONDS_MAX},
	    {.name = "connect_timeout",
	     .type = CONF_INT,
	     .target = &s->connect_timeout,
	     .min = SETTINGS_TIMEOUT_MIN,
	     .max = SETTINGS_SECONDS_MAX},
	    {.name = "reconnect_max",
	     .type = CONF_INT,
	     .target = &s->reconnect_max,
	     .min = SETTINGS_RECONNECT_MIN,
	     .max = SETTINGS_SECONDS_MAX},
	    {.name = "exit_on_refusal", .type = CONF_BOOL, .target = &s->exit_on_refusal},
	};

	memset(rules, 0, RULES * sizeof(*rules));
	memcpy(rules, numbers, sizeof(numbers));
	for (size_t i = 0; i < N_TEXTS; i++) {
		setters[i] = (struct setter){.s = s, .text = &texts[i]};
		rules[RULES - 2 - N_TEXTS + i] = (struct conf_rule){.name = texts[i].name,
								    .type = texts[i].type,
								    .handle = on_text,
								    .arg = &setters[i]};
	}
}

/* What stands before it in the file holds for all tunnels, but for lists that this one has. */
static void begin_anew(struct settings *s, const config_setting_t *group)
{
	if (config_setting_get_member(group, "listen"))
		settings_drop_listen(s);
	if (config_setting_get_member(group, "hostkeys"))
		settings_drop_hostkeys(s);
	if (config_setting_get_member(group, "identity")) {
		free(s->agent_key);
		s->agent_key = NULL;
	}
	s->tunnel_found = true;
}

/* One before it has this name. */
static bool is_repeated(const config_setting_t *group, const char *name)
{
	const config_setting_t *all = config_setting_parent(group), *one;
	const char *other = "";
	unsigned i = 0;

	while ((one = config_setting_get_elem(all, i++)) && one != group) {
		if (config_setting_lookup_string(one, "name", &other) && !strcmp(other, name))
			return true;
	}
	return false;
}

/* One of tunnels: the one that is asked for fills our settings, any other is only looked at. */
static void on_tunnel(struct conf *c, config_setting_t *group, const char *value, void *arg)
{
	struct settings *s = arg, other = {.unsafe_listen = s->unsafe_listen}, *to = &other;
	struct conf_rule rules[RULES];
	struct setter setters[N_TEXTS];
	const char *name = "", *why = NULL;
	char *unused = NULL;
	bool in_file;

	s->has_tunnels = true;
	config_setting_lookup_string(group, "name", &name);
	if (endpoint_check_name(name, &why) < 0)
		conf_fault(c, group,
			   "tunnels: each has a name = \"NAME\": a letter, then letters, digits, - "
			   "and _, at most %d",
			   ENDPOINT_NAME - 1);
	else if (is_repeated(group, name))
		conf_fault(c, group, "tunnels: \"%s\" is there twice", name);
	if (s->tunnel && strcmp(name, s->tunnel) == 0) {
		begin_anew(s, group);
		to = s;
	}
	make_rules(to, setters, rules, &in_file);
	rules[RULES - 2] =
	    (struct conf_rule){.name = "name", .type = CONF_STRING, .target = &unused};
	conf_apply(c, group, rules);
	if (!to->host && !s->host)
		conf_fault(c, group, "tunnels: \"%s\" has no server, and the file has none for all",
			   name);
	free(unused);
	settings_free(&other);
}

int settings_read_file(const char *path, struct settings *s,
		       void (*fault)(void *arg, const char *text), void *arg)
{
	struct conf_rule rules[RULES];
	struct setter setters[N_TEXTS];
	bool in_file;

	make_rules(s, setters, rules, &in_file);
	rules[RULES - 2] = (struct conf_rule){
	    .name = "tunnels", .type = CONF_GROUPS, .handle = on_tunnel, .arg = s};
	return conf_read(path, rules, fault, arg);
}

void settings_print(const struct settings *s)
{
	char at[ADDRESS_TEXT], server[ADDRESS_HOST + ADDRESS_TEXT];

	if (s->host)
		snprintf(server, sizeof(server), "%s@%s", s->user,
			 address_format_port(s->host, s->port, at, sizeof(at)));
	conf_print("server = ", s->host ? server : NULL, ";\n");
	printf("listen = [ ");
	for (size_t i = 0; i < s->n_specs; i++) {
		if (!s->specs[i].is_twin)
			conf_print(i ? ", " : "", s->specs[i].text, "");
	}
	printf(" ];\n");
	conf_print("identity = ", s->identity, ";\n");
	conf_print("agent_key = ", s->agent_key, ";\n");
	printf("hostkeys = [ ");
	for (size_t i = 0; i < s->n_pins; i++)
		conf_print(i ? ", " : "", s->pins[i], "");
	printf(" ];\n");
	conf_print("known_hosts = ", s->known_hosts, ";\n");
	conf_print("global_known_hosts = ", s->global_known_hosts, ";\n");
	printf("algorithms = \"%s\";\nkeepalive = %d;\nconnect_timeout = %d;\n",
	       algorithms_text(s->algorithms), s->keepalive, s->connect_timeout);
	printf("reconnect_max = %d;\n", s->reconnect_max);
	conf_print("via = ", s->via, ";\n");
	printf("log = \"%s\";\n", log_sink_text(s->log));
	printf("verbosity = \"%s\";\n", log_level_text(s->verbosity));
	printf(s->hold ? "while_down = \"hold:%d\";\n" : "while_down = \"refuse\";\n", s->hold);
	printf("exit_on_refusal = %s;\n", s->exit_on_refusal ? "true" : "false");
	printf("unsafe_listen = %s;\n", s->unsafe_listen ? "true" : "false");
}
