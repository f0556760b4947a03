// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor (policy.c, admission's unpunished, pending_from) and in -t, -T, --explain and
 * ctl.  Pure: it looks up no name and asks no interface.
 */
#include "cidr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "log.h"
#include "reason.h"

#define BEHIND                                                                                     \
	"bits are set behind the prefix: write the network's first address, or a host without "    \
	"/BITS"
#define ITEM_MAX    64 /* bytes of an item, with NUL; the longest IPv6 form has 50 */
#define MAPPED_BITS 96 /* of ::ffff:0:0 */

static bool bit(const uint8_t *bytes, unsigned i)
{
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

static const char *parse_prefix(const char *text, bool mapped, struct cidr *c)
{
	uint16_t bits = 0;

	if (address_parse_port(text, &bits) < 0)
		return "the prefix length is not a number";
	if (bits > 8 * c->len + (mapped ? MAPPED_BITS : 0))
		return "the prefix is longer than the address";
	/* A shorter prefix would cut into ::ffff:0:0, which makes it an IPv4 address. */
	if (mapped && bits < MAPPED_BITS)
		return BEHIND;
	c->bits = (uint8_t)(mapped ? bits - MAPPED_BITS : bits);
	for (unsigned i = c->bits; i < 8U * c->len; i++) {
		if (bit(c->net, i))
			return BEHIND;
	}
	return NULL;
}

/* Parses one item.  NULL, or the reason. */
static const char *parse_item(char *text, struct cidr *c)
{
	char *slash = strchr(text, '/');
	const uint8_t *host = NULL;
	struct address a;
	size_t len = 0;

	c->negated = *text == '!';
	text += c->negated;
	if (slash)
		*slash = '\0';
	/* address_from_host would accept localhost and scopes as well. */
	if (text[strspn(text, "0123456789abcdefABCDEF.:")] || address_from_host(text, 0, &a) < 0)
		return text[strcspn(text, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ")]
			   ? "expected an IP address or ADDRESS/BITS; host names are not looked "
			     "up, write the address that getent hosts NAME tells"
		       : strpbrk(text, "*?")
			   ? "expected an IP address or ADDRESS/BITS in place of a pattern "
			     "(192.168.0.0/16 for 192.168.*)"
			   : "expected an IP address or ADDRESS/BITS";
	host = address_host_bytes(&a, &len);
	memcpy(c->net, host, len);
	c->len = (uint8_t)len;
	c->bits = (uint8_t)(8 * c->len);
	return slash ? parse_prefix(slash + 1, c->len == 4 && strchr(text, ':'), c) : NULL;
}

const char *cidr_parse(const char *text, struct cidr_list *out)
{
	struct cidr_list l = {.items = NULL};
	const char *why = NULL;
	bool positive = false;
	struct log_text shown;
	size_t len = 0;

	for (const char *p = text; !why; p += len + 1) {
		char item[ITEM_MAX];

		len = strcspn(p, ",");
		snprintf(item, sizeof(item), "%.*s", (int)len, p);
		l.items = xreallocarray(l.items, l.n + 1, sizeof(*l.items));
		why = parse_item(item, &l.items[l.n]);
		if (why)
			why = reasonf("\"%s\": %s", log_escape(&shown, p, len), why);
		else if (!l.items[l.n++].negated)
			positive = true;
		if (!p[len])
			break;
	}
	if (!why && !positive)
		why = "every item is negated, which matches nobody; add what is meant";
	l.text = xstrdup(text);
	if (why)
		cidr_free(&l);
	else
		*out = l;
	return why;
}

static bool item_matches(const struct cidr *c, const uint8_t *bytes, size_t len)
{
	if (c->len != len)
		return false;
	for (unsigned i = 0; i < c->bits; i++) {
		if (bit(c->net, i) != bit(bytes, i))
			return false;
	}
	return true;
}

bool cidr_matches(const struct cidr_list *l, const struct address *a)
{
	size_t len = 0;
	const uint8_t *bytes = address_host_bytes(a, &len);
	bool found = false;

	for (size_t i = 0; i < l->n; i++) {
		if (!item_matches(&l->items[i], bytes, len))
			continue;
		if (l->items[i].negated)
			return false;
		found = true;
	}
	return found;
}

void cidr_free(struct cidr_list *l)
{
	free(l->items);
	free(l->text);
	*l = (struct cidr_list){.items = NULL};
}
