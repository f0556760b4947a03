// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client; called by libssh in place of its own function of
 * that name, which calls libcrypto for the padding of each packet: its generator takes 2 us for a
 * few bytes and little more for a whole page.  It makes no random bytes itself, and what may become
 * a key always comes from libcrypto directly.  Its object file stands beside the archive of lib/,
 * as sshsocket.c's does; a libssh that does not call it (interpose.h) is slower, and that is all.
 */
#include <libssh/libssh.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
	AHEAD = 4096, /* bytes: a page */
	SHORT = 31,   /* bytes of a padding or a cookie; a key is longer */
};

/* A page of libcrypto's random bytes, of which the last ones are left.  A child of fork finds it
 * full of zeroes, and so empty: no two processes use the same bytes. */
struct ahead {
	size_t left;
	uint8_t bytes[AHEAD - sizeof(size_t)];
};

/* Returns NULL where the kernel cannot promise that. */
static struct ahead *new_page(void)
{
	void *p = mmap(NULL, AHEAD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED && madvise(p, AHEAD, MADV_WIPEONFORK) == 0)
		return p;
	if (p != MAP_FAILED)
		munmap(p, AHEAD);
	return NULL;
}

/* Returns 1, or 0 if there are no random bytes, as libssh's does. */
int ssh_get_random(void *where, int len, int strong)
{
	static struct ahead *ahead;
	static bool tried;
	uint8_t *from;

	if (!tried)
		ahead = new_page();
	tried = true;
	if (strong || len < 0 || len > SHORT || !ahead)
		return (strong ? RAND_priv_bytes : RAND_bytes)(where, len) == 1;
	if (ahead->left < (size_t)len) {
		ahead->left = 0; /* of a page that fails nothing is given out */
		if (RAND_bytes(ahead->bytes, sizeof(ahead->bytes)) != 1)
			return 0;
		ahead->left = sizeof(ahead->bytes);
	}
	ahead->left -= (size_t)len;
	from = ahead->bytes + ahead->left;
	memcpy(where, from, (size_t)len);
	explicit_bzero(from, (size_t)len); /* none is given out twice */
	return 1;
}
