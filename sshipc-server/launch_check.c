// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process that becomes the monitor, called by start.c before anything is bound.  It
 * looks up users and tries what monitor/launch.c will do; it starts no helper itself.
 */
#include "launch_check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "helper.h"
#include "reason.h"

/* Finds a user by name or uid; a uid without an entry has the same number as gid.  False: name is
 * neither. */
static bool find_user(const char *name, struct launch_user *out)
{
	const struct passwd *pw = getpwnam(name);
	const size_t digits = strspn(name, "0123456789");
	unsigned long long uid = digits > 0 && digits < 11 ? strtoull(name, NULL, 10) : UINT32_MAX;

	if (!pw && (name[digits] || uid >= UINT32_MAX))
		return false;
	if (!pw)
		pw = getpwuid((uid_t)uid);
	if ((size_t)snprintf(out->name, sizeof(out->name), "%s", pw ? pw->pw_name : name) >=
	    sizeof(out->name))
		return false;
	out->uid = pw ? pw->pw_uid : (uid_t)uid;
	out->gid = pw ? pw->pw_gid : (gid_t)uid;
	return true;
}

int launch_user_find(const char *name, struct launch_user *out, const char **errstr)
{
	struct launch_user u = {.demote = true};
	bool found;

	memset(out, 0, sizeof(*out));
	if (geteuid() != 0) {
		*errstr = "only root can become another user; start as root, or leave it out";
		return !name || (find_user(name, &u) && u.uid == geteuid()) ? 0 : -1;
	}
	found = name ? find_user(name, &u) : find_user("sshipc", &u) || find_user("nobody", &u);
	*errstr = found ? "never root, nor a user of its group; name an ordinary one"
			: reasonf("no such user; create it (useradd --system --shell "
				  "/usr/sbin/nologin %s) or name another",
				  name ? name : "sshipc");
	if (!found || u.uid == 0 || u.gid == 0)
		return -1;
	*out = u;
	out->n_groups = LAUNCH_GROUPS;
	if (getgrouplist(out->name, out->gid, out->groups, &out->n_groups) < 0)
		out->n_groups = -1;
	return 0;
}

/* The capabilities that root needs, each with its purpose. */
static const struct {
	int number;
	const char *name, *purpose;
} needed[] = {
    {CAP_SETUID, "SETUID", "helpers cannot become the user that sessions run as"},
    {CAP_SETGID, "SETGID", "helpers cannot take the groups of the user that sessions run as"},
    {CAP_KILL, "KILL", "a helper of another user that hangs could not be ended"},
};

/* Tries the change of user in a process of its own: 0, or an errno. */
static int try_demotion(const struct launch_user *user)
{
	int error = EIO, pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return errno;
	pid = fork();
	if (pid == 0) {
		error = confine_demote(user->name, user->uid, user->gid) == 0 ? 0 : errno;
		_exit(write(pipes[1], &error, sizeof(error)) != sizeof(error));
	}
	close(pipes[1]);
	if (pid < 0)
		error = errno;
	else if (read(pipes[0], &error, sizeof(error)) != sizeof(error))
		error = EPERM; /* the process was killed */
	close(pipes[0]);
	return error;
}

int launch_check(const struct launch_user *user, char *err, size_t size)
{
	int error;

	for (size_t i = 0; user->demote && i < sizeof(needed) / sizeof(*needed); i++) {
		if (confine_has_capability(needed[i].number))
			continue;
		snprintf(err, size,
			 "the capability CAP_%s is missing: %s; add it (CapabilityBoundingSet= of "
			 "systemd, --cap-add %s of docker), or start as that user",
			 needed[i].name, needed[i].purpose, needed[i].name);
		return -1;
	}
	if (access("/proc/self/exe", X_OK) != 0) {
		snprintf(err, size,
			 "/proc/self/exe: %s: helpers are started from there; mount /proc",
			 strerror(errno));
		return -1;
	}
	/* Descriptors that we opened are close-on-exec already; inherited ones may not be. */
	if (confine_close_from(HELPER_SOCKET, CLOSE_RANGE_CLOEXEC) != 0) {
		snprintf(err, size,
			 "close_range is refused, and /proc/self/fd cannot be read: %s; allow the "
			 "call in the container's seccomp profile",
			 strerror(errno));
		return -1;
	}
	error = user->demote ? try_demotion(user) : 0;
	if (error == 0)
		return 0;
	snprintf(
	    err, size,
	    "no process can become user %s (initgroups, setresgid, setresuid): %s; allow these "
	    "calls (a user namespace with setgroups, the container's seccomp profile), or "
	    "start as that user",
	    user->name, strerror(error));
	return -1;
}
