// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process of the server, called by whoever has one end of a pair.  The only place
 * that sends and receives messages; it knows their form, and acts on none.
 */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A text, or bytes whose number stands at len_at. */
struct part {
	uint16_t at, size, len_at;
};

/* The table.  The structs in message.h have the meaning of the fields. */
struct row {
	const char *name;
	int way;		   /* enum message_way */
	int when;		   /* enum message_state, of a session's */
	size_t size;		   /* at most: to the end of its last member */
	enum message_type answers; /* what it is the answer to */
	size_t fds;		   /* attached */
	struct part parts[5];	   /* its texts and bytes */
};

enum {
	OF_SESSION = MESSAGE_OF_SESSION,
	TO_SESSION = MESSAGE_TO_SESSION,
	OF_SPAWNER = MESSAGE_OF_SPAWNER,
	TO_SPAWNER = MESSAGE_TO_SPAWNER,
	OF_DIALLER = MESSAGE_OF_DIALLER,
	TO_DIALLER = MESSAGE_TO_DIALLER,
	LOGIN = MESSAGE_LOGIN,
	NOT_UP = MESSAGE_LOGIN | MESSAGE_WAITING,
	UP = MESSAGE_UP,
	ALWAYS = MESSAGE_LOGIN | MESSAGE_WAITING | MESSAGE_UP,
	ENDING = MESSAGE_ENDING,
	HEAD = sizeof(struct message_head),
};

/* clang-format off */
#define SIZE(type, member) sizeof(((struct message_##type *)0)->member)
#define AT(type, member) offsetof(struct message_##type, member)
#define END(type, member) (AT(type, member) + SIZE(type, member))
#define TEXT(type, member) {AT(type, member), SIZE(type, member), 0}
#define BYTES(type, member, len) {AT(type, member), SIZE(type, member), AT(type, len)}

static const struct row table[MESSAGE_TYPES] = {
    /* Twenty times; the 21st is answered by END. */
    [MESSAGE_PROBE] = {"PROBE", OF_SESSION, LOGIN, END(probe, key),
	.parts = {TEXT(probe, user), BYTES(probe, key, key_len)}},
    /* Once before login; after it ten times a second, then the session is not read for a while. */
    [MESSAGE_SIGN] = {"SIGN", OF_SESSION, ALWAYS, END(sign, hashed),
	.parts = {TEXT(sign, algorithm), BYTES(sign, hashed, hashed_len)}},
    /* After SIGN, six times; the 7th is answered by END.  The answer takes up to 4.5 s where an
     * older session of the key is asked whether it lives, or is ending. */
    [MESSAGE_AUTHORIZE] = {"AUTHORIZE", OF_SESSION, LOGIN, END(authorize, key),
	.parts = {TEXT(authorize, signature.algorithm), BYTES(authorize, signature.raw, signature.len),
		  TEXT(authorize, version), TEXT(authorize, user), BYTES(authorize, key, key_len)}},
    /* Counted: a query with PROBE, a signature with AUTHORIZE, a certificate by itself. */
    [MESSAGE_ATTEMPT] = {"ATTEMPT", OF_SESSION, LOGIN, END(attempt, key),
	.parts = {TEXT(attempt, algorithm), TEXT(attempt, user), BYTES(attempt, key, key_len)}},
    /* Once: the words of the log line no-login. */
    [MESSAGE_LEFT] = {"LEFT", OF_SESSION, NOT_UP | ENDING, END(left, why),
	.parts = {BYTES(left, first, first_len), TEXT(left, why)}},
    /* At most max_opens a second with all other messages; then the session is not read for a while. */
    [MESSAGE_OPEN] = {"OPEN", OF_SESSION, UP, END(open, host),
	.parts = {TEXT(open, origin), TEXT(open, host)}},
    /* Once for a channel, however it ended. */
    [MESSAGE_CLOSED] = {"CLOSED", OF_SESSION, UP | ENDING, .size = END(closed, end)},
    /* Counted and logged, as the session's claim. */
    [MESSAGE_LIMIT] = {"LIMIT", OF_SESSION, UP, .size = END(limit, which)},
    /* Every 2 s at most, when changed, and at the end; shown as the session's claim. */
    [MESSAGE_STATS] = {"STATS", OF_SESSION, UP | ENDING, .size = END(stats, from_endpoint)},
    /* After CHECK: the peer has sent a byte since. */
    [MESSAGE_ALIVE] = {"ALIVE", OF_SESSION, UP, .size = HEAD},
    /* Logged as what the session says. */
    [MESSAGE_NOTE] = {"NOTE", OF_SESSION, ALWAYS | ENDING, END(note, text),
	.parts = {TEXT(note, text)}},
    /* Logged, and remembered for ".status". */
    [MESSAGE_REFUSE] = {"REFUSE", OF_SESSION, ALWAYS, END(refuse, what),
	.parts = {TEXT(refuse, what)}},

    [MESSAGE_KNOWN] = {"KNOWN", TO_SESSION, LOGIN, END(known, yes), .answers = MESSAGE_PROBE},
    [MESSAGE_SIGNED] = {"SIGNED", TO_SESSION, ALWAYS, END(signed, raw), .answers = MESSAGE_SIGN,
	.parts = {BYTES(signed, raw, raw_len)}},
    [MESSAGE_GRANT] = {"GRANT", TO_SESSION, LOGIN, END(grant, max_channels),
	.answers = MESSAGE_AUTHORIZE},
    [MESSAGE_DENY] = {"DENY", TO_SESSION, LOGIN, END(deny, reason), .answers = MESSAGE_AUTHORIZE,
	.parts = {TEXT(deny, reason)}},
    /* The first answer, or the second, after PENDING; with the socket. */
    [MESSAGE_OPENED] = {"OPENED", TO_SESSION, UP, END(opened, one_way), .answers = MESSAGE_OPEN,
	.fds = 1},
    /* The channel is to be accepted, and its data held: the dial takes time. */
    [MESSAGE_PENDING] = {"PENDING", TO_SESSION, UP, HEAD, .answers = MESSAGE_OPEN},
    /* The first answer, or the second, after PENDING. */
    [MESSAGE_REFUSED] = {"REFUSED", TO_SESSION, UP, HEAD, .answers = MESSAGE_OPEN},
    /* Once.  A session that is there half a second later is killed. */
    [MESSAGE_END] = {"END", TO_SESSION, ALWAYS, END(end, reason), .parts = {TEXT(end, reason)}},
    /* The session sends its peer a keepalive request, and ALIVE at the next byte. */
    [MESSAGE_CHECK] = {"CHECK", TO_SESSION, UP, .size = HEAD},
    /* After GRANT, or a reload, where it has changed. */
    [MESSAGE_IDLE] = {"IDLE", TO_SESSION, UP, .size = END(idle, channel)},

    /* The first; the self-test follows, and TESTED. */
    [MESSAGE_SETUP] = {"SETUP", TO_SPAWNER, .size = END(setup, rekey_time)},
    /* One for each, after TESTED. */
    [MESSAGE_HOSTKEY] = {"HOSTKEY", TO_SPAWNER, .size = END(hostkey, text),
	.parts = {BYTES(hostkey, blob, blob_len), TEXT(hostkey, text)}},
    /* There are no more of them. */
    [MESSAGE_START] = {"START", TO_SPAWNER, .size = HEAD},
    /* A connection: its SSH socket, the session's end of the pair. */
    [MESSAGE_SPAWN] = {"SPAWN", TO_SPAWNER, .size = HEAD, .fds = 2},
    /* The process of a connection, if there still is one.  The spawner may kill its sessions
     * whatever the monitor may, and a process is no other's while it has not reaped it. */
    [MESSAGE_KILL] = {"KILL", TO_SPAWNER, .size = HEAD},

    /* Of the self-test alone, which then ends. */
    [MESSAGE_REPORT] = {"REPORT", OF_SPAWNER, .size = END(report, files),
	.parts = {TEXT(report, version), TEXT(report, details), TEXT(report, files)}},
    [MESSAGE_TESTED] = {"TESTED", OF_SPAWNER, .size = END(tested, keyless)},
    /* It takes connections. */
    [MESSAGE_READY] = {"READY", OF_SPAWNER, .size = END(ready, why),
	.parts = {TEXT(ready, libssh), TEXT(ready, why)}},
    /* After each SPAWN. */
    [MESSAGE_SPAWNED] = {"SPAWNED", OF_SPAWNER, .size = END(spawned, pid)},
    /* Also after a SPAWNED that tells of no process. */
    [MESSAGE_EXITED] = {"EXITED", OF_SPAWNER, .size = END(exited, status)},
    [MESSAGE_FAILED] = {"FAILED", OF_SPAWNER | OF_DIALLER, .size = END(failed, text),
	.parts = {TEXT(failed, text)}},

    /* One for each, before any DIAL. */
    [MESSAGE_ENDPOINT] = {"ENDPOINT", TO_DIALLER, .size = END(endpoint, timeout)},
    [MESSAGE_DIAL] = {"DIAL", TO_DIALLER, .size = END(dial, endpoint)},
    /* A dial that may be over; there is no answer. */
    [MESSAGE_CANCEL] = {"CANCEL", TO_DIALLER, .size = HEAD},

    /* The connected socket. */
    [MESSAGE_DIALLED] = {"DIALLED", OF_DIALLER, .size = HEAD, .fds = 1},
    [MESSAGE_NOT_DIALLED] = {"NOT_DIALLED", OF_DIALLER, .size = END(not_dialled, error)},
};
/* clang-format on */

static const struct row *row_of(uint32_t type)
{
	return type < MESSAGE_TYPES && table[type].name ? &table[type] : NULL;
}

const char *message_name(uint32_t type)
{
	return row_of(type) ? row_of(type)->name : "unknown message";
}

bool message_allowed(uint32_t type, enum message_state state)
{
	return row_of(type) && (row_of(type)->when & state);
}

enum message_type message_answers(uint32_t type)
{
	return row_of(type) ? row_of(type)->answers : 0;
}

/* The size that a message of this row must have, of which so many bytes are there.  0: it has not
 * its form. */
static size_t measure(const struct row *r, const uint8_t *m, size_t there)
{
	size_t size = r->size;

	for (const struct part *p = r->parts; p < r->parts + 5 && p->size > 0; p++) {
		size_t used, room = p->size;

		if (p->at > there || p->len_at + sizeof(used) > there)
			return 0;
		if (room > there - p->at)
			room = there - p->at;
		if (p->len_at)
			memcpy(&used, m + p->len_at, sizeof(used));
		else
			used = strnlen((const char *)m + p->at, room) + 1;
		if (used > room)
			return 0;
		if (p->at + (size_t)p->size == r->size) /* the last one */
			size = p->at + used;
	}
	return size <= there ? size : 0;
}

size_t message_size(const void *message)
{
	const struct row *r = row_of(((const struct message_head *)message)->type);

	return r ? measure(r, message, r->size) : 0;
}

/* ---- sending and receiving ---- */

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
};

int message_send(int sock, const void *message, const int *fds)
{
	const size_t size = message_size(message);
	const size_t n = size ? row_of(((const struct message_head *)message)->type)->fds : 0;
	union control control = {.space = {0}};
	struct iovec iov = {.iov_base = (void *)message, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	ssize_t rc;

	if (size == 0 || !fds != !n) {
		errno = EMSGSIZE;
		return -1;
	}
	if (n > 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	}
	do
		rc = n > 0 ? sendmsg(sock, &msg, MSG_NOSIGNAL)
			   : send(sock, message, size, MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -1 : 0;
}

/* Their number; a surplus is closed, and counted. */
static size_t collect_fds(struct message *m, struct msghdr *msg)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < MESSAGE_FDS)
				m->fds[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

int message_recv(int sock, struct message *m, int way)
{
	const int flags = MSG_CMSG_CLOEXEC | (way & MESSAGE_AT_ONCE ? MSG_DONTWAIT : 0);
	union control control;
	struct iovec iov = {.iov_base = m, .iov_len = offsetof(struct message, fds)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const struct row *r;
	ssize_t n;
	size_t fds;

	m->head = (struct message_head){0, 0};
	m->fds[0] = m->fds[1] = -1;
	/* Without room for control data the kernel closes what was attached and sets MSG_CTRUNC. */
	if (way & (TO_SESSION | TO_SPAWNER | OF_DIALLER)) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	do
		n = recvmsg(sock, &msg, flags);
	while (n < 0 && errno == EINTR);
	/* ECONNRESET is reported once, before the last message of a peer that died without reading
	 * ours. */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(sock, &msg, flags);
	if (n < 0)
		return -1;
	fds = collect_fds(m, &msg);
	if (n == 0 && fds == 0 && (msg.msg_flags & MSG_CTRUNC) == 0)
		return 0;
	r = row_of(m->head.type);
	errno = 0;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		errno = EBADMSG;
	else if (!r || !(r->way & way) || measure(r, (const uint8_t *)m, (size_t)n) != (size_t)n ||
		 fds != r->fds)
		errno = EPROTO;
	if (errno == 0)
		return 1;
	message_close_fds(m);
	return -1;
}

int message_take_fd(struct message *m, size_t i)
{
	const int fd = m->fds[i];

	m->fds[i] = -1;
	return fd;
}

void message_close_fds(struct message *m)
{
	for (size_t i = 0; i < MESSAGE_FDS; i++)
		if (m->fds[i] >= 0)
			close(message_take_fd(m, i));
}
