// SPDX-License-Identifier: BSD-2-Clause
/* replace-old, revocation, ends and dials under way: what may change while somebody waits. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <sys/wait.h>

#include "fake_session.h"
#include "loop.h"

#define LIMITED	 "max-sessions=1,replace-old,endpoint=\"here\" " KEY_ED " blade\n"
#define PLAIN	 "endpoint=\"here\" " KEY_ED " blade\n"
#define STRANGER "endpoint=\"here\" " KEY_ED2 " stranger\n"

static int listener;

static void set_up(void)
{
	listener = fake_set_up(0);
	fake_allow(LIMITED STRANGER);
}

static void tear_down(void)
{
	fake_tear_down(listener);
}

TestSuite(conn_replace, .init = set_up, .fini = tear_down, .timeout = 60);

/* The one that is logged in, and another that waits for it. */
static void start_wait(struct fake *old, struct fake *new)
{
	struct message m;

	fake_log_in(old, BLOB_ED);
	fake_start(new);
	fake_make_authorize(&m, BLOB_ED);
	fake_say(new, &m);
	cr_assert_eq(fake_heard(new, &m), 0);
	cr_assert_eq(fake_heard(old, &m), MESSAGE_CHECK);
}

static void say_alive(struct fake *f)
{
	struct message m;

	m.head = (struct message_head){MESSAGE_ALIVE, 0};
	fake_say(f, &m);
	fake_poll();
}

/* As the monitor does it after a reload. */
static void reload(const char *lines)
{
	char summary[1024];

	fake_allow(lines);
	revoke_refused(&fake_view, fake_view.allowlist, "reload", summary, sizeof(summary));
}

Test(conn_replace, silent_one_makes_room)
{
	struct fake old, new;
	struct message m;

	start_wait(&old, &new);
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_GRANT);
	cr_expect_eq(fake_heard(&old, &m), MESSAGE_END);
	cr_expect_eq(admission_unauth(fake_view.admission), 0);
	fake_wait_end(&old);
	fake_leave(&old);
	fake_leave(&new);
}

Test(conn_replace, living_one_stays)
{
	struct fake old, new;
	struct message m;

	start_wait(&old, &new);
	say_alive(&old);
	cr_expect_eq(fake_heard(&new, &m), MESSAGE_DENY, "it waits, although all have answered");
	cr_expect_eq(fake_heard(&old, &m), 0);
	/* A second try is a new question: the answer to the first does not count. */
	fake_make_authorize(&m, BLOB_ED);
	fake_say(&new, &m);
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_GRANT);
	cr_expect_eq(fake_heard(&old, &m), MESSAGE_CHECK);
	cr_expect_eq(fake_heard(&old, &m), MESSAGE_END);
	fake_leave(&old);
	fake_leave(&new);
}

Test(conn_replace, unasked_alive)
{
	struct fake f;

	fake_log_in(&f, BLOB_ED);
	say_alive(&f);
	cr_expect(f.closed);
	fake_leave(&f);
}

/* Nothing but an end may be said while the answer is awaited. */
Test(conn_replace, lies_while_waiting)
{
	for (int i = 0; i < 3; i++) {
		struct fake old, new;
		struct message m;

		start_wait(&old, &new);
		if (i == 0)
			fake_make_authorize(&m, BLOB_ED);
		else if (i == 1)
			fake_make_probe(&m, BLOB_ED);
		else
			fake_make_open(&m, 0x10001, "here");
		fake_say(&new, &m);
		fake_poll();
		cr_expect(new.closed, "lie %d", i);
		cr_expect_eq(admission_unauth(fake_view.admission), 0);
		fake_leave(&new);
		fake_leave(&old);
	}
}

Test(conn_replace, waiting_one_dies)
{
	struct fake old, new, third;
	struct message m;

	start_wait(&old, &new);
	fake_start(&third); /* one may wait for each place */
	cr_expect_eq(fake_authorize(&third, BLOB_ED, &m), MESSAGE_DENY);
	fake_leave(&new);
	fake_make_authorize(&m, BLOB_ED);
	fake_say(&third, &m);
	cr_expect_eq(fake_heard(&third, &m), 0, "the place of the dead one is not free");
	cr_expect_eq(fake_heard(&old, &m), MESSAGE_CHECK);
	fake_leave(&old);
	fake_leave(&third);
}

/* The place that it waits for is not given to who comes later. */
Test(conn_replace, waiting_one_counts)
{
	struct fake old, new, third;
	struct message m;

	start_wait(&old, &new);
	reload("max-sessions=2,replace-old," PLAIN);
	fake_start(&third);
	cr_expect_eq(fake_authorize(&third, BLOB_ED, &m), MESSAGE_DENY);
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_GRANT);
	fake_leave(&old);
	fake_leave(&new);
	fake_leave(&third);
}

Test(conn_replace, old_one_ends_meanwhile)
{
	struct fake old, new;
	struct message m;

	start_wait(&old, &new);
	fake_leave(&old);
	cr_expect_eq(fake_heard(&new, &m), MESSAGE_GRANT, "it waits, although there is room");
	cr_expect_eq(fake_open(&new, 0x10001, "here"), MESSAGE_OPENED);
	fake_leave(&new);
}

/* One answer of two is not the end of the wait: the other one has its three seconds. */
Test(conn_replace, each_is_waited_for)
{
	struct fake lively, silent, new;
	struct message m;

	reload("max-sessions=2,replace-old,name=\"limited\",endpoint=\"here\" " KEY_ED
	       "\n" STRANGER);
	fake_log_in(&silent, BLOB_ED);
	start_wait(&lively, &new);
	cr_expect_eq(fake_heard(&silent, &m), MESSAGE_CHECK);
	say_alive(&lively);
	cr_expect_eq(fake_heard(&new, &m), 0, "the silent one had no time");
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_GRANT);
	cr_expect_eq(fake_heard(&silent, &m), MESSAGE_END);
	cr_expect_eq(fake_heard(&lively, &m), 0);
	fake_leave(&silent);
	fake_leave(&lively);
	fake_leave(&new);
}

/* Who was told to end, and is not gone, is one of the key's sessions: a login waits for it, asks
 * nobody whether he lives, and is refused where it does not go. */
Test(conn_replace, ending_one_counts)
{
	for (int goes = 0; goes < 2; goes++) {
		struct fake old, new;
		struct message m;

		reload("max-sessions=1," PLAIN);
		fake_log_in(&old, BLOB_ED);
		conn_handed_over(old.c);
		revoke_end(old.c, "enough");
		cr_expect_eq(fake_heard(&old, &m), MESSAGE_END);
		fake_start(&new);
		fake_make_authorize(&m, BLOB_ED);
		fake_say(&new, &m);
		cr_expect_eq(fake_heard(&new, &m), 0, "its place was given away");
		close(old.sock);
		cr_expect_eq(fake_heard(&new, &m), 0, "its process may live");
		if (goes)
			conn_exited(old.c, 0, 0);
		cr_expect_eq(fake_hear(&new, &m), goes ? MESSAGE_GRANT : MESSAGE_DENY);
		if (!goes)
			conn_exited(old.c, 0, 0);
		cr_expect_eq(old.closed, 1);
		fake_leave(&new);
	}
}

/* The one that is replaced has its half second to go, and the login waits for that. */
Test(conn_replace, replaced_one_goes_first)
{
	struct fake old, new;
	struct message m;

	start_wait(&old, &new);
	conn_handed_over(old.c);
	while (!fake_killed)
		cr_assert_eq(event_base_loop(fake_view.base, EVLOOP_ONCE), 0);
	cr_expect_eq(fake_heard(&new, &m), 0, "granted beside the one that it replaces");
	conn_exited(old.c, SIGKILL, 0);
	cr_expect_eq(fake_heard(&new, &m), MESSAGE_GRANT);
	close(old.sock);
	fake_leave(&new);
}

/* Everybody may be gone when the list that named them is. */
Test(conn_replace, all_end_meanwhile)
{
	struct fake old, new;

	start_wait(&old, &new);
	reload(STRANGER);
	fake_leave(&old);
	fake_leave(&new);
	cr_expect(LIST_EMPTY(&fake_view.uses));
}

/* The list that is in force at the end of the wait decides. */
static const struct {
	const char *what, *lines;
	uint32_t answer;
	bool old_stays;
} changes[] = {
    {"key removed", STRANGER, MESSAGE_DENY, false},
    {"source no longer allowed", "from=\"198.51.100.0/24\"," LIMITED, MESSAGE_DENY, false},
    {"expired", "expiry-time=\"20200101Z\"," LIMITED, MESSAGE_DENY, false},
    {"no limit any more", PLAIN, MESSAGE_GRANT, true},
    {"room for two", "max-sessions=2,replace-old," PLAIN, MESSAGE_GRANT, true},
    {"nobody is replaced any more", "max-sessions=1," PLAIN, MESSAGE_DENY, true},
    {"another endpoint", "max-sessions=1,endpoint=\"away\" " KEY_ED "\n", MESSAGE_GRANT, false},
};
static size_t change_numbers[sizeof(changes) / sizeof(changes[0])];

ParameterizedTestParameters(conn_replace, list_changes_meanwhile)
{
	const size_t n = sizeof(changes) / sizeof(changes[0]);

	for (size_t i = 0; i < n; i++)
		change_numbers[i] = i;
	return cr_make_param_array(size_t, change_numbers, n);
}

ParameterizedTest(const size_t *number, conn_replace, list_changes_meanwhile)
{
	const char *what = changes[*number].what;
	struct fake old, new;
	struct message m;

	start_wait(&old, &new);
	reload(changes[*number].lines);
	cr_expect_eq(fake_hear(&new, &m), changes[*number].answer, "%s: the answer is %d", what,
		     m.head.type);
	fake_heard(&old, &m);
	cr_expect_eq(!old.closed && old.c->state == CONN_UP, changes[*number].old_stays,
		     "%s: the older session", what);
	fake_leave(&old);
	fake_leave(&new);
}

/* Who is told to end, for whatever reason, is granted nothing afterwards and is killed in time. */
Test(conn_replace, login_grace_ends_the_wait)
{
	struct fake old, new;
	struct message m;

	fake_settings.login_grace = 3;
	start_wait(&old, &new);
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_END);
	cr_expect_eq(fake_hear(&new, &m), 0, "told to end, then granted");
	cr_expect(new.closed, "told to end, but not killed");
	cr_expect_eq(fake_logins, 1);
	cr_expect(old.c->state == CONN_UP, "replaced for a login that failed");
	fake_leave(&old);
	if (!new.closed)
		conn_kill(new.c);
	close(new.sock);
}

Test(conn_replace, many_rounds)
{
	struct fake old, new;
	struct message m;

	start_wait(&old, &new);
	for (int i = 0; i < 3; i++) { /* a leak checker sees what each leaves behind */
		say_alive(&old);
		cr_expect_eq(fake_hear(&new, &m), MESSAGE_DENY);
		fake_make_authorize(&m, BLOB_ED);
		fake_say(&new, &m);
		cr_expect_eq(fake_heard(&old, &m), MESSAGE_CHECK);
	}
	fake_leave(&old);
	fake_leave(&new);
}

/* ---- ends ---- */

/* What does not go when told is killed, with its process. */
Test(conn_replace, told_to_end)
{
	const pid_t pid = fork();
	struct fake f;
	struct message m;
	int status = 0;

	cr_assert_geq(pid, 0);
	if (pid == 0)
		for (;;)
			pause();
	fake_log_in(&f, BLOB_ED);
	conn_handed_over(f.c);
	conn_spawned(f.c, pid);
	revoke_end(f.c, "enough");
	revoke_end(f.c, "twice");
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_END);
	cr_expect_eq(fake_open(&f, 0x10001, "here"), 0, "an ending session got an answer");
	cr_assert_eq(fake_killed, f.c->id);
	while (fake_orders < 2) /* the first one was not taken */
		cr_assert_eq(event_base_loop(fake_view.base, EVLOOP_ONCE), 0);
	cr_expect_not(f.closed, "its process is not gone yet");
	cr_expect_eq(fake_view.n_sessions, 1);
	cr_expect_eq(fake_logged("ended after"), 0, "it is called ended: %s", fake_log);
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	conn_exited(f.c, status, 0);
	cr_expect_eq(fake_logged("ended after"), 1);
	cr_expect_eq(fake_view.n_sessions, 0);
	cr_expect_eq(f.closed, 1);
	close(f.sock);
}

Test(conn_replace, login_grace)
{
	struct fake f;
	struct message m;

	fake_settings.login_grace = 1;
	fake_start(&f);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_END);
	cr_expect_eq(fake_hear(&f, &m), 0);
	cr_expect(f.closed);
	close(f.sock);
}

/* ---- revocation ---- */

Test(conn_replace, revoked_opens_nothing_more)
{
	struct fake f, stranger;
	struct message m;

	fake_log_in(&f, BLOB_ED);
	fake_log_in(&stranger, BLOB_ED2);
	cr_expect_eq(fake_open(&f, 0x10001, "here"), MESSAGE_OPENED);
	reload(STRANGER);
	cr_expect_eq(fake_heard(&f, &m), MESSAGE_END);
	for (uint32_t i = 2; i < CHANNELS; i++) {
		fake_make_open(&m, 0x10000 | i, "here");
		fake_say(&f, &m);
	}
	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m); /* what is over may be said */
	cr_expect_eq(fake_heard(&f, &m), 0);
	cr_expect_eq(fake_logged("channel 1 closed"), 1);
	cr_expect_eq(fake_logged("channel 1 to endpoint"), 1);
	fake_wait_end(&f);
	fake_leave(&f);
	cr_expect(stranger.c->state == CONN_UP, "a stranger's session was ended");
	fake_leave(&stranger);
}

/* The line chooses who dials, at the login; a line that comes to choose another ends the session,
 * whose channels would go on as what they were. */
Test(conn_replace, connect_as_of_another_line)
{
	struct fake f, g, stranger;
	struct message m;

	fake_log_in(&f, BLOB_ED);
	fake_log_in(&stranger, BLOB_ED2);
	cr_expect_eq(fake_open(&f, 0x10001, "here"), MESSAGE_OPENED);
	close(accept(listener, NULL, NULL));
	reload("endpoint=\"here\",connect-as=\"ann\" " KEY_ED " listed\n" STRANGER);
	cr_assert_eq(fake_heard(&f, &m), MESSAGE_END);
	cr_expect_str_eq(m.end.reason, "the key's endpoint or connect-as was changed");
	fake_wait_end(&f);
	fake_leave(&f);
	cr_expect(stranger.c->state == CONN_UP, "a stranger's session was ended");
	fake_log_in(&g, BLOB_ED);
	cr_expect_eq(fake_open(&g, 0x10001, "here"), MESSAGE_REFUSED, "not dialled as ann");
	cr_expect_eq(fake_open(&stranger, 0x10001, "here"), MESSAGE_OPENED);
	fake_leave(&g);
	fake_leave(&stranger);
}

/* ---- dials under way ---- */

static int connect_here(void)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&fake_settings.endpoints[0].address.sa,
			     fake_settings.endpoints[0].address.len),
		     0);
	return fd;
}

static void make_room(void)
{
	const int fd = accept(listener, NULL, NULL);

	cr_assert_geq(fd, 0);
	close(fd);
}

/* A channel that was accepted while its dial is not over. */
static int start_dial(struct fake *f)
{
	const int filler = connect_here();

	fake_log_in(f, BLOB_ED);
	cr_assert_eq(fake_open(f, 0x10001, "here"), MESSAGE_PENDING);
	return filler;
}

Test(conn_replace, pending_then_opened)
{
	struct fake f;
	struct message m;
	const int filler = start_dial(&f);

	make_room();
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_OPENED);
	cr_expect_eq(m.head.id, 0x10001);
	cr_expect_geq(m.fds[0], 0);
	message_close_fds(&m);
	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m);
	cr_expect_eq(fake_open(&f, 0x20001, ".status"), MESSAGE_OPENED, "the slot is not free");
	make_room();
	close(filler);
	fake_leave(&f);
}

Test(conn_replace, closed_while_dialling)
{
	struct fake f;
	struct message m;
	const int filler = start_dial(&f);

	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m);
	fake_poll();
	make_room();
	cr_expect_eq(fake_open(&f, 0x20001, "here"), MESSAGE_OPENED);
	cr_expect_eq(fake_heard(&f, &m), 0, "an answer to a channel that is gone");
	make_room();
	close(filler);
	fake_leave(&f);
}

Test(conn_replace, closed_before_any_answer)
{
	const int filler = connect_here();
	struct fake f;
	struct message m;

	fake_log_in(&f, BLOB_ED);
	fake_make_open(&m, 0x10001, "here");
	fake_say(&f, &m);
	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m);
	fake_poll();
	cr_expect(f.closed);
	fake_leave(&f);
	make_room();
	close(filler);
}

Test(conn_replace, gone_while_dialling)
{
	struct fake f;
	const int filler = start_dial(&f);

	fake_leave(&f);
	make_room();
	fake_poll();
	cr_expect_lt(accept(listener, NULL, NULL), 0, "it was dialled for nobody");
	close(filler);
}

/* The daemon sees no connection of a key that is revoked already. */
Test(conn_replace, revoked_while_dialling)
{
	struct fake f;
	struct message m;
	const int filler = start_dial(&f);
	int fd;

	reload(STRANGER);
	make_room();
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_END);
	cr_expect_eq(fake_hear(&f, &m), 0, "a revoked session was given a socket");
	message_close_fds(&m);
	fake_wait_end(&f);
	fake_leave(&f);
	fd = accept(listener, NULL, NULL);
	cr_expect_lt(fd, 0, "the endpoint was dialled for a revoked key");
	if (fd >= 0)
		close(fd);
	close(filler);
}

/* Its time is that of its line, else of the server, in whichever list is in force. */
Test(conn_replace, lifetime)
{
	const time_t now = loop_wall();
	struct fake f;
	struct message m;

	fake_log_in(&f, BLOB_ED);
	cr_expect_eq(revoke_next_change(&fake_view, now), 0);
	fake_settings.max_lifetime = 1000;
	f.c->activity.login = loop_seconds() - 900;
	cr_expect_leq(labs(revoke_next_change(&fake_view, now) - now - 100), 2);
	reload("max-lifetime=2000,expiry-time=\"20990101\"," PLAIN);
	cr_expect_leq(labs(revoke_next_change(&fake_view, now) - now - 1100), 2);
	cr_expect_eq(fake_heard(&f, &m), 0, "an end before its time");
	reload("max-lifetime=800," PLAIN);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_END);
	cr_expect_str_eq(m.end.reason, "the session has lasted as long as it may (max-lifetime)");
	fake_settings.max_lifetime = 0;
	fake_leave(&f);
}

static void expect_idle(struct fake *f, uint32_t session, uint32_t channel)
{
	struct message m;

	cr_assert_eq(fake_heard(f, &m), MESSAGE_IDLE);
	cr_expect_eq(m.idle.session, session);
	cr_expect_eq(m.idle.channel, channel);
}

/* A session is told what its line and its endpoint say, and again only what has changed. */
Test(conn_replace, idle)
{
	struct fake f;
	struct message m;

	fake_settings.endpoints[0].idle_timeout = 30;
	fake_log_in(&f, BLOB_ED);
	expect_idle(&f, 0, 30);
	reload("idle-timeout=60," PLAIN);
	expect_idle(&f, 60, 30);
	reload("idle-timeout=60,max-channels=9," PLAIN);
	cr_expect_eq(fake_heard(&f, &m), 0);
	reload(PLAIN);
	expect_idle(&f, 0, 30);
	fake_settings.endpoints[0].idle_timeout = 0;
	fake_leave(&f);
}

static void end_last(struct conn *c)
{
	revoke_end(c, "that was the last");
}

/* The server stops: no new channel, and a dial under way may end; there the session has its end. */
Test(conn_replace, stopping_while_dialling)
{
	struct fake f;
	struct message m;
	const int filler = start_dial(&f);

	fake_view.stopping = true;
	fake_view.last_closed = end_last;
	cr_expect_eq(fake_open(&f, 0x10002, "here"), MESSAGE_REFUSED);
	cr_expect_eq(f.c->opens.last_refusal.verdict, POLICY_STOPPING);
	cr_expect_eq(fake_open(&f, 0x10003, ".status"), MESSAGE_OPENED, "why is always told");
	fake_make_closed(&m, 0x10003);
	fake_say(&f, &m);
	cr_expect_eq(fake_heard(&f, &m), 0, "the end, with a dial under way");
	unlink(fake_path);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_REFUSED);
	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_END);
	cr_expect_str_eq(m.end.reason, "that was the last");
	fake_leave(&f);
	fake_view.stopping = false;
	close(filler);
}

Test(conn_replace, reloaded_while_dialling)
{
	struct fake f;
	struct message m;
	const int filler = start_dial(&f);

	reload(PLAIN); /* and the list that granted it may be freed */
	make_room();
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_OPENED);
	message_close_fds(&m);
	make_room();
	close(filler);
	fake_leave(&f);
}
