// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_RELAY_H
#define SSHIPC_RELAY_H
/*
 * The only place that moves bytes: an SSH channel <-> a socket, for all channels of one session.
 * Owns the socket and the channel from relay_new on, backpressure, half-close, abort and fairness.
 * Used alike by server and client.
 *
 * Socket to channel: read only when the session can write and the channel's window is open, so
 * nothing is buffered here but the tail of a write that a rekey cut.  Channel to socket: sent
 * straight from libssh's buffer; what the socket does not take stays there and holds the window.
 *
 * The ends (RFC 4254 section 5.3; half-close): end of file of either side is passed on after the
 * data before it.  Both ended: an orderly close. A socket error, or a CLOSE from the peer before
 * our own EOF, is an abort: EOF and CLOSE at once towards the channel, a reset towards a TCP socket
 * (it carries SO_LINGER {1,0} until an orderly end), a close towards a Unix one.
 */
#include <event2/event.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay_end.h"
#include "sshloop.h"

struct relay;
struct relays; /* all of one session */

struct relay_stats {
	uint64_t to_socket, from_socket; /* bytes */
	enum relay_end end;
};

/* limit: bytes that all relays may hold for slow sockets before the session as a whole waits.  full
 * is told, at most once a minute, when it does. */
struct relays *relays_new(struct event_base *base, struct sshloop *loop, size_t limit,
			  void (*full)(void *arg, size_t held), void *arg);

/* Aborts what is left (done is called, RELAY_END_SESSION) and frees.  Before sshloop_free. */
void relays_free(struct relays *rs);

/* To be called from the sshloop's pass: serves what is ready, round robin from where it stopped,
 * one write of sshloop_chunk() at most per channel and turn. */
void relays_pass(struct relays *rs);

size_t relays_count(const struct relays *rs); /* with those still waiting for the peer's CLOSE */

/* Bytes of all relays, ended ones too, but not of those that are one way; end has no meaning. */
const struct relay_stats *relays_total(const struct relays *rs);

/* A relay for a channel that is open, or about to be: what comes with the confirmation is not
 * missed.  Its data is held until relay_attach.  May be called in the channel-open callback. done
 * is called once, from relays_pass or relays_free, when the socket is closed and the channel gone;
 * the relay is freed after it. */
struct relay *relay_new(struct relays *rs, ssh_channel channel,
			void (*done)(void *arg, const struct relay_stats *stats), void *arg);

/* The connected, non-blocking socket; taken over.  one_way: the socket only speaks (the status
 * answer): its end is the end. */
void relay_attach(struct relay *r, int fd, bool one_way);

/* To be called after relay_new by who asked for the channel: until relay_attach nothing is done for
 * it, so that an answer which brought everything, the peer's CLOSE too, is seen as one. */
void relay_await(struct relay *r);

/* The peer has closed the channel. */
bool relay_closed(const struct relay *r);

/* Forgets it before relay_attach, without done: the channel was not opened, or goes with its
 * session; it is the caller's again. */
void relay_discard(struct relay *r);

/* Ends it as a failure: EOF and CLOSE towards the channel, reset or close of the socket. */
void relay_abort(struct relay *r);

/* Closes a socket as an abort: reset for TCP. */
void relay_reset_socket(int fd);

#endif
