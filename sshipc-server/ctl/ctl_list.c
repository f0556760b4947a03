// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in `sshipc-server ctl approve` and `ctl revoke`, with their caller's rights; called by
 * ctl.c. The list is changed through rewrite.c alone, and no key is added that the server does not
 * name as pending.
 */
#include "ctl_list.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "alloc.h"
#include "json.h"
#include "rewrite.h"

#define FINGERPRINT_PREFIX "SHA256:"

static bool is_fingerprint(const char *text)
{
	return strlen(text) == 50 && !strncmp(text, FINGERPRINT_PREFIX, strlen(FINGERPRINT_PREFIX));
}

/* Sets which list the running server has, and what may stand in its lines.  EX_OK, or the exit code
 * after saying why it is unknown. */
static int learn(struct ctl *c)
{
	struct settings *s = &c->settings;
	char value[2048], name[64], kind[16], at[1024];
	const char *why = NULL, *p;
	int code;
	char *answer = ask_server(c, "status", EX_UNAVAILABLE, &code);

	if (!answer)
		return code;
	s->allowlist = xstrdup(json_value(answer, "allowlist", value, sizeof(value)));
	for (p = json_first(json_find(answer, "endpoints")); p && !why; p = json_next(p)) {
		snprintf(value, sizeof(value), "%s:%s=%s",
			 json_value(p, "name", name, sizeof(name)),
			 json_value(p, "kind", kind, sizeof(kind)),
			 json_value(p, "address", at, sizeof(at)));
		why = settings_add_endpoint(s, value);
	}
	if (strcmp(json_value(answer, "default", value, sizeof(value)), "-") != 0)
		s->default_endpoint = xstrdup(value);
	for (p = json_first(json_find(answer, "connect_as")); p && !why; p = json_next(p)) {
		json_copy(p, value, sizeof(value));
		why = settings_add_connect_as(&s->connect_as, value);
	}
	free(answer);
	return why ? ask_usage("%s: %s", value, why) : EX_OK;
}

static struct rewrite *open_list(struct ctl *c, int *code)
{
	const bool known = c->settings.allowlist || c->settings.n_endpoints || !*c->path;
	struct rewrite *r = NULL;
	bool unwritable = false;

	*code = known ? EX_OK : learn(c);
	if (*code == EX_OK && (!c->settings.allowlist || !c->settings.n_endpoints))
		*code = EX_USAGE;
	if (*code != EX_OK) {
		ask_usage("give the server's -f FILE, or its -a FILE and each -e [NAME=]ADDRESS");
		return NULL;
	}
	r = rewrite_open(&c->settings, options_print_fault, NULL, &unwritable);
	*code = unwritable ? EX_CANTCREAT : EX_CONFIG;
	if (!r)
		fprintf(stderr, "the list was not touched\n");
	return r;
}

static int write_list(struct rewrite *r)
{
	if (rewrite_prepare(r) == 0 && rewrite_commit(r) == 0)
		return EX_OK;
	fprintf(stderr, "the list was not touched\n");
	return EX_CANTCREAT;
}

/* The list's file decides, and a server reads it at its start: one that is not there is no failure.
 */
static int tell_server(const struct ctl *c)
{
	char summary[2048];
	int code = EX_OK;
	char *answer = ask_server(c, "reload", EX_CONFIG, &code);

	if (answer)
		printf("reload: %s\n", json_value(answer, "summary", summary, sizeof(summary)));
	else
		fprintf(stderr, "the list is changed, but no server was told: its next start "
				"reads it, or its watch, or SIGHUP\n");
	free(answer);
	return code == EX_UNAVAILABLE ? EX_OK : code;
}

/* ---- revoke ---- */

static bool is_meant(const struct keyline *k, const char *whom)
{
	return strcmp(is_fingerprint(whom) ? k->fingerprint : k->name, whom) == 0;
}

static void print_lines(FILE *f, const struct rewrite *r, const char *whom, const char *word)
{
	const struct allowlist *list = rewrite_list(r);

	for (size_t i = 0; i < allowlist_count(list); i++) {
		const struct keyline *k = &allowlist_get(list, i)->key;

		if (is_meant(k, whom))
			fprintf(f, "%s:%u: %s%s (%s)\n", rewrite_path(r), k->line, word, k->name,
				k->fingerprint);
	}
}

static int remove_lines(struct rewrite *r, const char *whom)
{
	const struct allowlist *list = rewrite_list(r);
	size_t n = 0;
	int code;

	for (size_t i = allowlist_count(list); i-- > 0;)
		if (is_meant(&allowlist_get(list, i)->key, whom)) {
			rewrite_remove(r, allowlist_get(list, i)->key.line);
			n++;
		}
	if (n == 0)
		return ask_usage("%s has no key '%s'", rewrite_path(r), whom);
	if (n > 1 && !is_fingerprint(whom)) {
		print_lines(stderr, r, whom, "");
		return ask_usage("'%s' names %zu keys: give the fingerprint", whom, n);
	}
	code = write_list(r);
	if (code == EX_OK)
		print_lines(stdout, r, whom, "removed ");
	return code;
}

int ctl_list_revoke(struct ctl *c, int argc, char **argv)
{
	struct rewrite *r;
	int code;

	if (argc != 2 || !*argv[1])
		return ask_usage("revoke takes one fingerprint or key name");
	r = open_list(c, &code);
	if (!r)
		return code;
	code = remove_lines(r, argv[1]);
	rewrite_close(r);
	return code == EX_OK ? tell_server(c) : code;
}

/* ---- approve ---- */

const char *ctl_list_compose(const struct approval *a, const char *key, char line[KEYLINE_MAX])
{
	const char *from = a->from ? a->from : "", *max = a->max_sessions ? a->max_sessions : "";
	const char *why = NULL;
	struct keyline k;
	bool same = false;
	int n = snprintf(line, KEYLINE_MAX, "endpoint=\"%s\",name=\"%s\"%s%s%s%s%s %s", a->endpoint,
			 a->name, *from ? ",from=\"" : "", from, *from ? "\"" : "",
			 *max ? ",max-sessions=" : "", max, key);

	if (n < 0 || n >= KEYLINE_MAX)
		return "an option's value is too long";
	if (strlen(max) != strspn(max, "0123456789"))
		return "max-sessions: expected a number";
	if (keyline_parse(line, (size_t)n, &k, &why) != 1)
		return why;
	/* A quote in a value could have brought options of its own. */
	same = !strcmp(k.fingerprint, a->fingerprint) && !strcmp(k.endpoint, a->endpoint) &&
	       !strcmp(k.name, a->name) && !strcmp(k.from.text ? k.from.text : "", from);
	keyline_free(&k);
	return same ? NULL : "the line would not be what was asked for";
}

/* The key of that fingerprint among the pending ones; "" for none. */
static void find_pending(char *answer, const char *fingerprint, char key[KEYLINE_MAX])
{
	char text[64], *end;

	key[0] = '\0';
	for (char *p = answer; (end = strchr(p, '\n')) && end[1]; p = end + 1) {
		*end = '\0';
		if (!strcmp(json_value(p, "fingerprint", text, sizeof(text)), fingerprint))
			json_value(p, "key", key, KEYLINE_MAX);
	}
}

static int append_line(const struct ctl *c, struct rewrite *r, const struct approval *a)
{
	char key[KEYLINE_MAX], line[KEYLINE_MAX], *answer;
	const char *why = NULL;
	int code;

	for (size_t i = 0; i < allowlist_count(rewrite_list(r)); i++)
		if (is_meant(&allowlist_get(rewrite_list(r), i)->key, a->fingerprint)) {
			print_lines(stderr, r, a->fingerprint, "");
			return ask_usage("%s is in the list already", a->fingerprint);
		}
	if (!endpoint_find(c->settings.endpoints, c->settings.n_endpoints, a->endpoint))
		return ask_usage("approve: no endpoint is named '%s'; ctl status has their names",
				 a->endpoint);
	answer = ask_server(c, "pending", EX_UNAVAILABLE, &code);
	if (!answer)
		return code;
	find_pending(answer, a->fingerprint, key);
	free(answer);
	if (!key[0])
		return ask_usage("%s is not pending: its owner has to try to log in from an "
				 "address of pending_from first",
				 a->fingerprint);
	why = ctl_list_compose(a, key, line);
	if (why)
		return ask_usage("approve: %s", why);
	rewrite_append(r, line);
	code = write_list(r);
	if (code == EX_OK)
		printf("%s: added %s (%s)\n", rewrite_path(r), a->name, a->fingerprint);
	return code;
}

/* Reads the options of approve.  -1 to go on, or the exit code. */
static int read_approval(struct approval *a, int argc, char **argv)
{
	static const struct option_row rows[] = {{.word = "endpoint", .type = OPTION_TEXT},
						 {.word = "name", .type = OPTION_TEXT},
						 {.word = "from", .type = OPTION_TEXT},
						 {.word = "max-sessions", .type = OPTION_TEXT},
						 {.name = NULL}};
	struct option_line line;
	const int code = options_parse(&(struct options){.program = ASK_PROGRAM, .rows = rows},
				       argc, argv, &line);

	if (code >= 0)
		return code;
	a->endpoint = options_given(&line, "endpoint");
	a->name = options_given(&line, "name");
	a->from = options_given(&line, "from");
	a->max_sessions = options_given(&line, "max-sessions");
	if (optind + 1 != argc || !is_fingerprint(argv[optind]))
		return ask_usage("approve takes one fingerprint, " FINGERPRINT_PREFIX
				 "... as ctl pending shows it");
	if (!a->endpoint || !a->name)
		return ask_usage("approve needs --endpoint and --name");
	a->fingerprint = argv[optind];
	return -1;
}

int ctl_list_approve(struct ctl *c, int argc, char **argv)
{
	struct approval a = {.fingerprint = NULL};
	int code = read_approval(&a, argc, argv);
	struct rewrite *r;

	if (code >= 0)
		return code;
	r = open_list(c, &code);
	if (!r)
		return code;
	code = append_line(c, r, &a);
	rewrite_close(r);
	return code == EX_OK ? tell_server(c) : code;
}
