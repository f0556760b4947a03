// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in hostile-peer, called by main.c and mutate.c: key exchange, login and channel requests as
 * a client's, with whatever fault a step asks for.  It verifies nothing that the server says.
 */
#include "peer.h"

#include <err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char our_version[] = "SSH-2.0-hostile";
static struct packet out, in; /* one at a time */

void exchange_version(struct peer *p, const char *line)
{
	char text[512];

	peer_write(p, text,
		   (size_t)snprintf(text, sizeof(text), "%s\r\n", line ? line : our_version));
}

bool exchange_hear_version(struct peer *p)
{
	return peer_read_line(p, p->version, sizeof(p->version));
}

/* ---- key exchange (RFC 4253 section 7, RFC 8731) ---- */

void exchange_send_kexinit(struct peer *p)
{
	static const char *const lists[] = {"curve25519-sha256",
					    "ssh-ed25519",
					    "aes128-ctr",
					    "aes128-ctr",
					    "hmac-sha2-256-etm@openssh.com",
					    "hmac-sha2-256-etm@openssh.com",
					    "none",
					    "none",
					    "",
					    ""};
	static const char strict[] = "curve25519-sha256,kex-strict-c-v00@openssh.com";
	uint8_t cookie[16];

	RAND_bytes(cookie, sizeof(cookie));
	packet_start(&p->kexinit, MSG_KEXINIT);
	put_bytes(&p->kexinit, cookie, sizeof(cookie));
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		put_text(&p->kexinit, i == 0 && p->strict ? strict : lists[i]);
	put_u8(&p->kexinit, 0);
	put_u32(&p->kexinit, 0);
	peer_send(p, &p->kexinit);
	p->exchanging = true;
}

bool exchange_hear_kexinit(struct peer *p)
{
	return peer_wait(p, &p->their_kexinit, MSG_KEXINIT, 0) == MSG_KEXINIT;
}

static void public_part(EVP_PKEY *key, uint8_t out32[32])
{
	size_t n = 32;

	if (!key || EVP_PKEY_get_raw_public_key(key, out32, &n) != 1)
		errx(1, "no public key");
}

void exchange_send_ecdh(struct peer *p)
{
	uint8_t ours[32];

	EVP_PKEY_free(p->secret);
	p->secret = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	public_part(p->secret, ours);
	packet_start(&out, MSG_ECDH_INIT);
	put_string(&out, ours, sizeof(ours));
	peer_send(p, &out);
}

static void put_mpint(struct packet *to, const uint8_t *n, size_t len)
{
	while (len > 0 && *n == 0) {
		n++;
		len--;
	}
	put_u32(to, (uint32_t)(len + (len && *n & 0x80)));
	if (len && *n & 0x80)
		put_u8(to, 0);
	put_bytes(to, n, len);
}

static bool derive_shared(struct peer *p, const uint8_t *theirs, uint8_t shared[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, 32);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(p->secret, NULL);
	size_t n = 32;
	const bool ok = key && c && EVP_PKEY_derive_init(c) == 1 &&
			EVP_PKEY_derive_set_peer(c, key) == 1 &&
			EVP_PKEY_derive(c, shared, &n) == 1;

	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(key);
	return ok;
}

/* K, H, a letter, the session id: RFC 4253 section 7.2. */
static void derive_key(const struct peer *p, const struct packet *k, char letter, uint8_t key[32])
{
	static struct packet all;

	all.len = 0;
	put_bytes(&all, k->b, k->len);
	put_bytes(&all, p->hash, 32);
	put_u8(&all, (unsigned char)letter);
	put_bytes(&all, p->session_id, 32);
	SHA256(all.b, all.len, key);
}

bool exchange_hear_ecdh(struct peer *p)
{
	static struct packet all, k;
	uint8_t ours[32], shared[32], key[32];
	const uint8_t *host, *theirs;
	size_t n_host, n;

	if (!peer_wait(p, &in, MSG_ECDH_REPLY, 0))
		return false;
	host = get_string(&in, &n_host);
	theirs = get_string(&in, &n);
	if (n != 32 || !derive_shared(p, theirs, shared))
		return false;
	public_part(p->secret, ours);
	k.len = all.len = 0;
	put_mpint(&k, shared, sizeof(shared));
	put_text(&all, our_version);
	put_text(&all, p->version);
	put_string(&all, p->kexinit.b, p->kexinit.len);
	put_string(&all, p->their_kexinit.b, p->their_kexinit.len);
	put_string(&all, host, n_host);
	put_string(&all, ours, sizeof(ours));
	put_string(&all, theirs, n);
	put_bytes(&all, k.b, k.len);
	SHA256(all.b, all.len, p->hash);
	if (!p->has_id)
		memcpy(p->session_id, p->hash, 32);
	p->has_id = true;
	for (int way = 0; way < 2; way++) {
		derive_key(p, &k, (char)('A' + way), key);
		memcpy(p->keys[way], key, 16);
		derive_key(p, &k, (char)('C' + way), key);
		memcpy(p->keys[way] + 16, key, 16);
		derive_key(p, &k, (char)('E' + way), p->keys[way] + 32);
	}
	return true;
}

static void turn_key(struct direction *d, const uint8_t keys[64], bool strict)
{
	if (strict)
		d->sequence = 0;
	if (!d->cipher)
		d->cipher = EVP_CIPHER_CTX_new();
	if (!d->cipher ||
	    EVP_CipherInit_ex(d->cipher, EVP_aes_128_ctr(), NULL, keys + 16, keys, 1) != 1)
		errx(1, "no cipher");
	memcpy(d->mac, keys + 32, sizeof(d->mac));
}

bool exchange_newkeys(struct peer *p)
{
	packet_start(&out, MSG_NEWKEYS);
	peer_send(p, &out);
	turn_key(&p->out, p->keys[0], p->strict);
	if (!peer_wait(p, &in, MSG_NEWKEYS, 0))
		return false;
	turn_key(&p->in, p->keys[1], p->strict);
	p->exchanging = false;
	packet_start(&out, MSG_REQUEST_FAILURE);
	for (; p->owed > 0; p->owed--)
		peer_emit(p, &out);
	return true;
}

bool exchange(struct peer *p)
{
	exchange_send_kexinit(p);
	if (!exchange_hear_kexinit(p))
		return false;
	exchange_send_ecdh(p);
	return exchange_hear_ecdh(p) && exchange_newkeys(p);
}

/* ---- login (RFC 4252 section 7) ---- */

static void put_signature(struct packet *to, const struct peer *p, EVP_PKEY *key)
{
	static struct packet covered, signature;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t s[64];
	size_t n = sizeof(s);

	covered.len = signature.len = 0;
	put_string(&covered, p->session_id, 32);
	put_bytes(&covered, to->b, to->len);
	if (!c || EVP_DigestSignInit(c, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(c, s, &n, covered.b, covered.len) != 1)
		errx(1, "no signature");
	EVP_MD_CTX_free(c);
	put_text(&signature, "ssh-ed25519");
	put_string(&signature, s, n);
	put_string(to, signature.b, signature.len);
}

void exchange_service(struct peer *p)
{
	packet_start(&out, MSG_SERVICE_REQUEST);
	put_text(&out, "ssh-userauth");
	peer_send(p, &out);
}

int exchange_login(struct peer *p, bool sign)
{
	static struct packet blob;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, p->key, 32);
	uint8_t public[32];
	int type;

	public_part(key, public);
	blob.len = 0;
	put_text(&blob, "ssh-ed25519");
	put_string(&blob, public, sizeof(public));
	packet_start(&out, MSG_USERAUTH_REQUEST);
	put_text(&out, p->user);
	put_text(&out, "ssh-connection");
	put_text(&out, "publickey");
	put_u8(&out, sign);
	put_text(&out, "ssh-ed25519");
	put_string(&out, blob.b, blob.len);
	if (sign)
		put_signature(&out, p, key);
	EVP_PKEY_free(key);
	peer_send(p, &out);
	type = peer_wait(p, &in, MSG_USERAUTH_SUCCESS, MSG_USERAUTH_PK_OK);
	p->logged_in = type == MSG_USERAUTH_SUCCESS;
	return type;
}

/* ---- channels (RFC 4254 sections 5 and 7.2; OpenSSH PROTOCOL section 2.4) ---- */

void exchange_open(struct peer *p, const struct opening *o)
{
	const char *d = o->destination;
	const bool path = *d == '/';

	packet_start(&out, MSG_CHANNEL_OPEN);
	put_text(&out, path	   ? "direct-streamlocal@openssh.com"
		       : *d == '=' ? d + 1
				   : "direct-tcpip");
	put_u32(&out, p->channels++);
	put_u32(&out, o->window);
	put_u32(&out, o->max_packet);
	if (*d != '=')
		put_text(&out, d);
	if (path) {
		put_text(&out, "");
		put_u32(&out, 0);
	} else if (*d != '=') {
		put_u32(&out, 1);
		put_text(&out, "127.0.0.1");
		put_u32(&out, 1);
	}
	peer_send(p, &out);
}

int exchange_hear_open(struct peer *p, uint32_t *reason)
{
	const int type = peer_wait(p, &in, MSG_CHANNEL_CONFIRMED, MSG_CHANNEL_REFUSED);

	if (type == MSG_CHANNEL_REFUSED) {
		get_u32(&in);
		*reason = get_u32(&in);
	}
	return type;
}

void exchange_channel(struct peer *p, enum message type, uint32_t number)
{
	packet_start(&out, type);
	put_u32(&out, p->theirs);
	if (type == MSG_WINDOW_ADJUST)
		put_u32(&out, number);
	peer_send(p, &out);
}

void exchange_data(struct peer *p, size_t n)
{
	static uint8_t nothing[32768];

	while (n > 0 && !p->gone) {
		const size_t part = n < sizeof(nothing) ? n : sizeof(nothing);

		packet_start(&out, MSG_CHANNEL_DATA);
		put_u32(&out, p->theirs);
		put_string(&out, nothing, part);
		peer_send(p, &out);
		n -= part;
	}
}
