// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_HOSTILE_PEER_H
#define SSHIPC_HOSTILE_PEER_H
/*
 * The client side of SSH (RFC 4253, 4252, 4254) written for tests alone: it says what no client
 * would.  One key exchange (curve25519-sha256), one cipher (aes128-ctr with hmac-sha2-256-etm), one
 * key (Ed25519); nothing that the server says is verified.  transport.c moves packets, exchange.c
 * has key exchange and login, mutate.c the fuzzing, main.c the steps of the command line.
 */
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_SIZE 300000 /* libssh takes 262,144 */

enum message { /* RFC 4250 section 4.1.2 */
	       MSG_DISCONNECT = 1,
	       MSG_IGNORE = 2,
	       MSG_UNIMPLEMENTED = 3,
	       MSG_SERVICE_REQUEST = 5,
	       MSG_SERVICE_ACCEPT = 6,
	       MSG_KEXINIT = 20,
	       MSG_NEWKEYS = 21,
	       MSG_ECDH_INIT = 30,
	       MSG_ECDH_REPLY = 31,
	       MSG_USERAUTH_REQUEST = 50,
	       MSG_USERAUTH_FAILURE = 51,
	       MSG_USERAUTH_SUCCESS = 52,
	       MSG_USERAUTH_PK_OK = 60,
	       MSG_GLOBAL_REQUEST = 80,
	       MSG_REQUEST_FAILURE = 82,
	       MSG_CHANNEL_OPEN = 90,
	       MSG_CHANNEL_CONFIRMED = 91,
	       MSG_CHANNEL_REFUSED = 92,
	       MSG_WINDOW_ADJUST = 93,
	       MSG_CHANNEL_DATA = 94,
	       MSG_CHANNEL_EXTENDED = 95,
	       MSG_CHANNEL_EOF = 96,
	       MSG_CHANNEL_CLOSE = 97,
	       MSG_CHANNEL_REQUEST = 98,
	       MSG_CHANNEL_FAILURE = 100,
	       MSG_NOBODY_KNOWS = 192,
};

struct packet {
	size_t len, pos;
	uint8_t b[PACKET_SIZE];
};

struct direction {
	EVP_CIPHER_CTX *cipher; /* NULL before the first NEWKEYS */
	uint8_t mac[32];
	uint32_t sequence;
};

struct mutator;

struct peer {
	int fd;
	int patience; /* ms to wait for an answer */
	bool gone;    /* the server has closed */
	bool deaf;    /* reads nothing while it writes */
	bool strict;  /* offers strict key exchange */
	bool logged_in;
	int disconnect; /* the reason it gave, -1: none */
	char disconnect_text[128];
	const uint8_t *key; /* 32 bytes of Ed25519 seed */
	const char *user;
	struct direction in, out;
	struct mutator *mutator; /* may be NULL */
	char version[256];	 /* the server's */
	struct packet kexinit, their_kexinit;
	EVP_PKEY *secret; /* of the key exchange under way */
	bool exchanging;  /* our KEXINIT is sent, our NEWKEYS not (RFC 4253 section 7.1) */
	unsigned owed;	  /* answers to requests that came meanwhile */
	uint8_t hash[32], session_id[32];
	uint8_t keys[2][64]; /* derived: IV, key and MAC key; out, in */
	bool has_id;
	uint32_t channels; /* opened; ours are numbered from 0 */
	uint32_t theirs;   /* the server's number of the last one */
	uint8_t *input;	   /* bytes received and not yet read */
	size_t n_input, size_input;
};

/* ---- fields ---- */

void put_u8(struct packet *p, unsigned v);
void put_u32(struct packet *p, uint32_t v);
void put_bytes(struct packet *p, const void *data, size_t n); /* alone */
void put_string(struct packet *p, const void *data, size_t n);
void put_text(struct packet *p, const char *text);
/* A new one with its type. */
void packet_start(struct packet *p, enum message type);
uint32_t get_u32(struct packet *p); /* 0 beyond the end */
const uint8_t *get_string(struct packet *p, size_t *n);

/* ---- transport ---- */

/* Starts a connect from an address; does not wait for it. */
void peer_connect(struct peer *p, const struct sockaddr_in *from, const struct sockaddr_in *to);
void peer_close(struct peer *p);
/* Bytes as they are. */
void peer_write(struct peer *p, const void *data, size_t n);
/* Frames, encrypts, writes; peer_send has the mutator see it first. */
void peer_emit(struct peer *p, const struct packet *packet);
void peer_send(struct peer *p, const struct packet *packet);
/* A line without its end, into out.  False: none in time. */
bool peer_read_line(struct peer *p, char *out, size_t size);
/* The next packet for which there is patience: its type, or 0. */
int peer_read(struct peer *p, struct packet *packet);
/* Reads until one of these comes; what else comes is dealt with. 0: did not come. */
int peer_wait(struct peer *p, struct packet *packet, int a, int b);
/* True: the server answered what nobody knows, so it has read everything before it. */
bool peer_alive(struct peer *p);
/* Reads until the server closes; false: it did not in ms. */
bool peer_wait_end(struct peer *p, int ms);

/* ---- exchange ---- */

void exchange_version(struct peer *p, const char *line);
bool exchange_hear_version(struct peer *p);
void exchange_send_kexinit(struct peer *p);
bool exchange_hear_kexinit(struct peer *p);
void exchange_send_ecdh(struct peer *p);
bool exchange_hear_ecdh(struct peer *p);
bool exchange_newkeys(struct peer *p);
bool exchange(struct peer *p);	       /* all of it; again: a rekey */
void exchange_service(struct peer *p); /* must come before a login */
/* A publickey login; signed, or asking only.  The server's answer, 0 for none. */
int exchange_login(struct peer *p, bool sign);

struct opening {
	const char *destination; /* "/path", "=type", or a host */
	uint32_t window, max_packet;
};
void exchange_open(struct peer *p, const struct opening *o);
/* MSG_CHANNEL_CONFIRMED, MSG_CHANNEL_REFUSED or 0; *reason of a refusal. */
int exchange_hear_open(struct peer *p, uint32_t *reason);
/* EOF, CLOSE or a number to the server's channel. */
void exchange_channel(struct peer *p, enum message type, uint32_t number);
void exchange_data(struct peer *p, size_t n);

/* ---- fuzzing ---- */

/* Called by peer_send in place of peer_emit, and by peer_emit for the bytes on the wire. */
void mutate_packet(struct mutator *m, struct peer *p, const struct packet *packet);
size_t mutate_bytes(struct mutator *m, uint8_t *bytes, size_t n, size_t size);
/* One session after a plan that the seed determines; false: the server did not close in time
 * after we did. */
bool mutate_session(struct peer *p, uint64_t seed);

#endif
