// SPDX-License-Identifier: BSD-2-Clause
#include "keyoption.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "endpoint.h"
#include "log.h"

#define BLANK	  " \t"
#define DIGITS	  "0123456789"
#define NAME	  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "-"
#define VALUE_MAX 2048

_Static_assert(KEYLINE_ENDPOINT == ENDPOINT_NAME, "an endpoint's name fits the entry");

int keyoption_fault(char err[KEYLINE_ERROR], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, KEYLINE_ERROR, fmt, ap);
	va_end(ap);
	return -1;
}

static int set_endpoint(struct keyline *k, const char *value, char *err)
{
	const char *why = NULL;

	if (endpoint_check_name(value, &why) < 0)
		return keyoption_fault(err, "endpoint: %s", why);
	snprintf(k->endpoint, sizeof(k->endpoint), "%s", value);
	return 0;
}

static int set_name(struct keyline *k, const char *value, char *err)
{
	size_t n = 0;

	while (keyline_is_name_char(value[n]))
		n++;
	if (n == 0 || value[n] || n >= KEYLINE_NAME)
		return keyoption_fault(err,
				       "name: expected 1 to %d printable characters without blanks",
				       KEYLINE_NAME - 1);
	memcpy(k->name, value, n + 1);
	return 0;
}

static int set_permitopen(struct keyline *k, const char *value, char *err)
{
	char host[ADDRESS_HOST];
	const char *port_text = NULL, *why = NULL;
	uint16_t port = 0;

	if (k->n_permitopen == KEYLINE_PERMITOPEN)
		return keyoption_fault(err, "permitopen: at most %d of them", KEYLINE_PERMITOPEN);
	if (address_split(value, host, &port_text, &why) < 0)
		return keyoption_fault(err, "permitopen: %s", why);
	if (strcmp(port_text, "*") != 0 && (address_parse_port(port_text, &port) < 0 || port == 0))
		return keyoption_fault(
		    err, "permitopen: the port is neither * nor a number from 1 to 65535");
	k->permitopen[k->n_permitopen++] = xstrdup(value);
	return 0;
}

static int set_from(struct keyline *k, const char *value, char *err)
{
	char why[KEYLINE_ERROR - 8];

	if (cidr_parse(value, &k->from, why, sizeof(why)) < 0)
		return keyoption_fault(err, "from: %s", why);
	k->from_text = xstrdup(value);
	return 0;
}

static int set_expiry(struct keyline *k, const char *value, char *err)
{
	const char *why = NULL;

	if (window_parse_expiry(value, &k->expires, &why) < 0)
		return keyoption_fault(err, "expiry-time: %s", why);
	return 0;
}

static int set_valid(struct keyline *k, const char *value, char *err)
{
	const char *why = NULL;

	if (window_parse(value, &k->valid, &why) < 0)
		return keyoption_fault(err, "valid: %s", why);
	k->valid_text = xstrdup(value);
	return 0;
}

static int parse_limit(const char *name, const char *value, uint16_t *limit, char *err)
{
	if (address_parse_port(value, limit) == 0 && *limit > 0)
		return 0;
	return keyoption_fault(err, "%s: expected a number from 1 to 65535", name);
}

static int set_max_sessions(struct keyline *k, const char *value, char *err)
{
	return parse_limit("max-sessions", value, &k->max_sessions, err);
}

static int set_max_channels(struct keyline *k, const char *value, char *err)
{
	return parse_limit("max-channels", value, &k->max_channels, err);
}

static int set_replace_old(struct keyline *k, const char *value, char *err)
{
	k->replace_old = true;
	return 0;
}

static int set_source(struct keyline *k, const char *value, char *err)
{
	if (value[strspn(value, DIGITS ".")] || strncmp(value, "127.", 4) != 0 ||
	    address_from_host(value, 0, &k->source) < 0)
		return keyoption_fault(err, "source: expected an address 127.x.y.z");
	if (!strcmp(value, "127.0.0.0") || !strcmp(value, "127.255.255.255"))
		return keyoption_fault(err, "source: %s is no host's address", value);
	return 0;
}

static int set_verify_required(struct keyline *k, const char *value, char *err)
{
	k->verify_required = true;
	return 0;
}

/* Sessions here run no program and have no listener, so nothing is left to take away. */
static int add_no_effect(struct keyline *k, const char *name)
{
	const size_t n = strlen(k->no_effect);

	if (!strstr(k->no_effect, name))
		snprintf(k->no_effect + n, sizeof(k->no_effect) - n, "%s%s", n ? ", " : "", name);
	return 0;
}

static int set_command(struct keyline *k, const char *value, char *err)
{
	return add_no_effect(k, "command");
}

static int set_permitlisten(struct keyline *k, const char *value, char *err)
{
	return add_no_effect(k, "permitlisten");
}

enum form {
	FLAG,
	QUOTED,
	NUMBER, /* the quotes may be missing */
};

#define NOT_BUILT "is not built yet"
#define NOT_OURS  "asks for what sshipc does not have; remove it"
#define NO_CERTS  "is for certificates, which sshipc does not take; list each user's own key"

/* With refused it is a fault; a flag without set changes nothing. */
static const struct option {
	const char *name;
	enum form form;
	int (*set)(struct keyline *k, const char *value, char *err);
	const char *refused;
} options[] = {
    {"endpoint", QUOTED, set_endpoint, NULL},
    {"name", QUOTED, set_name, NULL},
    {"permitopen", QUOTED, set_permitopen, NULL},
    {"from", QUOTED, set_from, NULL},
    {"expiry-time", QUOTED, set_expiry, NULL},
    {"valid", QUOTED, set_valid, NULL},
    {"max-sessions", NUMBER, set_max_sessions, NULL},
    {"max-channels", NUMBER, set_max_channels, NULL},
    {"replace-old", FLAG, set_replace_old, NULL},
    {"source", QUOTED, set_source, NULL},
    {"restrict", FLAG, NULL, NULL},
    {"port-forwarding", FLAG, NULL, NULL},
    {"no-agent-forwarding", FLAG, NULL, NULL},
    {"no-pty", FLAG, NULL, NULL},
    {"no-user-rc", FLAG, NULL, NULL},
    {"no-x11-forwarding", FLAG, NULL, NULL},
    {"no-port-forwarding", FLAG, NULL, "denies all that sshipc gives; remove the line instead"},
    {"connect-as", QUOTED, NULL, NOT_BUILT},
    {"verify-required", FLAG, set_verify_required, NULL},
    {"command", QUOTED, set_command, NULL},
    {"permitlisten", QUOTED, set_permitlisten, NULL},
    {"environment", QUOTED, NULL, "sets variables of a program, and sshipc runs none; remove it"},
    {"tunnel", QUOTED, NULL, "is for tun devices, which sshipc does not have; remove it"},
    {"no-touch-required", FLAG, NULL,
     "relaxes what holds for every security key: each login is confirmed by a touch; remove it, "
     "and "
     "make the key anew if it was made with -O no-touch-required"},
    {"pty", FLAG, NULL, NOT_OURS},
    {"user-rc", FLAG, NULL, NOT_OURS},
    {"agent-forwarding", FLAG, NULL, NOT_OURS},
    {"x11-forwarding", FLAG, NULL, NOT_OURS},
    {"cert-authority", FLAG, NULL, NO_CERTS},
    {"principals", QUOTED, NULL, NO_CERTS},
};

#define N_OPTIONS (sizeof(options) / sizeof(*options))
_Static_assert(N_OPTIONS <= 32, "the set of options seen is an uint32_t");

/* Reads a value from its opening quote on.  As in sshd(8) only \" is an escape. */
static int parse_value(const char **p, const struct option *o, char value[VALUE_MAX], char *err)
{
	const char *s = *p;
	size_t n = 0;

	if (o->form == NUMBER && *s != '"') {
		n = strcspn(s, BLANK ",\"");
		snprintf(value, VALUE_MAX, "%.*s", (int)n, s);
		*p = s + n;
		return 0;
	}
	if (*s++ != '"')
		return keyoption_fault(err, "the value of %s needs double quotes", o->name);
	for (; *s != '"'; s++) {
		if (s[0] == '\\' && s[1] == '"')
			s++;
		if (!*s)
			return keyoption_fault(err, "the value of %s has no closing quote",
					       o->name);
		if (n == VALUE_MAX - 1)
			return keyoption_fault(err, "the value of %s is too long", o->name);
		value[n++] = *s;
	}
	value[n] = '\0';
	*p = s + 1;
	return 0;
}

static const struct option *find_option(const char *name, size_t len)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (len == strlen(options[i].name) && !strncasecmp(name, options[i].name, len))
			return &options[i];
	}
	return NULL;
}

static int parse_option(const char **p, struct keyline *k, uint32_t *seen, char *err)
{
	size_t len = strspn(*p, NAME);
	const struct option *o = find_option(*p, len);
	struct log_text text;
	char value[VALUE_MAX] = "";

	if (!o) {
		len = strcspn(*p, BLANK ",=\"");
		if (len == 0)
			return keyoption_fault(
			    err, "an option is missing its name (a stray comma or blank?)");
		if (!keyline_holds_key(*p))
			return keyoption_fault(err, "unknown option, and no key on the line");
		return keyoption_fault(err, "unknown option \"%.24s\"%s",
				       log_escape(&text, *p, len), len > 24 ? "..." : "");
	}
	if (o->refused)
		return keyoption_fault(err, "option %s %s", o->name, o->refused);
	if ((*seen & 1U << (o - options)) && o->set != set_permitopen && o->set != set_permitlisten)
		return keyoption_fault(err, "option %s is repeated", o->name);
	*seen |= 1U << (o - options);
	*p += len;
	if (o->form == FLAG && **p == '=')
		return keyoption_fault(err, "option %s takes no value", o->name);
	if (o->form != FLAG) {
		if (*(*p)++ != '=')
			return keyoption_fault(err, "option %s needs a value: %s=%s", o->name,
					       o->name, o->form == NUMBER ? "N" : "\"...\"");
		if (parse_value(p, o, value, err) < 0)
			return -1;
	}
	return o->set ? o->set(k, value, err) : 0;
}

int keyoption_parse(const char **p, struct keyline *k, char err[KEYLINE_ERROR])
{
	uint32_t seen = 0;

	for (;;) {
		if (parse_option(p, k, &seen, err) < 0)
			return -1;
		if (**p != ',')
			break;
		(*p)++;
	}
	if (**p && !strchr(BLANK, **p))
		return keyoption_fault(
		    err, "expected a comma or a blank after an option, found \"%c\"", **p);
	*p += strspn(*p, BLANK);
	if (k->replace_old && !k->max_sessions)
		return keyoption_fault(err, "replace-old has no meaning without max-sessions=N");
	return 0;
}
