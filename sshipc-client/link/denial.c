// SPDX-License-Identifier: BSD-2-Clause
/*
 * In the client's process, called by the link after a login.  Changes nothing: it only puts into
 * words what libssh has.
 */
#include "denial.h"

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "verdict.h"

/* AuthenticationMethods of an OpenSSH server, or the like. */
static void describe_partial(const struct denial *d, ssh_session ssh, char *why, size_t size)
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
	snprintf(why, size,
		 "%s accepted the key %s for user \"%s\" and " DENIAL_NOT_ENOUGH
		 " (%s), which this client does not give; let this user in with the key alone "
		 "(OpenSSH: AuthenticationMethods publickey, in a Match block), or name another "
		 "one: USER@HOST",
		 d->server, d->key, d->user, *methods ? methods : "it does not say what");
}

/* A server of ours tells the owner of a listed key why, and its session's number. */
bool denial_describe(const struct denial *d, ssh_session ssh, char *why, size_t size)
{
	char *banner = ssh_get_issue_banner(ssh);
	const char *text = banner ? banner : "";
	const bool listed = strstr(text, "(session ");
	const bool passing = !d->partial && (strstr(text, "(max-sessions)") ||
					     strstr(text, policy_reason(POLICY_OUTSIDE_WINDOW)));
	struct log_text shown;

	if (d->partial)
		describe_partial(d, ssh, why, size);
	else
		snprintf(why, size, "%s refused the key %s for user \"%s\"%s%s%s", d->server,
			 d->key, d->user, *text ? ": " : "",
			 log_escape(&shown, text, strcspn(text, "\r\n")),
			 listed ? "" : "; is its public line in the server's allow list?");
	ssh_string_free_char(banner);
	return passing;
}
