// SPDX-License-Identifier: BSD-2-Clause
#include "session.h"

#include <libssh/callbacks.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "algorithms.h"
#include "log.h"
#include "trust.h"

/* A server has nothing to ask of us: unanswered opens would be queued without bound. */
static int on_message(ssh_session ssh, ssh_message message, void *arg)
{
	return 1;
}

ssh_session session_new(const struct settings *s, bool gcm, int fd)
{
	const struct trust t = {.host = s->host,
				.port = s->port,
				.n_pins = s->n_pins,
				.user_file = s->known_hosts,
				.global_file = s->global_known_hosts};
	char hostkeys[512];
	ssh_session ssh = ssh_new();
	int copy = dup(fd);

	if (!ssh)
		abort();
	if (copy < 0) {
		log_msg(LOG_ERR, "no descriptor for the session: %m");
		ssh_free(ssh);
		return NULL;
	}
	ssh_set_blocking(ssh, 0);
	trust_algorithms(&t, hostkeys, sizeof(hostkeys));
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
