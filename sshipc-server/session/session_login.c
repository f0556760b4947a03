// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, called by libssh for requests of a login and by session.c.  It
 * checks no key and no signature: the monitor does, and signs with the host keys, which this
 * process never has.
 */
#include "session_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "alloc.h"
#include "greeting.h"
#include "interposed.h"
#include "log.h"
#include "proof.h"
#include "sigcalls.h"
#include "unanswered.h"
#include "watchdog.h"

enum { BINARY_MAX = 16 }; /* bytes shown of a name that is not plain text */

/* Without this, a peer that does not speak SSH would end by a timeout or with a meaningless error
 * of libssh. */
void session_look(void *arg, int fd)
{
	struct session *s = arg;
	const ssize_t n = recv(fd, s->first, sizeof(s->first), MSG_PEEK | MSG_DONTWAIT);

	if (n <= 0)
		return;
	s->n_first = (size_t)n;
	s->reached = greeting_kind(s->first, s->n_first);
	if (s->reached != SESSION_GREETED)
		sshloop_fail(s->loop, "this is not SSH");
}

void session_tell_left(struct session *s)
{
	struct message_left m = {.head = {MESSAGE_LEFT, 0}};
	size_t n = 0;

	while (n < s->n_first && s->first[n] >= ' ' && s->first[n] <= '~')
		n++;
	if (n == 0 && s->reached == SESSION_OTHER)
		n = s->n_first < BINARY_MAX ? s->n_first : BINARY_MAX;
	if (sshloop_keyed(s->loop))
		s->reached = SESSION_KEYED;
	if (!s->broker.ended && s->reached >= SESSION_GREETED)
		snprintf(m.why, sizeof(m.why), "%.200s", s->dead_why);
	m.reached = s->reached;
	m.first_len = n;
	memcpy(m.first, s->first, n);
	broker_tell(&s->broker, &m);
}

bool session_sign(void *arg, const struct sigcalls_exchange *x, uint8_t *raw, size_t *len)
{
	struct session *s = arg;
	struct message_sign m = {
	    .head = {MESSAGE_SIGN, 0}, .hash_len = x->hash_len, .hashed_len = x->n};
	const struct message_signed *made = &s->broker.in.made;
	bool answered;

	snprintf(m.algorithm, sizeof(m.algorithm), "%s", x->algorithm);
	memcpy(m.hashed, x->hashed, x->n);
	answered = broker_ask(&s->broker, &m);
	explicit_bzero(&m, sizeof(m));
	if (!answered || made->raw_len == 0 || made->raw_len > *len)
		return false;
	memcpy(raw, made->raw, made->raw_len);
	*len = made->raw_len;
	return true;
}

/* Sends the reason as a banner (RFC 4252 section 5.4) to the owner of a listed key that its line
 * refuses. */
static void send_banner(ssh_session ssh, const char *text)
{
	char line[300];
	ssh_string banner;

	snprintf(line, sizeof(line), "sshipc: %s\r\n", text);
	banner = alloc_or_abort(ssh_string_from_char(line));
	ssh_send_issue_banner(ssh, banner);
	ssh_string_free(banner);
}

static void grant(struct session *s, uint32_t max)
{
	if (max == 0 || max > SESSION_CHANNELS_MAX)
		max = SESSION_CHANNELS_MAX;
	s->slots = xcalloc(max + 1, sizeof(struct chan *)); /* the last slot is for .status */
	s->free_slots = xcalloc(max, sizeof(*s->free_slots));
	for (s->max = s->n_free = max; max > 0; max--)
		s->free_slots[s->max - max] = max - 1;
	s->authorized = true;
	s->broker.state = MESSAGE_UP;
	watchdog_limit(false);
	sshloop_logged_in(s->loop);
}

static void tell_fault(struct session *s, const char *user, const struct unanswered_login *login,
		       enum session_login_fault fault)
{
	const bool certificate = strstr(login->algorithm, "-cert-v");
	struct message_attempt m = {.head = {MESSAGE_ATTEMPT, 0},
				    .fault = certificate ? SESSION_CERTIFICATE : fault,
				    .key_len = login->blob_len};

	memcpy(m.key, login->blob, login->blob_len);
	snprintf(m.algorithm, sizeof(m.algorithm), "%s", login->algorithm);
	snprintf(m.user, sizeof(m.user), "%s", user ? user : "");
	broker_tell(&s->broker, &m);
}

void session_on_unanswered(void *arg, ssh_message message, const struct unanswered_login *login)
{
	struct session *s = arg;
	const enum sigcalls_check checked = sigcalls_checked();
	const enum session_login_fault fault = !login->is_signed	  ? SESSION_QUERY
					       : checked == SIGCALLS_NONE ? SESSION_UNCHECKED
					       : checked == SIGCALLS_BAD_KEY
						   ? SESSION_BAD_KEY
						   : SESSION_BAD_SIGNATURE;

	if (s->broker.ended)
		return;
	if (ssh_message_type(message) == SSH_REQUEST_CHANNEL_OPEN)
		broker_note(&s->broker, LOG_WARNING,
			    "channel refused: it is malformed, or its maximum packet size is 0");
	else if (!s->authorized)
		tell_fault(s, ssh_message_auth_user(message), login, fault);
	ssh_message_reply_default(message);
}

/* Asks the monitor whether this key is worth a signature. */
static int probe(struct session *s, const char *user, ssh_key key)
{
	struct message_probe m = {.head = {MESSAGE_PROBE, 0}};

	m.key_len = session_key_blob(key, m.key);
	snprintf(m.user, sizeof(m.user), "%s", user);
	return broker_ask(&s->broker, &m) && s->broker.in.known.yes ? SSH_AUTH_SUCCESS
								    : SSH_AUTH_DENIED;
}

static int authorize(struct session *s, ssh_session ssh, const char *user, ssh_key key)
{
	struct message_authorize m = {.head = {MESSAGE_AUTHORIZE, 0}};
	const char *version = ssh_get_clientbanner(ssh);

	if (s->setup->proof && !sigcalls_take(&m.signature)) {
		broker_note(
		    &s->broker, LOG_NOTICE,
		    "login refused: its request names another algorithm than its signature");
		return SSH_AUTH_DENIED;
	}
	m.key_len = session_key_blob(key, m.key);
	snprintf(m.user, sizeof(m.user), "%s", user);
	snprintf(m.version, sizeof(m.version), "%s", version ? version : "");
	if (!broker_ask(&s->broker, &m))
		return SSH_AUTH_DENIED;
	if (s->broker.in.head.type == MESSAGE_GRANT) {
		grant(s, s->broker.in.grant.max_channels);
		return SSH_AUTH_SUCCESS;
	}
	if (s->broker.in.deny.reason[0])
		send_banner(ssh, s->broker.in.deny.reason);
	return SSH_AUTH_DENIED;
}

int session_on_pubkey(ssh_session ssh, const char *user, struct ssh_key_struct *key, char state,
		      void *arg)
{
	const char *type = ssh_key_type_to_char(ssh_key_type(key));
	struct session *s = arg;

	unanswered_claim();
	sigcalls_checked();
	if (s->authorized || s->broker.ended || s->closing || !user)
		return SSH_AUTH_DENIED;
	/* A certificate is not a supported type: libssh would not check its CA. */
	if (!type || !key_type_find(type, strlen(type))) {
		tell_fault(s, user, unanswered_current(),
			   state == SSH_PUBLICKEY_STATE_NONE ? SESSION_QUERY : SESSION_UNCHECKED);
		return SSH_AUTH_DENIED;
	}
	if (strlen(user) > PROOF_USER_MAX) {
		broker_note(&s->broker, LOG_NOTICE,
			    "login refused: the user name is longer than 256 bytes");
		return SSH_AUTH_DENIED;
	}
	if (state == SSH_PUBLICKEY_STATE_NONE)
		return probe(s, user, key);
	return state == SSH_PUBLICKEY_STATE_VALID ? authorize(s, ssh, user, key) : SSH_AUTH_DENIED;
}

/* Trap: without this libssh would look for a keytab file before the login. */
ssh_string session_on_gssapi(ssh_session ssh, const char *user, int n, ssh_string *oids, void *arg)
{
	unanswered_claim();
	return NULL;
}
