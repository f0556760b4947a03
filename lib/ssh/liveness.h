// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_LIVENESS_H
#define SSHIPC_LIVENESS_H
/*
 * Three watches over one session: whether its peer is alive, whether output is being sent, and
 * whether the peer answers a rekey that we began.  Owned by sshloop.c, which ends the session for
 * the reason that a watch returns.
 *
 * There are four ticks in a keepalive period, and time is counted in ticks: a process that was
 * stopped must not count its own pause as the peer's silence.
 *
 *   peer    UNWATCHED  before the login, when a keepalive would be a protocol error
 *           ALIVE      a sign of life came since the last tick
 *           SILENT     one tick without: a keepalive request was sent
 *           ASKED      two ticks without: another one was sent
 *           DEAD       three ticks without: the session ends
 *
 * A whole packet is a sign of life.  Bytes are not: after a packet length was corrupted, libssh may
 * wait for 35,000 of them.  Output that leaves a full buffer is a sign, since the keepalive request
 * waits behind it; a line that needs three ticks for a packet of 32 KiB (below 3 KB/s) wants a
 * longer keepalive period.  While reading is suspended each tick counts as a sign, since no packet
 * can be read: sshloop.c checks for a hang-up then.
 *
 *   stalled   ticks in which output waited and nothing of it was sent: ADDRESS_STALL seconds end
 *             the session.  TCP_USER_TIMEOUT is as long, or the keepalive period where that is
 *             longer: the kernel counts the zero window of a peer that waits for its slow readers
 *             like silence.
 *
 * Keepalive requests also measure the round trip, after the login and whenever the session was
 * silent: the shortest one is that of the path, without what waits in queues.
 *
 *   keys      CURRENT    packets of ours go out
 *             WITHHELD   many packets came while none of ours went out, and a probe packet was held
 *                        back
 *   withheld  ticks in which packets came from the peer and a probe packet was held back:
 *             ADDRESS_STALL seconds end the session
 */
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

#include "pace.h"

struct liveness {
	ssh_session session;
	int keepalive; /* seconds */
	const struct ssh_counter_struct *socket, *packets;
	enum { PEER_UNWATCHED, PEER_ALIVE, PEER_SILENT, PEER_ASKED, PEER_DEAD } peer;
	enum { KEYS_CURRENT, KEYS_WITHHELD } keys;
	unsigned stalled, withheld; /* ticks */
	struct {
		uint64_t in_packets, out_packets, out_bytes;
		bool pending;
	} tick;				/* counters at the last tick */
	uint64_t sent_then, heard_then; /* packet counts when ours last went out */
	uint64_t withheld_at;		/* bytes received by then */
	bool rarely;			/* it is asked only when it is silent */
	unsigned measuring;		/* round trips still to be measured */
	struct pace pace;		/* of the requests that were sent */
	uint64_t looked_at;		/* packets received when bulk data last waited */
};

/* Authentication has succeeded: begins to watch the peer.  banner: the peer's version. */
void liveness_start(struct liveness *v, const char *banner);

/* Sends a keepalive request, if the last one was answered; returns whether it did.  To be called
 * from the pass, or a timer. */
bool liveness_ask(struct liveness *v);

/* Whether bulk data that shares the session is to wait until the peer has read what is under way
 * (pace.h).  May send a request, as liveness_ask.  Whatever it returns is over when a packet comes
 * or after PACE_PATIENCE. */
bool liveness_holds_bulk(struct liveness *v);

/* To be called at each tick.  suspended: reading is suspended; queued: a rekey holds output back.
 * NULL, or why the session must end.  Sends packets, so libssh may run callbacks. */
const char *liveness_tick(struct liveness *v, bool suspended, bool queued);

/* To be called after each pass: NULL, or why the session must end.  May send a packet, as
 * liveness_tick. */
const char *liveness_pass(struct liveness *v);

#endif
