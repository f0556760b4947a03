// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, at a load of the allow list, and in -t, -T, --explain and ctl.  Called by
 * allowlist.c for each line of the file, by explain.c for a public key and by ctl approve for the
 * line that it composed.  Pure: it reads no file, knows no endpoint and logs nothing; a fault is a
 * reason, to which the caller adds FILE:LINE.
 */
#include "keyline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "endpoint.h"
#include "log.h"
#include "nearest.h"
#include "reason.h"

#define BLANK	   " \t"
#define DIGITS	   "0123456789"
#define NAME	   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "-"
#define VALUE_MAX  2048
#define MERGED_MAX 512 /* bytes of options shown of two lines that are one */

_Static_assert(KEYLINE_ENDPOINT == ENDPOINT_NAME, "an endpoint's name fits the entry");

bool keyline_is_name_char(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* ---- the options, and the member that each sets ---- */

enum form {
	FLAG,
	QUOTED,
	REPEATED, /* quoted, may be repeated */
	NUMBER,	  /* the quotes may be missing */
};

struct option {
	const char *name;
	enum form form;
	/* Returns NULL or the reason.  NULL if the option only restricts what no session has
	 * here. */
	const char *(*set)(struct keyline *k, const struct option *o, const char *value);
	size_t at; /* offset of the member that set_flag, set_number or set_seconds sets */
	const char *refused; /* why the option is a fault */
};

static const char *set_endpoint(struct keyline *k, const struct option *o, const char *value)
{
	const char *why = endpoint_check_name(value);

	if (!why)
		snprintf(k->endpoint, sizeof(k->endpoint), "%s", value);
	return why;
}

static const char *set_name(struct keyline *k, const struct option *o, const char *value)
{
	size_t n = 0;

	while (keyline_is_name_char(value[n]))
		n++;
	if (n == 0 || value[n] || n >= KEYLINE_NAME)
		return reasonf("expected 1 to %d printable characters without blanks",
			       KEYLINE_NAME - 1);
	memcpy(k->name, value, n + 1);
	return NULL;
}

static const char *add_permitopen(struct keyline *k, const struct option *o, const char *value)
{
	char host[ADDRESS_HOST];
	const char *port_text = NULL, *why = NULL;
	uint16_t port = 0;

	if (k->n_permitopen == KEYLINE_PERMITOPEN)
		return reasonf("at most %d of them", KEYLINE_PERMITOPEN);
	why = address_split(value, host, &port_text);
	if (why)
		return why;
	if (strcmp(port_text, "*") != 0 && (address_parse_port(port_text, &port) < 0 || port == 0))
		return "the port is neither * nor a number from 1 to 65535";
	k->permitopen[k->n_permitopen++] = xstrdup(value);
	return NULL;
}

static const char *set_from(struct keyline *k, const struct option *o, const char *value)
{
	return cidr_parse(value, &k->from);
}

static const char *set_expiry(struct keyline *k, const struct option *o, const char *value)
{
	return window_parse_expiry(value, &k->expires);
}

static const char *set_valid(struct keyline *k, const struct option *o, const char *value)
{
	k->valid_text = xstrdup(value);
	return window_parse(value, &k->valid);
}

static const char *set_connect_as(struct keyline *k, const struct option *o, const char *value)
{
	k->connect_as = xstrdup(value);
	return NULL;
}

static const char *set_source(struct keyline *k, const struct option *o, const char *value)
{
	if (value[strspn(value, DIGITS ".")] || strncmp(value, "127.", 4) != 0 ||
	    address_from_host(value, 0, &k->source) < 0)
		return "expected an address 127.x.y.z";
	if (!strcmp(value, "127.0.0.0") || !strcmp(value, "127.255.255.255"))
		return reasonf("%s is no host's address", value);
	return NULL;
}

static const char *set_number(struct keyline *k, const struct option *o, const char *value)
{
	uint16_t *number = (uint16_t *)((char *)k + o->at);

	return address_parse_port(value, number) == 0 && *number > 0
		   ? NULL
		   : "expected a number from 1 to 65535";
}

static const char *set_seconds(struct keyline *k, const struct option *o, const char *value)
{
	uint32_t *seconds = (uint32_t *)((char *)k + o->at);
	const size_t n = strspn(value, DIGITS);

	*seconds = n > 0 && n < 9 && !value[n] ? (uint32_t)strtoul(value, NULL, 10) : 0;
	return *seconds > 0 ? NULL : "expected a number of seconds from 1 to 99999999";
}

static const char *set_flag(struct keyline *k, const struct option *o, const char *value)
{
	*(bool *)((char *)k + o->at) = true;
	return NULL;
}

/* Options that restrict programs and listeners: sessions here have neither. */
static const char *add_no_effect(struct keyline *k, const struct option *o, const char *value)
{
	const size_t n = strlen(k->no_effect);

	if (!strstr(k->no_effect, o->name))
		snprintf(k->no_effect + n, sizeof(k->no_effect) - n, "%s%s", n ? ", " : "",
			 o->name);
	return NULL;
}

#define MEMBER(m) offsetof(struct keyline, m)
#define NOT_OURS  "asks for what sshipc does not have; remove it"
#define NO_CERTS  "is for certificates, which sshipc does not take; list each user's own key"

static const struct option options[] = {
    {"endpoint", QUOTED, set_endpoint, 0, NULL},
    {"name", QUOTED, set_name, 0, NULL},
    {"permitopen", REPEATED, add_permitopen, 0, NULL},
    {"from", QUOTED, set_from, 0, NULL},
    {"expiry-time", QUOTED, set_expiry, 0, NULL},
    {"valid", QUOTED, set_valid, 0, NULL},
    {"max-sessions", NUMBER, set_number, MEMBER(max_sessions), NULL},
    {"max-channels", NUMBER, set_number, MEMBER(max_channels), NULL},
    {"max-lifetime", NUMBER, set_seconds, MEMBER(max_lifetime), NULL},
    {"idle-timeout", NUMBER, set_seconds, MEMBER(idle_timeout), NULL},
    {"replace-old", FLAG, set_flag, MEMBER(replace_old), NULL},
    {"source", QUOTED, set_source, 0, NULL},
    {"verify-required", FLAG, set_flag, MEMBER(verify_required), NULL},
    {"connect-as", QUOTED, set_connect_as, 0, NULL},
    /* options of sshd(8) */
    {"restrict", FLAG, NULL, 0, NULL},
    {"port-forwarding", FLAG, NULL, 0, NULL},
    {"no-agent-forwarding", FLAG, NULL, 0, NULL},
    {"no-pty", FLAG, NULL, 0, NULL},
    {"no-user-rc", FLAG, NULL, 0, NULL},
    {"no-x11-forwarding", FLAG, NULL, 0, NULL},
    {"command", QUOTED, add_no_effect, 0, NULL},
    {"permitlisten", REPEATED, add_no_effect, 0, NULL},
    {"no-port-forwarding", FLAG, NULL, 0, "denies all that sshipc gives; remove the line instead"},
    {"environment", QUOTED, NULL, 0,
     "sets variables of a program, and sshipc runs none; remove it"},
    {"tunnel", QUOTED, NULL, 0, "is for tun devices, which sshipc does not have; remove it"},
    {"no-touch-required", FLAG, NULL, 0,
     "relaxes what holds for every security key: each login is confirmed by a touch; remove it, "
     "and make the key anew if it was made with -O no-touch-required"},
    {"pty", FLAG, NULL, 0, NOT_OURS},
    {"user-rc", FLAG, NULL, 0, NOT_OURS},
    {"agent-forwarding", FLAG, NULL, 0, NOT_OURS},
    {"x11-forwarding", FLAG, NULL, 0, NOT_OURS},
    {"cert-authority", FLAG, NULL, 0, NO_CERTS},
    {"principals", QUOTED, NULL, 0, NO_CERTS},
};

#define N_OPTIONS (sizeof(options) / sizeof(*options))
_Static_assert(N_OPTIONS <= 32, "the set of options seen is an uint32_t");

/* Reads a value from its opening quote on.  As in sshd(8) only \" is an escape. */
static const char *parse_value(const char **p, const struct option *o, char value[VALUE_MAX])
{
	const char *s = *p;
	size_t n = 0;

	if (o->form == NUMBER && *s != '"') {
		n = strcspn(s, BLANK ",\"");
		snprintf(value, VALUE_MAX, "%.*s", (int)n, s);
		*p = s + n;
		return NULL;
	}
	if (*s++ != '"')
		return reasonf("the value of %s needs double quotes: %s=\"...\"", o->name, o->name);
	for (; *s != '"'; s++) {
		if (s[0] == '\\' && s[1] == '"')
			s++;
		if (!*s)
			return reasonf("the value of %s has no closing quote", o->name);
		if (n == VALUE_MAX - 1)
			return reasonf("the value of %s is too long", o->name);
		value[n++] = *s;
	}
	value[n] = '\0';
	*p = s + 1;
	return NULL;
}

static const struct option *find_option(const char *name, size_t len)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (len == strlen(options[i].name) && !strncasecmp(name, options[i].name, len))
			return &options[i];
	}
	return NULL;
}

static const char *unknown_option(const char *p)
{
	const size_t len = strcspn(p, BLANK ",=\"");
	struct nearest near = {.word = p, .len = len};
	struct log_text text;

	if (len == 0)
		return "an option is missing its name (a stray comma or blank?)";
	if (!keyline_holds_key(p))
		return "unknown option, and no key on the line; the line of a .pub file goes here, "
		       "as a whole: [OPTIONS] TYPE KEY [NAME]";
	for (const struct option *o = options; o < options + N_OPTIONS; o++)
		nearest_offer(&near, o->refused ? NULL : o->name);
	return reasonf("unknown option \"%.24s\"%s%s", log_escape(&text, p, len),
		       len > 24 ? "..." : "", nearest_hint(&near, ""));
}

static const char *parse_option(const char **p, struct keyline *k, uint32_t *seen)
{
	const size_t len = strspn(*p, NAME);
	const struct option *o = find_option(*p, len);
	const char *why = NULL;
	char value[VALUE_MAX] = "";

	if (!o)
		return unknown_option(*p);
	if (o->refused)
		return reasonf("option %s %s", o->name, o->refused);
	if ((*seen & 1U << (o - options)) && o->form != REPEATED)
		return reasonf("option %s is repeated", o->name);
	*seen |= 1U << (o - options);
	*p += len;
	if (o->form == FLAG && **p == '=')
		return reasonf("option %s takes no value", o->name);
	if (o->form != FLAG) {
		if (*(*p)++ != '=')
			return reasonf("option %s needs a value: %s=%s", o->name, o->name,
				       o->form == NUMBER ? "N" : "\"...\"");
		why = parse_value(p, o, value);
		if (why)
			return why;
	}
	why = o->set ? o->set(k, o, value) : NULL;
	return why ? reasonf("%s: %s", o->name, why) : NULL;
}

/* Sets *p behind the options and the blanks that follow them. */
static const char *parse_options(const char **p, struct keyline *k)
{
	uint32_t seen = 0;

	for (;; (*p)++) {
		const char *why = parse_option(p, k, &seen);

		if (why)
			return why;
		if (**p != ',')
			break;
	}
	if (**p && !strchr(BLANK, **p))
		return reasonf("expected a comma or a blank after an option, found \"%c\"", **p);
	*p += strspn(*p, BLANK);
	return k->replace_old && !k->max_sessions
		   ? "replace-old has no meaning without max-sessions=N"
		   : NULL;
}

/* ---- the line ---- */

/* Whether a word begins like a key type; no option's name does. */
static bool looks_like_type(const char *word)
{
	return !strncmp(word, "ssh-", 4) || !strncmp(word, "ecdsa-", 6) || !strncmp(word, "sk-", 3);
}

static const char *parse_key(const char **p, struct keyline *k)
{
	const size_t type_len = strcspn(*p, BLANK);
	const char *text = *p + type_len + strspn(*p + type_len, BLANK), *why = NULL;
	const size_t text_len = strcspn(text, BLANK);
	const struct key_type *type;
	struct log_text shown;
	long n = 0;

	if (type_len == 0)
		return "no key follows the options";
	log_escape(&shown, *p, type_len);
	if (strstr(shown.s, "-cert-v01@"))
		return "certificates are not supported";
	k->type = key_type_find(*p, type_len);
	if (!k->type)
		return keyline_holds_key(*p)
			   ? reasonf("key type \"%s\" is not supported; a stray blank?", shown.s)
			   : "the key type is not supported, and no key follows it";
	k->blob = xmalloc(KEYLINE_BLOB_MAX);
	n = keyline_base64(text, text_len, k->blob, KEYLINE_BLOB_MAX);
	if (n <= 0)
		return "the key is cut, too long or not base64";
	k->blob_len = (size_t)n;
	type = keyline_check_blob(k->blob, k->blob_len, &why);
	if (!type)
		return why;
	if (type != k->type)
		return reasonf("the line says %s, the key is %s", shown.s, type->name);
	keyline_digest(k->blob, k->blob_len, k->digest);
	keyline_fingerprint(k->digest, k->fingerprint);
	*p = text + text_len;
	return NULL;
}

static const char *parse_comment(const char *comment, struct keyline *k)
{
	size_t n = 0;

	/* Two lines joined by a missing newline: the second key would silently be lost. */
	if (keyline_holds_key(comment))
		return "the comment holds a second key (is a line end missing?)";
	comment += strspn(comment, BLANK);
	if (k->name[0])
		return NULL;
	for (; comment[n] && !strchr(BLANK, comment[n]) && n < KEYLINE_NAME - 1; n++)
		k->name[n] = keyline_is_name_char(comment[n]) ? comment[n] : '?';
	if (n == 0)
		snprintf(k->name, sizeof(k->name), "%.16s", k->fingerprint);
	return NULL;
}

static const char *parse_line(const char *line, struct keyline *k)
{
	const char *p = line, *why = looks_like_type(p) ? NULL : parse_options(&p, k);
	size_t n = (size_t)(p - line);

	while (n > 0 && strchr(BLANK, line[n - 1]))
		n--;
	k->options = xstrndup(line, n);
	if (!why)
		why = parse_key(&p, k);
	if (!why && k->verify_required && !k->type->token)
		why = reasonf("verify-required needs a security key (sk-...), and this is %s",
			      k->type->name);
	return why ? why : parse_comment(p, k);
}

static const char *check_bytes(const char *text, size_t len)
{
	if (len > KEYLINE_MAX)
		return reasonf("the line is longer than %d bytes", KEYLINE_MAX);
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return reasonf(
			    "byte %zu is the control byte 0x%02x%s", i + 1, c,
			    c == '\r' ? " (a DOS line end? sed -i 's/\\r$//' FILE takes them off)"
				      : "");
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return "a byte order mark; take it off with: sed -i 's/^\\xef\\xbb\\xbf//' FILE";
	return NULL;
}

int keyline_parse(const char *text, size_t len, struct keyline *out, const char **errstr)
{
	char *line = NULL;

	*out = (struct keyline){.blob = NULL};
	*errstr = check_bytes(text, len);
	if (*errstr)
		return -1;
	for (; len && strchr(BLANK, *text); len--)
		text++;
	if (len == 0 || *text == '#')
		return 0;
	line = xstrndup(text, len);
	*errstr = parse_line(line, out);
	free(line);
	if (!*errstr)
		return 1;
	keyline_free(out);
	return -1;
}

void keyline_free(struct keyline *k)
{
	for (size_t i = 0; i < k->n_permitopen; i++)
		free(k->permitopen[i]);
	cidr_free(&k->from);
	free(k->options);
	free(k->valid_text);
	free(k->connect_as);
	free(k->blob);
	*k = (struct keyline){.blob = NULL};
}

/* ---- two lines of one key ---- */

/* The end of the option at p, in a line that parsed without fault. */
static const char *option_end(const char *p)
{
	bool quoted = false;

	for (; *p && (quoted || *p != ','); p++) {
		if (quoted && p[0] == '\\' && p[1] == '"')
			p++;
		else if (*p == '"')
			quoted = !quoted;
	}
	return p;
}

enum relation { MISSING, SAME, OTHER };

/* The relation of an option of len bytes to those of another line.  Each value of an option that
 * may be repeated counts by itself. */
static enum relation compare_option(const char *others, const char *o, size_t len)
{
	const size_t name = strcspn(o, "=,");

	for (const char *p = others, *end; *p; p = end + (*end == ',')) {
		end = option_end(p);
		if (strcspn(p, "=,") != name || strncasecmp(p, o, name) != 0)
			continue;
		if ((size_t)(end - p) == len && memcmp(p + name, o + name, len - name) == 0)
			return SAME;
		if (find_option(o, name)->form != REPEATED)
			return OTHER;
	}
	return MISSING;
}

void keyline_merge(const struct keyline *a, const struct keyline *b, char *out, size_t size)
{
	char merged[MERGED_MAX];
	size_t used = (size_t)snprintf(merged, sizeof(merged), "%s", a->options);

	for (const char *p = b->options, *end; *p; p = end + (*end == ',')) {
		const char *comma = used ? "," : "";
		enum relation relation;

		end = option_end(p);
		relation = compare_option(a->options, p, (size_t)(end - p));
		if (relation == OTHER) {
			snprintf(out, size, "they differ in %.*s: keep the line that is meant",
				 (int)strcspn(p, "=,"), p);
			return;
		}
		if (relation == MISSING && used < sizeof(merged))
			used += (size_t)snprintf(merged + used, sizeof(merged) - used, "%s%.*s",
						 comma, (int)(end - p), p);
	}
	snprintf(out, size, "write one line: %s%s%s%s AAAA... %s", merged,
		 used < sizeof(merged) ? "" : "...", used ? " " : "", a->type->name, a->name);
}
