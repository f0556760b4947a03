// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_UNANSWERED_H
#define SSHIPC_SERVER_UNANSWERED_H
/*
 * Requests that libssh's server drops without a callback and without an answer: a login whose
 * signature is wrong, or whose algorithm or key libssh does not know; a malformed channel open, or
 * one with a maximum packet size of 0.  A client that sent one would wait for the answer for ever,
 * and it would be neither logged nor counted.
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
	char algorithm[64];		/* as in the request, cut to fit; "": not read */
	uint8_t blob[KEYLINE_BLOB_MAX]; /* the key; not checked, may be any bytes */
	uint32_t blob_len;		/* 0: the key was not read, or is too long */
};

/* message is a login or a channel open without an answer, and is freed on return: the hook may
 * answer it with ssh_message_reply_default(). */
typedef void unanswered_hook(void *arg, ssh_message message, const struct unanswered_login *login);

/* From now on hook is called for each such request (NULL: no hook). */
void unanswered_set_hook(unanswered_hook *hook, void *arg);

/* To be called in each callback of libssh for a message: marks it as one that gets an answer. */
void unanswered_claim(void);

/* To be called in the callback for this message: libssh does not free it after the callback.  It is
 * the caller's to answer and to free.  Works if unanswered_seen() does. */
void unanswered_keep(ssh_message message);

/* The login by public key whose libssh callback is running. */
const struct unanswered_login *unanswered_current(void);

/* Whether libssh has freed a message through this module since the last call. */
bool unanswered_seen(void);

/* Receives each piece that libssh reads from a packet; called by streamlocal.c, which interposes
 * ssh_buffer_get_data. */
void unanswered_read(ssh_buffer buffer, const void *data, uint32_t len);

#endif
