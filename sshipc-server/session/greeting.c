// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, called by session.c before libssh reads the peer's first bytes.  It
 * only compares them; it consumes none and answers nothing.
 */
#include "greeting.h"

#include <string.h>

static const struct {
	const char *begins;
	size_t n;
	enum session_reached kind;
} greetings[] = {
/* clang-format off */
#define BEGINS(text, kind) {text, sizeof(text) - 1, kind}
    /* clang-format on */
    BEGINS("PROXY ", SESSION_PROXY),  BEGINS("\r\n\r\n\0\r\nQUIT\n", SESSION_PROXY), /* version 2 */
    BEGINS("\x16\x03", SESSION_TLS), /* a handshake record */
    BEGINS("GET ", SESSION_HTTP),     BEGINS("HEAD ", SESSION_HTTP),
    BEGINS("POST ", SESSION_HTTP),    BEGINS("PUT ", SESSION_HTTP),
    BEGINS("DELETE ", SESSION_HTTP),  BEGINS("OPTIONS ", SESSION_HTTP),
    BEGINS("CONNECT ", SESSION_HTTP), BEGINS("PRI * HTTP/2", SESSION_HTTP),
};

enum session_reached greeting_kind(const void *first, size_t n)
{
	static const char ssh[] = "SSH-";

	if (memcmp(first, ssh, n < sizeof(ssh) - 1 ? n : sizeof(ssh) - 1) == 0)
		return SESSION_GREETED;
	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++)
		if (n >= greetings[i].n && memcmp(first, greetings[i].begins, greetings[i].n) == 0)
			return greetings[i].kind;
	return SESSION_OTHER;
}
