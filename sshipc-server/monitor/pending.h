// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_PENDING_H
#define SSHIPC_SERVER_PENDING_H
/*
 * Unlisted keys that proved possession from an address in pending_from: remembered for an
 * administrator to approve, never granted anything.
 *
 * Where pending_from has the peer's address, until pending_until, the owner of an unlisted key is
 * asked for a signature; a key whose signature verifies is remembered, in memory only, and its
 * login denied as ever.
 */
#include "json.h"
#include "settings.h"

#define PENDING_MAX  64				   /* most keys remembered */
#define PENDING_TEXT (2 * KEYLINE_BLOB_MAX + 4096) /* room for one as JSON */

struct pending;

/* s has pending_from and pending_until. */
struct pending *pending_new(const struct settings *s);
void pending_free(struct pending *p);

/* Whether an unlisted key from source may be remembered at now. */
bool pending_open(const struct pending *p, const struct address *source, time_t now);

/* Remembers the key, or renews its time and address.  At most one new key a second.  False: the key
 * is not remembered. */
bool pending_add(struct pending *p, const uint8_t *blob, size_t len, const struct address *source,
		 const void *user, size_t user_len, time_t now);

/* Logs the remembered keys that list now has as approved, and forgets them. */
void pending_prune(struct pending *p, const struct allowlist *list);

size_t pending_count(const struct pending *p);

/* Entry i, below the count, as one JSON object {"fingerprint","address","user","time","key"}. */
void pending_put(const struct pending *p, size_t i, struct json_out *o);

#endif
