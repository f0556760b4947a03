// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client: one channel and its socket.  libssh's callbacks
 * and the socket's events only set flags; relay_step, called by relays.c from the pass of the
 * session's loop, acts on it.  No callback here may write to a channel, close or free one.
 */
#include "relay_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

enum {
	LARGEST = 2 * 1024 * 1024, /* window of any libssh, if nobody enlarges it */
	SLACK = 64 * 1024,
	SMALL = 4096,	   /* bytes of a message that goes before bulk data */
	FULL_SECONDS = 60, /* between two calls of full */
	CLAIMS = 2,	   /* windows may claim the limit of held bytes, divided by that */
};

static bool has_failed(const struct relay *r)
{
	return r->stats.end != RELAY_END_ORDERLY;
}

static void fail(struct relay *r, enum relay_end end)
{
	if (!has_failed(r))
		r->stats.end = end;
}

const struct relay_stats *relay_carried(const struct relay *r)
{
	return &r->stats;
}

bool relay_closed(const struct relay *r)
{
	return r->close == CLOSE_RECEIVED || r->close == CLOSE_BOTH;
}

/* ---- queues and the session's budget ---- */

void relay_move(struct relay *r, enum place place)
{
	if (r->place != IDLE)
		TAILQ_REMOVE(&r->rs->queues[r->place], r, queue);
	r->rs->blocked += (place == BLOCKED) - (size_t)(r->place == BLOCKED);
	r->place = place;
	if (r->place != IDLE)
		TAILQ_INSERT_TAIL(&r->rs->queues[r->place], r, queue);
}

/* An event happened: queues the relay for the next pass. */
static void mark(struct relay *r)
{
	if (r->place != READY && r->place != PARKED)
		relay_move(r, READY);
	sshloop_kick(r->rs->loop);
}

/* Counts the data that this relay holds for its socket, in libssh and here, against the session's
 * budget. */
static void account(struct relay *r)
{
	const size_t now = r->held + r->out_len - r->out_pos;
	struct relays *rs = r->rs;
	bool full;

	rs->held += now - r->counted;
	r->counted = now;
	full = rs->held > rs->limit;
	if (full && (rs->full_at == 0 || loop_seconds() - rs->full_at >= FULL_SECONDS)) {
		rs->full_at = loop_seconds();
		rs->full(rs->arg, rs->held);
	}
	sshloop_pause(rs->loop, full);
}

static void claim(struct relay *r, size_t bytes)
{
	r->rs->claims += bytes - r->claim;
	r->claim = bytes;
}

/* Of n bytes at p, which come after so many others, those that are among the first 8.  A later
 * piece that begins otherwise clears them. */
static void keep_first(char first[8], uint64_t others, const uint8_t *p, size_t n)
{
	if (others >= 8 && n > 0 && (char)p[0] != first[0])
		first[0] = '\0';
	for (size_t i = 0; i < n && others + i < 8; i++)
		first[others + i] = (char)p[i];
}

/* Remembers that a small message of this channel passed at that time (ms); 0 forgets it.  The list
 * has the latest one at its end. */
static void set_small(struct relay *r, uint64_t at)
{
	if (r->small_at != 0)
		TAILQ_REMOVE(&r->rs->small_ones, r, small_ones);
	if (at != 0)
		TAILQ_INSERT_TAIL(&r->rs->small_ones, r, small_ones);
	r->small_at = at;
}

/* A message, of either way, that has passed through.  A bulk transfer has short ones, too: it
 * begins with one, such as a request, which counts as a small message until its data follows. */
static void note(struct relay *r, size_t n)
{
	if (n > SMALL) {
		r->bulk_at = r->rs->bulk_at = loop_ms();
		set_small(r, 0);
	} else if (r->rs->bulk_at != 0 && loop_ms() - r->bulk_at >= SHARED_MS) {
		set_small(r, loop_ms());
	}
}

/* ---- output: channel to socket ---- */

/* Enters the relay in the list of those whose last bytes the kernel may hold back (MSG_MORE), or
 * takes it out. */
static void set_corked(struct relay *r, bool corked)
{
	if (corked && !r->corked)
		TAILQ_INSERT_TAIL(&r->rs->corked, r, corks);
	else if (!corked && r->corked)
		TAILQ_REMOVE(&r->rs->corked, r, corks);
	r->corked = corked;
}

/* tcp(7): setting the option makes the kernel send what it holds back.  On a Unix socket it fails,
 * and nothing is held back. */
void relay_uncork(struct relay *r)
{
	const int on = 1;

	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	set_corked(r, false);
}

/* Sends to the socket; returns the bytes sent, or -1 after the relay has failed.  more: others
 * follow in this turn, and TCP makes larger segments of both. */
static ssize_t push(struct relay *r, const uint8_t *p, size_t n, bool more)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
	size_t sent = 0;

	while (sent < n) {
		const ssize_t rc = send(r->fd, p + sent, n - sent, flags);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			r->may_send = false;
			event_add(r->writable, NULL);
			break;
		}
		if (rc < 0) {
			fail(r, RELAY_END_SOCKET_ERROR);
			return -1;
		}
		sent += (size_t)rc;
	}
	set_corked(r, more);
	keep_first(r->stats.first_to, r->stats.to_socket, p, sent);
	r->stats.to_socket += sent;
	if (!r->one_way)
		r->rs->total.to_socket += sent;
	return (ssize_t)sent;
}

/* Whether windows are to be larger than libssh makes them.  Later ones than 0.10 cannot. */
static bool is_long(const struct relay *r)
{
	return sshloop_round_trip(r->rs->loop) >= CHANNEL_WINDOW_SHORT &&
	       !ssh_version(SSH_VERSION_INT(0, 11, 0));
}

/* Returns how many bytes were consumed; the rest stays in libssh's buffer and is passed again with
 * the next data.  Trap: libssh 0.10 accepts data beyond the window that it granted, without bound;
 * len, the size of the whole buffer, shows that.  Trap: unconsumed stderr data piles up. */
static int on_data(ssh_session session, ssh_channel channel, void *data, uint32_t len,
		   int is_stderr, void *arg)
{
	struct relay *r = arg;
	const size_t before = r->held;
	ssize_t n = 0;

	if (is_stderr || has_failed(r) || r->output == OUTPUT_CLOSED)
		return (int)len;
	if (len > SLACK + (r->window.most > LARGEST ? r->window.most : LARGEST)) {
		sshloop_fail(r->rs->loop, "peer ignores the channel window");
		return (int)len;
	}
	note(r, len);
	if (r->fd >= 0 && !r->out && r->may_send)
		n = push(r, data, len, len > SMALL && sshloop_has_more(r->rs->loop));
	r->held = n < 0 ? 0 : len - (size_t)n;
	account(r);
	r->renew = channel_window_note(&r->window, len - before, r->counted) && is_long(r);
	if (n < 0 || r->renew)
		mark(r);
	return n < 0 ? (int)len : (int)n;
}

static void drop_out(struct relay *r)
{
	free(r->out);
	r->out = NULL;
	r->out_len = r->out_pos = 0;
}

/* Trap: libssh has no callback that offers again the data that on_data left, so it is read.  Trap:
 * 0.10 opens the window anew at each read, however little was read, so a slow reader's data would
 * pile up: all of it is read at once.  Such a read of a buffer that is not empty polls nothing. */
static void pull(struct relay *r, size_t size)
{
	int n;

	r->out = xmalloc(size); /* from here on on_data consumes nothing */
	n = ssh_channel_read_timeout(r->channel, r->out, (uint32_t)size, 0, 0);
	if (n <= 0) {
		r->held = 0;
		drop_out(r);
		return;
	}
	r->out = xreallocarray(r->out, 1, (size_t)n);
	r->out_len = (size_t)n;
	r->held -= (size_t)n;
}

static void drain(struct relay *r)
{
	while (r->fd >= 0 && r->may_send && !has_failed(r) && r->counted > 0) {
		ssize_t n;

		if (!r->out)
			pull(r, r->held);
		n = push(r, r->out + r->out_pos, r->out_len - r->out_pos, false);
		if (n < 0)
			break;
		r->out_pos += (size_t)n;
		if (r->out_pos == r->out_len)
			drop_out(r);
		account(r);
	}
	/* No SHUT_WR if a CLOSE follows the peer's EOF before our own EOF: that is an abort, and
	 * the endpoint must not see a clean end. */
	if (r->output == OUTPUT_DRAINING && r->counted == 0 && r->fd >= 0 && !has_failed(r) &&
	    (r->close == CLOSE_NONE || r->input == INPUT_EOF_SENT)) {
		r->output = OUTPUT_CLOSED;
		if (r->input == INPUT_OPEN) /* else the close follows, which says the same */
			shutdown(r->fd, SHUT_WR);
	}
}

/* Trap: the only way to enlarge libssh's window is to ask for more bytes than there are (0.10;
 * later ones do not enlarge it).  This read of an empty buffer may poll, and return what came by
 * that: so its room is real, and costs nothing where it is not written to. */
static void renew(struct relay *r)
{
	struct relays *rs = r->rs;
	const size_t most = rs->limit / CLAIMS, left = most > rs->claims ? most - rs->claims : 0;
	/* Half of it: others may come. */
	const size_t size =
	    channel_window_renew(&r->window, loop_us(), sshloop_round_trip(rs->loop), left / 2);

	r->renew = false;
	claim(r, channel_window_claim(&r->window));
	if (size > 0) {
		pull(r, size);
		drain(r);
	}
}

/* Data may still be held: the socket's SHUT_WR waits for it. */
static void on_eof(ssh_session session, ssh_channel channel, void *arg)
{
	struct relay *r = arg;

	if (r->output == OUTPUT_OPEN)
		r->output = OUTPUT_DRAINING;
	mark(r);
}

/* Trap: the channel must not be freed in its callback, and libssh answers no CLOSE by itself. */
static void on_close(ssh_session session, ssh_channel channel, void *arg)
{
	struct relay *r = arg;

	if (!relay_closed(r)) {
		r->close = r->close == CLOSE_SENT ? CLOSE_BOTH : CLOSE_RECEIVED;
		r->closed_at = loop_seconds();
	}
	mark(r);
}

/* ---- input: socket to channel ---- */

bool relay_wants_read(const struct relay *r)
{
	return r->fd >= 0 && r->input == INPUT_OPEN && r->close == CLOSE_NONE && !has_failed(r);
}

static void arm_read(struct relay *r, bool on)
{
	if (on && relay_wants_read(r))
		event_add(r->readable, NULL);
	else if (r->readable)
		event_del(r->readable);
}

/* Reads at most want bytes from the socket, once, into the shared buffer.  Returns the number read;
 * 0 after the end of file, an error, or if there was nothing to read. */
static size_t receive(struct relay *r, size_t want)
{
	const ssize_t rc = recv(r->fd, r->rs->buf, want, MSG_DONTWAIT);

	/* A short read emptied the socket; epoll reports the next byte. */
	r->may_read = rc < 0 ? errno == EINTR : (size_t)rc == want;
	r->small = rc <= SMALL && (size_t)rc < want;
	if (rc < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		fail(r, RELAY_END_SOCKET_ERROR);
	if (rc == 0) {
		/* The tail is empty, since it is written before the next read.  SSH_AGAIN means
		 * that EOF is queued, and is no error. */
		ssh_channel_send_eof(r->channel);
		r->input = INPUT_EOF_SENT;
	}
	if (rc <= 0)
		return 0;
	keep_first(r->stats.first_from, r->stats.from_socket, r->rs->buf, (size_t)rc);
	note(r, r->small ? (size_t)rc : SMALL + 1);
	r->stats.from_socket += (size_t)rc;
	if (!r->one_way)
		r->rs->total.from_socket += (size_t)rc;
	return (size_t)rc;
}

/* One read and one write, of at most that many bytes.  True: there may be more. */
static bool serve_read(struct relay *r, size_t most)
{
	const uint32_t window = ssh_channel_window_size(r->channel);
	const size_t want = window < most ? window : most;
	const size_t n = r->tail_len > 0 ? r->tail_len : receive(r, want);
	const uint8_t *p = r->tail_len > 0 ? r->tail : r->rs->buf;
	uint8_t *rest = NULL;
	long took;

	if (n == 0)
		return r->may_read;
	took = sshloop_write(r->rs->loop, r->channel, p, n < want ? n : want);
	if (took < 0) {
		fail(r, RELAY_END_PEER_ABORT);
		return false;
	}
	if ((size_t)took < n) {
		rest = xmalloc(n - (size_t)took);
		memcpy(rest, p + took, n - (size_t)took);
	}
	free(r->tail);
	r->tail = rest;
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

	set_corked(r, false); /* a close sends what waits, or resets */
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
	account(r);
}

/* Trap: with output pending ssh_channel_close sends only EOF at its first call, CLOSE at the
 * second, and returns SSH_OK at the third.  An EOF that arrived before its CLOSE would reach the
 * other side's socket as a clean end, so an abort sends both in one segment. */
static void close_channel(struct relay *r)
{
	for (int i = 0; i < 3 && ssh_channel_close(r->channel) == SSH_AGAIN; i++)
		;
	r->input = INPUT_EOF_SENT;
	r->close = relay_closed(r) ? CLOSE_BOTH : CLOSE_SENT;
}

void relay_discard(struct relay *r)
{
	relay_move(r, IDLE);
	TAILQ_REMOVE(&r->rs->all, r, all);
	if (r->small_at > r->rs->small_at)
		r->rs->small_at = r->small_at;
	set_small(r, 0);
	r->held = 0;
	account(r);
	claim(r, 0);
	ssh_remove_channel_callbacks(r->channel, &r->callbacks);
	free(r->tail);
	free(r);
}

void relay_finish(struct relay *r)
{
	r->done(r->arg, &r->stats);
	relay_discard(r);
}

enum place relay_step(struct relay *r, bool turn)
{
	struct relays *rs = r->rs;
	bool more = false;

	if (r->close == CLOSE_SENT) /* the peer's CLOSE may be late: it reads all first */
		return IDLE;
	drain(r);
	if (r->renew && r->counted == 0 && r->fd >= 0 && r->output == OUTPUT_OPEN &&
	    r->close == CLOSE_NONE)
		renew(r);
	if (relay_wants_read(r) && (r->may_read || r->tail_len > 0)) {
		if (ssh_channel_window_size(r->channel) == 0) {
			arm_read(r, false);
			return BLOCKED;
		}
		turn = turn || TAILQ_EMPTY(&rs->queues[WAITING]);
		more = true;
		if (turn && sshloop_writable(rs->loop, false))
			more = serve_read(r, rs->most);
		else if (r->small && sshloop_writable(rs->loop, true))
			more = serve_read(r, SMALL);
	}
	if (r->close == CLOSE_RECEIVED && r->input == INPUT_OPEN && (r->counted == 0 || r->fd < 0))
		fail(r, r->fd < 0 ? RELAY_END_NO_SOCKET : RELAY_END_PEER_ABORT);
	if (r->close == CLOSE_RECEIVED && r->input == INPUT_EOF_SENT && r->output == OUTPUT_OPEN) {
		r->output = OUTPUT_DRAINING;
		drain(r);
	}
	if (has_failed(r) || (r->input == INPUT_EOF_SENT && r->output == OUTPUT_CLOSED)) {
		relay_close_socket(r, !has_failed(r));
		close_channel(r);
		return READY;
	}
	arm_read(r, !more);
	return more ? WAITING : r->close == CLOSE_RECEIVED ? EXPIRING : IDLE;
}

/* ---- life ---- */

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
	return r;
}

void relay_await(struct relay *r)
{
	r->may_read = true; /* the socket's peer had time to speak */
	relay_move(r, PARKED);
}

void relay_attach(struct relay *r, int fd, bool one_way)
{
	/* ssh_channel_close() may read packets and run callbacks: a message of the monitor with the
	 * socket of this very relay can arrive while the relay is being closed. */
	if (r->close >= CLOSE_SENT || has_failed(r)) {
		relay_reset_socket(fd);
		return;
	}
	r->fd = fd;
	r->small = true;
	r->one_way = one_way;
	if (one_way)
		r->output = OUTPUT_CLOSED;
	r->may_send = true;
	r->readable = loop_event(r->rs->base, fd, EV_READ | EV_PERSIST, on_readable, r);
	r->writable = loop_event(r->rs->base, fd, EV_WRITE | EV_PERSIST, on_writable, r);
	relay_move(r, READY);
	sshloop_kick(r->rs->loop);
}

void relay_abort(struct relay *r)
{
	if (has_failed(r) || r->close >= CLOSE_SENT)
		return;
	fail(r, r->fd < 0 ? RELAY_END_NO_SOCKET : RELAY_END_SOCKET_ERROR);
	relay_move(r, READY);
	sshloop_kick(r->rs->loop);
}

void relay_reset_socket(int fd)
{
	const struct linger on = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
	close(fd);
}
