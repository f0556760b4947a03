// SPDX-License-Identifier: BSD-2-Clause
#include "cidr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "log.h"

#define ITEM_MAX    64 /* bytes of an item, with NUL: the longest IPv6 forms have 50 */
#define MAPPED_BITS 96 /* of ::ffff:0:0 */

/* The address in network order; its length, 0 for what is neither IPv4 nor IPv6. */
static uint8_t bytes_of(const struct address *a, uint8_t bytes[16])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (a->sa.ss_family) {
	case AF_INET:
		memcpy(&in, &a->sa, sizeof(in));
		memcpy(bytes, &in.sin_addr, 4);
		return 4;
	case AF_INET6:
		memcpy(&in6, &a->sa, sizeof(in6));
		memcpy(bytes, &in6.sin6_addr, 16);
		return 16;
	default:
		return 0;
	}
}

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
	/* A shorter one would cut the mark that makes it IPv4. */
	if (mapped && bits < MAPPED_BITS)
		return "bits are set behind the prefix";
	c->bits = (uint8_t)(mapped ? bits - MAPPED_BITS : bits);
	for (unsigned i = c->bits; i < 8U * c->len; i++) {
		if (bit(c->net, i))
			return "bits are set behind the prefix";
	}
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *parse_item(char *text, struct cidr *c)
{
	char *slash = strchr(text, '/');
	struct address a;

	c->negated = *text == '!';
	text += c->negated;
	if (slash)
		*slash = '\0';
	/* address_from_host knows localhost and scopes as well. */
	if (text[strspn(text, "0123456789abcdefABCDEF.:")] || address_from_host(text, 0, &a) < 0)
		return text[strcspn(text, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ")]
			   ? "expected an IP address or ADDRESS/BITS; host names are not looked "
			     "up, write the address that getent hosts NAME tells"
		       : strpbrk(text, "*?")
			   ? "expected an IP address or ADDRESS/BITS in place of a pattern "
			     "(192.168.0.0/16 for 192.168.*)"
			   : "expected an IP address or ADDRESS/BITS";
	c->len = bytes_of(&a, c->net);
	c->bits = (uint8_t)(8 * c->len);
	return slash ? parse_prefix(slash + 1, c->len == 4 && strchr(text, ':'), c) : NULL;
}

static size_t count_items(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == ',';
	return n;
}

int cidr_parse(const char *text, struct cidr_list *out, char *err, size_t size)
{
	struct cidr_list l = {.items = xcalloc(count_items(text), sizeof(*l.items))};
	const char *why = NULL;
	bool positive = false;
	struct log_text shown;
	size_t len = 0;

	for (const char *p = text; !why; p += len + 1) {
		char item[ITEM_MAX];

		len = strcspn(p, ",");
		snprintf(item, sizeof(item), "%.*s", (int)len, p);
		why = parse_item(item, &l.items[l.n]);
		if (why)
			snprintf(err, size, "\"%s\": %s", log_escape(&shown, p, len), why);
		else if (!l.items[l.n++].negated)
			positive = true;
		if (!p[len])
			break;
	}
	if (!why && !positive) {
		why = "every item is negated, which matches nobody; add what is meant";
		snprintf(err, size, "%s", why);
	}
	if (why)
		cidr_free(&l);
	else
		*out = l;
	return why ? -1 : 0;
}

static bool item_matches(const struct cidr *c, const uint8_t *bytes, uint8_t len)
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
	uint8_t bytes[16];
	const uint8_t len = bytes_of(a, bytes);
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
	*l = (struct cidr_list){.items = NULL};
}
