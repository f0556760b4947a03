// SPDX-License-Identifier: BSD-2-Clause
/*
 * A client on libssh2: a channel carries stdin and stdout.  HOST PORT USER KEY DESTINATION-HOST
 * DESTINATION-PORT; exits with 0, or 1 where the login or the open was refused.  tests/interop/run
 * compiles and runs it.
 */
#include <arpa/inet.h>
#include <libssh2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(LIBSSH2_SESSION *s, const char *what)
{
	char *text = NULL;

	libssh2_session_last_error(s, &text, NULL, 0);
	fprintf(stderr, "%s: %s\n", what, text ? text : "");
	exit(1);
}

static void write_all(const char *bytes, ssize_t n)
{
	while (n > 0) {
		const ssize_t done = write(STDOUT_FILENO, bytes, (size_t)n);

		if (done <= 0)
			exit(1);
		bytes += done;
		n -= done;
	}
}

struct way {
	LIBSSH2_SESSION *s;
	LIBSSH2_CHANNEL *c;
	char up[32768];
	ssize_t held, sent; /* of up */
	bool in_ended, eof_sent, out_ended;
};

/* True if something moved. */
static bool receive(struct way *w)
{
	char bytes[32768];
	const ssize_t n = libssh2_channel_read(w->c, bytes, sizeof(bytes));

	if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
		fail(w->s, "read");
	if (n > 0)
		write_all(bytes, n);
	if (n <= 0 && !w->out_ended && libssh2_channel_eof(w->c)) {
		w->out_ended = true;
		close(STDOUT_FILENO);
	}
	return n > 0;
}

static bool transmit(struct way *w)
{
	ssize_t n = 0;

	if (w->held > w->sent) {
		n = libssh2_channel_write(w->c, w->up + w->sent, (size_t)(w->held - w->sent));
		if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
			fail(w->s, "write");
		w->sent += n > 0 ? n : 0;
	} else if (w->in_ended && !w->eof_sent) {
		w->eof_sent = libssh2_channel_send_eof(w->c) == 0;
	}
	return n > 0;
}

static void carry(struct way *w, int fd)
{
	while (!w->out_ended || !w->eof_sent) {
		struct pollfd p[] = {{.fd = fd, .events = POLLIN},
				     {.fd = STDIN_FILENO, .events = POLLIN}};
		bool moved = receive(w);

		moved = transmit(w) || moved;
		if (moved)
			continue;
		if (libssh2_session_block_directions(w->s) & LIBSSH2_SESSION_BLOCK_OUTBOUND)
			p[0].events |= POLLOUT;
		if (w->in_ended || w->held > w->sent)
			p[1].fd = -1;
		poll(p, 2, 1000);
		if (p[1].fd >= 0 && p[1].revents) {
			w->held = read(STDIN_FILENO, w->up, sizeof(w->up));
			w->sent = 0;
			w->in_ended = w->held <= 0;
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)atoi(argv[2]))};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	char public_key[512];
	static struct way w;

	(void)argc;
	snprintf(public_key, sizeof(public_key), "%s.pub", argv[4]);
	inet_pton(AF_INET, argv[1], &to.sin_addr);
	libssh2_init(0);
	w.s = libssh2_session_init();
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    libssh2_session_handshake(w.s, fd) != 0)
		fail(w.s, "connect");
	if (libssh2_userauth_publickey_fromfile(w.s, argv[3], public_key, argv[4], "") != 0)
		fail(w.s, "login");
	w.c = libssh2_channel_direct_tcpip_ex(w.s, argv[5], atoi(argv[6]), "127.0.0.1", 1);
	if (!w.c)
		fail(w.s, "open");
	libssh2_session_set_blocking(w.s, 0);
	carry(&w, fd);
	libssh2_session_set_blocking(w.s, 1);
	libssh2_channel_free(w.c);
	libssh2_session_disconnect(w.s, "done");
	return 0;
}
