// SPDX-License-Identifier: BSD-2-Clause
#include "relay_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

enum {
	OVERRUN = 2 * 1024 * 1024 + 64 * 1024
}; /* the largest window that any libssh grants, and slack */

/* Callbacks leave their work for the pass. */
static void mark(struct relay *r)
{
	if (r->place != READY && !r->awaiting)
		relays_move(r, READY);
	sshloop_kick(r->rs->loop);
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
	if (!r->one_way)
		r->rs->total.to_socket += sent;
	return (ssize_t)sent;
}

static int on_data(ssh_session session, ssh_channel channel, void *data, uint32_t len,
		   int is_stderr, void *arg)
{
	struct relay *r = arg;
	ssize_t n = 0;

	if (is_stderr || r->abort || r->shut || r->one_way)
		return (int)len;
	if (len > OVERRUN) {
		sshloop_fail(r->rs->loop, "peer ignores the channel window");
		return (int)len;
	}
	if (r->fd >= 0 && r->out_len == 0 && r->may_send && !r->pulling)
		n = push(r, data, len);
	r->held = n < 0 ? 0 : len - (size_t)n;
	relays_account(r);
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

	r->out = xmalloc(r->held);
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
		relays_account(r);
	}
	/* EOF and CLOSE together, before our own EOF, are an abort. */
	if (r->channel_eof && !r->shut && !r->abort && r->fd >= 0 && r->counted == 0 &&
	    (!r->channel_closed || r->eof_sent)) {
		r->shut = true;
		shutdown(r->fd, SHUT_WR);
	}
}

static void on_eof(ssh_session session, ssh_channel channel, void *arg)
{
	struct relay *r = arg;

	r->channel_eof = true;
	mark(r);
}

static void on_close(ssh_session session, ssh_channel channel, void *arg)
{
	struct relay *r = arg;

	r->rs->closing += !r->channel_closed;
	r->channel_closed = true;
	r->closed_at = loop_seconds();
	mark(r);
}

/* ---- socket to channel ---- */

bool relay_wants_read(const struct relay *r)
{
	return r->fd >= 0 && !r->socket_eof && !r->abort && !r->channel_closed;
}

static void arm_read(struct relay *r, bool on)
{
	if (on && relay_wants_read(r))
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
		if (!r->one_way)
			r->rs->total.from_socket += n;
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
		uint8_t *rest = xmalloc(n - (size_t)took);

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

	r->may_read = true;
	mark(r);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	event_del(r->writable);
	r->may_send = true;
	mark(r);
}

/* ---- ends ---- */

void relay_close_socket(struct relay *r, bool orderly)
{
	const struct linger off = {0};

	loop_drop(r->readable);
	loop_drop(r->writable);
	r->readable = r->writable = NULL;
	if (r->fd >= 0) {
		if (orderly)
			setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
		close(r->fd);
	}
	r->fd = -1;
	r->held = 0;
	drop_out(r);
	relays_account(r);
}

static void close_channel(struct relay *r)
{
	/* An EOF that travels ahead of its CLOSE would reach the endpoint as a clean end: both go
	 * in one segment. */
	if (r->abort)
		sshloop_cork(r->rs->loop, true);
	/* With output pending a close may need three calls: EOF, CLOSE, done. */
	for (int i = 0; i < 3 && ssh_channel_close(r->channel) == SSH_AGAIN; i++)
		;
	if (r->abort)
		sshloop_cork(r->rs->loop, false);
	r->close_sent = r->eof_sent = true;
}

void relay_discard(struct relay *r)
{
	relays_move(r, IDLE);
	TAILQ_REMOVE(&r->rs->all, r, all);
	r->rs->count--;
	r->rs->closing -= r->channel_closed;
	r->held = 0;
	relays_account(r);
	ssh_remove_channel_callbacks(r->channel, &r->callbacks);
	free(r->tail);
	free(r);
}

void relay_finish(struct relay *r)
{
	ssh_channel channel = r->channel;

	r->done(r->arg, &r->stats);
	relay_discard(r);
	ssh_channel_free(channel);
}

void relay_step(struct relay *r, bool turn)
{
	struct relays *rs = r->rs;
	bool more = false;

	relays_move(r, IDLE);
	if (r->close_sent) {
		/* A peer may take its time: a slow reader there closes when it has read all. */
		if (r->channel_closed)
			relay_finish(r);
		return;
	}
	drain(r);
	if (relay_wants_read(r) && (r->may_read || r->tail_len > 0)) {
		if (ssh_channel_window_size(r->channel) == 0) {
			arm_read(r, false);
			relays_move(r, BLOCKED);
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
		relay_close_socket(r, !r->abort);
		close_channel(r);
		relays_move(r, READY);
		return;
	}
	arm_read(r, !more);
	if (r->place != IDLE)
		return; /* a callback marked it meanwhile */
	if (more)
		relays_move(r, WAITING);
	else if (r->channel_closed)
		relays_move(r, DRAINING);
}

struct relay *relay_new(struct relays *rs, ssh_channel channel,
			void (*done)(void *arg, const struct relay_stats *stats), void *arg)
{
	struct relay *r = xcalloc(1, sizeof(*r));

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
	if (ssh_add_channel_callbacks(channel, &r->callbacks) != SSH_OK)
		abort();
	TAILQ_INSERT_TAIL(&rs->all, r, all);
	rs->count++;
	return r;
}

void relay_await(struct relay *r)
{
	r->awaiting = true;
}

bool relay_closed(const struct relay *r)
{
	return r->channel_closed;
}

void relay_attach(struct relay *r, int fd, bool one_way)
{
	/* A close may have libssh read, and what that brings ask the monitor, who then has the
	 * socket of this very relay. */
	if (r->close_sent || r->abort) {
		relay_reset_socket(fd);
		return;
	}
	r->fd = fd;
	r->one_way = one_way;
	r->awaiting = false;
	r->may_send = true;
	r->readable = loop_event(r->rs->base, fd, EV_READ | EV_PERSIST, on_readable, r);
	r->writable = loop_event(r->rs->base, fd, EV_WRITE | EV_PERSIST, on_writable, r);
	mark(r);
}

void relay_abort(struct relay *r)
{
	if (r->abort || r->close_sent)
		return;
	r->abort = true;
	r->awaiting = false;
	r->stats.end = r->fd < 0 ? RELAY_END_NO_SOCKET : RELAY_END_SOCKET_ERROR;
	mark(r);
}

void relay_reset_socket(int fd)
{
	const struct linger on = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
	close(fd);
}
