// SPDX-License-Identifier: BSD-2-Clause
#include "session_internal.h"

#include <stdio.h>
#include <stdlib.h>
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

enum { BINARY_MAX = 16 }; /* of what is no text: enough to look it up */

/* Whatever is not SSH would else be waited for, and end in words that say nothing. */
void session_look(void *arg, int fd)
{
	static const enum session_reached reached[] = {
	    [GREETING_SSH] = SESSION_GREETED, [GREETING_PROXY] = SESSION_PROXY,
	    [GREETING_HTTP] = SESSION_HTTP,   [GREETING_TLS] = SESSION_TLS,
	    [GREETING_OTHER] = SESSION_OTHER,
	};
	struct session *s = arg;
	const ssize_t n = recv(fd, s->first, sizeof(s->first), MSG_PEEK | MSG_DONTWAIT);

	if (n <= 0)
		return;
	s->n_first = (size_t)n;
	s->reached = reached[greeting_kind(s->first, s->n_first)];
	if (s->reached != SESSION_GREETED)
		sshloop_fail(s->loop, "this is not SSH");
}

void session_tell_left(struct session *s)
{
	const char *why = "";
	size_t n = 0;

	while (n < s->n_first && s->first[n] >= ' ' && s->first[n] <= '~')
		n++;
	if (n == 0 && s->reached == SESSION_OTHER)
		n = s->n_first < BINARY_MAX ? s->n_first : BINARY_MAX;
	if (sshloop_keyed(s->loop))
		s->reached = SESSION_KEYED;
	if (!s->ended && s->reached >= SESSION_GREETED)
		why = s->dead_why;
	wire_start(&s->broker.out, WIRE_LEFT);
	wire_put_u32(&s->broker.out, s->reached);
	wire_put_bytes(&s->broker.out, s->first, n);
	wire_put_bytes(&s->broker.out, why, strnlen(why, 200));
	session_tell(s);
}

static bool type_taken(ssh_key key)
{
	switch (ssh_key_type(key)) {
	case SSH_KEYTYPE_ED25519:
	case SSH_KEYTYPE_SK_ED25519:
	case SSH_KEYTYPE_ECDSA_P256:
	case SSH_KEYTYPE_ECDSA_P384:
	case SSH_KEYTYPE_ECDSA_P521:
	case SSH_KEYTYPE_SK_ECDSA:
	case SSH_KEYTYPE_RSA:
		return true;
	default: /* certificates among them: libssh would not check their authority */
		return false;
	}
}

static void put_key(struct session *s, enum wire_type type, ssh_key key, const char *user)
{
	uint8_t blob[KEYLINE_BLOB_MAX];
	const size_t n = session_key_blob(key, blob);

	wire_start(&s->broker.out, type);
	wire_put_bytes(&s->broker.out, blob, n);
	wire_put_text(&s->broker.out, user);
}

bool session_sign(void *arg, const struct sigcalls_exchange *x, uint8_t *raw, size_t *len)
{
	static const enum wire_type answers[3] = {WIRE_SIGNED, WIRE_SIGNED, WIRE_SIGNED};
	struct session *s = arg;
	const void *made;
	size_t got;
	bool answered;

	wire_start(&s->broker.out, WIRE_SIGN);
	wire_put_text(&s->broker.out, x->algorithm);
	wire_put_bytes(&s->broker.out, x->hashed, x->n);
	wire_put_u32(&s->broker.out, (uint32_t)x->hash_len);
	answered = session_ask(s, answers, NULL);
	explicit_bzero(s->broker.out.buf, s->broker.out.len);
	if (!answered)
		return false;
	made = wire_get_bytes(&s->broker.in, &got, *len);
	memcpy(raw, made, got);
	*len = got;
	return got > 0;
}

static void put_signature(struct session *s, const struct signature *sig)
{
	wire_put_text(&s->broker.out, sig->algorithm);
	wire_put_bytes(&s->broker.out, sig->raw, sig->len);
	wire_put_u32(&s->broker.out, sig->flags);
	wire_put_u32(&s->broker.out, sig->counter);
}

/* The owner of a listed key that its line refuses may know why (RFC 4252 section 5.4). */
static void send_banner(ssh_session ssh, const char *text)
{
	char line[300];
	ssh_string banner;

	snprintf(line, sizeof(line), "sshipc: %s\r\n", text);
	banner = ssh_string_from_char(line);
	if (!banner)
		abort();
	ssh_send_issue_banner(ssh, banner);
	ssh_string_free(banner);
}

static void grant(struct session *s, uint32_t max)
{
	if (max == 0 || max > SESSION_CHANNELS_MAX)
		max = SESSION_CHANNELS_MAX;
	s->slots = xcalloc(max + 1, sizeof(struct chan *)); /* the last one for .status */
	s->free_slots = xcalloc(max, sizeof(*s->free_slots));
	for (s->max = s->n_free = max; max > 0; max--)
		s->free_slots[s->max - max] = max - 1;
	s->authorized = true;
	watchdog_limit(false);
	sshloop_logged_in(s->loop);
}

static bool is_certificate(const char *algorithm)
{
	return strstr(algorithm, "-cert-v") != NULL;
}

static void tell_fault(struct session *s, const char *user, const struct unanswered_login *login,
		       enum session_login_fault fault)
{
	wire_start(&s->broker.out, WIRE_ATTEMPT);
	wire_put_bytes(&s->broker.out, login->blob, login->blob_len);
	wire_put_bytes(&s->broker.out, user ? user : "", user ? strnlen(user, PROOF_USER_MAX) : 0);
	wire_put_text(&s->broker.out, login->algorithm);
	wire_put_u32(&s->broker.out,
		     is_certificate(login->algorithm) ? SESSION_CERTIFICATE : fault);
	session_tell(s);
}

void session_on_unanswered(void *arg, ssh_message message, const struct unanswered_login *login)
{
	static const enum session_login_fault faults[] = {
	    [SIGCALLS_NONE] = SESSION_UNCHECKED,	 [SIGCALLS_GOOD] = SESSION_BAD_SIGNATURE,
	    [SIGCALLS_BAD] = SESSION_BAD_SIGNATURE,	 [SIGCALLS_BAD_KEY] = SESSION_BAD_KEY,
	    [SIGCALLS_TOO_MANY] = SESSION_BAD_SIGNATURE,
	};
	struct session *s = arg;
	const enum sigcalls_check checked = sigcalls_checked();

	if (s->ended)
		return;
	if (ssh_message_type(message) == SSH_REQUEST_CHANNEL_OPEN)
		broker_note(&s->broker, LOG_WARNING,
			    "channel refused: it is malformed, or its maximum packet size is 0");
	else if (!s->authorized)
		tell_fault(s, ssh_message_auth_user(message), login,
			   login->is_signed ? faults[checked] : SESSION_QUERY);
	ssh_message_reply_default(message);
}

static const enum wire_type known[3] = {WIRE_KNOWN, WIRE_KNOWN, WIRE_KNOWN};
static const enum wire_type granted[3] = {WIRE_GRANT, WIRE_DENY, WIRE_DENY};

int session_on_pubkey(ssh_session ssh, const char *user, struct ssh_key_struct *key, char state,
		      void *arg)
{
	struct session *s = arg;
	const char *version;
	char reason[256];
	struct signature sig = {.len = 0};

	unanswered_not();
	sigcalls_checked();
	if (s->authorized || s->ended || s->closing || !user)
		return SSH_AUTH_DENIED;
	if (!type_taken(key)) {
		tell_fault(s, user, unanswered_now(),
			   state == SSH_PUBLICKEY_STATE_NONE ? SESSION_QUERY : SESSION_UNCHECKED);
		return SSH_AUTH_DENIED;
	}
	if (strlen(user) > PROOF_USER_MAX) {
		broker_note(&s->broker, LOG_NOTICE,
			    "login refused: the user name is longer than 256 bytes");
		return SSH_AUTH_DENIED;
	}
	if (state == SSH_PUBLICKEY_STATE_NONE) {
		put_key(s, WIRE_PROBE, key, user);
		if (!session_ask(s, known, NULL))
			return SSH_AUTH_DENIED;
		return wire_get_u32(&s->broker.in) == 1 ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
	}
	if (state != SSH_PUBLICKEY_STATE_VALID)
		return SSH_AUTH_DENIED;
	if (s->setup->proof && !sigcalls_take(&sig)) {
		broker_note(
		    &s->broker, LOG_NOTICE,
		    "login refused: its request names another algorithm than its signature");
		return SSH_AUTH_DENIED;
	}
	put_key(s, WIRE_AUTHORIZE, key, user);
	version = ssh_get_clientbanner(ssh);
	wire_put_bytes(&s->broker.out, version ? version : "", version ? strnlen(version, 255) : 0);
	put_signature(s, &sig);
	if (!session_ask(s, granted, NULL))
		return SSH_AUTH_DENIED;
	if (wire_type(&s->broker.in) == WIRE_GRANT) {
		grant(s, wire_get_u32(&s->broker.in));
		return SSH_AUTH_SUCCESS;
	}
	wire_get_text(&s->broker.in, reason, sizeof(reason));
	if (reason[0])
		send_banner(ssh, reason);
	return SSH_AUTH_DENIED;
}

/* libssh would look for a keytab file before anyone is authenticated. */
ssh_string session_on_gssapi(ssh_session ssh, const char *user, int n, ssh_string *oids, void *arg)
{
	unanswered_not();
	return NULL;
}
