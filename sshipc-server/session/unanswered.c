// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, called by libssh and by the session's callbacks; in the spawner only
 * while the self-test runs.  It answers nothing itself: its hook does.
 *
 * libssh makes an ssh_message of each request, and frees it in one of two places:
 *
 *	parsed, signature good	-> callback -> unanswered_claim()  -> ssh_message_free()
 *	refused by libssh	-> (no callback, no answer)	   -> ssh_message_free() -> hook
 *
 * So a message that is freed without having been claimed by a callback has no answer.  By then
 * libssh has dropped the login's algorithm and key, so they are noted while it reads them from the
 * packet.
 */
#include "unanswered.h"

#include <arpa/inet.h>
#include <libssh/server.h>
#include <string.h>

#include "interpose.h"

/* One process has one session, and one packet is read at a time. */
static struct {
	unanswered_hook *hook;
	void *arg;
	bool answered, seen;
	ssh_message kept; /* not to be freed by libssh */
	/* What libssh reads next of a login by public key (RFC 4252 section 7), after the name of
	 * the method.  A string is read in two steps: its length, then its bytes. */
	enum { NOTHING, FLAG, NAME_LENGTH, NAME, BLOB_LENGTH, BLOB } next;
	ssh_buffer buffer;
	uint32_t length;
	struct unanswered_login login;
} now;

void unanswered_set_hook(unanswered_hook *hook, void *arg)
{
	now.hook = hook;
	now.arg = arg;
}

void unanswered_claim(void)
{
	now.answered = true;
}

void unanswered_keep(ssh_message message)
{
	now.kept = message;
}

const struct unanswered_login *unanswered_current(void)
{
	return &now.login;
}

bool unanswered_seen(void)
{
	const bool seen = now.seen;

	now.seen = false;
	return seen;
}

static bool is_text(const char *text, const void *data, uint32_t len)
{
	return len == strlen(text) && memcmp(data, text, len) == 0;
}

/* Notes the data read; false: the read was not the expected one, or was the last of the login. */
static bool read_next(const void *data, uint32_t len)
{
	switch (now.next) {
	case FLAG:
		if (len != 1)
			return false;
		now.login.is_signed = *(const uint8_t *)data != 0;
		now.next = NAME_LENGTH;
		return true;
	case NAME_LENGTH:
	case BLOB_LENGTH:
		if (len != sizeof(now.length))
			return false;
		memcpy(&now.length, data, len);
		now.length = ntohl(now.length);
		now.next++;
		return true;
	case NAME:
		now.next = BLOB_LENGTH;
		memcpy(now.login.algorithm, data,
		       len < sizeof(now.login.algorithm) ? len : sizeof(now.login.algorithm) - 1);
		return len == now.length;
	case BLOB:
		if (len == now.length && len <= sizeof(now.login.blob)) {
			memcpy(now.login.blob, data, len);
			now.login.blob_len = len;
		}
		return false;
	default:
		return false;
	}
}

void unanswered_read(ssh_buffer buffer, const void *data, uint32_t len)
{
	if (is_text("publickey", data, len) ||
	    is_text("publickey-hostbound-v00@openssh.com", data, len)) {
		memset(&now.login, 0, sizeof(now.login));
		now.next = FLAG;
		now.buffer = buffer;
	} else if (is_text("gssapi-keyex", data, len)) {
		/* Since 0.12 libssh answers this method by itself, before it frees the message. */
		now.answered = true;
	} else if (now.next != NOTHING && (buffer != now.buffer || !read_next(data, len))) {
		now.next = NOTHING;
	}
}

void ssh_message_free(ssh_message message)
{
	static void (*real)(ssh_message);
	const int type = message ? ssh_message_type(message) : 0;

	if (!real)
		*(void **)&real = interpose_next("ssh_message_free");
	now.seen = true;
	if (now.hook && !now.answered &&
	    (type == SSH_REQUEST_AUTH || type == SSH_REQUEST_CHANNEL_OPEN))
		now.hook(now.arg, message, &now.login);
	now.answered = false;
	now.next = NOTHING;
	memset(&now.login, 0, sizeof(now.login));
	if (message != now.kept)
		real(message);
	now.kept = NULL;
}
