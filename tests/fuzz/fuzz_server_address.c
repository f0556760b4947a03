// SPDX-License-Identifier: BSD-2-Clause
/*
 * Addresses and endpoints as people write them: a fault with a reason, or a value that its own text
 * gives again.
 */
#include "fuzz.h"

#include "address.h"
#include "endpoint.h"
#include "policy.h"

static void check_address(const char *text, unsigned flags)
{
	struct address a, again;
	char formatted[ADDRESS_TEXT];
	const char *why = address_parse(text, flags, &a);

	if (why) {
		EXPECT(why[0]);
		return;
	}
	EXPECT(address_equal(&a, &a) && strlen(address_format(&a, formatted, ADDRESS_TEXT)) > 0);
	EXPECT(flags & ADDRESS_PORT_0_OK || address_is_unix(&a) || address_port(&a) != 0);
	/* What was escaped means something else. */
	if (!strchr(formatted, '\\'))
		EXPECT(!address_parse(formatted, flags, &again) && address_equal(&a, &again));
}

static void check_split(const char *text)
{
	struct address a;
	char host[ADDRESS_HOST];
	const char *port = NULL, *why = address_split(text, host, &port);
	uint16_t number = 0;

	if (why) {
		EXPECT(why[0]);
		return;
	}
	EXPECT(host[0] && port > text && port[-1] == ':');
	if (address_parse_port(port, &number) == 0 && address_from_host(host, number, &a) == 0)
		EXPECT(!address_is_unix(&a) && address_port(&a) == number);
}

static void check_endpoint(const char *text)
{
	static const struct endpoint confd = {
	    .name = "confd", .accept = {(char *)"host:1"}, .n_accept = 1};
	struct endpoint e;
	const char *why = endpoint_parse(text, &e);

	if (!why) {
		EXPECT(!endpoint_check_name(e.name) && e.address.len > 0);
		EXPECT(endpoint_kinds[e.kind][0]);
		endpoint_free(&e);
	} else {
		EXPECT(why[0]);
	}
	why = endpoint_check_alias(text);
	EXPECT(!why || why[0]);
	policy_permitopen_names(text, &confd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	for (unsigned flags = 0; flags <= (ADDRESS_WILDCARD_OK | ADDRESS_PORT_0_OK); flags++)
		check_address(text, flags);
	check_split(text);
	check_endpoint(text);
	free(text);
	return 0;
}
