// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by dispatch.c: OPEN and CLOSED of a session, and the dials for it.
 * Opens only by policy.h, and only the endpoint of the line that the login was for.
 *
 * Within max-channels of the key and within max_dials the configured address is dialled, by its
 * index, from the source= address of the key's line.  Connected at once (loopback, Unix): OPENED
 * with the socket.  Refused or absent: REFUSED, and the client sees a failed open.  Neither after
 * PENDING_MS: PENDING, after which the session confirms the channel and holds its data, and a later
 * OPENED or REFUSED.  A CLOSED while the dial is under way cancels it.  ".status" gets one end of a
 * socket pair that already holds the answer.
 */
#include "conn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"
#include "proxyproto.h"
#include "relay_end.h"

/* After PENDING_MS the channel is confirmed before the dial has ended; SPARE seconds after its time
 * a dial is given up that the dialler has not. */
enum { PENDING_MS = 20, SPARE = 2 };

static struct channel **slot_of(struct conn *c, uint32_t id)
{
	const uint32_t slot = id & 0xffff;

	return c->opens.slots && slot <= (uint32_t)c->view->settings->max_channels
		   ? &c->opens.slots[slot]
		   : NULL;
}

/* The answer was sent, or the open is given up. */
static void end_dial(struct channel *ch)
{
	dial_cancel(ch->dial);
	ch->dial = NULL;
	loop_drop(ch->timer);
	ch->timer = NULL;
	if (!ch->counted)
		return;
	ch->counted = false;
	ch->c->use->dials--;
	ch->c->view->n_dials--;
	ch->c->view->dials_as[ch->c->user]--;
}

static void release(struct channel *ch)
{
	struct conn *c = ch->c;

	end_dial(ch);
	outbox_forget(&c->peer.outbox, ch);
	if (ch->fd >= 0)
		close(ch->fd);
	*slot_of(c, ch->id) = NULL;
	c->opens.count -= !ch->one_way;
	c->view->n_channels -= !ch->one_way;
	keyuse_add_channels(c, -!ch->one_way);
	free(ch);
	if (c->view->stopping && c->opens.count == 0)
		c->view->last_closed(c);
}

void opens_stop(struct conn *c)
{
	for (int i = 0; c->opens.slots && i <= c->view->settings->max_channels; i++) {
		struct channel *ch = c->opens.slots[i];

		if (ch && ch->dial)
			end_dial(ch);
	}
}

/* The session died or was killed, so its byte counts are unknown. */
static void log_lost(const struct channel *ch)
{
	const time_t seconds = loop_seconds() - ch->opened;

	if (ch->state == CHANNEL_OPEN && !ch->one_way)
		audit_log(ch->c, LOG_INFO, "channel-close",
			  LOG_FIELDS({"channel", NULL, ch->id >> 16}, {"reason", "session gone", 0},
				     {"seconds", NULL, (uint64_t)seconds}),
			  "channel %u closed: session gone, after %llds", (unsigned)(ch->id >> 16),
			  (long long)seconds);
}

void opens_release_all(struct conn *c)
{
	for (int i = 0; c->opens.slots && i <= c->view->settings->max_channels; i++) {
		if (!c->opens.slots[i])
			continue;
		log_lost(c->opens.slots[i]);
		release(c->opens.slots[i]);
	}
	free(c->opens.slots);
	c->opens.slots = NULL;
}

/* ---- answers ---- */

static void answer(struct channel *ch);

static void __attribute__((format(printf, 3, 4)))
remember_refusal(struct conn *c, enum policy_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->opens.last_refusal.text, sizeof(c->opens.last_refusal.text), fmt, ap);
	va_end(ap);
	c->opens.last_refusal.verdict = verdict;
	c->use->last_refusal = c->opens.last_refusal;
}

static const char *remedy(int error)
{
	if (error == EACCES)
		return "; the user that connects needs write permission for the socket, by its "
		       "mode or its group, and search permission (x) for each folder above it";
	return error == ETOOMANYREFS || error == ECONNABORTED ? "" : "; is its daemon running?";
}

static void tell_failed(const struct channel *ch)
{
	struct conn *c = ch->c;
	char at[ADDRESS_TEXT];

	remember_refusal(c, POLICY_DIAL_FAILED, "endpoint %s: %s", c->endpoint->name,
			 strerror(ch->error));
	if (audit_may_log(c, "channel-failed", c->opens.last_refusal.text))
		audit_log(
		    c, LOG_WARNING, "channel-failed",
		    LOG_FIELDS({"channel", NULL, ch->id >> 16}, {"reason", strerror(ch->error), 0}),
		    "channel %u failed: %s (%s)%s", (unsigned)(ch->id >> 16),
		    c->opens.last_refusal.text,
		    address_format(&c->endpoint->address, at, sizeof(at)), remedy(ch->error));
}

/* The answer was sent, or the session has died, which is handled where its socket reports it. */
static void on_answered(void *arg, int error)
{
	struct channel *ch = arg;

	/* The kernel's limit of descriptors in flight is reached: sessions do not read theirs. */
	if (error == ETOOMANYREFS && ch->fd >= 0) {
		close(ch->fd);
		ch->fd = -1;
		ch->error = ETOOMANYREFS;
		if (!ch->one_way)
			tell_failed(ch);
		answer(ch);
		return;
	}
	end_dial(ch);
	if (ch->fd >= 0) {
		close(ch->fd);
		ch->fd = -1;
		ch->state = CHANNEL_OPEN;
	} else if (ch->pending_sent) {
		ch->state = CHANNEL_REFUSED;
	} else {
		release(ch);
	}
}

/* Sends the answer of a dial.  Frees ch if it was refused before PENDING. */
static void answer(struct channel *ch)
{
	const struct message_opened a = {{ch->fd >= 0 ? MESSAGE_OPENED : MESSAGE_REFUSED, ch->id},
					 ch->one_way};

	loop_drop(ch->timer);
	ch->timer = NULL;
	peer_send_then(&ch->c->peer, &a, ch->fd, on_answered, ch);
}

/* ---- opens ---- */

/* Tells the endpoint whose connection it is.  It can believe that: no session has the socket yet.
 */
static int introduce(const struct conn *c, int fd)
{
	const struct proxyproto p = {.source = c->from, .destination = c->to};
	const struct proxyproto_tlv tlvs[] = {
	    {PROXYPROTO_KEY_NAME, c->use->name},
	    {PROXYPROTO_KEY_FINGERPRINT, c->use->fingerprint},
	};

	return proxyproto_send(fd, &p, tlvs, 2);
}

static void record_dial(struct dial_record *r, int error, uint64_t us)
{
	const enum dial_result result = error == 0		? DIAL_CONNECTED
					: error == ECONNREFUSED ? DIAL_REFUSED
					: error == ENOENT	? DIAL_ABSENT
					: error == ETIMEDOUT	? DIAL_TIMEOUT
								: DIAL_OTHER;
	static const unsigned most_ms[DIAL_BUCKETS - 1] = {1, 5, 20, 100, 1000, 10000};
	size_t i = 0;

	r->at = loop_seconds();
	r->error = error;
	r->results[result]++;
	if (error)
		return;
	while (i < DIAL_BUCKETS - 1 && us > most_ms[i] * 1000ull)
		i++;
	r->took[i]++;
	r->us += us;
}

static void on_dialled(void *arg, int fd, int error)
{
	struct channel *ch = arg;
	struct conn *c = ch->c;
	struct dial_record *record = &c->view->dials[c->endpoint - c->view->settings->endpoints];

	ch->dial = NULL;
	if (fd >= 0 && c->endpoint->send_proxy && (error = introduce(c, fd)) != 0) {
		close(fd);
		fd = -1;
	}
	ch->fd = fd;
	ch->error = error;
	record_dial(record, error, loop_us() - ch->dialled);
	if (error)
		tell_failed(ch);
	answer(ch);
}

static void on_pending(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;
	const struct message_head pending = {MESSAGE_PENDING, ch->id};

	if (ch->pending_sent) { /* a dialler that was stopped does not see the time pass */
		dial_cancel(ch->dial);
		on_dialled(ch, -1, ETIMEDOUT);
		return;
	}
	ch->pending_sent = true;
	loop_after(ch->timer, ((uint64_t)ch->c->view->settings->dial_timeout + SPARE) * 1000);
	peer_send(&ch->c->peer, &pending);
}

static void dial(struct channel *ch)
{
	struct monitor_view *view = ch->c->view;
	struct dial *d;

	ch->counted = true;
	ch->dialled = loop_us();
	ch->c->use->dials++;
	view->n_dials++;
	view->dials_as[ch->c->user]++;
	d = dialler_dial(view->diallers[ch->c->user],
			 (size_t)(ch->c->endpoint - view->settings->endpoints),
			 &ch->c->entry->key.source, on_dialled, ch);
	if (!d)
		return; /* answered already, and the channel may be freed */
	ch->dial = d;
	ch->timer = loop_timer(view->base, on_pending, ch);
	loop_after(ch->timer, PENDING_MS);
}

static const char *const action_texts[] = {[POLICY_LOGIN] = "login",
					   [POLICY_DIRECT_TCPIP] = "direct-tcpip",
					   [POLICY_DIRECT_STREAMLOCAL] = "direct-streamlocal",
					   [POLICY_OTHER_CHANNEL] = "channel",
					   [POLICY_GLOBAL_REQUEST] = "request"};

void opens_refuse(struct conn *c, uint32_t id, const struct policy_request *r,
		  enum policy_verdict verdict)
{
	const struct message_head refused = {MESSAGE_REFUSED, id};
	const bool direct =
	    r->action == POLICY_DIRECT_TCPIP || r->action == POLICY_DIRECT_STREAMLOCAL;
	struct log_text host;
	char port[16] = "";

	if (r->action == POLICY_DIRECT_TCPIP)
		snprintf(port, sizeof(port), ":%u", (unsigned)r->port);
	c->opens.refused++;
	c->view->opens_refused[verdict]++;
	remember_refusal(c, verdict, "%s%s %s%s: %s", action_texts[r->action], direct ? " to" : "",
			 log_escape(&host, r->host, r->host_len), port,
			 policy_texts[verdict].reason);
	if (audit_may_log(c, "channel-refused", c->opens.last_refusal.text))
		audit_log(c, LOG_NOTICE, "channel-refused",
			  LOG_FIELDS({"type", action_texts[r->action], 0},
				     {"destination", host.s, 0}, {"port", NULL, r->port},
				     {"reason", policy_texts[verdict].reason, 0}),
			  "refused %s (key %s); %s", c->opens.last_refusal.text,
			  c->use->fingerprint, policy_texts[verdict].remedy);
	if (id != 0)
		peer_send(&c->peer, &refused);
}

/* POLICY_GRANT, or the limit that refuses an open which the policy grants. */
static enum policy_verdict has_room(struct conn *c)
{
	const struct monitor_view *view = c->view;

	if (view->stopping)
		return POLICY_STOPPING;
	if (c->entry->key.max_channels > 0 && keyuse_channels(c) >= c->entry->key.max_channels)
		return POLICY_MAX_CHANNELS;
	/* A user of connect_as may stop its dialler, whose dials then take their whole time. */
	if (c->use->dials < view->max_dials / 4 && view->n_dials < view->max_dials &&
	    (c->user == 0 || view->dials_as[c->user] < view->max_dials / 2))
		return POLICY_GRANT;
	audit_limit(c, LIMIT_MAX_DIALS, "%zu dials are under way for its key, and %zu in all",
		    c->use->dials, view->n_dials);
	return POLICY_MAX_DIALS;
}

enum handled opens_on_open(struct conn *c, struct message *m)
{
	const uint32_t id = m->head.id;
	const struct policy_request r = {.action = (enum policy_action)m->open.action,
					 .host = m->open.host,
					 .host_len = strlen(m->open.host),
					 .port = m->open.port,
					 .source = c->from,
					 .now = time(NULL),
					 .user_verified = c->login.user_verified};
	struct channel **slot = slot_of(c, id), *ch;
	struct log_text host, origin;
	enum policy_verdict verdict;

	if (!slot || *slot || id == 0 || r.action > POLICY_GLOBAL_REQUEST ||
	    r.action == POLICY_LOGIN)
		return HANDLED_WRONG;
	c->activity.last = loop_seconds();
	verdict = policy_decide(c->entry ? &c->entry->key : NULL, c->endpoint, &r);
	/* The last slot is reserved for .status. */
	if (verdict == POLICY_GRANT && (id & 0xffff) == (uint32_t)c->view->settings->max_channels)
		return HANDLED_WRONG;
	if (verdict == POLICY_GRANT)
		verdict = has_room(c);
	if (verdict != POLICY_GRANT && verdict != POLICY_GRANT_STATUS) {
		opens_refuse(c, id, &r, verdict);
		return HANDLED;
	}
	ch = *slot = xcalloc(1, sizeof(*ch));
	ch->c = c;
	ch->id = id;
	ch->fd = -1;
	ch->opened = loop_seconds();
	ch->one_way = verdict == POLICY_GRANT_STATUS;
	c->opens.count += !ch->one_way;
	c->view->n_channels += !ch->one_way;
	c->view->counts[COUNT_OPENS] += !ch->one_way;
	keyuse_add_channels(c, !ch->one_way);
	c->opens.granted += !ch->one_way;
	if (verdict == POLICY_GRANT_STATUS) {
		ch->fd = status_socket(c);
		ch->error = ch->fd < 0 ? errno : 0;
		answer(ch);
		return HANDLED;
	}
	log_escape(&host, r.host, r.host_len);
	log_escape(&origin, m->open.origin, strlen(m->open.origin));
	audit_log(c, LOG_INFO, "channel-open",
		  LOG_FIELDS({"channel", NULL, id >> 16}, {"destination", host.s, 0},
			     {"port", NULL, r.port}, {"origin", origin.s, 0}),
		  "channel %u to endpoint %s (asked for \"%s\", origin \"%s\")",
		  (unsigned)(id >> 16), c->endpoint->name, host.s, origin.s);
	dial(ch);
	return HANDLED;
}

enum handled opens_on_closed(struct conn *c, struct message *m)
{
	const uint32_t id = m->head.id;
	const uint64_t to = m->closed.to_endpoint, from = m->closed.from_endpoint;
	const char *end = relay_end_text((enum relay_end)m->closed.end);
	struct channel **slot = slot_of(c, id), *ch = slot ? *slot : NULL;

	if (!ch || ch->id != id || (ch->state == CHANNEL_DIALLING && !ch->pending_sent))
		return HANDLED_WRONG;
	c->activity.last = loop_seconds();
	if (!ch->one_way && ch->state == CHANNEL_OPEN)
		audit_log(c, LOG_INFO, "channel-close",
			  LOG_FIELDS({"channel", NULL, id >> 16}, {"reason", end, 0},
				     {"claimed_bytes_to_endpoint", NULL, to},
				     {"claimed_bytes_from_endpoint", NULL, from},
				     {"seconds", NULL, (uint64_t)(loop_seconds() - ch->opened)}),
			  "channel %u closed: %s; session counted %" PRIu64
			  " bytes to the endpoint, %" PRIu64 " from it, in %llds",
			  (unsigned)(id >> 16), end, to, from,
			  (long long)(loop_seconds() - ch->opened));
	release(ch);
	return HANDLED;
}
