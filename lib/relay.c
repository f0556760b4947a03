// SPDX-License-Identifier: BSD-2-Clause
#include "relay.h"

#include <errno.h>
#include <libssh/callbacks.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

enum {
	OVERRUN =
	    2 * 1024 * 1024 + 64 * 1024, /* the largest window that any libssh grants, and slack */
	CLOSE_SECONDS = 60,		 /* for the peer's CLOSE after ours */
};

/* READY: something happened.  WAITING: has data for the session, in the order in which it will be
 * served.  BLOCKED: its window is closed.  CLOSING: waits for the peer's CLOSE. */
enum place { IDLE, READY, WAITING, BLOCKED, CLOSING, PLACES };

struct relay {
	TAILQ_ENTRY(relay) all, queue;
	enum place place; /* which queue it stands in */
	struct relays *rs;
	ssh_channel channel;
	struct ssh_channel_callbacks_struct callbacks;
	int fd;
	struct event *readable, *writable;
	uint8_t *tail; /* read from the socket, not yet taken by the session */
	size_t tail_len;
	uint8_t *out; /* taken from libssh, not yet by the socket */
	size_t out_pos, out_len;
	size_t held;	/* in libssh's buffer of this channel */
	size_t counted; /* of both, in the session's sum */
	time_t closed_at;
	bool may_read, may_send;   /* what the socket last told */
	bool socket_eof, eof_sent; /* socket to channel */
	bool channel_eof, shut;	   /* channel to socket */
	bool channel_closed, abort, close_sent, pulling, one_way;
	struct relay_stats stats;
	void (*done)(void *arg, const struct relay_stats *stats);
	void *arg;
};

TAILQ_HEAD(relay_list, relay);

struct relays {
	struct event_base *base;
	struct sshloop *loop;
	struct relay_list all, queues[PLACES];
	size_t count, held, limit;
	bool full_logged;
	uint8_t *buf; /* one read, shared: nothing stays in it between two relays */
};

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec;
}

static void move(struct relay *r, enum place place)
{
	if (r->place != IDLE)
		TAILQ_REMOVE(&r->rs->queues[r->place], r, queue);
	r->place = place;
	if (r->place != IDLE)
		TAILQ_INSERT_TAIL(&r->rs->queues[r->place], r, queue);
}

/* Callbacks leave their work for the pass. */
static void mark(struct relay *r)
{
	if (r->place != READY)
		move(r, READY);
	sshloop_kick(r->rs->loop);
}

/* What this relay holds for its socket, in libssh and here, against the session's budget. */
static void account(struct relay *r)
{
	const size_t now = r->held + r->out_len - r->out_pos;

	r->rs->held += now - r->counted;
	r->counted = now;
}

static void check_budget(struct relays *rs)
{
	const bool full = rs->held > rs->limit;

	if (full && !rs->full_logged)
		log_msg(LOG_WARNING,
			"slow readers hold %zu bytes, the most one session may: it waits for them",
			rs->held);
	rs->full_logged = full;
	sshloop_pause(rs->loop, full);
}

/* ---- channel to socket ---- */

static void fail(struct relay *r)
{
	if (r->abort)
		return;
	r->abort = true;
	r->stats.end = RELAY_END_SOCKET_ERROR;
}

/* Sends; how much went, or -1 after marking the relay failed. */
static ssize_t push(struct relay *r, const uint8_t *p, size_t n)
{
	size_t sent = 0;

	while (sent < n) {
		const ssize_t rc = send(r->fd, p + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			r->may_send = false;
			event_add(r->writable, NULL);
			break;
		}
		if (rc < 0) {
			fail(r);
			return -1;
		}
		sent += (size_t)rc;
	}
	r->stats.to_socket += sent;
	return (ssize_t)sent;
}

static int on_data(ssh_session session, ssh_channel channel, void *data, uint32_t len,
		   int is_stderr, void *arg)
{
	struct relay *r = arg;
	ssize_t n = 0;

	(void)session;
	(void)channel;
	if (is_stderr || r->abort || r->shut)
		return (int)len;
	if (len > OVERRUN) {
		sshloop_fail(r->rs->loop, "peer ignores the channel window");
		return (int)len;
	}
	if (r->fd >= 0 && r->out_len == 0 && r->may_send && !r->pulling)
		n = push(r, data, len);
	r->held = n < 0 ? 0 : len - (size_t)n;
	account(r);
	check_budget(r->rs);
	if (n >= 0)
		return (int)n;
	mark(r);
	return (int)len;
}

static void drop_out(struct relay *r)
{
	free(r->out);
	r->out = NULL;
	r->out_len = r->out_pos = 0;
}

/* No callback comes for what libssh holds: it is pulled whole, since a partial read would widen the
 * window. */
static void pull(struct relay *r)
{
	int n;

	r->out = malloc(r->held);
	if (!r->out)
		abort();
	r->pulling = true;
	n = ssh_channel_read_timeout(r->channel, r->out, (uint32_t)r->held, 0, 0);
	r->pulling = false;
	if (n <= 0) {
		r->held = 0;
		drop_out(r);
		return;
	}
	r->out_len = (size_t)n;
	r->held -= (size_t)n;
}

static void drain(struct relay *r)
{
	while (r->fd >= 0 && r->may_send && !r->abort && r->counted > 0) {
		ssize_t n;

		if (r->out_len == 0)
			pull(r);
		n = push(r, r->out + r->out_pos, r->out_len - r->out_pos);
		if (n < 0)
			break;
		r->out_pos += (size_t)n;
		if (r->out_pos == r->out_len)
			drop_out(r);
		account(r);
	}
	check_budget(r->rs);
	if (r->channel_eof && !r->shut && !r->abort && r->fd >= 0 && r->counted == 0) {
		r->shut = true;
		shutdown(r->fd, SHUT_WR);
	}
}

static void on_eof(ssh_session session, ssh_channel channel, void *arg)
{
	struct relay *r = arg;

	(void)session;
	(void)channel;
	r->channel_eof = true;
	mark(r);
}

static void on_close(ssh_session session, ssh_channel channel, void *arg)
{
	struct relay *r = arg;

	(void)session;
	(void)channel;
	r->channel_closed = true;
	mark(r);
}

/* ---- socket to channel ---- */

static bool wants_read(const struct relay *r)
{
	return r->fd >= 0 && !r->socket_eof && !r->abort && !r->channel_closed;
}

static void arm_read(struct relay *r, bool on)
{
	if (on && wants_read(r))
		event_add(r->readable, NULL);
	else if (r->readable)
		event_del(r->readable);
}

/* One read and one write.  True: there may be more. */
static bool serve_read(struct relay *r)
{
	const uint32_t window = ssh_channel_window_size(r->channel);
	const size_t want = window < sshloop_chunk() ? window : sshloop_chunk();
	const uint8_t *p = r->tail_len > 0 ? r->tail : r->rs->buf;
	size_t n = r->tail_len;
	long took = 0;

	if (n == 0) {
		const ssize_t rc = recv(r->fd, r->rs->buf, want, MSG_DONTWAIT);

		if (rc < 0) {
			r->may_read = errno == EINTR;
			if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
				fail(r);
			return r->may_read;
		}
		if (rc == 0) {
			r->socket_eof = true;
			return false;
		}
		n = (size_t)rc;
		r->stats.from_socket += n;
		/* A short read emptied the socket; epoll tells of the next byte. */
		r->may_read = n == want;
	}
	took = sshloop_write(r->rs->loop, r->channel, p, n < want ? n : want);
	if (took < 0) {
		r->abort = true;
		r->stats.end = RELAY_END_PEER_ABORT;
		return false;
	}
	if ((size_t)took < n) {
		uint8_t *rest = malloc(n - (size_t)took);

		if (!rest)
			abort();
		memcpy(rest, p + took, n - (size_t)took);
		free(r->tail);
		r->tail = rest;
	} else {
		free(r->tail);
		r->tail = NULL;
	}
	r->tail_len = n - (size_t)took;
	return r->tail_len > 0 || r->may_read;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	(void)what;
	r->may_read = true;
	mark(r);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	(void)what;
	event_del(r->writable);
	r->may_send = true;
	mark(r);
}

/* ---- ends ---- */

static void close_socket(struct relay *r, bool orderly)
{
	const struct linger off = {0};

	if (r->readable)
		event_free(r->readable);
	if (r->writable)
		event_free(r->writable);
	r->readable = r->writable = NULL;
	if (r->fd >= 0) {
		if (orderly)
			setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
		close(r->fd);
	}
	r->fd = -1;
	r->held = 0;
	drop_out(r);
	account(r);
	check_budget(r->rs);
}

static void close_channel(struct relay *r)
{
	/* With output pending a close may need three calls: EOF, CLOSE, done. */
	for (int i = 0; i < 3 && ssh_channel_close(r->channel) == SSH_AGAIN; i++)
		;
	r->close_sent = r->eof_sent = true;
	r->closed_at = now_s();
}

static void finish(struct relay *r)
{
	move(r, IDLE);
	TAILQ_REMOVE(&r->rs->all, r, all);
	r->rs->count--;
	if (r->channel) {
		ssh_remove_channel_callbacks(r->channel, &r->callbacks);
		ssh_channel_free(r->channel);
	}
	r->done(r->arg, &r->stats);
	free(r->tail);
	free(r);
}

/* Everything that may happen next, in the order in which it may; turn: it is this relay's turn to
 * write.  The relay may be gone afterwards. */
static void step(struct relay *r, bool turn)
{
	struct relays *rs = r->rs;
	bool more = false;

	move(r, IDLE);
	if (r->close_sent) {
		if (r->channel_closed)
			finish(r);
		else
			move(r, CLOSING);
		return;
	}
	drain(r);
	if (wants_read(r) && (r->may_read || r->tail_len > 0)) {
		if (ssh_channel_window_size(r->channel) == 0) {
			arm_read(r, false);
			move(r, BLOCKED);
			return;
		}
		turn = turn || TAILQ_EMPTY(&rs->queues[WAITING]);
		more = turn && sshloop_writable(rs->loop) ? serve_read(r) : true;
	}
	if (r->socket_eof && r->tail_len == 0 && !r->eof_sent && !r->channel_closed && !r->abort) {
		ssh_channel_send_eof(r->channel);
		r->eof_sent = true;
	}
	/* A CLOSE before our EOF is an abort; what came before it is still delivered as far as the
	 * socket takes it. */
	if (r->channel_closed && !r->eof_sent && !r->abort && (r->counted == 0 || r->fd < 0)) {
		r->abort = true;
		r->stats.end = r->fd < 0 ? RELAY_END_NO_SOCKET : RELAY_END_PEER_ABORT;
	}
	/* After our EOF it is as good as the peer's EOF. */
	if (r->channel_closed && r->eof_sent && !r->channel_eof) {
		r->channel_eof = true;
		drain(r);
	}
	if (r->abort || (r->eof_sent && (r->shut || r->one_way))) {
		close_socket(r, !r->abort);
		close_channel(r);
		move(r, READY);
		return;
	}
	arm_read(r, !more);
	if (more)
		move(r, WAITING);
}

void relays_pass(struct relays *rs)
{
	struct relay *r, *next;

	/* A window may have opened; nothing tells but the look. */
	for (r = TAILQ_FIRST(&rs->queues[BLOCKED]); r; r = next) {
		next = TAILQ_NEXT(r, queue);
		if (ssh_channel_window_size(r->channel) > 0 || !wants_read(r))
			move(r, READY);
	}
	while ((r = TAILQ_FIRST(&rs->queues[READY])))
		step(r, false);
	while ((r = TAILQ_FIRST(&rs->queues[WAITING])) && sshloop_writable(rs->loop))
		step(r, true);
	r = TAILQ_FIRST(&rs->queues[CLOSING]);
	if (r && now_s() - r->closed_at > CLOSE_SECONDS)
		sshloop_fail(rs->loop, "peer does not answer a channel close");
}

/* ---- life ---- */

struct relays *relays_new(struct event_base *base, struct sshloop *loop, size_t limit)
{
	struct relays *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return NULL;
	rs->buf = malloc(sshloop_chunk());
	if (!rs->buf) {
		free(rs);
		return NULL;
	}
	rs->base = base;
	rs->loop = loop;
	rs->limit = limit;
	TAILQ_INIT(&rs->all);
	for (int i = 0; i < PLACES; i++)
		TAILQ_INIT(&rs->queues[i]);
	return rs;
}

void relays_free(struct relays *rs)
{
	struct relay *r;

	if (!rs)
		return;
	while ((r = TAILQ_FIRST(&rs->all))) {
		if (!r->close_sent)
			r->stats.end = RELAY_END_SESSION;
		close_socket(r, false);
		/* The session's end frees the channel. */
		ssh_remove_channel_callbacks(r->channel, &r->callbacks);
		r->channel = NULL;
		finish(r);
	}
	free(rs->buf);
	free(rs);
}

size_t relays_count(const struct relays *rs)
{
	return rs->count;
}

struct relay *relay_new(struct relays *rs, ssh_channel channel,
			void (*done)(void *arg, const struct relay_stats *stats), void *arg)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->rs = rs;
	r->channel = channel;
	r->fd = -1;
	r->done = done;
	r->arg = arg;
	ssh_callbacks_init(&r->callbacks);
	r->callbacks.userdata = r;
	r->callbacks.channel_data_function = on_data;
	r->callbacks.channel_eof_function = on_eof;
	r->callbacks.channel_close_function = on_close;
	if (ssh_add_channel_callbacks(channel, &r->callbacks) != SSH_OK) {
		free(r);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&rs->all, r, all);
	rs->count++;
	return r;
}

void relay_attach(struct relay *r, int fd, bool one_way)
{
	r->fd = fd;
	r->one_way = one_way;
	r->may_send = true;
	r->readable = event_new(r->rs->base, fd, EV_READ | EV_PERSIST, on_readable, r);
	r->writable = event_new(r->rs->base, fd, EV_WRITE | EV_PERSIST, on_writable, r);
	if (!r->readable || !r->writable)
		abort();
	mark(r);
}

void relay_abort(struct relay *r)
{
	if (r->abort || r->close_sent)
		return;
	r->abort = true;
	r->stats.end = r->fd < 0 ? RELAY_END_NO_SOCKET : RELAY_END_SOCKET_ERROR;
	mark(r);
}

const char *relay_end_text(enum relay_end end)
{
	switch (end) {
	case RELAY_END_ORDERLY:
		return "both sides ended";
	case RELAY_END_PEER_ABORT:
		return "aborted by the peer";
	case RELAY_END_SOCKET_ERROR:
		return "connection reset";
	case RELAY_END_NO_SOCKET:
		return "no connection";
	case RELAY_END_SESSION:
		return "session ended";
	}
	return "unknown";
}

void relay_reset_socket(int fd)
{
	const struct linger on = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
	close(fd);
}
