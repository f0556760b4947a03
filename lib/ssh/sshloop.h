// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SSHLOOP_H
#define SSHIPC_SSHLOOP_H
/*
 * Drives ONE libssh session from libevent.  The only file that knows when libssh polls, reads,
 * queues and lies about it. Almost every libssh call may read the socket and run callbacks; so the
 * owner does its work in pass(), which is run again until no packet arrived meanwhile, and
 * callbacks only note what happened.
 */
#include <event2/event.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sshloop;

struct sshloop_ops {
	/* Packets may have arrived, or sshloop_kick was called: do what can be done now, outside
	 * callbacks. */
	void (*pass)(void *arg);
	/* The session ended: why (static or valid for the call). Called once, last; free it from
	 * there or later. */
	void (*dead)(void *arg, const char *why);
	/* Before libssh reads from the socket, until it has read the first bytes: for a look at
	 * them, which takes none (MSG_PEEK).  NULL: nobody wants to. */
	void (*look)(void *arg, int fd);
	void *arg;
};

struct sshloop_config {
	int keepalive; /* seconds: a peer silent for so long although asked is dead */
	bool client;   /* ssh_connect drives the first packets, and libssh makes the socket blocking
			  meanwhile */
};

/* session: non-blocking, with its own dup() of fd, not started; fd: O_NONBLOCK, watched here, stays
 * the caller's until sshloop_free closes it.  Takes both over.  Nothing is read before
 * sshloop_start. */
struct sshloop *sshloop_new(struct event_base *base, ssh_session session, int fd,
			    const struct sshloop_config *config, const struct sshloop_ops *ops);

/* Starts the key exchange.  From now on pass and dead are called. */
void sshloop_start(struct sshloop *l);

/* Authentication is over: from now on silence is measured, and keepalives are sent (before, they
 * would be protocol errors). */
void sshloop_logged_in(struct sshloop *l);

/* True once the key exchange is over. */
bool sshloop_keyed(const struct sshloop *l);

/* Runs pass: at once, or, from within pass or a libssh callback, again when the present one is
 * over. */
void sshloop_kick(struct sshloop *l);

/* Lets the loop look at its other descriptors, then runs pass again. */
void sshloop_yield(struct sshloop *l);

/* May channel data be written now?  Not while output is pending or a rekey holds packets back. */
bool sshloop_writable(struct sshloop *l);

/* Writes up to n bytes: how many were taken (0: not now), or -1 (the session or channel is gone).
 */
long sshloop_write(struct sshloop *l, ssh_channel channel, const void *p, size_t n);

/* Until it is taken off, small packets go out together. */
void sshloop_cork(struct sshloop *l, bool on);

/* Until it is taken off, what libssh does beside writing finds input only where much waits (TCP).
 */
void sshloop_defer_reads(struct sshloop *l, bool on);

/* The best size for one write: a multiple of the packets that this libssh makes. */
size_t sshloop_chunk(void);

/* Asks the peer for a sign of life.  From pass. */
void sshloop_probe(struct sshloop *l);

/* True while nothing is read from the peer: paused, or it does not take the answers to its
 * requests. */
bool sshloop_deaf(const struct sshloop *l);

/* Stops (true) reading the session's socket: the owner holds as much as it may. */
void sshloop_pause(struct sshloop *l, bool pause);

/* Ends the session: dead(why) is called from the loop, never from within this call. */
void sshloop_fail(struct sshloop *l, const char *why);

/* Socket bytes so far. */
uint64_t sshloop_bytes_in(const struct sshloop *l);

/* Sends what is pending (at most 200 ms) and DISCONNECT, closes and frees everything: session,
 * descriptors.  With a message, which is the reason that the peer is told, its close is waited for
 * (at most 100 ms).  All channels are dead. */
void sshloop_free(struct sshloop *l, const char *message);

#endif
