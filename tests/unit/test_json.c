// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stddef.h>

#include "json.h"

Test(json, values)
{
	static const struct {
		const char *json, *path, *want;
	} table[] = {
	    {"{\"a\":1,\"b\":\"x\"}", "a", "1"},
	    {"{\"a\":1,\"b\":\"x\"}", "b", "x"},
	    {"{\"a\":1}", "b", "-"},
	    {"{\"a\":null}", "a", "-"},
	    {"{\"a\":[1]}", "a", "[1"},
	    {"{\"k\":{\"name\":\"x\"},\"e\":{\"name\":\"y\"}}", "e.name", "y"},
	    {"{\"a\":\"\\\"b\\\":7\",\"b\":8}", "b", "8"},
	    {"{\"a\":\"\\\\x1b\\\"\"}", "a", "\\x1b\""},
	    {"{\"a\":\"\\u001b\"}", "a", "\\u001b"},
	    {"{\"a\":\"\xc3\xbc\x1b\"}", "a", "\\xc3\\xbc\\x1b"},
	    {"{\"a\":\"no end", "a", "no end"},
	    {"{\"a\":\"0123456789abcdef\"}", "a", "0123456789ab"},
	};
	char out[16];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		cr_expect_str_eq(json_value(table[i].json, table[i].path, out, sizeof(out)),
				 table[i].want, "%zu: %s", i, out);
}
