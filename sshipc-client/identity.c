// SPDX-License-Identifier: BSD-2-Clause
#include "identity.h"

#include <stdio.h>
#include <string.h>

#include "keyfile.h"
#include "log.h"
#include "tty.h"

enum { TRIES = 3, PASSPHRASE_MAX = 1024 };

struct ask {
	const char *path;
	bool asked, no_tty;
};

static int ask_passphrase(const char *prompt, char *buf, size_t len, int echo, int verify,
			  void *arg)
{
	struct ask *a = arg;
	char text[512];

	(void)prompt;
	(void)echo;
	(void)verify;
	a->asked = true;
	snprintf(text, sizeof(text), "Passphrase for %s: ", a->path);
	a->no_tty = tty_ask_secret(text, buf, len) < 0;
	return a->no_tty ? -1 : 0;
}

ssh_key identity_load(const char *path)
{
	struct ask a = {.path = path};
	char err[KEYFILE_ERROR];
	size_t len;
	char *text = keyfile_read(path, &len, err);
	ssh_key key = NULL;

	if (!text) {
		log_msg(LOG_ERR, "%s", err);
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
	if (!key && a.no_tty)
		log_msg(LOG_ERR, "%s is encrypted and nobody gave its passphrase on a terminal",
			path);
	else if (!key)
		log_msg(LOG_ERR, "%s: %s", path,
			a.asked ? "wrong passphrase"
				: "not a private key that can be read; make one with: "
				  "sshipc-client --keygen FILE");
	return key;
}
