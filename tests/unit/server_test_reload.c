// SPDX-License-Identifier: BSD-2-Clause
/* When the list is loaded anew, and when the clock has sessions judged. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "keys.h"
#include "reload.h"

#define ONE KEY_ED "\n"
#define TWO KEY_ED "\n" KEY_ED2 "\n"

static char dir[] = "/tmp/sshipc-reload-XXXXXX", list[64], other[64];
static struct settings settings = {.watch = true, .allowlist = list, .n_endpoints = 1};
static struct event_base *base;
static struct reload *e;
static size_t fds_before, judged, keys, asked;
static time_t change; /* of the one session there is; 0: never */

static void judge(void *arg, const struct allowlist *l, const char *why, char *summary, size_t size)
{
	judged++;
	keys = allowlist_count(l);
	snprintf(summary, size, "judged");
}

static time_t next_change(void *arg, time_t now)
{
	asked++;
	return change > now ? change : 0;
}

static void write_to(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	cr_assert(f && fputs(text, f) >= 0 && fchmod(fileno(f), mode) == 0 && fclose(f) == 0);
}

/* Runs the loop for so long. */
static void run(long ms)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(base, &tv);
	cr_assert_geq(event_base_dispatch(base), 0);
}

/* Runs it until sessions are judged; false: not within five seconds. */
static bool wait_judged(void)
{
	const size_t before = judged;

	for (int i = 0; i < 250 && judged == before; i++)
		run(20);
	return judged != before;
}

static void no_fault(void *arg, const char *text)
{
	cr_log_error("%s", text);
}

static uint64_t loads[2]; /* faulty, in force */

static struct allowlist *load(void)
{
	const struct allow_names names = {settings.endpoints, 1, NULL, NULL, 0, false};

	return allowlist_load(list, &names, no_fault, NULL);
}

static void set_up(void)
{
	const struct reload_ops ops = {.revoke = judge, .next_change = next_change, .loads = loads};
	struct allowlist *first;

	cr_assert(mkdtemp(dir));
	fds_before = count_fds();
	snprintf(list, sizeof(list), "%s/allowed_keys", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	write_to(list, ONE, 0600);
	cr_assert_null(endpoint_parse("confd=127.0.0.1:4565", &settings.endpoints[0]));
	base = event_base_new();
	first = load();
	cr_assert(base && first);
	e = reload_new(base, &settings, first, &ops);
	cr_assert(e);
}

static void tear_down(void)
{
	reload_free(e);
	event_base_free(base);
	check_at_end(count_fds() == fds_before, "descriptors leaked");
	unlink(list);
	unlink(other);
	rmdir(list);
	check_at_end(rmdir(dir) == 0, "a file was left behind");
}

TestSuite(reload, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- the file ---- */

Test(reload, written_and_renamed)
{
	write_to(list, TWO, 0600);
	cr_expect(wait_judged());
	cr_expect_eq(keys, 2);
	write_to(other, ONE, 0600);
	cr_assert_eq(rename(other, list), 0);
	cr_expect(wait_judged());
	cr_expect_eq(keys, 1);
	write_to(other, TWO, 0600); /* not ours */
	run(300);
	cr_expect_eq(judged, 2);
}

/* The file is at fault, and what is in force is as old as the summary says. */
static void expect_old(const char *what)
{
	char summary[1024];

	cr_expect_eq(reload_now(e, summary, sizeof(summary)), -1);
	cr_expect(strstr(summary, what), "%s", summary);
}

Test(reload, faults_keep_the_old_list)
{
	write_to(list, ONE "nonsense\n", 0600);
	run(300);
	cr_expect_eq(judged, 0);
	cr_expect(strstr(reload_fault(e), "allowed_keys:2:"), "%s", reload_fault(e));
	expect_old("the old list of 1 key stays in force");
	cr_expect_eq(loads[0], 2);
	cr_expect_eq(loads[1], 0);
	write_to(list, TWO, 0600);
	cr_expect(wait_judged());
	cr_expect_str_empty(reload_fault(e));
	cr_assert_eq(unlink(list), 0);
	cr_assert_eq(mkdir(other, 0700), 0);
	cr_assert_eq(rename(other, list), 0);
	run(300);
	cr_expect_eq(judged, 1);
	cr_expect(*reload_fault(e), "a directory is no list");
	expect_old("the old list of 2 keys stays in force");
}

/* Who empties the place of the list is told that the old one stays in force. */
Test(reload, removed)
{
	cr_assert_eq(unlink(list), 0);
	run(300);
	cr_expect(*reload_fault(e), "nothing is said about a list that is gone");
	expect_old("the old list of 1 key stays in force");
}

/* A key that is taken off waits for no quiet moment. */
Test(reload, renamed_all_the_time)
{
	for (int i = 0; i < 150 && judged == 0; i++) {
		write_to(other, TWO, 0600);
		cr_assert_eq(rename(other, list), 0);
		run(10);
	}
	cr_expect_gt(judged, 0, "not loaded for as long as it is written");
}

/* As a link to the real file, or one that is swapped, it is in force as well. */
Test(reload, linked)
{
	char third[80];

	snprintf(third, sizeof(third), "%s-linked", dir);
	write_to(third, TWO, 0600);
	cr_assert_eq(unlink(list), 0);
	cr_assert_eq(symlink(third, list), 0);
	run(300);
	cr_expect_eq(judged, 1, "a new link is not noticed");
	write_to(third, ONE, 0600);
	run(300);
	cr_expect_eq(keys, 1, "the file behind the link is not watched");
	unlink(third);
}

/* A release is another folder, chosen by a link in the middle of the path. */
Test(reload, link_in_the_middle)
{
	char six[64], seven[64], current[64], next[64], path[80];
	const struct reload_ops ops = {.revoke = judge, .next_change = next_change, .loads = loads};

	snprintf(six, sizeof(six), "%s/six", dir);
	snprintf(seven, sizeof(seven), "%s/seven", dir);
	snprintf(current, sizeof(current), "%s/current", dir);
	snprintf(next, sizeof(next), "%s/next", dir);
	cr_assert(mkdir(six, 0700) == 0 && mkdir(seven, 0700) == 0);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/keys", i ? seven : six);
		write_to(path, i ? TWO : ONE, 0600);
	}
	cr_assert_eq(symlink("six", current), 0);
	cr_assert_eq(symlink(seven, next), 0);
	reload_free(e);
	unlink(list);
	snprintf(list, sizeof(list), "%s/current/keys", dir);
	e = reload_new(base, &settings, load(), &ops);
	cr_assert_eq(rename(next, current), 0);
	run(600); /* sooner than anybody looks */
	cr_expect_eq(judged, 1);
	cr_expect_eq(keys, 2);
	write_to(list, ONE, 0600); /* what is watched from here on is the new one */
	cr_expect(wait_judged());
	cr_expect_eq(keys, 1);
	/* The old one's end is nobody's business. */
	snprintf(path, sizeof(path), "%s/keys", six);
	cr_expect(unlink(path) == 0 && rmdir(six) == 0);
	run(300);
	cr_expect_eq(judged, 2);
	cr_expect(unlink(list) == 0 && unlink(current) == 0 && rmdir(seven) == 0);
}

/* A list is not used for as long as others may change it, nor after, without a look. */
Test(reload, folder_that_becomes_writable)
{
	cr_assert_eq(chmod(dir, 0777), 0);
	run(300);
	cr_expect(strstr(reload_fault(e), "others can write its folder"), "%s", reload_fault(e));
	cr_expect_eq(judged, 0);
	cr_assert_eq(chmod(dir, 0700), 0);
	cr_expect(wait_judged());
	cr_expect_str_empty(reload_fault(e));
}

/* Of a writer that does not close nothing is reported: somebody looks, once it is quiet, and again
 * until it is done. */
Test(reload, held_open)
{
	const int fd = open(list, O_WRONLY | O_APPEND);

	cr_assert_eq(write(fd, KEY_ED2, sizeof(KEY_ED2) - 1), sizeof(KEY_ED2) - 1);
	run(4000);
	cr_expect_str_empty(reload_fault(e)); /* it may not be known whether it is done */
	for (int i = 0; i < 1500 && !*reload_fault(e); i++)
		run(20);
	cr_expect(strstr(reload_fault(e), "has it open for writing"), "%s", reload_fault(e));
	cr_expect_eq(write(fd, "\n", 1), 1);
	cr_expect_eq(judged, 0);
	close(fd);
	cr_expect(wait_judged());
	cr_expect_eq(keys, 2);
	cr_expect_str_empty(reload_fault(e));
}

/* By another name, in a folder that nobody watches, as through a mount. */
Test(reload, written_elsewhere)
{
	char elsewhere[80];

	snprintf(elsewhere, sizeof(elsewhere), "%s-linked", dir);
	cr_assert_eq(link(list, elsewhere), 0);
	cr_expect(wait_judged());
	write_to(elsewhere, TWO, 0600);
	cr_expect(wait_judged());
	cr_expect_eq(keys, 2);
	unlink(elsewhere);
}

/* ---- the clock ---- */

Test(reload, clock_reaches_the_change)
{
	change = time(NULL) + 1;
	reload_add(e, change);
	cr_expect(wait_judged());
	cr_expect_geq(time(NULL), change - 1);
	run(100);
	cr_expect_leq(judged, 20, "judged %zu times", judged);
}

/* A login that comes in between, when the time has come but the loop has not seen it. */
Test(reload, login_at_that_moment)
{
	struct timespec now;

	change = time(NULL) + 1;
	reload_add(e, change);
	do
		clock_gettime(CLOCK_REALTIME, &now);
	while (time(NULL) < change || now.tv_sec < change);
	reload_add(e, 0);
	cr_expect(judged > 0 || wait_judged(), "who expired is judged by nobody");
}

/* A login looks at the other sessions only where it comes before all of them. */
Test(reload, logins_cost_little)
{
	const time_t soon = time(NULL) + 1000;

	change = soon;
	reload_add(e, change);
	asked = 0;
	for (time_t i = 0; i < 1000; i++)
		reload_add(e, i % 2 ? soon + i : 0);
	cr_expect_eq(asked, 0, "%zu", asked);
	change = soon - 1;
	reload_add(e, change);
	cr_expect_gt(asked, 0);
	cr_expect_eq(judged, 0);
}

/* It was granted when its end was still to come. */
Test(reload, login_at_its_own_end)
{
	change = time(NULL);
	reload_add(e, change);
	cr_expect_gt(judged, 0);
}
