// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_TEST_CHILD_H
#define SSHIPC_TEST_CHILD_H
/* For what a process can do only once: a child of its own for each case. */
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_READY = 255 }; /* exit code: the case itself could not be set up */

/* The wait status of a child that runs body, which returns its exit code. */
static inline int child(int (*body)(const void *arg), const void *arg)
{
	const pid_t pid = fork();
	int status = 0;

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		alarm(30);
		_exit(body(arg));
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static inline bool exited(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static inline bool killed(int status, int sig)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

#endif
