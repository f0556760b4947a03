// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "address.h"
#include "dial.h"
#include "dialler.h"
#include "fds.h"
#include "launch_check.h"
#include "message.h"

enum { UNIX, ABSTRACT, TCP4, TCP6, ENDPOINTS };
enum { FILLERS = 8 };

static const struct address no_source;

static char dir[] = "/tmp/sshipc-dialler-XXXXXX";
static char path[64];
static const struct launch_user here = {0};
static struct endpoint endpoints[ENDPOINTS];
static struct event_base *base;
static size_t fds_before;
static int timeout = 10; /* seconds */

struct answer {
	int calls, fd, error;
};

/* A helper is this program, executed anew. */
__attribute__((constructor)) static void be_helper(int argc, char **argv)
{
	static const char title[] = "sshipc-server: ";
	const size_t n = sizeof(title) - 1;

	if (argc == 1 && strncmp(argv[0], title, n) == 0)
		dialler_main(argv[0] + n);
}

static void set_up(void)
{
	char abstract[64];

	cr_assert(mkdtemp(dir));
	cr_assert_eq(chmod(dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(abstract, sizeof(abstract), "@%s", dir);
	cr_assert_null(address_parse(path, 0, &endpoints[UNIX].address));
	cr_assert_null(address_parse(abstract, 0, &endpoints[ABSTRACT].address));
	cr_assert_null(address_parse("127.0.0.1:0", ADDRESS_PORT_0_OK, &endpoints[TCP4].address));
	cr_assert_null(address_parse("[::1]:0", ADDRESS_PORT_0_OK, &endpoints[TCP6].address));
	fds_before = count_fds();
	base = event_base_new();
	cr_assert(base);
}

static void tear_down(void)
{
	event_base_free(base);
	check_at_end(count_fds() == fds_before, "descriptors leaked");
	unlink(path);
	check_at_end(rmdir(dir) == 0, "a file was left behind");
}

TestSuite(dialler, .init = set_up, .fini = tear_down, .timeout = 60);

/* Bound to endpoint i, whose port is then known; listening unless backlog is negative. */
static int bound(int i, int backlog)
{
	struct address *a = &endpoints[i].address;
	const int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a->sa, a->len), 0, "%s", strerror(errno));
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a->sa, &a->len), 0);
	if (i == UNIX)
		cr_assert_eq(chmod(path, 0666), 0);
	if (backlog >= 0)
		cr_assert_eq(listen(fd, backlog), 0);
	return fd;
}

static void on_done(void *arg, int fd, int error)
{
	struct answer *a = arg;

	a->calls++;
	a->fd = fd;
	a->error = error;
	event_base_loopbreak(base);
}

static bool restart;

static bool on_lost(void *arg, const struct launch_user *user, int code, const char *text)
{
	(*(int *)arg)++;
	event_base_loopbreak(base);
	return restart;
}

static struct dialler *new_dialler(const struct launch_user *user, int *lost)
{
	const struct dialler_setup setup = {.endpoints = endpoints,
					    .n = ENDPOINTS,
					    .timeout = timeout,
					    .user = user,
					    .lost = on_lost,
					    .arg = lost};
	struct dialler *d = dialler_new(base, &setup);

	cr_assert(d, "%s", strerror(errno));
	return d;
}

static void wait_for(const int *count)
{
	while (*count == 0)
		cr_assert_eq(event_base_loop(base, EVLOOP_ONCE), 0, "nothing to wait for");
}

/* Dials and waits.  The socket, or -1. */
static int dial(struct dialler *d, int i, int error)
{
	struct answer a = {.fd = -1, .error = -1};
	const bool under_way = dialler_dial(d, (size_t)i, &no_source, on_done, &a) != NULL;

	cr_expect_eq(a.calls, under_way ? 0 : 1, "%d: %d reports", i, a.calls);
	wait_for(&a.calls);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(a.calls, 1, "%d: %d reports", i, a.calls);
	cr_expect_eq(a.error, error, "%d: %s", i, strerror(a.error));
	cr_expect_eq(a.fd >= 0, error == 0, "%d", i);
	return a.fd;
}

/* That fd is what the listener then accepts.  Closes both; tells who came. */
static struct ucred check_connected(int listener, int fd)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);
	const int peer = accept(listener, NULL, NULL);
	char c = 0;

	cr_assert_geq(peer, 0);
	cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	cr_expect_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	cr_expect_eq(recv(peer, &c, 1, 0), 1);
	getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	close(fd);
	close(peer);
	return cred;
}

Test(dialler, connects)
{
	struct dialler *d = new_dialler(&here, NULL);

	for (int i = 0; i < ENDPOINTS; i++) {
		int listener;

		if (i == TCP6 && access("/proc/net/if_inet6", R_OK) != 0)
			continue;
		listener = bound(i, 4);
		check_connected(listener, dial(d, i, 0));
		close(listener);
	}
	dialler_free(d);
}

static void no_file(void)
{
}

static void a_folder_less(void)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&endpoints[UNIX].address.sa;

	un->sun_path[strlen(dir)] = '_';
}

static void a_file(void)
{
	FILE *f = fopen(path, "w");

	cr_assert(f && fclose(f) == 0);
}

static void a_stale_socket(void)
{
	close(bound(UNIX, 0));
}

/* Of a family that nobody has. */
static void no_address(void)
{
	endpoints[UNIX].address.sa.ss_family = AF_UNSPEC;
}

static const struct {
	void (*prepare)(void);
	int error;
} absent[] = {
    {no_file, ENOENT},		{a_folder_less, ENOENT},
    {a_file, ECONNREFUSED},	{a_stale_socket, ECONNREFUSED},
    {no_address, EAFNOSUPPORT},
};

Test(dialler, refused)
{
	struct dialler *d = new_dialler(&here, NULL);
	int tcp = bound(TCP4, -1);

	dial(d, TCP4, ECONNREFUSED);
	dial(d, ABSTRACT, ECONNREFUSED);
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		const struct endpoint before = endpoints[UNIX];

		absent[i].prepare();
		cr_expect_eq(dial(d, UNIX, absent[i].error), -1, "%zu", i);
		unlink(path);
		endpoints[UNIX] = before;
	}
	close(tcp);
	dialler_free(d);
}

/* Connects to endpoint i until its backlog is full; those that made it are in fillers. */
static void fill(int i, int fillers[FILLERS])
{
	bool pending = false;
	int n = 0;

	memset(fillers, 0xff, sizeof(int) * FILLERS);
	while (n < FILLERS && !pending) {
		const int fd = address_connect(&endpoints[i].address, NULL, &pending);

		if (fd < 0) {
			cr_assert_eq(errno, EAGAIN);
			return;
		}
		if (pending)
			close(fd);
		else
			fillers[n++] = fd;
	}
	cr_assert(pending, "the backlog takes more than %d", FILLERS);
}

static void close_all(int fillers[FILLERS])
{
	for (int i = 0; i < FILLERS; i++)
		if (fillers[i] >= 0)
			close(fillers[i]);
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0)
		close(fd);
	cr_assert_eq(errno, EAGAIN);
}

/* TCP notices at the kernel's next SYN, after a second. */
static const struct {
	int endpoint;
	bool accepted;
} full[] = {{UNIX, true}, {UNIX, false}, {TCP4, true}, {TCP4, false}};

Test(dialler, a_full_backlog_is_waited_for)
{
	for (size_t i = 0; i < sizeof(full) / sizeof(*full); i++) {
		struct dialler *d = new_dialler(&here, NULL);
		struct answer a = {.fd = -1, .error = -1};
		const int e = full[i].endpoint;
		int fillers[FILLERS], listener = bound(e, 0);

		fill(e, fillers);
		cr_assert(dialler_dial(d, (size_t)e, &no_source, on_done, &a), "%zu", i);
		for (int turn = 0; turn < 3; turn++) /* each a retry of the Unix one */
			event_base_loop(base, e == UNIX ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
		cr_expect_eq(a.calls, 0, "%zu", i);
		if (full[i].accepted)
			accept_all(listener);
		else
			close(listener);
		wait_for(&a.calls);
		cr_expect_eq(a.calls, 1, "%zu", i);
		cr_expect_eq(a.error, full[i].accepted ? 0 : ECONNREFUSED, "%zu: %s", i,
			     strerror(a.error));
		cr_expect_eq(a.fd >= 0, full[i].accepted, "%zu", i);
		if (a.fd >= 0) {
			check_connected(listener, a.fd);
			close(listener);
		}
		close_all(fillers);
		unlink(path);
		dialler_free(d);
	}
}

enum { WAITING = 20 };

/* The order in which they are reported, and what each brought. */
struct arrival {
	int *reported, at, fd;
};

static void on_arrival(void *arg, int fd, int error)
{
	struct arrival *a = arg;

	cr_expect_eq(error, 0, "%s", strerror(error));
	a->at = (*a->reported)++;
	a->fd = fd;
	event_base_loopbreak(base);
}

/* Those that wait for room, and who comes when there just is some. */
static void check_order(struct dialler *d)
{
	struct arrival came[WAITING + 1];
	int reported = 0, fillers[FILLERS], listener = bound(UNIX, 0);

	fill(UNIX, fillers);
	for (int i = 0; i <= WAITING; i++) {
		came[i] = (struct arrival){.reported = &reported, .at = -1, .fd = -1};
		if (i == WAITING)
			close(accept(listener, NULL, NULL));
		cr_assert(dialler_dial(d, UNIX, &no_source, on_arrival, &came[i]), "%d", i);
	}
	while (reported <= WAITING) {
		const int in = accept(listener, NULL, NULL);

		if (in >= 0)
			close(in);
		event_base_loop(base, EVLOOP_ONCE);
	}
	for (int i = 0; i <= WAITING; i++) {
		cr_expect_eq(came[i].at, i, "%d came as %d", i, came[i].at);
		close(came[i].fd);
	}
	close_all(fillers);
	close(listener);
	unlink(path);
}

Test(dialler, who_came_first_is_served_first)
{
	struct dialler *d = new_dialler(&here, NULL);

	check_order(d);
	cr_expect_eq(event_base_loop(base, 0), 1, "an event was left");
	dialler_free(d);
}

Test(dialler, a_helper_keeps_the_order_too)
{
	struct launch_user user;
	const char *why = NULL;
	struct dialler *d;
	int lost = 0;

	if (geteuid() != 0)
		cr_skip("only root has a helper");
	cr_assert_eq(launch_user_find(NULL, &user, &why), 0, "%s", why);
	d = new_dialler(&user, &lost);
	check_order(d);
	dialler_free(d);
	cr_expect_geq(wait(NULL), 0);
}

/* One that leaves the middle, then the head, of those that wait. */
Test(dialler, who_leaves_holds_nobody_up)
{
	struct dialler *d = new_dialler(&here, NULL);
	struct arrival came[3];
	struct dial *asked[3];
	int reported = 0, fillers[FILLERS], listener = bound(UNIX, 0);

	fill(UNIX, fillers);
	for (int i = 0; i < 3; i++) {
		came[i] = (struct arrival){.reported = &reported, .at = -1, .fd = -1};
		asked[i] = dialler_dial(d, UNIX, &no_source, on_arrival, &came[i]);
		cr_assert(asked[i]);
	}
	dial_cancel(asked[1]);
	dial_cancel(asked[0]);
	accept_all(listener);
	wait_for(&reported);
	cr_expect(came[0].at < 0 && came[1].at < 0 && came[2].at == 0);
	close(came[2].fd);
	close_all(fillers);
	close(listener);
	unlink(path);
	dialler_free(d);
}

/* Each within its own time, as long as it is set to. */
Test(dialler, the_time_is_up)
{
	for (int helped = 0; helped < 2; helped++) {
		struct launch_user user = here;
		const char *why = NULL;
		struct dialler *d;
		int fillers[FILLERS], listener, lost = 0;
		const time_t begun = time(NULL);

		if (helped && geteuid() != 0)
			break;
		cr_assert(!helped || launch_user_find(NULL, &user, &why) == 0);
		timeout = 1;
		listener = bound(UNIX, 0);
		d = new_dialler(&user, &lost);
		fill(UNIX, fillers);
		dial(d, UNIX, ETIMEDOUT);
		cr_expect_lt(time(NULL) - begun, 9, "not the time that is set");
		close_all(fillers);
		close(listener);
		unlink(path);
		dialler_free(d);
		if (helped)
			cr_expect_geq(wait(NULL), 0);
	}
}

static const struct {
	int endpoint;
	bool retried;
} under_way[] = {{UNIX, false}, {UNIX, true}, {TCP4, false}};

Test(dialler, cancelled)
{
	dial_cancel(NULL);
	for (size_t i = 0; i < sizeof(under_way) / sizeof(*under_way); i++) {
		struct dialler *d = new_dialler(&here, NULL);
		struct answer a = {.fd = -1};
		const int e = under_way[i].endpoint;
		int fillers[FILLERS], listener = bound(e, 0);
		struct dial *it;

		fill(e, fillers);
		it = dialler_dial(d, (size_t)e, &no_source, on_done, &a);
		cr_assert(it, "%zu", i);
		if (under_way[i].retried)
			event_base_loop(base, EVLOOP_ONCE);
		dial_cancel(it);
		accept_all(listener);
		cr_expect_eq(event_base_loop(base, 0), 1, "%zu: an event was left", i);
		cr_expect_eq(a.calls, 0, "%zu", i);
		cr_expect_eq(accept(listener, NULL, NULL), -1, "%zu: somebody came", i);
		close_all(fillers);
		close(listener);
		unlink(path);
		dialler_free(d);
	}
	dialler_free(NULL);
}

/* One that is known by its first connection. */
static struct dialler *with_helper(int listener, int *lost, pid_t *helper)
{
	static struct launch_user user; /* outlives the dialler */
	const char *why = NULL;
	struct dialler *d;
	struct ucred who;

	cr_assert_eq(launch_user_find(NULL, &user, &why), 0, "%s", why);
	d = new_dialler(&user, lost);
	who = check_connected(listener, dial(d, UNIX, 0));
	cr_expect_eq(who.uid, user.uid, "the uid that endpoints see");
	cr_expect_eq(who.gid, user.gid);
	cr_assert(who.pid > 0 && who.pid != getpid());
	*helper = who.pid;
	return d;
}

Test(dialler, by_a_helper)
{
	struct answer a = {.fd = -1};
	int listener, tcp, fd, peer, lost = 0, status = 0;
	struct dialler *d;
	pid_t helper;
	char c;

	if (geteuid() != 0)
		cr_skip("only root has a helper");
	listener = bound(UNIX, 4);
	tcp = bound(TCP4, -1);
	d = with_helper(listener, &lost, &helper);
	dial(d, TCP4, ECONNREFUSED);
	dial(d, ABSTRACT, ECONNREFUSED);
	/* The cancelled one's socket comes all the same, and before the next answer. */
	dial_cancel(dialler_dial(d, UNIX, &no_source, on_done, &a));
	fd = dial(d, UNIX, 0);
	peer = accept(listener, NULL, NULL);
	cr_expect_eq(recv(peer, &c, 1, 0), 0, "closed when it came");
	close(peer);
	check_connected(listener, fd);
	cr_expect_eq(a.calls, 0);
	close(listener);
	unlink(path);
	dial(d, UNIX, ENOENT);
	dialler_free(d);
	cr_expect_eq(waitpid(helper, &status, 0), helper, "it ends with its monitor");
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
	cr_expect_eq(lost, 0);
	close(tcp);
}

Test(dialler, a_helper_is_lost)
{
	struct answer a[2] = {{.fd = -1}, {.fd = -1}};
	int listener, fillers[FILLERS], lost = 0;
	struct dialler *d;
	pid_t helper;

	if (geteuid() != 0)
		cr_skip("only root has a helper");
	listener = bound(UNIX, 0);
	d = with_helper(listener, &lost, &helper);
	fill(UNIX, fillers);
	for (int i = 0; i < 2; i++)
		cr_assert(dialler_dial(d, UNIX, &no_source, on_done, &a[i]));
	cr_assert_eq(kill(helper, SIGKILL), 0);
	wait_for(&lost);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(a[i].calls, 1);
		cr_expect_eq(a[i].error, ECONNABORTED);
		cr_expect_eq(a[i].fd, -1);
	}
	cr_expect_null(dialler_dial(d, UNIX, &no_source, on_done, &a[0]), "at once");
	cr_expect_eq(a[0].calls, 2);
	cr_expect_eq(a[0].error, ECONNABORTED);
	cr_expect_eq(event_base_loop(base, 0), 1);
	cr_expect_eq(lost, 1, "told once");
	cr_expect_eq(waitpid(helper, NULL, 0), helper);
	close_all(fillers);
	close(listener);
	dialler_free(d);
}

/* Another one is started, with the same uid, and dials in between fail at once. */
Test(dialler, a_helper_is_replaced)
{
	int listener, lost = 0;
	struct dialler *d;
	struct launch_user user;
	const char *why = NULL;
	struct ucred who;
	pid_t helper;

	if (geteuid() != 0)
		cr_skip("only root has a helper");
	cr_assert_eq(launch_user_find(NULL, &user, &why), 0, "%s", why);
	listener = bound(UNIX, 4);
	d = with_helper(listener, &lost, &helper);
	restart = true;
	cr_assert_eq(kill(helper, SIGKILL), 0);
	wait_for(&lost);
	dial(d, UNIX, ECONNABORTED);
	event_base_loop(base, EVLOOP_ONCE); /* the time until then */
	who = check_connected(listener, dial(d, UNIX, 0));
	cr_expect(who.uid == user.uid && who.gid == user.gid && who.pid != helper);
	cr_expect_eq(lost, 1);
	close(listener);
	dialler_free(d);
	cr_expect_eq(waitpid(helper, NULL, 0), helper);
	cr_expect_eq(waitpid(who.pid, NULL, 0), who.pid);
}

/* Who is to become root, or nobody that it understands, becomes nothing. */
Test(dialler, as_root_is_refused)
{
	static const char *const roles[] = {"dialler",
					    "dialler 0:0 root",
					    "dialler 0:65534 nobody",
					    "dialler 65534:0 nobody",
					    "dialler x:y nobody",
					    "dialler 65534:65534"};
	const struct launch_user user = {.demote = true};

	if (geteuid() != 0)
		cr_skip("only root has a helper");
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		int sock, status = 0;
		const pid_t helper = launch_start(roles[i], LAUNCH_OURSELVES, &user, &sock);
		struct message m;

		cr_assert_gt(helper, 0);
		cr_assert_eq(message_recv(sock, &m, MESSAGE_OF_DIALLER), 1, "%s", roles[i]);
		cr_expect_eq(m.head.type, MESSAGE_FAILED, "%s", roles[i]);
		cr_assert_eq(waitpid(helper, &status, 0), helper);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 71, "%s: status %#x",
			  roles[i], status);
		close(sock);
	}
}

/* What the monitor cannot mean. */
static const struct message_dial no_targets[] = {
    {.head = {MESSAGE_DIAL, 1}, .endpoint = 1024},
    {.head = {MESSAGE_DIAL, 1}, .endpoint = UINT32_MAX},
};
static const struct message_endpoint no_numbers[] = {
    {.head = {MESSAGE_ENDPOINT, 1024}},
    {.head = {MESSAGE_ENDPOINT, UINT32_MAX}},
};
static const struct message_head no_order = {MESSAGE_START, 0};
static const void *const not_meant[] = {&no_targets[0], &no_targets[1], &no_numbers[0],
					&no_numbers[1], &no_order};

Test(dialler, a_number_that_is_none_ends_the_helper)
{
	struct launch_user user;
	const char *why = NULL;
	char role[128];

	cr_assert_eq(launch_user_find(NULL, &user, &why), 0, "%s", why);
	snprintf(role, sizeof(role), "dialler %u:%u %s", user.uid, user.gid, user.name);
	for (size_t i = 0; i < sizeof(not_meant) / sizeof(*not_meant); i++) {
		int sock, status = 0;
		const pid_t helper = launch_start(role, LAUNCH_OURSELVES, &user, &sock);
		struct message m;

		cr_assert_gt(helper, 0);
		cr_assert_eq(message_send(sock, not_meant[i], NULL), 0);
		cr_expect_leq(message_recv(sock, &m, MESSAGE_OF_DIALLER), 0, "%zu: it answers", i);
		close(sock);
		cr_assert_eq(waitpid(helper, &status, 0), helper);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 70, "%zu: status %#x", i,
			  status);
	}
}

static int descriptors_of(pid_t pid)
{
	char fds[64];
	DIR *d;
	int n = 0;

	snprintf(fds, sizeof(fds), "/proc/%d/fd", (int)pid);
	d = opendir(fds);
	cr_assert(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Well within the deadline of a dial. */
static bool soon_has(pid_t pid, int wanted)
{
	for (int i = 0; i < 300 && descriptors_of(pid) != wanted; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	return descriptors_of(pid) == wanted;
}

/* Who closes what is still dialled keeps no socket in the helper for the rest of its deadline, be
 * it busy and more than its socket takes. */
Test(dialler, cancelled_ones_are_given_up)
{
	enum { DIALS = 600 };
	struct answer a = {.fd = -1};
	struct dial *asked[DIALS];
	int listener, tcp, fillers[FILLERS], lost = 0, before;
	struct dialler *d;
	pid_t helper;

	if (geteuid() != 0)
		cr_skip("only root has a helper");
	listener = bound(UNIX, 4);
	tcp = bound(TCP4, 0);
	fill(TCP4, fillers);
	d = with_helper(listener, &lost, &helper);
	dial(d, ABSTRACT, ECONNREFUSED); /* by now the last one's socket is closed there */
	before = descriptors_of(helper);
	for (int i = 0; i < DIALS; i++) {
		asked[i] = dialler_dial(d, TCP4, &no_source, on_done, &a);
		cr_assert(asked[i]);
	}
	cr_expect(soon_has(helper, before + DIALS));
	cr_assert_eq(kill(helper, SIGSTOP), 0);
	for (int i = 0; i < DIALS; i++)
		dial_cancel(asked[i]);
	cr_assert_eq(kill(helper, SIGCONT), 0);
	cr_expect(soon_has(helper, before));
	cr_expect_eq(a.calls, 0);
	check_connected(listener, dial(d, UNIX, 0));
	close_all(fillers);
	close(listener);
	close(tcp);
	dialler_free(d);
	cr_expect_eq(waitpid(helper, NULL, 0), helper);
}
