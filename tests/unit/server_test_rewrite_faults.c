// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "list.h"

TestSuite(rewrite_faults, .init = set_up, .fini = tear_down);

/* ---- the calls that change anything: the one numbered fail_at fails, or is the last ---- */

static int calls, fail_at;
static enum { WORKS, FAILS, DIES } then;

static char trace[64]; /* one letter a call, written bytes as one */

static bool failing(char call)
{
	size_t n = strlen(trace);

	if (n < sizeof(trace) - 1 && (n == 0 || trace[n - 1] != call))
		trace[n] = call;
	if (then == WORKS || ++calls != fail_at)
		return false;
	if (then == DIES)
		raise(SIGKILL);
	errno = EIO;
	return true;
}

/* Only of files: the test runner writes, too.  Short writes are normal. */
ssize_t write(int fd, const void *buf, size_t n)
{
	struct stat st;
	const bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	return file && failing('w') ? -1 : syscall(SYS_write, fd, buf, file && n > 7 ? 7 : n);
}

int fsync(int fd)
{
	struct stat st;
	const bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	return failing(folder ? 'F' : 'f') ? -1 : (int)syscall(SYS_fsync, fd);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	return failing('o') ? -1 : (int)syscall(SYS_fchown, fd, uid, gid);
}

int fchmod(int fd, mode_t mode)
{
	return failing('m') ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int renameat(int from, const char *old, int to, const char *new)
{
	return failing('r') ? -1 : (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

/* ---- the end at any point ---- */

#define OLD K1 "\n# kept\n" K2
#define NEW "# kept\n" K2 "\n" K3 "\n"

static int change_once(const void *arg)
{
	struct rewrite *r = open_list();

	if (!r)
		return NOT_READY;
	rewrite_remove(r, 1);
	rewrite_append(r, K3);
	return change(r) == 0 ? 0 : 1;
}

static bool left_over(void)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/.list.new", dir);
	return access(name, F_OK) == 0;
}

Test(rewrite_faults, killed_at_any_point)
{
	int status = -1, before = 0, after = 0;

	for (fail_at = 1; !exited(status, 0); fail_at++) {
		then = DIES;
		put(path, OLD, sizeof(OLD) - 1);
		status = child(change_once, NULL);
		cr_assert(exited(status, 0) || killed(status, SIGKILL), "call %d: %d", fail_at,
			  status);
		expect_owner(path, 0644, geteuid(), getegid());
		before += !strcmp(get(), OLD);
		after += !strcmp(get(), NEW);
		cr_expect_eq(before + after, fail_at, "call %d: %s", fail_at, get());
		/* What it left is in nobody's way. */
		if (!killed(status, SIGKILL))
			break;
		put(path, OLD, sizeof(OLD) - 1);
		then = WORKS;
		cr_expect(exited(child(change_once, NULL), 0), "after call %d", fail_at);
		cr_expect_str_eq(get(), NEW, "after call %d", fail_at);
	}
	cr_expect_gt(before, 4, "%d", before);
	cr_expect_eq(after, 2, "killed before the folder is synced, and done: %d", after);
}

Test(rewrite_faults, failing_at_any_point)
{
	int status = 1, failed = 0;

	then = FAILS;
	for (fail_at = 1; !exited(status, 0); fail_at++, failed++) {
		put(path, OLD, sizeof(OLD) - 1);
		status = child(change_once, NULL);
		cr_assert(exited(status, 0) || exited(status, 1) || exited(status, NOT_READY),
			  "call %d: %d", fail_at, status);
		cr_expect_str_eq(get(), exited(status, 0) ? NEW : OLD, "call %d", fail_at);
		cr_expect_not(left_over(), "call %d", fail_at);
	}
	cr_expect_gt(failed, 5, "%d", failed);
}

/* A lock made by root is given to the list's owner first.  The new file is on the disk before it
 * gets the name, and the name after. */
Test(rewrite_faults, order)
{
	put(path, OLD, sizeof(OLD) - 1);
	cr_expect_eq(change_once(NULL), 0);
	cr_expect_str_eq(trace + (geteuid() == 0), "womfrF");
}

/* ---- others at the same time ---- */

enum { WRITERS = 8, ROUNDS = 20 };

static void add_keys(unsigned writer)
{
	char line[128];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rewrite *r = open_list();

		if (!r)
			_exit(2);
		snprintf(line, sizeof(line), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA%042u w%u",
			 writer * 1000 + i, writer);
		rewrite_append(r, line);
		if (change(r) < 0)
			_exit(3);
	}
	_exit(0);
}

Test(rewrite_faults, writers_at_once_lose_nothing)
{
	struct rewrite *r = NULL;
	int status = 0;

	put(path, "# first\n", 8);
	for (unsigned i = 0; i < WRITERS; i++)
		if (fork() == 0)
			add_keys(i);
	for (unsigned i = 0; i < WRITERS; i++) {
		cr_assert_gt(wait(&status), 0);
		cr_expect(exited(status, 0), "%d", status);
	}
	r = open_list();
	cr_assert(r, "%s", faults);
	cr_expect_eq(allowlist_count(rewrite_list(r)), WRITERS * ROUNDS);
	cr_expect_eq(strncmp(get(), "# first\n", 8), 0);
	rewrite_close(r);
}
