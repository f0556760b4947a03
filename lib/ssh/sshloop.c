// SPDX-License-Identifier: BSD-2-Clause
#include "sshloop.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "alloc.h"
#include "loop.h"
#include "watchdog.h"

enum {
	READ_SIZE = 4096,	/* what libssh reads at a time (MAX_BUF_SIZE) */
	READS_PER_TURN = 16,	/* then the other descriptors get their turn */
	PASSES_PER_TURN = 16,	/* likewise: a pass may read, and a peer that sends without end make
				   each of them the cause of another */
	PROBES = 3,		/* unanswered keepalives until a peer is dead */
	HUSHED = 64 * 1024,	/* bytes that must wait before a poll tells of them */
	DRAIN_MS = 200,		/* for the last packets at the end */
	HEARD_MAX = 32 * 1024,	/* packets, without one of ours that went out */
	ON_THEIR_WAY = 8 << 20, /* bytes that an honest peer may have sent before it knew */
	HEAR_OUT_MS = 100,	/* for the peer to read our last words and close */
	ANSWERS_MAX =
	    1024 * 1024, /* bytes of answers that a peer may make us hold without reading them */
};

struct sshloop {
	ssh_session session;
	ssh_event event;
	int fd;
	struct event_base *base;
	struct event *readable, *writable, *tick, *later;
	struct sshloop_config config;
	struct sshloop_ops ops;
	struct ssh_counter_struct socket, packets;
	uint64_t seen_in, seen_out; /* packets, socket bytes at the last tick */
	struct {
		uint64_t payload, packets, sent;
	} flushed;	       /* the counters when nothing was pending */
	uint64_t refused_at;   /* packets.in_packets when libssh took nothing; the next packet may
				  change that */
	uint64_t queued_until; /* packets.out_bytes at which a rekey has let go what it held back;
				  0: none */
	uint64_t heard_then, said_then, said_at_tick; /* packets, see watch_exchange() */
	uint64_t asked_at;			      /* socket.in_bytes */
	unsigned silent, stalled, owed;		      /* ticks */
	const char *failed;
	bool keyed, passing, again, paused, choked, was_pending, logged_in, refused, hushed, asked,
	    dead;
};

static const char no_new_keys[] = "peer does not answer our key exchange: connection given up";

/* What waits to be sent, at least: a packet is 24 bytes longer than its payload, or more. */
static uint64_t queued_bytes(const struct sshloop *l)
{
	const uint64_t made = l->packets.out_bytes - l->flushed.payload +
			      24 * (l->packets.out_packets - l->flushed.packets);
	const uint64_t sent = l->socket.out_bytes - l->flushed.sent;

	return made > sent ? made - sent : 0;
}

static void arm_write(struct sshloop *l)
{
	const bool pending = (ssh_get_status(l->session) & SSH_WRITE_PENDING) != 0;

	if (!pending) {
		l->flushed.payload = l->packets.out_bytes;
		l->flushed.packets = l->packets.out_packets;
		l->flushed.sent = l->socket.out_bytes;
	}
	/* A peer that asks without reading the answers is not read from either, until it does. */
	l->choked = pending && queued_bytes(l) > sshloop_chunk() + ANSWERS_MAX;
	if (pending)
		event_add(l->writable, NULL);
	else
		event_del(l->writable);
	if (sshloop_deaf(l))
		event_del(l->readable);
	else
		event_add(l->readable, NULL);
}

static void report_death(struct sshloop *l, const char *why)
{
	l->dead = true;
	event_del(l->readable);
	event_del(l->writable);
	event_del(l->tick);
	event_del(l->later);
	l->ops.dead(l->ops.arg, why);
}

/* What libssh says of a connection that its peer simply closed tells nobody anything. */
static const char *last_error(ssh_session session)
{
	static const char prefix[] = "Socket error: ";
	const char *text = ssh_get_error(session);

	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		text += sizeof(prefix) - 1;
	/* libssh's filter of packets is in nobody's reach. */
	if (strcmp(text, "Packet filter: rejected packet (type 94)") == 0)
		return "the peer sent channel data before a login, or after its own KEXINIT, which "
		       "RFC 4253 section 7.1 forbids (AsyncSSH does so when new keys are due): "
		       "this libssh ends such a session";
	/* The peer said goodbye, and libssh, which had something to send, then found the socket
	 * that it had closed itself: errno is of some call before. */
	if (strcmp(text, strerror(EINPROGRESS)) == 0 || strcmp(text, strerror(EAGAIN)) == 0)
		return "the peer ended the connection, and what it said is lost";
	if (strcmp(text, "disconnected") == 0 || strcmp(text, "Success") == 0 || text[0] == '\0')
		return "the peer closed the connection without a goodbye";
	return text;
}

static const char *death(const struct sshloop *l)
{
	const int status = ssh_get_status(l->session);

	if (l->failed)
		return l->failed;
	if (status & SSH_CLOSED_ERROR)
		return last_error(l->session);
	if (status & SSH_CLOSED)
		return "connection closed by peer";
	return NULL;
}

static void advance_key_exchange(struct sshloop *l)
{
	int rc;

	if (l->keyed)
		return;
	rc = l->config.client ? ssh_connect(l->session) : ssh_handle_key_exchange(l->session);
	if (l->config.client)
		/* libssh cleared it on both descriptors when it saw the connect complete. */
		fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) | O_NONBLOCK);
	if (rc == SSH_OK)
		l->keyed = true;
	else if (rc == SSH_ERROR && !l->failed)
		l->failed = last_error(l->session);
	/* The session has something to poll only after that first call. */
	if (!l->event && !l->failed) {
		l->event = ssh_event_new();
		if (!l->event || ssh_event_add_session(l->event, l->session) != SSH_OK)
			l->failed = "cannot watch the session";
	}
}

/* Between our KEXINIT and the peer's libssh holds back all that it would send, where no status
 * shows it: a peer that asks and asks, and never answers the KEXINIT, could have us hold any
 * amount, and keep the old keys.  Whether packets are held back is tried out. */
static bool is_held_back(struct sshloop *l)
{
	const uint64_t before = l->packets.out_packets;

	ssh_send_ignore(l->session, "");
	return l->packets.out_packets == before;
}

static void watch_exchange(struct sshloop *l)
{
	if (l->packets.out_packets != l->said_then) {
		l->said_then = l->packets.out_packets;
		l->heard_then = l->packets.in_packets;
		l->asked = false;
	} else if (l->logged_in && l->packets.in_packets - l->heard_then > HEARD_MAX) {
		l->heard_then = l->packets.in_packets;
		if (!l->asked) {
			l->asked = is_held_back(l);
			l->asked_at = l->socket.in_bytes;
		} else if (l->socket.in_bytes - l->asked_at > ON_THEIR_WAY) {
			l->failed = no_new_keys;
		}
	}
}

static void look(struct sshloop *l)
{
	if (l->ops.look && l->socket.in_bytes == 0 && !l->failed)
		l->ops.look(l->ops.arg, l->fd);
}

static void turn(struct sshloop *l)
{
	unsigned passes = 0;
	const char *why;
	uint64_t before;

	if (l->passing) {
		l->again = true;
		return;
	}
	watchdog_enter();
	l->passing = true;
	do {
		l->again = false;
		before = l->packets.in_packets;
		look(l);
		if (!l->failed)
			advance_key_exchange(l);
		if (!death(l))
			l->ops.pass(l->ops.arg);
		if (!death(l))
			watch_exchange(l);
	} while (!death(l) && (l->again || l->packets.in_packets != before) &&
		 ++passes < PASSES_PER_TURN);
	l->passing = false;
	watchdog_leave();
	why = death(l);
	if (why) {
		report_death(l, why);
		return;
	}
	arm_write(l);
	if (passes == PASSES_PER_TURN)
		sshloop_yield(l);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct sshloop *l = arg;

	if (!l->event) { /* the very first turn */
		turn(l);
		return;
	}
	l->passing = true; /* callbacks may kick */
	watchdog_enter();
	for (int i = 0; i < READS_PER_TURN; i++) {
		const uint64_t before = l->socket.in_bytes;
		int rc;

		look(l);
		if (l->failed)
			break;
		rc = ssh_event_dopoll(l->event, 0);
		if (rc == SSH_ERROR && !death(l))
			l->failed = "connection lost";
		if (death(l) || l->socket.in_bytes - before < READ_SIZE || sshloop_deaf(l))
			break;
	}
	l->passing = false;
	turn(l);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	turn(arg);
}

void sshloop_probe(struct sshloop *l)
{
	const uint64_t before = l->packets.out_packets;

	/* Every second call only collects the last answer and sends nothing. */
	for (int i = 0; i < 2 && l->packets.out_packets == before; i++)
		if (ssh_send_keepalive(l->session) == SSH_ERROR)
			break;
}

bool sshloop_deaf(const struct sshloop *l)
{
	return l->paused || l->choked;
}

/* While nothing is read from it, only a look tells. */
static bool hung_up(const struct sshloop *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Four times in the keepalive period: the third tick in a row without a sign of life is the end.
 * A whole packet is one; bytes are not, since a length changed on its way makes us wait for many.
 * Output that leaves a full buffer is one: on a slow line a probe waits behind it. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct sshloop *l = arg;
	const bool took = l->socket.out_bytes != l->seen_out;
	const bool deaf = sshloop_deaf(l);
	const bool alive = !l->logged_in || l->packets.in_packets != l->seen_in ||
			   (l->was_pending && took) || deaf;

	l->silent = alive ? 0 : l->silent + 1;
	l->stalled = took || !(l->was_pending || l->queued_until) ? 0 : l->stalled + 1;
	l->passing = true;
	l->owed = l->logged_in && alive && !deaf && l->packets.out_packets == l->said_at_tick &&
			  is_held_back(l)
		      ? l->owed + 1
		      : 0;
	l->passing = false;
	l->said_at_tick = l->packets.out_packets;
	l->seen_in = l->packets.in_packets;
	l->seen_out = l->socket.out_bytes;
	l->was_pending = (ssh_get_status(l->session) & SSH_WRITE_PENDING) != 0;
	if (deaf && hung_up(l))
		l->failed = "connection lost";
	else if (l->silent >= PROBES)
		l->failed = "peer does not answer: connection given up";
	else if (l->stalled * (unsigned)l->config.keepalive / 4 >= ADDRESS_STALL)
		l->failed = "peer takes no data: connection given up";
	else if (l->owed * (unsigned)l->config.keepalive / 4 >= ADDRESS_STALL)
		l->failed = no_new_keys;
	else if (l->silent > 0 || (l->paused && l->logged_in)) {
		l->passing = true;
		/* Who does not listen must still be heard, or the peer takes it for dead. */
		if (l->paused)
			ssh_send_ignore(l->session, "");
		else
			sshloop_probe(l);
		l->passing = false;
	}
	turn(l);
}

struct sshloop *sshloop_new(struct event_base *base, ssh_session session, int fd,
			    const struct sshloop_config *config, const struct sshloop_ops *ops)
{
	struct sshloop *l = xcalloc(1, sizeof(*l));

	l->session = session;
	l->fd = fd;
	l->base = base;
	l->config = *config;
	l->ops = *ops;
	l->readable = loop_event(base, fd, EV_READ | EV_PERSIST, on_socket, l);
	l->writable = loop_event(base, fd, EV_WRITE | EV_PERSIST, on_socket, l);
	l->tick = loop_event(base, -1, EV_PERSIST, on_tick, l);
	l->later = loop_timer(base, on_later, l);
	ssh_set_counters(session, &l->socket, &l->packets);
	return l;
}

void sshloop_yield(struct sshloop *l)
{
	/* A timer of no time: the loop looks at its descriptors first. */
	loop_after(l->later, 0);
}

void sshloop_start(struct sshloop *l)
{
	/* A little less than a quarter: four are over within the period. */
	loop_after(l->tick, (uint64_t)l->config.keepalive * 245);
	event_add(l->readable, NULL);
	sshloop_yield(l);
}

void sshloop_logged_in(struct sshloop *l)
{
	l->logged_in = true;
}

bool sshloop_keyed(const struct sshloop *l)
{
	return l->keyed;
}

void sshloop_kick(struct sshloop *l)
{
	if (l->dead)
		return;
	turn(l);
}

bool sshloop_writable(struct sshloop *l)
{
	if (l->dead || l->failed || !l->keyed)
		return false;
	if (l->queued_until && l->packets.out_bytes >= l->queued_until)
		l->queued_until = 0;
	if (l->refused && l->packets.in_packets == l->refused_at)
		return false;
	return !l->queued_until && !l->paused &&
	       (ssh_get_status(l->session) & SSH_WRITE_PENDING) == 0;
}

long sshloop_write(struct sshloop *l, ssh_channel channel, const void *p, size_t n)
{
	const uint64_t before = l->packets.out_bytes;
	const int rc = ssh_channel_write(channel, p, (uint32_t)n);

	if (rc < 0)
		return -1;
	/* During the peer's key exchange it takes nothing. */
	l->refused = rc == 0;
	l->refused_at = l->packets.in_packets;
	/* Between our KEXINIT and the peer's, packets go into a queue that no status shows. */
	if (l->packets.out_bytes - before < (uint64_t)rc)
		l->queued_until = before + (uint64_t)rc;
	return rc;
}

void sshloop_cork(struct sshloop *l, bool on)
{
	const int value = on;

	setsockopt(l->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
}

void sshloop_defer_reads(struct sshloop *l, bool on)
{
	const int value = on ? HUSHED : 1;

	if (on == l->hushed)
		return;
	l->hushed = on;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value));
}

size_t sshloop_chunk(void)
{
	/* 0.10 makes packets of 32758 bytes for a peer that takes 32768: a full write must not
	 * leave ten over. */
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
	if (!l->passing && !l->dead)
		arm_write(l);
}

void sshloop_fail(struct sshloop *l, const char *why)
{
	if (l->dead || l->failed)
		return;
	l->failed = why;
	sshloop_yield(l);
}

uint64_t sshloop_bytes_in(const struct sshloop *l)
{
	return l->socket.in_bytes;
}

/* Whatever callbacks of the owner would do is over; only the socket matters now. */
static void drain(struct sshloop *l)
{
	const uint64_t end = loop_ms() + DRAIN_MS;
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};

	while (l->event && (ssh_get_status(l->session) & (SSH_WRITE_PENDING | SSH_CLOSED |
							  SSH_CLOSED_ERROR)) == SSH_WRITE_PENDING) {
		const uint64_t now = loop_ms();

		if (now >= end || poll(&p, 1, (int)(end - now)) <= 0 ||
		    ssh_event_dopoll(l->event, 0) == SSH_ERROR)
			break;
	}
}

/* What the peer still sends would meet a closed socket, and the reset overtake our last words. */
static void hear_out(struct sshloop *l)
{
	const uint64_t end = loop_ms() + HEAR_OUT_MS;
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	uint64_t now;
	char buf[4 * READ_SIZE];

	shutdown(l->fd, SHUT_WR);
	while ((now = loop_ms()) < end && poll(&p, 1, (int)(end - now)) > 0 &&
	       recv(l->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

void sshloop_free(struct sshloop *l, const char *message)
{
	if (!l)
		return;
	l->dead = true;
	drain(l);
	if (l->event) {
		ssh_event_remove_session(l->event, l->session);
		ssh_event_free(l->event);
	}
	if (message)
		ssh_session_set_disconnect_message(l->session, message);
	/* Else libssh would leave the client's descriptor open, and forget it. */
	ssh_options_set(l->session, SSH_OPTIONS_FD, NULL);
	/* Since its last send it waits for a poll to tell that there is room: it would close with
	 * the message unsent.  Where there is none, this is the end all the same. */
	ssh_set_fd_towrite(l->session);
	ssh_disconnect(l->session);
	ssh_free(l->session);
	if (message)
		hear_out(l);
	event_free(l->readable);
	event_free(l->writable);
	event_free(l->tick);
	event_free(l->later);
	close(l->fd);
	free(l);
}
