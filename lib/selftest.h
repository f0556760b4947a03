// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SELFTEST_H
#define SSHIPC_SELFTEST_H
/*
 * What this very libssh does, seen at start: an in-process session over socket pairs (a few
 * milliseconds, no network) shows whether it rejects a changed AES-GCM packet (CVE-2026-59847:
 * several versions never looked) and whether the path of a direct-streamlocal open can be read.  It
 * warms up libssh and OpenSSL on the way, so that a confined process needs no file.
 */
#include <stdbool.h>
#include <stddef.h>

struct selftest {
	bool works; /* a session could be made at all */
	bool gcm;
	bool streamlocal;
	char why[256]; /* what is off, and why; "" when nothing is */
};

/* seen_path: called in the message callback of the test's CHANNEL_OPEN, tells the path that was
 * read; NULL: not asked (client). */
void selftest_run(bool (*seen_path)(char *path, size_t size), struct selftest *out);

#endif
