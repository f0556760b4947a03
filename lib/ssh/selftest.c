// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the spawner, at the server's start and in the client, before a peer's first byte: both
 * ends of a session in this process.  It makes its own keys, and opens no file or network socket.
 */
#include "selftest.h"

#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "algorithms.h"
#include "keyfile.h"

static const char test_path[] = "/sshipc-self-test";

enum { ROUNDS = 2000 };

/* client <-> wire[0] ... wire[1] <-> server: we carry the bytes between the two, and may change
 * one. */
struct test {
	ssh_bind bind;
	ssh_session client, server;
	ssh_event client_event, server_event;
	ssh_channel channel;
	int wire[2];
	ssh_key user;
	struct ssh_server_callbacks_struct callbacks;
	bool keyless, flip, flipped, opened, path_ok, proof_ok;
	const struct selftest_hooks *hooks; /* NULL: a client's test */
};

static int on_pubkey(ssh_session session, const char *user, struct ssh_key_struct *key, char state,
		     void *arg)
{
	struct test *t = arg;

	if (state == SSH_PUBLICKEY_STATE_VALID)
		t->proof_ok = t->hooks && t->hooks->seen_proof(user, key);
	return SSH_AUTH_SUCCESS;
}

static int on_message(ssh_session session, ssh_message message, void *arg)
{
	struct test *t = arg;
	char path[sizeof(test_path) + 1] = "";

	if (ssh_message_type(message) != SSH_REQUEST_CHANNEL_OPEN)
		return 1;
	t->opened = true;
	t->path_ok =
	    t->hooks && t->hooks->seen_path(path, sizeof(path)) && strcmp(path, test_path) == 0;
	return 1;
}

static int make_pair(ssh_session *session, int *wire)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	*wire = pair[0];
	*session = ssh_new();
	if (!*session) {
		close(pair[1]);
		return -1;
	}
	ssh_set_blocking(*session, 0);
	return pair[1];
}

static ssh_key new_key(void)
{
	uint8_t blob[KEYLINE_BLOB_MAX];
	char text[KEYFILE_TEXT];
	ssh_key key = NULL;

	if (keyfile_new(blob, text, NULL) > 0)
		ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &key);
	return key;
}

static bool start(struct test *t, const char *cipher)
{
	ssh_key key = t->hooks ? t->hooks->hostkey(!t->keyless) : new_key();
	int fd;

	t->bind = ssh_bind_new();
	if (!t->bind || !key ||
	    ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) != SSH_OK) {
		ssh_key_free(key);
		return false;
	}
	t->user = new_key();
	if (algorithms_set_bind(t->bind, ALGORITHMS_DEFAULT, true) != 0 || !t->user)
		return false;
	/* libssh's client opens streamlocal channels only to a server whose banner says OpenSSH. */
	ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_BANNER, "OpenSSH_9.0");
	fd = make_pair(&t->server, &t->wire[1]);
	if (fd < 0)
		return false;
	if (ssh_bind_accept_fd(t->bind, t->server, fd) != SSH_OK) {
		if (ssh_get_fd(t->server) != fd)
			close(fd);
		return false;
	}
	ssh_callbacks_init(&t->callbacks);
	t->callbacks.userdata = t;
	t->callbacks.auth_pubkey_function = on_pubkey;
	ssh_set_server_callbacks(t->server, &t->callbacks);
	ssh_set_auth_methods(t->server, SSH_AUTH_METHOD_PUBLICKEY);
	ssh_set_message_callback(t->server, on_message, t);

	fd = make_pair(&t->client, &t->wire[0]);
	if (fd < 0)
		return false;
	ssh_options_set(t->client, SSH_OPTIONS_FD, &fd);
	ssh_options_set(t->client, SSH_OPTIONS_HOST, "self-test");
	ssh_options_set(t->client, SSH_OPTIONS_USER, "self-test");
	if (algorithms_set_client(t->client, ALGORITHMS_DEFAULT, true, "ssh-ed25519") != 0)
		return false;
	return ssh_options_set(t->client, SSH_OPTIONS_CIPHERS_C_S, cipher) == SSH_OK &&
	       ssh_options_set(t->client, SSH_OPTIONS_CIPHERS_S_C, cipher) == SSH_OK;
}

/* Moves the available bytes; when flip is set, changes a bit behind the length field of the
 * client's next packet. */
static void carry(struct test *t)
{
	uint8_t buf[8192];

	for (int from = 0; from < 2; from++) {
		ssize_t n = recv(t->wire[from], buf, sizeof(buf), MSG_DONTWAIT);

		if (n <= 0)
			continue;
		if (from == 0 && t->flip && !t->flipped && n > 12) {
			buf[10] ^= 1;
			t->flipped = true;
		}
		if (send(t->wire[!from], buf, (size_t)n, MSG_NOSIGNAL) != n)
			return;
	}
}

/* One turn of client, server and wire; -1 when a side has failed. */
static int turn(struct test *t)
{
	carry(t);
	if (t->server_event)
		ssh_event_dopoll(t->server_event, 0);
	if (t->client_event)
		ssh_event_dopoll(t->client_event, 0);
	return ((ssh_get_status(t->client) | ssh_get_status(t->server)) &
		(SSH_CLOSED | SSH_CLOSED_ERROR))
		   ? -1
		   : 0;
}

static bool watch(ssh_event *event, ssh_session session)
{
	if (*event)
		return true;
	*event = ssh_event_new();
	return *event && ssh_event_add_session(*event, session) == SSH_OK;
}

static bool handshake(struct test *t)
{
	int c = SSH_AGAIN, s = SSH_AGAIN, auth = SSH_AUTH_AGAIN;

	for (int i = 0; i < ROUNDS && (c != SSH_OK || s != SSH_OK); i++) {
		if (c != SSH_OK)
			c = ssh_connect(t->client);
		if (s != SSH_OK)
			s = ssh_handle_key_exchange(t->server);
		if (c == SSH_ERROR || s == SSH_ERROR || !watch(&t->client_event, t->client) ||
		    !watch(&t->server_event, t->server))
			return false;
		/* Trap: as in sshloop.c, the client's descriptor was made blocking. */
		fcntl(ssh_get_fd(t->client), F_SETFL, O_RDWR | O_NONBLOCK);
		turn(t);
	}
	for (int i = 0; i < ROUNDS && auth == SSH_AUTH_AGAIN; i++) {
		auth = ssh_userauth_publickey(t->client, NULL, t->user);
		if (turn(t) != 0)
			return false;
	}
	return auth == SSH_AUTH_SUCCESS;
}

static void ask_open(struct test *t)
{
	t->opened = false;
	t->channel = ssh_channel_new(t->client);
	for (int i = 0; t->channel && i < ROUNDS && !t->opened; i++) {
		if (ssh_channel_open_forward_unix(t->channel, test_path, "", 0) != SSH_AGAIN)
			break;
		if (turn(t) != 0)
			break;
	}
}

static void stop(struct test *t)
{
	ssh_session both[] = {t->client, t->server};
	ssh_event events[] = {t->client_event, t->server_event};

	for (int i = 0; i < 2; i++) {
		if (events[i]) {
			ssh_event_remove_session(events[i], both[i]);
			ssh_event_free(events[i]);
		}
		if (both[i]) {
			/* Trap: as in sshloop.c, the client's descriptor would stay open. */
			ssh_options_set(both[i], SSH_OPTIONS_FD, NULL);
			ssh_disconnect(both[i]);
			ssh_free(both[i]);
		}
		if (t->wire[i] >= 0)
			close(t->wire[i]);
	}
	ssh_bind_free(t->bind);
	ssh_key_free(t->user);
}

/* Runs the session up to the first open; true when that arrived. */
static bool meet(struct test *t, const struct selftest_hooks *hooks, bool keyless)
{
	*t = (struct test){.wire = {-1, -1}, .hooks = hooks, .keyless = keyless};
	if (start(t, "aes128-gcm@openssh.com") && handshake(t))
		ask_open(t);
	return t->opened;
}

static bool run(struct test *t, const struct selftest_hooks *hooks)
{
	if (hooks && meet(t, hooks, true))
		return true;
	stop(t);
	return meet(t, hooks, false);
}

static void add_why(struct selftest *out, const char *text)
{
	const size_t used = strlen(out->why);

	snprintf(out->why + used, sizeof(out->why) - used, "%s%s", used ? "; " : "", text);
}

/* Trap: several versions of libssh never check AES-GCM's tags (CVE-2026-59847), and a libssh linked
 * with -Bsymbolic does not call interposed functions.  The version number shows neither, since
 * distributions patch their packages: so both are tested. */
void selftest_run(const struct selftest_hooks *hooks, struct selftest *out)
{
	struct test t = {.wire = {-1, -1}};

	/* Trap: libssh 0.12 does not connect before it has found a home folder, in which it then
	 * reads nothing.  A uid without an account (a container, DynamicUser= of systemd) has none.
	 */
	if (!getpwuid(getuid()))
		setenv("HOME", "/", 0);
	memset(out, 0, sizeof(*out));
	out->works = run(&t, hooks);
	out->streamlocal = t.path_ok;
	out->proof = t.proof_ok;
	out->keyless = t.proof_ok && t.keyless;
	out->answers = hooks && hooks->seen_free();
	if (!out->works) {
		add_why(out, "AES-GCM is off: the self-test session failed");
	} else if (!algorithms_cpu_has_aes()) {
		add_why(out, "AES-GCM is off: this CPU has no AES instructions");
	} else {
		t.flip = true;
		ask_open(&t);
		/* The packet was rejected: the session failed, and the open never arrived. */
		out->gcm = t.flipped && !t.opened &&
			   (ssh_get_status(t.server) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
		if (!out->gcm)
			add_why(out, "AES-GCM is off: this libssh accepts changed packets "
				     "(CVE-2026-59847)");
	}
	if (hooks && !out->streamlocal)
		add_why(out, "direct-streamlocal is off: its path cannot be read from this libssh");
	if (hooks && !out->proof)
		add_why(out, "logins are as the session process says: the signatures of this "
			     "libssh cannot be checked elsewhere");
	if (hooks && !out->answers)
		add_why(out, "login requests that this libssh refuses by itself get no answer, and "
			     "are not counted: they cannot be seen");
	if (hooks && !out->keyless)
		add_why(out, "session processes hold the private host keys: this libssh does not "
			     "work without");
	stop(&t);
}
