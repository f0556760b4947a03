// SPDX-License-Identifier: BSD-2-Clause
/* max-sessions, replace-old and max-channels over all generations: logins beside sessions
 * elsewhere, what is said to the others and what their words do. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>

#include "fake_session.h"
#include "link.h"
#include "loop.h"
#include "places.h"

#define LINE "endpoint=\"here\" " KEY_ED " blade\n"

static int listener;
static char key[KEYLINE_FINGERPRINT];

static void allow(const char *options)
{
	char line[1024];
	uint8_t blob[KEYLINE_BLOB_MAX];
	const size_t n = fake_put_key(blob, BLOB_ED);

	snprintf(line, sizeof(line), "%s" LINE, options);
	fake_allow(line);
	snprintf(key, sizeof(key), "%s",
		 allowlist_find(fake_view.allowlist, blob, n)->key.fingerprint);
}

static void set_up(void)
{
	listener = fake_set_up(0);
	allow("max-sessions=1,replace-old,");
}

static void tear_down(void)
{
	elsewhere_free(&fake_view.elsewhere);
	fake_tear_down(listener);
}

TestSuite(conn_places, .init = set_up, .fini = tear_down, .timeout = 60);

/* That generation has said what the key has there. */
static void other(unsigned generation, unsigned sessions, unsigned silent, unsigned channels)
{
	struct evbuffer *b = evbuffer_new();

	if (sessions > 0)
		evbuffer_add_printf(b, "%s %u %u %u\n", key, sessions, silent, channels);
	places_elsewhere(&fake_view, generation, link_file(b), NULL);
	evbuffer_free(b);
}

static void told(unsigned generation, const char *word, uint32_t id, unsigned n)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %s %u %u", word, key, (unsigned)id, n);
	places_told(&fake_view, generation, text);
}

/* What was said last, and forgets it. */
static void expect_said(unsigned generation, const char *word, uint32_t id, unsigned n)
{
	char text[160] = "";

	if (word)
		snprintf(text, sizeof(text), "%u %s %s %u %u", generation, word, key, (unsigned)id,
			 n);
	cr_expect_str_eq(fake_told, text);
	fake_told[0] = '\0';
}

static void ask(struct fake *f)
{
	struct message m;

	fake_start(f);
	fake_make_authorize(&m, BLOB_ED);
	fake_say(f, &m);
	fake_poll();
}

/* ---- in charge ---- */

static const struct row {
	const char *options;
	unsigned here, elsewhere; /* sessions */
	uint32_t answer;	  /* at once; 0: it waits */
	const char *said;
} rows[] = {
    {"max-sessions=1,", 0, 0, MESSAGE_GRANT, NULL},
    {"max-sessions=1,", 0, 1, 0, NULL},
    {"max-sessions=1,", 1, 0, MESSAGE_DENY, NULL},
    {"max-sessions=2,", 1, 0, MESSAGE_GRANT, NULL},
    {"max-sessions=2,", 0, 1, MESSAGE_GRANT, NULL},
    {"max-sessions=2,", 1, 1, 0, NULL},
    {"max-sessions=3,", 1, 1, MESSAGE_GRANT, NULL},
    {"max-sessions=1,replace-old,", 1, 0, 0, NULL},
    {"max-sessions=1,replace-old,", 0, 1, 0, "check"},
    {"max-sessions=2,replace-old,", 1, 1, 0, "check"},
    {"max-sessions=2,replace-old,", 0, 1, MESSAGE_GRANT, NULL},
    {"", 0, 49, MESSAGE_GRANT, NULL}, /* a key has half of the server's 100 */
    {"", 0, 50, 0, NULL},
    {"", 2, 47, MESSAGE_GRANT, NULL},
};
static size_t row_numbers[sizeof(rows) / sizeof(*rows)];

ParameterizedTestParameters(conn_places, login)
{
	const size_t n = sizeof(rows) / sizeof(*rows);

	for (size_t i = 0; i < n; i++)
		row_numbers[i] = i;
	return cr_make_param_array(size_t, row_numbers, n);
}

ParameterizedTest(const size_t *number, conn_places, login)
{
	const struct row *r = &rows[*number];
	struct fake here[4], new;
	struct message m;

	allow(r->options);
	for (unsigned i = 0; i < r->here; i++)
		fake_log_in(&here[i], BLOB_ED);
	other(1, r->elsewhere, 0, 0);
	ask(&new);
	cr_expect_eq(fake_heard(&new, &m), r->answer, "row %zu: %u", *number, m.head.type);
	expect_said(0, r->said, new.c->id, 0);
	for (unsigned i = 0; i < r->here; i++)
		fake_leave(&here[i]);
	fake_leave(&new);
}

/* Several generations, and the waiting login has the place as soon as one says that it is free. */
Test(conn_places, freed_elsewhere)
{
	struct fake new;
	struct message m;

	allow("max-sessions=2,");
	other(1, 1, 0, 0);
	other(2, 1, 0, 0);
	ask(&new);
	cr_expect_eq(fake_heard(&new, &m), 0, "granted beside two");
	other(1, 1, 1, 0);
	cr_expect_eq(fake_heard(&new, &m), 0, "nothing has become free");
	places_elsewhere(&fake_view, 0, -1, "3 1 "); /* the second one has died */
	cr_expect_eq(fake_heard(&new, &m), MESSAGE_GRANT);
	fake_leave(&new);
}

Test(conn_places, none_has_gone)
{
	struct fake new, again;
	struct message m;

	allow("max-sessions=1,");
	other(1, 1, 0, 0);
	ask(&new);
	ask(&again); /* one login of a key waits at a time */
	cr_expect_eq(fake_heard(&again, &m), MESSAGE_DENY);
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_DENY);
	cr_expect(strstr(m.deny.reason, "[sshipc:sessions]"), "%s", m.deny.reason);
	cr_expect_eq(fake_told[0], '\0', "it is told %s", fake_told);
	fake_leave(&new);
	fake_leave(&again);
}

/* The oldest silent one is in the older of two generations; it is replaced there, and once. */
Test(conn_places, replaced_elsewhere)
{
	struct fake here, new;
	struct message m;

	allow("max-sessions=3,replace-old,");
	fake_log_in(&here, BLOB_ED);
	other(2, 1, 0, 0);
	other(1, 1, 0, 0);
	ask(&new);
	expect_said(0, "check", new.c->id, 0);
	cr_expect_eq(fake_heard(&here, &m), MESSAGE_CHECK);
	other(2, 1, 1, 0);
	other(1, 1, 1, 0);
	while (!fake_told[0])
		cr_assert_eq(event_base_loop(fake_view.base, EVLOOP_ONCE), 0);
	expect_said(1, "replace", new.c->id, 0);
	cr_expect_eq(fake_heard(&here, &m), 0, "the newest was ended");
	other(1, 0, 0, 0);
	cr_expect_eq(fake_heard(&new, &m), MESSAGE_GRANT);
	fake_leave(&here);
	fake_leave(&new);
}

/* A generation that is stopped ends nobody: the login is refused, and says it no second time. */
Test(conn_places, replaced_nowhere)
{
	struct fake new;
	struct message m;

	other(1, 1, 1, 0);
	ask(&new);
	fake_told[0] = '\0';
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_DENY);
	expect_said(1, "replace", new.c->id, 0);
	fake_leave(&new);
}

/* All live, wherever they are. */
Test(conn_places, living_ones_stay)
{
	struct fake new;
	struct message m;

	other(1, 1, 1, 0);
	ask(&new);
	other(1, 1, 0, 0);
	fake_told[0] = '\0';
	cr_expect_eq(fake_hear(&new, &m), MESSAGE_DENY);
	cr_expect_eq(fake_told[0], '\0', "it is told %s", fake_told);
	fake_leave(&new);
}

/* A place is given once: to whom asks from elsewhere, or to a login here. */
Test(conn_places, asked_for_a_place)
{
	struct fake here, new;
	struct message m;

	other(1, 1, 0, 0); /* whoever asks has counted itself */
	told(1, "place", 7, 1);
	expect_said(1, "placed", 7, 1);
	other(2, 1, 0, 0);
	told(2, "place", 8, 1);
	expect_said(2, "placed", 8, 0);
	other(1, 0, 0, 0);
	other(2, 0, 0, 0);
	told(1, "place", 9, 0);
	expect_said(1, "placed", 9, 1); /* of a limit of none */
	fake_log_in(&here, BLOB_ED);
	other(1, 1, 0, 0);
	told(1, "place", 10, 1);
	expect_said(1, "placed", 10, 0);
	told(1, "place", 11, 2);
	expect_said(1, "placed", 11, 1);
	ask(&new); /* that it waits counts, too */
	fake_told[0] = '\0';
	told(1, "place", 12, 2);
	expect_said(1, "placed", 12, 0);
	cr_expect_eq(fake_heard(&new, &m), 0);
	fake_view.retired = true; /* another one gives them now */
	told(1, "place", 13, 9);
	expect_said(0, NULL, 0, 0);
	fake_view.retired = false;
	fake_leave(&here);
	fake_leave(&new);
}

/* ---- retired ---- */

static void said_uses(const char *numbers)
{
	struct evbuffer *b = evbuffer_new();
	char text[128] = "";
	char *line;

	if (numbers)
		snprintf(text, sizeof(text), "%s %s", key, numbers);
	places_put(&fake_view, b);
	line = evbuffer_readln(b, NULL, EVBUFFER_EOL_LF);
	cr_expect_str_eq(line ? line : "", text);
	cr_expect_eq(evbuffer_get_length(b), 0);
	free(line);
	evbuffer_free(b);
}

/* A login that was under way counts, and has its place when the one in charge says so. */
Test(conn_places, asks_for_a_place)
{
	static const struct {
		bool is_free;
		const char *lines; /* in force by then; NULL: the same */
		uint32_t answer;
	} cases[] = {{true, NULL, MESSAGE_GRANT},
		     {false, NULL, MESSAGE_DENY},
		     {true, "endpoint=\"here\" " KEY_ED2 " stranger\n", MESSAGE_DENY}};

	fake_view.retired = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fake new;
		struct message m;

		fake_used = 0;
		ask(&new);
		cr_expect_eq(fake_heard(&new, &m), 0, "granted without a word");
		expect_said(0, "place", new.c->id, 1);
		said_uses("1 0 0");
		cr_expect_eq(fake_used, 1);
		told(9, "placed", new.c->id + 1, 1);
		cr_expect_eq(fake_heard(&new, &m), 0, "that was another's");
		if (cases[i].lines)
			fake_allow(cases[i].lines);
		told(9, "placed", new.c->id, cases[i].is_free);
		cr_expect_eq(fake_heard(&new, &m), cases[i].answer, "case %zu", i);
		said_uses(cases[i].answer == MESSAGE_GRANT ? "1 0 0" : NULL);
		fake_leave(&new);
		said_uses(NULL);
	}
	fake_view.retired = false;
}

/* Several at a time, as long as the key has places; each has a word of its own. */
Test(conn_places, several_ask)
{
	struct fake first, second, third;
	struct message m;

	allow("max-sessions=2,");
	fake_view.retired = true;
	ask(&first);
	expect_said(0, "place", first.c->id, 2);
	ask(&second);
	expect_said(0, "place", second.c->id, 2);
	said_uses("2 0 0");
	ask(&third);
	cr_expect_eq(fake_heard(&third, &m), MESSAGE_DENY, "there are two places");
	told(9, "placed", second.c->id, 1);
	cr_expect_eq(fake_heard(&first, &m), 0, "that was another's");
	cr_expect_eq(fake_heard(&second, &m), MESSAGE_GRANT);
	said_uses("2 0 0");
	fake_leave(&second); /* while the first one waits */
	told(9, "placed", first.c->id, 1);
	cr_expect_eq(fake_heard(&first, &m), MESSAGE_GRANT);
	fake_view.retired = false;
	fake_leave(&first);
	fake_leave(&third);
}

/* No answer: it is asked again, and not granted. */
Test(conn_places, asks_again)
{
	struct fake new;
	struct message m;

	fake_view.retired = true;
	ask(&new);
	expect_said(0, "place", new.c->id, 1);
	while (!fake_told[0])
		cr_assert_eq(event_base_loop(fake_view.base, EVLOOP_ONCE), 0);
	expect_said(0, "place", new.c->id, 1);
	cr_expect_eq(fake_heard(&new, &m), 0);
	fake_view.retired = false;
	fake_leave(&new);
}

/* A login that waits for the end of a replaced session while its generation retires. */
Test(conn_places, retires_meanwhile)
{
	struct fake old, new;
	struct message m;

	fake_log_in(&old, BLOB_ED);
	ask(&new);
	fake_view.retired = true;
	fake_leave(&old);
	cr_expect_eq(fake_heard(&new, &m), 0, "granted without a word");
	expect_said(0, "place", new.c->id, 1);
	told(9, "placed", new.c->id, 1);
	cr_expect_eq(fake_heard(&new, &m), MESSAGE_GRANT);
	fake_view.retired = false;
	fake_leave(&new);
}

/* What the one in charge says of sessions here. */
Test(conn_places, checked_and_replaced)
{
	struct fake old, new;
	struct message m;

	allow("max-sessions=2,replace-old,");
	fake_log_in(&old, BLOB_ED);
	fake_log_in(&new, BLOB_ED);
	fake_view.retired = true;
	said_uses("2 0 0");
	told(9, "replace", 77, 0);
	cr_expect_eq(fake_heard(&old, &m), 0, "it was not asked");
	told(9, "check", 77, 0);
	cr_expect_eq(fake_heard(&old, &m), MESSAGE_CHECK);
	cr_expect_eq(fake_heard(&new, &m), MESSAGE_CHECK);
	said_uses("2 2 0");
	told(9, "replace", 77, 0);
	cr_expect_eq(fake_heard(&old, &m), 0, "it had no time to answer");
	m.head = (struct message_head){MESSAGE_ALIVE, 0};
	fake_say(&new, &m);
	fake_poll();
	said_uses("2 1 0");
	old.c->use->checked -= 3000;
	told(9, "replace", 77, 0);
	cr_expect_eq(fake_heard(&old, &m), MESSAGE_END);
	cr_expect_eq(fake_heard(&new, &m), 0, "it lives");
	cr_expect_eq(fake_logged("replaced by session 77"), 1);
	told(9, "replace", 77, 0);
	cr_expect_eq(fake_heard(&new, &m), 0, "one is ending already");
	fake_wait_end(&old);
	fake_leave(&old);
	said_uses("1 0 0");
	fake_view.retired = false;
	fake_leave(&new);
}

/* Of a key that nobody has here, and what is no word. */
Test(conn_places, nothing_is_meant)
{
	static const char *const texts[] = {"",
					    "check",
					    "check SHA256:x 1",
					    "nonsense SHA256:x 1 1",
					    "check SHA256:x 1 1",
					    "replace SHA256:x 1 1",
					    "placed SHA256:x 1 1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		places_told(&fake_view, 1, texts[i]);
	cr_expect_eq(fake_told[0], '\0', "it is told %s", fake_told);
	places_told(&fake_view, 1, "place SHA256:x 4 1");
	cr_expect_str_eq(fake_told, "1 placed SHA256:x 4 1");
}

/* ---- channels ---- */

static uint32_t open_one(struct fake *f, uint32_t id)
{
	const uint32_t answer = fake_open(f, id, "here");

	close(accept(listener, NULL, NULL)); /* the backlog has room for one */
	return answer;
}

Test(conn_places, channels)
{
	struct fake f;

	allow("max-channels=3,");
	fake_log_in(&f, BLOB_ED);
	fake_used = 0;
	cr_expect_eq(open_one(&f, 0x10001), MESSAGE_OPENED);
	cr_expect_eq(fake_used, 0, "said to nobody");
	other(1, 1, 0, 1);
	cr_expect_eq(open_one(&f, 0x10002), MESSAGE_OPENED);
	cr_expect_eq(fake_used, 1);
	cr_expect_eq(fake_open(&f, 0x10003, "here"), MESSAGE_REFUSED, "one elsewhere counts");
	said_uses("1 0 2");
	other(1, 1, 0, 0);
	cr_expect_eq(open_one(&f, 0x10003), MESSAGE_OPENED);
	allow("");
	f.c->entry = allowlist_find(fake_view.allowlist, f.c->use->blob, f.c->use->blob_len);
	other(1, 1, 0, 99);
	fake_used = 0;
	cr_expect_eq(open_one(&f, 0x10004), MESSAGE_OPENED, "it has no limit of its own");
	cr_expect_eq(fake_used, 0);
	fake_leave(&f);
}
