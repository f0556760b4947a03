// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_IDENTITY_H
#define SSHIPC_CLIENT_IDENTITY_H
/*
 * The client's one private key: read from its file, the passphrase asked for on the terminal.
 */
#include <libssh/libssh.h>

/* NULL after logging why (unreadable, wrong mode, not a key, wrong passphrase, no terminal to ask
 * on).  ssh_key_free it. */
ssh_key identity_load(const char *path);

#endif
