// SPDX-License-Identifier: BSD-2-Clause
/*
 * One line of the allow list: whatever the bytes, a fault with a reason or an entry that makes
 * sense, and of which the policy can say when it changes.
 */
#include "fuzz.h"

#include "endpoint.h"
#include "policy.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
}

static void check_text(const struct keyline *k)
{
	const char *why = NULL;
	uint8_t digest[KEYLINE_DIGEST];

	EXPECT(k->name[0] && strlen(k->name) < KEYLINE_NAME);
	for (const char *c = k->name; *c; c++)
		EXPECT(keyline_is_name_char(*c));
	EXPECT(!k->endpoint[0] || !endpoint_check_name(k->endpoint));
	EXPECT(keyline_check_blob(k->blob, k->blob_len, &why) == k->type);
	keyline_digest(k->blob, k->blob_len, digest);
	EXPECT(memcmp(digest, k->digest, sizeof(digest)) == 0);
	EXPECT(!k->replace_old || k->max_sessions);
	EXPECT(!k->source.len || address_is_loopback(&k->source));
	EXPECT(!k->from.text == !k->from.n && !k->valid_text == !k->valid.n);
	EXPECT(!k->verify_required || k->type->token);
}

/* Of a line and itself, and of one with no options, nothing new comes; however little room. */
static void check_merge(const struct keyline *k)
{
	struct keyline plain = *k;
	char out[768], other[768], none[] = "";

	plain.options = none;
	keyline_merge(k, k, out, sizeof(out));
	keyline_merge(k, &plain, other, sizeof(other));
	EXPECT(!strcmp(out, other) && !strncmp(out, "write one line: ", 16));
	for (size_t size = 1; size < 64; size++) {
		keyline_merge(&plain, k, out, size);
		EXPECT(strlen(out) < size);
	}
}

static enum policy_verdict by_time(const struct keyline *k, time_t now)
{
	const struct policy_request r = {.action = POLICY_LOGIN, .now = now};
	const enum policy_verdict v = policy_ask(POLICY_ASK_EXPIRY, k, NULL, &r);

	return v == POLICY_GRANT ? policy_ask(POLICY_ASK_WINDOW, k, NULL, &r) : v;
}

static void check_time(const struct keyline *k)
{
	/* A winter's day, and the days on which the clock goes forward and back, 2026. */
	static const time_t times[] = {1767225600, 1774745999, 1792886400};

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		const time_t next = policy_next_change(k, times[i]);

		EXPECT(next == 0 || next > times[i]);
		if (next)
			EXPECT(by_time(k, next - 1) == by_time(k, times[i]) &&
			       by_time(k, next) != by_time(k, times[i]));
	}
}

static void check_decision(const struct keyline *k)
{
	static const struct endpoint e = {.name = "confd"};
	struct policy_request r = {.action = POLICY_LOGIN, .now = 1767225600};
	bool all = true;

	EXPECT(address_from_host("10.0.0.1", 22, &r.source) == 0);
	for (int c = 0; c < POLICY_CONDITIONS; c++)
		all = all && policy_ask((enum policy_condition)c, k, &e, &r) == POLICY_GRANT;
	EXPECT(all == (policy_decide(k, &e, &r) == POLICY_GRANT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyline k;
	const char *why = NULL;
	const int rc = keyline_parse((const char *)data, size, &k, &why);

	if (rc == 1) {
		check_text(&k);
		check_merge(&k);
		check_time(&k);
		check_decision(&k);
	} else {
		EXPECT(!k.blob && !k.options && !k.from.text && !k.valid_text && !k.from.items);
		EXPECT(rc == 0 ? !why : why && why[0]);
	}
	keyline_free(&k);
	return 0;
}
