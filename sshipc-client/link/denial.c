// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called by the link after a login was refused.  It only describes
 * the answers of the server and libssh, and changes neither the link nor the exit code.
 */
#include "denial.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

enum policy_verdict denial_of_code(const char *code)
{
	for (int v = POLICY_NO_KEY + 1; v < POLICY_OTHER; v++) {
		if (strcmp(policy_texts[v].code, code) == 0)
			return (enum policy_verdict)v;
	}
	return POLICY_OTHER;
}

enum policy_verdict denial_of_banner(const char *text)
{
	const size_t n = strcspn(text, "\r\n");
	const char *last = memrchr(text, '[', n);
	char code[32];
	int len = 0;

	/* len stays 0 where the bracket is not closed. */
	if (!last || sscanf(last, "[sshipc:%31[a-z-]]%n", code, &len) != 1 ||
	    last + len != text + n)
		return POLICY_NO_KEY;
	return denial_of_code(code);
}

/* AuthenticationMethods of an OpenSSH server, or the like. */
static void describe_partial(const struct denial *d, ssh_session ssh, char cause[DENIAL_TEXT])
{
	static const struct {
		int method;
		const char *name;
	} names[] = {{SSH_AUTH_METHOD_PASSWORD, "password"},
		     {SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
		     {SSH_AUTH_METHOD_PUBLICKEY, "a second key"},
		     {SSH_AUTH_METHOD_HOSTBASED, "hostbased"},
		     {SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic"}};
	const int wanted = ssh_userauth_list(ssh, NULL);
	char methods[128] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const size_t n = strlen(methods);

		if (wanted & names[i].method)
			snprintf(methods + n, sizeof(methods) - n, "%s%s", n ? " or " : "",
				 names[i].name);
	}
	snprintf(cause, DENIAL_TEXT,
		 "%s accepted the key %s for user \"%s\" and wants more than a key (%s), which "
		 "this client does not give",
		 d->server, d->key, d->user, *methods ? methods : "it does not say what");
}

enum policy_verdict denial_describe(const struct denial *d, ssh_session ssh,
				    char cause[DENIAL_TEXT], const char **remedy)
{
	char *banner = ssh_get_issue_banner(ssh);
	const char *text = banner ? banner : "";
	enum policy_verdict verdict = POLICY_NO_KEY;
	struct log_text shown;

	if (d->partial) {
		verdict = POLICY_GRANT;
		describe_partial(d, ssh, cause);
		*remedy = "let this user in with the key alone (OpenSSH: AuthenticationMethods "
			  "publickey, in a Match block), or name another one: USER@HOST";
	} else {
		if (d->sshipc)
			verdict = denial_of_banner(text);
		snprintf(cause, DENIAL_TEXT, "%s refused the key %s for user \"%s\"%s%s", d->server,
			 d->key, d->user, *text ? ": " : "",
			 log_escape(&shown, text, strcspn(text, "\r\n")));
		*remedy = verdict == POLICY_NO_KEY
			      ? "is its public line in the server's allow list?"
			      : policy_texts[verdict].remedy;
	}
	ssh_string_free_char(banner);
	return verdict;
}
