// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SSHLOOP_H
#define SSHIPC_SSHLOOP_H
/*
 * Drives ONE libssh session from libevent.  The only file that knows when libssh polls, reads and
 * queues.  Almost every libssh call would read the socket and run callbacks; so libssh has its
 * socket only at two points of a turn (sshsocket.h): received packets are read, then the owner does
 * its work in pass(), then all that was queued is sent by one call, but for a window's opening,
 * which waits a little for company.  Callbacks only note events.
 *
 * libssh's traps, by the function or file that handles each; details are there, in a comment that
 * begins with "Trap:" or in the file's header.
 *
 *   sshloop.c
 *     turn                  writes, closes, opens and keepalives would read the socket and run
 *                           callbacks
 *     advance_key_exchange  a session has something to poll only after a first packet function;
 *                           a client's descriptor is made blocking while it connects
 *     read_packets          one poll reads at most 4096 bytes
 *     arm                   interest in writing is flagged although nothing is pending
 *     death                 a session's error code says nothing about its health
 *     only_grant            a window is opened by a packet of its own at the first bytes (0.10)
 *     sshloop_new           libssh closes its descriptor within callbacks
 *     sshloop_write         between two KEXINITs packets queue where no status shows them
 *     sshloop_chunk         a write of full packets leaves a small one over (0.10)
 *     sshloop_free          a client's descriptor stays open, the last message is not sent
 *   farewell.c
 *     farewell_text         channel data behind the peer's KEXINIT ends the session
 *   liveness.c
 *     liveness_ask          a keepalive request goes out only at every second call
 *     liveness_start        an answer behind the peer's KEXINIT ends the session
 *     is_held_back          a peer that never answers our KEXINIT has us hold packets
 *   relay.c, relays.c
 *     on_data               data beyond the window is taken (0.10); stderr data piles up
 *     pull                  nothing offers again what a callback left; a partial read opens
 *                           the window (0.10)
 *     renew                 a window is enlarged only by a read of more than there is (0.10)
 *     on_close              a channel must not be freed in its callback
 *     close_channel         a close with output pending sends EOF only
 *   sshsocket.c
 *     sshsocket_poll        a socket that is reported as writable although nothing is to be sent
 *                           has libssh go through all channels
 *     sshsocket_send        EAGAIN and EINTR end a session
 *   algorithms.c, keyform.c, selftest.c, watchdog.c
 *     algorithms_set_bind   files are read unasked: configuration, moduli
 *     algorithms_set_client files are read unasked: configuration, known_hosts
 *     algorithms_set_session
 *                           compression stays offered unless it is "none"
 *     libssh_decrypts       an AEAD cipher of a key file makes it call a NULL function
 *     selftest_run          AES-GCM's tags may go unchecked
 *     on_timer              a packet size of 10 makes it loop for ever (0.10), as others may
 *   lib/base
 *     alloc.h               without memory a packet is sent in plain text
 *   sshipc-server/session
 *     session_on_gssapi     GSSAPI reads keytabs and looks up names before a login
 *     on_message            an unclaimed message is queued without bound
 *     open_channel          a message is freed after its callback, unless it is kept
 *                           (unanswered.h); a maximum packet size of 10 is refused
 *     note_answer           a message of the monitor may come in the middle of a packet
 *     streamlocal.h         the path of a direct-streamlocal is not told
 *     unanswered.h          some logins and opens get neither a callback nor an answer
 *     sigcalls.h            signatures are verified before anyone is asked, with any key
 *     spawner_main          a client without a home folder does not connect (0.12)
 *   sshipc-client/link
 *     confirmation.h        a maximum packet size of 0 leaves a channel opening, 10 loops
 *     look_at               a refused open is seen only by asking for it again
 *     on_message            an unclaimed message is queued without bound here, as well
 *     session_shows         a later key exchange may show another host key
 *     identity_log_in       a signature algorithm is chosen before the server has said which
 *                           it takes
 */
#include <event2/event.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sshloop;

struct sshloop_ops {
	/* Packets may have arrived, or sshloop_kick was called: the owner does its work, outside
	 * callbacks. */
	void (*pass)(void *arg);
	/* The session ended: why (static or valid for the call). Called once, last; free it from
	 * there or later. */
	void (*dead)(void *arg, const char *why);
	/* Called before libssh reads from the socket, until it has read the first bytes, to peek at
	 * them (MSG_PEEK).  May be NULL. */
	void (*look)(void *arg, int fd);
	void *arg;
};

struct sshloop_config {
	int keepalive; /* seconds of silence, keepalives unanswered, until a peer is dead */
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

/* Authentication has succeeded: from now on silence is measured and keepalives are sent (earlier
 * ones would be protocol errors). */
void sshloop_logged_in(struct sshloop *l);

/* True once the key exchange is over. */
bool sshloop_keyed(const struct sshloop *l);

/* Runs pass once after the events of this round of the loop, or, from within pass or a libssh
 * callback, again when the present one is over. */
void sshloop_kick(struct sshloop *l);

/* Lets the loop serve its other descriptors, then runs pass again. */
void sshloop_yield(struct sshloop *l);

/* shared: small messages use the session beside bulk data.  No more of that is under way from now
 * on than the path needs (pace.h). */
void sshloop_share(struct sshloop *l, bool shared);

/* Whether channel data may be written now: not while output is pending or a rekey holds packets
 * back.  urgent: for a small message, which need not wait for what is queued in this turn. */
bool sshloop_writable(struct sshloop *l, bool urgent);

/* Writes up to n bytes; returns how many libssh accepted (0: none now), or -1 (the session or
 * channel has ended). */
long sshloop_write(struct sshloop *l, ssh_channel channel, const void *p, size_t n);

/* The best size for one write: a multiple of the packets that this libssh makes. */
size_t sshloop_chunk(void);

/* Asks the peer for a sign of life (liveness.h).  To be called from pass. */
void sshloop_probe(struct sshloop *l);

/* The shortest round trip to the peer so far, in us; 0: none was measured (liveness.h). */
unsigned sshloop_round_trip(const struct sshloop *l);

/* True while reading from the peer is suspended: by sshloop_pause, or because it does not read the
 * answers to its requests. */
bool sshloop_is_suspended(const struct sshloop *l);

/* Suspends (true) or resumes reading from the session's socket: the owner's buffers are full. */
void sshloop_pause(struct sshloop *l, bool pause);

/* Ends the session: dead(why) is called from the loop, never from within this call. */
void sshloop_fail(struct sshloop *l, const char *why);

/* Whether another packet of the largest size has been received already, so that libssh calls the
 * callback for data again before the next pass.  Always false while the session is shared: a small
 * message must not wait.  To be called in that callback. */
bool sshloop_has_more(const struct sshloop *l);

/* Bytes received on the socket so far. */
uint64_t sshloop_bytes_in(const struct sshloop *l);

/* Sends what is pending (at most 200 ms) and DISCONNECT, closes and frees everything: session,
 * descriptors.  With a message, the reason in DISCONNECT, it also waits for the peer's close (at
 * most 200 ms).  All channels become invalid. */
void sshloop_free(struct sshloop *l, const char *message);

#endif
