// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CIDR_H
#define SSHIPC_CIDR_H
/*
 * Lists of networks, as from="10.0.0.0/8,!10.9.0.0/16,2001:db8::/32" has them.  Numbers only: no
 * host names, no patterns.
 */
#include "address.h"

struct cidr {
	uint8_t net[16];
	uint8_t len;  /* bytes of net: 4 or 16 */
	uint8_t bits; /* of the prefix */
	bool negated;
};

struct cidr_list {
	struct cidr *items;
	size_t n;
	char *text; /* as it was written */
};

/* Parses IPv4 and IPv6 networks and plain addresses, separated by commas, '!'  before one that is
 * excluded.  IPv4-mapped IPv6 counts as IPv4.  Refuses bits set behind a prefix, and a list of
 * which every item is negated: it would match nobody.  NULL, or the reason (reason.h), which names
 * the item; cidr_free it only after NULL. */
const char *cidr_parse(const char *text, struct cidr_list *out);

/* As in sshd(8): at least one item matches, and no negated one does.  Scopes are not compared. */
bool cidr_matches(const struct cidr_list *l, const struct address *a);

void cidr_free(struct cidr_list *l); /* frees the members, not l itself */

#endif
