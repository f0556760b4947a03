// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define H255                                                                                       \
	"1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678" \
	"901234567890"                                                                             \
	"1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678" \
	"901234567890"                                                                             \
	"1234567890123456789012345678901234567890123456789012345"

static const struct keyline entry = {.name = "blade7"};

/* The endpoints of the matrix, each a column. */
enum { V4, V4_REMOTE, V6, PATH, ABSTRACT, N_ENDPOINTS };

static struct endpoint endpoints[N_ENDPOINTS];

static void make(struct endpoint *e, const char *text, const char *const *aliases)
{
	const char *why = "";

	why = endpoint_parse(text, e);

	cr_assert_null(why, "%s: %s", text, why);
	for (; *aliases; aliases++) {
		why = endpoint_check_alias(*aliases);
		cr_assert_null(why, "%s: %s", *aliases, why);
		e->accept[e->n_accept] = strdup(*aliases);
		cr_assert(e->accept[e->n_accept++]);
	}
}

static void make_all(void)
{
	make(&endpoints[V4], "confd=127.0.0.1:4565",
	     (const char *const[]){"node.example:4565", "10.0.0.9:80", "[2001:db8::9]:80",
				   "/old.sock", NULL});
	make(&endpoints[V4_REMOTE], "far=192.0.2.1:4565",
	     (const char *const[]){"localhost:99", NULL});
	make(&endpoints[V6], "six=[::1]:4565", (const char *const[]){NULL});
	make(&endpoints[PATH], "nso=/run/nso.sock",
	     (const char *const[]){"localhost:4569", "/old.sock", NULL});
	make(&endpoints[ABSTRACT], "bus=@bus", (const char *const[]){NULL});
}

static void free_all(void)
{
	for (int i = 0; i < N_ENDPOINTS; i++)
		endpoint_free(&endpoints[i]);
}

/* Y granted, S the status answer, N another destination, B a bad one; columns: V4 V4_REMOTE V6 PATH
 * ABSTRACT. */
static const char letters[] = {[POLICY_GRANT] = 'Y',
			       [POLICY_GRANT_STATUS] = 'S',
			       [POLICY_WRONG_DESTINATION] = 'N',
			       [POLICY_BAD_DESTINATION] = 'B'};

static void expect_row(enum policy_action action, const char *host, size_t len, uint32_t port,
		       const char *want)
{
	char got[N_ENDPOINTS + 1] = "";

	for (int i = 0; i < N_ENDPOINTS; i++) {
		struct policy_request r = {
		    .action = action, .host = host, .host_len = len, .port = port};
		enum policy_verdict v = policy_decide(&entry, &endpoints[i], &r);

		cr_assert_lt(v, sizeof(letters));
		got[i] = letters[v] ? letters[v] : '?';
	}
	cr_expect_str_eq(got, want, "action %d \"%s\" port %u: %s, not %s", (int)action, host, port,
			 got, want);
}

static const struct {
	const char *host;
	uint32_t port;
	const char *want;
} tcpip[] = {
    /* my own, the status, any port */
    {".", 0, "YYYYY"},
    {".", 4565, "YYYYY"},
    {".", UINT32_MAX, "YYYYY"},
    {"..", 4565, "NNNNN"},
    {".status", 0, "SSSSS"},
    {".status", UINT32_MAX, "SSSSS"},
    {".Status", 0, "NNNNN"},
    {".statusx", 0, "NNNNN"},
    {"status", 0, "NNNNN"},
    /* names, exact case, any port */
    {"confd", 1, "YNNNN"},
    {"confd", 0, "YNNNN"},
    {"confd", UINT32_MAX, "YNNNN"},
    {"far", 7, "NYNNN"},
    {"six", 7, "NNYNN"},
    {"nso", 7, "NNNYN"},
    {"bus", 7, "NNNNY"},
    {"Confd", 4565, "NNNNN"},
    {"conf", 4565, "NNNNN"},
    {"confdd", 4565, "NNNNN"},
    {"confd.", 4565, "NNNNN"},
    {" confd", 4565, "NNNNN"},
    /* the address, numerically */
    {"127.0.0.1", 4565, "YNYNN"},
    {"127.0.0.1", 4566, "NNNNN"},
    {"127.0.0.1", 0, "NNNNN"},
    {"127.0.0.1", 4565 + 65536, "NNNNN"},
    {"127.0.0.1", UINT32_MAX, "NNNNN"},
    {"::ffff:127.0.0.1", 4565, "YNYNN"},
    {"127.0.0.2", 4565, "NNNNN"},
    {"127.1", 4565, "NNNNN"},
    {"0x7f.0.0.1", 4565, "NNNNN"},
    {"2130706433", 4565, "NNNNN"},
    {"0127.0.0.1", 4565, "NNNNN"},
    {"0.0.0.0", 4565, "NNNNN"},
    {"::", 4565, "NNNNN"},
    {"*", 4565, "NNNNN"},
    {"127.0.0.1:4565", 4565, "NNNNN"},
    {"192.0.2.1", 4565, "NYNNN"},
    {"192.0.2.1", 4564, "NNNNN"},
    {"::1", 4565, "YNYNN"},
    {"0:0:0:0:0:0:0:1", 4565, "YNYNN"},
    {"::1", 4564, "NNNNN"},
    {"[::1]", 4565, "NNNNN"},
    {"::1%1", 4565, "NNNNN"},
    {"localhost", 4565, "YNYNN"},
    {"LocalHost", 4565, "YNYNN"},
    {"localhost", 4566, "NNNNN"},
    {"localhost", UINT32_MAX, "NNNNN"},
    {"localhost.", 4565, "NNNNN"},
    {"localhost6", 4565, "NNNNN"},
    /* aliases */
    {"node.example", 4565, "YNNNN"},
    {"NODE.Example", 4565, "YNNNN"},
    {"node.example", 4566, "NNNNN"},
    {"node.example", UINT32_MAX, "NNNNN"},
    {"node.exampl", 4565, "NNNNN"},
    {"node.example:4565", 4565, "NNNNN"},
    {"10.0.0.9", 80, "YNNNN"},
    {"::ffff:10.0.0.9", 80, "YNNNN"},
    {"10.0.0.9", 4565, "NNNNN"},
    {"2001:db8:0::9", 80, "YNNNN"},
    {"2001:db8::9", 81, "NNNNN"},
    {"localhost", 99, "NYNNN"},
    {"127.0.0.1", 99, "NYNNN"},
    {"::1", 99, "NYNNN"},
    {"::1", 4569, "NNNYN"},
    {"127.0.0.2", 99, "NNNNN"},
    {"localhost", 4569, "NNNYN"},
    {"127.0.0.1", 4569, "NNNYN"},
    {"localhost", 0, "NNNNN"},
    /* paths, any port */
    {"/run/nso.sock", 0, "NNNYN"},
    {"/run/nso.sock", UINT32_MAX, "NNNYN"},
    {"/run/nso.soc", 0, "NNNNN"},
    {"/run/nso.sockx", 0, "NNNNN"},
    {"/run//nso.sock", 0, "NNNNN"},
    {"/run/../run/nso.sock", 0, "NNNNN"},
    {"/RUN/nso.sock", 0, "NNNNN"},
    {"run/nso.sock", 0, "NNNNN"},
    {"@bus", 0, "NNNNY"},
    {"@bu", 0, "NNNNN"},
    {"/bus", 0, "NNNNN"},
    {"@/run/nso.sock", 0, "NNNNN"},
    {"/old.sock", 5, "YNNYN"},
    {"/old.sock/", 5, "NNNNN"},
    /* form */
    {"", 4565, "BBBBB"},
    {"conf\x01", 4565, "BBBBB"},
    {"127.0.0.1\n", 4565, "BBBBB"},
    {"confd\x7f", 4565, "BBBBB"},
    {"\t", 4565, "BBBBB"},
    {"\xff\xfe", 4565, "NNNNN"},
    {"%n%s", 4565, "NNNNN"},
    {H255, 4565, "NNNNN"},
    {H255 "6", 4565, "BBBBB"},
    {"/" H255, 4565, "BBBBB"},
};

static const struct {
	const char *path, *want;
} streamlocal[] = {
    {".", "YYYYY"},
    {".status", "SSSSS"},
    {"confd", "YNNNN"},
    {"nso", "NNNYN"},
    {"NSO", "NNNNN"},
    {"/run/nso.sock", "NNNYN"},
    {"/run/nso.sockx", "NNNNN"},
    {"/run/./nso.sock", "NNNNN"},
    {"run/nso.sock", "NNNNN"},
    {"@bus", "NNNNY"},
    {"/old.sock", "YNNYN"},
    {"/", "NNNNN"},
    {"@", "NNNNN"},
    /* what only direct-tcpip may say */
    {"127.0.0.1", "NNNNN"},
    {"127.0.0.1:4565", "NNNNN"},
    {"::1", "NNNNN"},
    {"localhost", "NNNNN"},
    {"localhost:4569", "NNNNN"},
    {"node.example", "NNNNN"},
    {"node.example:4565", "NNNNN"},
    {"", "BBBBB"},
    {"/run/nso.sock\n", "BBBBB"},
    {H255 "6", "BBBBB"},
};

Test(policy, direct_tcpip_matrix, .init = make_all, .fini = free_all)
{
	for (size_t i = 0; i < sizeof(tcpip) / sizeof(*tcpip); i++)
		expect_row(POLICY_DIRECT_TCPIP, tcpip[i].host, strlen(tcpip[i].host), tcpip[i].port,
			   tcpip[i].want);
	expect_row(POLICY_DIRECT_TCPIP, "confd\0", 6, 4565, "BBBBB");
	expect_row(POLICY_DIRECT_TCPIP, "confd\0x", 7, 4565, "BBBBB");
	expect_row(POLICY_DIRECT_TCPIP, "\0", 1, 4565, "BBBBB");
	expect_row(POLICY_DIRECT_TCPIP, "confdXX", 5, 1, "YNNNN");
	expect_row(POLICY_DIRECT_TCPIP, NULL, 0, 1, "BBBBB");
}

Test(policy, direct_streamlocal_matrix, .init = make_all, .fini = free_all)
{
	static const uint32_t ports[] = {0, 99, 4565, 4569, UINT32_MAX}; /* none is read */

	for (size_t i = 0; i < sizeof(streamlocal) / sizeof(*streamlocal); i++) {
		for (size_t p = 0; p < sizeof(ports) / sizeof(*ports); p++)
			expect_row(POLICY_DIRECT_STREAMLOCAL, streamlocal[i].path,
				   strlen(streamlocal[i].path), ports[p], streamlocal[i].want);
	}
	expect_row(POLICY_DIRECT_STREAMLOCAL, "/run/nso.sock\0", 14, 0, "BBBBB");
}

/* Another loopback address may be another daemon: it is not what "localhost" becomes, nor the other
 * way about. */
Test(policy, other_loopback_addresses)
{
	static const struct {
		const char *host;
		uint32_t port;
		bool granted;
	} table[] = {
	    {"127.0.0.2", 4565, true},	{"::ffff:127.0.0.2", 4565, true},
	    {"127.0.0.2", 4566, false}, {"127.0.0.1", 4565, false},
	    {"::1", 4565, false},	{"::ffff:127.0.0.1", 4565, false},
	    {"127.0.0.3", 4565, false}, {"localhost", 4565, true},
	};
	struct endpoint e;

	make(&e, "second=127.0.0.2:4565", (const char *const[]){NULL});
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct policy_request r = {.action = POLICY_DIRECT_TCPIP,
					   .host = table[i].host,
					   .host_len = strlen(table[i].host),
					   .port = table[i].port};

		cr_expect_eq(policy_decide(&entry, &e, &r) == POLICY_GRANT, table[i].granted, "%s",
			     table[i].host);
	}
	endpoint_free(&e);
}

/* A peer cannot choose the marks of an address that is not there. */
Test(policy, unset_endpoint_grants_no_address)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "0.0.0.0", "::",	   "::1",
					    "/",	 "@",	      "/x",	 "unknown"};
	struct endpoint e = {.name = "e"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct policy_request r = {
		    POLICY_DIRECT_TCPIP, hosts[i], strlen(hosts[i]), 0, {.len = 0}, 0, false};

		cr_expect_eq(policy_decide(&entry, &e, &r), POLICY_WRONG_DESTINATION, "%s",
			     hosts[i]);
	}
}

/* Y: a key and an endpoint; the first check that fails is named. */
Test(policy, checks_in_their_order, .init = make_all, .fini = free_all)
{
	static const struct {
		enum policy_action action;
		const char *host;
		bool key, endpoint;
		enum policy_verdict verdict;
	} table[] = {
	    {POLICY_LOGIN, NULL, true, true, POLICY_GRANT},
	    {POLICY_LOGIN, NULL, false, true, POLICY_NO_KEY},
	    {POLICY_LOGIN, NULL, false, false, POLICY_NO_KEY},
	    {POLICY_LOGIN, NULL, true, false, POLICY_NO_ENDPOINT},
	    {POLICY_DIRECT_TCPIP, ".", true, true, POLICY_GRANT},
	    {POLICY_DIRECT_TCPIP, ".", false, true, POLICY_NO_KEY},
	    {POLICY_DIRECT_TCPIP, ".", true, false, POLICY_NO_ENDPOINT},
	    {POLICY_DIRECT_TCPIP, ".status", false, true, POLICY_NO_KEY},
	    {POLICY_DIRECT_TCPIP, ".status", true, false, POLICY_NO_ENDPOINT},
	    {POLICY_DIRECT_TCPIP, "", true, false, POLICY_NO_ENDPOINT},
	    {POLICY_DIRECT_STREAMLOCAL, ".", true, true, POLICY_GRANT},
	    {POLICY_DIRECT_STREAMLOCAL, ".", false, true, POLICY_NO_KEY},
	    {POLICY_DIRECT_STREAMLOCAL, ".", true, false, POLICY_NO_ENDPOINT},
	    {POLICY_OTHER_CHANNEL, ".", true, true, POLICY_WRONG_TYPE},
	    {POLICY_OTHER_CHANNEL, "confd", true, true, POLICY_WRONG_TYPE},
	    {POLICY_OTHER_CHANNEL, ".", false, true, POLICY_NO_KEY},
	    {POLICY_OTHER_CHANNEL, ".", true, false, POLICY_WRONG_TYPE},
	    {POLICY_GLOBAL_REQUEST, ".", true, true, POLICY_WRONG_TYPE},
	    {POLICY_GLOBAL_REQUEST, ".status", true, true, POLICY_WRONG_TYPE},
	    {POLICY_GLOBAL_REQUEST, "confd", false, true, POLICY_NO_KEY},
	    {(enum policy_action)99, ".", true, true, POLICY_WRONG_TYPE}, /* from another process */
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct policy_request r = {
		    .action = table[i].action, .host = table[i].host, .port = 4565};
		enum policy_verdict v;

		r.host_len = table[i].host ? strlen(table[i].host) : 0;
		v = policy_decide(table[i].key ? &entry : NULL,
				  table[i].endpoint ? &endpoints[V4] : NULL, &r);
		cr_expect_eq(v, table[i].verdict, "row %zu: %s", i, policy_texts[v].reason);
	}
}

/* Total: whatever the bytes and the port, a verdict, and it is no. */
Test(policy, any_bytes, .init = make_all, .fini = free_all)
{
	static const uint32_t ports[] = {0, 1, 4565, 65535, 65536, UINT32_MAX};
	uint32_t x = 1;

	for (int round = 0; round < 20000; round++) {
		char *host = NULL;
		struct policy_request r = {.port = ports[round % 6]};

		x = x * 1664525 + 1013904223;
		r.action = x & 1 << 20 ? POLICY_DIRECT_TCPIP : POLICY_DIRECT_STREAMLOCAL;
		r.host_len = (x >> 8) % 300;
		host = malloc(r.host_len + 1);
		cr_assert(host);
		for (size_t i = 0; i < r.host_len; i++) {
			x = x * 1664525 + 1013904223;
			/* Half of them of bytes that mean something, but not enough to spell a
			 * grant. */
			host[i] = round & 1 ? (char)(x >> 24) : "./@:%[]*09afL\xff"[(x >> 24) % 14];
		}
		r.host = host;
		for (int i = 0; i < N_ENDPOINTS; i++) {
			enum policy_verdict v = policy_decide(&entry, &endpoints[i], &r);

			if (r.host_len > 1 && r.host_len != 7)
				cr_assert(v == POLICY_WRONG_DESTINATION ||
					      v == POLICY_BAD_DESTINATION,
					  "%.*s", (int)r.host_len, host);
			cr_assert(policy_texts[v].reason);
		}
		free(host);
	}
}

Test(policy, permitopen, .init = make_all, .fini = free_all)
{
	static const struct {
		const char *spec, *want;
	} table[] = {
	    {"127.0.0.1:4565", "YNYNN"},
	    {"127.0.0.1:*", "YYYYN"}, /* the aliases localhost:99, localhost:4569 */
	    {"localhost:4565", "YNYNN"},
	    {"127.0.0.2:4565", "NNNNN"},
	    {"localhost:*", "YYYYN"},
	    {"127.0.0.1:4566", "NNNNN"},
	    {"[::1]:4565", "YNYNN"},
	    {"[::1]:*", "YYYYN"},
	    {"192.0.2.1:*", "NYNNN"},
	    {"node.example:*", "YNNNN"},
	    {"node.example:4565", "YNNNN"},
	    {"node.example:1", "NNNNN"},
	    {"confd:1", "YNNNN"},
	    {"nso:*", "NNNYN"},
	    {"/run/nso.sock:*", "NNNYN"},
	    {".:*", "NNNNN"},
	    {".:4565", "NNNNN"},
	    {".status:*", "NNNNN"},
	    {"*:*", "NNNNN"},
	    {"*:4565", "NNNNN"},
	    {"127.0.0.1", "NNNNN"},
	    {"127.0.0.1:", "NNNNN"},
	    {"127.0.0.1:x", "NNNNN"},
	    {"127.0.0.1:**", "NNNNN"},
	    {"", "NNNNN"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		for (int e = 0; e < N_ENDPOINTS; e++)
			cr_expect_eq(policy_permitopen_names(table[i].spec, &endpoints[e]),
				     table[i].want[e] == 'Y', "%s, endpoint %s", table[i].spec,
				     endpoints[e].name);
	}
}
