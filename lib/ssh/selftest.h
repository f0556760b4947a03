// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SELFTEST_H
#define SSHIPC_SELFTEST_H
/*
 * What this very libssh does, seen at start: an in-process session over socket pairs (a few
 * milliseconds, no network) shows whether it rejects a changed AES-GCM packet (CVE-2026-59847:
 * several versions never looked) and whether what a server interposes in libssh is called.  It
 * warms up libssh and OpenSSL on the way, so that a confined process needs no file.
 *
 * The server makes it at each start in a process of sshipc-session alone.  What fails is not
 * offered; the log and --version say so.  Two things go on in a weaker way: a libssh that wants the
 * private half of a host key (0.12 derives the public half from it) gets it, but still does not
 * sign; a libssh whose signatures are not seen at all (another crypto library, static linking)
 * signs and verifies itself, and the monitor believes it.
 */
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>

struct selftest {
	bool works; /* a session could be made at all */
	bool gcm;
	bool streamlocal; /* the path of a direct-streamlocal open can be read */
	bool proof;	  /* a login's signature can be checked elsewhere */
	bool answers;	  /* requests that it drops can be answered */
	bool keyless;	  /* and the exchange hash signed elsewhere, with no private key here */
	char why[512];	  /* what is off, and why; "" when nothing is */
};

/* What a server interposes; each is called within the test's session. */
struct selftest_hooks {
	/* In the message callback of its CHANNEL_OPEN: the path that was read. */
	bool (*seen_path)(char *path, size_t size);
	/* Before it: a new Ed25519 host key, whole or without its private half; NULL: impossible.
	 */
	ssh_key (*hostkey)(bool whole);
	/* In the callback of its login, whose signature libssh found good: is it? */
	bool (*seen_proof)(const char *user, ssh_key key);
	/* After it: was any message freed by way of us, so that one without an answer is seen? */
	bool (*seen_free)(void);
};

/* hooks: NULL for a client, which interposes nothing. */
void selftest_run(const struct selftest_hooks *hooks, struct selftest *out);

#endif
