// SPDX-License-Identifier: BSD-2-Clause
/*
 * A client on plain libssh: a channel carries stdin and stdout.  (Not by libssh's connectors, as
 * its example client: version 0.10 loses bytes where both directions are busy.)  HOST PORT USER KEY
 * DESTINATION-HOST DESTINATION-PORT [REKEY-BYTES]; exits with 0, or 1 where the login or the open
 * was refused.  tests/interop/run compiles and runs it.
 */
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int exchanges;

static void on_log(int level, const char *function, const char *text, void *arg)
{
	(void)level, (void)function, (void)arg;
	exchanges += strstr(text, "Received SSH_MSG_NEWKEYS") != NULL;
}

static void fail(ssh_session s, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, ssh_get_error(s));
	exit(1);
}

struct way {
	ssh_session s;
	ssh_channel c;
	ssh_event event;
	char up[32768];
	int held, sent; /* of up */
	bool in_ended, eof_sent, out_ended;
};

/* True if something moved. */
static bool receive(struct way *w)
{
	char bytes[32768];
	const int n = ssh_channel_read_nonblocking(w->c, bytes, sizeof(bytes), 0);

	if (n == SSH_ERROR)
		fail(w->s, "read");
	for (int at = 0, done; at < n; at += done) {
		done = (int)write(STDOUT_FILENO, bytes + at, (size_t)(n - at));
		if (done <= 0)
			exit(1);
	}
	if (n <= 0 && !w->out_ended && ssh_channel_is_eof(w->c)) {
		w->out_ended = true;
		close(STDOUT_FILENO);
	}
	return n > 0;
}

static bool transmit(struct way *w)
{
	const int room = (int)ssh_channel_window_size(w->c), held = w->held - w->sent;
	int n = 0;

	if (held > 0 && room > 0) {
		n = ssh_channel_write(w->c, w->up + w->sent, (uint32_t)(held < room ? held : room));
		if (n < 0)
			fail(w->s, "write");
		w->sent += n;
	} else if (held == 0 && w->in_ended && !w->eof_sent) {
		w->eof_sent = ssh_channel_send_eof(w->c) == SSH_OK;
	}
	return n > 0;
}

static void carry(struct way *w)
{
	while (!w->out_ended || !w->eof_sent) {
		struct pollfd p[] = {{.fd = ssh_get_fd(w->s), .events = POLLIN},
				     {.fd = STDIN_FILENO, .events = POLLIN}};
		bool moved;

		/* First: what it takes from the socket has no event any more.  And at the channel's
		 * EOF a read takes no packets. */
		if (ssh_event_dopoll(w->event, 0) == SSH_ERROR)
			fail(w->s, "session");
		moved = receive(w);
		moved = transmit(w) || moved;
		if (moved)
			continue;
		if (ssh_get_status(w->s) & SSH_WRITE_PENDING)
			p[0].events |= POLLOUT;
		if (w->in_ended || w->held > w->sent)
			p[1].fd = -1;
		poll(p, 2, 100);
		if (p[1].fd >= 0 && p[1].revents) {
			w->held = (int)read(STDIN_FILENO, w->up, sizeof(w->up));
			w->sent = 0;
			w->in_ended = w->held <= 0;
			w->held = w->in_ended ? 0 : w->held;
		}
	}
}

int main(int argc, char **argv)
{
	const int port = atoi(argv[2]);
	const bool no = false;
	ssh_session s = ssh_new();
	ssh_key key = NULL;
	static struct way w;

	ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no);
	ssh_options_set(s, SSH_OPTIONS_HOST, argv[1]);
	ssh_options_set(s, SSH_OPTIONS_PORT, &port);
	ssh_options_set(s, SSH_OPTIONS_USER, argv[3]);
	if (argc > 7) {
		const uint64_t bytes = strtoull(argv[7], NULL, 10);

		ssh_options_set(s, SSH_OPTIONS_REKEY_DATA, &bytes);
	}
	ssh_set_log_callback(on_log);
	ssh_set_log_level(SSH_LOG_PACKET); /* 0.10 tells it at SSH_LOG_PROTOCOL */
	if (ssh_connect(s) != SSH_OK)
		fail(s, "connect");
	if (ssh_pki_import_privkey_file(argv[4], NULL, NULL, NULL, &key) != SSH_OK ||
	    ssh_userauth_publickey(s, NULL, key) != SSH_AUTH_SUCCESS)
		fail(s, "login");
	w.s = s;
	w.c = ssh_channel_new(s);
	if (ssh_channel_open_forward(w.c, argv[5], atoi(argv[6]), "127.0.0.1", 1) != SSH_OK)
		fail(s, "open");
	ssh_set_blocking(s, 0);
	w.event = ssh_event_new();
	ssh_event_add_session(w.event, s);
	carry(&w);
	/* A key exchange may hold back the last packets, and no status shows them.  The server
	 * closes the channel when it has all of them. */
	while (!ssh_channel_is_closed(w.c) && ssh_event_dopoll(w.event, 1000) != SSH_ERROR)
		;
	ssh_event_remove_session(w.event, s);
	ssh_set_blocking(s, 1);
	ssh_channel_close(w.c);
	ssh_disconnect(s);
	fprintf(stderr, "%d key exchanges\n", exchanges);
	return 0;
}
