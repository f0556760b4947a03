// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "child.h"
#include "confine.h"
#include "fds.h"
#include "helper.h"
#include "launch_check.h"

static const char title[] = "sshipc-server: ";

static const struct {
	const char *argv0, *argv1;
	const char *role;
} roles[] = {
    {"sshipc-server: spawner", NULL, "spawner"},
    {"sshipc-server: dialler", NULL, "dialler"},
    {"sshipc-server: ", NULL, ""},
    {"/usr/sbin/sshipc-server", "--helper=spawner", "spawner"},
    {"x", "--helper=", ""},
    {NULL, NULL, NULL},
    {"", NULL, NULL},
    {"sshipc-server", NULL, NULL},
    {"/usr/sbin/sshipc-server", NULL, NULL},
    {"sshipc-server:", NULL, NULL},
    {"Sshipc-server: spawner", NULL, NULL},
    {" sshipc-server: spawner", NULL, NULL},
    {"sshipc-server: spawner", "-t", NULL},
    {"sshipc-server: spawner", "", NULL},
    {"sshipc-server", "--helper", NULL},
    {"sshipc-server", "-helper=spawner", NULL},
    {"sshipc-server", "spawner", NULL},
};

Test(helper, role)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		char *argv[] = {(char *)roles[i].argv0, (char *)roles[i].argv1, NULL};
		const char *role = helper_role(argv);

		cr_expect_eq(role != NULL, roles[i].role != NULL, "%zu: %s", i,
			     role ? role : "none");
		if (role && roles[i].role)
			cr_expect_str_eq(role, roles[i].role, "%zu", i);
	}
}

Test(helper, retitle)
{
	char argv0[] = "sshipc-server: spawner\0next";
	char *argv[] = {argv0, NULL};

	helper_retitle("session"); /* of one that is no helper: nothing to write to */
	cr_assert_str_eq(helper_role(argv), "spawner");
	helper_retitle("longer than it");
	cr_expect_str_eq(argv0, "sshipc-server: spawner");
	helper_retitle("session");
	cr_expect_str_eq(argv0, "sshipc-server: session");
	cr_expect_str_eq(argv0 + sizeof("sshipc-server: spawner"), "next");
	helper_retitle("one");
	cr_expect_str_eq(argv0, "sshipc-server: one");
}

/* fault: a word of the reason. */
struct find {
	const char *name, *fault;
	bool demote;
};

static int find(const void *arg)
{
	const struct find *f = arg;
	const struct passwd *pw;
	const char *why = "";
	struct launch_user user;
	const int rc = launch_user_find(f->name, &user, &why);

	if (f->fault)
		return rc == -1 && !user.demote && !user.name[0] && strstr(why, f->fault) ? 0 : 1;
	if (rc != 0 || user.demote != f->demote)
		return 2;
	if (!f->demote)
		return user.name[0] ? 3 : 0;
	pw = getpwnam(user.name);
	if (!pw) /* a uid without a name */
		return user.uid == 64001 && user.gid == 64001 && !strcmp(user.name, "64001") ? 0
											     : 5;
	return pw && user.uid == pw->pw_uid && user.gid == pw->pw_gid && user.uid != 0 ? 0 : 4;
}

static int find_unprivileged(const void *arg)
{
	const struct passwd *pw = getpwnam("nobody");

	if (geteuid() == 0 && (!pw || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0))
		return NOT_READY;
	return find(arg);
}

static void try_all(int (*body)(const void *), const struct find *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status = child(body, &cases[i]);

		cr_expect(exited(status, 0), "%s: status %#x",
			  cases[i].name ? cases[i].name : "none", status);
	}
}

Test(helper, user_found_by_root)
{
	static const struct find cases[] = {
	    {NULL, NULL, true},
	    {"nobody", NULL, true},
	    {"root", "never root", false},
	    {"no-such-user", "no such user", false},
	    {"", "no such user", false},
	    {"65534", NULL, true}, /* nobody's */
	    {"64001", NULL, true}, /* nobody has it */
	    {"0", "never root", false},
	    {"00", "never root", false},
	    {"4294967295", "no such user", false},
	    {"4294967296", "no such user", false},
	    {"18446744073709551616", "no such user", false},
	    {"-1", "no such user", false},
	    {"+64001", "no such user", false},
	    {" 64001", "no such user", false},
	    {"0x10", "no such user", false},
	    {"64001x", "no such user", false},
	};

	if (geteuid() != 0)
		cr_skip("only root can choose a user");
	try_all(find, cases, sizeof(cases) / sizeof(*cases));
}

Test(helper, user_found_by_another)
{
	const struct passwd *own = geteuid() == 0 ? getpwnam("nobody") : getpwuid(geteuid());
	char name[256] = "", uid[16] = "";
	const struct find cases[] = {
	    {NULL, NULL, false},
	    {name, NULL, false},
	    {uid, NULL, false},
	    {"64001", "only root", false},
	    {"root", "only root", false},
	    {"daemon", "only root", false},
	    {"no-such-user", "only root", false},
	    {"", "only root", false},
	};

	cr_assert(own);
	snprintf(name, sizeof(name), "%s", own->pw_name);
	snprintf(uid, sizeof(uid), "%u", own->pw_uid);
	try_all(find_unprivileged, cases, sizeof(cases) / sizeof(*cases));
}

/* What a helper finds when it starts, as a string of letters for what is as it should be. */
static void look_around(void)
{
	char got[8] = "";
	size_t n = 0;
	sigset_t blocked;

	if (getenv("PATH") == NULL && getenv("SSHIPC_TEST") == NULL)
		got[n++] = 'e';
	if (sigprocmask(SIG_SETMASK, NULL, &blocked) == 0 && !sigismember(&blocked, SIGUSR1))
		got[n++] = 's';
	if (fcntl(HELPER_SOCKET, F_GETFD) == 0)
		got[n++] = 'f';
	if (fcntl(200, F_GETFD) == -1)
		got[n++] = 'c';
	if (geteuid() != 0 && getegid() != 0 && getuid() == geteuid())
		got[n++] = 'u';
	_exit(send(HELPER_SOCKET, got, n, 0) == (ssize_t)n ? 42 : 1);
}

/* launch_start executes this program: before its main there is a helper to be. */
__attribute__((constructor)) static void be_helper(int argc, char **argv)
{
	if (argc == 1 && strncmp(argv[0], title, sizeof(title) - 1) == 0)
		look_around();
}

/* ourselves: as the dialler is started, which demotes itself. */
static void check_start(bool ourselves)
{
	const size_t before = count_fds();
	struct launch_user user = {0};
	const char *why = NULL;
	char got[9] = "", wanted[9];
	sigset_t some;
	int sock = -1, status = 0, program;
	pid_t pid;

	cr_assert_eq(launch_user_find(NULL, &user, &why), 0, "%s", why);
	cr_assert_eq(setenv("SSHIPC_TEST", "1", 1), 0);
	sigemptyset(&some);
	sigaddset(&some, SIGUSR1);
	cr_assert_eq(sigprocmask(SIG_BLOCK, &some, NULL), 0);
	cr_assert_eq(dup2(STDIN_FILENO, 200), 200);
	program = ourselves ? LAUNCH_OURSELVES : open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	pid = launch_start("test", program, &user, &sock);
	cr_assert_gt(pid, 0);
	cr_expect_eq(fcntl(sock, F_GETFD), FD_CLOEXEC);
	cr_expect_geq(recv(sock, got, sizeof(got) - 1, 0), 0);
	/* A sanitizer has its options there. */
	snprintf(wanted, sizeof(wanted), "%ssfc%s", confine_is_sanitized() ? "" : "e",
		 ourselves && geteuid() == 0 ? "" : "u");
	cr_expect_str_eq(got, wanted);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(exited(status, 42), "status %#x", status);
	cr_expect_eq(recv(sock, got, 1, 0), 0, "nobody else holds its end");
	close(sock);
	close(200);
	if (program >= 0)
		close(program);
	cr_expect_eq(count_fds(), before);
}

Test(helper, start)
{
	check_start(false);
	check_start(true);
}

/* A user that cannot be become: the helper does not start as anything else. */
Test(helper, start_as_root_is_refused)
{
	struct launch_user user = {.name = "root", .demote = true};
	int sock = -1, status = 0;
	const int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const pid_t pid = launch_start("test", program, &user, &sock);

	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(exited(status, 71), "status %#x", status);
	close(sock);
	close(program);
}

static int settle(const void *arg)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

	helper_settle("sshipc-test");
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		raise(ignored[i]);
	return 0;
}

Test(helper, settle)
{
	int status = child(settle, NULL);

	cr_expect(exited(status, 0), "status %#x", status);
}
