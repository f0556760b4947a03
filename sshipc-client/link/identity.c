// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, for client.c and the doctor, which create the identity, and the
 * link, which offers it.  Only identity_new may ask for a passphrase, and block meanwhile.
 */
#include "identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "keyform.h"
#include "reason.h"
#include "tty.h"

enum { TRIES = 3, PASSPHRASE_MAX = 1024 };

struct identity {
	const char *name;
	ssh_key key;
	struct agent *agent; /* if the key is an agent's */
	char line[2 * KEYLINE_BLOB_MAX];
};

struct ask {
	const char *path;
	bool asked, no_tty;
};

static int ask_passphrase(const char *prompt, char *buf, size_t len, int echo, int verify,
			  void *arg)
{
	struct ask *a = arg;
	char text[512];

	a->asked = true;
	snprintf(text, sizeof(text), "Passphrase for %s: ", a->path);
	a->no_tty = tty_ask_secret(text, buf, len) < 0;
	return a->no_tty ? -1 : 0;
}

/* False, and *why is the reason. */
static bool load(struct identity *id, const char *path, const char **why)
{
	struct ask a = {.path = path};
	size_t len;
	char *text = keyfile_read(path, FOLDERS_PRIVATE_GROUP | FOLDERS_OTHER_USER,
				  "sshipc-client --keygen", &len, why);
	char *base64 = NULL;

	if (!text)
		return false;
	*why = keyform_check_private(text, path, true);
	for (int i = 0; i < TRIES && !*why && !id->key && (i == 0 || (a.asked && !a.no_tty)); i++) {
		if (ssh_pki_import_privkey_base64(text, NULL, ask_passphrase, &a, &id->key) !=
		    SSH_OK)
			id->key = NULL;
	}
	keyfile_wipe(text, len);
	if (*why)
		return false;
	/* libssh 0.10 reads an Ed25519 key of PKCS#8's form, and cannot use it. */
	if (id->key && ssh_pki_export_pubkey_base64(id->key, &base64) == SSH_OK) {
		snprintf(id->line, sizeof(id->line), "%s %s",
			 ssh_key_type_to_char(ssh_key_type(id->key)), base64);
		ssh_string_free_char(base64);
		return true;
	}
	*why = reasonf("%s%s", path,
		       id->key	  ? ": a private key in a form that libssh cannot use (Ed25519 in "
				    "PKCS#8?); make one with: sshipc-client --keygen FILE"
		       : a.no_tty ? " is encrypted and nobody gave its passphrase on a terminal; "
				    "ssh-add it and use --agent-key"
		       : a.asked  ? ": wrong passphrase"
				  : ": not a private key that can be read (is it cut off?); "
				    "make one with: sshipc-client --keygen FILE");
	return false;
}

struct identity *identity_new(struct event_base *base, const char *path, const char *agent_key,
			      const char **why)
{
	struct identity *i = xcalloc(1, sizeof(*i));

	i->name = agent_key ? agent_key : path;
	if (agent_key && getenv("SSH_AUTH_SOCK"))
		i->agent = agent_new(base, agent_key);
	else if (agent_key)
		*why =
		    reasonf("--agent-key %s: SSH_AUTH_SOCK is not set; start an agent with: eval "
			    "$(ssh-agent); ssh-add",
			    agent_key);
	if (i->agent || (!agent_key && load(i, path, why)))
		return i;
	identity_free(i);
	return NULL;
}

void identity_free(struct identity *i)
{
	if (!i)
		return;
	ssh_key_free(i->key);
	agent_free(i->agent);
	free(i);
}

const char *identity_name(const struct identity *i)
{
	return i->name;
}

const char *identity_line(const struct identity *i)
{
	return i->agent ? agent_line(i->agent) : i->line;
}

/* Trap: libssh 0.10 chooses the signature algorithm before it asks for the service, so perhaps
 * before the server's EXT_INFO (RFC 8308) is there, and then refuses an RSA key itself. */
int identity_log_in(struct identity *i, ssh_session ssh, void (*wake)(void *arg), void *arg)
{
	const int rc = ssh_service_request(ssh, "ssh-userauth");

	if (rc != SSH_OK)
		return rc == SSH_AGAIN ? SSH_AUTH_AGAIN : SSH_AUTH_ERROR;
	return i->agent ? agent_log_in(i->agent, ssh, wake, arg)
			: ssh_userauth_publickey(ssh, NULL, i->key);
}

const char *identity_error(const struct identity *i)
{
	return i->agent ? agent_error(i->agent) : NULL;
}

const char *identity_phase(const struct identity *i)
{
	return i->agent && agent_is_asked(i->agent) ? "the answer of ssh-agent" : "login";
}

void identity_reset(struct identity *i)
{
	if (i->agent)
		agent_reset(i->agent);
}
