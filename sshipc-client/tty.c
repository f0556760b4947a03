// SPDX-License-Identifier: BSD-2-Clause
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

int tty_open(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
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
	const int ready = poll(p, 2, -1);
	ssize_t n = ready > 0 && !p[1].revents ? read(tty, answer, size - 1) : -1;

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
	close(tty);
	return n > 0 ? 0 : -1;
}
