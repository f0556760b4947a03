// SPDX-License-Identifier: BSD-2-Clause
/*
 * The -L argument: a fault that says why, or a listener and a destination that can be.  Owners and
 * groups are looked up in the system's own files, so their names are left out.
 */
#include "fuzz.h"

#include "../../sshipc-client/spec.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	for (int unsafe_listen = 0; unsafe_listen < 2; unsafe_listen++) {
		struct spec s = {0};
		char err[1024] = "";

		if (strstr(text, "owner=") || strstr(text, "group="))
			break;
		if (spec_parse(text, unsafe_listen, &s, err, sizeof(err)) == 0) {
			check_spec(&s, text, unsafe_listen);
			spec_free(&s);
		} else {
			EXPECT(err[0] && strlen(err) < sizeof(err));
		}
	}
	free(text);
	return 0;
}
