// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <time.h>

#include "backoff.h"
#include "loop.h"

static struct event_base *base;
static unsigned attempts;

static void on_attempt(void *arg)
{
	attempts++;
	event_base_loopbreak(base);
}

static void set_up(void)
{
	base = loop_new();
	attempts = 0;
}

static void tear_down(void)
{
	event_base_free(base);
}

TestSuite(backoff, .init = set_up, .fini = tear_down, .timeout = 60);

/* After so many failures, the least and the most of the next pause, in ms. */
static const struct {
	int most_s;
	unsigned failures;
	bool wanted, denied;
	unsigned least, most;
} pauses[] = {
    {30, 0, false, false, 250, 500},
    {30, 1, false, false, 500, 1000},
    {30, 5, false, false, 8000, 16000},
    {30, 20, false, false, 15000, 30000},
    {3600, 40, false, false, 1800000, 3600000},
    {1, 9, false, false, 500, 1000},
    {30, 0, true, false, 250, 500},
    {30, 20, true, false, 500, 1000},
    {30, 20, true, true, 15000, 30000},
};

Test(backoff, pauses_double_up_to_the_longest)
{
	for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
		struct backoff *b = backoff_new(base, pauses[i].most_s, on_attempt, NULL);
		unsigned got;

		for (unsigned n = 0; n < pauses[i].failures; n++)
			backoff_pause(b, false, false);
		got = backoff_pause(b, pauses[i].wanted, pauses[i].denied);
		cr_expect(got >= pauses[i].least && got <= pauses[i].most, "%zu: %u ms", i, got);
		backoff_forget(b);
		cr_expect_leq(backoff_pause(b, false, false), 500, "%zu: anew", i);
		backoff_free(b);
	}
}

static struct backoff *far_from_the_next(bool denied)
{
	struct backoff *b = backoff_new(base, 3600, on_attempt, NULL);

	backoff_begin(b);
	for (int n = 0; n < 30; n++)
		backoff_pause(b, false, denied);
	return b;
}

static void sleep_ms(long ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

Test(backoff, who_waits_ends_the_pause_once_a_second)
{
	struct backoff *b = far_from_the_next(false);
	const uint64_t begun = loop_ms();

	for (int n = 0; n < 100; n++) /* as many as come: one attempt */
		backoff_wake(b);
	event_base_dispatch(base);
	cr_expect_eq(attempts, 1);
	cr_expect_geq(loop_ms() - begun, 900, "a second after the last one began");
	backoff_begin(b);
	backoff_wake(b);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(attempts, 1, "there is no pause while an attempt is under way");
	backoff_free(b);
}

Test(backoff, who_waits_ends_a_long_pause_at_once)
{
	struct backoff *b = far_from_the_next(false);

	sleep_ms(1050);
	backoff_wake(b);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(attempts, 1);
	cr_expect_not(backoff_stop(b));
	backoff_free(b);
}

Test(backoff, a_refusal_is_not_asked_again_soon)
{
	struct backoff *b = far_from_the_next(true);

	sleep_ms(1050);
	backoff_wake(b);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(attempts, 0);
	cr_expect(backoff_stop(b));
	backoff_free(b);
}

/* One that is due anyway is not put off. */
Test(backoff, waking_makes_nothing_later)
{
	struct backoff *b = backoff_new(base, 30, on_attempt, NULL);
	const uint64_t begun = loop_ms();
	unsigned pause;

	backoff_begin(b);
	pause = backoff_pause(b, true, false);
	cr_assert_leq(pause, 500);
	backoff_wake(b);
	event_base_dispatch(base);
	cr_expect_eq(attempts, 1);
	cr_expect_lt(loop_ms() - begun, 950);
	backoff_free(b);
}
