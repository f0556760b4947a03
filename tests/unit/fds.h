// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_TEST_FDS_H
#define SSHIPC_TEST_FDS_H
/* How many descriptors this process has: the same before and after means that none leaked. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline size_t count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	cr_assert(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* For a .fini, where criterion lets a failed assertion pass: a crash is not let pass. */
static inline void check_at_end(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "at the end of the test: %s\n", what);
		abort();
	}
}

#endif
