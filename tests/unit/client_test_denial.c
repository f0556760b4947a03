// SPDX-License-Identifier: BSD-2-Clause
/* What a client makes of a refusal: of codes in whatever a peer may have sent, and of .status. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "denial.h"
#include "status.h"

Test(denial, every_code_comes_back)
{
	for (int v = POLICY_NO_KEY + 1; v <= POLICY_OTHER; v++) {
		const char *code = policy_texts[v].code;
		char banner[256];

		cr_expect_eq((int)denial_of_code(code), v, "%s", code);
		snprintf(banner, sizeof(banner), "sshipc: some words (session 7) [sshipc:%s]\r\n",
			 code);
		cr_expect_eq((int)denial_of_banner(banner), v, "%s", banner);
	}
	cr_expect_eq(denial_of_code(""), POLICY_OTHER);
	cr_expect_eq(denial_of_code("future"), POLICY_OTHER);
}

Test(denial, banners)
{
	static const struct {
		const char *text;
		enum policy_verdict verdict;
	} table[] = {
	    {"", POLICY_NO_KEY},
	    {"the key has expired", POLICY_NO_KEY},
	    {"expired", POLICY_NO_KEY},
	    {"[sshipc:expired]", POLICY_EXPIRED},
	    {"[sshipc:expired]\nmore", POLICY_EXPIRED},
	    {"\n[sshipc:expired]", POLICY_NO_KEY},
	    {"[sshipc:expired] ", POLICY_NO_KEY},
	    {"[sshipc:expired", POLICY_NO_KEY},
	    {"[sshipc:expired\n]", POLICY_NO_KEY},
	    {"[sshipc: expired]", POLICY_NO_KEY},
	    {"[sshipc:]", POLICY_NO_KEY},
	    {"[sshipc:EXPIRED]", POLICY_NO_KEY},
	    {"[ssh:expired]", POLICY_NO_KEY},
	    {"[[sshipc:expired]", POLICY_EXPIRED},
	    {"[sshipc:source][sshipc:expired]", POLICY_EXPIRED},
	    {"[sshipc:expired] [x]", POLICY_NO_KEY},
	    {"[sshipc:future]", POLICY_OTHER},
	    {"[sshipc:expired%s%n]", POLICY_NO_KEY},
	    {"[sshipc:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz]", POLICY_NO_KEY},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		cr_expect_eq(denial_of_banner(table[i].text), table[i].verdict, "%zu: %s", i,
			     table[i].text);
}

#define STATUS(refusal)                                                                            \
	"{\"endpoint\":{\"name\":\"confd\",\"kind\":\"confd\",\"last_dial\":null},"                \
	"\"key\":{\"fingerprint\":\"SHA256:x\"},\"source\":\"::1\"" refusal "}\n"

Test(denial, refused_channels)
{
	static const struct {
		const char *status;
		enum policy_verdict verdict;
		bool by_server;
	} table[] = {
	    {STATUS(""), POLICY_GRANT, false},
	    {STATUS(",\"last_refusal\":null,\"last_refusal_code\":null"), POLICY_GRANT, false},
	    {STATUS(",\"last_refusal\":\"words\""), POLICY_GRANT, false},
	    {STATUS(",\"last_refusal_code\":\"destination\""), POLICY_WRONG_DESTINATION, true},
	    {STATUS(",\"last_refusal_code\":\"channels\""), POLICY_MAX_CHANNELS, true},
	    {STATUS(",\"last_refusal_code\":\"endpoint\""), POLICY_DIAL_FAILED, false},
	    {STATUS(",\"last_refusal_code\":\"\\u0007\""), POLICY_OTHER, true},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct status s;

		cr_assert(status_read(&s, table[i].status), "%zu", i);
		cr_expect_eq(s.refused_for, table[i].verdict, "%zu", i);
		cr_expect_eq(status_refused_by_server(&s), table[i].by_server, "%zu", i);
		cr_expect_str_eq(s.endpoint, "confd");
		cr_expect(s.knows_kind && s.kind == ENDPOINT_CONFD);
		cr_expect_eq(s.dial_age, -1);
	}
}

Test(denial, not_a_status)
{
	static const char *const texts[] = {"",
					    "rubbish",
					    "{}",
					    STATUS("") "x",
					    "{\"endpoint\":{\"name\":\"confd\"}}",
					    ("{\"endpoint\":{\"name\":null,\"kind\":\"confd\"},"
					     "\"key\":{\"fingerprint\":\"x\"},\"source\":\"x\"}")};
	struct status s;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		cr_expect_not(status_read(&s, texts[i]), "%s", texts[i]);
}
