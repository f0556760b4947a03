// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process of the tunnel, called by link.c while it drives libssh: the login of one
 * attempt, from the host key on.  It may not connect, nor free the session, which is on the stack.
 */
#include <stdio.h>
#include <sysexits.h>

#include "denial.h"
#include "link_internal.h"
#include "log.h"
#include "loop.h"
#include "session.h"
#include "trust.h"

void link_check_host_key(struct link *l)
{
	const bool may_ask = !l->ever_up && l->s->check == SETTINGS_NO_CHECK;
	char text[TRUST_TEXT], print[KEYLINE_FINGERPRINT] = "", at[REACH_AT];
	enum trust_verdict verdict;

	l->sshipc = session_is_sshipc(l->ssh);
	link_tell(l, LINK_KEYED, session_describe(l->ssh, text));
	verdict = session_check_key(l->s, l->ssh, may_ask, &l->host_key, text);
	if (verdict == TRUST_OK) {
		trust_fingerprint(l->host_key, print);
		if (text[0])
			log_event(LOG_NOTICE, "host-key",
				  LOG_FIELDS({"server", l->server, 0}, {"fingerprint", print, 0}),
				  "%s", text);
		link_await_login(l); /* the user may have been asked meanwhile */
		l->state = AUTHENTICATING;
		link_tell(l, LINK_TRANSPORT, print);
		return;
	}
	if (reach_at(&l->peer, l->server, at)[0])
		log_msg(LOG_NOTICE, "%s was reached%s", l->server, at);
	if (!l->via)
		reach_remember(&l->memory, &l->peer, true);
	link_refuse_for(l, verdict == TRUST_ERROR ? EX_CONFIG : EX_PROTOCOL, text);
}

static void announce(struct link *l)
{
	char text[SESSION_TEXT], at[REACH_AT], print[KEYLINE_FINGERPRINT];

	reach_remember(&l->memory, &l->peer, false);
	l->state = UP;
	l->ever_up = true;
	l->up_since = loop_seconds();
	event_del(l->deadline);
	sshloop_logged_in(l->loop);
	l->why[0] = '\0';
	if (l->servers.tried)
		log_msg(LOG_WARNING, "%s; going on with %s", l->servers.why, l->server);
	servers_begin(&l->servers, l->servers.at);
	first_watch(l->first, servers_current(&l->servers) != 0);
	trust_fingerprint(l->host_key, print);
	log_event(LOG_INFO, "connected",
		  LOG_FIELDS({"server", l->server, 0}, {"fingerprint", print, 0}),
		  "connected to %s%s (%s)", l->server, reach_at(&l->peer, l->server, at),
		  session_describe(l->ssh, text));
	link_tell(l, LINK_UP, l->server);
}

static void wake(void *arg)
{
	struct link *l = arg;

	sshloop_kick(l->loop);
}

static void on_denied(struct link *l, bool partial)
{
	const struct denial d = {l->server, l->s->user, identity_name(l->identity), partial,
				 l->sshipc};
	char cause[DENIAL_TEXT];
	struct link_refusal r = {.exit_code = EX_NOPERM, .cause = cause};

	r.verdict = denial_describe(&d, l->ssh, cause, &r.remedy);
	link_tell(l, LINK_DENIED, NULL);
	link_refuse(l, &r);
}

void link_authenticate(struct link *l)
{
	const int rc = identity_log_in(l->identity, l->ssh, wake, l);
	char why[SESSION_TEXT];

	switch (rc) {
	case SSH_AUTH_AGAIN:
		return;
	case SSH_AUTH_SUCCESS:
		if (!l->sshipc && session_lacks_destination(l->s, l->server, why))
			link_refuse_for(l, EX_USAGE, why);
		else
			announce(l);
		return;
	case SSH_AUTH_DENIED:
	case SSH_AUTH_PARTIAL:
		on_denied(l, rc == SSH_AUTH_PARTIAL);
		return;
	default:
		if (identity_error(l->identity))
			link_tell(l, LINK_AGENT_FAILED, identity_error(l->identity));
		link_broke(l, identity_error(l->identity) ? identity_error(l->identity)
							  : ssh_get_error(l->ssh));
	}
}
