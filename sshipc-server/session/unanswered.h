// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_UNANSWERED_H
#define SSHIPC_SERVER_UNANSWERED_H
/*
 * The requests that libssh's server side drops without asking us and without an answer: a login
 * whose signature is wrong, an algorithm or a key that it does not know, a malformed open, one with
 * a maximum packet size of 0.  Their senders would wait.  Seen by interposing libssh's public
 * ssh_message_free, whose calls within libssh go through the dynamic linker; selftest.h proves at
 * start that they still do.
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

/* From now on such requests are told to hook (NULL: to nobody). */
void unanswered_tell(unanswered_hook *hook, void *arg);

/* In a callback of libssh for a message: it will be answered. */
void unanswered_not(void);

/* The login whose callback runs. */
const struct unanswered_login *unanswered_now(void);

/* Whether any message was freed by way of us since the last call. */
bool unanswered_seen(void);

/* What libssh reads from a packet; see streamlocal.c. */
void unanswered_read(ssh_buffer buffer, const void *data, uint32_t len);

#endif
