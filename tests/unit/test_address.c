// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"

#define A107                                                                                       \
	"/234567890123456789012345678901234567890123456789012345678901234567890123456789012345678" \
	"901234567890123456/"
#define W ADDRESS_WILDCARD_OK
#define Z ADDRESS_PORT_0_OK

static char dir[] = "/tmp/sshipc-address-XXXXXX";
static char path[64];

/* ---- who may move a folder does so behind our calls ---- */

static enum { NEVER, BEHIND_BIND, BEHIND_CONNECT } swaps;

/* What was DIR/folder is DIR/moved, in its place is what was DIR/other. */
static void swap_folders(void)
{
	char folder[80], moved[80], other[80];
	const int saved = errno;

	swaps = NEVER;
	snprintf(folder, sizeof(folder), "%s/folder", dir);
	snprintf(moved, sizeof(moved), "%s/moved", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	cr_assert(rename(folder, moved) == 0 && rename(other, folder) == 0);
	errno = saved;
}

int bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	const int rc = (int)syscall(SYS_bind, fd, sa, len);

	if (swaps == BEHIND_BIND)
		swap_folders();
	return rc;
}

int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	const int rc = (int)syscall(SYS_connect, fd, sa, len);

	if (swaps == BEHIND_CONNECT)
		swap_folders();
	return rc;
}

static void make_dir(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
}

static void remove_dir(void)
{
	unlink(path);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

/* NULL: refused. */
static const struct {
	const char *text;
	unsigned flags;
	const char *formatted;
} parse_table[] = {
    {"127.0.0.1:4565", 0, "127.0.0.1:4565"},
    {"localhost:4565", 0, "127.0.0.1:4565"},
    {"LocalHost:1", 0, "127.0.0.1:1"},
    {"10.1.2.3:65535", 0, "10.1.2.3:65535"},
    {"[::1]:22", 0, "[::1]:22"},
    {"[2001:db8:0:0::5]:22", 0, "[2001:db8::5]:22"},
    {"[::ffff:10.0.0.1]:22", 0, "10.0.0.1:22"},
    {"[fe80::1%lo]:22", 0, "[fe80::1%lo]:22"},
    {"[fe80::1%1]:22", 0, "[fe80::1%lo]:22"},
    {"/run/x.sock", 0, "/run/x.sock"},
    {"/run/a b\n\"\\\xc3\xa4", 0, "/run/a b\\x0a\\x22\\x5c\\xc3\\xa4"},
    {"/run/a:80", 0, "/run/a:80"},
    {A107, 0, A107},
    {"@name", 0, "@name"},
    {"@", 0, NULL},
    {A107 "x", 0, NULL},
    {"@" A107, 0, NULL},
    {"*:2245", W, "[::]:2245"},
    {"2245", W, "[::]:2245"},
    {"0", W | Z, "[::]:0"},
    {"0.0.0.0:1", W, "0.0.0.0:1"},
    {"[::]:1", W, "[::]:1"},
    {"127.0.0.1:0", Z, "127.0.0.1:0"},
    {"*:2245", Z, NULL},
    {"2245", 0, NULL},
    {"0.0.0.0:1", 0, NULL},
    {"[::]:1", 0, NULL},
    {"[::ffff:0.0.0.0]:1", 0, NULL},
    {"127.0.0.1:0", W, NULL},
    {"0", W, NULL},
    {"", W | Z, NULL},
    {":22", W | Z, NULL},
    {"[]:22", W | Z, NULL},
    {"127.0.0.1", W | Z, NULL},
    {"127.0.0.1:", W | Z, NULL},
    {"127.0.0.1:65536", 0, NULL},
    {"127.0.0.1:65537", 0, NULL},
    {"127.0.0.1:000001", 0, NULL},
    {"127.0.0.1:4294967297", 0, NULL},
    {"127.0.0.1:-1", 0, NULL},
    {"127.0.0.1:+1", 0, NULL},
    {"127.0.0.1: 1", 0, NULL},
    {"127.0.0.1:1 ", 0, NULL},
    {"127.0.0.1:1x", 0, NULL},
    {"127.1:22", 0, NULL},
    {"0x7f.0.0.1:22", 0, NULL},
    {"2130706433:22", 0, NULL},
    {"127.0.0.256:22", 0, NULL},
    {"::1:22", 0, NULL},
    {"[::1]", 0, NULL},
    {"[::1]22", 0, NULL},
    {"[::1", 0, NULL},
    {"[::1]:22]:33", 0, NULL},
    {"[127.0.0.1]:22", 0, NULL},
    {"[::1%]:22", 0, NULL},
    {"[::1%none-such]:22", 0, NULL},
    {"[::1%0]:22", 0, NULL},
    {"[:::1]:22", 0, NULL},
    {"example.org:22", W | Z, NULL},
    {"127.0.0.1:22:33", 0, NULL},
    {"run/x.sock", W | Z, NULL},
};

Test(address, parse)
{
	for (size_t i = 0; i < sizeof(parse_table) / sizeof(*parse_table); i++) {
		struct address a, again;
		char buf[ADDRESS_TEXT];
		const char *want = parse_table[i].formatted;
		const char *why = address_parse(parse_table[i].text, parse_table[i].flags, &a);

		cr_expect_eq(!why, !!want, "\"%s\": %s", parse_table[i].text, why ? why : "taken");
		if (why) {
			cr_expect(*why);
			cr_expect_str_eq(address_format(&a, buf, sizeof(buf)), "unknown");
			continue;
		}
		cr_expect_str_eq(address_format(&a, buf, sizeof(buf)), want ? want : "");
		address_from_sockaddr(&again, (struct sockaddr *)&a.sa, a.len);
		cr_expect(address_equal(&a, &again), "%s", buf);
	}
}

Test(address, host_too_long)
{
	char text[ADDRESS_HOST + 8], host[ADDRESS_HOST];
	const char *port;

	memset(text, 'a', sizeof(text));
	strcpy(text + ADDRESS_HOST - 1, ":22");
	cr_expect_null(address_split(text, host, &port));
	cr_expect_str_eq(port, "22");
	memset(text, 'a', sizeof(text));
	strcpy(text + ADDRESS_HOST, ":22");
	cr_expect_not_null(address_split(text, host, &port));
}

Test(address, format_host)
{
	static const char *const table[][2] = {
	    {"127.0.0.1:1", "127.0.0.1"}, {"[::1]:1", "::1"}, {"/run/x", "/run/x"}, {"@a", "@a"}};
	struct address a;
	char buf[ADDRESS_TEXT];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		cr_assert_null(address_parse(table[i][0], 0, &a));
		cr_expect_str_eq(address_format_host(&a, buf, sizeof(buf)), table[i][1]);
	}
}

Test(address, longest_path_fits_its_text)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct address a;
	char buf[ADDRESS_TEXT];

	memset(un.sun_path, 1, sizeof(un.sun_path));
	address_from_sockaddr(&a, (struct sockaddr *)&un, sizeof(un));
	cr_expect_eq(strlen(address_format(&a, buf, sizeof(buf))), 4 * sizeof(un.sun_path));
}

Test(address, from_sockaddr_refuses_what_is_short)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr other = {.sa_family = AF_APPLETALK};
	struct address a;
	char buf[ADDRESS_TEXT];

	address_from_sockaddr(&a, (struct sockaddr *)&in, sizeof(in) - 1);
	cr_expect_eq(a.sa.ss_family, AF_UNSPEC);
	address_from_sockaddr(&a, (struct sockaddr *)&in6, sizeof(in6) - 1);
	cr_expect_eq(a.sa.ss_family, AF_UNSPEC);
	address_from_sockaddr(&a, &other, sizeof(other));
	cr_expect_eq(a.sa.ss_family, AF_UNSPEC);
	address_from_sockaddr(&a, (struct sockaddr *)&un, sizeof(struct sockaddr_storage) + 1);
	cr_expect_eq(a.sa.ss_family, AF_UNSPEC);
	address_from_sockaddr(&a, NULL, 0);
	cr_expect_eq(a.sa.ss_family, AF_UNSPEC);
	address_from_sockaddr(&a, (struct sockaddr *)&un, sizeof(sa_family_t));
	cr_expect_str_eq(address_format(&a, buf, sizeof(buf)), "unnamed");
	cr_expect_not(address_equal(&a, &a), "nobody is not somebody");
}

Test(address, equal_and_loopback)
{
	static const struct {
		const char *a, *b;
		bool equal, loopback; /* of a */
	} table[] = {
	    {"127.0.0.1:1", "127.0.0.1:1", true, true},
	    {"127.0.0.1:1", "127.0.0.1:2", false, true},
	    {"127.9.9.9:1", "127.0.0.1:1", false, true},
	    {"128.0.0.1:1", "127.0.0.1:1", false, false},
	    {"[::ffff:10.0.0.1]:1", "10.0.0.1:1", true, false},
	    {"[::1]:1", "127.0.0.1:1", false, true},
	    {"[::1]:1", "[0:0:0:0:0:0:0:1]:1", true, true},
	    {"[::2]:1", "[::1]:1", false, false},
	    {"[fe80::1%1]:1", "[fe80::1]:1", false, false},
	    {"/a", "/a", true, true},
	    {"/a", "/ab", false, true},
	    {"/ab", "/a", false, true},
	    {"@a", "@a", true, true},
	    {"@a", "@ab", false, true},
	    {"@a", "/a", false, true},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct address a, b;

		cr_assert_null(address_parse(table[i].a, 0, &a));
		cr_assert_null(address_parse(table[i].b, 0, &b));
		cr_expect_eq(address_equal(&a, &b), table[i].equal, "%s %s", table[i].a,
			     table[i].b);
		cr_expect_eq(address_equal(&b, &a), table[i].equal, "%s %s", table[i].b,
			     table[i].a);
		cr_expect_eq(address_is_loopback(&a), table[i].loopback, "%s", table[i].a);
		cr_expect_eq(address_is_unix(&a), *table[i].a == '/' || *table[i].a == '@');
	}
}

Test(address, ports)
{
	struct address a;

	address_parse("[::1]:22", 0, &a);
	address_set_port(&a, 65535);
	cr_expect_eq(address_port(&a), 65535);
	address_parse("127.0.0.1:22", 0, &a);
	address_set_port(&a, 80);
	cr_expect_eq(address_port(&a), 80);
	address_parse("/a", 0, &a);
	address_set_port(&a, 80);
	cr_expect_eq(address_port(&a), 0);
}

static int option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	cr_assert_eq(getsockopt(fd, level, name, &v, &len), 0);
	return v;
}

static struct listening listen_on(const char *text, int backlog, const struct listen_perm *perm)
{
	struct listening l;
	struct address a;
	char err[256] = "";

	cr_assert_null(address_parse(text, W | Z, &a), "%s", text);
	cr_assert_eq(address_listen(&a, backlog, perm, &l, err, sizeof(err)), 0, "%s", err);
	return l;
}

static void refuse_to_listen(const struct address *a, const char *because)
{
	struct listening l;
	char err[512] = "";

	cr_expect_eq(address_listen(a, 5, NULL, &l, err, sizeof(err)), -1);
	cr_expect(strstr(err, because), "%s does not say: %s", err, because);
	cr_expect_eq(l.fd, -1);
	listening_close(&l);
}

static int accept_soon(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	cr_assert_eq(poll(&p, 1, 5000), 1);
	return accept(fd, NULL, NULL);
}

Test(address, tcp_listen_connect_and_options)
{
	struct listening l = listen_on("127.0.0.1:0", 5, NULL);
	struct linger linger = {0};
	socklen_t len = sizeof(linger);
	bool pending = true;
	int fd = address_connect(&l.at, NULL, &pending), peer;

	cr_assert_geq(fd, 0);
	cr_expect_not(pending, "loopback completes at once");
	cr_expect_neq(address_port(&l.at), 0);
	cr_expect_eq(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	cr_expect(linger.l_onoff && linger.l_linger == 0);
	cr_expect(option(fd, IPPROTO_TCP, TCP_NODELAY));
	cr_expect(option(fd, SOL_SOCKET, SO_KEEPALIVE));
	cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_expect(fcntl(l.fd, F_GETFL) & O_NONBLOCK);
	cr_expect(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
	peer = accept_soon(l.fd);
	cr_assert_geq(peer, 0);
	address_tune(peer);
	cr_expect(option(peer, IPPROTO_TCP, TCP_NODELAY));

	refuse_to_listen(&l.at, "already in use");

	listening_close(&l);
	cr_expect_eq(l.fd, -1);
	listening_close(&l);
	cr_expect_eq(address_connect(&l.at, NULL, &pending), -1);
	cr_expect_eq(errno, ECONNREFUSED);
	close(peer);
	close(fd);
}

Test(address, what_is_accepted_inherits)
{
	const struct listen_perm perms[] = {{-1, -1, -1, true}, {-1, -1, -1, false}};

	for (size_t i = 0; i < 2; i++) {
		struct listening l = listen_on("127.0.0.1:0", 5, &perms[i]);
		struct linger linger;
		socklen_t len = sizeof(linger);
		bool pending;
		const int fd = address_connect(&l.at, NULL, &pending), peer = accept_soon(l.fd);

		cr_expect_eq(getsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
		cr_expect_eq(linger.l_onoff != 0, perms[i].tune);
		cr_expect_eq(linger.l_linger, 0);
		cr_expect_eq(option(peer, IPPROTO_TCP, TCP_NODELAY) != 0, perms[i].tune);
		cr_expect_eq(option(peer, SOL_SOCKET, SO_KEEPALIVE) != 0, perms[i].tune);
		close(peer);
		close(fd);
		listening_close(&l);
	}
}

Test(address, format_port)
{
	char text[32];

	cr_expect_str_eq(address_format_port("::1", 22, text, sizeof(text)), "[::1]:22");
	cr_expect_str_eq(address_format_port("host", 65535, text, sizeof(text)), "host:65535");
}

Test(address, accept_tells_want_of_descriptors)
{
	struct listening l = listen_on("127.0.0.1:0", 5, NULL);
	struct address from, ours;
	struct rlimit limit;
	bool pending, starved = false;
	const int fd = address_connect(&l.at, NULL, &pending), lowest = dup(fd);
	int in;

	close(lowest);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)lowest, limit.rlim_max}), 0);
	cr_expect_eq(address_accept(l.fd, &from, &starved), -1);
	cr_expect(starved && errno == EMFILE);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	in = address_accept(l.fd, &from, &starved);
	cr_assert_eq(in, lowest);
	cr_expect(fcntl(in, F_GETFL) & O_NONBLOCK && fcntl(in, F_GETFD) & FD_CLOEXEC);
	address_local(fd, &ours);
	cr_expect(address_equal(&from, &ours));
	address_local(in, &ours);
	cr_expect(address_equal(&l.at, &ours));
	address_local(-1, &ours);
	cr_expect_eq(ours.sa.ss_family, AF_UNSPEC);
	cr_expect_eq(address_accept(l.fd, &from, &starved), -1);
	cr_expect_not(starved, "nobody else has come");
	close(in);
	close(fd);
	listening_close(&l);
}

Test(address, wildcard_takes_ipv4)
{
	struct listening l = listen_on("0", 5, NULL);
	struct address to;
	bool pending;
	int fd;

	cr_assert_eq(address_from_host("127.0.0.1", address_port(&l.at), &to), 0);
	fd = address_connect(&to, NULL, &pending);
	cr_expect_geq(fd, 0);
	close(fd);
	listening_close(&l);
}

Test(address, pending_connect_reports_its_end)
{
	/* A backlog of one, never accepted from: the third connect finds no room and stays pending.
	 */
	struct listening l = listen_on("127.0.0.1:0", 0, NULL);
	bool pending = false;
	int fds[8], n = 0;

	while (n < 8 && !pending) {
		fds[n] = address_connect(&l.at, NULL, &pending);
		cr_assert_geq(fds[n], 0);
		n++;
	}
	cr_expect(pending);
	cr_expect_eq(address_connect_result(fds[n - 1]), 0, "no failure yet");
	while (n > 0)
		close(fds[--n]);
	listening_close(&l);
}

Test(address, unix_modes_and_unlinking, .init = make_dir, .fini = remove_dir)
{
	struct listening l = listen_on(path, 5, NULL);
	struct listen_perm perm = {
	    .mode = 0660, .uid = (int64_t)getuid(), .gid = (int64_t)getgid()};
	struct stat st;
	bool pending = true;
	mode_t mask = umask(022);
	int fd;

	cr_assert_eq(lstat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	fd = address_connect(&l.at, NULL, &pending);
	cr_expect_geq(fd, 0);
	cr_expect_not(pending);
	close(fd);
	listening_close(&l);
	cr_expect_eq(lstat(path, &st), -1, "unlinked");

	l = listen_on(path, 5, &perm);
	cr_assert_eq(lstat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
	cr_expect_eq(umask(mask), 022, "the umask is put back");
	listening_close(&l);
}

Test(address, unix_stale_is_replaced_live_is_not, .init = make_dir, .fini = remove_dir)
{
	struct listening l = listen_on(path, 5, NULL);
	struct stat st;
	char who[64];

	snprintf(who, sizeof(who), "in use by process %d (", (int)getpid());
	refuse_to_listen(&l.at, who);
	cr_expect_eq(lstat(path, &st), 0, "the live one is left alone");

	close(l.fd); /* as a crash would */
	l = listen_on(path, 5, NULL);
	listening_close(&l);
}

Test(address, unix_full_backlog, .init = make_dir, .fini = remove_dir)
{
	struct listening l = listen_on(path, 0, NULL);
	bool pending;
	int first = address_connect(&l.at, NULL, &pending);

	cr_assert_geq(first, 0);
	cr_expect_eq(address_connect(&l.at, NULL, &pending), -1);
	cr_expect_eq(errno, EAGAIN);
	refuse_to_listen(&l.at, "backlog is full");
	close(first);
	listening_close(&l);
}

Test(address, unix_what_is_not_ours_stays, .init = make_dir, .fini = remove_dir)
{
	struct listening l;
	struct address a;
	struct stat st;
	char link_to[80];

	cr_assert_null(address_parse(path, 0, &a));
	close(open(path, O_CREAT | O_WRONLY, 0600));
	refuse_to_listen(&a, "is not a socket");
	unlink(path);

	snprintf(link_to, sizeof(link_to), "%s/none", dir);
	cr_assert_eq(symlink(link_to, path), 0);
	refuse_to_listen(&a, "is not a socket");
	unlink(path);

	/* Someone put another file where our socket was: closing leaves it. */
	l = listen_on(path, 5, NULL);
	cr_assert_eq(rename(path, link_to), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	listening_close(&l);
	cr_expect_eq(lstat(path, &st), 0);
	unlink(link_to);
}

/* DIR/folder, DIR/other, and in the latter somebody's socket s. */
static struct listening make_folders(char at[80])
{
	char victim[80];

	snprintf(at, 80, "%s/folder", dir);
	snprintf(victim, sizeof(victim), "%s/other", dir);
	cr_assert(mkdir(at, 0700) == 0 && mkdir(victim, 0700) == 0);
	strcat(at, "/s");
	strcat(victim, "/s");
	return listen_on(victim, 5, NULL);
}

static void remove_folders(void)
{
	static const char *const names[] = {"folder/s", "moved/s", "folder", "moved"};
	char name[80];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
		remove(name);
	}
}

/* As with root's listener in alice's folder, who has it moved away in time, and in its place root's
 * own, where another service has a socket of this name. */
Test(address, unix_folder_moves_behind_bind, .init = make_dir, .fini = remove_dir)
{
	const struct listen_perm all = {.mode = 0666, .uid = -1, .gid = -1};
	char at[80];
	const struct listening victim = make_folders(at);
	struct listening l;
	struct stat st;

	swaps = BEHIND_BIND;
	l = listen_on(at, 5, &all);
	cr_assert_eq(lstat(at, &st), 0);
	cr_expect_eq(st.st_ino, victim.ino);
	cr_expect_eq(st.st_mode & 07777, 0600, "the mode of another's socket became %o",
		     st.st_mode & 07777);
	cr_expect(!listening_in_place(&l));
	listening_close(&l);
	cr_expect_eq(lstat(at, &st), 0, "another's socket was removed");
	close(victim.fd);
	remove_folders();
}

Test(address, unix_folder_moves_behind_connect, .init = make_dir, .fini = remove_dir)
{
	char at[80];
	const struct listening victim = make_folders(at);
	struct listening l = listen_on(at, 5, NULL);
	struct stat st;

	close(l.fd); /* as a crash would */
	swaps = BEHIND_CONNECT;
	refuse_to_listen(&l.at, "Address already in use");
	cr_expect(lstat(at, &st) == 0 && st.st_ino == victim.ino, "another's socket was removed");
	close(victim.fd);
	remove_folders();
}

Test(address, unix_datagram_socket_stays, .init = make_dir, .fini = remove_dir)
{
	struct address a;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	cr_assert_null(address_parse(path, 0, &a));
	cr_assert_eq(bind(fd, (struct sockaddr *)&a.sa, a.len), 0);
	refuse_to_listen(&a, "stays");
	cr_expect_eq(lstat(path, &st), 0);
	close(fd);
}

Test(address, link_local_without_its_interface)
{
	struct address a;
	int fd = -1;

	cr_assert_null(address_parse("[::1]:0", ADDRESS_PORT_0_OK, &a));
	if ((fd = socket(AF_INET6, SOCK_STREAM, 0)) < 0 ||
	    bind(fd, (struct sockaddr *)&a.sa, a.len) < 0)
		cr_skip_test("needs IPv6");
	close(fd);
	cr_assert_null(address_parse("[fe80::1]:4565", 0, &a));
	refuse_to_listen(&a, "(a link-local address needs its interface: [fe80::1%eth0]:PORT)");
}

Test(address, unix_missing_folder)
{
	struct address a;

	cr_assert_null(address_parse("/nonexistent/folder/s", 0, &a));
	refuse_to_listen(
	    &a,
	    "/nonexistent/folder/s: No such file or directory (the socket's folder is not there)");
}

Test(address, abstract)
{
	char name[64];
	struct listening l;
	bool pending;
	int fd;

	snprintf(name, sizeof(name), "@sshipc-test-%d", (int)getpid());
	l = listen_on(name, 5, NULL);
	fd = address_connect(&l.at, NULL, &pending);
	cr_expect_geq(fd, 0);
	refuse_to_listen(&l.at, "in use");
	close(fd);
	listening_close(&l);
}
