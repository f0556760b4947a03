// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the program that was started with --explain or -T, never in a server; called by start-up.
 * It prints, and decides nothing: every "pass" is policy_ask()'s.
 */
#include "explain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "alloc.h"
#include "keyform.h"
#include "log.h"

const char *explain_set_from(void *explain, const char *value)
{
	struct explain *q = explain;

	/* A host name is not accepted as an address, not even localhost. */
	return strpbrk(value, ".:") && address_from_host(value, 0, &q->request.source) == 0
		   ? NULL
		   : "expected an IP address";
}

const char *explain_set_at(void *explain, const char *value)
{
	return window_parse_time(value, &((struct explain *)explain)->request.now);
}

const char *explain_set_dest(void *explain, const char *value)
{
	struct explain *q = explain;
	const bool has_port = !strchr("/@", value[0]) && strchr(value, ':');
	char host[ADDRESS_HOST];
	const char *port_text = NULL, *why = NULL;
	uint16_t port = 0;

	if (has_port && (why = address_split(value, host, &port_text)))
		return why;
	if (has_port && address_parse_port(port_text, &port) < 0)
		return "the port is not a number from 0 to 65535";
	q->request.action = value[0] == '/' ? POLICY_DIRECT_STREAMLOCAL : POLICY_DIRECT_TCPIP;
	q->request.port = port;
	free(q->host);
	q->host = xstrdup(has_port ? host : value);
	return NULL;
}

const char *explain_check(const struct explain *q)
{
	const bool from = q->request.source.len > 0;

	if (!q->wanted)
		return q->key || from || q->request.now || q->host
			   ? "--key, --from, --at and --dest belong to --explain"
			   : NULL;
	return q->key && from ? NULL : "--explain needs --key FILE and --from ADDRESS";
}

void explain_free(struct explain *q)
{
	free(q->key);
	free(q->host);
	*q = (struct explain){.key = NULL};
}

/* ---- the answer ---- */

/* Takes the key of one line of the file; a second key is a fault. */
static const char *read_key_line(const char *text, size_t len, struct keyline *key)
{
	const char *why = keyform_public_fault(text, len);
	struct keyline k;

	if (!why && keyline_parse(text, len - (text[len - 1] == '\n'), &k, &why) == 1) {
		if (!key->blob) {
			*key = k;
			return NULL;
		}
		why = "there is more than one key";
		keyline_free(&k);
	}
	return why;
}

/* Reads the one key of the file into key.  0, or -1 after a message. */
static int read_key(const char *path, struct keyline *key)
{
	FILE *f = fopen(path, "re");
	const char *why = NULL;
	char *text = NULL;
	size_t room = 0;
	ssize_t n = 0;
	int rc = 0;

	while (f && !why && (n = getline(&text, &room, f)) > 0)
		why = read_key_line(text, (size_t)n, key);
	if (!f || ferror(f))
		rc = fprintf(stderr, "%s: %s\n", path, strerror(errno));
	else if (why || !key->blob)
		rc = fprintf(stderr, "%s: %s; expected one public key line, as in id.pub\n", path,
			     why ? why : "there is no key");
	free(text);
	if (f)
		fclose(f);
	return rc == 0 ? 0 : -1;
}

/* Prints the limits that a running server enforces and the policy does not check. */
static void print_limits(const struct keyline *k, char before)
{
	char source[ADDRESS_TEXT];

	if (k->max_sessions)
		printf("%cmax-sessions=%u", before, k->max_sessions);
	if (k->replace_old)
		printf("%creplace-old", before);
	if (k->max_channels)
		printf("%cmax-channels=%u", before, k->max_channels);
	if (k->max_lifetime)
		printf("%cmax-lifetime=%u", before, k->max_lifetime);
	if (k->idle_timeout)
		printf("%cidle-timeout=%u", before, k->idle_timeout);
	if (k->source.len)
		printf("%csource=\"%s\"", before,
		       address_format_host(&k->source, source, sizeof(source)));
	if (k->verify_required)
		printf("%cverify-required", before);
	if (k->no_effect[0])
		printf("%cno effect: %s", before, k->no_effect);
}

static bool granted(enum policy_verdict v)
{
	return v == POLICY_GRANT || v == POLICY_GRANT_STATUS;
}

/* Prints one line: whether the condition holds, and its values in key and request. */
__attribute__((format(printf, 4, 5))) static void print_condition(enum policy_condition c,
								  const struct allow_entry *e,
								  const struct policy_request *r,
								  const char *format, ...)
{
	va_list args;

	printf("%s  ", granted(policy_ask(c, &e->key, e->endpoint, r)) ? "pass" : "FAIL");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* Checks all conditions but POLICY_ASK_VERIFIED, which only a signature can show. */
static enum policy_verdict explain_entry(const struct allow_entry *e,
					 const struct policy_request *r)
{
	const struct keyline *k = &e->key;
	const bool tcp = r->action == POLICY_DIRECT_TCPIP;
	struct policy_request login = *r;
	char text[ADDRESS_TEXT], time[WINDOW_TEXT], port[24] = "", idle[32] = "";
	struct log_text host;

	if (e->endpoint->idle_timeout)
		snprintf(idle, sizeof(idle), ", idle_timeout %d s", e->endpoint->idle_timeout);

	print_condition(POLICY_ASK_KEY, e, r, "key          %s", k->fingerprint);
	print_condition(POLICY_ASK_TYPE, e, r, "channel      %s",
			tcp ? "direct-tcpip" : "direct-streamlocal");
	print_condition(POLICY_ASK_ENDPOINT, e, r, "endpoint     %s, %s%s%s%s", e->endpoint->name,
			address_format(&e->endpoint->address, text, sizeof(text)), idle,
			k->connect_as ? ", as user " : "", k->connect_as ? k->connect_as : "");
	print_condition(POLICY_ASK_SOURCE, e, r, "from         %s, allowed: %s",
			address_format_host(&r->source, text, sizeof(text)),
			k->from.text ? k->from.text : "any");
	print_condition(POLICY_ASK_EXPIRY, e, r, "expiry-time  %s",
			k->expires ? window_format_time(k->expires, time) : "never");
	print_condition(POLICY_ASK_WINDOW, e, r, "valid        %s, allowed: %s",
			window_format_time(r->now, time), k->valid_text ? k->valid_text : "always");
	if (tcp && r->port)
		snprintf(port, sizeof(port), " port %u", r->port);
	print_condition(POLICY_ASK_DESTINATION, e, r, "destination  %s%s",
			log_escape(&host, r->host, r->host_len), port);
	if (k->max_sessions || k->max_channels || k->max_lifetime || k->idle_timeout ||
	    k->source.len || k->verify_required || k->no_effect[0]) {
		printf("      not asked here:");
		print_limits(k, ' ');
		printf("\n");
	}
	login.action = POLICY_LOGIN;
	if (policy_decide(k, e->endpoint, &login) != POLICY_GRANT)
		printf("refused at login: ");
	else if (!granted(policy_decide(k, e->endpoint, r)))
		printf("login granted, channel refused: ");
	return policy_decide(k, e->endpoint, r);
}

int explain_answer(const struct explain *q, const char *path, const struct allowlist *list)
{
	struct policy_request r = q->request;
	struct keyline key = {.blob = NULL};
	const struct allow_entry *e = NULL;
	enum policy_verdict verdict;
	int code = EX_CONFIG;

	if (read_key(q->key, &key) < 0)
		goto out;
	if (!r.now)
		r.now = time(NULL);
	r.user_verified = true;
	if (!q->host)
		r.action = POLICY_DIRECT_TCPIP;
	r.host = q->host ? q->host : ".";
	r.host_len = strlen(r.host);
	e = allowlist_find(list, key.blob, key.blob_len);
	if (e) {
		printf("%s:%u: %s\n", path, e->key.line, e->key.name);
		verdict = explain_entry(e, &r);
	} else {
		printf("%s: no line for this key\nFAIL  key          %s\nrefused at login: ", path,
		       key.fingerprint);
		verdict = policy_decide(NULL, NULL, &r);
	}
	printf("%s%s%s\n", policy_texts[verdict].reason, granted(verdict) ? "" : "; ",
	       granted(verdict) ? "" : policy_texts[verdict].remedy);
	code = granted(verdict) ? EX_OK : EX_NOPERM;
out:
	keyline_free(&key);
	return code;
}

void explain_access(const struct allowlist *list)
{
	char text[ADDRESS_TEXT], time[WINDOW_TEXT];

	printf("\n# access: line, key, fingerprint, endpoint, address, conditions\n");
	for (size_t i = 0; i < allowlist_count(list); i++) {
		const struct allow_entry *e = allowlist_get(list, i);
		const struct keyline *k = &e->key;

		printf("# %u\t%s\t%s\t%s\t%s", k->line, k->name, k->fingerprint, e->endpoint->name,
		       address_format(&e->endpoint->address, text, sizeof(text)));
		if (k->connect_as)
			printf("\tconnect-as=\"%s\"", k->connect_as);
		if (k->from.text)
			printf("\tfrom=\"%s\"", k->from.text);
		if (k->expires)
			printf("\texpiry-time=\"%s\"", window_format_time(k->expires, time));
		if (k->valid_text)
			printf("\tvalid=\"%s\"", k->valid_text);
		print_limits(k, '\t');
		printf("\n");
	}
	if (allowlist_count(list) == 0)
		printf("# the allow list is empty: every login is refused\n");
}
