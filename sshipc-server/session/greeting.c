// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, called by session.c before libssh reads the peer's first bytes.  It
 * only looks at them, takes none and answers nothing.
 */
#include "greeting.h"

#include <string.h>

static const struct {
	const char *begins;
	size_t n;
	enum greeting kind;
} greetings[] = {
/* clang-format off */
#define BEGINS(text, kind) {text, sizeof(text) - 1, kind}
    /* clang-format on */
    BEGINS("PROXY ", GREETING_PROXY),
    BEGINS("\r\n\r\n\0\r\nQUIT\n", GREETING_PROXY), /* version 2 */
    BEGINS("\x16\x03", GREETING_TLS),		    /* a handshake record */
    BEGINS("GET ", GREETING_HTTP),
    BEGINS("HEAD ", GREETING_HTTP),
    BEGINS("POST ", GREETING_HTTP),
    BEGINS("PUT ", GREETING_HTTP),
    BEGINS("DELETE ", GREETING_HTTP),
    BEGINS("OPTIONS ", GREETING_HTTP),
    BEGINS("CONNECT ", GREETING_HTTP),
    BEGINS("PRI * HTTP/2", GREETING_HTTP),
};

enum greeting greeting_kind(const void *first, size_t n)
{
	static const char ssh[] = "SSH-";

	if (memcmp(first, ssh, n < sizeof(ssh) - 1 ? n : sizeof(ssh) - 1) == 0)
		return GREETING_SSH;
	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++)
		if (n >= greetings[i].n && memcmp(first, greetings[i].begins, greetings[i].n) == 0)
			return greetings[i].kind;
	return GREETING_OTHER;
}
