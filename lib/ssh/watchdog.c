// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client.  sshloop.c marks each turn of its loop; a signal
 * handler, which may only call async-signal-safe functions, ends a process without turns.
 */
#include "watchdog.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"

enum { SECONDS = 2 };

/* Changed by every turn, read by the signal handler. */
static volatile sig_atomic_t turns, inside, limited;

static sig_atomic_t seen;
static const char *last_words;

/* Trap: libssh 0.10 loops for ever, and takes more and more memory, if a peer's maximum packet size
 * is 10; other versions at 0 (CVE-2026-59843).  Such a size is refused where it can be read; the
 * watchdog is for the other cases, and for unknown bugs.  The timer counts CPU time only. */
static void on_timer(int sig)
{
	const int saved = errno;

	if (limited || (inside && turns == seen)) {
		log_flush();
		/* A confined session has no last words: it may not write to stderr. */
		if (last_words[0] && write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
			_exit(EX_SOFTWARE);
		_exit(EX_SOFTWARE);
	}
	seen = turns;
	errno = saved;
}

void watchdog_start(const char *say)
{
	const struct itimerval every = {{.tv_sec = SECONDS}, {.tv_sec = SECONDS}};
	struct sigaction sa = {.sa_handler = on_timer, .sa_flags = SA_RESTART};

	last_words = say;
	seen = turns - 1;
	sigaction(SIGPROF, &sa, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
}

void watchdog_limit(bool on)
{
	limited = on;
}

void watchdog_stop(void)
{
	const struct itimerval off = {.it_value.tv_sec = 0};

	setitimer(ITIMER_PROF, &off, NULL);
}

void watchdog_enter(void)
{
	turns = turns + 1;
	inside = 1;
}

void watchdog_leave(void)
{
	inside = 0;
}
