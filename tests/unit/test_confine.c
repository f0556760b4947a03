// SPDX-License-Identifier: BSD-2-Clause
/* Privileges, limits and descriptors; test_confine_syscalls.c has the system calls. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "child.h"
#include "confine.h"

/* In steps of 1 MiB, of every kind that there is. */
static int map_all(const void *arg)
{
	const size_t limit = (size_t)512 << 20, step = 1 << 20;
	const int kinds[] = {MAP_PRIVATE, MAP_SHARED};
	const struct rlimit more = {2 * limit, 2 * limit};
	struct rlimit l;
	size_t got = 0;

	if (confine_drop_capabilities() != 0 || confine_memory(limit >> 20) != 0 ||
	    getrlimit(RLIMIT_AS, &l) != 0)
		return NOT_READY;
	if (l.rlim_cur != limit || l.rlim_max != limit)
		return 1;
	if (setrlimit(RLIMIT_AS, &more) == 0)
		return 2;
	for (size_t i = 0; i < 2; i++)
		while (mmap(NULL, step, PROT_READ | PROT_WRITE, kinds[i] | MAP_ANONYMOUS, -1, 0) !=
		       MAP_FAILED)
			got += step;
	return got > 0 && got <= limit ? 0 : 3;
}

Test(confine, memory)
{
	const int status = child(map_all, NULL);

	if (confine_is_sanitized())
		return;
	cr_expect(exited(status, 0), "status %#x", status);
}

static int score(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "r");
	int n = -1;

	cr_assert(f && fscanf(f, "%d", &n) == 1 && fclose(f) == 0);
	return n;
}

static int look_at_score(const void *arg)
{
	return score() == *(const int *)arg ? 0 : 1;
}

Test(confine, only_children_between_the_calls_go_first)
{
	const int before = score(), first = before > 500 ? before : 500;

	confine_oom_first(false);
	confine_oom_first(true);
	cr_expect(exited(child(look_at_score, &first), 0));
	confine_oom_first(false);
	cr_expect_eq(score(), before);
	cr_expect(exited(child(look_at_score, &before), 0));
}

static int look_at_self(const void *arg)
{
	struct rlimit core = {1, 1};

	if (confine_process(0) != 0 || getrlimit(RLIMIT_CORE, &core) != 0)
		return NOT_READY;
	return (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1) |
	       (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 2) |
	       (core.rlim_cur == 0 && core.rlim_max == 0 ? 0 : 4);
}

Test(confine, process)
{
	int status = child(look_at_self, NULL);

	cr_expect(exited(status, 0), "status %#x", status);
}

static int claim_another_parent(const void *arg)
{
	return confine_process(getpid()) == -1 ? errno : 0;
}

Test(confine, a_parent_that_is_gone_is_refused)
{
	int status = child(claim_another_parent, NULL);

	cr_expect(exited(status, ESRCH), "status %#x", status);
}

/* A parent that leaves once its child is confined; the child would run into its alarm. */
static int leave_a_child(const void *arg)
{
	const pid_t parent = getpid();
	char ok = 0;
	int ready[2];

	if (pipe(ready) != 0)
		return NOT_READY;
	if (fork() == 0) {
		alarm(10);
		ok = confine_process(parent) == 0;
		if (write(ready[1], &ok, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	return read(ready[0], &ok, 1) == 1 && ok ? 0 : NOT_READY;
}

Test(confine, dies_with_its_parent)
{
	int status = 0;

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	cr_assert(exited(child(leave_a_child, NULL), 0));
	cr_assert_gt(waitpid(-1, &status, 0), 0, "the orphan comes to us");
	cr_expect(killed(status, SIGKILL), "status %#x", status);
}

static int demote(const void *arg)
{
	const struct passwd *pw = arg;
	gid_t groups[64];
	int n;

	if (confine_demote("nobody", pw->pw_uid, pw->pw_gid) != 0)
		return NOT_READY;
	n = getgroups(64, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == 0)
			return 1;
	if (getuid() != pw->pw_uid || geteuid() != pw->pw_uid || getgid() != pw->pw_gid ||
	    getegid() != pw->pw_gid)
		return 2;
	if (setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0)
		return 3;
	return setgid(0) == 0 || setgroups(0, NULL) == 0 || open("/etc/shadow", O_RDONLY) >= 0 ? 4
											       : 0;
}

static int demote_to_root(const void *arg)
{
	const uid_t *ids = arg;
	const int rc = confine_demote("root", ids[0], ids[1]), e = errno;

	return rc == 0 ? 0 : geteuid() == 0 && getegid() == 0 ? e : NOT_READY;
}

Test(confine, demote)
{
	static const uid_t refused[][2] = {{0, 0}, {0, 65534}, {65534, 0}};
	const struct passwd *pw = getpwnam("nobody");
	int status;

	if (geteuid() != 0)
		cr_skip("only root can give up root");
	cr_assert(pw);
	status = child(demote, pw);
	cr_expect(exited(status, 0), "status %#x", status);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		status = child(demote_to_root, refused[i]);
		cr_expect(exited(status, EINVAL), "%zu: status %#x", i, status);
	}
}

static int demote_unprivileged(const void *arg)
{
	const struct passwd *pw = arg;

	if (geteuid() == 0 && (setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0))
		return NOT_READY;
	return confine_demote("nobody", geteuid() + 1, getegid() + 1) == -1 ? errno : 0;
}

Test(confine, only_root_can_demote)
{
	int status = child(demote_unprivileged, getpwnam("nobody"));

	cr_expect(exited(status, EPERM), "status %#x", status);
}

static int drop_capabilities(const void *arg)
{
	char line[128];
	bool none = true;
	FILE *status;

	if (geteuid() == 0 && setpriority(PRIO_PROCESS, 0, -1) != 0)
		return NOT_READY;
	if (confine_drop_capabilities() != 0)
		return 1;
	status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, "CapInh:", 7) == 0 || strncmp(line, "CapPrm:", 7) == 0 ||
		    strncmp(line, "CapEff:", 7) == 0 || strncmp(line, "CapAmb:", 7) == 0)
			none = none && strtoull(line + 7, NULL, 16) == 0;
	}
	return status && none && setpriority(PRIO_PROCESS, 0, -2) != 0 ? 0 : 2;
}

static int null_stdio(const void *arg)
{
	struct stat st;

	close(0); /* the one that open(2) gives again */
	if (confine_null_stdio() != 0)
		return NOT_READY;
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) != 0 || st.st_rdev != makedev(1, 3))
			return 1 + fd;
	return fcntl(0, F_GETFL) == -1 || (fcntl(0, F_GETFL) & O_ACCMODE) != O_RDWR ? 4 : 0;
}

static int close_from(const void *arg)
{
	for (int fd = 200; fd <= 203; fd++)
		if (dup2(STDIN_FILENO, fd) < 0)
			return NOT_READY;
	if (confine_close_from(201, 0) != 0)
		return NOT_READY;
	for (int fd = 201; fd <= 203; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			return fd;
	return fcntl(200, F_GETFD) == -1 ? 1 : 0;
}

enum { FAR = 1000 }; /* no test has so many descriptors */

/* As a container does: no close_range, here also no /proc; who tries descriptors beyond FAR dies.
 */
static bool refuse_calls(bool proc)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	return ctx && seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(close_range), 0) == 0 &&
	       (proc || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(openat), 0) == 0) &&
	       seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(close), 1,
				SCMP_A0(SCMP_CMP_GE, FAR, 0)) == 0 &&
	       seccomp_load(ctx) == 0;
}

static const struct {
	bool proc;
	rlim_t limit;
	bool refused;
	unsigned flags;
} close_cases[] = {{true, 16385, false, 0}, {true, 16385, false, CLOSE_RANGE_CLOEXEC},
		   {false, 500, false, 0},  {false, 500, false, CLOSE_RANGE_CLOEXEC},
		   {false, 16385, true, 0}, {false, 16385, true, CLOSE_RANGE_CLOEXEC}};

static int close_without_close_range(const void *arg)
{
	const size_t i = *(const size_t *)arg;
	const struct rlimit l = {close_cases[i].limit, close_cases[i].limit};
	const bool can = setrlimit(RLIMIT_NOFILE, &l) == 0;

	for (int fd = 200; fd <= 400; fd++)
		if (dup2(STDIN_FILENO, fd) < 0)
			return NOT_READY;
	if (!can && errno == EPERM)
		return 0; /* the hard limit here is lower */
	if (!can || !refuse_calls(close_cases[i].proc))
		return NOT_READY;
	if ((confine_close_from(201, close_cases[i].flags) != 0) != close_cases[i].refused)
		return 1;
	for (int fd = 201; fd <= 400 && !close_cases[i].refused; fd++)
		if (fcntl(fd, F_GETFD) != (close_cases[i].flags ? FD_CLOEXEC : -1))
			return 2;
	return fcntl(200, F_GETFD) != 0 ? 3 : 0;
}

Test(confine, a_billion_descriptors_are_not_tried)
{
	for (size_t i = 0; i < sizeof(close_cases) / sizeof(*close_cases); i++) {
		int status = child(close_without_close_range, &i);

		cr_expect(exited(status, 0), "%zu: status %#x", i, status);
	}
}

static int raise_nofile(const void *arg)
{
	struct rlimit l = {64, 96};

	if (setrlimit(RLIMIT_NOFILE, &l) != 0 || confine_raise_nofile() != 96 ||
	    confine_raise_nofile() != 96)
		return 1;
	return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 96 ? 0 : 2;
}

/* Without the right to raise it: fewer stay fewer. */
static int limit_files(const void *arg)
{
	struct rlimit l = {64, 96};

	if (setrlimit(RLIMIT_NOFILE, &l) != 0 || drop_capabilities(NULL) != 0)
		return 1;
	if (confine_files(1000) != 0 || getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur != 96)
		return 2;
	return confine_files(80) == 0 && getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 80 &&
		       l.rlim_max == 80
		   ? 0
		   : 3;
}

Test(confine, capabilities_and_descriptors)
{
	static int (*const cases[])(const void *) = {drop_capabilities, null_stdio, close_from,
						     raise_nofile, limit_files};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int status = child(cases[i], NULL);

		cr_expect(exited(status, 0), "%zu: status %#x", i, status);
	}
}
