// SPDX-License-Identifier: BSD-2-Clause
/* What the monitor may reach, as the settings say; test_landlock.c has what that means. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "child.h"
#include "confine.h"
#include "landlock_rules.h"

static char folder[] = "/tmp/sshipc-unit-XXXXXX";
static char path[8][64];
static struct settings s;

enum { LIST_FOLDER, TARGET_FOLDER, CONTROL_FOLDER, LIST, TARGET, BESIDE, CONTROL, OUTSIDE };

static const char *const names[] = {"list",	   "target", "control",	     "list/keys",
				    "target/keys", "beside", "control/sock", "list/../outside"};

static int try_open(int which, int flags)
{
	return open(path[which], flags) < 0 ? errno : 0;
}

static int read_list(void)
{
	return try_open(LIST, O_RDONLY);
}

static int write_list(void)
{
	return try_open(LIST, O_WRONLY);
}

static int read_target(void)
{
	return try_open(TARGET, O_RDONLY);
}

static int read_others(void)
{
	return try_open(BESIDE, O_RDONLY) == EACCES && try_open(OUTSIDE, O_RDONLY) == EACCES
		   ? EACCES
		   : 0;
}

static int read_control(void)
{
	return try_open(CONTROL, O_RDONLY);
}

static int remove_control(void)
{
	return unlink(path[CONTROL]) < 0 ? errno : 0;
}

static int remove_list(void)
{
	return unlink(path[LIST]) < 0 ? errno : 0;
}

/* What becomes of it then does not matter: Criterion wants to make files. */
static int execute(const char *program)
{
	int error = 0, ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return NOT_READY;
	if (fork() == 0) {
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execl(program, program, "--version", (char *)NULL);
		error = errno;
		_exit(write(ends[1], &error, sizeof(error)) < 0);
	}
	close(ends[1]);
	return read(ends[0], &error, sizeof(error)) < 0 ? NOT_READY : error;
}

static int execute_ourselves(void)
{
	return execute("/proc/self/exe");
}

static int execute_others(void)
{
	return execute("/bin/true");
}

static int read_users(void) /* it is beneath /etc; the rights of the file decide */
{
	return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int read_root(void)
{
	return open("/root", O_RDONLY | O_DIRECTORY) < 0 ? errno : 0;
}

static const struct attempt {
	const char *name;
	int (*make)(void);
	int error;
} attempts[] = {
    {"to read the list", read_list, 0},
    {"to read what it links to", read_target, 0},
    {"to write it", write_list, EACCES},
    {"to remove it", remove_list, EACCES},
    {"to read others", read_others, EACCES},
    {"to read /root", read_root, EACCES},
    {"to look up a user", read_users, 0},
    {"to read what lies beside the control socket", read_control, EACCES},
    {"to start a helper", execute_ourselves, 0},
    {"to execute another program", execute_others, EACCES},
    {"to remove the control socket, which is the keeper's", remove_control, EACCES},
};

static int fenced(const void *arg)
{
	const struct attempt *a = arg;

	/* "/memfd:unit (deleted)" and its like are no reason to read "/". */
	if (mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, memfd_create("unit", 0), 0) ==
	    MAP_FAILED)
		return NOT_READY;
	return landlock_rules_apply(&s, "") == 0 ? a->make() : NOT_READY;
}

static int unfenced(const void *arg)
{
	s.unsafe_no_sandbox = true;
	return fenced(arg);
}

static void set_up(void)
{
	cr_assert(mkdtemp(folder));
	for (int i = 0; i < 8; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%s", folder, names[i]);
		if (i <= CONTROL_FOLDER)
			cr_assert_eq(mkdir(path[i], 0700), 0);
		else if (i == LIST)
			cr_assert_eq(symlink("../target/keys", path[i]), 0);
		else
			close(open(path[i], O_WRONLY | O_CREAT, 0600));
	}
	s = (struct settings){.allowlist = path[LIST], .control = path[CONTROL]};
}

static void tear_down(void)
{
	for (int i = OUTSIDE; i >= 0; i--)
		if (unlink(path[i]) != 0)
			rmdir(path[i]);
	rmdir(folder);
}

TestSuite(landlock_rules, .init = set_up, .fini = tear_down);

Test(landlock_rules, attempts)
{
	if (syscall(444, NULL, 0, 1) < 1) /* landlock_create_ruleset(2) */
		cr_skip("this kernel has no Landlock");
	if (confine_is_sanitized())
		cr_skip("a build with sanitizers is not confined");
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		int status = child(fenced, &attempts[i]);

		cr_expect(exited(status, attempts[i].error), "%s: status %#x", attempts[i].name,
			  status);
	}
}

Test(landlock_rules, not_for_debuggers)
{
	cr_expect(exited(child(unfenced, &attempts[4]), 0));
}
