// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_WIRE_H
#define SSHIPC_WIRE_H
/*
 * Typed, length-checked messages between our own processes over SOCK_SEQPACKET, with descriptors
 * attached.  A message is one byte of type, then fields in a fixed order: u32 and u64 (host order:
 * both ends are this program), bytes as u32 length and bytes.  What a message means in which state
 * is the affair of its two ends; the table stands in DESIGN.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX 12288 /* a private host key in text form is the longest field */
#define WIRE_FDS 2

/* What both sides of a session know. */
#define SESSION_CHANNELS_MAX 16384 /* the most that max_channels can be */
#define SESSION_SIGNATURES   6	   /* of logins, that a peer may have checked */

/* What LIMIT says was reached. */
enum session_limit { SESSION_LIMIT_CHANNELS, SESSION_LIMIT_HELD };

/* Why libssh refused a login by itself: what ATTEMPT says. */
enum session_login_fault {
	SESSION_QUERY,	       /* asked, without a signature, for what is not taken */
	SESSION_CERTIFICATE,   /* not taken, and not the same as a key */
	SESSION_UNCHECKED,     /* signed, in a way or with a key that is not taken */
	SESSION_BAD_KEY,       /* signed by a key that no list can have */
	SESSION_BAD_SIGNATURE, /* which does not verify */
	SESSION_LOGIN_FAULTS
};

/* How far a peer came that did not log in: what LEFT says. */
enum session_reached {
	SESSION_SILENT, /* it sent nothing */
	SESSION_PROXY,	/* it sent that, in place of SSH */
	SESSION_HTTP,
	SESSION_TLS,
	SESSION_OTHER,
	SESSION_GREETED, /* SSH, and no key exchange was completed */
	SESSION_KEYED,
	SESSION_REACHED
};

enum wire_type {
	/* session -> monitor */
	WIRE_PROBE = 1, /* bytes key blob, bytes user */
	WIRE_AUTHORIZE, /* bytes key blob, bytes user, bytes client version, bytes algorithm, bytes
			   signature, u32 flags and u32 counter of a token */
	WIRE_OPEN, /* u32 id, u32 policy_action, bytes host, u32 port, bytes origin host, u32 origin
		      port */
	WIRE_CLOSED, /* u32 id, u64 bytes to the endpoint, u64 bytes from it, u32 relay_end */
	WIRE_NOTE,   /* u32 priority, bytes text */
	WIRE_REFUSE, /* u32 policy_action, bytes what: something that sshipc does not have was asked
			for and refused */
	WIRE_ALIVE,  /* no fields: the peer answered after CHECK */
	WIRE_LIMIT,  /* u32 session_limit: it was reached */
	WIRE_STATS,  /* u64 bytes to the endpoints, u64 bytes from them: of the whole session */
	WIRE_SIGN,   /* bytes algorithm, bytes that a key exchange hashes, u32 length of the hash */
	WIRE_ATTEMPT, /* bytes key blob (may be empty), bytes user, bytes algorithm, u32
			 session_login_fault: a login that libssh refused by itself */
	WIRE_LEFT, /* u32 session_reached, bytes first line, bytes why: it ended before a login */
	/* monitor -> session */
	WIRE_KNOWN,   /* u32 yes or no: answers PROBE */
	WIRE_GRANT,   /* u32 max channels: answers AUTHORIZE */
	WIRE_DENY,    /* bytes reason for the key's owner, may be empty: answers AUTHORIZE */
	WIRE_OPENED,  /* u32 id, u32 one way; a connected socket is attached */
	WIRE_PENDING, /* u32 id: accept the channel and hold its data */
	WIRE_REFUSED, /* u32 id, bytes reason */
	WIRE_END,     /* bytes reason: disconnect with it */
	WIRE_CHECK,   /* no fields: is the peer alive? */
	WIRE_SIGNED,  /* bytes signature: answers SIGN */
	/* monitor -> spawner */
	WIRE_SETUP,   /* u32 algorithms profile, u32 keepalive seconds, u32 sandbox, u32 max_held
			 MiB, u32 max_channels, u32 rekey_data MiB, u32 rekey_time seconds */
	WIRE_HOSTKEY, /* bytes private key text, bytes public key blob */
	WIRE_START,   /* no fields: settings are complete */
	WIRE_SPAWN, /* u32 connection id; attached: the SSH socket, the session's end of its pair */
	WIRE_KILL,  /* u32 connection id: its process, if there still is one */
	/* spawner -> monitor */
	WIRE_REPORT,  /* bytes version, bytes lines about libssh, bytes paths of what is mapped: of
			 the self-test alone, which --version and every start asks for */
	WIRE_TESTED,  /* u32 proof, u32 keyless: what the self-test saw; HOSTKEY and START follow */
	WIRE_READY,   /* bytes libssh version, bytes why something is off */
	WIRE_FAILED,  /* u32 exit code, bytes text; also of the dialler */
	WIRE_SPAWNED, /* u32 connection id, u32 pid */
	WIRE_EXITED,  /* u32 connection id, u32 wait status, u64 microseconds of CPU that it took */
	/* monitor -> dialler */
	WIRE_ENDPOINT, /* u32 index, bytes sockaddr, u32 seconds until a dial is given up */
	WIRE_DIAL,     /* u32 id, u32 index, bytes source sockaddr */
	WIRE_CANCEL,   /* u32 id */
	/* dialler -> monitor */
	WIRE_DIALLED, /* u32 id, u32 errno; 0: the connected socket is attached */
};

struct wire {
	size_t len, pos;
	bool bad;
	int fds[WIRE_FDS]; /* attached: to send (borrowed) or received (the reader's to close), -1
			      for none */
	uint8_t buf[WIRE_MAX];
};

/* Building: start, fields in order, send. What does not fit marks it bad, and a bad message is not
 * sent. */
void wire_start(struct wire *w, enum wire_type type);
void wire_put_u32(struct wire *w, uint32_t v);
void wire_put_u64(struct wire *w, uint64_t v);
void wire_put_bytes(struct wire *w, const void *p, size_t n);
void wire_put_text(struct wire *w, const char *s);
void wire_attach(struct wire *w, int fd);

/* Sends it whole.  With descriptors by sendmsg(2), else by send(2) (a session may not call
 * sendmsg).  0, or -1 with errno; EAGAIN on a non-blocking socket whose peer does not read;
 * EMSGSIZE for a bad message. */
int wire_send(int sock, const struct wire *w);

/* Receives one.  1; 0 at the end; -1 with errno (EAGAIN; EBADMSG: cut, or more descriptors
 * than max_fds, all closed). */
int wire_recv(int sock, struct wire *w, size_t max_fds);

/* Reading: type, fields in order, then wire_done.  A short field marks it bad and reads as zero or
 * empty. */
enum wire_type wire_type(const struct wire *w);
uint32_t wire_get_u32(struct wire *w);
uint64_t wire_get_u64(struct wire *w);
const void *wire_get_bytes(struct wire *w, size_t *n,
			   size_t max); /* points into w; longer than max is bad */
void wire_get_text(struct wire *w, char *out,
		   size_t size);	    /* terminated; a NUL inside or a longer one is bad */
bool wire_done(const struct wire *w);	    /* every byte was read and nothing was bad */
int wire_take_fd(struct wire *w, size_t i); /* the caller's from now on */
void wire_close_fds(struct wire *w);

#endif
