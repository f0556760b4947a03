// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_TEST_FAKE_SESSION_H
#define SSHIPC_TEST_FAKE_SESSION_H
/* A monitor without listeners and helpers, and session processes that say whatever the test wants.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conn.h"
#include "fds.h"
#include "keys.h"
#include "message.h"
#include "session.h"
#include "signature.h"

enum { CHANNELS = 8, GRACE = 20 };

static char fake_dir[] = "/tmp/sshipc-conn-XXXXXX", fake_list[64], fake_path[64];
static struct settings fake_settings = {
    .login_grace = GRACE, .max_sessions = 100, .max_channels = CHANNELS, .max_opens = 100000};
static const struct launch_user fake_users[2]; /* both are ours, who may not become another */
static struct dial_record fake_dials[2];
static struct monitor_view fake_view;
static struct allowlist *fake_lists[16];
static size_t fake_n_lists, fake_fds, fake_logins, fake_log_lines;
static char fake_log[1 << 16]; /* what was logged last */

struct fake {
	struct conn *c;
	int sock, closed;
};

enum { FAKES = 4096 };
static struct fake *fake_by_id[FAKES];

static inline void fake_on_closed(void *owner, struct conn *c)
{
	struct fake *f = fake_by_id[c->id % FAKES];

	cr_expect_eq(f->c, c);
	f->closed++;
	f->c = NULL;
}

static inline void fake_keep_line(int priority, const char *text)
{
	const size_t used = strlen(fake_log);

	fake_log_lines++;
	if (strlen(text) + 2 < sizeof(fake_log) - used)
		snprintf(fake_log + used, sizeof(fake_log) - used, "%s\n", text);
}

static inline size_t fake_logged(const char *text)
{
	size_t n = 0;

	for (const char *p = fake_log; (p = strstr(p, text)); p++)
		n++;
	return n;
}

/* Its process is the test's: what the spawner would be told. */
static uint32_t fake_killed;
static unsigned fake_orders;

static inline bool fake_kill(void *owner, const struct conn *c)
{
	fake_killed = c->id;
	return ++fake_orders % 2 == 0; /* the first order finds a socket that is full */
}

static inline void fake_on_login(void *owner, time_t next)
{
	fake_logins++;
}

/* Other generations: how often what keys have open has changed, and what was said to whom last. */
static size_t fake_used;
static char fake_told[160];

static inline void fake_on_used(void *arg)
{
	fake_used++;
}

static inline void fake_on_tell(void *arg, unsigned generation, const char *text)
{
	snprintf(fake_told, sizeof(fake_told), "%u %s", generation, text);
}

static inline void fake_fault(void *arg, const char *text)
{
	cr_log_error("%s", text);
}

/* The list in force from now on; who runs is not judged.  Earlier ones stay readable to the end. */
static inline void fake_allow(const char *lines)
{
	const struct allow_names names = settings_names(&fake_settings);
	FILE *f = fopen(fake_list, "w");

	cr_assert(f && fputs(lines, f) >= 0 && fclose(f) == 0 && chmod(fake_list, 0600) == 0);
	cr_assert_lt(fake_n_lists, sizeof(fake_lists) / sizeof(fake_lists[0]));
	fake_view.allowlist = fake_lists[fake_n_lists] =
	    allowlist_load(fake_list, &names, fake_fault, NULL);
	cr_assert(fake_lists[fake_n_lists++]);
}

/* Endpoints: "here", where backlog + 1 connects are taken at once and the next ones wait; "away",
 * which refuses.  The dialler of connect-as="ann" takes "away" for "here".  Returns the listener of
 * "here". */
static inline int fake_set_up(int backlog)
{
	static char ann[] = "ann";
	static const struct admission_config admission = {32, 64, 1000, 1, 1, 600, NULL, 1000};
	struct endpoint *e = fake_settings.endpoints;
	const struct dialler_setup diallers[] = {
	    {.endpoints = e, .n = 2, .timeout = 10, .user = &fake_users[0]},
	    {.endpoints = e + 1, .n = 1, .timeout = 10, .user = &fake_users[1]}};
	int fd;

	cr_assert(mkdtemp(fake_dir));
	fake_fds = count_fds();
	snprintf(fake_list, sizeof(fake_list), "%s/allowed_keys", fake_dir);
	snprintf(fake_path, sizeof(fake_path), "%s/here", fake_dir);
	fake_settings.n_endpoints = 2;
	fake_settings.connect_as.n = 1;
	fake_settings.connect_as.items[0] = ann;
	snprintf(e[0].name, sizeof(e[0].name), "here");
	snprintf(e[1].name, sizeof(e[1].name), "away");
	cr_assert_null(address_parse(fake_path, 0, &e[0].address));
	snprintf(fake_log, sizeof(fake_log), "%s/away", fake_dir);
	cr_assert_null(address_parse(fake_log, 0, &e[1].address));
	fake_log[0] = '\0';
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&e[0].address.sa, e[0].address.len), 0);
	cr_assert_eq(listen(fd, backlog), 0);
	fake_view.base = event_base_new();
	fake_view.settings = &fake_settings;
	fake_view.users = fake_users;
	fake_view.admission = admission_new(&admission);
	fake_view.pending = pending_new(&fake_settings);
	fake_view.ratelimit = ratelimit_new(fake_view.base, &fake_view.limit_hits[LIMIT_LOG_LINES]);
	fake_view.dials = fake_dials;
	fake_view.max_dials = 4 * CHANNELS;
	fake_view.max_sessions = 100;
	fake_view.logged_in = fake_on_login;
	fake_view.closed = fake_on_closed;
	fake_view.kill = fake_kill;
	fake_view.ops.used = fake_on_used;
	fake_view.ops.tell = fake_on_tell;
	for (int i = 0; i < 2; i++)
		fake_view.diallers[i] = dialler_new(fake_view.base, &diallers[i]);
	cr_assert(fake_view.base && fake_view.pending && fake_view.ratelimit &&
		  fake_view.diallers[0] && fake_view.diallers[1]);
	log_redirect(fake_keep_line);
	return fd;
}

static inline void fake_tear_down(int listener)
{
	const bool clean = fake_view.n_sessions == 0 &&
			   admission_unauth(fake_view.admission) == 0 &&
			   LIST_EMPTY(&fake_view.uses);

	for (int i = 0; i < 2; i++)
		dialler_free(fake_view.diallers[i]);
	ratelimit_free(fake_view.ratelimit);
	event_base_free(fake_view.base);
	pending_free(fake_view.pending);
	admission_free(fake_view.admission);
	while (fake_n_lists > 0)
		allowlist_free(fake_lists[--fake_n_lists]);
	close(listener);
	check_at_end(clean, "counters are not back at zero");
	check_at_end(count_fds() == fake_fds, "descriptors leaked");
	unlink(fake_list);
	unlink(fake_path);
	check_at_end(rmdir(fake_dir) == 0, "a file was left behind");
}

static inline void fake_start_from(struct fake *f, const char *from)
{
	static uint32_t id;
	struct address peer;
	int pair[2];

	cr_assert_null(address_parse(from, 0, &peer));
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
		     0);
	f->sock = pair[1];
	f->closed = 0;
	fake_by_id[++id % FAKES] = f;
	f->c = conn_new(&fake_view, id, &peer, pair[0]);
}

static inline void fake_start(struct fake *f)
{
	fake_start_from(f, "192.0.2.1:50000");
}

static inline void fake_poll(void)
{
	for (int i = 0; i < 8; i++)
		cr_assert_geq(event_base_loop(fake_view.base, EVLOOP_NONBLOCK), 0);
}

/* Bytes as they are, with a descriptor (-1: none). */
static inline void fake_say_raw(struct fake *f, const void *p, size_t n, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.align = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {.iov_base = (void *)p, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	while (sendmsg(f->sock, &msg, MSG_NOSIGNAL) < 0) {
		if (errno != EAGAIN)
			return; /* ended already */
		fake_poll();
	}
}

/* What has no size goes as its head. */
static inline void fake_say(struct fake *f, const struct message *m)
{
	const size_t n = message_size(m);

	fake_say_raw(f, m, n ? n : sizeof(m->head), -1);
}

/* Runs the loop until the monitor says something: its type, or 0 at the end. */
static inline uint32_t fake_hear(struct fake *f, struct message *m)
{
	for (;;) {
		const int rc = message_recv(f->sock, m, MESSAGE_TO_SESSION);

		if (rc == 1)
			return m->head.type;
		if (rc == 0 || errno != EAGAIN)
			return 0;
		cr_assert_eq(event_base_loop(fake_view.base, EVLOOP_ONCE), 0);
	}
}

/* What it said up to now; 0: nothing. */
static inline uint32_t fake_heard(struct fake *f, struct message *m)
{
	fake_poll();
	return message_recv(f->sock, m, MESSAGE_TO_SESSION) == 1 ? m->head.type : 0;
}

/* Until the connection is gone. */
static inline void fake_wait_end(struct fake *f)
{
	while (!f->closed)
		cr_assert_eq(event_base_loop(fake_view.base, EVLOOP_ONCE), 0);
}

static inline void fake_leave(struct fake *f)
{
	close(f->sock);
	fake_wait_end(f);
	cr_expect_eq(f->closed, 1);
}

/* ---- messages ---- */

static inline size_t fake_put_key(uint8_t blob[KEYLINE_BLOB_MAX], const char *base64)
{
	const long n = keyline_base64(base64, strlen(base64), blob, KEYLINE_BLOB_MAX);

	cr_assert_gt(n, 0);
	return (size_t)n;
}

static inline void fake_make_probe(struct message *m, const char *key)
{
	m->probe = (struct message_probe){.head = {MESSAGE_PROBE, 0}, .user = "user"};
	m->probe.key_len = fake_put_key(m->probe.key, key);
}

/* Without a signature: what a session says is believed, but where fake_view.proof is set. */
static inline void fake_make_authorize(struct message *m, const char *key)
{
	m->authorize = (struct message_authorize){
	    .head = {MESSAGE_AUTHORIZE, 0}, .version = "SSH-2.0-fake", .user = "user"};
	m->authorize.key_len = fake_put_key(m->authorize.key, key);
}

static inline void fake_make_left(struct message *m, uint32_t reached, const char *first)
{
	m->left = (struct message_left){{MESSAGE_LEFT, 0}, strlen(first), reached, "", "why"};
	memcpy(m->left.first, first, strlen(first));
}

static inline void fake_make_attempt(struct message *m, uint32_t fault)
{
	m->attempt = (struct message_attempt){{MESSAGE_ATTEMPT, 0}, 9, fault, "ssh-rsa", "user",
					      "any bytes"};
}

static inline void fake_make_open(struct message *m, uint32_t id, const char *host)
{
	m->open =
	    (struct message_open){{MESSAGE_OPEN, id}, POLICY_DIRECT_TCPIP, 1, "127.0.0.1", ""};
	snprintf(m->open.host, sizeof(m->open.host), "%s", host);
}

static inline void fake_make_closed(struct message *m, uint32_t id)
{
	m->closed = (struct message_closed){{MESSAGE_CLOSED, id}, 3, 4, 0};
}

static inline void fake_make_note(struct message *m, const char *text)
{
	m->note = (struct message_note){.head = {MESSAGE_NOTE, 0}, .priority = LOG_WARNING};
	snprintf(m->note.text, sizeof(m->note.text), "%s", text);
}

/* Asks for a login; the type of the answer, which m then holds. */
static inline uint32_t fake_authorize(struct fake *f, const char *key, struct message *m)
{
	fake_make_authorize(m, key);
	fake_say(f, m);
	return fake_hear(f, m);
}

static inline void fake_log_in(struct fake *f, const char *key)
{
	struct message m;

	fake_start(f);
	cr_assert_eq(fake_authorize(f, key, &m), MESSAGE_GRANT);
	cr_expect_eq(m.grant.max_channels, CHANNELS);
}

/* Asks for a channel; the type of the answer.  A socket that came with it is closed. */
static inline uint32_t fake_open(struct fake *f, uint32_t id, const char *host)
{
	struct message m;
	uint32_t type;

	fake_make_open(&m, id, host);
	fake_say(f, &m);
	type = fake_hear(f, &m);
	if (type != 0)
		cr_expect_eq(m.head.id, id);
	message_close_fds(&m);
	return type;
}

#endif
