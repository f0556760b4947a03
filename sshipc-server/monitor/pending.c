// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by login.c, revoke.c and answers.c: unlisted keys that wait for "ctl
 * approve".  They are in memory only, limited in number, and none of them opens anything at a
 * login.
 */
#include "pending.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "log.h"

struct key {
	uint8_t blob[KEYLINE_BLOB_MAX];
	size_t len;
	uint8_t digest[KEYLINE_DIGEST];
	struct address source;
	char user[256];
	time_t at;
};

struct pending {
	const struct settings *s;
	struct key *keys; /* PENDING_MAX; allocated with the first */
	size_t n;
	time_t last; /* when a new key was last remembered */
};

struct pending *pending_new(const struct settings *s)
{
	struct pending *p = xcalloc(1, sizeof(*p));

	p->s = s;
	return p;
}

void pending_free(struct pending *p)
{
	if (!p)
		return;
	free(p->keys);
	free(p);
}

bool pending_open(const struct pending *p, const struct address *source, time_t now)
{
	return p->s->pending_from.n > 0 && now < p->s->pending_until &&
	       cidr_matches(&p->s->pending_from, source);
}

static struct key *find(const struct pending *p, const uint8_t *digest)
{
	for (size_t i = 0; i < p->n; i++)
		if (memcmp(p->keys[i].digest, digest, KEYLINE_DIGEST) == 0)
			return &p->keys[i];
	return NULL;
}

bool pending_add(struct pending *p, const uint8_t *blob, size_t len, const struct address *source,
		 const void *user, size_t user_len, time_t now)
{
	uint8_t digest[KEYLINE_DIGEST];
	struct key *k;

	if (len > sizeof(k->blob) || !keyline_check_blob(blob, len, NULL))
		return false;
	keyline_digest(blob, len, digest);
	k = find(p, digest);
	if (!k) {
		if (p->n == PENDING_MAX || p->last == now)
			return false;
		if (!p->keys)
			p->keys = xcalloc(PENDING_MAX, sizeof(*p->keys));
		k = &p->keys[p->n++];
		memcpy(k->blob, blob, len);
		k->len = len;
		memcpy(k->digest, digest, sizeof(digest));
		p->last = now;
	}
	k->source = *source;
	k->at = now;
	if (user_len >= sizeof(k->user))
		user_len = sizeof(k->user) - 1;
	memcpy(k->user, user, user_len);
	k->user[user_len] = '\0';
	return true;
}

void pending_prune(struct pending *p, const struct allowlist *list)
{
	for (size_t i = p->n; i-- > 0;) {
		const struct allow_entry *e = allowlist_find(list, p->keys[i].blob, p->keys[i].len);

		const char *endpoint;

		if (!e)
			continue;
		endpoint = e->endpoint ? e->endpoint->name : e->key.endpoint;
		log_event(LOG_NOTICE, "approved",
			  LOG_FIELDS({"key", e->key.name, 0},
				     {"fingerprint", e->key.fingerprint, 0},
				     {"endpoint", endpoint, 0}),
			  "key %s (%s) was waiting and is now approved, for endpoint %s",
			  e->key.name, e->key.fingerprint, endpoint);
		p->keys[i] = p->keys[--p->n];
	}
}

size_t pending_count(const struct pending *p)
{
	return p->n;
}

void pending_put(const struct pending *p, size_t i, struct json_out *o)
{
	char fingerprint[KEYLINE_FINGERPRINT], source[ADDRESS_TEXT], when[LOG_TIME];
	char base64[KEYLINE_BLOB_MAX * 4 / 3 + 8], key[KEYLINE_TYPE + sizeof(base64)];
	const struct key *k = &p->keys[i];

	keyline_fingerprint(k->digest, fingerprint);
	EVP_EncodeBlock((unsigned char *)base64, k->blob, (int)k->len);
	snprintf(key, sizeof(key), "%s %s", keyline_check_blob(k->blob, k->len, NULL)->name,
		 base64);
	json_put(o, NULL, "{");
	json_text(o, "fingerprint", fingerprint);
	json_text(o, "address", address_format_host(&k->source, source, sizeof(source)));
	json_text(o, "user", k->user);
	json_text(o, "time", log_time(when, k->at));
	json_text(o, "key", key);
	json_close(o, '}');
}
