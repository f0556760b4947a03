// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conn.h"
#include "fds.h"

static char dir[] = "/tmp/sshipc-access-XXXXXX";
static char sock[64], link_to[64];

static void set_up(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert(mkdtemp(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(link_to, sizeof(link_to), "%s/l", dir);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", sock);
	cr_assert_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	cr_assert_eq(symlink(sock, link_to), 0);
	close(fd);
}

static void tear_down(void)
{
	unlink(sock);
	unlink(link_to);
	check_at_end(rmdir(dir) == 0, "a file was left behind");
}

TestSuite(access, .init = set_up, .fini = tear_down);

/* Who asks: the owner, a member of its group, anybody else. */
enum who { OWNER, MEMBER, OTHER };

static const struct {
	mode_t folder, socket;
	enum who who;
	enum access wanted;
} modes[] = {
    {0755, 0600, OWNER, ACCESS_YES}, {0755, 0600, MEMBER, ACCESS_NO},
    {0755, 0600, OTHER, ACCESS_NO},  {0755, 0660, MEMBER, ACCESS_YES},
    {0755, 0660, OTHER, ACCESS_NO},  {0755, 0666, OTHER, ACCESS_YES},
    {0755, 0555, OTHER, ACCESS_NO},  {0755, 0066, OWNER, ACCESS_NO},
    {0755, 0606, MEMBER, ACCESS_NO}, {0750, 0666, MEMBER, ACCESS_YES},
    {0750, 0666, OTHER, ACCESS_NO},  {0766, 0666, OTHER, ACCESS_NO},
};

Test(access, by_owner_group_and_mode)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct launch_user u = {.demote = true,
					.uid = geteuid() + (modes[i].who != OWNER),
					.groups = {getegid() + 7, getegid()},
					.n_groups = modes[i].who == MEMBER ? 2 : 1};

		cr_assert_eq(chmod(sock, modes[i].socket), 0);
		cr_assert_eq(chmod(dir, modes[i].folder), 0);
		cr_expect_eq(access_to(&u, sock), modes[i].wanted, "%zu", i);
		cr_expect_eq(access_to(&u, link_to), modes[i].wanted, "%zu: by a link", i);
		u.n_groups = -1;
		cr_expect_eq(access_to(&u, sock), ACCESS_UNKNOWN, "%zu: too many groups", i);
	}
	cr_assert_eq(chmod(dir, 0700), 0);
}

Test(access, of_ourselves)
{
	const struct launch_user here = {.demote = false};

	cr_expect_eq(access_to(&here, sock), ACCESS_YES);
	cr_assert_eq(chmod(sock, 0), 0);
	cr_expect_eq(access_to(&here, sock), geteuid() == 0 ? ACCESS_YES : ACCESS_NO);
	cr_assert_eq(unlink(sock), 0);
	cr_expect_eq(access_to(&here, sock), ACCESS_UNKNOWN);
}
