// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_KEYLINE_H
#define SSHIPC_KEYLINE_H
/*
 * One line of the allow list (OpenSSH authorized_keys syntax) -> one entry.  The only parser of key
 * options; the key itself is keyblob.h's.  It reads no file, no endpoint list and no clock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "cidr.h"
#include "keyblob.h"
#include "window.h"

#define KEYLINE_NAME	   64	 /* bytes of a name, with NUL */
#define KEYLINE_MAX	   16384 /* bytes of the longest line accepted */
#define KEYLINE_PERMITOPEN 16	 /* permitopen values a line may carry */
#define KEYLINE_ENDPOINT   33	 /* endpoint name with NUL */

struct keyline {
	/* name="..." (printable ASCII without blank, '"' and '\\'); else the comment's first word
	 * (others become '?', cut to fit); else the fingerprint's first 16 characters. */
	char name[KEYLINE_NAME];
	char endpoint[KEYLINE_ENDPOINT]; /* "" when the line names none */
	char *permitopen[KEYLINE_PERMITOPEN];
	size_t n_permitopen;
	struct cidr_list from; /* empty: any address */
	time_t expires;	       /* the first second at which it is no longer good; 0: never */
	struct window valid;
	char *valid_text;		     /* as written in the line; NULL: always */
	uint16_t max_sessions, max_channels; /* 0: only the server's own limits */
	uint32_t max_lifetime, idle_timeout; /* seconds; 0: the server's, none */
	bool replace_old;
	bool verify_required;  /* only with a token's key (sk-) */
	struct address source; /* of dials: 127.x.y.z with port 0; unset: the kernel's choice */
	char *connect_as;      /* the user that dials, as written; NULL: the server's */
	char *options;	       /* as written in the line; "": none */
	char no_effect[24]; /* "command, permitlisten": options that restrict what no session has */
	const struct key_type *type;
	uint8_t *blob; /* RFC 4253 section 6.6 */
	size_t blob_len;
	uint8_t digest[KEYLINE_DIGEST];
	char fingerprint[KEYLINE_FINGERPRINT];
	unsigned line; /* set by the caller */
};

/*
 * Parses one line without its newline.  1: out holds an entry (keyline_free it).  0: blank or
 * comment.  -1: a fault, *errstr is the reason (reason.h), out holds nothing.  Option names are
 * case-insensitive as in sshd(8); restrict, port-forwarding, no-agent-forwarding, no-pty,
 * no-user-rc, no-X11-forwarding, command and permitlisten are accepted and change nothing.  Faults:
 * - an unknown or repeated option (permitopen and permitlisten may repeat), a value that does not
 * parse or lacks its quotes (numbers need none); replace-old without
 * max-sessions; verify-required with a key that is no token's (sk-) -
 * environment, tunnel, pty, user-rc, agent-forwarding, X11-forwarding,
 * cert-authority, principals, no-touch-required: they grant or relax; no-port-forwarding: it denies
 * all that there is - a key type that is not supported, a certificate, RSA below 2048 bits, a blob
 * that is malformed or of another type - a comment that holds a second key; NUL or control bytes
 * but tab, also in a comment line; a line over KEYLINE_MAX
 */
int keyline_parse(const char *text, size_t len, struct keyline *out, const char **errstr);

void keyline_free(struct keyline *k);

/* Writes the replacement of two lines of one key: one line with the options of both, or which
 * option they set to different values.  Cut to fit. */
void keyline_merge(const struct keyline *a, const struct keyline *b, char *out, size_t size);

/* Whether a name may contain c. */
bool keyline_is_name_char(char c);

#endif
