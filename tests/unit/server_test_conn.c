// SPDX-License-Identifier: BSD-2-Clause
/* A session process that lies: what it says in which state, and that only it pays for it. */
#include "fake_session.h"

#define LISTED	 BLOB_ED
#define UNLISTED BLOB_P384

static int listener;
static struct fake bystander; /* another key's session, which notices nothing */

static void set_up(void)
{
	listener = fake_set_up(8);
	fake_allow("endpoint=\"here\" " KEY_ED " listed\n"
		   "endpoint=\"here\" " KEY_ED2 " bystander\n"
		   "endpoint=\"away\" " KEY_P256 " away\n"
		   "endpoint=\"here\",max-sessions=2,max-channels=3 " KEY_P521 " limited\n");
	fake_log_in(&bystander, BLOB_ED2);
}

static void tear_down(void)
{
	fake_tear_down(listener);
}

TestSuite(conn, .init = set_up, .fini = tear_down, .timeout = 60);

static void accept_all(void)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0)
		close(fd);
}

/* Nobody but the bystander is left, and it can do what it could. */
static void check_alone(const char *what)
{
	struct message m;

	cr_expect_eq(fake_view.n_sessions, 1, "%s: %zu sessions", what, fake_view.n_sessions);
	cr_expect_eq(admission_unauth(fake_view.admission), 0, "%s: %zu unauthenticated", what,
		     admission_unauth(fake_view.admission));
	cr_expect_eq(fake_open(&bystander, 0x10001, "."), MESSAGE_OPENED, "%s", what);
	fake_make_closed(&m, 0x10001);
	fake_say(&bystander, &m);
	cr_expect_eq(fake_heard(&bystander, &m), 0, "%s", what);
	accept_all();
}

/* ---- every message in every state ---- */

enum { NEW, DENIED, LOGGED_IN, OPENED, REFUSED, ENDING, STATES };
enum { KILLED = -1, NOTHING = 0 };

static const char *const state_names[STATES] = {"new",	"denied",  "logged in",
						"open", "refused", "ending"};

static void bring_to(struct fake *f, int state)
{
	struct message m;

	if (state <= DENIED)
		fake_start(f);
	else
		fake_log_in(f, LISTED);
	if (state == DENIED)
		cr_assert_eq(fake_authorize(f, UNLISTED, &m), MESSAGE_DENY);
	if (state == OPENED)
		cr_assert_eq(fake_open(f, 0x70002, "here"), MESSAGE_OPENED);
	if (state == REFUSED)
		cr_assert_eq(fake_open(f, 0x70002, "elsewhere"), MESSAGE_REFUSED);
	if (state != ENDING)
		return;
	revoke_end(f->c, "enough");
	cr_assert_eq(fake_heard(f, &m), MESSAGE_END);
}

static void make(struct message *m, uint32_t type)
{
	switch (type) {
	case MESSAGE_PROBE:
		fake_make_probe(m, LISTED);
		return;
	case MESSAGE_AUTHORIZE:
		fake_make_authorize(m, LISTED);
		return;
	case MESSAGE_OPEN:
		fake_make_open(m, 0x70002, "here");
		return;
	case MESSAGE_CLOSED:
		fake_make_closed(m, 0x70002);
		return;
	case MESSAGE_NOTE:
		fake_make_note(m, "hello");
		return;
	case MESSAGE_REFUSE:
		m->refuse = (struct message_refuse){
		    {MESSAGE_REFUSE, 0}, POLICY_GLOBAL_REQUEST, "tcpip-forward"};
		return;
	case MESSAGE_ATTEMPT:
		fake_make_attempt(m, SESSION_BAD_SIGNATURE);
		return;
	case MESSAGE_LEFT:
		fake_make_left(m, SESSION_HTTP, "GET /\x1b");
		return;
	case MESSAGE_STATS:
		m->stats = (struct message_stats){{MESSAGE_STATS, 0}, UINT64_MAX, 1};
		return;
	default:
		m->head = (struct message_head){type, 0};
	}
}

/* All others kill in every state but ENDING, where they are passed over. */
static const struct {
	int type, answer[STATES];
} table[] = {
    {MESSAGE_PROBE, {MESSAGE_KNOWN, MESSAGE_KNOWN, KILLED, KILLED, KILLED, NOTHING}},
    {MESSAGE_AUTHORIZE, {MESSAGE_GRANT, MESSAGE_GRANT, KILLED, KILLED, KILLED, NOTHING}},
    {MESSAGE_LEFT, {NOTHING, NOTHING, KILLED, KILLED, KILLED, KILLED}},
    {MESSAGE_ATTEMPT, {NOTHING, NOTHING, KILLED, KILLED, KILLED, NOTHING}},
    {MESSAGE_OPEN, {KILLED, KILLED, MESSAGE_OPENED, KILLED, MESSAGE_OPENED, NOTHING}},
    {MESSAGE_CLOSED, {KILLED, KILLED, KILLED, NOTHING, KILLED, KILLED}},
    {MESSAGE_NOTE, {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING}},
    {MESSAGE_REFUSE, {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING}},
    {MESSAGE_STATS, {KILLED, KILLED, NOTHING, NOTHING, NOTHING, NOTHING}},
};

static int expected(int type, int state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].type == type)
			return table[i].answer[state];
	return state == ENDING ? NOTHING : KILLED;
}

Test(conn, every_message_in_every_state)
{
	for (int type = 0; type < 40; type++)
		for (int state = 0; state < STATES; state++) {
			const int want = expected(type, state);
			struct fake f;
			struct message m;
			char what[64];
			int got;

			snprintf(what, sizeof(what), "message %d, %s", type, state_names[state]);
			bring_to(&f, state);
			make(&m, type);
			fake_say(&f, &m);
			got = (int)fake_heard(&f, &m);
			message_close_fds(&m);
			if (f.closed) {
				cr_expect_eq(got, 0, "%s: an answer before the end", what);
				got = KILLED;
				close(f.sock);
			}
			cr_expect_eq(got, want, "%s: %d", what, got);
			if (!f.closed)
				fake_leave(&f);
			accept_all();
			check_alone(what);
		}
	fake_leave(&bystander);
}

/* ---- lies ---- */

static void cut(struct fake *f, uint32_t type)
{
	struct message m;

	make(&m, type);
	fake_say_raw(f, &m, message_size(&m) - 1, -1);
}

static void pad(struct fake *f, uint32_t type)
{
	struct message m = {.fds = {0, 0}};

	make(&m, type);
	fake_say_raw(f, &m, message_size(&m) + 4, -1);
}

static void attach(struct fake *f, uint32_t type)
{
	struct message m;

	make(&m, type);
	fake_say_raw(f, &m, message_size(&m), STDIN_FILENO);
}

Test(conn, malformed_messages)
{
	static const uint32_t spoken[] = {MESSAGE_PROBE,  MESSAGE_AUTHORIZE, MESSAGE_OPEN,
					  MESSAGE_CLOSED, MESSAGE_NOTE,	     MESSAGE_REFUSE,
					  MESSAGE_STATS,  MESSAGE_ALIVE};
	static void (*const lies[])(struct fake *, uint32_t) = {cut, pad, attach};
	static const char *const names[] = {"cut", "padded", "with a descriptor"};

	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++)
		for (size_t l = 0; l < 3; l++)
			for (int state = NEW; state <= OPENED; state++) {
				struct fake f;
				char what[64];

				snprintf(what, sizeof(what), "message %d %s, %s", spoken[i],
					 names[l], state_names[state]);
				bring_to(&f, state);
				lies[l](&f, spoken[i]);
				fake_poll();
				cr_expect(f.closed, "%s: not ended", what);
				fake_leave(&f);
				accept_all();
				check_alone(what);
			}
	fake_leave(&bystander);
}

/* Lengths that are too large, texts without an end, channel types that do not exist. */
Test(conn, numbers_that_lie)
{
#define AT(type, member)                                                                           \
	offsetof(struct message_##type, member), sizeof(((struct message_##type *)0)->member)
	static const struct {
		uint32_t type;
		size_t at, size; /* of a member */
		size_t value;	 /* which becomes this; of an array, all of it */
	} lies[] = {
	    {MESSAGE_PROBE, AT(probe, key_len), SIZE_MAX},
	    {MESSAGE_PROBE, AT(probe, key_len), KEYLINE_BLOB_MAX + 1},
	    {MESSAGE_PROBE, AT(probe, user), 'u'},
	    {MESSAGE_AUTHORIZE, AT(authorize, key_len), 0x7fffffff},
	    {MESSAGE_AUTHORIZE, AT(authorize, signature.len), SIGNATURE_MAX + 1},
	    {MESSAGE_AUTHORIZE, AT(authorize, version), 'v'},
	    {MESSAGE_ATTEMPT, AT(attempt, key_len), KEYLINE_BLOB_MAX + 1},
	    {MESSAGE_ATTEMPT, AT(attempt, fault), SESSION_LOGIN_FAULTS},
	    {MESSAGE_LEFT, AT(left, reached), SESSION_REACHED},
	    {MESSAGE_LEFT, AT(left, first_len), 65},
	    {MESSAGE_OPEN, AT(open, host), 'h'},
	    {MESSAGE_OPEN, AT(open, origin), 'o'},
	    {MESSAGE_OPEN, AT(open, action), POLICY_LOGIN},
	    {MESSAGE_OPEN, AT(open, action), POLICY_GLOBAL_REQUEST + 1},
	    {MESSAGE_OPEN, AT(open, action), UINT32_MAX},
	    {MESSAGE_OPEN, AT(open, head.id), 1 << 16 | CHANNELS}, /* the slot of .status */
	    {MESSAGE_OPEN, AT(open, head.id), 1 << 16 | (CHANNELS + 1)},
	    {MESSAGE_NOTE, AT(note, text), 't'},
	    {MESSAGE_REFUSE, AT(refuse, what), 'w'},
	};
	static char big[sizeof(struct message) + 1] = {MESSAGE_NOTE};
	struct fake f;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct message m;
		size_t n;

		bring_to(&f, lies[i].type == MESSAGE_OPEN ? LOGGED_IN : NEW);
		make(&m, lies[i].type);
		n = message_size(&m);
		if (lies[i].size > sizeof(size_t)) {
			memset((uint8_t *)&m + lies[i].at, (int)lies[i].value, lies[i].size);
			if (n < lies[i].at + lies[i].size)
				n = lies[i].at + lies[i].size;
		} else {
			memcpy((uint8_t *)&m + lies[i].at, &lies[i].value, lies[i].size);
		}
		fake_say_raw(&f, &m, n, -1);
		fake_poll();
		cr_expect(f.closed, "lie %zu: not ended", i);
		fake_leave(&f);
	}
	for (int i = 0; i < 2; i++) { /* larger than any message; empty */
		bring_to(&f, LOGGED_IN);
		cr_assert_geq(send(f.sock, big, i == 0 ? sizeof(big) : 0, 0), 0);
		fake_poll();
		cr_expect(f.closed, "%s: not ended", i == 0 ? "too large" : "empty");
		fake_leave(&f);
	}
	check_alone("numbers");
	fake_leave(&bystander);
}

Test(conn, ids_that_lie)
{
	static const struct {
		const char *what;
		int closed;
		uint32_t id;
	} lies[] = {
	    {"open: 0", 0, 0},
	    {"open: slot beyond the last", 0, 0x10000 | CHANNELS},
	    {"open: slot far beyond", 0, UINT32_MAX},
	    {"open: twice", 0, 0x70002},
	    {"open: the slot of another generation", 0, 0x80002},
	    {"close: 0", 1, 0},
	    {"close: another slot", 1, 0x70003},
	    {"close: another generation", 1, 0x80002},
	    {"close: slot beyond the last", 1, 0x70000 | CHANNELS},
	    {"close: slot far beyond", 1, UINT32_MAX},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct fake f;
		struct message m;

		bring_to(&f, OPENED);
		if (lies[i].closed)
			fake_make_closed(&m, lies[i].id);
		else
			fake_make_open(&m, lies[i].id, "here");
		fake_say(&f, &m);
		fake_poll();
		cr_expect(f.closed, "%s: not ended", lies[i].what);
		fake_leave(&f);
		accept_all();
		check_alone(lies[i].what);
	}
	fake_leave(&bystander);
}

Test(conn, closed_twice)
{
	struct fake f;
	struct message m;

	bring_to(&f, OPENED);
	fake_make_closed(&m, 0x70002);
	fake_say(&f, &m);
	cr_expect_eq(fake_heard(&f, &m), NOTHING);
	fake_make_closed(&m, 0x70002);
	fake_say(&f, &m);
	fake_poll();
	cr_expect(f.closed);
	cr_expect_eq(fake_logged("channel 7 closed"), 1);
	fake_leave(&f);
	check_alone("closed twice");
	fake_leave(&bystander);
}

/* A channel that is never closed stays counted, and no session gets more than it may. */
Test(conn, closes_that_are_never_sent)
{
	struct fake f;

	fake_log_in(&f, LISTED);
	for (uint32_t i = 0; i < CHANNELS; i++) {
		cr_expect_eq(fake_open(&f, 0x10000 | i, "here"), MESSAGE_OPENED);
		accept_all();
	}
	fake_open(&f, 0x20000, "here");
	cr_expect(f.closed, "a slot was taken twice");
	fake_leave(&f);
	accept_all();
	check_alone("never closed");
	fake_leave(&bystander);
}

/* ---- limits ---- */

Test(conn, ten_thousand_notes)
{
	struct fake f;
	struct message m;

	fake_start(&f);
	fake_log_lines = 0;
	for (int i = 0; i < 10000; i++) {
		fake_make_note(&m, "\x1b[2J\nforged \"line\"");
		fake_say(&f, &m);
	}
	cr_expect_eq(fake_heard(&f, &m), NOTHING);
	cr_expect_not(f.closed);
	cr_expect_eq(fake_log_lines, 5, "%zu lines", fake_log_lines);
	cr_expect(strstr(fake_log, "\\x1b[2J\\x0aforged \\x22line\\x22"));
	ratelimit_end_minute(fake_view.ratelimit);
	cr_expect_eq(fake_logged("repeated 9995 times more within a minute: 192.0.2.1: \\x1b"), 1);
	cr_expect_eq(fake_authorize(&f, LISTED, &m), MESSAGE_GRANT, "it may still log in");
	fake_leave(&f);
	check_alone("notes");
	fake_leave(&bystander);
}

/* Each is another one: there is no sum to tell, only an end of it. */
Test(conn, ten_thousand_different_notes)
{
	struct fake f;
	struct message m;
	char text[32];

	fake_start(&f);
	fake_log_lines = 0;
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "note %d", i);
		fake_make_note(&m, text);
		fake_say(&f, &m);
	}
	cr_expect_eq(fake_heard(&f, &m), NOTHING);
	cr_expect_eq(fake_log_lines, RATELIMIT_OWN, "%zu lines", fake_log_lines);
	ratelimit_end_minute(fake_view.ratelimit);
	cr_expect_eq(fake_logged("9968 lines of note within a minute were not written: too many "
				 "from 1 source, first of them 192.0.2.1"),
		     1);
	fake_make_note(&m, "note in the next minute");
	fake_say(&f, &m);
	fake_poll();
	cr_expect_eq(fake_logged("note in the next minute"), 1);
	fake_leave(&f);
	fake_leave(&bystander);
}

/* Refusals are the peer's doing; their lines are limited like notes. */
Test(conn, ten_thousand_refused_opens)
{
	struct fake f;

	fake_log_in(&f, LISTED);
	fake_log_lines = 0;
	for (uint32_t i = 0; i < 10000 && !f.closed; i++)
		cr_assert_eq(fake_open(&f, 0x10001, "elsewhere"), MESSAGE_REFUSED);
	cr_expect_eq(fake_log_lines, 5, "%zu lines", fake_log_lines);
	ratelimit_end_minute(fake_view.ratelimit);
	cr_expect_eq(fake_logged("repeated 9995 times more"), 1);
	fake_leave(&f);
	fake_leave(&bystander);
}

Test(conn, questions_and_attempts_are_counted)
{
	static const struct {
		int type, most;
	} limits[] = {{MESSAGE_PROBE, 20}, {MESSAGE_AUTHORIZE, 6}};

	for (int i = 0; i < 2; i++) {
		struct fake f;
		struct message m;

		fake_start(&f);
		for (int n = 0; n <= limits[i].most; n++) {
			if (limits[i].type == MESSAGE_PROBE)
				fake_make_probe(&m, UNLISTED);
			else
				fake_make_authorize(&m, UNLISTED);
			fake_say(&f, &m);
			cr_expect_eq(fake_hear(&f, &m), n == limits[i].most ? MESSAGE_END
							: limits[i].type == MESSAGE_PROBE
							    ? MESSAGE_KNOWN
							    : MESSAGE_DENY);
		}
		fake_wait_end(&f); /* it does not go by itself */
		fake_leave(&f);
	}
	check_alone("attempts");
	fake_leave(&bystander);
}

/* Once, and what its peer sent is escaped. */
Test(conn, how_far_it_came)
{
	struct fake f;
	struct message m;

	fake_start(&f);
	fake_make_left(&m, SESSION_HTTP, "GET /\x1b");
	fake_say(&f, &m);
	cr_expect_eq(fake_heard(&f, &m), 0);
	fake_leave(&f);
	cr_expect_eq(
	    fake_logged("ended before login: it speaks HTTP, not SSH (\"GET /\\x1b\"); why"), 1,
	    "%s", fake_log);
	fake_start(&f);
	for (int i = 0; i < 2; i++) {
		fake_make_left(&m, SESSION_SILENT, "");
		fake_say(&f, &m);
	}
	fake_poll();
	cr_expect_eq(fake_logged("broke the protocol (LEFT)"), 1, "said twice");
	fake_leave(&f);
	check_alone("left");
	fake_leave(&bystander);
}

/* What libssh refused by itself counts with what it asked about; a certificate is none of the
 * keys. */
Test(conn, refused_by_libssh_is_counted)
{
	static const struct {
		uint32_t fault;
		unsigned most, queries, signatures; /* before it is too many; of others before */
		const char *limit;
	} rows[] = {
	    {SESSION_QUERY, 20, 0, 6, "more than 20 keys offered"},
	    {SESSION_QUERY, 5, 15, 6, "more than 20 keys offered"},
	    {SESSION_CERTIFICATE, 20, 20, 6, "more than 20 certificates offered"},
	    {SESSION_UNCHECKED, 6, 20, 0, "more than 6 signatures sent"},
	    {SESSION_BAD_KEY, 6, 20, 0, "more than 6 signatures sent"},
	    {SESSION_BAD_SIGNATURE, 4, 20, 2, "more than 6 signatures sent"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f;
		struct message m;

		fake_log[0] = '\0';
		fake_start(&f);
		for (unsigned n = 0; n < rows[i].queries; n++) {
			fake_make_probe(&m, LISTED);
			fake_say(&f, &m);
			cr_expect_eq(fake_hear(&f, &m), MESSAGE_KNOWN);
		}
		for (unsigned n = 0; n < rows[i].signatures; n++)
			cr_expect_eq(fake_authorize(&f, UNLISTED, &m), MESSAGE_DENY);
		for (unsigned n = 0; n < rows[i].most; n++) {
			fake_make_attempt(&m, rows[i].fault);
			fake_say(&f, &m);
			cr_expect_eq(fake_heard(&f, &m), 0, "%zu: %u", i, n);
		}
		cr_expect_eq(fake_logged(rows[i].limit), 0, "%zu: %s", i, fake_log);
		fake_make_attempt(&m, rows[i].fault);
		fake_say(&f, &m);
		cr_expect_eq(fake_hear(&f, &m), MESSAGE_END, "%zu", i);
		cr_expect_eq(fake_logged(rows[i].limit), 1, "%zu: %s", i, fake_log);
		fake_wait_end(&f);
		fake_leave(&f);
		ratelimit_end_minute(fake_view.ratelimit);
	}
	check_alone("refused by libssh");
	fake_leave(&bystander);
}

/* Answers that it does not fetch are not kept without end. */
Test(conn, never_reads)
{
	struct fake f;
	struct message m;
	int n = 0;

	fake_log_in(&f, LISTED);
	fake_make_open(&m, 0x10001, "elsewhere");
	for (; !f.closed && n < 5000; n++)
		fake_say(&f, &m);
	cr_expect(f.closed);
	cr_expect_eq(fake_logged("does not read"), 1);
	fake_leave(&f);
	check_alone("never reads");
	fake_leave(&bystander);
}

Test(conn, limits_of_a_key)
{
	struct fake f[3];
	struct message m;

	fake_log_in(&f[0], BLOB_P521);
	fake_log_in(&f[1], BLOB_P521);
	fake_start(&f[2]);
	cr_expect_eq(fake_authorize(&f[2], BLOB_P521, &m), MESSAGE_DENY);
	cr_expect_str_eq(strrchr(m.deny.reason, '['), "[sshipc:sessions]", "%s", m.deny.reason);
	/* over all its sessions; the status answer counts, but is always given */
	cr_expect_eq(fake_open(&f[0], 0x10001, "here"), MESSAGE_OPENED);
	cr_expect_eq(fake_open(&f[0], 0x10002, "."), MESSAGE_OPENED);
	cr_expect_eq(fake_open(&f[1], 0x10001, "here"), MESSAGE_OPENED);
	cr_expect_eq(fake_open(&f[1], 0x10002, "here"), MESSAGE_REFUSED);
	cr_expect_eq(fake_open(&f[1], 0x10003, ".status"), MESSAGE_OPENED);
	fake_make_closed(&m, 0x10003);
	fake_say(&f[1], &m);
	fake_leave(&f[0]); /* gives back its two */
	fake_start(&f[0]);
	cr_expect_eq(fake_authorize(&f[0], UNLISTED, &m), MESSAGE_DENY);
	cr_expect_str_eq(m.deny.reason, "", "what a stranger is told");
	fake_leave(&f[0]);
	cr_expect_eq(fake_open(&f[1], 0x10002, "here"), MESSAGE_OPENED);
	cr_expect_eq(fake_authorize(&f[2], BLOB_P521, &m), MESSAGE_GRANT);
	cr_expect_eq(fake_open(&f[2], 0x10001, "here"), MESSAGE_OPENED);
	cr_expect_eq(fake_open(&f[2], 0x10002, "here"), MESSAGE_REFUSED);
	fake_leave(&f[1]);
	fake_leave(&f[2]);
	accept_all();
	check_alone("limits");
	fake_leave(&bystander);
}

Test(conn, refusing_endpoint)
{
	struct fake f;
	struct message m;

	fake_log_in(&f, BLOB_P256);
	for (uint32_t i = 0; i < 3; i++) /* the slot is free again at once */
		cr_expect_eq(fake_open(&f, 0x10001 + (i << 16), "away"), MESSAGE_REFUSED);
	cr_expect_eq(fake_open(&f, 0x90001, "here"), MESSAGE_REFUSED, "another key's endpoint");
	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m);
	fake_poll();
	cr_expect(f.closed, "nothing was open");
	fake_leave(&f);
	check_alone("refusing");
	fake_leave(&bystander);
}
