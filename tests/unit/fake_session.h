// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_TEST_FAKE_SESSION_H
#define SSHIPC_TEST_FAKE_SESSION_H
/* A monitor without listeners and helpers, and session processes that say whatever the test wants.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/evp.h>
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
#include "session.h"
#include "signature.h"
#include "wire.h"

enum { CHANNELS = 8, GRACE = 20 };

static char fake_dir[] = "/tmp/sshipc-conn-XXXXXX", fake_list[64], fake_path[64];
static struct settings fake_settings = {
    .login_grace = GRACE, .max_sessions = 100, .max_channels = CHANNELS, .max_opens = 100000};
static struct dial_record fake_dials[2];
static struct monitor_view fake_view;
static struct allowlist *fake_lists[16];
static size_t fake_n_lists, fake_fds, fake_logins, fake_log_lines;
static char fake_log[1 << 16]; /* what was logged last */

struct fake {
	struct conn *c;
	int sock, closed;
};

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

static inline void fake_fault(void *arg, const char *text)
{
	cr_log_error("%s", text);
}

/* The list in force from now on; who runs is not judged.  Earlier ones stay readable to the end. */
static inline void fake_allow(const char *lines)
{
	FILE *f = fopen(fake_list, "w");

	cr_assert(f && fputs(lines, f) >= 0 && fclose(f) == 0 && chmod(fake_list, 0600) == 0);
	cr_assert_lt(fake_n_lists, sizeof(fake_lists) / sizeof(fake_lists[0]));
	fake_view.allowlist = fake_lists[fake_n_lists] = allowlist_load(
	    fake_list, fake_settings.endpoints, fake_settings.n_endpoints, NULL, fake_fault, NULL);
	cr_assert(fake_lists[fake_n_lists++]);
}

/* Endpoints: "here", where backlog + 1 connects are taken at once and the next ones wait; "away",
 * which refuses.  Returns the listener of "here". */
static inline int fake_set_up(int backlog)
{
	static const struct helper_user same_user = {0};
	static const struct admission_config admission = {32, 64, 1000, 1, 1, 600, NULL, 1000};
	struct endpoint *e = fake_settings.endpoints;
	const struct dialler_setup dialler = {
	    .endpoints = e, .n = 2, .timeout = 10, .user = &same_user};
	const char *why = NULL;
	int fd;

	cr_assert(mkdtemp(fake_dir));
	fake_fds = count_fds();
	snprintf(fake_list, sizeof(fake_list), "%s/allowed_keys", fake_dir);
	snprintf(fake_path, sizeof(fake_path), "%s/here", fake_dir);
	fake_settings.n_endpoints = 2;
	snprintf(e[0].name, sizeof(e[0].name), "here");
	snprintf(e[1].name, sizeof(e[1].name), "away");
	cr_assert_eq(address_parse(fake_path, 0, &e[0].address, &why), 0);
	snprintf(fake_log, sizeof(fake_log), "%s/away", fake_dir);
	cr_assert_eq(address_parse(fake_log, 0, &e[1].address, &why), 0);
	fake_log[0] = '\0';
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&e[0].address.sa, e[0].address.len), 0);
	cr_assert_eq(listen(fd, backlog), 0);
	fake_view.base = event_base_new();
	fake_view.settings = &fake_settings;
	fake_view.user = &same_user;
	fake_view.admission = admission_new(&admission);
	fake_view.pending = pending_new(&fake_settings);
	fake_view.ratelimit = ratelimit_new(fake_view.base);
	fake_view.dials = fake_dials;
	fake_view.max_dials = 4 * CHANNELS;
	fake_view.max_sessions = 100;
	fake_view.logged_in = fake_on_login;
	fake_view.kill = fake_kill;
	fake_view.dialler = dialler_new(fake_view.base, &dialler);
	cr_assert(fake_view.base && fake_view.pending && fake_view.ratelimit && fake_view.dialler);
	log_redirect(fake_keep_line);
	return fd;
}

static inline void fake_tear_down(int listener)
{
	const bool clean = fake_view.n_sessions == 0 &&
			   admission_unauth(fake_view.admission) == 0 &&
			   LIST_EMPTY(&fake_view.uses);

	dialler_free(fake_view.dialler);
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

static inline void fake_on_closed(void *arg, struct conn *c)
{
	struct fake *f = arg;

	cr_expect_eq(f->c, c);
	f->closed++;
	f->c = NULL;
}

static inline void fake_start_from(struct fake *f, const char *from)
{
	static uint32_t id;
	struct address peer;
	const char *why = NULL;
	int pair[2];

	cr_assert_eq(address_parse(from, 0, &peer, &why), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
		     0);
	f->sock = pair[1];
	f->closed = 0;
	f->c = conn_new(&fake_view, ++id, &peer, pair[0], fake_on_closed, f);
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

static inline void fake_say(struct fake *f, const struct wire *w)
{
	while (wire_send(f->sock, w) != 0) {
		if (errno != EAGAIN)
			return; /* ended already */
		fake_poll();
	}
}

/* Runs the loop until the monitor says something: its type, or 0 at the end. */
static inline enum wire_type fake_hear(struct fake *f, struct wire *w)
{
	for (;;) {
		const int rc = wire_recv(f->sock, w, 1);

		if (rc == 1)
			return wire_type(w);
		if (rc == 0 || errno != EAGAIN)
			return (enum wire_type)0;
		cr_assert_eq(event_base_loop(fake_view.base, EVLOOP_ONCE), 0);
	}
}

/* What it said up to now; 0: nothing. */
static inline enum wire_type fake_heard(struct fake *f, struct wire *w)
{
	fake_poll();
	return wire_recv(f->sock, w, 1) == 1 ? wire_type(w) : (enum wire_type)0;
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

static inline void fake_put_key(struct wire *w, const char *base64)
{
	uint8_t blob[KEYLINE_BLOB_MAX];
	const size_t len = strlen(base64);
	int n = EVP_DecodeBlock(blob, (const unsigned char *)base64, (int)len);

	for (size_t i = len; base64[i - 1] == '='; i--)
		n--;
	wire_put_bytes(w, blob, (size_t)n);
}

static inline void fake_make_probe(struct wire *w, const char *key)
{
	wire_start(w, WIRE_PROBE);
	fake_put_key(w, key);
	wire_put_text(w, "user");
}

static inline void fake_put_signature(struct wire *w, const struct signature *s)
{
	wire_put_text(w, s->algorithm);
	wire_put_bytes(w, s->raw, s->len);
	wire_put_u32(w, s->flags);
	wire_put_u32(w, s->counter);
}

/* Without a signature: what a session says is believed, but where fake_view.proof is set. */
static inline void fake_make_authorize(struct wire *w, const char *key)
{
	wire_start(w, WIRE_AUTHORIZE);
	fake_put_key(w, key);
	wire_put_text(w, "user");
	wire_put_text(w, "SSH-2.0-fake");
	fake_put_signature(w, &(struct signature){.len = 0});
}

static inline void fake_make_left(struct wire *w, uint32_t reached, const char *first)
{
	wire_start(w, WIRE_LEFT);
	wire_put_u32(w, reached);
	wire_put_text(w, first);
	wire_put_text(w, "why");
}

static inline void fake_make_attempt(struct wire *w, uint32_t fault)
{
	wire_start(w, WIRE_ATTEMPT);
	wire_put_text(w, "any bytes");
	wire_put_text(w, "user");
	wire_put_text(w, "ssh-rsa");
	wire_put_u32(w, fault);
}

static inline void fake_make_open(struct wire *w, uint32_t id, const char *host)
{
	wire_start(w, WIRE_OPEN);
	wire_put_u32(w, id);
	wire_put_u32(w, POLICY_DIRECT_TCPIP);
	wire_put_text(w, host);
	wire_put_u32(w, 1);
	wire_put_text(w, "127.0.0.1");
	wire_put_u32(w, 2);
}

static inline void fake_make_closed(struct wire *w, uint32_t id)
{
	wire_start(w, WIRE_CLOSED);
	wire_put_u32(w, id);
	wire_put_u64(w, 3);
	wire_put_u64(w, 4);
	wire_put_u32(w, 0);
}

static inline void fake_make_note(struct wire *w, const char *text)
{
	wire_start(w, WIRE_NOTE);
	wire_put_u32(w, LOG_WARNING);
	wire_put_text(w, text);
}

/* Asks for a login; the type of the answer, which w then holds. */
static inline enum wire_type fake_authorize(struct fake *f, const char *key, struct wire *w)
{
	fake_make_authorize(w, key);
	fake_say(f, w);
	return fake_hear(f, w);
}

static inline void fake_log_in(struct fake *f, const char *key)
{
	struct wire w;

	fake_start(f);
	cr_assert_eq(fake_authorize(f, key, &w), WIRE_GRANT);
	cr_expect_eq(wire_get_u32(&w), CHANNELS);
}

/* Asks for a channel; the type of the answer.  A socket that came with it is closed. */
static inline enum wire_type fake_open(struct fake *f, uint32_t id, const char *host)
{
	struct wire w;
	enum wire_type type;

	fake_make_open(&w, id, host);
	fake_say(f, &w);
	type = fake_hear(f, &w);
	if (type != 0)
		cr_expect_eq(wire_get_u32(&w), id);
	wire_close_fds(&w);
	return type;
}

#endif
