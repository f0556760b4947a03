// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "watchdog.h"

/* Exits with 0 after so much CPU, turning all the time. */
static void turn_for(int seconds)
{
	struct timespec used;

	do {
		watchdog_enter();
		watchdog_leave();
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	} while (used.tv_sec < seconds);
	_exit(0);
}

/* What turns is no hang; but there is a limit to what may be used before a login. */
Test(watchdog, cpu_is_limited_until_the_limit_is_lifted)
{
	for (int limit = 0; limit < 2; limit++) {
		int status = 0;
		const pid_t pid = fork();

		if (pid == 0) {
			watchdog_start("");
			watchdog_limit(true);
			watchdog_limit(limit);
			turn_for(limit ? 60 : 3);
		}
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == (limit ? EX_SOFTWARE : 0),
			  "limit %d: %#x", limit, status);
	}
}
