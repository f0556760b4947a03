// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, for the link alone.  It starts nothing and has no state; it logs
 * only a setting that libssh refuses.
 */
#include "session.h"

#include <libssh/callbacks.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "algorithms.h"
#include "alloc.h"
#include "log.h"

/* Trap: without a callback libssh queues the server's opens without bound, and answers none.  A
 * server may open nothing here: 1 refuses. */
static int on_message(ssh_session ssh, ssh_message message, void *arg)
{
	return 1;
}

ssh_session session_new(const struct settings *s, bool gcm, int fd)
{
	const struct linger off = {0};
	char hostkeys[512];
	ssh_session ssh = alloc_or_abort(ssh_new());
	int copy = dup(fd);

	if (copy < 0) {
		log_msg(LOG_ERR, "no descriptor for the session: %m");
		ssh_free(ssh);
		return NULL;
	}
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	address_tune_ssh(fd, s->keepalive);
	ssh_set_blocking(ssh, 0);
	trust_algorithms(s, hostkeys, sizeof(hostkeys));
	if (ssh_options_set(ssh, SSH_OPTIONS_FD, &copy) != SSH_OK ||
	    ssh_options_set(ssh, SSH_OPTIONS_HOST, s->host) != SSH_OK ||
	    ssh_options_set(ssh, SSH_OPTIONS_PORT, &s->port) != SSH_OK ||
	    ssh_options_set(ssh, SSH_OPTIONS_USER, s->user) != SSH_OK ||
	    algorithms_set_client(ssh, s->algorithms, gcm, hostkeys) != 0) {
		log_msg(LOG_ERR, "libssh does not take a setting: %s", ssh_get_error(ssh));
		close(copy);
		ssh_free(ssh);
		return NULL;
	}
	ssh_set_message_callback(ssh, on_message, NULL);
	return ssh;
}

const char *session_describe(ssh_session ssh, char buf[SESSION_TEXT])
{
	const char *banner = ssh_get_serverbanner(ssh);
	struct log_text text;

	snprintf(buf, SESSION_TEXT, "\"%s\", %s, %s",
		 log_escape(&text, banner ? banner : "", banner ? strlen(banner) : 0),
		 ssh_get_kex_algo(ssh), ssh_get_cipher_out(ssh));
	return buf;
}

bool session_is_sshipc(ssh_session ssh)
{
	const char *banner = ssh_get_serverbanner(ssh);

	return banner && strncmp(banner, "SSH-2.0-sshipc_", 15) == 0;
}

enum trust_verdict session_check_key(const struct settings *s, ssh_session ssh, bool may_ask,
				     ssh_key *key, char text[TRUST_TEXT])
{
	if (ssh_get_server_publickey(ssh, key) == SSH_OK)
		return trust_check(s, may_ask, *key, text);
	snprintf(text, TRUST_TEXT, "the server's host key could not be read");
	return TRUST_ERROR;
}

/* Trap: libssh accepts any host key in a later key exchange, without a callback. */
bool session_shows(ssh_session ssh, ssh_key host_key)
{
	ssh_key now = NULL;
	const bool same = ssh_get_server_publickey(ssh, &now) != SSH_OK ||
			  ssh_key_cmp(host_key, now, SSH_KEY_CMP_PUBLIC) == 0;

	ssh_key_free(now);
	return same;
}

bool session_lacks_destination(const struct settings *s, const char *server, char why[SESSION_TEXT])
{
	static const char must[] = "is not an sshipc-server, so the destination must be named";

	if (s->n_specs == 0 && (s->command || s->stdio_to.kind == DESTINATION_DEFAULT)) {
		snprintf(why, SESSION_TEXT, "%s %s: %s", server, must,
			 s->stdio ? "--stdio=HOST:PORT" : "-L 0:HOST:PORT");
		return true;
	}
	for (size_t i = 0; i < s->n_specs; i++) {
		const struct spec *spec = &s->specs[i];

		if (spec->to.kind != DESTINATION_DEFAULT || spec->to.host[0])
			continue;
		snprintf(why, SESSION_TEXT, "-L %s: %s %s: -L %s:HOST:PORT", spec->text, server,
			 must, spec->text);
		return true;
	}
	return false;
}
