// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called by identity.c for a login, and by the doctor to check that
 * the agent has the key.  The agent is asked from the loop alone: neither we nor libssh may block
 * on it.
 */
#include "agent.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "alloc.h"
#include "field.h"

enum {
	FAILURE = 5, /* message numbers of the draft */
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14,
	ANSWER_MAX = 256 << 10,
	REQUEST_MAX = 3 * KEYLINE_BLOB_MAX,
};

struct agent {
	struct event_base *base;
	const char *fingerprint;
	/* The agent's answers so far: none, the key, a signature for this session. */
	enum { EMPTY, LISTING, LISTED, SIGNING, SIGNED } state;
	struct bufferevent *real; /* the connection to the agent */
	uint8_t *answers;	  /* the key, then the signature, with their lengths in front */
	size_t n_answers;
	int end; /* our end of libssh's pair; -1: there is none */
	int given;
	char line[2 * KEYLINE_BLOB_MAX];
	char error[512];
	void (*wake)(void *arg);
	void *arg;
};

static void fail(struct agent *a, const char *what, const char *remedy)
{
	snprintf(a->error, sizeof(a->error), "ssh-agent: %s; %s", what, remedy);
}

/* ---- the agent ---- */

/* Keeps an answer with this one key, as an agent that has only this key would send it. */
static void keep_key(struct agent *a, const struct field *blob, const char *type)
{
	const size_t size = 4 + 1 + 4 + 4 + blob->len + 4, at = strlen(type) + 1;
	struct field_writer w = {.p = xmalloc(size), .size = size};

	field_put_u32(&w, (uint32_t)size - 4);
	field_put_bytes(&w, &(uint8_t){IDENTITIES_ANSWER}, 1);
	field_put_u32(&w, 1);
	field_put(&w, blob->p, blob->len);
	field_put_text(&w, ""); /* the comment */
	a->answers = w.p;
	a->n_answers = size;
	snprintf(a->line, sizeof(a->line), "%s ", type);
	EVP_EncodeBlock((unsigned char *)a->line + at, blob->p, (int)blob->len);
	a->state = LISTED;
}

/* r: what follows the answer's type. */
static void find_key(struct agent *a, struct field_reader r)
{
	char print[KEYLINE_FINGERPRINT], what[128];
	const char *why;
	const struct key_type *type;
	const uint32_t count = field_take_u32(&r);
	uint8_t digest[KEYLINE_DIGEST];

	for (uint32_t i = 0; i < count && r.left; i++) {
		const struct field blob = field_take(&r);

		field_take(&r); /* the comment */
		keyline_digest(blob.p, blob.len, digest);
		keyline_fingerprint(digest, print);
		if (strcmp(print, a->fingerprint) != 0)
			continue;
		type = keyline_check_blob(blob.p, blob.len, &why);
		if (type)
			keep_key(a, &blob, type->name);
		else
			fail(a, why, "choose another key");
		return;
	}
	snprintf(what, sizeof(what), "none of its %u keys is %s", count, a->fingerprint);
	fail(a, what, "ssh-add adds one, ssh-add -l shows them");
}

static void on_answer(struct agent *a, const uint8_t *answer, size_t len)
{
	const int type = len > 4 ? answer[4] : FAILURE;

	if (a->state == LISTING && type == IDENTITIES_ANSWER) {
		find_key(a, (struct field_reader){answer + 5, len - 5});
	} else if (a->state == SIGNING && type == SIGN_RESPONSE) {
		a->answers = xreallocarray(a->answers, a->n_answers + len, 1);
		memcpy(a->answers + a->n_answers, answer, len);
		a->n_answers += len;
		a->state = SIGNED;
	} else {
		fail(a, a->state == SIGNING ? "it did not sign" : "it does not show its keys",
		     "is it locked, was it not confirmed, or the hardware key not touched?");
	}
}

static void on_readable(struct bufferevent *real, void *arg)
{
	struct agent *a = arg;
	struct evbuffer *in = bufferevent_get_input(real);
	uint8_t head[4];
	size_t len;

	if (evbuffer_copyout(in, head, sizeof(head)) < (ev_ssize_t)sizeof(head))
		return;
	len = sizeof(head) + field_take_u32(&(struct field_reader){head, sizeof(head)});
	if (len > ANSWER_MAX) {
		fail(a, "its answer makes no sense", "is SSH_AUTH_SOCK that of an agent?");
	} else if (evbuffer_get_length(in) < len) {
		return;
	} else {
		on_answer(a, evbuffer_pullup(in, (ev_ssize_t)len), len);
		evbuffer_drain(in, len);
	}
	a->wake(a->arg);
}

static void on_event(struct bufferevent *real, short what, void *arg)
{
	struct agent *a = arg;

	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
		return;
	fail(a, "the connection broke off", "is the agent of SSH_AUTH_SOCK still running?");
	a->wake(a->arg);
}

static void ask(struct agent *a, const uint8_t *request, size_t len)
{
	if (bufferevent_write(a->real, request, len) != 0)
		abort();
}

static void list(struct agent *a)
{
	static const uint8_t request[] = {0, 0, 0, 1, REQUEST_IDENTITIES};
	const char *path = getenv("SSH_AUTH_SOCK");
	struct address at;
	bool pending = false;
	int fd = -1;

	if (!path || address_parse(path, 0, &at) || !address_is_unix(&at)) {
		fail(a, "SSH_AUTH_SOCK does not name a socket",
		     "start an agent with: eval $(ssh-agent); ssh-add");
		return;
	}
	fd = address_connect(&at, NULL, &pending);
	if (fd < 0) {
		fail(a, strerror(errno), "is the agent of SSH_AUTH_SOCK running?");
		return;
	}
	a->real = alloc_or_abort(bufferevent_socket_new(a->base, fd, BEV_OPT_CLOSE_ON_FREE));
	a->state = LISTING;
	bufferevent_setcb(a->real, on_readable, NULL, on_event, a);
	bufferevent_enable(a->real, EV_READ | EV_WRITE);
	ask(a, request, sizeof(request));
}

/* ---- libssh ---- */

/* Writes all that libssh will read, and the end of file, before libssh reads. */
static int give_answers(struct agent *a, ssh_session ssh)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	if (send(pair[0], a->answers, a->n_answers, MSG_NOSIGNAL) != (ssize_t)a->n_answers ||
	    shutdown(pair[0], SHUT_WR) < 0)
		goto fail;
	/* The session owns the first descriptor that it was given, by its number: replace it with
	 * dup3(). */
	if (a->given >= 0) {
		if (dup3(pair[1], a->given, O_CLOEXEC) < 0)
			goto fail;
		close(pair[1]);
	} else if (ssh_set_agent_socket(ssh, pair[1]) == SSH_OK) {
		a->given = pair[1];
	} else {
		goto fail;
	}
	a->end = pair[0];
	return 0;
fail:
	close(pair[0]);
	close(pair[1]);
	return -1;
}

/* libssh gave up without a signature: its sign request is in our end of the pair, behind its
 * request for the keys. */
static int pass_on(struct agent *a)
{
	enum { FIRST = 5 }; /* bytes of the request for the keys */
	uint8_t request[REQUEST_MAX];
	const ssize_t n = recv(a->end, request, sizeof(request), MSG_DONTWAIT);
	struct field_reader r = {.p = request + FIRST, .left = n > FIRST ? (size_t)n - FIRST : 0};
	const struct field sign = field_take(&r);

	if (sign.len == 0 || sign.p[0] != SIGN_REQUEST || r.left)
		return SSH_AUTH_ERROR;
	close(a->end);
	a->end = -1;
	a->state = SIGNING;
	ask(a, request + FIRST, (size_t)n - FIRST);
	return SSH_AUTH_AGAIN;
}

int agent_prepare(struct agent *a, void (*wake)(void *arg), void *arg)
{
	a->wake = wake;
	a->arg = arg;
	if (a->state == EMPTY)
		list(a);
	if (a->error[0])
		return SSH_AUTH_ERROR;
	return a->state >= LISTED ? SSH_AUTH_SUCCESS : SSH_AUTH_AGAIN;
}

int agent_log_in(struct agent *a, ssh_session ssh, void (*wake)(void *arg), void *arg)
{
	int rc = agent_prepare(a, wake, arg);

	if (rc != SSH_AUTH_SUCCESS)
		return rc;
	rc = SSH_AUTH_AGAIN;
	if (a->state == LISTED || a->state == SIGNED) {
		if (a->end < 0 && give_answers(a, ssh) < 0)
			return SSH_AUTH_ERROR;
		rc = ssh_userauth_agent(ssh, NULL);
		if (rc == SSH_AUTH_ERROR && a->state == LISTED)
			rc = pass_on(a);
	}
	if (rc != SSH_AUTH_AGAIN && a->real) {
		bufferevent_free(a->real);
		a->real = NULL;
	}
	return rc;
}

void agent_reset(struct agent *a)
{
	if (a->real)
		bufferevent_free(a->real);
	if (a->end >= 0)
		close(a->end);
	free(a->answers);
	*a = (struct agent){.base = a->base, .fingerprint = a->fingerprint, .end = -1, .given = -1};
}

struct agent *agent_new(struct event_base *base, const char *fingerprint)
{
	struct agent *a = xmalloc(sizeof(*a));

	*a = (struct agent){.base = base, .fingerprint = fingerprint, .end = -1, .given = -1};
	return a;
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	agent_reset(a);
	free(a);
}

bool agent_is_asked(const struct agent *a)
{
	return a->state == LISTING || a->state == SIGNING;
}

const char *agent_error(const struct agent *a)
{
	return a->error[0] ? a->error : NULL;
}

const char *agent_line(const struct agent *a)
{
	return a->line[0] ? a->line : NULL;
}
