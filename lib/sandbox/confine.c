// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process at its start, before it reads a peer's first byte: each takes away what it
 * will not need.  Nothing here gives anything back, and nothing reports success that was not
 * verified; the caller ends the process where a call fails.
 */
#include "confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sanitized.h"

/* So many descriptors are tried by number where neither close_range nor /proc can be had. */
enum { TRIED_BLINDLY = 16384 };

bool confine_is_sanitized(void)
{
	return SANITIZED;
}

int confine_demote(const char *user, uid_t uid, gid_t gid)
{
	uid_t r, e, s;

	if (uid == 0 || gid == 0) {
		errno = EINVAL;
		return -1;
	}
	if (initgroups(user, gid) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return -1;
	if (getresuid(&r, &e, &s) != 0 || r != uid || e != uid || s != uid || setuid(0) == 0 ||
	    getresgid(&r, &e, &s) != 0 || r != gid || e != gid || s != gid) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int confine_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	/* Ambient ones are a part of the permitted ones, and go with them. */
	return (int)syscall(SYS_capset, &header, none);
}

bool confine_has_capability(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[capability / 32].effective >> capability % 32 & 1);
}

int confine_process(pid_t parent)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
		errno = EPERM;
		return -1;
	}
	if (parent == 0)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return -1;
	if (getppid() != parent) { /* it died before it could be watched */
		errno = ESRCH;
		return -1;
	}
	return 0;
}

int confine_open_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

int confine_null(int fd)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int rc = null < 0 ? -1 : null == fd ? fcntl(fd, F_SETFD, 0) : dup2(null, fd);

	if (null >= 0 && null != fd)
		close(null);
	return rc < 0 ? -1 : 0;
}

int confine_null_stdio(void)
{
	return confine_null(0) < 0 || confine_null(1) < 0 || confine_null(2) < 0 ? -1 : 0;
}

static void let_go(int fd, unsigned flags)
{
	if (flags & CLOSE_RANGE_CLOEXEC)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	else
		close(fd);
}

/* A container may refuse close_range, and have a limit of 2^30 descriptors. */
int confine_close_from(int lowest, unsigned flags)
{
	struct rlimit l;
	struct dirent *e;
	DIR *dir;

	if (close_range((unsigned)lowest, ~0U, (int)flags) == 0)
		return 0;
	dir = opendir("/proc/self/fd");
	while (dir && (e = readdir(dir))) {
		const int fd = atoi(e->d_name); /* 0 for . and .. */

		if (fd >= lowest && fd != dirfd(dir))
			let_go(fd, flags);
	}
	if (dir)
		return closedir(dir);
	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return -1;
	if (l.rlim_max > TRIED_BLINDLY) {
		errno = ENOSYS;
		return -1;
	}
	for (int fd = lowest; fd < (int)l.rlim_max; fd++)
		let_go(fd, flags);
	return 0;
}

size_t confine_raise_nofile(void)
{
	struct rlimit l = {1024, 1024};

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		const rlim_t before = l.rlim_cur;

		l.rlim_cur = l.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &l) != 0)
			l.rlim_cur = before;
	}
	return (size_t)l.rlim_cur;
}

/* A hard limit that is lower already cannot be raised, and need not be. */
static int lower(int resource, rlim_t most)
{
	struct rlimit l;

	if (getrlimit(resource, &l) != 0)
		return -1;
	if (l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	return setrlimit(resource, &l);
}

int confine_files(size_t n)
{
	return lower(RLIMIT_NOFILE, n);
}

int confine_memory(size_t mib)
{
	if (SANITIZED || mib >= RLIM_INFINITY >> 20)
		return 0;
	return lower(RLIMIT_AS, (rlim_t)mib << 20);
}

void confine_oom_first(bool on)
{
	enum { FIRST = 500 }; /* of 1000 */
	static char before[16];
	static int fd = -1;
	char text[16];
	ssize_t n;

	if (fd < 0) {
		fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, before, sizeof(before) - 1);
		before[n > 0 ? n : 0] = '\0';
	}
	if (fd < 0 || atoi(before) >= FIRST)
		return;
	snprintf(text, sizeof(text), "%d", on ? FIRST : atoi(before));
	if (pwrite(fd, text, strlen(text), 0) < 0)
		return;
}

struct rule {
	int call;
	unsigned n;
	struct scmp_arg_cmp args[2];
};

/* clang-format off */
#define ALLOW(name)	   {SCMP_SYS(name), 0, {{0, SCMP_CMP_EQ, 0, 0}}}
#define ALLOW1(name, a)	   {SCMP_SYS(name), 1, {a}}
#define ALLOW2(name, a, b) {SCMP_SYS(name), 2, {a, b}}
#define IS(arg, value)	   {arg, SCMP_CMP_EQ, value, 0}
#define LACKS(arg, bits)   {arg, SCMP_CMP_MASKED_EQ, bits, 0}
/* clang-format on */

/* What a session may call; SECURITY.md lists the same calls.  So it makes no socket, file or
 * process, and passes no descriptor on: that needs sendmsg. */
/* clang-format off */
static const struct rule rules[] = {
    ALLOW(epoll_wait),                      /* libevent waits */
    ALLOW(epoll_pwait),                     /* the same, as newer C libraries call it */
    ALLOW(epoll_ctl),                       /* libevent adds and removes what it waits for */
    ALLOW(ppoll),                           /* poll(3): for the monitor, and for the last packets */
    ALLOW(clock_gettime),                   /* timers; only called where the vDSO is missing */
    ALLOW(gettimeofday),                    /* the same */
    ALLOW(time),                            /* the same */
    ALLOW(recvfrom),                        /* bytes of the SSH connection and of endpoints */
    ALLOW(recvmsg),                         /* the monitor's messages, with sockets */
    ALLOW1(sendto, IS(4, 0)),               /* an address would connect (MSG_FASTOPEN) */
    ALLOW(shutdown),                        /* passes a half-close on to the endpoint */
    ALLOW(close),                           /* the end of a channel and of the session */
    ALLOW2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_LINGER)),     /* an orderly end is no reset */
    ALLOW2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),  /* sends what waits for more */
    ALLOW2(getsockopt, IS(1, SOL_SOCKET), IS(2, SO_ERROR)),      /* libssh, after a poll error */
    ALLOW1(fcntl, IS(1, F_GETFL)),          /* O_NONBLOCK is looked at */
    ALLOW1(fcntl, IS(1, F_SETFL)),          /* and set */
    ALLOW(brk),                             /* malloc */
    ALLOW1(mmap, LACKS(2, PROT_EXEC)),      /* malloc; no new code */
    ALLOW1(mprotect, LACKS(2, PROT_EXEC)),  /* malloc; no page becomes code */
    ALLOW(munmap),                          /* free */
    ALLOW(mremap),                          /* realloc */
    ALLOW(madvise),                         /* malloc gives pages back */
    ALLOW(getpid),                          /* OpenSSL looks whether it was forked */
    ALLOW(getrandom),                       /* OpenSSL's random numbers */
    ALLOW(futex),                           /* OpenSSL's locks */
    ALLOW(rt_sigreturn),                    /* the watchdog's signal handler returns */
    ALLOW(restart_syscall),                 /* the kernel resumes a call after it */
    ALLOW(exit),                            /* the end */
    ALLOW(exit_group),                      /* the end of all threads */
#if SANITIZED /* what the run-time of a sanitizer calls; such a build is not for use */
    ALLOW(write),
    ALLOW(writev),
    ALLOW(gettid),
    ALLOW(tgkill),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigaction),
    ALLOW(sigaltstack),
    ALLOW(sched_yield),
    ALLOW(getrlimit),
    ALLOW(prlimit64),
    ALLOW(openat),
    ALLOW(read),
    ALLOW(readlink),
    ALLOW(readlinkat),
    ALLOW(newfstatat),
    ALLOW(fstat),
    ALLOW(lseek),
#endif
};
/* clang-format on */

int confine_syscalls(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < sizeof(rules) / sizeof(rules[0]); i++) {
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rules[i].call, rules[i].n,
					    rules[i].args);
		if (rc == -EDOM ||
		    rc == -EEXIST) /* not a call of this architecture; the same rule twice */
			rc = 0;
	}
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	errno = rc < 0 ? -rc : 0;
	return rc < 0 ? -1 : 0;
}
