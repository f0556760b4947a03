// SPDX-License-Identifier: BSD-2-Clause
#include "keyline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "keyoption.h"
#include "log.h"

#define BLANK	   " \t"
#define MERGED_MAX 512 /* bytes of options shown of two lines that are one */

bool keyline_is_name_char(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
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
		return keyoption_fault(err, "no key follows the options");
	log_escape(&shown, *p, type_len);
	if (strstr(shown.s, "-cert-v01@"))
		return keyoption_fault(err, "certificates are not supported");
	if (!keyline_type_known(*p, type_len) && !keyline_holds_key(*p))
		return keyoption_fault(err, "the key type is not supported, and no key follows it");
	if (!keyline_type_known(*p, type_len))
		return keyoption_fault(err, "key type \"%s\" is not supported", shown.s);
	text_len = strcspn(text, BLANK);
	k->blob = xmalloc(KEYLINE_BLOB_MAX);
	n = keyline_base64(text, text_len, k->blob, KEYLINE_BLOB_MAX);
	if (n <= 0)
		return keyoption_fault(err, "the key is cut, too long or not base64");
	k->blob_len = (size_t)n;
	if (keyline_check_blob(k->blob, k->blob_len, k->type, &why) < 0)
		return keyoption_fault(err, "%s", why);
	if (strlen(k->type) != type_len || memcmp(k->type, *p, type_len) != 0)
		return keyoption_fault(err, "the line says %s, the key is %s", shown.s, k->type);
	keyline_digest(k->blob, k->blob_len, k->digest);
	keyline_fingerprint(k->digest, k->fingerprint);
	*p = text + text_len;
	return 0;
}

static int parse_comment(const char *comment, struct keyline *k, char *err)
{
	size_t n = 0;

	/* Two lines run together by a missing newline: the second key would silently be lost. */
	if (keyline_holds_key(comment))
		return keyoption_fault(err,
				       "the comment holds a second key (is a line end missing?)");
	comment += strspn(comment, BLANK);
	if (k->name[0])
		return 0;
	for (; comment[n] && !strchr(BLANK, comment[n]) && n < KEYLINE_NAME - 1; n++)
		k->name[n] = keyline_is_name_char(comment[n]) ? comment[n] : '?';
	if (n == 0)
		snprintf(k->name, sizeof(k->name), "%.16s", k->fingerprint);
	return 0;
}

static int parse_line(const char *line, struct keyline *out, char *err)
{
	const char *p = line;
	size_t n;

	if (!looks_like_type(p) && keyoption_parse(&p, out, err) < 0)
		return -1;
	for (n = (size_t)(p - line); n > 0 && strchr(BLANK, line[n - 1]);)
		n--;
	out->options = xstrndup(line, n);
	if (parse_key(&p, out, err) < 0)
		return -1;
	if (out->verify_required && strncmp(out->type, "sk-", 3) != 0)
		return keyoption_fault(
		    err, "verify-required needs a security key (sk-...), and this is %s",
		    out->type);
	return parse_comment(p, out, err);
}

int keyline_parse(const char *text, size_t len, struct keyline *out, char err[KEYLINE_ERROR])
{
	char *line = NULL;
	int rc = -1;

	*out = (struct keyline){.blob = NULL};
	if (len > KEYLINE_MAX)
		return keyoption_fault(err, "the line is longer than %d bytes", KEYLINE_MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return keyoption_fault(
			    err, "byte %zu is the control byte 0x%02x%s", i + 1, c,
			    c == '\r' ? " (a DOS line end? sed -i 's/\\r$//' FILE takes them off)"
				      : "");
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return keyoption_fault(
		    err, "a byte order mark; take it off with: sed -i 's/^\\xef\\xbb\\xbf//' FILE");
	while (len && strchr(BLANK, *text)) {
		text++;
		len--;
	}
	if (len == 0 || *text == '#')
		return 0;
	line = xstrndup(text, len);
	rc = parse_line(line, out, err);
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
	cidr_free(&k->from);
	free(k->options);
	free(k->from_text);
	free(k->valid_text);
	free(k->blob);
	*k = (struct keyline){.blob = NULL};
}

/* ---- two lines of one key ---- */

/* Behind an option; the line was good. */
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

/* Of an option of len bytes to those of another line.  Of what may be repeated each value counts.
 */
static enum relation find_option(const char *options, const char *o, size_t len)
{
	const size_t name = strcspn(o, "=,");
	const bool repeats = !strncasecmp(o, "permit", 6);

	for (const char *p = options; *p; p = option_end(p) + (*option_end(p) == ',')) {
		const size_t n = (size_t)(option_end(p) - p);

		if (strcspn(p, "=,") != name || strncasecmp(p, o, name) != 0)
			continue;
		if (n == len && memcmp(p + name, o + name, len - name) == 0)
			return SAME;
		if (!repeats)
			return OTHER;
	}
	return MISSING;
}

void keyline_merge(const struct keyline *a, const struct keyline *b, char *out, size_t size)
{
	char options[MERGED_MAX];
	size_t used = (size_t)snprintf(options, sizeof(options), "%s", a->options);

	for (const char *p = b->options, *end; *p; p = end + (*end == ',')) {
		end = option_end(p);
		switch (find_option(a->options, p, (size_t)(end - p))) {
		case OTHER:
			snprintf(out, size, "they differ in %.*s: keep the line that is meant",
				 (int)strcspn(p, "=,"), p);
			return;
		case MISSING:
			if (used < sizeof(options))
				used +=
				    (size_t)snprintf(options + used, sizeof(options) - used,
						     "%s%.*s", used ? "," : "", (int)(end - p), p);
			break;
		case SAME:
			break;
		}
	}
	snprintf(out, size, "write one line: %s%s%s%s AAAA... %s", options,
		 used < sizeof(options) ? "" : "...", used ? " " : "", a->type, a->name);
}
