// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client, for the one libssh session of each; called by
 * libevent and, to write, by the owner's pass.  It has no state of channels and decides only when a
 * session ends.  sshloop.h lists libssh's traps.
 */
#include "sshloop.h"

#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "farewell.h"
#include "liveness.h"
#include "loop.h"
#include "sshsocket.h"
#include "watchdog.h"

enum {
	SHARED_READ = 32 * 1024,   /* bytes in one turn beside small messages */
	PASSES_PER_TURN = 16,	   /* then the other descriptors get their turn */
	DRAIN_MS = 200,		   /* for the last packets at the end */
	CLOSE_MS = 200,		   /* for the peer to read our reason and close */
	ANSWERS_MAX = 1024 * 1024, /* bytes of answers queued for a peer that does not read */
	GRANT = 9,		   /* bytes of a packet that opens a window */
	GRANT_MS = 10,		   /* for it to wait for others, after */
	GRANT_READ = 4096,	   /* so many received bytes, at most */
	PACKET = 33 * 1024,	   /* bytes of the largest one, and more */
};

struct sshloop {
	ssh_session session;
	ssh_event event; /* NULL until the first packet function was called */
	struct sshsocket *wire;
	int fd;
	struct event *readable, *writable, *tick, *later;
	struct sshloop_config config;
	struct sshloop_ops ops;
	struct ssh_counter_struct socket, packets;
	struct liveness liveness;
	/* AGAIN: a callback or the owner asks for another pass.  OVER: dead was called. */
	enum { RESTING, PASSING, AGAIN, OVER } run;
	bool keyed;   /* the first key exchange is over */
	bool paused;  /* reading is suspended: by the owner */
	bool choked;  /* reading is suspended: the peer does not read our answers */
	bool stuck;   /* the socket did not take all output */
	bool shared;  /* sshloop_share */
	bool put_off; /* a write waits until the output before it is sent */
	struct {
		uint64_t payload, packets, sent, received;
	} flushed;	       /* the counters when nothing was pending */
	uint64_t grant_due;    /* ms: when the window that waits is granted; 0: none waits */
	uint64_t refused_at;   /* packets.in_packets when libssh refused a write; 0: it did not */
	uint64_t queued_until; /* packets.out_bytes at which all output held back by a rekey is
				  sent; 0: none is held */
	const char *failed;    /* why the session is to end */
};

/* A lower bound of the bytes that wait to be sent: a packet is at least 24 bytes longer than its
 * payload. */
static uint64_t queued_bytes(const struct sshloop *l)
{
	const uint64_t made = l->packets.out_bytes - l->flushed.payload +
			      24 * (l->packets.out_packets - l->flushed.packets);
	const uint64_t sent = l->socket.out_bytes - l->flushed.sent;

	return made > sent ? made - sent : 0;
}

static bool is_pending(const struct sshloop *l)
{
	return (ssh_get_status(l->session) & SSH_WRITE_PENDING) != 0;
}

/* Trap: 0.10 opens a channel's window at its first bytes.  After few of them nobody waits for that:
 * it is sent with what comes next. */
static bool only_grant(struct sshloop *l)
{
	const uint64_t read = l->socket.in_bytes - l->flushed.received;

	if (!is_pending(l) || l->packets.out_packets != l->flushed.packets + 1 ||
	    l->packets.out_bytes != l->flushed.payload + GRANT || read == 0 || read > GRANT_READ)
		l->grant_due = 0;
	else if (l->grant_due == 0)
		l->grant_due = loop_ms() + GRANT_MS;
	return l->grant_due > 0 && loop_ms() < l->grant_due;
}

static void watch_for(struct event *e, bool on)
{
	if (on)
		event_add(e, NULL);
	else
		event_del(e);
}

/* Trap: libssh requests POLLOUT after every send, though nothing is pending; the session's status
 * shows whether output is. */
static void arm(struct sshloop *l)
{
	const bool waits = only_grant(l);

	l->stuck = is_pending(l) && !waits;
	if (!is_pending(l)) {
		l->flushed.received = l->socket.in_bytes;
		l->flushed.payload = l->packets.out_bytes;
		l->flushed.packets = l->packets.out_packets;
		l->flushed.sent = l->socket.out_bytes;
	}
	/* Reading from a peer that does not read the answers to its requests is suspended until it
	 * does. */
	l->choked = l->stuck && queued_bytes(l) > 2 * sshloop_chunk() + ANSWERS_MAX;
	watch_for(l->writable, l->stuck);
	watch_for(l->readable, !sshloop_is_suspended(l));
	/* Nothing reports bytes that were received and that libssh has not read. */
	if ((l->put_off && !l->stuck) || (sshsocket_has_input(l->wire) && !sshloop_is_suspended(l)))
		sshloop_yield(l);
	else if (waits && !event_pending(l->later, EV_TIMEOUT, NULL))
		loop_after(l->later, GRANT_MS);
	l->put_off = l->put_off && l->stuck;
}

static void report_death(struct sshloop *l, const char *why)
{
	l->run = OVER;
	event_del(l->readable);
	event_del(l->writable);
	event_del(l->tick);
	event_del(l->later);
	l->ops.dead(l->ops.arg, why);
}

/* Trap: the error code of a session says nothing about its health (a refused open sets it, and
 * nothing clears it), and ssh_event_dopoll says OK where a packet could not be decrypted.  Check
 * the status instead, after every call that may poll. */
static const char *death(const struct sshloop *l)
{
	const int status = ssh_get_status(l->session);

	if (l->failed)
		return l->failed;
	if (status & SSH_CLOSED_ERROR)
		return farewell_text(l->session);
	return status & SSH_CLOSED ? "connection closed by peer" : NULL;
}

static void advance_key_exchange(struct sshloop *l)
{
	int rc;

	if (l->keyed)
		return;
	sshsocket_offer(l->wire, POLLIN | POLLOUT);
	rc = l->config.client ? ssh_connect(l->session) : ssh_handle_key_exchange(l->session);
	if (l->config.client)
		/* Trap: libssh makes the socket blocking, its duplicate and so ours, when it sees
		 * the connect complete. */
		fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) | O_NONBLOCK);
	sshsocket_offer(l->wire, 0);
	if (rc == SSH_OK)
		l->keyed = true;
	else if (rc == SSH_ERROR && !l->failed)
		l->failed = farewell_text(l->session);
	/* Trap: a session has something to poll only after that first call. */
	if (!l->event && !l->failed) {
		l->event = ssh_event_new();
		if (!l->event || ssh_event_add_session(l->event, l->session) != SSH_OK)
			l->failed = "cannot watch the session";
	}
}

/* A callback may have ended the session by then. */
static void watch(struct sshloop *l)
{
	const char *why = liveness_pass(&l->liveness);

	if (why && !l->failed)
		l->failed = why;
}

/* Lets libssh poll its socket once, ready for events. */
static void let_poll(struct sshloop *l, short events)
{
	sshsocket_offer(l->wire, events);
	if (ssh_event_dopoll(l->event, 0) == SSH_ERROR && !death(l))
		l->failed = "connection lost";
	sshsocket_offer(l->wire, 0);
}

static void flush(struct sshloop *l)
{
	if (l->event && is_pending(l))
		let_poll(l, POLLOUT);
}

/* Trap: one poll of libssh's reads 4096 bytes, however many were received. */
static void read_packets(struct sshloop *l)
{
	const uint64_t end = l->socket.in_bytes + (l->shared ? SHARED_READ : SSHSOCKET_ROOM);

	while (l->event && sshsocket_has_input(l->wire) && !sshloop_is_suspended(l) && !death(l) &&
	       l->socket.in_bytes < end) {
		const uint64_t before = l->socket.in_bytes;

		let_poll(l, POLLIN);
		if (l->socket.in_bytes == before && !death(l))
			l->failed = "libssh does not read its socket by the functions of this "
				    "program";
	}
}

/* Trap: libssh reads the socket and runs callbacks in nearly every call that may send: writes,
 * opens, closes, keepalives.  It may use its socket only at two points of a turn: received packets
 * are read first, and all that the passes queued is sent last, by one call. */
static void turn(struct sshloop *l)
{
	unsigned passes = 0;
	const char *why;

	if (l->run != RESTING) {
		if (l->run == PASSING)
			l->run = AGAIN;
		return;
	}
	watchdog_enter();
	l->run = PASSING; /* callbacks may kick */
	if (l->stuck) {
		flush(l);
		l->stuck = is_pending(l);
		l->put_off = l->put_off && l->stuck;
	}
	read_packets(l);
	do {
		l->run = PASSING;
		if (!death(l))
			advance_key_exchange(l);
		if (!death(l))
			l->ops.pass(l->ops.arg);
		if (!death(l))
			watch(l);
	} while (!death(l) && l->run == AGAIN && ++passes < PASSES_PER_TURN);
	if (!death(l) && !only_grant(l))
		flush(l);
	l->run = RESTING;
	watchdog_leave();
	why = death(l);
	if (why) {
		report_death(l, why);
		return;
	}
	arm(l);
	if (passes == PASSES_PER_TURN)
		sshloop_yield(l);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct sshloop *l = arg;

	if (l->ops.look && l->socket.in_bytes == 0)
		l->ops.look(l->ops.arg, l->fd);
	sshsocket_fill(l->wire);
	turn(l);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	turn(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct sshloop *l = arg;
	const bool suspended = sshloop_is_suspended(l);
	const char *why;

	sshsocket_rest(l->wire);
	l->run = PASSING; /* callbacks may kick */
	why = suspended && sshsocket_hung_up(l->wire)
		  ? "connection lost"
		  : liveness_tick(&l->liveness, suspended, l->queued_until != 0);
	/* A peer whose data is not read must still get keepalives, or it ends the session as dead.
	 */
	if (!why && l->paused && l->liveness.peer != PEER_UNWATCHED)
		ssh_send_ignore(l->session, "");
	l->run = RESTING;
	if (why && !l->failed)
		l->failed = why;
	turn(l);
}

/* Trap: libssh closes its descriptor within callbacks, at an end of file or an error.  It has a
 * duplicate; the original is watched, shut down and closed here. */
struct sshloop *sshloop_new(struct event_base *base, ssh_session session, int fd,
			    const struct sshloop_config *config, const struct sshloop_ops *ops)
{
	struct sshloop *l = xcalloc(1, sizeof(*l));

	l->session = session;
	l->wire = sshsocket_new(session, fd);
	l->fd = fd;
	l->config = *config;
	l->ops = *ops;
	l->readable = loop_event(base, fd, EV_READ | EV_PERSIST, on_readable, l);
	l->writable = loop_event(base, fd, EV_WRITE | EV_PERSIST, on_turn, l);
	l->tick = loop_event(base, -1, EV_PERSIST, on_tick, l);
	l->later = loop_timer(base, on_turn, l);
	l->liveness = (struct liveness){.session = session,
					.keepalive = config->keepalive,
					.socket = &l->socket,
					.packets = &l->packets};
	ssh_set_counters(session, &l->socket, &l->packets);
	return l;
}

void sshloop_yield(struct sshloop *l)
{
	/* A timer of 0 ms: the loop polls its descriptors first. */
	loop_after(l->later, 0);
}

void sshloop_start(struct sshloop *l)
{
	/* A tick is a little less than a quarter, so that four fit into the period. */
	loop_after(l->tick, (uint64_t)l->config.keepalive * 245);
	event_add(l->readable, NULL);
	sshloop_yield(l);
}

void sshloop_logged_in(struct sshloop *l)
{
	liveness_start(&l->liveness, l->config.client ? ssh_get_serverbanner(l->session)
						      : ssh_get_clientbanner(l->session));
}

bool sshloop_keyed(const struct sshloop *l)
{
	return l->keyed;
}

void sshloop_kick(struct sshloop *l)
{
	if (l->run == PASSING)
		l->run = AGAIN;
	else if (l->run == RESTING)
		event_active(l->later, EV_TIMEOUT, 0);
}

void sshloop_share(struct sshloop *l, bool shared)
{
	l->shared = shared;
}

bool sshloop_writable(struct sshloop *l, bool urgent)
{
	const bool room = !l->stuck && queued_bytes(l) < (urgent ? 2 : 1) * sshloop_chunk();

	if (l->run == OVER || l->failed || !l->keyed)
		return false;
	if (l->queued_until && l->packets.out_bytes >= l->queued_until)
		l->queued_until = 0;
	if (l->refused_at && l->packets.in_packets == l->refused_at)
		return false; /* the next packet may change it */
	if (l->queued_until || l->paused ||
	    (!urgent && l->shared && liveness_holds_bulk(&l->liveness)))
		return false;
	l->put_off = l->put_off || !room;
	return room;
}

long sshloop_write(struct sshloop *l, ssh_channel channel, const void *p, size_t n)
{
	const uint64_t before = l->packets.out_bytes;
	const int rc = ssh_channel_write(channel, p, (uint32_t)n);

	if (rc < 0)
		return -1;
	/* Trap: during a key exchange that the peer began, libssh accepts no data. */
	l->refused_at = rc == 0 ? l->packets.in_packets : 0;
	/* Trap: between our KEXINIT and the peer's, libssh accepts all data into an unbounded queue
	 * that no status shows; its packets do not count as sent. */
	if (l->packets.out_bytes - before < (uint64_t)rc)
		l->queued_until = before + (uint64_t)rc;
	return rc;
}

size_t sshloop_chunk(void)
{
	/* Trap: 0.10 makes packets of 32758 bytes for a peer that accepts 32768: a write must not
	 * leave a packet of ten bytes. */
	static size_t chunk;

	if (!chunk)
		chunk = ssh_version(SSH_VERSION_INT(0, 11, 0)) ? 4 * 32768 : 4 * 32758;
	return chunk;
}

void sshloop_pause(struct sshloop *l, bool pause)
{
	if (l->paused == pause)
		return;
	l->paused = pause;
	if (l->run == RESTING)
		arm(l);
}

void sshloop_fail(struct sshloop *l, const char *why)
{
	if (l->run == OVER || l->failed)
		return;
	l->failed = why;
	sshloop_yield(l);
}

void sshloop_probe(struct sshloop *l)
{
	liveness_ask(&l->liveness);
}

unsigned sshloop_round_trip(const struct sshloop *l)
{
	return l->liveness.pace.shortest;
}

bool sshloop_is_suspended(const struct sshloop *l)
{
	return l->paused || l->choked;
}

bool sshloop_has_more(const struct sshloop *l)
{
	return !l->shared && sshsocket_left(l->wire) >= PACKET;
}

uint64_t sshloop_bytes_in(const struct sshloop *l)
{
	return l->socket.in_bytes;
}

static void drain(struct sshloop *l)
{
	const uint64_t end = loop_ms() + DRAIN_MS;
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};
	uint64_t now;

	flush(l);
	while (is_pending(l) && !death(l) && (now = loop_ms()) < end &&
	       poll(&p, 1, (int)(end - now)) > 0)
		flush(l);
}

/* close() with unread input makes the kernel send a reset, which can overtake our DISCONNECT:
 * half-close, and drain what the peer still sends. */
static void await_close(struct sshloop *l)
{
	const uint64_t end = loop_ms() + CLOSE_MS;
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	uint64_t now;
	char buf[16 * 1024];

	shutdown(l->fd, SHUT_WR);
	while ((now = loop_ms()) < end && poll(&p, 1, (int)(end - now)) > 0 &&
	       recv(l->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

void sshloop_free(struct sshloop *l, const char *message)
{
	if (!l)
		return;
	l->run = OVER; /* callbacks of the last packets must not request a pass */
	drain(l);
	if (l->event) {
		ssh_event_remove_session(l->event, l->session);
		ssh_event_free(l->event);
	}
	if (message)
		ssh_session_set_disconnect_message(l->session, message);
	/* Trap: ssh_disconnect leaves a descriptor open that came by SSH_OPTIONS_FD, as the
	 * client's duplicate did. */
	ssh_options_set(l->session, SSH_OPTIONS_FD, NULL);
	/* Trap: since its last send libssh waits for POLLOUT, and would close with the message
	 * unsent.  If the socket's buffer is full, the message is lost. */
	ssh_set_fd_towrite(l->session);
	ssh_disconnect(l->session);
	sshsocket_free(l->wire);
	ssh_free(l->session);
	if (message)
		await_close(l);
	event_free(l->readable);
	event_free(l->writable);
	event_free(l->tick);
	event_free(l->later);
	close(l->fd);
	free(l);
}
