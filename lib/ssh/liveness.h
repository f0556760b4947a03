// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_LIVENESS_H
#define SSHIPC_LIVENESS_H
/*
 * Three watches over one session: does its peer live, does its output move, does the peer answer a
 * key exchange that we began.  Part of sshloop.c, which owns it and ends the session for the reason
 * that a watch returns.
 *
 * There are four ticks in a keepalive period, and time is counted in ticks: a process that was
 * stopped must not take its own pause for the peer's.
 *
 *   peer    UNWATCHED  before the login, when a keepalive would be a protocol error
 *           ALIVE      a sign of life came since the last tick
 *           SILENT     one tick without: a keepalive request was sent
 *           ASKED      two ticks without: another one was sent
 *           DEAD       three ticks without: the session ends
 *
 * A whole packet is a sign of life.  Bytes are not: where a length was changed on its way, 35,000
 * of them may be waited for.  Output that leaves a full buffer is one, since the request waits
 * behind it; a line that needs three ticks for a packet of 32 KiB (below 3 KB/s) wants a longer
 * keepalive period.  While reading is suspended everything counts as one, since nothing can be
 * heard: sshloop.c looks for a hang-up then.
 *
 *   stalled   ticks in which output waited and nothing of it was sent: ADDRESS_STALL seconds end
 *             the session.  TCP_USER_TIMEOUT is as long, or the keepalive period where that is
 *             longer: the kernel counts a window of zero, which a peer leaves that waits for its
 *             slow readers, as it counts silence.
 *
 *   keys      CURRENT    packets of ours go out
 *             WITHHELD   many packets came while none of ours went out, and one that was tried was
 *                        held back
 *   withheld  ticks in which the peer was heard and a packet that was tried was held back:
 *             ADDRESS_STALL seconds end the session
 */
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

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
	} tick;				/* at the last one */
	uint64_t sent_then, heard_then; /* packets, when ours went out last */
	uint64_t withheld_at;		/* bytes that had come in */
};

/* Sends a keepalive request.  From the pass, or a timer. */
void liveness_ask(struct liveness *v);

/* At each tick.  suspended: nothing is read from the peer; queued: a rekey holds output back. NULL,
 * or why the session ends.  Sends packets, so libssh may run callbacks. */
const char *liveness_tick(struct liveness *v, bool suspended, bool queued);

/* After each pass: NULL, or why the session ends.  May send a packet, as liveness_tick. */
const char *liveness_pass(struct liveness *v);

#endif
