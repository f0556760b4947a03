// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, by the rules of landlock_rules.c, and in the spawner, whose sessions inherit
 * what it gave up.  It may not ask for a right that this kernel does not know: such a list is
 * refused as a whole.
 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What linux/landlock.h of Debian 12 does not know yet. */
enum {
	FS_FIRST = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, /* all that the first version has */
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,
	NET_BIND_TCP = 1 << 0,
	NET_CONNECT_TCP = 1 << 1,
	SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
	RULE_NET_PORT = 2,
};

struct ruleset {
	uint64_t fs, net, scoped;
};

struct net_port {
	uint64_t allowed, port;
};

static long version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static int begin(uint64_t scoped)
{
	const long v = version();
	const struct ruleset r = {
	    .fs = (uint64_t)FS_FIRST | (v >= 2 ? FS_REFER : 0) | (v >= 3 ? FS_TRUNCATE : 0) |
		  (v >= 5 ? FS_IOCTL_DEV : 0),
	    .net = v >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
	    .scoped = v >= 6 ? scoped : 0,
	};

	if (v < 1) {
		errno = EOPNOTSUPP; /* not built in, or not among those that the kernel started */
		return -1;
	}
	/* An older kernel takes the later fields if they are 0. */
	return (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
}

int landlock_begin(void)
{
	return begin(SCOPE_SIGNAL);
}

static const uint64_t rights[] = {
    [LANDLOCK_READ] =
	LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_DIR,
    [LANDLOCK_WRITE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE,
    [LANDLOCK_MAKE] = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE,
};

int landlock_allow(int list, const char *path, enum landlock_access access)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int rc;

	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	rc = fstat(rule.parent_fd, &st);
	rule.allowed_access = rights[access];
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
	if (rc == 0)
		rc =
		    (int)syscall(SYS_landlock_add_rule, list, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return rc;
}

int landlock_allow_connect(int list, uint16_t port)
{
	const struct net_port to = {NET_CONNECT_TCP, port}, from = {NET_BIND_TCP, 0};

	if (version() < 4)
		return 0;
	return syscall(SYS_landlock_add_rule, list, RULE_NET_PORT, &to, 0) == 0 &&
		       syscall(SYS_landlock_add_rule, list, RULE_NET_PORT, &from, 0) == 0
		   ? 0
		   : -1;
}

int landlock_enforce(int list)
{
	int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	if (rc == 0)
		rc = (int)syscall(SYS_landlock_restrict_self, list, 0);
	close(list);
	return rc;
}

int landlock_seal(void)
{
	const int list = begin(SCOPE_SIGNAL | SCOPE_ABSTRACT_UNIX_SOCKET);

	if (list < 0)
		return errno == EOPNOTSUPP ? 0 : -1;
	return landlock_enforce(list);
}
