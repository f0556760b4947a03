// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, for client.c and the doctor, which make it, and the link, which
 * offers it.  It may ask for a passphrase, and block meanwhile, only while it is made.
 */
#include "identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "keyform.h"
#include "tty.h"

enum { TRIES = 3, PASSPHRASE_MAX = 1024 };

struct identity {
	const char *name;
	ssh_key key;
	struct agent *agent; /* where there is no key */
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

/* libssh 0.10 reads an Ed25519 key of PKCS#8's form, and cannot use it. */
static bool is_whole(ssh_key key)
{
	char *base64 = NULL;
	const bool whole = ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK;

	ssh_string_free_char(base64);
	return whole;
}

/* NULL with err. */
static ssh_key load(const char *path, char err[KEYFILE_ERROR])
{
	struct ask a = {.path = path};
	size_t len;
	char *text = keyfile_read(path, FOLDERS_PRIVATE_GROUP | FOLDERS_OTHER_USER, &len, err);
	ssh_key key = NULL;

	if (!text)
		return NULL;
	if (keyform_check_private(text, path, true, err, KEYFILE_ERROR) < 0) {
		keyfile_wipe(text, len);
		return NULL;
	}
	for (int i = 0; i < TRIES && !key; i++) {
		if (ssh_pki_import_privkey_base64(text, NULL, ask_passphrase, &a, &key) == SSH_OK)
			break;
		key = NULL;
		if (!a.asked || a.no_tty)
			break;
	}
	keyfile_wipe(text, len);
	err[0] = '\0';
	if (key && !is_whole(key)) {
		snprintf(err, KEYFILE_ERROR,
			 "%s: a private key in a form that libssh cannot use (Ed25519 in "
			 "PKCS#8?); make one with: sshipc-client --keygen FILE",
			 path);
		ssh_key_free(key);
		return NULL;
	}
	if (!key)
		snprintf(err, KEYFILE_ERROR, "%s%s", path,
			 a.no_tty  ? " is encrypted and nobody gave its passphrase on a terminal; "
				     "ssh-add it and use --agent-key"
			 : a.asked ? ": wrong passphrase"
				   : ": not a private key that can be read; make one with: "
				     "sshipc-client --keygen FILE");
	return key;
}

struct identity *identity_new(struct event_base *base, const char *path, const char *agent_key,
			      char err[KEYFILE_ERROR])
{
	struct identity *i = xcalloc(1, sizeof(*i));
	char *base64 = NULL;

	i->name = agent_key ? agent_key : path;
	if (agent_key && getenv("SSH_AUTH_SOCK"))
		i->agent = agent_new(base, agent_key);
	else if (agent_key)
		snprintf(err, KEYFILE_ERROR,
			 "--agent-key %s: SSH_AUTH_SOCK is not set; start an agent with: eval "
			 "$(ssh-agent); ssh-add",
			 agent_key);
	else
		i->key = load(path, err);
	if (i->key && ssh_pki_export_pubkey_base64(i->key, &base64) == SSH_OK)
		snprintf(i->line, sizeof(i->line), "%s %s",
			 ssh_key_type_to_char(ssh_key_type(i->key)), base64);
	ssh_string_free_char(base64);
	if (i->key || i->agent)
		return i;
	free(i);
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

int identity_log_in(struct identity *i, ssh_session ssh, void (*wake)(void *arg), void *arg)
{
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
