// SPDX-License-Identifier: BSD-2-Clause
#include "keyline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "endpoint.h"
#include "log.h"

#define BLANK	  " \t"
#define ALNUM	  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define VALUE_MAX 512

_Static_assert(KEYLINE_ENDPOINT == ENDPOINT_NAME, "an endpoint's name fits the entry");

static int __attribute__((format(printf, 2, 3))) fault(char *err, const char *fmt, ...)
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
		return fault(err, "endpoint: %s", why);
	snprintf(k->endpoint, sizeof(k->endpoint), "%s", value);
	return 0;
}

static bool is_name_char(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

static int set_name(struct keyline *k, const char *value, char *err)
{
	size_t n = 0;

	while (is_name_char(value[n]))
		n++;
	if (n == 0 || value[n] || n >= KEYLINE_NAME)
		return fault(err, "name: expected 1 to %d printable characters without blanks",
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
		return fault(err, "permitopen: at most %d of them", KEYLINE_PERMITOPEN);
	if (address_split(value, host, &port_text, &why) < 0)
		return fault(err, "permitopen: %s", why);
	if (strcmp(port_text, "*") != 0 && (address_parse_port(port_text, &port) < 0 || port == 0))
		return fault(err, "permitopen: the port is neither * nor a number from 1 to 65535");
	k->permitopen[k->n_permitopen] = strdup(value);
	if (!k->permitopen[k->n_permitopen])
		return fault(err, "out of memory");
	k->n_permitopen++;
	return 0;
}

#define NOT_BUILT "is not built yet"
#define NOT_OURS  "asks for what sshipc does not have"

/* With set it takes a value; with refused it is a fault; with neither it is a flag that changes
 * nothing. */
static const struct option {
	const char *name;
	int (*set)(struct keyline *k, const char *value, char *err);
	const char *refused;
} options[] = {
    {"endpoint", set_endpoint, NULL},
    {"name", set_name, NULL},
    {"permitopen", set_permitopen, NULL},
    {"restrict", NULL, NULL},
    {"port-forwarding", NULL, NULL},
    {"no-agent-forwarding", NULL, NULL},
    {"no-pty", NULL, NULL},
    {"no-user-rc", NULL, NULL},
    {"no-x11-forwarding", NULL, NULL},
    {"no-port-forwarding", NULL, "denies all that sshipc gives; remove the line instead"},
    {"expiry-time", NULL, NOT_BUILT},
    {"valid", NULL, NOT_BUILT},
    {"from", NULL, NOT_BUILT},
    {"max-sessions", NULL, NOT_BUILT},
    {"max-channels", NULL, NOT_BUILT},
    {"replace-old", NULL, NOT_BUILT},
    {"source", NULL, NOT_BUILT},
    {"connect-as", NULL, NOT_BUILT},
    {"command", NULL, NOT_OURS},
    {"environment", NULL, NOT_OURS},
    {"tunnel", NULL, NOT_OURS},
    {"permitlisten", NULL, NOT_OURS},
    {"pty", NULL, NOT_OURS},
    {"user-rc", NULL, NOT_OURS},
    {"agent-forwarding", NULL, NOT_OURS},
    {"x11-forwarding", NULL, NOT_OURS},
    {"cert-authority", NULL, NOT_OURS},
    {"principals", NULL, NOT_OURS},
};

#define N_OPTIONS (sizeof(options) / sizeof(*options))
_Static_assert(N_OPTIONS <= 32, "the set of options seen is an uint32_t");

/* Reads a value from its opening quote on.  As in sshd(8) only \" is an escape. */
static int parse_value(const char **p, const struct option *o, char value[VALUE_MAX], char *err)
{
	const char *s = *p;
	size_t n = 0;

	if (*s++ != '"')
		return fault(err, "the value of %s needs double quotes", o->name);
	for (; *s != '"'; s++) {
		if (s[0] == '\\' && s[1] == '"')
			s++;
		if (!*s)
			return fault(err, "the value of %s has no closing quote", o->name);
		if (n == VALUE_MAX - 1)
			return fault(err, "the value of %s is too long", o->name);
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
	size_t len = strspn(*p, ALNUM "-");
	const struct option *o = find_option(*p, len);
	struct log_text text;
	char value[VALUE_MAX];

	if (!o) {
		len = strcspn(*p, BLANK ",=\"");
		if (len == 0)
			return fault(err,
				     "an option is missing its name (a stray comma or blank?)");
		return fault(err, "unknown option \"%s\"", log_escape(&text, *p, len));
	}
	if (o->refused)
		return fault(err, "option %s %s", o->name, o->refused);
	if ((*seen & 1U << (o - options)) && o->set != set_permitopen)
		return fault(err, "option %s is repeated", o->name);
	*seen |= 1U << (o - options);
	*p += len;
	if (!o->set)
		return 0;
	if (*(*p)++ != '=')
		return fault(err, "option %s needs a value: %s=\"...\"", o->name, o->name);
	return parse_value(p, o, value, err) < 0 ? -1 : o->set(k, value, err);
}

static int parse_options(const char **p, struct keyline *k, char *err)
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
		return fault(err, "expected a comma or a blank after an option, found \"%c\"", **p);
	*p += strspn(*p, BLANK);
	return 0;
}

/* No option's name begins so; what does is meant as a key. */
static bool looks_like_type(const char *word)
{
	return !strncmp(word, "ssh-", 4) || !strncmp(word, "ecdsa-", 6) || !strncmp(word, "sk-", 3);
}

static int parse_key(const char **p, struct keyline *k, char *err)
{
	size_t type_len = strcspn(*p, BLANK), text_len = 0;
	const char *text = *p + type_len + strspn(*p + type_len, BLANK), *why = NULL;
	struct log_text shown;
	long n = 0;

	if (type_len == 0)
		return fault(err, "no key follows the options");
	log_escape(&shown, *p, type_len);
	if (strstr(shown.s, "-cert-v01@"))
		return fault(err, "certificates are not supported");
	if (!keyline_type_known(*p, type_len))
		return fault(err, "key type \"%s\" is not supported", shown.s);
	text_len = strcspn(text, BLANK);
	k->blob = malloc(KEYLINE_BLOB_MAX);
	if (!k->blob)
		return fault(err, "out of memory");
	n = keyline_base64(text, text_len, k->blob, KEYLINE_BLOB_MAX);
	if (n <= 0)
		return fault(err, "the key is cut, too long or not base64");
	k->blob_len = (size_t)n;
	if (keyline_check_blob(k->blob, k->blob_len, k->type, &why) < 0)
		return fault(err, "%s", why);
	if (strlen(k->type) != type_len || memcmp(k->type, *p, type_len) != 0)
		return fault(err, "the line says %s, the key is %s", shown.s, k->type);
	keyline_digest(k->blob, k->blob_len, k->digest);
	keyline_fingerprint(k->digest, k->fingerprint);
	*p = text + text_len;
	return 0;
}

/* Two lines run together by a missing newline: the second key would silently be lost. */
static bool holds_key(const char *comment)
{
	for (const char *w = comment; *(w += strspn(w, BLANK)); w += strcspn(w, BLANK)) {
		/* "AAAA": every blob begins with a length below 2^8. */
		if (!strncmp(w, "AAAA", 4) && strspn(w, ALNUM "+/") >= 20)
			return true;
	}
	return false;
}

static int parse_comment(const char *comment, struct keyline *k, char *err)
{
	size_t n = 0;

	comment += strspn(comment, BLANK);
	if (holds_key(comment))
		return fault(err, "the comment holds a second key (is a line end missing?)");
	if (k->name[0])
		return 0;
	for (; comment[n] && !strchr(BLANK, comment[n]) && n < KEYLINE_NAME - 1; n++)
		k->name[n] = is_name_char(comment[n]) ? comment[n] : '?';
	if (n == 0)
		snprintf(k->name, sizeof(k->name), "%.16s", k->fingerprint);
	return 0;
}

static int parse_line(const char *line, struct keyline *out, char *err)
{
	const char *p = line;

	if (!looks_like_type(p) && parse_options(&p, out, err) < 0)
		return -1;
	if (parse_key(&p, out, err) < 0)
		return -1;
	return parse_comment(p, out, err);
}

int keyline_parse(const char *text, size_t len, struct keyline *out, char err[KEYLINE_ERROR])
{
	char *line = NULL;
	int rc = -1;

	*out = (struct keyline){.blob = NULL};
	if (len > KEYLINE_MAX)
		return fault(err, "the line is longer than %d bytes", KEYLINE_MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return fault(err, "byte %zu is the control byte 0x%02x%s", i + 1, c,
				     c == '\r' ? " (a DOS line end?)" : "");
	}
	while (len && strchr(BLANK, *text)) {
		text++;
		len--;
	}
	if (len == 0 || *text == '#')
		return 0;
	line = strndup(text, len);
	rc = line ? parse_line(line, out, err) : fault(err, "out of memory");
	free(line);
	if (rc == 0)
		return 1;
	keyline_free(out);
	return -1;
}

void keyline_free(struct keyline *k)
{
	for (size_t i = 0; i < k->n_permitopen; i++)
		free(k->permitopen[i]);
	free(k->blob);
	*k = (struct keyline){.blob = NULL};
}
