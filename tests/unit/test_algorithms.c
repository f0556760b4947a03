// SPDX-License-Identifier: BSD-2-Clause
/* The lists as the peer sees them: what libssh really sends is read from the other end of a socket
 * pair. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "algorithms.h"
#include "keyfile.h"

enum { KEX, HOSTKEY, CIPHER_CS, CIPHER_SC, MAC_CS, MAC_SC, COMP_CS, COMP_SC, LISTS };
enum { MSG_KEXINIT = 20, COOKIE = 16, ROUNDS = 1000 };

struct offer {
	char banner[256];
	char list[LISTS][1024];
};

static bool has(const char *list, const char *name)
{
	const size_t n = strlen(name);

	for (const char *p = list; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

/* The lists of a KEXINIT (RFC 4253 section 7.1) in buf; false while it is not there in whole. */
static bool parse(const char *buf, size_t len, struct offer *o)
{
	const char *eol = memchr(buf, '\n', len);
	const char *end = buf + len, *p;
	uint32_t n;

	if (!eol || end - eol < 6)
		return false;
	cr_assert_lt((size_t)(eol - buf), sizeof(o->banner));
	memcpy(o->banner, buf, (size_t)(eol - buf));
	memcpy(&n, eol + 1, sizeof(n));
	p = eol + 6;
	if (end - p < (long)ntohl(n) - 1)
		return false;
	cr_assert_eq(*p, MSG_KEXINIT);
	p += 1 + COOKIE;
	for (int i = 0; i < LISTS; i++) {
		memcpy(&n, p, sizeof(n));
		n = ntohl(n);
		p += sizeof(n);
		cr_assert(n < sizeof(o->list[i]) && n < end - p);
		memcpy(o->list[i], p, n);
		p += n;
	}
	return true;
}

/* Runs turn until the KEXINIT has come out of peer. */
static void listen_to(ssh_session session, int (*turn)(ssh_session), int peer, struct offer *o)
{
	static const char banner[] = "SSH-2.0-test\r\n";
	char buf[8192];
	size_t len = 0;
	bool complete = false;

	memset(o, 0, sizeof(*o));
	cr_assert_eq(send(peer, banner, sizeof(banner) - 1, 0), sizeof(banner) - 1);
	for (int i = 0; i < ROUNDS && !complete; i++) {
		struct pollfd fd = {.fd = peer, .events = POLLIN};

		cr_assert_neq(turn(session), SSH_ERROR, "%s", ssh_get_error(session));
		if (poll(&fd, 1, 10) == 1)
			len += (size_t)recv(peer, buf + len, sizeof(buf) - len, 0);
		complete = parse(buf, len, o);
	}
	cr_assert(complete, "no KEXINIT");
}

static ssh_session new_session(int pair[2])
{
	ssh_session session = ssh_new();

	cr_assert(session);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	ssh_set_blocking(session, 0);
	return session;
}

static void server_offer(enum algorithms_profile profile, bool gcm, struct offer *o)
{
	ssh_bind bind = ssh_bind_new();
	ssh_key key = NULL;
	uint8_t blob[KEYLINE_BLOB_MAX];
	char text[KEYFILE_TEXT];
	int pair[2];
	ssh_session session = new_session(pair);

	cr_assert(bind);
	cr_assert_gt(keyfile_new(blob, text, NULL), 0);
	cr_assert_eq(ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &key), SSH_OK);
	cr_assert_eq(ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key), SSH_OK);
	cr_assert_eq(algorithms_set_bind(bind, profile, gcm), 0, "%s", ssh_get_error(bind));
	cr_assert_eq(algorithms_set_session(session, ALGORITHMS_REKEY_DATA, ALGORITHMS_REKEY_TIME),
		     0, "%s", ssh_get_error(session));
	cr_assert_eq(ssh_bind_accept_fd(bind, session, pair[0]), SSH_OK);
	listen_to(session, ssh_handle_key_exchange, pair[1], o);
	ssh_free(session);
	ssh_bind_free(bind);
	close(pair[1]);
}

static void client_offer(enum algorithms_profile profile, bool gcm, struct offer *o)
{
	char host_keys[KEY_ALGORITHMS];
	int pair[2];
	ssh_session session = new_session(pair);

	cr_assert_eq(ssh_options_set(session, SSH_OPTIONS_FD, &pair[0]), SSH_OK);
	cr_assert_eq(ssh_options_set(session, SSH_OPTIONS_HOST, "test"), SSH_OK);
	key_algorithms(false, host_keys);
	cr_assert_eq(algorithms_set_client(session, profile, gcm, host_keys), 0, "%s",
		     ssh_get_error(session));
	listen_to(session, ssh_connect, pair[1], o);
	ssh_free(session);
	close(pair[1]);
}

#define GCM   "aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
#define REST  "chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
#define ETM   "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
#define ECDSA "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
#define PLAIN ",hmac-sha2-256,hmac-sha2-512"

static const struct {
	enum algorithms_profile profile;
	bool gcm;
	const char *ciphers, *macs;
} offers[] = {
    {ALGORITHMS_DEFAULT, true, GCM REST, ETM},
    {ALGORITHMS_DEFAULT, false, REST, ETM},
    {ALGORITHMS_COMPATIBLE, true, GCM REST, ETM PLAIN},
    {ALGORITHMS_COMPATIBLE, false, REST, ETM PLAIN},
};

static const char *const weak[] = {
    "diffie-hellman",
    "group-exchange",
    "sha1",
};

/* NIST's come last, and only where they are asked for. */
static void judge_curves(bool nist, const char *kex)
{
	static const char *const curves[] = {"ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
					     "ecdh-sha2-nistp521"};

	for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++)
		cr_expect_eq(has(kex, curves[i]), nist, "%s", kex);
	if (nist)
		cr_expect(strstr(kex, "curve25519-sha256") < strstr(kex, "ecdh-sha2"), "%s", kex);
}

static void judge(size_t i, const struct offer *o)
{
	cr_expect_str_eq(o->list[CIPHER_CS], offers[i].ciphers, "%zu", i);
	cr_expect_str_eq(o->list[CIPHER_SC], offers[i].ciphers, "%zu", i);
	cr_expect_str_eq(o->list[MAC_CS], offers[i].macs, "%zu", i);
	cr_expect_str_eq(o->list[MAC_SC], offers[i].macs, "%zu", i);
	cr_expect_str_eq(o->list[COMP_CS], "none", "%zu", i);
	cr_expect_str_eq(o->list[COMP_SC], "none", "%zu", i);
	cr_expect(has(o->list[KEX], "curve25519-sha256"), "%zu: %s", i, o->list[KEX]);
	judge_curves(offers[i].profile == ALGORITHMS_COMPATIBLE, o->list[KEX]);
	for (size_t w = 0; w < sizeof(weak) / sizeof(*weak); w++) {
		cr_expect_null(strstr(o->list[KEX], weak[w]), "%zu: %s", i, o->list[KEX]);
		cr_expect_null(strstr(o->list[HOSTKEY], weak[w]), "%zu: %s", i, o->list[HOSTKEY]);
	}
}

Test(algorithms, offers)
{
	for (size_t i = 0; i < sizeof(offers) / sizeof(*offers); i++) {
		struct offer o;

		server_offer(offers[i].profile, offers[i].gcm, &o);
		judge(i, &o);
		cr_expect_str_eq(o.banner, "SSH-2.0-sshipc_" SSHIPC_VERSION "\r");
		cr_expect_str_eq(o.list[HOSTKEY], "ssh-ed25519", "%zu", i);

		client_offer(offers[i].profile, offers[i].gcm, &o);
		judge(i, &o);
		cr_expect_str_eq(o.list[HOSTKEY], "ssh-ed25519," ECDSA ",rsa-sha2-512,rsa-sha2-256",
				 "%zu", i);
	}
}

static const char *const bad_hostkeys[] = {"", "ssh-nothing", ",", "none"};

Test(algorithms, a_client_needs_a_host_key_type)
{
	for (size_t i = 0; i < sizeof(bad_hostkeys) / sizeof(*bad_hostkeys); i++) {
		ssh_session session = ssh_new();

		cr_assert(session);
		cr_expect_eq(
		    algorithms_set_client(session, ALGORITHMS_DEFAULT, true, bad_hostkeys[i]), -1,
		    "\"%s\"", bad_hostkeys[i]);
		cr_expect_str_not_empty(ssh_get_error(session));
		ssh_free(session);
	}
}

static const char *const never[] = {"ssh-rsa", "ssh-dss", "ssh-ed25519-cert-v01@openssh.com"};

Test(algorithms, key_types)
{
	char all[KEY_ALGORITHMS], of_hosts[KEY_ALGORITHMS];

	key_algorithms(true, all);
	key_algorithms(false, of_hosts);
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		cr_expect_not(has(all, never[i]), "%s", never[i]);
	cr_expect_str_eq(all, "ssh-ed25519,sk-ssh-ed25519@openssh.com," ECDSA
			      ",sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256");
	cr_expect_not(has(of_hosts, "sk-ssh-ed25519@openssh.com"));
}
