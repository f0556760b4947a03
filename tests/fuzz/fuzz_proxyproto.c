// SPDX-License-Identifier: BSD-2-Clause
/*
 * The header that a balancer sends before SSH: a verdict that stays whatever follows, no byte read
 * behind the end, and an address that a header of our own gives again.
 */
#include "fuzz.h"

#include "proxyproto.h"

static void check_built(const struct proxyproto *p, const char *value)
{
	const struct proxyproto_tlv tlvs[] = {{PROXYPROTO_KEY_NAME, value},
					      {PROXYPROTO_KEY_FINGERPRINT, ""}};
	uint8_t header[PROXYPROTO_MAX];
	const size_t n = proxyproto_build(p, tlvs, 2, header);
	struct proxyproto again;

	EXPECT(n > 0 || strlen(value) > PROXYPROTO_MAX - 64);
	if (n == 0)
		return;
	EXPECT(proxyproto_parse(header, n, &again) == PROXYPROTO_CLIENT && again.len == n);
	EXPECT(address_equal(&again.source, &p->source));
	EXPECT(address_equal(&again.destination, &p->destination));
}

static enum proxyproto_verdict parse(const uint8_t *data, size_t n, struct proxyproto *p)
{
	uint8_t *copy = malloc(n + 1);
	enum proxyproto_verdict verdict;

	EXPECT(copy);
	memcpy(copy, data, n);
	copy = realloc(copy, n ? n : 1);
	verdict = proxyproto_parse(copy, n, p);
	free(copy);
	return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxyproto p, some;
	const enum proxyproto_verdict verdict = parse(data, size, &p);
	enum proxyproto_verdict part;
	char *text;

	EXPECT((verdict == PROXYPROTO_BAD || verdict == PROXYPROTO_NONE) == (p.why != NULL));
	EXPECT(verdict != PROXYPROTO_GONE);
	if (verdict == PROXYPROTO_MORE)
		EXPECT(p.len > size && p.len <= PROXYPROTO_MAX);
	for (size_t n = 0; n < size && n < 2 * PROXYPROTO_LINE; n++) {
		part = parse(data, n, &some);
		EXPECT(part == PROXYPROTO_MORE || part == verdict);
		EXPECT(part != PROXYPROTO_MORE || some.len > n);
	}
	if (verdict != PROXYPROTO_CLIENT)
		return 0;
	EXPECT(p.len <= size && parse(data, p.len, &some) == verdict && some.len == p.len);
	EXPECT(parse(data, p.len - 1, &some) == PROXYPROTO_MORE && some.len == p.len);
	EXPECT(address_equal(&p.source, &p.source) && !address_is_unix(&p.source));
	text = fuzz_text(data + p.len, size - p.len);
	check_built(&p, text);
	free(text);
	return 0;
}
