// SPDX-License-Identifier: BSD-2-Clause
/* What the monitor counts of each event, once. */
#include "fake_session.h"

static int listener;

static void set_up(void)
{
	listener = fake_set_up(8);
	fake_allow("endpoint=\"here\",max-sessions=1 " KEY_ED " listed\n"
		   "endpoint=\"away\" " KEY_P256 " away\n");
}

static void tear_down(void)
{
	fake_tear_down(listener);
}

TestSuite(counts, .init = set_up, .fini = tear_down, .timeout = 60);

static void say_stats(struct fake *f, uint64_t to, uint64_t from)
{
	struct message m;

	m.stats = (struct message_stats){{MESSAGE_STATS, 0}, to, from};
	fake_say(f, &m);
	fake_poll();
}

/* What a session claims in all is added up once, and a claim that shrinks takes nothing away. */
Test(counts, claimed_bytes)
{
	const uint64_t *n = fake_view.counts;
	struct fake f, g;

	fake_log_in(&f, BLOB_ED);
	say_stats(&f, 10, 20);
	say_stats(&f, 10, 25);
	cr_expect(n[COUNT_TO] == 10 && n[COUNT_FROM] == 25);
	say_stats(&f, 3, 26);
	cr_expect(n[COUNT_TO] == 10 && n[COUNT_FROM] == 26);
	fake_log_in(&g, BLOB_P256);
	say_stats(&g, 1, 2);
	cr_expect(n[COUNT_TO] == 11 && n[COUNT_FROM] == 28);
	fake_leave(&f);
	fake_leave(&g);
	cr_expect(n[COUNT_TO] == 11 && n[COUNT_FROM] == 28);
}

Test(counts, each_event_once)
{
	struct fake f, other;
	struct message m;
	uint64_t took = 0;

	fake_start(&other);
	fake_make_probe(&m, BLOB_P384);
	fake_say(&other, &m);
	cr_expect_eq(fake_hear(&other, &m), MESSAGE_KNOWN);
	cr_expect_eq(fake_authorize(&other, BLOB_P384, &m), MESSAGE_DENY);
	fake_make_attempt(&m, SESSION_BAD_SIGNATURE);
	fake_say(&other, &m);
	fake_log_in(&f, BLOB_ED);
	cr_expect_eq(fake_authorize(&other, BLOB_ED, &m), MESSAGE_DENY);
	m.refuse = (struct message_refuse){{MESSAGE_REFUSE, 0}, POLICY_LOGIN, "none"};
	fake_say(&other, &m);
	m.refuse = (struct message_refuse){{MESSAGE_REFUSE, 0}, POLICY_LOGIN, "password"};
	fake_say(&other, &m);
	fake_leave(&other);
	cr_expect_eq(fake_open(&f, 0x10001, "."), MESSAGE_OPENED);
	cr_expect_eq(fake_open(&f, 0x10002, "."), MESSAGE_OPENED);
	cr_expect_eq(fake_open(&f, 0x10003, ".status"), MESSAGE_OPENED);
	cr_expect_eq(fake_open(&f, 0x10004, "elsewhere"), MESSAGE_REFUSED);
	fake_make_closed(&m, 0x10001);
	fake_say(&f, &m);
	fake_log_in(&other, BLOB_P256);
	cr_expect_eq(fake_open(&other, 0x10001, "."), MESSAGE_REFUSED);

	cr_expect_eq(fake_view.counts[COUNT_CONNECTIONS], 3);
	cr_expect_eq(fake_view.counts[COUNT_LOGINS], 2);
	cr_expect_eq(fake_view.logins_refused[POLICY_NO_KEY], 2);
	cr_expect_eq(fake_view.logins_refused[(int)POLICY_OTHER + (int)SESSION_BAD_SIGNATURE], 1);
	cr_expect_eq(fake_view.logins_refused[POLICY_MAX_SESSIONS], 1);
	cr_expect_eq(fake_view.logins_refused[LOGIN_METHOD], 1);
	cr_expect_eq(fake_view.counts[COUNT_OPENS], 3);
	cr_expect_eq(fake_view.n_channels, 1, "one is closed, and one had no endpoint");
	cr_expect_eq(fake_view.opens_refused[POLICY_WRONG_DESTINATION], 1);
	cr_expect_eq(fake_dials[0].results[DIAL_CONNECTED], 2);
	cr_expect_eq(fake_dials[1].results[DIAL_ABSENT], 1);
	for (int i = 0; i < DIAL_BUCKETS; i++)
		took += fake_dials[0].took[i];
	cr_expect_eq(took, 2);
	cr_expect_eq(fake_dials[1].us, 0, "what failed has no latency");
	fake_leave(&f);
	fake_leave(&other);
	cr_expect_eq(fake_view.n_channels, 0);
}
