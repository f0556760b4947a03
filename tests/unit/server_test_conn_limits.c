// SPDX-License-Identifier: BSD-2-Clause
/* What a session asks for too fast or too often, and what its end means for its source. */
#include <signal.h>
#include <sys/resource.h>

#include "conn.h"
#include "fake_session.h"
#include "session.h"

#define LISTED	 BLOB_ED
#define UNLISTED BLOB_P384

static int listener;

static void set_up(void)
{
	listener = fake_set_up(0);
	fake_allow("endpoint=\"here\" " KEY_ED " listed\n"
		   "endpoint=\"here\" " KEY_ED2 " other\n");
}

static void tear_down(void)
{
	fake_settings.max_opens = 100000;
	check_at_end(fake_view.n_dials == 0, "dials are not back at zero");
	fake_tear_down(listener);
}

TestSuite(conn_limits, .init = set_up, .fini = tear_down, .timeout = 60);

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A second's worth at once, then so many a second; and others wait for nothing. */
Test(conn_limits, too_fast)
{
	const double begun = seconds();
	struct fake fast, other;
	struct message m;
	size_t asked = 0;

	fake_settings.max_opens = 200;
	fake_log_in(&fast, LISTED);
	fake_log_in(&other, BLOB_ED2);
	while (asked < 300) {
		cr_assert_eq(fake_open(&fast, 0x10001, "elsewhere"), MESSAGE_REFUSED);
		asked++;
		if (asked == 150)
			cr_expect_eq(fake_view.limit_hits[LIMIT_MAX_OPENS], 0);
		if (asked == 250)
			cr_expect_eq(fake_open(&other, 0x10001, "elsewhere"), MESSAGE_REFUSED);
	}
	cr_expect_gt(seconds() - begun, 0.4, "%zu in %.3f s", asked, seconds() - begun);
	cr_expect_gt(fake_view.limit_hits[LIMIT_MAX_OPENS], 0);
	cr_expect_gt(fake_logged("request rate over 200/s: throttled"), 0);
	/* It may go while it waits. */
	for (int i = 0; i < 20; i++) {
		fake_make_note(&m, "hello");
		fake_say(&fast, &m);
	}
	revoke_end(fast.c, "enough");
	fake_wait_end(&fast);
	close(fast.sock);
	fake_leave(&other);
}

/* Or its owner could keep out everybody. */
Test(conn_limits, half_of_all_sessions)
{
	struct fake f[4], other;
	struct message m;

	fake_view.max_sessions = 4;
	for (size_t i = 0; i < 2; i++)
		fake_log_in(&f[i], BLOB_ED2);
	fake_start(&f[2]);
	cr_expect_eq(fake_authorize(&f[2], BLOB_ED2, &m), MESSAGE_DENY);
	cr_expect(fake_logged("the key has as many sessions as it may (max-sessions)"));
	fake_log_in(&other, LISTED);
	for (size_t i = 0; i < 3; i++)
		fake_leave(&f[i]);
	fake_leave(&other);
}

static char told[1024];

static void tell(int priority, const char *text)
{
	snprintf(told, sizeof(told), "%s", text);
}

/* Of sockets that wait for sessions which do not read there are as many as descriptors at most; one
 * more is refused, not lost. */
Test(conn_limits, too_many_on_their_way)
{
	const struct rlimit few = {200, 200};
	struct fake deaf[2], f;
	struct message m;

	if (geteuid() != 0)
		cr_skip("only root has a uid to spare, which has no other sockets on their way");
	cr_assert(chmod(fake_dir, 0777) == 0 && chmod(fake_path, 0777) == 0);
	cr_assert_eq(listen(listener, 1000), 0);
	cr_assert_eq(seteuid(31999), 0);
	setrlimit(RLIMIT_NOFILE, &few);
	fake_settings.max_channels = 150;
	fake_view.max_dials = 10000;
	for (size_t i = 0; i < 2; i++) {
		fake_start(&deaf[i]);
		cr_assert_eq(fake_authorize(&deaf[i], BLOB_ED2, &m), MESSAGE_GRANT);
	}
	fake_start(&f);
	cr_assert_eq(fake_authorize(&f, LISTED, &m), MESSAGE_GRANT);
	for (uint32_t i = 1; i <= 260; i++) {
		fake_make_open(&m, i << 16 | i / 2, "here");
		fake_say(&deaf[i % 2], &m);
		fake_poll();
	}
	fake_make_open(&m, 1 << 16 | 1, "here");
	fake_say(&f, &m);
	log_redirect(tell);
	cr_assert_eq(fake_hear(&f, &m), MESSAGE_REFUSED);
	log_redirect(NULL);
	cr_expect_eq(m.head.id, 1 << 16 | 1);
	cr_expect(strstr(told, strerror(ETOOMANYREFS)), "%s", told);
	cr_expect(strstr(told, "channel 1 failed: endpoint here: "), "%s", told);
	for (size_t i = 0; i < 2; i++)
		fake_leave(&deaf[i]);
	fake_leave(&f);
	cr_expect_eq(seteuid(0), 0);
	fake_settings.max_channels = CHANNELS;
}

Test(conn_limits, dials)
{
	struct fake f, other;
	struct message m;

	fake_view.max_dials = 12;
	fake_log_in(&f, LISTED);
	fake_log_in(&other, BLOB_ED2);
	cr_expect_eq(fake_open(&f, 0x10000, "."), MESSAGE_OPENED);
	for (uint32_t i = 1; i < 4; i++) /* the backlog is full */
		cr_expect_eq(fake_open(&f, 0x10000 | i, "."), MESSAGE_PENDING, "%u", i);
	cr_expect_eq(fake_open(&f, 0x10004, "."), MESSAGE_REFUSED);
	cr_expect_eq(fake_view.limit_hits[LIMIT_MAX_DIALS], 1);
	cr_expect(fake_logged("3 dials are under way for its key, and 3 in all (max_dials)"));
	cr_expect_eq(fake_open(&f, 0x20004, ".status"), MESSAGE_OPENED, "that dials nothing");
	cr_expect_eq(fake_open(&other, 0x10001, "."), MESSAGE_PENDING, "another has its own share");
	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m);
	cr_expect_eq(fake_open(&f, 0x30005, "."), MESSAGE_PENDING, "one was given up");
	fake_view.max_dials = 4; /* all together */
	cr_expect_eq(fake_open(&other, 0x20002, "."), MESSAGE_REFUSED);
	cr_expect_eq(fake_view.n_dials, 4);
	fake_leave(&f);
	cr_expect_eq(fake_view.n_dials, 1);
	fake_leave(&other);
}

/* Or a few sessions of one key would keep all other keys from their endpoints. */
Test(conn_limits, dials_of_a_key)
{
	struct fake f, second, other;

	fake_view.max_dials = 12;
	fake_log_in(&f, LISTED);
	fake_log_in(&second, LISTED);
	fake_log_in(&other, BLOB_ED2);
	cr_expect_eq(fake_open(&f, 0x10000, "."), MESSAGE_OPENED);
	for (uint32_t i = 1; i < 3; i++)
		cr_expect_eq(fake_open(&f, 0x10000 | i, "."), MESSAGE_PENDING, "%u", i);
	cr_expect_eq(fake_open(&second, 0x10001, "."), MESSAGE_PENDING);
	cr_expect_eq(fake_open(&second, 0x10002, "."), MESSAGE_REFUSED, "three are its share");
	cr_expect_eq(fake_open(&other, 0x10001, "."), MESSAGE_PENDING);
	fake_leave(&f);
	cr_expect_eq(fake_open(&second, 0x20002, "."), MESSAGE_PENDING, "two were given up");
	fake_leave(&second);
	fake_leave(&other);
}

/* A session that takes no answers leaves a socket with the monitor for each. */
Test(conn_limits, answers_not_taken)
{
	struct fake f;
	struct message m;

	fake_view.max_dials = 12;
	fake_log_in(&f, LISTED);
	cr_assert_eq(listen(listener, CHANNELS), 0);
	fake_make_note(&m, "it does not read");
	while (send(f.c->peer.sock, &m, message_size(&m), 0) > 0)
		;
	for (uint32_t i = 0; i < CHANNELS; i++) {
		fake_make_open(&m, 0x10000 | i, ".");
		fake_say(&f, &m);
	}
	fake_poll();
	cr_expect_eq(fake_view.n_dials, 3);
	cr_expect_gt(fake_view.limit_hits[LIMIT_MAX_DIALS], 0);
	fake_leave(&f);
}

Test(conn_limits, told_by_the_session)
{
	static const struct {
		uint32_t which;
		bool login;
		enum limit counted; /* LIMITS: killed */
	} table[] = {
	    {SESSION_LIMIT_CHANNELS, true, LIMIT_MAX_CHANNELS},
	    {SESSION_LIMIT_HELD, true, LIMIT_MAX_HELD},
	    {SESSION_LIMIT_HELD + 1, true, LIMITS},
	    {UINT32_MAX, true, LIMITS},
	    {SESSION_LIMIT_CHANNELS, false, LIMITS},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const size_t killed = fake_logged("broke the protocol (LIMIT)");
		struct fake f;
		struct message m;

		if (table[i].login)
			fake_log_in(&f, LISTED);
		else
			fake_start(&f);
		m.limit = (struct message_limit){{MESSAGE_LIMIT, 0}, table[i].which};
		fake_say(&f, &m);
		fake_poll();
		cr_expect_eq(fake_logged("broke the protocol (LIMIT)"),
			     killed + (table[i].counted == LIMITS), "%zu", i);
		if (table[i].counted != LIMITS)
			cr_expect_eq(fake_view.limit_hits[table[i].counted], 1, "%zu", i);
		fake_leave(&f);
	}
}

/* Those that were dropped are counted, whichever limit dropped them. */
Test(conn_limits, log_lines)
{
	enum { SESSIONS = 14, NOTES = 30 };
	struct message m;
	char text[32];
	size_t written;

	for (int i = 0; i < SESSIONS; i++) {
		struct fake f;

		fake_start(&f);
		for (int k = 0; k < NOTES; k++) {
			snprintf(text, sizeof(text), "note %d of %d", k, i);
			fake_make_note(&m, text);
			fake_say(&f, &m);
		}
		fake_poll();
		fake_leave(&f);
	}
	/* The end of the sessions is one more kind. */
	written = fake_logged("session says");
	cr_expect_eq(written, RATELIMIT_OWN - 1, "all are from one address");
	cr_expect_eq(fake_logged("ended before login"), RATELIMIT_LINES);
	cr_expect_eq(fake_view.limit_hits[LIMIT_LOG_LINES], SESSIONS * NOTES - written);
}

/* Whatever 300 sources have noted and were refused. */
Test(conn_limits, a_flood_hides_no_other)
{
	struct fake f, bad;
	struct message m;
	char from[32], text[32];

	fake_log_in(&f, LISTED);
	for (int i = 0; i < 300; i++) {
		struct fake many;

		snprintf(from, sizeof(from), "10.0.%d.%d:9", i / 256, i % 256);
		fake_start_from(&many, from);
		for (int k = 0; k < 40; k++) {
			snprintf(text, sizeof(text), "note %d", k);
			fake_make_note(&m, text);
			fake_say(&many, &m);
		}
		cr_expect_eq(fake_authorize(&many, UNLISTED, &m), MESSAGE_DENY);
		fake_leave(&many);
	}
	cr_expect_eq(fake_logged("session says"), RATELIMIT_ORDINARY);
	fake_log_lines = 0;
	fake_log[0] = '\0';
	fake_start_from(&bad, "192.0.2.77:9");
	cr_expect_eq(fake_authorize(&bad, UNLISTED, &m), MESSAGE_DENY);
	m.head = (struct message_head){MESSAGE_SPAWN, 0};
	fake_say(&bad, &m);
	fake_allow("endpoint=\"here\" " KEY_ED2 " other\n");
	revoke_refused(&fake_view, fake_view.allowlist, "reload", text, sizeof(text));
	fake_wait_end(&f);
	cr_expect(fake_logged(", 192.0.2.77:") == 2, "%s", fake_log);
	cr_expect(fake_logged("refused: the key is not in the allow list") == 1, "%s", fake_log);
	cr_expect(fake_logged("session process broke the protocol") == 1, "%s", fake_log);
	cr_expect(fake_logged("listed: told to end: the key was taken off the allow list") == 1,
		  "%s", fake_log);
	fake_leave(&bad);
	fake_leave(&f);
}

/* Who waits for approval and asks again and again has his lines counted, too. */
Test(conn_limits, pending_again)
{
	fake_settings.pending_until = time(NULL) + 1000;
	cr_assert_null(cidr_parse("192.0.2.0/24", &fake_settings.pending_from));
	for (int i = 0; i < 3 * RATELIMIT_LINES; i++) {
		struct fake f;
		struct message m;

		fake_start(&f);
		cr_expect_eq(fake_authorize(&f, UNLISTED, &m), MESSAGE_DENY);
		fake_leave(&f);
	}
	cr_expect_eq(fake_logged("waits for approval"), RATELIMIT_LINES);
	cidr_free(&fake_settings.pending_from);
}

/* ---- what an end means for the source ---- */

enum how {
	LEFT,
	ASKED,
	TURNED_AWAY,
	LOGGED_IN,
	BROKE,
	CRASHED,
	HUNG,
	COSTLY,
	COSTLY_LOGIN,
	FOR_OTHERS,
	FOR_ITS_OWN
};

static void come_and_go(enum how how, const char *from)
{
	struct fake f;
	struct message m;

	fake_start_from(&f, from);
	switch (how) {
	case LEFT:
		break;
	case ASKED: /* for a key, as after a key exchange */
		fake_make_probe(&m, LISTED);
		fake_say(&f, &m);
		cr_assert_eq(fake_hear(&f, &m), MESSAGE_KNOWN);
		break;
	case TURNED_AWAY:
		cr_assert_eq(fake_authorize(&f, UNLISTED, &m), MESSAGE_DENY);
		break;
	case LOGGED_IN:
		cr_assert_eq(fake_authorize(&f, LISTED, &m), MESSAGE_GRANT);
		break;
	case BROKE:
		m.head = (struct message_head){MESSAGE_SPAWN, 0};
		fake_say(&f, &m);
		break;
	case CRASHED:
		conn_exited(f.c, SIGSEGV, 0);
		break;
	case COSTLY:
		conn_exited(f.c, 0, 2100 * 1000);
		break;
	case COSTLY_LOGIN:
		cr_assert_eq(fake_authorize(&f, LISTED, &m), MESSAGE_GRANT);
		conn_exited(f.c, 0, 2100 * 1000);
		break;
	case HUNG:
		conn_exited(f.c, 70 << 8, 0);
		break;
	case FOR_OTHERS:
		conn_give_way(f.c, LIMIT_MAX_UNAUTHENTICATED);
		break;
	case FOR_ITS_OWN:
		conn_give_way(f.c, LIMIT_MAX_PER_SOURCE);
		break;
	}
	fake_leave(&f);
}

Test(conn_limits, penalties)
{
	static const struct {
		enum how how;
		int times;
		bool punished;
	} table[] = {
	    {LEFT, 100, false},	       {ASKED, 12, false},	 {ASKED, 30, true},
	    {TURNED_AWAY, 2, false},   {TURNED_AWAY, 5, true},	 {LOGGED_IN, 50, false},
	    {BROKE, 1, true},	       {CRASHED, 1, true},	 {HUNG, 1, true},
	    {FOR_OTHERS, 50, false},   {FOR_ITS_OWN, 50, false}, {COSTLY, 1, true},
	    {COSTLY_LOGIN, 20, false},
	};
	struct unauth *instead;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct fake there[3];
		char from[32];

		snprintf(from, sizeof(from), "192.0.2.%zu:1", i + 1);
		for (int k = 0; k < table[i].times; k++)
			come_and_go(table[i].how, from);
		for (size_t k = 0; k < 3; k++) {
			struct unauth *g;

			fake_start_from(&there[k], from);
			g = &there[k].c->unauth;
			cr_expect_eq(
			    admission_start(fake_view.admission, g, (time_t)seconds(), &instead),
			    !table[i].punished || k < (table[i].how == COSTLY ? 0 : 2), "%zu, %zu",
			    i, k);
		}
		for (size_t k = 0; k < 3; k++)
			fake_leave(&there[k]);
	}
}

Test(conn_limits, gives_way)
{
	struct fake f;
	struct message m;

	fake_start(&f);
	cr_assert_eq(fake_authorize(&f, UNLISTED, &m), MESSAGE_DENY);
	conn_give_way(f.c, LIMIT_MAX_UNAUTHENTICATED);
	cr_expect_eq(f.closed, 1, "there is room at once");
	cr_expect_eq(fake_hear(&f, &m), 0);
	cr_expect_eq(fake_view.limit_hits[LIMIT_MAX_UNAUTHENTICATED], 1);
	cr_expect(fake_logged("ended before its login for another connection"));
	close(f.sock);
}
