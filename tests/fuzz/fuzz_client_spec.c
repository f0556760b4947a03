// SPDX-License-Identifier: BSD-2-Clause
/*
 * The -L argument: a fault that says why, or a listener and a destination that can be.  Owners and
 * groups are looked up in the system's own files, so their names are left out.
 */
#include "fuzz.h"

#include "spec.h"

static void check_spec(const struct spec *s, const char *text, bool unsafe_listen)
{
	char to[ADDRESS_TEXT];

	EXPECT(strcmp(s->text, text) == 0);
	/* fd:NAME gets its address, and with it its destination, of who bound it. */
	EXPECT(s->inherited ? s->inherited[0] && s->listen.len == 0 : s->listen.len > 0);
	EXPECT(unsafe_listen || s->inherited || address_is_loopback(&s->listen));
	EXPECT(strlen(destination_format(&s->to, to, sizeof(to))) > 0);
	EXPECT(strlen(s->to.host) < DESTINATION_HOST);
	EXPECT(s->to.kind == DESTINATION_DEFAULT || s->to.host[0]);
	EXPECT(s->to.kind != DESTINATION_TCP || s->to.port != 0);
	EXPECT(s->perm.mode == -1 || (s->perm.mode >= 0 && s->perm.mode <= 0777));
	if (s->inherited || !address_is_unix(&s->listen))
		EXPECT(s->perm.mode == -1 && s->perm.uid == -1 && s->perm.gid == -1);
}

/* Any path can be named, here and there. */
static void check_escapes(const char *path)
{
	char text[1024] = "", escaped[512], at[ADDRESS_TEXT], want[ADDRESS_TEXT];
	size_t n = 0;
	struct address a;
	struct spec s;

	for (; *path; escaped[n++] = *path++) {
		if (strchr(":,\\", *path))
			escaped[n++] = '\\';
	}
	escaped[n] = '\0';
	snprintf(text, sizeof(text), "%s:%s", escaped, escaped);
	EXPECT(!spec_parse(text, false, &s));
	EXPECT(s.to.kind == DESTINATION_UNIX && !address_parse(s.to.host, 0, &a));
	EXPECT(address_equal(&a, &s.listen));
	address_format(&a, want, sizeof(want));
	EXPECT(strcmp(address_format(&s.listen, at, sizeof(at)), want) == 0);
	spec_free(&s);
}

static void check_twin(const struct spec *s)
{
	struct spec twin;

	EXPECT(!s->is_twin && address_is_loopback(&s->listen));
	spec_make_twin(s, &twin);
	EXPECT(twin.is_twin && address_is_loopback(&twin.listen) &&
	       address_port(&twin.listen) == address_port(&s->listen) &&
	       !spec_same_listener(s, &twin));
	spec_free(&twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	for (int unsafe_listen = 0; unsafe_listen < 2; unsafe_listen++) {
		struct spec s = {0};
		const char *why;

		if (strstr(text, "owner=") || strstr(text, "group="))
			break;
		why = spec_parse(text, unsafe_listen, &s);
		if (!why) {
			check_spec(&s, text, unsafe_listen);
			if (s.to.kind == DESTINATION_UNIX &&
			    s.to.host[strlen(s.to.host) - 1] != '/')
				check_escapes(s.to.host);
			if (s.is_localhost)
				check_twin(&s);
			spec_free(&s);
		} else {
			EXPECT(why[0]);
		}
	}
	free(text);
	return 0;
}
