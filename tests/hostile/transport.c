// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in hostile-peer, called by all of it: packets, their cipher and their MAC, and every wait
 * for the server.  No wait is without an end, and what the server sends is parsed within its
 * length.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAC = 32, BLOCK = 16 };

/* ---- fields ---- */

void put_bytes(struct packet *p, const void *data, size_t n)
{
	if (n > sizeof(p->b) - p->len)
		n = sizeof(p->b) - p->len;
	memcpy(p->b + p->len, data, n);
	p->len += n;
}

void put_u8(struct packet *p, unsigned v)
{
	const uint8_t b = (uint8_t)v;

	put_bytes(p, &b, 1);
}

void put_u32(struct packet *p, uint32_t v)
{
	v = htonl(v);
	put_bytes(p, &v, sizeof(v));
}

void put_string(struct packet *p, const void *data, size_t n)
{
	put_u32(p, (uint32_t)n);
	put_bytes(p, data, n);
}

void put_text(struct packet *p, const char *text)
{
	put_string(p, text, strlen(text));
}

void packet_start(struct packet *p, enum message type)
{
	p->len = p->pos = 0;
	put_u8(p, type);
}

uint32_t get_u32(struct packet *p)
{
	uint32_t v = 0;

	if (p->len - p->pos < sizeof(v)) {
		p->pos = p->len;
		return 0;
	}
	memcpy(&v, p->b + p->pos, sizeof(v));
	p->pos += sizeof(v);
	return ntohl(v);
}

const uint8_t *get_string(struct packet *p, size_t *n)
{
	const uint8_t *s;

	*n = get_u32(p);
	if (*n > p->len - p->pos)
		*n = p->len - p->pos;
	s = p->b + p->pos;
	p->pos += *n;
	return s;
}

/* ---- bytes ---- */

void peer_connect(struct peer *p, const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		err(1, "socket");
	if (from->sin_family == AF_INET &&
	    bind(p->fd, (const struct sockaddr *)from, sizeof(*from)) != 0)
		err(1, "bind to %s", inet_ntoa(from->sin_addr));
	if (connect(p->fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS)
		p->gone = true;
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	EVP_CIPHER_CTX_free(p->in.cipher);
	EVP_CIPHER_CTX_free(p->out.cipher);
	EVP_PKEY_free(p->secret);
	free(p->input);
}

/* Takes what is there. */
static void receive(struct peer *p)
{
	ssize_t n;

	if (p->size_input - p->n_input < 65536) {
		p->size_input += 1 << 20;
		p->input = realloc(p->input, p->size_input);
		if (!p->input)
			err(1, "memory");
	}
	n = recv(p->fd, p->input + p->n_input, 65536, 0);
	if (n > 0)
		p->n_input += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		p->gone = true;
}

static void forget(struct peer *p, size_t n)
{
	memmove(p->input, p->input + n, p->n_input - n);
	p->n_input -= n;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* False: nothing happened in ms. */
static bool wait_for(struct peer *p, short what, int ms)
{
	struct pollfd f = {.fd = p->fd, .events = what};

	if (poll(&f, 1, ms < 0 ? 0 : ms) <= 0)
		return false;
	if (f.revents & (POLLIN | POLLERR | POLLHUP))
		receive(p);
	return true;
}

void peer_write(struct peer *p, const void *data, size_t n)
{
	const uint8_t *d = data;

	while (n > 0 && !p->gone) {
		const ssize_t sent = send(p->fd, d, n, MSG_NOSIGNAL);

		if (sent >= 0) {
			d += sent;
			n -= (size_t)sent;
		} else if (errno != EAGAIN && errno != EINTR) {
			p->gone = true;
		} else if (!wait_for(p, p->deaf ? POLLOUT : POLLOUT | POLLIN, p->patience)) {
			p->gone = true; /* it does not read */
		}
	}
}

bool peer_read_line(struct peer *p, char *out, size_t size)
{
	const long until = now_ms() + p->patience;
	uint8_t *end = NULL;

	while (!p->n_input || !(end = memchr(p->input, '\n', p->n_input)))
		if (p->gone || !wait_for(p, POLLIN, (int)(until - now_ms())))
			return false;
	snprintf(out, size, "%.*s", (int)(end - p->input), (char *)p->input);
	out[strcspn(out, "\r")] = '\0';
	forget(p, (size_t)(end - p->input) + 1);
	return true;
}

/* ---- packets ---- */

static void seal(struct direction *d, uint8_t *bytes, size_t n)
{
	uint8_t covered[4 + PACKET_SIZE + 512];
	const uint32_t sequence = htonl(d->sequence);
	int len;

	/* The length stays readable, and the MAC is of what is on the wire. */
	EVP_EncryptUpdate(d->cipher, bytes + 4, &len, bytes + 4, (int)n - 4);
	memcpy(covered, &sequence, 4);
	memcpy(covered + 4, bytes, n);
	HMAC(EVP_sha256(), d->mac, MAC, covered, 4 + n, bytes + n, NULL);
}

void peer_emit(struct peer *p, const struct packet *packet)
{
	static uint8_t bytes[PACKET_SIZE + 512];
	const size_t block = p->out.cipher ? BLOCK : 8;
	const size_t ahead = p->out.cipher ? 1 : 5; /* what counts for the padding */
	size_t pad = block - (ahead + packet->len) % block, n = 5 + packet->len;
	uint32_t length;

	pad += pad < 4 ? block : 0;
	length = htonl((uint32_t)(1 + packet->len + pad));
	memcpy(bytes, &length, 4);
	bytes[4] = (uint8_t)pad;
	memcpy(bytes + 5, packet->b, packet->len);
	RAND_bytes(bytes + n, (int)pad);
	n += pad;
	if (p->out.cipher) {
		seal(&p->out, bytes, n);
		n += MAC;
	}
	p->out.sequence++;
	if (p->mutator)
		n = mutate_bytes(p->mutator, bytes, n, sizeof(bytes));
	peer_write(p, bytes, n);
}

void peer_send(struct peer *p, const struct packet *packet)
{
	if (p->mutator)
		mutate_packet(p->mutator, p, packet);
	else
		peer_emit(p, packet);
}

/* After what a mutator did the keys may differ: the rest is only read. */
static bool nonsense(struct peer *p)
{
	if (!p->mutator)
		errx(1, "the server sent a packet that makes no sense");
	p->n_input = 0;
	return false;
}

/* A whole packet of the input, opened; false: not all of it is there. */
static bool take(struct peer *p, struct packet *packet)
{
	uint32_t length;
	size_t whole;
	int len;

	if (p->n_input < 5)
		return false;
	memcpy(&length, p->input, 4);
	length = ntohl(length);
	if (length > PACKET_SIZE || length < 2)
		return nonsense(p);
	whole = 4 + length + (p->in.cipher ? MAC : 0);
	if (p->n_input < whole)
		return false;
	if (p->in.cipher)
		EVP_EncryptUpdate(p->in.cipher, p->input + 4, &len, p->input + 4, (int)length);
	packet->len = length - 1 - p->input[4];
	if (packet->len > length || packet->len == 0)
		return nonsense(p);
	memcpy(packet->b, p->input + 5, packet->len);
	packet->pos = 1;
	p->in.sequence++;
	forget(p, whole);
	return true;
}

int peer_read(struct peer *p, struct packet *packet)
{
	const long until = now_ms() + p->patience;

	while (!take(p, packet))
		if (p->gone || !wait_for(p, POLLIN, (int)(until - now_ms())))
			return 0;
	return packet->b[0];
}

static void answer_request(struct peer *p, struct packet *packet)
{
	struct packet *answer = malloc(sizeof(*answer));
	size_t n;

	if (!answer)
		err(1, "memory");
	get_string(packet, &n);
	packet_start(answer, MSG_REQUEST_FAILURE);
	if (packet->pos < packet->len && packet->b[packet->pos] && p->exchanging)
		p->owed++;
	else if (packet->pos < packet->len && packet->b[packet->pos])
		peer_emit(p, answer);
	free(answer);
}

static void note_disconnect(struct peer *p, struct packet *packet)
{
	size_t n;
	const uint8_t *text;

	p->disconnect = (int)get_u32(packet);
	text = get_string(packet, &n);
	snprintf(p->disconnect_text, sizeof(p->disconnect_text), "%.*s", (int)n,
		 (const char *)text);
}

int peer_wait(struct peer *p, struct packet *packet, int a, int b)
{
	int type;

	while ((type = peer_read(p, packet))) {
		if (type == MSG_CHANNEL_CONFIRMED) {
			get_u32(packet);
			p->theirs = get_u32(packet);
		}
		if (type == a || type == b)
			return type;
		if (type == MSG_DISCONNECT)
			note_disconnect(p, packet);
		else if (type == MSG_GLOBAL_REQUEST)
			answer_request(p, packet);
		else if (type == MSG_USERAUTH_FAILURE && a == MSG_USERAUTH_SUCCESS)
			return type;
	}
	return 0;
}

bool peer_alive(struct peer *p)
{
	static struct packet probe, got;
	const uint32_t sequence = p->out.sequence;

	packet_start(&probe, MSG_NOBODY_KNOWS);
	peer_emit(p, &probe);
	while (peer_wait(p, &got, MSG_UNIMPLEMENTED, 0))
		if (get_u32(&got) == sequence)
			return true;
	return false;
}

bool peer_wait_end(struct peer *p, int ms)
{
	static struct packet got;
	const long until = now_ms() + ms;

	while (!p->gone && now_ms() < until) {
		p->patience = (int)(until - now_ms());
		peer_wait(p, &got, -1, -1);
	}
	return p->gone;
}
