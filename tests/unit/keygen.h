// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_TEST_KEYGEN_H
#define SSHIPC_TEST_KEYGEN_H
/* A key file of ssh-keygen's, at path in a folder of its own: one at a time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/sshipc-keygen-XXXXXX", path[64];
static const char *why; /* the last reason against one, or NULL */

static inline void set_up(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
}

static inline void clean(void)
{
	char pub[80];

	snprintf(pub, sizeof(pub), "%s.pub", path);
	unlink(path);
	unlink(pub);
}

static inline void tear_down(void)
{
	clean();
	cr_expect_eq(rmdir(dir), 0);
}

/* Makes one; how: further arguments. */
static inline void keygen(const char *how)
{
	char command[256];

	clean();
	snprintf(command, sizeof(command), "ssh-keygen -q -C '' -f %s %s </dev/null", path, how);
	cr_assert_eq(system(command), 0, "%s", command);
}

#endif
