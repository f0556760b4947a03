// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>

#include "greeting.h"

Test(greeting, kinds)
{
#define FIRST(text) text, sizeof(text) - 1
	static const struct {
		const char *first;
		size_t n;
		enum session_reached kind;
	} rows[] = {
	    {FIRST("SSH-2.0-OpenSSH_9.2p1\r\n"), SESSION_GREETED},
	    {FIRST("SSH-1.5-old\r\n"), SESSION_GREETED}, /* libssh says what it does not like */
	    {FIRST("SSH"), SESSION_GREETED},
	    {FIRST("S"), SESSION_GREETED},
	    {FIRST("SSH2"), SESSION_OTHER},
	    {FIRST("ssh-2.0-x"), SESSION_OTHER},
	    {FIRST("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nSSH-2.0-x\r\n"), SESSION_PROXY},
	    {FIRST("PROXY UNKNOWN\r\n"), SESSION_PROXY},
	    {FIRST("PROXY"), SESSION_OTHER},
	    {FIRST("\r\n\r\n\0\r\nQUIT\n\x21\x11"), SESSION_PROXY},
	    {FIRST("\r\n\r\n\0\r\nQUIX\n"), SESSION_OTHER},
	    {FIRST("\r\n"), SESSION_OTHER},
	    {FIRST("\x16\x03\x01\x02\x00\x01"), SESSION_TLS},
	    {FIRST("\x16\x02\x01"), SESSION_OTHER},
	    {FIRST("GET / HTTP/1.1\r\n"), SESSION_HTTP},
	    {FIRST("CONNECT host:22 HTTP/1.1\r\n"), SESSION_HTTP},
	    {FIRST("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), SESSION_HTTP},
	    {FIRST("GETTING"), SESSION_OTHER},
	    {FIRST("\0"), SESSION_OTHER},
	    {FIRST("\xff\xfb\x1f"), SESSION_OTHER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(greeting_kind(rows[i].first, rows[i].n), rows[i].kind, "%zu: %s", i,
			     rows[i].first);
}
