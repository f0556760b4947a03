// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called at its start, and whenever a helper is made.  Between fork and exec
 * it runs in the new process, which demotes itself before it executes anything but sshipc-server
 * itself.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "confine.h"
#include "helper.h"

/* Our own file, as it was when the first helper was made. */
static struct stat self;

/* The path of the file behind link, which valgrind and debuggers want, and what is there now. */
static bool find_path(const char *link, char path[PATH_MAX], struct stat *st)
{
	const ssize_t n = readlink(link, path, PATH_MAX - 1);

	path[n > 0 ? n : 0] = '\0';
	return stat(path, st) == 0;
}

/* Whether that is still the file which we were started with. */
static bool is_path_ours(int program, const char *link, char path[PATH_MAX])
{
	struct stat there, ours = self;

	return find_path(link, path, &there) &&
	       (program == LAUNCH_OURSELVES || fstat(program, &ours) == 0) &&
	       there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

static void become(const char *role, int program, const struct launch_user *user, int sock)
{
	char name[160], path[PATH_MAX], link[64] = "/proc/self/exe", option[160];
	char *argv[] = {name, NULL, NULL}, *nothing[] = {NULL};
	char **const env = user->debug || confine_is_sanitized() ? environ : nothing;
	bool by_path = false;
	sigset_t none;

	snprintf(name, sizeof(name), HELPER_TITLE "%s", role);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (program != LAUNCH_OURSELVES) {
		program = fcntl(program, F_DUPFD_CLOEXEC, HELPER_SOCKET + 1);
		if (program < 0)
			_exit(EX_OSERR);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", program);
	}
	if (user->debug)
		by_path = is_path_ours(program, link, path);
	if (sock == HELPER_SOCKET ? fcntl(sock, F_SETFD, 0) != 0 : dup2(sock, HELPER_SOCKET) < 0)
		_exit(EX_OSERR);
	if (program > HELPER_SOCKET + 1) {
		if (dup3(program, HELPER_SOCKET + 1, O_CLOEXEC) < 0)
			_exit(EX_OSERR);
		program = HELPER_SOCKET + 1;
	}
	/* If close_range is refused, launch_check has made them close-on-exec: Landlock denies
	 * /proc/self/fd by now. */
	confine_close_from(HELPER_SOCKET + 1 + (program != LAUNCH_OURSELVES), 0);
	if (user->demote && program != LAUNCH_OURSELVES &&
	    confine_demote(user->name, user->uid, user->gid) != 0)
		helper_fail_call("initgroups, setresgid, setresuid");
	if (by_path) {
		/* valgrind sets argv[0] itself */
		snprintf(option, sizeof(option), HELPER_OPTION "%s", role);
		argv[1] = option;
		execve(path, argv, env);
	}
	if (program == LAUNCH_OURSELVES) {
		execve("/proc/self/exe", argv, env);
		helper_fail_call("/proc/self/exe cannot be executed");
	}
	/* Execute the file that was opened and checked, even if its path now names another one. */
	fexecve(program, argv, env);
	snprintf(path, sizeof(path), "it cannot be executed: %s", strerror(errno));
	helper_fail(EX_CONFIG, path);
}

pid_t launch_start(const char *role, int program, const struct launch_user *user, int *sock)
{
	char path[PATH_MAX];
	int pair[2];
	pid_t pid;

	if (user->debug && self.st_ino == 0)
		find_path("/proc/self/exe", path, &self);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(role, program, user, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -1;
	}
	*sock = pair[0];
	return pid;
}
