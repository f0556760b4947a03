// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called when the user must answer: for a passphrase or an unknown
 * host key.  It blocks the program, so it may not be called while a session is up.
 */
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "log.h"

static unsigned blocked;   /* nesting depth of blocking */
static sigset_t unblocked; /* the mask before the first time */
static int end_fd = -1;
static bool interrupted;

void tty_block_signals(bool block)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	if (block && blocked++ == 0)
		sigprocmask(SIG_BLOCK, &ours, &unblocked);
	else if (!block && --blocked == 0)
		sigprocmask(SIG_SETMASK, &unblocked, NULL);
}

int tty_open(void)
{
	const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	log_flush(); /* what explains the question comes before it */
	if (tty >= 0)
		tty_block_signals(true);
	return tty;
}

void tty_close(int tty)
{
	close(tty);
	tty_block_signals(false);
}

void tty_end_with(int fd)
{
	end_fd = fd;
}

bool tty_interrupted(void)
{
	return interrupted;
}

/* libevent's signal handlers restart a read(2), so ^C would do nothing: wait in ppoll(2). */
ssize_t tty_read(int tty, char *answer, size_t size)
{
	struct pollfd p[] = {{.fd = tty, .events = POLLIN}, {.fd = end_fd, .events = POLLIN}};
	const int ready = ppoll(p, 2, NULL, &unblocked);
	ssize_t n = -1;

	interrupted = interrupted || (ready < 0 && errno == EINTR);
	if (ready > 0 && !p[1].revents)
		n = read(tty, answer, size - 1);
	answer[n > 0 ? n : 0] = '\0';
	answer[strcspn(answer, "\r\n")] = '\0';
	return n;
}

int tty_ask_secret(const char *prompt, char *answer, size_t size)
{
	const int tty = tty_open();
	struct termios shown, hidden;
	ssize_t n = -1;

	if (tty < 0)
		return -1;
	if (tcgetattr(tty, &shown) == 0) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(tty, TCSAFLUSH, &hidden);
		dprintf(tty, "%s", prompt);
		n = tty_read(tty, answer, size);
		dprintf(tty, "\n");
		tcsetattr(tty, TCSANOW, &shown);
	}
	tty_close(tty);
	return n > 0 ? 0 : -1;
}
