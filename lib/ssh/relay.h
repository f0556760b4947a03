// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_RELAY_H
#define SSHIPC_RELAY_H
/*
 * The only place that moves bytes: an SSH channel <-> a socket, for all channels of one session.
 * Owns the socket and the channel from relay_new on, backpressure, half-close, abort and fairness.
 * Used alike by server and client.
 *
 * Socket to channel: the socket is read only when the session can write and the channel's window is
 * open, at most sshloop_chunk() bytes and never more than the window.  So only the tail of a write
 * that a rekey cut short is buffered.  Channel to socket: data goes from libssh's buffer straight
 * to send(2); data that the socket does not accept stays in libssh's buffer, so the window does not
 * reopen.
 *
 *   what is held                           bound
 *   libssh's buffer of a channel           the window: 1.28 MB (0.10), 2 MiB (later); on a long
 *                                          path up to 15 MB (0.10), as channel_window.h says.  A
 * peer that sends 64 KiB more than the largest one so far, at least 2 MiB, into it ends the session
 * (0.10; later ones drop what is beyond the window) what all windows have grown by         half of
 * the limit of relays_new() taken from it, not yet by the socket   as much again tail of a write
 * one chunk room that libssh keeps of a channel    the next power of two: of 2 MiB (0.10) or 4 MiB
 * (later) whose reader was slow once           or what it held then, until the channel is closed
 *   all channels of a session              limit of relays_new(); above it the session's socket is
 *                                          neither read nor written for channels until a socket
 *                                          takes something.  libssh's buffers double: such a
 *                                          session uses about two and a half times that
 *
 * How a relay ends (RFC 4254 section 5.3).  "EOF" and "CLOSE" are the messages on the channel:
 *
 *   order of events                        to the channel     to the socket           relay_end
 *   the socket ends first                  last bytes, EOF    goes on
 *   the peer's EOF first                   goes on            held bytes, SHUT_WR
 *   both, in either order                  CLOSE              linger off, close       ORDERLY
 *   CLOSE after our EOF, no EOF before it  CLOSE              held bytes, linger off, ORDERLY
 *                                                             close
 *   CLOSE before our EOF, also right       EOF, CLOSE         held bytes as far as    PEER_ABORT
 *     behind an EOF                                           they are taken, reset
 *   CLOSE, or relay_abort(), before there  EOF, CLOSE         a late socket is reset  NO_SOCKET
 *     is a socket
 *   the socket fails, or relay_abort()     EOF and CLOSE in   reset                   SOCKET_ERROR
 *                                            one segment
 *   a one-way socket ends                  EOF, CLOSE         close                   ORDERLY
 *   the session ends                                          reset, unless both      SESSION
 *                                                             ended before
 *
 * A TCP socket carries SO_LINGER {1,0} until an orderly end, so that close(2) resets it, by a crash
 * too; the reset of a Unix socket is its close.  After our CLOSE a relay keeps its channel until
 * the peer's CLOSE.  relay_internal.h has the states.
 *
 * Fairness: relays that have data for the session stand in one queue.  A turn is one read and one
 * write of at most a chunk, then the next relay has its turn; service stops where the session's
 * socket is full and goes on there.  The kernel holds at most 128 KiB of unsent data
 * (TCP_NOTSENT_LOWAT).  A message of at most 4 KiB goes before what bulk transfers have waiting,
 * and for a second after one no more bulk data is under way than the path needs (pace.h).
 */
#include <event2/event.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay_end.h"
#include "sshloop.h"

struct relay;
struct relays; /* all relays of one session */

struct relay_stats {
	uint64_t to_socket, from_socket; /* bytes */
	/* The first of them, zeros where there are fewer; a zero in front once a later piece has
	 * begun with another byte: an endpoint that only refuses says the same again. */
	char first_to[8], first_from[8];
	enum relay_end end;
};

/* limit: bytes that all relays may hold for slow sockets before reading from the session is
 * suspended.  full is called then, at most once a minute. */
struct relays *relays_new(struct event_base *base, struct sshloop *loop, size_t limit,
			  void (*full)(void *arg, size_t held), void *arg);

/* Aborts the remaining relays (done is called, RELAY_END_SESSION) and frees all.  To be called
 * before sshloop_free. */
void relays_free(struct relays *rs);

/* To be called from the sshloop's pass: serves the relays that are ready, round robin from where it
 * stopped, at most one write of sshloop_chunk() per channel and turn. */
void relays_pass(struct relays *rs);

/* Bytes of all relays, ended ones too, but not of those that are one way; end has no meaning. */
const struct relay_stats *relays_total(const struct relays *rs);

/* Makes a relay for a channel that is open, or about to be, so that data arriving with the
 * confirmation is not missed.  Data is held until relay_attach.  May be called in the channel-open
 * callback.  done is called once, from relays_pass or relays_free, when the socket is closed and
 * the channel freed; the relay is freed after it. */
struct relay *relay_new(struct relays *rs, ssh_channel channel,
			void (*done)(void *arg, const struct relay_stats *stats), void *arg);

/* Attaches the connected, non-blocking socket; taken over.  one_way: the socket only sends (the
 * status answer): its EOF ends the relay. */
void relay_attach(struct relay *r, int fd, bool one_way);

/* To be called right after relay_new by the side that sent the open: parks the relay until
 * relay_attach, so that a confirmation is handled before the data and CLOSE that came with it.  Its
 * socket is read as soon as it is attached: whoever waits for the answer has often spoken. */
void relay_await(struct relay *r);

/* What it has carried so far; end has no meaning. */
const struct relay_stats *relay_carried(const struct relay *r);

/* Whether the peer has closed the channel. */
bool relay_closed(const struct relay *r);

/* Frees the relay before relay_attach, without calling done: the open failed, or its session ends;
 * the caller owns the channel again. */
void relay_discard(struct relay *r);

/* Ends the relay as a failure: EOF and CLOSE on the channel, reset or close of the socket. */
void relay_abort(struct relay *r);

/* Closes a socket as an abort: reset for TCP. */
void relay_reset_socket(int fd);

#endif
