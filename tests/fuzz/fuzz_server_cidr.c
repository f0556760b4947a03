// SPDX-License-Identifier: BSD-2-Clause
/*
 * Lists of networks: a fault with a reason, or items within their bounds of which one can match.
 */
#include "fuzz.h"

#include "cidr.h"

static void check_item(const struct cidr *c, const struct cidr_list *l)
{
	const struct cidr one = {.len = c->len, .bits = c->bits};
	struct cidr plain = *c;
	const struct cidr_list alone = {.items = &plain, .n = 1};
	struct address a = {.sa = {.ss_family = AF_UNSPEC}};
	char text[128] = "";

	EXPECT((one.len == 4 || one.len == 16) && one.bits <= one.len * 8);
	for (unsigned bit = one.bits; bit < one.len * 8u; bit++)
		EXPECT(!(c->net[bit / 8] & (0x80 >> bit % 8)));
	if (one.len == 4)
		snprintf(text, sizeof(text), "%u.%u.%u.%u", c->net[0], c->net[1], c->net[2],
			 c->net[3]);
	for (unsigned i = 0; one.len == 16 && i < 16; i += 2)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%x", i ? ":" : "",
			 (unsigned)c->net[i] << 8 | c->net[i + 1]);
	EXPECT(address_from_host(text, 1, &a) == 0);
	plain.negated = false;
	EXPECT(cidr_matches(&alone, &a));
	EXPECT(!c->negated || !cidr_matches(l, &a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	const char *why = NULL;
	struct cidr_list l = {0};
	bool any = false;

	why = cidr_parse(text, &l);
	if (!why) {
		EXPECT(l.n > 0);
		for (size_t i = 0; i < l.n; i++) {
			check_item(&l.items[i], &l);
			any = any || !l.items[i].negated;
		}
		EXPECT(any);
		cidr_free(&l);
	} else {
		EXPECT(why[0]);
	}
	free(text);
	return 0;
}
