// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stddef.h>
#include <string.h>

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
	    {"{\"k\":{\"n\":7},\"n\":8}", "n", "8"},
	    {"{\"n\":8,\"k\":{\"n\":7}}", "k.n", "7"},
	    {"{\"k\":{\"n\":7}}", "n", "-"},
	    {"{\"n\":8,\"k\":{\"m\":7}}", "k.n", "-"},
	    {"{\"k\":7,\"n\":{\"k\":8}}", "k.k", "-"},
	    {"{\"a\":[{\"n\":7}],\"n\":8}", "n", "8"},
	    {"{\"nn\":7,\"n\":8}", "n", "8"},
	    {"{\"a\":7}\n{\"n\":8}", "n", "-"},
	    {"{\"a\":7 ,\"n\":8}", "n", "-"},
	    {"{}", "a", "-"},
	    {"{\"a", "a", "-"},
	    {"", "a", "-"},
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

Test(json, arrays)
{
	static const char json[] = "{\"b\":[],\"a\":[{\"x\":[1,2]},3,\"],\"],\"c\":4}";
	const char *p = json_first(json_find(json, "a"));
	char out[16];

	cr_assert(p);
	cr_expect_str_eq(json_value(p, "x", out, sizeof(out)), "[1");
	cr_assert(p = json_next(p));
	json_copy(p, out, sizeof(out));
	cr_expect_str_eq(out, "3");
	cr_assert(p = json_next(p));
	json_copy(p, out, sizeof(out));
	cr_expect_str_eq(out, "],");
	cr_expect_null(json_next(p));
	cr_expect_null(json_first(json_find(json, "b")));
	cr_expect_null(json_first(json_find(json, "c")));
	cr_expect_null(json_first(json_find(json, "d")));
}

Test(json, objects)
{
	static const struct {
		const char *json;
		bool is;
	} table[] = {
	    {"{}", true},
	    {"{}\n", true},
	    {"{\"a\":1,\"b\":\"x\",\"c\":null,\"d\":true,\"e\":false,\"f\":-3}\n", true},
	    {"{\"a\":{\"b\":[1,\"\",[],{}]}}", true},
	    {"{\"a\":\"\\\"\\\\\\u001b\\n\xc3\xbc\"}", true},
	    {"{\"a\":[[[[[[[1]]]]]]]}", false},
	    {"{\"a\":[[[[[[1]]]]]]}", true},
	    {"", false},
	    {"x", false},
	    {"[]", false},
	    {"{", false},
	    {"{}x", false},
	    {"{}\n{}", false},
	    {"{\"a\"}", false},
	    {"{\"a\":}", false},
	    {"{\"a\":1,}", false},
	    {"{\"a\":1", false},
	    {"{\"a\":1]", false},
	    {"{\"a\":[1}", false},
	    {"{a:1}", false},
	    {"{\"a\":nul}", false},
	    {"{\"a\":-}", false},
	    {"{\"a\":1 }", false},
	    {"{\"a\":\"x}", false},
	    {"{\"a\":\"\\", false},
	    {"{\"a\":\"\\x\"}", false},
	    {"{\"a\":\"\x1b\"}", false},
	    {"HTTP/1.1 400 Bad Request", false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		cr_expect_eq(json_is_object(table[i].json), table[i].is, "%zu: %s", i,
			     table[i].json);
}

static void write_all(struct json_out *o, const char *text)
{
	json_put(o, NULL, "{");
	json_text(o, "a", text);
	json_text(o, "none", NULL);
	json_put(o, "list", "[");
	json_put(o, NULL, "{");
	json_close(o, '}');
	json_put(o, NULL, "%d", -3);
	json_text(o, NULL, "x");
	json_close(o, ']');
	json_put(o, "t", "true");
	json_close(o, '}');
}

Test(json, written)
{
	char text[256];
	struct json_out o = {text, sizeof(text), 0};

	write_all(&o, "\"\n\xff");
	cr_expect_str_eq(text, "{\"a\":\"\\\"\\u000a\\ufffd\",\"none\":null,\"list\":[{},-3,\"x\"],"
			       "\"t\":true}");
	cr_expect_eq(o.len, strlen(text));
}

/* Nothing is written behind the buffer; and with room for the frame it is JSON, whatever is cut. */
Test(json, written_into_little_room)
{
	char text[256], want[200];

	memset(want, '"', sizeof(want));
	want[sizeof(want) - 1] = '\0';
	for (size_t size = 80; size <= sizeof(text); size++) {
		struct json_out o = {text, size, 0};

		write_all(&o, want);
		cr_expect_lt(o.len, size);
		cr_expect_eq(o.len, strlen(text));
	}
	for (size_t len = 0; len < sizeof(want); len++) {
		struct json_out o = {text, sizeof(text), 0};

		want[len] = '\0';
		json_put(&o, NULL, "{");
		json_text(&o, "a", want);
		json_put(&o, "b", "%zu", len);
		json_close(&o, '}');
		cr_expect(json_is_object(text), "%zu: %s", len, text);
		want[len] = '"';
	}
}
