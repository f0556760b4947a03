// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_UNANSWERED_H
#define SSHIPC_SERVER_UNANSWERED_H
/*
 * Requests that libssh's server drops without a callback and without an answer: a login whose
 * signature is wrong, or whose algorithm or key libssh does not know; a malformed channel open, or
 * one with a maximum packet size of 0.  A client that sent one would wait for the answer for ever,
 * and nobody would log or count it.
 *
 * They are seen by interposing libssh's public ssh_message_free, whose calls within libssh go
 * through the dynamic linker; selftest.h proves at each start that they still do.
 */
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

#include "keyblob.h"

/* Of a login by public key, as far as libssh has read it. */
struct unanswered_login {
	bool is_signed;
	char algorithm[64]; /* as the request has it, cut to that; "": it was not read */
	uint8_t blob[KEYLINE_BLOB_MAX]; /* the key, which may be any bytes */
	uint32_t blob_len;		/* 0: it was not read, or is longer */
};

/* message is a login or a channel open that nobody has answered, and is freed on return: it may be
 * answered with ssh_message_reply_default(). */
typedef void unanswered_hook(void *arg, ssh_message message, const struct unanswered_login *login);

/* From now on hook is called for each such request (NULL: nothing is). */
void unanswered_set_hook(unanswered_hook *hook, void *arg);

/* To be called in each callback of libssh for a message: it will be answered. */
void unanswered_claim(void);

/* The login by public key whose callback runs. */
const struct unanswered_login *unanswered_current(void);

/* Whether libssh has freed a message through this module since the last call. */
bool unanswered_seen(void);

/* Each piece that libssh reads out of a packet; called by streamlocal.c, which interposes that. */
void unanswered_read(ssh_buffer buffer, const void *data, uint32_t len);

#endif
