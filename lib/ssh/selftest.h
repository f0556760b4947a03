// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SELFTEST_H
#define SSHIPC_SELFTEST_H
/*
 * Tests the installed libssh at start: an in-process session over socket pairs (a few milliseconds,
 * no network) shows whether it rejects a changed AES-GCM packet (CVE-2026-59847: several versions
 * never check) and whether it calls the functions that a server interposes.  This also initialises
 * libssh and OpenSSL, so that a confined process needs no file.
 *
 * The server runs it at each start in a process of sshipc-session alone.  A feature that fails is
 * not offered; the log and --version say so.  Two failures weaken the server instead: a libssh that
 * needs the private half of a host key (0.12 derives the public half from it) gets it, but still
 * does not sign; a libssh whose signatures do not reach us (another crypto library, static linking)
 * signs and verifies itself, and the monitor trusts it.
 */
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>

struct selftest {
	bool works; /* the session worked at all */
	bool gcm;
	bool streamlocal; /* the path of a direct-streamlocal open can be read */
	bool proof;	  /* the monitor can check a login's signature */
	bool answers;	  /* requests that libssh drops can be answered */
	bool keyless;	  /* the monitor can sign the exchange hash; no private key is needed */
	char why[512];	  /* what does not work, and why; "" if all does */
};

/* Checks of a server's interposed functions; each is called within the test's session. */
struct selftest_hooks {
	/* Called in the message callback of CHANNEL_OPEN: gets the path that was read. */
	bool (*seen_path)(char *path, size_t size);
	/* Called before it: returns a new Ed25519 host key, whole or without its private half;
	 * NULL: impossible. */
	ssh_key (*hostkey)(bool whole);
	/* Called in the callback of the login that libssh accepted: whether its signature was seen
	 * and is good. */
	bool (*seen_proof)(const char *user, ssh_key key);
	/* Called after it: whether libssh freed a message through our function, so that unanswered
	 * ones are seen. */
	bool (*seen_free)(void);
};

/* hooks: NULL for a client, which interposes nothing. */
void selftest_run(const struct selftest_hooks *hooks, struct selftest *out);

#endif
