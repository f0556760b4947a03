// SPDX-License-Identifier: BSD-2-Clause
/* The session's system call list, call by call. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "confine.h"

enum { STREAM = 200, PEER, TCP, EPOLL, PAGE = 4096 }; /* descriptors that the calls may name */

static _Alignas(65536) char page[65536];
static char byte[1];
static struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/nonexistent"};
static struct iovec iov = {byte, 1};
static struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
static struct pollfd polled = {.fd = STREAM, .events = POLLOUT};
static struct epoll_event event = {.events = EPOLLIN};
static struct timespec spec;
static struct timeval val;
static struct linger linger;
static int number;
static socklen_t length = sizeof(number);
static char *const no_args[] = {NULL};

static void set_up(void)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	cr_assert_eq(dup2(pair[0], STREAM), STREAM);
	cr_assert_eq(dup2(pair[1], PEER), PEER);
	cr_assert_eq(dup2(socket(AF_INET, SOCK_STREAM, 0), TCP), TCP);
	cr_assert_eq(dup2(epoll_create1(0), EPOLL), EPOLL);
}

TestSuite(confine_syscalls, .init = set_up);

struct call {
	const char *name;
	long number;
	long a[6];
	int error;	/* allowed ones: what it gives here */
	bool sanitizer; /* allowed when a sanitizer is built in */
};

#define CALL(name, ...)                                                                            \
	{                                                                                          \
#name, SYS_##name, {__VA_ARGS__ }, 0, false                                        \
	}
#define SANITIZER(name, ...)                                                                       \
	{                                                                                          \
#name, SYS_##name, {__VA_ARGS__ }, 0, true                                         \
	}
#define FAILS(e, name, ...)                                                                        \
	{                                                                                          \
#name, SYS_##name, {__VA_ARGS__ }, e, false                                        \
	}
#define P(pointer) ((long)(pointer))

static const struct call forbidden[] = {
    /* to make or take a socket, or to send one away */
    CALL(socket, AF_INET, SOCK_STREAM, 0),
    CALL(socket, AF_NETLINK, SOCK_RAW, 0),
    CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, P(page)),
    CALL(connect, TCP, P(&un), sizeof(un)),
    CALL(bind, TCP, P(&un), sizeof(un)),
    CALL(listen, TCP, 1),
    CALL(accept, TCP, 0, 0),
    CALL(accept4, TCP, 0, 0, 0),
    CALL(sendmsg, STREAM, P(&msg), 0),
    CALL(sendmmsg, STREAM, P(page), 1, 0),
    CALL(recvmmsg, STREAM, P(page), 1, MSG_DONTWAIT, 0),
    CALL(sendto, STREAM, P(byte), 1, 0, P(&un), sizeof(un)),
    CALL(sendto, TCP, P(byte), 1, MSG_FASTOPEN, P(&un), sizeof(un)),
    CALL(getpeername, STREAM, P(page), P(&length)),
    CALL(setsockopt, STREAM, SOL_SOCKET, SO_RCVBUF, P(&number), sizeof(number)),
    CALL(setsockopt, TCP, IPPROTO_TCP, TCP_KEEPIDLE, P(&number), sizeof(number)),
    CALL(setsockopt, TCP, IPPROTO_TCP, TCP_ULP, P("tls"), 3),
    CALL(setsockopt, STREAM, SOL_SOCKET, SO_ATTACH_FILTER, P(page), 16),
    CALL(setsockopt, TCP, SOL_SOCKET, SO_RCVLOWAT, P(&number), sizeof(number)),
    CALL(setsockopt, TCP, IPPROTO_TCP, TCP_CORK, P(&number), sizeof(number)),
    /* of the same number as SO_LINGER, on another level */
    CALL(setsockopt, TCP, IPPROTO_TCP, SO_LINGER, P(page), 4),
    CALL(setsockopt, TCP, IPPROTO_IP, SO_LINGER, P(page), 4),
    CALL(getsockopt, STREAM, SOL_SOCKET, SO_PEERCRED, P(page), P(&length)),
    CALL(getsockopt, STREAM, SOL_SOCKET, SO_TYPE, P(&number), P(&length)),
    CALL(getsockopt, TCP, IPPROTO_TCP, SO_ERROR, P(&number), P(&length)),
    /* files and descriptors */
    SANITIZER(openat, AT_FDCWD, P("/dev/null"), O_RDONLY),
    SANITIZER(read, STREAM, P(byte), 1),
    SANITIZER(write, STREAM, P(byte), 1),
    SANITIZER(writev, STREAM, P(&iov), 1),
    SANITIZER(lseek, STREAM, 0, 0),
    SANITIZER(readlinkat, AT_FDCWD, P("/proc/self/exe"), P(page), PAGE),
    CALL(readv, STREAM, P(&iov), 1),
    CALL(sendfile, STREAM, PEER, 0, 1),
    CALL(splice, STREAM, 0, PEER, 0, 1, 0),
    CALL(openat2, AT_FDCWD, P("/dev/null"), P(page), 24),
    CALL(open_by_handle_at, AT_FDCWD, P(page), 0),
    CALL(memfd_create, P("m"), 0),
    CALL(unlinkat, AT_FDCWD, P("/nonexistent"), 0),
    CALL(dup, STREAM),
    CALL(dup3, STREAM, 210, 0),
    CALL(pipe2, P(page), 0),
    CALL(ioctl, STREAM, 0x541b, P(&number)),
    CALL(fcntl, STREAM, F_SETOWN, 1),
    CALL(fcntl, STREAM, F_SETSIG, SIGKILL),
    CALL(fcntl, STREAM, F_DUPFD, 210),
    CALL(fcntl, STREAM, F_DUPFD_CLOEXEC, 210),
    CALL(fcntl, STREAM, F_SETFD, 0),
    CALL(fcntl, STREAM, F_SETPIPE_SZ, PAGE),
    CALL(epoll_create1, 0),
#ifdef SYS_poll
    CALL(poll, P(&polled), 1, 0),
#endif
    CALL(io_uring_setup, 1, P(page)),
    CALL(inotify_init1, 0),
    /* code and processes */
    CALL(execve, P("/bin/true"), P(no_args), P(no_args)),
    CALL(execveat, AT_FDCWD, P("/bin/true"), P(no_args), P(no_args), 0),
    CALL(clone, SIGCHLD, 0, 0, 0, 0),
    CALL(clone, CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0),
    CALL(clone3, P(page), 64),
    CALL(unshare, CLONE_NEWUSER),
    CALL(setns, STREAM, 0),
    CALL(mmap, 0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    CALL(mmap, 0, PAGE, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    CALL(mprotect, P(page), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC),
    CALL(mprotect, P(page), PAGE, PROT_EXEC),
    CALL(pkey_mprotect, P(page), PAGE, PROT_EXEC, -1),
    CALL(shmat, 0, 0, 0),
    CALL(process_vm_readv, 1, P(&iov), 1, P(&iov), 1, 0),
    CALL(ptrace, PTRACE_TRACEME, 0, 0, 0),
    CALL(ptrace, PTRACE_ATTACH, 1, 0, 0),
    CALL(kill, 0, 0),
    CALL(kill, 1, 0),
    CALL(tkill, 1, 0),
    SANITIZER(tgkill, 1, 1, 0),
    CALL(pidfd_open, 1, 0),
    CALL(pidfd_send_signal, STREAM, 0, 0, 0),
    CALL(wait4, -1, 0, WNOHANG, 0),
    /* rights and limits */
    SANITIZER(prlimit64, 0, RLIMIT_NOFILE, 0, P(page)),
    SANITIZER(rt_sigaction, SIGTERM, 0, 0, 8),
    CALL(setrlimit, RLIMIT_NOFILE, P(page)),
    CALL(prctl, PR_SET_DUMPABLE, 1),
    CALL(prctl, PR_SET_PDEATHSIG, 0),
    CALL(seccomp, 0, 0, 0),
    CALL(setuid, 0),
    CALL(setgroups, 0, 0),
    CALL(capset, P(page), P(page)),
    CALL(personality, 0x0400000),
    CALL(chroot, P("/")),
    CALL(mount, 0, P("/"), 0, 0, 0),
    CALL(bpf, 0, P(page), 16),
    CALL(keyctl, 0, 0, 0),
    CALL(perf_event_open, P(page), 0, -1, -1, 0),
    CALL(userfaultfd, 0),
    CALL(sched_setaffinity, 0, 8, P(page)),
    CALL(uname, P(page)),
#ifdef SYS_open /* the older calls of x86-64 */
    CALL(open, P("/dev/null"), O_RDONLY),
    CALL(creat, P("/nonexistent/x"), 0600),
    CALL(unlink, P("/nonexistent")),
    CALL(stat, P("/"), P(page)),
    CALL(fork, 0),
    CALL(vfork, 0),
    CALL(dup2, STREAM, 210),
    CALL(pipe, P(page)),
    {"getpid of the x32 ABI", SYS_getpid | 0x40000000, {0}, 0, false},
#endif
    {"a call that is not there", 4000, {0}, 0, false},
};

static const struct call allowed[] = {
    CALL(epoll_pwait, EPOLL, P(page), 1, 0, 0, 8),
    CALL(epoll_ctl, EPOLL, EPOLL_CTL_ADD, STREAM, P(&event)),
    CALL(ppoll, P(&polled), 1, P(&spec), 0, 8),
    CALL(clock_gettime, CLOCK_MONOTONIC, P(&spec)),
    CALL(gettimeofday, P(&val), 0),
    FAILS(EAGAIN, recvfrom, STREAM, P(byte), 1, MSG_DONTWAIT, 0, 0),
    FAILS(EAGAIN, recvmsg, STREAM, P(&msg), MSG_DONTWAIT),
    CALL(sendto, STREAM, P(byte), 1, MSG_NOSIGNAL, 0, 0),
    CALL(shutdown, STREAM, SHUT_WR),
    CALL(close, STREAM),
    CALL(setsockopt, TCP, SOL_SOCKET, SO_LINGER, P(&linger), sizeof(linger)),
    CALL(setsockopt, TCP, IPPROTO_TCP, TCP_NODELAY, P(&number), sizeof(number)),
    CALL(getsockopt, STREAM, SOL_SOCKET, SO_ERROR, P(&number), P(&length)),
    CALL(fcntl, STREAM, F_GETFL),
    CALL(fcntl, STREAM, F_SETFL, O_NONBLOCK),
    CALL(brk, 0),
    CALL(mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    CALL(mprotect, P(page), sizeof(page), PROT_READ),
    CALL(munmap, P(page), sizeof(page)),
    CALL(mremap, P(page), sizeof(page), sizeof(page) / 2, 0),
    CALL(madvise, P(page), sizeof(page), MADV_DONTNEED),
    CALL(getpid, 0),
    CALL(getrandom, P(byte), 1, 0),
    CALL(futex, P(&number), FUTEX_WAKE, 1),
    CALL(exit, 0),
    CALL(exit_group, 0),
#ifdef SYS_poll
    CALL(epoll_wait, EPOLL, P(page), 1, 0),
    CALL(time, 0),
#endif
};

static int confined(void)
{
	return confine_process(0) == 0 && confine_syscalls() == 0 ? 0 : NOT_READY;
}

static int make_call(const void *arg)
{
	const struct call *c = arg;
	const long *a = c->a;

	if (confined() != 0)
		return NOT_READY;
	return syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]) == -1 ? errno : 0;
}

Test(confine_syscalls, every_forbidden_call_ends_the_process)
{
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
		const struct call *c = &forbidden[i];
		int status;

		if (c->sanitizer && confine_is_sanitized())
			continue;
		status = child(make_call, c);
		cr_expect(killed(status, SIGSYS), "%s(%ld, %ld, %ld, ...): status %#x", c->name,
			  c->a[0], c->a[1], c->a[2], status);
	}
}

Test(confine_syscalls, every_allowed_call_works)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
		int status = child(make_call, &allowed[i]);

		cr_expect(exited(status, allowed[i].error), "%s: status %#x", allowed[i].name,
			  status);
	}
}

#ifdef __x86_64__
static int call_by_gate(const void *arg)
{
	long result = 20; /* getpid(2) of i386, whose numbers the list does not speak of */

	if (confined() == 0)
		__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

/* SIGSEGV where the kernel has no such gate. */
Test(confine_syscalls, the_32_bit_gate_is_shut)
{
	int status = child(call_by_gate, NULL);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM, "status %#x", status);
}
#endif

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
	ticks++;
}

static int take_signals(const void *arg)
{
	const struct itimerval often = {{0, 2000}, {0, 2000}};
	struct sigaction action = {.sa_handler = on_tick};

	if (sigaction(SIGPROF, &action, NULL) != 0 || setitimer(ITIMER_PROF, &often, NULL) != 0 ||
	    confined() != 0)
		return NOT_READY;
	ticks = 0;
	while (ticks < 3)
		; /* ITIMER_PROF counts what we burn */
	return 0;
}

Test(confine_syscalls, a_signal_handler_returns)
{
	cr_expect(exited(child(take_signals, NULL), 0));
}
