// SPDX-License-Identifier: BSD-2-Clause
/*
 * For LD_PRELOAD: system calls and allocations that fail by rule.  The file that FAULTS names is a
 * page shared with the test (tests/e2e/faults.py): for each kind of fault its period (0: never),
 * the calls seen, the faults made; behind them by how many seconds the clock is wrong.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* In the order of faults.py. */
enum kind {
	ALLOC, /* once, at the call of that number; those of processes that were only forked count
		*/
	RECV_EINTR,
	RECV_EAGAIN,
	RECV_SHORT,
	SEND_EINTR,
	SEND_EAGAIN,
	SEND_SHORT,
	WAIT_EINTR,
	ACCEPT_EMFILE,
	SOCKET_EMFILE,
	FORK_EAGAIN,
	KINDS
};

static struct rule {
	_Atomic uint32_t every, seen, made;
} * rules;

enum { CLOCK_AT = 2048 };
static _Atomic int64_t *wrong;

static pid_t executed; /* FAULTS_FORKED: only its children that execute nothing are touched */
static void *program;  /* where it begins in memory: libssh takes EINTR and EAGAIN for the end */

#define REAL(name)                                                                                 \
	static __typeof__(&name) real;                                                             \
	if (!real)                                                                                 \
	real = (__typeof__(real))dlsym(RTLD_NEXT, #name)
#define OURS ours(__builtin_return_address(0))

static __attribute__((constructor)) void set_up(void)
{
	const char *path = getenv("FAULTS");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page = MAP_FAILED;
	Dl_info info;

	if (fd >= 0) {
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info))
		program = info.dli_fbase;
	executed = getenv("FAULTS_FORKED") ? getpid() : 0;
	if (page != MAP_FAILED) {
		rules = page;
		wrong = (_Atomic int64_t *)((char *)page + CLOCK_AT);
	}
}

static bool ours(void *caller)
{
	Dl_info info;

	return rules && dladdr(caller, &info) && info.dli_fbase == program;
}

static bool now(enum kind kind)
{
	const uint32_t every = rules ? rules[kind].every : 0;

	if (every == 0 || getpid() == executed)
		return false;
	const uint32_t n = ++rules[kind].seen;
	if (kind == ALLOC ? n != every : n % every != 0)
		return false;
	rules[kind].made++;
	return true;
}

static bool fails(enum kind kind, int error)
{
	if (!now(kind))
		return false;
	errno = error;
	return true;
}

static bool waits(int fd, int flags)
{
	return !(flags & MSG_DONTWAIT) && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static bool recv_fails(int fd, int flags)
{
	return fails(RECV_EINTR, EINTR) || (!waits(fd, flags) && fails(RECV_EAGAIN, EAGAIN));
}

static bool send_fails(int fd, int flags)
{
	return fails(SEND_EINTR, EINTR) || (!waits(fd, flags) && fails(SEND_EAGAIN, EAGAIN));
}

static size_t shorter(enum kind kind, size_t n)
{
	return n > 1 && now(kind) ? 1 + n / 3 : n;
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
	REAL(recv);
	return OURS && recv_fails(fd, flags) ? -1 : real(fd, p, shorter(RECV_SHORT, n), flags);
}

ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags)
{
	REAL(__recv_chk);
	return OURS && recv_fails(fd, flags) ? -1
					     : real(fd, p, shorter(RECV_SHORT, n), room, flags);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	REAL(recvmsg);
	return OURS && recv_fails(fd, flags) ? -1 : real(fd, m, flags);
}

/* A message has no length that could be cut. */
static bool is_stream(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	REAL(send);
	if (OURS && send_fails(fd, flags))
		return -1;
	return real(fd, p, is_stream(fd) ? shorter(SEND_SHORT, n) : n, flags);
}

/* What recv and send of a program that links libssh become; MSG_DONTWAIT: not libssh's own calls in
 * a self-test. */
ssize_t recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *from, socklen_t *len)
{
	REAL(recvfrom);
	if (!(flags & MSG_DONTWAIT) || !OURS || !is_stream(fd))
		return real(fd, p, n, flags, from, len);
	return recv_fails(fd, flags) ? -1 : real(fd, p, shorter(RECV_SHORT, n), flags, from, len);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
	REAL(sendto);
	if (!(flags & MSG_DONTWAIT) || !OURS || !is_stream(fd))
		return real(fd, p, n, flags, to, len);
	return send_fails(fd, flags) ? -1 : real(fd, p, shorter(SEND_SHORT, n), flags, to, len);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	REAL(sendmsg);
	return OURS && send_fails(fd, flags) ? -1 : real(fd, m, flags);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
	REAL(epoll_wait);
	return fails(WAIT_EINTR, EINTR) ? -1 : real(fd, events, n, ms);
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	REAL(poll);
	return OURS && fails(WAIT_EINTR, EINTR) ? -1 : real(fds, n, ms);
}

int accept4(int fd, struct sockaddr *a, socklen_t *size, int flags)
{
	REAL(accept4);
	return fails(ACCEPT_EMFILE, EMFILE) ? -1 : real(fd, a, size, flags);
}

int socket(int domain, int type, int protocol)
{
	REAL(socket);
	return OURS && fails(SOCKET_EMFILE, EMFILE) ? -1 : real(domain, type, protocol);
}

pid_t fork(void)
{
	REAL(fork);
	return OURS && fails(FORK_EAGAIN, EAGAIN) ? -1 : real();
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	REAL(clock_gettime);
	const int rc = real(clock, t);

	if (rc == 0 && wrong && clock == CLOCK_REALTIME)
		t->tv_sec += *wrong;
	return rc;
}

time_t time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	struct itimerspec real_at = *at;

	REAL(timerfd_settime);
	if (wrong && (flags & TFD_TIMER_ABSTIME))
		real_at.it_value.tv_sec -= *wrong;
	return real(fd, flags, &real_at, old);
}

/* Ours call these (lib/alloc.c). */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *__libc_malloc(size_t size)
{
	REAL(__libc_malloc);
	return fails(ALLOC, ENOMEM) ? NULL : real(size);
}

void *__libc_calloc(size_t n, size_t size)
{
	REAL(__libc_calloc);
	return fails(ALLOC, ENOMEM) ? NULL : real(n, size);
}

void *__libc_realloc(void *p, size_t size)
{
	REAL(__libc_realloc);
	return fails(ALLOC, ENOMEM) ? NULL : real(p, size);
}
