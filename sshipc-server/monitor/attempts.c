// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by dispatch.c and conn.c for logins that cannot succeed.  ATTEMPT
 * reports a login that libssh refused by itself, without a callback.  It is counted like those that
 * libssh has a callback for (login.c), and logged with the remedy.  LEFT reports the stage that a
 * peer reached before it left.  Nothing here can lead to a login.
 */
#include <stdio.h>
#include <string.h>

#include "conn.h"

static const struct words {
	const char *algorithm; /* name or prefix */
	const char *reason, *remedy;
} by_algorithm[] = {
    {"ssh-rsa", "signed with SHA-1 (ssh-rsa), which is not taken",
     "the key may stay: its client must sign with rsa-sha2-256 or rsa-sha2-512, as OpenSSH 7.2 and "
     "PuTTY 0.75 can; or use an Ed25519 key"},
    {"ssh-dss", "DSA keys are not taken", "make a new key: ssh-keygen -t ed25519"},
};

static const struct words by_fault[SESSION_LOGIN_FAULTS] = {
    [SESSION_QUERY] = {NULL, "a key of this kind is not taken",
		       "Ed25519, ECDSA and RSA keys are, and those of security keys (sk-)"},
    [SESSION_CERTIFICATE] = {NULL, "certificates are not taken",
			     "list the plain key in the allow list, and have the client offer it: "
			     "ssh does so by itself; -o CertificateFile=none and a key file "
			     "without its -cert.pub leave the certificate out"},
    [SESSION_UNCHECKED] = {NULL, "signed in a way that is not taken",
			   "Ed25519, ECDSA and RSA keys with SHA-2 are taken, and those of "
			   "security keys (sk-)"},
    [SESSION_BAD_KEY] = {NULL, "an RSA key with an odd size or exponent, or another odd key",
			 "make a new key: ssh-keygen -t ed25519"},
    [SESSION_BAD_SIGNATURE] = {NULL, "its signature is wrong, or one of too many",
			       "the client does not have this key, or something changes what it "
			       "sends"},
};

static const struct words *find_words(const char *algorithm, uint32_t fault)
{
	if (fault == SESSION_QUERY || fault == SESSION_UNCHECKED)
		for (size_t i = 0; i < sizeof(by_algorithm) / sizeof(*by_algorithm); i++)
			if (strcmp(algorithm, by_algorithm[i].algorithm) == 0)
				return &by_algorithm[i];
	return &by_fault[fault];
}

enum handled attempts_on_attempt(struct conn *c, struct message *m)
{
	const struct message_attempt *attempt = &m->attempt;
	const uint32_t fault = attempt->fault;
	char fingerprint[KEYLINE_FINGERPRINT], what[512];
	const struct allow_entry *entry =
	    login_find_key(c, attempt->key, attempt->key_len, fingerprint);
	struct log_text user, named;
	const struct words *words;

	if (fault >= SESSION_LOGIN_FAULTS)
		return HANDLED_WRONG;
	if (fault != SESSION_CERTIFICATE)
		c->fault = ADMISSION_REFUSED;
	if (!login_count(c, fault == SESSION_QUERY	   ? LOGIN_QUERIES
			    : fault == SESSION_CERTIFICATE ? LOGIN_CERTIFICATES
							   : LOGIN_SIGNATURES))
		return HANDLED;
	c->view->logins_refused[(int)POLICY_OTHER + (int)fault]++;
	words = find_words(attempt->algorithm, fault);
	log_escape(&named, attempt->algorithm, strlen(attempt->algorithm));
	snprintf(what, sizeof(what), "login refused: %s (algorithm \"%s\"%s%s)", words->reason,
		 named.s, attempt->key_len ? ", key " : "", attempt->key_len ? fingerprint : "");
	if (audit_may_log(c, "login-refused", what))
		audit_log(c, LOG_NOTICE, "login-refused",
			  LOG_FIELDS({"key", entry ? entry->key.name : "", 0},
				     {"fingerprint", attempt->key_len ? fingerprint : "", 0},
				     {"reason", words->reason, 0}),
			  "%s, user \"%s\"; %s", what,
			  log_escape(&user, attempt->user, strlen(attempt->user)), words->remedy);
	return HANDLED;
}

/* ---- the end of those that never logged in ---- */

static const struct stage {
	const char *words;
	int priority;
} stages[SESSION_REACHED] = {
    [SESSION_SILENT] = {"it sent nothing", LOG_INFO},
    [SESSION_PROXY] =
	{"it sent a PROXY header but is not in accept_proxy: name it there if it is your "
	 "balancer; anybody else must not send one (send-proxy, proxy_protocol)",
	 LOG_NOTICE},
    [SESSION_HTTP] = {"it speaks HTTP, not SSH", LOG_NOTICE},
    [SESSION_TLS] =
	{"it speaks TLS, not SSH: no stunnel and no TLS balancer may be in front of this "
	 "port, or it must take TLS off",
	 LOG_NOTICE},
    [SESSION_OTHER] = {"what it sent is not SSH", LOG_INFO},
    [SESSION_GREETED] = {"it speaks SSH, and no key exchange was completed", LOG_INFO},
    [SESSION_KEYED] = {"after the key exchange it did not log in", LOG_INFO},
};

enum handled attempts_on_left(struct conn *c, struct message *m)
{
	const struct message_left *left = &m->left;
	struct log_text first, why;

	if (left->reached >= SESSION_REACHED || c->login.stage)
		return HANDLED_WRONG;
	c->login.stage = &stages[left->reached];
	log_escape(&first, left->first, left->first_len);
	log_escape(&why, left->why, strlen(left->why));
	snprintf(c->login.last_words, sizeof(c->login.last_words), "%s%s%s%s%s",
		 first.s[0] ? " (\"" : "", first.s, first.s[0] ? "\")" : "", why.s[0] ? "; " : "",
		 why.s);
	return HANDLED;
}

void attempts_log_end(struct conn *c)
{
	const bool tried = c->login.counts[LOGIN_QUERIES] || c->login.counts[LOGIN_SIGNATURES] ||
			   c->login.counts[LOGIN_CERTIFICATES];
	/* Every client tries "none" first, to get the list of methods. */
	const bool guessed = c->login.methods[0] && strcmp(c->login.methods, "none") != 0;
	const struct stage *stage = tried ? NULL : c->login.stage;
	const int priority = c->login.methods[0] && c->fault != ADMISSION_REFUSED ? LOG_NOTICE
			     : stage						  ? stage->priority
										  : LOG_INFO;
	char text[256];

	if (c->login.methods[0])
		snprintf(text, sizeof(text),
			 "ended before login; refused methods: %s (only publickey is taken)%s",
			 c->login.methods,
			 tried ? ""
			       : ", and no key was offered: the client has none, or none of an "
				 "algorithm that is taken here");
	else
		snprintf(text, sizeof(text), "ended before login%s%s", stage ? ": " : "",
			 stage ? stage->words : "");
	c->view->logins_refused[LOGIN_METHOD] += guessed;
	if (guessed && audit_may_log(c, "login-refused", text))
		audit_log(c, LOG_NOTICE, "login-refused",
			  LOG_FIELDS({"methods", c->login.methods, 0},
				     {"reason", "only publickey is taken", 0}),
			  "%s%s", text, c->login.last_words);
	else if (!guessed && audit_may_log(c, "no-login", text))
		audit_log(c, priority, "no-login", NULL, "%s%s", text, c->login.last_words);
}
