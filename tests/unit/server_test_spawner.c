// SPDX-License-Identifier: BSD-2-Clause
/* What a spawner may reach once it is ready: it is started as the monitor starts it, by this file.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "launch_check.h"
#include "spawner.h"
#include "spawner_main.h"

/* A helper is this program, executed anew. */
__attribute__((constructor)) static void be_helper(int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "sshipc-server: spawner") == 0)
		spawner_main();
}

/* Instead of libssh's: the spawner asks for it when it says READY, so when it is confined. */
const char *ssh_version(int wanted)
{
	static char text[32];

	if (wanted)
		return "";
	snprintf(text, sizeof(text), "%d", open("/etc/passwd", O_RDONLY) < 0 ? errno : 0);
	return text;
}

struct ready {
	struct spawner *s;
	struct event_base *base;
	char said[64];
};

static void on_ready(void *arg, struct spawner *s, bool proof, const char *version, const char *why)
{
	struct ready *r = arg;

	snprintf(r->said, sizeof(r->said), "%s", version);
	event_base_loopbreak(r->base);
}

static void on_lost(void *arg, struct spawner *s, int code, const char *last_words)
{
	struct ready *r = arg;

	snprintf(r->said, sizeof(r->said), "lost: %.50s", last_words);
	event_base_loopbreak(r->base);
}

/* The errno of the attempt to read a file that everybody may read. */
static void expect_errno(bool sandbox, int error)
{
	struct settings settings = {
	    .keepalive = 15, .max_held = 1, .max_channels = 1, .unsafe_no_sandbox = !sandbox};
	struct ready r = {.base = event_base_new()};
	const struct spawner_ops ops = {.ready = on_ready, .lost = on_lost, .arg = &r};
	const struct session_program program = {.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
	struct launch_user user;
	const char *why = NULL;
	char wanted[16];

	cr_assert_eq(launch_user_find(NULL, &user, &why), 0, "%s", why);
	r.s = spawner_start(r.base, &(struct spawner_setup){&settings, &user, &program, NULL, 0},
			    &ops);
	cr_assert(r.s, "%s", strerror(errno));
	event_base_dispatch(r.base);
	snprintf(wanted, sizeof(wanted), "%d", error);
	cr_expect_str_eq(r.said, wanted, "%s", r.said);
	spawner_free(r.s);
	event_base_free(r.base);
	cr_expect_gt(waitpid(-1, NULL, 0), 0);
}

Test(spawner, reads_no_file, .timeout = 60)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		cr_skip("this kernel has no Landlock");
	if (confine_is_sanitized())
		cr_skip("a build with sanitizers is not confined");
	expect_errno(true, EACCES);
	expect_errno(false, 0);
}
