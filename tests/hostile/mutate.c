// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in hostile-peer for -f, called by main.c once per seed: sends a session's messages, some of
 * them changed.  Everything that is random comes from the seed, so that a session can be repeated.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	LATER_PATIENCE = 150, /* ms: after a change an answer may never come */
	END_MS = 20000,	      /* for the server to close once we have */
};

struct mutator {
	uint64_t state;
	uint32_t sent, from; /* messages; from which on some are changed */
	uint32_t every;	     /* one in so many is */
	enum { PAYLOAD, BYTES, BOTH } layer;
	bool changed, holds;
	struct packet held; /* to be sent after the next one */
};

static const uint32_t odd_numbers[] = {
    0,	   1,	  9,	      10,	  11,	  255,	  1023,	      1024,
    32768, 35000, 0x7fffffff, 0x80000000, 262144, 262145, 0xfffffff0, 0xffffffff};

/* splitmix64: the same session for the same seed. */
static uint32_t random_below(struct mutator *m, uint32_t n)
{
	uint64_t z = m->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ z >> 31) % n);
}

static uint32_t odd_number(struct mutator *m)
{
	return odd_numbers[random_below(m, sizeof(odd_numbers) / sizeof(*odd_numbers))];
}

/* ---- changes ---- */

static void flip(struct mutator *m, uint8_t *b, size_t n)
{
	for (uint32_t i = 0; n > 0 && i <= random_below(m, 4); i++)
		b[random_below(m, (uint32_t)n)] ^= (uint8_t)(1 << random_below(m, 8));
}

/* A length or a number of the message becomes an odd one. */
static void set_number(struct mutator *m, uint8_t *b, size_t n)
{
	const uint32_t v = htonl(odd_number(m));

	if (n >= sizeof(v))
		memcpy(b + random_below(m, (uint32_t)(n - sizeof(v)) + 1), &v, sizeof(v));
}

static void change_payload(struct mutator *m, struct packet *p)
{
	uint32_t more;

	switch (random_below(m, 7)) {
	case 0:
		flip(m, p->b, p->len);
		break;
	case 1:
		set_number(m, p->b, p->len);
		break;
	case 2: /* of 0 bytes too */
		p->len = random_below(m, (uint32_t)p->len + 1);
		break;
	case 3:
		more = odd_number(m) % (random_below(m, 4) ? 2048 : PACKET_SIZE);
		for (uint32_t i = 0; i < more && p->len < PACKET_SIZE; i++)
			p->b[p->len++] = (uint8_t)random_below(m, 256);
		break;
	case 4:
		p->b[0] = (uint8_t)random_below(m, 256);
		break;
	case 5: /* a type that means something, with what another one holds */
		p->b[0] = (uint8_t)(random_below(m, 2) ? 80 + random_below(m, 21)
						       : 1 + random_below(m, 62));
		break;
	default:
		for (size_t i = 1; i < p->len; i++)
			p->b[i] = (uint8_t)random_below(m, 256);
	}
}

size_t mutate_bytes(struct mutator *m, uint8_t *b, size_t n, size_t size)
{
	if (m->layer == PAYLOAD || m->sent <= m->from || random_below(m, m->every) != 0)
		return n;
	m->changed = true;
	switch (random_below(m, 5)) {
	case 0:
		flip(m, b, n);
		return n;
	case 1: /* the length of the packet */
		set_number(m, b, sizeof(uint32_t));
		return n;
	case 2:
		return random_below(m, (uint32_t)n);
	case 3: /* more than there should be */
		for (uint32_t i = random_below(m, 512); i > 0 && n < size; i--)
			b[n++] = (uint8_t)random_below(m, 256);
		return n;
	default: /* the padding */
		b[4] = (uint8_t)random_below(m, 256);
		return n;
	}
}

void mutate_packet(struct mutator *m, struct peer *p, const struct packet *packet)
{
	static struct packet copy;
	const bool now = ++m->sent > m->from && m->layer != BYTES && random_below(m, m->every) == 0;

	copy = *packet;
	switch (now ? random_below(m, 8) : 7) {
	case 0: /* dropped */
		break;
	case 1:
		for (uint32_t i = random_below(m, 4); i > 0; i--)
			peer_emit(p, &copy);
		peer_emit(p, &copy);
		break;
	case 2: /* out of order */
		if (!m->holds)
			m->held = copy;
		m->holds = true;
		break;
	case 7:
		peer_emit(p, &copy);
		break;
	default:
		change_payload(m, &copy);
		peer_emit(p, &copy);
	}
	if (m->holds && (!now || m->held.len != copy.len)) {
		m->holds = false;
		peer_emit(p, &m->held);
	}
	m->changed |= now;
	if (m->changed)
		p->patience = LATER_PATIENCE;
}

/* ---- a session ---- */

static void say_version(struct mutator *m, struct peer *p)
{
	static char line[512];

	if (random_below(m, 16) != 0) {
		exchange_version(p, NULL);
		return;
	}
	m->changed = true;
	p->patience = LATER_PATIENCE;
	snprintf(line, sizeof(line), "%.*s", (int)random_below(m, 20), "SSH-2.0-hostile XXXX");
	for (size_t n = strlen(line), end = n + random_below(m, 300); n < end; n++)
		line[n] = (char)(1 + random_below(m, 255));
	exchange_version(p, line);
}

/* RFC 4252 section 5, and what libssh knows of RFC 4462 and RFC 4256. */
static void say_method(struct mutator *m, struct peer *p)
{
	static const char *const methods[] = {"none",	     "password",  "keyboard-interactive",
					      "hostbased",   "publickey", "gssapi-with-mic",
					      "gssapi-keyex"};
	static const char *const algorithms[] = {"ssh-ed25519",
						 "rsa-sha2-512",
						 "ssh-rsa",
						 "ssh-dss",
						 "ecdsa-sha2-nistp256",
						 "sk-ssh-ed25519@openssh.com",
						 "ssh-ed25519-cert-v01@openssh.com"};
	static struct packet out, blob;
	const char *algorithm = algorithms[random_below(m, 7)];
	const uint32_t method = random_below(m, 7);

	packet_start(&out, MSG_USERAUTH_REQUEST);
	put_text(&out, p->user);
	put_text(&out, "ssh-connection");
	put_text(&out, methods[method]);
	if (method == 5)
		put_u32(&out, random_below(m, 4) ? 1 : odd_number(m));
	else if (method)
		put_u8(&out, random_below(m, 2));
	blob.len = 0;
	put_text(&blob, algorithm);
	for (uint32_t i = random_below(m, 5); i > 0; i--)
		put_string(&blob, odd_numbers, random_below(m, sizeof(odd_numbers)));
	put_text(&out, algorithm);
	put_string(&out, blob.b, blob.len);
	if (random_below(m, 2))
		put_string(&out, blob.b, blob.len);
	peer_send(p, &out);
}

static void say_request(struct mutator *m, struct peer *p)
{
	static const char *const names[] = {"shell",
					    "exec",
					    "pty-req",
					    "subsystem",
					    "env",
					    "window-change",
					    "signal",
					    "exit-status",
					    "x11-req",
					    "tcpip-forward",
					    "auth-agent-req",
					    "keepalive@openssh.com",
					    "hostkeys-00@openssh.com",
					    "streamlocal-forward@openssh.com",
					    "cancel-tcpip-forward",
					    "no-more-sessions@openssh.com"};
	static struct packet out;
	const bool global = random_below(m, 2);

	packet_start(&out, global ? MSG_GLOBAL_REQUEST : MSG_CHANNEL_REQUEST);
	if (!global)
		put_u32(&out, random_below(m, 4) ? p->theirs : odd_number(m));
	put_text(&out, names[random_below(m, sizeof(names) / sizeof(*names))]);
	put_u8(&out, random_below(m, 2));
	for (uint32_t i = random_below(m, 4); i > 0; i--)
		put_text(&out, "127.0.0.1");
	for (uint32_t i = random_below(m, 4); i > 0; i--)
		put_u32(&out, odd_number(m));
	peer_send(p, &out);
}

static void say_extended(struct mutator *m, struct peer *p)
{
	static struct packet out;

	packet_start(&out, MSG_CHANNEL_EXTENDED);
	put_u32(&out, p->theirs);
	put_u32(&out, odd_number(m));
	put_string(&out, odd_numbers, random_below(m, sizeof(odd_numbers)));
	peer_send(p, &out);
}

static void open_one(struct mutator *m, struct peer *p)
{
	static const char *const destinations[] = {
	    "confd", ".", ".status", "elsewhere", "/confd", "/x", "=session", "=x11", ""};
	const struct opening o = {.destination =
				      destinations[random_below(m, 2) ? 0 : random_below(m, 9)],
				  .window = random_below(m, 2) ? 1 << 20 : odd_number(m),
				  .max_packet = random_below(m, 2) ? 32768 : odd_number(m)};

	exchange_open(p, &o);
	if (random_below(m, 4))
		peer_alive(p); /* to some opens there is no answer */
}

static void say_something(struct mutator *m, struct peer *p)
{
	switch (random_below(m, 10)) {
	case 0:
		open_one(m, p);
		break;
	case 1:
	case 2:
		exchange_data(p, 1 + random_below(m, random_below(m, 8) ? 2000 : 200000));
		break;
	case 3:
		exchange_channel(p, MSG_WINDOW_ADJUST, odd_number(m));
		break;
	case 4:
		say_request(m, p);
		break;
	case 5:
		say_extended(m, p);
		break;
	case 6:
		exchange_channel(p, MSG_CHANNEL_EOF, 0);
		break;
	case 7:
		exchange_channel(p, MSG_CHANNEL_CLOSE, 0);
		break;
	case 8:
		p->theirs = random_below(m, 2) ? random_below(m, 8) : odd_number(m);
		break;
	default:
		if (random_below(m, 4) == 0)
			exchange(p);
	}
}

bool mutate_session(struct peer *p, uint64_t seed)
{
	static struct mutator m;
	static const struct linger abort_it = {1, 0};
	uint32_t ending;

	m = (struct mutator){.state = seed, .layer = (int)(seed % 3)};
	m.from = random_below(&m, random_below(&m, 2) ? 6 : 20);
	m.every = 1 + random_below(&m, 4);
	p->mutator = &m;
	p->strict = random_below(&m, 2);
	say_version(&m, p);
	if (exchange_hear_version(p) && exchange(p)) {
		exchange_service(p);
		for (uint32_t i = random_below(&m, 4) ? 0 : 1 + random_below(&m, 8); i > 0; i--)
			say_method(&m, p);
		exchange_login(p, true);
	}
	if (p->logged_in) {
		open_one(&m, p);
		for (uint32_t i = 4 + random_below(&m, 16); i > 0 && !p->gone; i--)
			say_something(&m, p);
	}
	ending = random_below(&m, 8);
	if (ending == 0)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
	if (ending == 0)
		return true;
	shutdown(p->fd, SHUT_WR);
	return peer_wait_end(p, END_MS);
}
