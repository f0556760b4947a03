// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cidr.h"

/* Y, N: whether the address of this column matches. */
static const char *const addresses[] = {
    "10.0.0.1", "10.9.0.1", "127.0.0.1", "192.0.2.77", "::1", "2001:db8::7", "::ffff:10.0.0.1",
};

#define N_ADDRESSES (sizeof(addresses) / sizeof(*addresses))

static const struct {
	const char *list, *want;
} good[] = {
    {"0.0.0.0/0", "YYYYNNY"},
    {"::/0", "NNNNYYN"},
    {"0.0.0.0/0,::/0", "YYYYYYY"},
    {"10.0.0.1", "YNNNNNY"},
    {"10.0.0.1/32", "YNNNNNY"},
    {"10.0.0.0/8", "YYNNNNY"},
    {"10.0.0.0/31", "YNNNNNY"},
    {"10.0.0.2/31", "NNNNNNN"},
    {"10.8.0.0/15", "NYNNNNN"},
    {"128.0.0.0/1", "NNNYNNN"},
    {"0.0.0.0/1", "YYYNNNY"},
    {"0.0.0.0", "NNNNNNN"},
    {"192.0.2.64/26", "NNNYNNN"},
    {"192.0.2.0/26", "NNNNNNN"},
    {"10.0.0.0/8,127.0.0.1", "YYYNNNY"},
    {"10.0.0.0/8,!10.9.0.0/16", "YNNNNNY"},
    {"!10.9.0.0/16,10.0.0.0/8", "YNNNNNY"}, /* the order is the same to it */
    {"10.0.0.1,!10.0.0.1", "NNNNNNN"},
    {"0.0.0.0/0,!0.0.0.0/0,::1", "NNNNYNN"},
    {"::1", "NNNNYNN"},
    {"::1/128", "NNNNYNN"},
    {"::/127", "NNNNYNN"},
    {"0:0:0:0:0:0:0:1", "NNNNYNN"},
    {"2001:db8::/32", "NNNNNYN"},
    {"2001:DB8::/126", "NNNNNNN"},
    {"2001:db8::4/126", "NNNNNYN"},
    {"::/0,!2001:db8::/32", "NNNNYNN"},
    {"::/1", "NNNNYYN"},
    {"::ffff:10.0.0.1", "YNNNNNY"},
    {"::ffff:10.0.0.0/104", "YYNNNNY"},
    {"::ffff:0:0/96", "YYYYNNY"},
    {"0.0.0.0/0,!::ffff:10.0.0.1", "NYYYNNN"},
};

Test(cidr, matches)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct cidr_list l;
		const char *why = NULL;
		char got[N_ADDRESSES + 1] = "";

		why = cidr_parse(good[i].list, &l);
		cr_assert_null(why, "%s: %s", good[i].list, why);
		for (size_t a = 0; a < N_ADDRESSES; a++) {
			struct address at;

			cr_assert_eq(address_from_host(addresses[a], 4711, &at), 0);
			got[a] = cidr_matches(&l, &at) ? 'Y' : 'N';
		}
		cr_expect_str_eq(got, good[i].want, "%s: %s, not %s", good[i].list, got,
				 good[i].want);
		cidr_free(&l);
		cidr_free(&l);
	}
}

/* What is not an IP address matches nothing, whatever the list; nor does an empty list. */
Test(cidr, no_address)
{
	const struct cidr_list empty = {.n = 0};
	struct address unset = {.len = 0}, path, v4;
	struct cidr_list all;

	cr_assert_null(cidr_parse("0.0.0.0/0,::/0", &all));
	cr_assert_null(address_parse("/run/x", 0, &path));
	cr_assert_eq(address_from_host("10.0.0.1", 1, &v4), 0);
	cr_expect_not(cidr_matches(&all, &unset));
	cr_expect_not(cidr_matches(&all, &path));
	cr_expect(cidr_matches(&all, &v4));
	cr_expect_not(cidr_matches(&empty, &v4));
	cidr_free(&all);
}

/* Every prefix length, bit by bit. */
Test(cidr, every_prefix)
{
	for (unsigned bits = 0; bits <= 32; bits++) {
		const uint32_t net = bits ? 0xffffffffU << (32 - bits) & 0xa5a5a5a5U : 0;
		const char *why = NULL;
		char text[64], host[32];
		struct cidr_list l;

		snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255,
			 net >> 8 & 255, net & 255, bits);
		why = cidr_parse(text, &l);
		cr_assert_null(why, "%s: %s", text, why);
		for (unsigned flip = 0; flip < 32; flip++) {
			const uint32_t other = net ^ 1U << (31 - flip);
			struct address a;

			snprintf(host, sizeof(host), "%u.%u.%u.%u", other >> 24, other >> 16 & 255,
				 other >> 8 & 255, other & 255);
			cr_assert_eq(address_from_host(host, 0, &a), 0);
			cr_expect_eq(cidr_matches(&l, &a), flip >= bits, "%s in %s", host, text);
		}
		cidr_free(&l);
	}
}

static const struct {
	const char *list, *because;
} bad[] = {
    {"", "\"\": expected an IP address or ADDRESS/BITS"},
    {"!", "\"!\": expected an IP address"},
    {",", "\"\": expected an IP address"},
    {"10.0.0.1,", "\"\": expected an IP address"},
    {",10.0.0.1", "\"\": expected an IP address"},
    {"10.0.0.1,,10.0.0.2", "\"\": expected an IP address"},
    {"10.0.0.1, 10.0.0.2", "\" 10.0.0.2\": expected an IP address"},
    {"10.0.0.1 ", "\"10.0.0.1 \": expected an IP address"},
    {"!!10.0.0.1", "\"!!10.0.0.1\": expected an IP address"},
    {"10.0.0", "expected an IP address"},
    {"10.0.0.256", "expected an IP address"},
    {"010.0.0.1", "expected an IP address"},
    {"10.0.0.*", "expected an IP address"},
    {"*", "expected an IP address"},
    {"host.example", "expected an IP address"},
    {"localhost", "expected an IP address"},
    {"fe80::1%lo", "expected an IP address"},
    {"[::1]", "expected an IP address"},
    {"::1::", "expected an IP address"},
    {"10.0.0.1:22", "expected an IP address"},
    {"/8", "expected an IP address"},
    {"10.0.0.1\xff", "\"10.0.0.1\\xff\": expected an IP address"},
    {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", "expected an IP"},
    {"10.0.0.0/", "\"10.0.0.0/\": the prefix length is not a number"},
    {"10.0.0.0/x", "the prefix length is not a number"},
    {"10.0.0.0/-1", "the prefix length is not a number"},
    {"10.0.0.0/ 8", "the prefix length is not a number"},
    {"10.0.0.0/8/8", "the prefix length is not a number"},
    {"10.0.0.0/255.0.0.0", "the prefix length is not a number"},
    {"10.0.0.0/99999", "the prefix length is not a number"},
    {"10.0.0.0/33", "the prefix is longer than the address"},
    {"::/129", "the prefix is longer than the address"},
    {"::ffff:10.0.0.0/129", "the prefix is longer than the address"},
    {"10.0.0.1/8", "\"10.0.0.1/8\": bits are set behind the prefix"},
    {"10.0.0.1/31",
     "behind the prefix: write the network's first address, or a host without /BITS"},
    {"10.0.0.0/0", "bits are set behind the prefix"},
    {"2001:db8::1/64", "bits are set behind the prefix"},
    {"::1/0", "bits are set behind the prefix"},
    {"::ffff:10.0.0.1/104", "bits are set behind the prefix"},
    {"::ffff:0.0.0.0/95", "bits are set behind the prefix"},
    {"::ffff:0.0.0.0/0", "bits are set behind the prefix"},
    {"10.0.0.0/8,10.0.0.1/8", "\"10.0.0.1/8\": bits are set"},
    {"!10.0.0.1", "every item is negated"},
    {"!0.0.0.0/0,!::/0", "every item is negated"},
};

Test(cidr, bad)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct cidr_list l = {.n = 7};
		const char *why = NULL;

		why = cidr_parse(bad[i].list, &l);
		cr_assert_not_null(why, "%s", bad[i].list);
		cr_expect(strstr(why, bad[i].because), "%s: \"%s\" does not say: %s", bad[i].list,
			  why, bad[i].because);
		cr_expect_eq(l.n, 7, "%s: out was touched", bad[i].list);
	}
}
