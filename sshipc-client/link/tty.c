// SPDX-License-Identifier: BSD-2-Clause
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static unsigned blocked; /* how often */

static void change_mask(int how)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(how, &ours, NULL);
}

void tty_block_signals(bool block)
{
	if (block ? blocked++ == 0 : --blocked == 0)
		change_mask(block ? SIG_BLOCK : SIG_UNBLOCK);
}

int tty_open(void)
{
	const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty >= 0)
		tty_block_signals(true);
	return tty;
}

void tty_close(int tty)
{
	close(tty);
	tty_block_signals(false);
}

static int end_fd = -1;

void tty_end_with(int fd)
{
	end_fd = fd;
}

static bool interrupted;

bool tty_interrupted(void)
{
	return interrupted;
}

/* poll first: libevent's signal handlers restart a read, and ^C would do nothing. */
ssize_t tty_read(int tty, char *answer, size_t size)
{
	struct pollfd p[] = {{.fd = tty, .events = POLLIN}, {.fd = end_fd, .events = POLLIN}};
	sigset_t meanwhile;
	int ready;
	ssize_t n;

	sigprocmask(SIG_SETMASK, NULL, &meanwhile);
	sigdelset(&meanwhile, SIGINT);
	sigdelset(&meanwhile, SIGTERM);
	sigdelset(&meanwhile, SIGHUP);
	ready = ppoll(p, 2, NULL, &meanwhile);
	n = ready > 0 && !p[1].revents ? read(tty, answer, size - 1) : -1;
	interrupted = interrupted || (ready < 0 && errno == EINTR);
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
