// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client, called by sshloop.c from its timer and after its
 * pass.  It sends keepalive requests and IGNOREs; it never ends a session itself.
 */
#include "liveness.h"

#include <libssh/server.h>
#include <string.h>

#include "address.h"
#include "loop.h"

enum {
	HEARD_MAX = 32 * 1024,	/* packets received since one of ours last went out */
	MEASURES = 4,		/* of the round trip, after the login */
	ON_THEIR_WAY = 8 << 20, /* bytes that an honest peer may send before it sees our KEXINIT */
};

static const char no_new_keys[] = "peer does not answer our key exchange: connection given up";

/* Trap: every second call of ssh_send_keepalive only collects the answer to the last request, and
 * sends nothing.  That it sends one is all that tells that the last was answered. */
bool liveness_ask(struct liveness *v)
{
	const uint64_t before = v->packets->out_packets;

	for (int i = 0; i < 2 && v->packets->out_packets == before; i++)
		if (ssh_send_keepalive(v->session) == SSH_ERROR)
			break;
	if (v->packets->out_packets == before)
		return false;
	pace_mark(&v->pace, v->packets->out_bytes, loop_us());
	return true;
}

/* Trap: libssh ends a session whose peer answers a request after its own KEXINIT, which RFC 4253
 * section 7.1 forbids.  These do: they are asked only when they are silent. */
void liveness_start(struct liveness *v, const char *banner)
{
	v->rarely = banner && (strstr(banner, "paramiko") || strstr(banner, "AsyncSSH"));
	v->peer = PEER_ALIVE;
	v->measuring = v->rarely ? 0 : MEASURES;
}

/* Asks until an answer is in. */
static void measure(struct liveness *v)
{
	const bool asked = v->pace.at != 0;

	if (liveness_ask(v))
		v->measuring -= asked;
}

bool liveness_holds_bulk(struct liveness *v)
{
	if (v->peer == PEER_UNWATCHED || v->rarely)
		return false;
	if (v->packets->in_packets != v->looked_at) {
		v->looked_at = v->packets->in_packets;
		liveness_ask(v);
	}
	return !pace_allows(&v->pace, v->packets->out_bytes, loop_us());
}

/* Trap: between our KEXINIT and the peer's, libssh queues all output, and no status shows that.  A
 * peer that sends requests and never answers the KEXINIT could make us queue any amount, and keep
 * the old keys.  So a probe packet is sent: the counters show whether it went out. */
static bool is_held_back(struct liveness *v)
{
	const uint64_t before = v->packets->out_packets;

	ssh_send_ignore(v->session, "");
	return v->packets->out_packets == before;
}

const char *liveness_pass(struct liveness *v)
{
	if (v->peer != PEER_UNWATCHED && v->measuring > 0)
		measure(v);
	if (v->packets->out_packets != v->sent_then) {
		v->sent_then = v->packets->out_packets;
		v->heard_then = v->packets->in_packets;
		v->keys = KEYS_CURRENT;
		return NULL;
	}
	if (v->peer == PEER_UNWATCHED || v->packets->in_packets - v->heard_then <= HEARD_MAX)
		return NULL;
	v->heard_then = v->packets->in_packets;
	if (v->keys == KEYS_WITHHELD)
		return v->socket->in_bytes - v->withheld_at > ON_THEIR_WAY ? no_new_keys : NULL;
	v->withheld_at = v->socket->in_bytes;
	if (is_held_back(v))
		v->keys = KEYS_WITHHELD;
	return NULL;
}

static bool is_too_long(const struct liveness *v, unsigned ticks)
{
	return ticks * (unsigned)v->keepalive / 4 >= ADDRESS_STALL;
}

const char *liveness_tick(struct liveness *v, bool suspended, bool queued)
{
	const bool sent = v->socket->out_bytes != v->tick.out_bytes;
	const bool alive =
	    v->packets->in_packets != v->tick.in_packets || (v->tick.pending && sent) || suspended;
	const bool pending = (ssh_get_status(v->session) & SSH_WRITE_PENDING) != 0;
	const bool quiet = v->packets->out_packets == v->tick.out_packets;

	if (v->peer != PEER_UNWATCHED)
		v->peer = alive ? PEER_ALIVE : v->peer + 1;
	v->stalled = !sent && (v->tick.pending || queued) ? v->stalled + 1 : 0;
	v->withheld =
	    v->peer == PEER_ALIVE && !suspended && quiet && is_held_back(v) ? v->withheld + 1 : 0;
	v->tick.in_packets = v->packets->in_packets;
	v->tick.out_packets = v->packets->out_packets;
	v->tick.out_bytes = v->socket->out_bytes;
	v->tick.pending = pending;
	if (v->peer == PEER_DEAD)
		return "peer does not answer: connection given up";
	if (is_too_long(v, v->stalled))
		return "peer takes no data: connection given up";
	if (is_too_long(v, v->withheld))
		return no_new_keys;
	if (v->peer == PEER_SILENT || v->peer == PEER_ASKED) {
		v->pace.at = 0;
		v->measuring += v->measuring == 0;
		measure(v);
	}
	return NULL;
}
