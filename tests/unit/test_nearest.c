// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <string.h>

#include "nearest.h"

static const char *const names[] = {
    "listen",	   "log",	  "max_sessions", "max_channels",
    "login_grace", "known_hosts", "keepalive",	  "max_unauthenticated_per_source",
    NULL,	   "endpoint",	  "no-pty"};

static const struct {
	const char *word, *meant; /* "": none */
} cases[] = {
    {"max_sesions", "max_sessions"},
    {"max-sessions", "max_sessions"},
    {"MaxSessions", "max_sessions"},
    {"lsiten", "listen"},
    {"listens", "listen"},
    {"lisn", ""}, /* two differences in four letters */
    {"kepalve", "keepalive"},
    {"lgo", "log"},
    {"l", ""},
    {"", ""},
    {"endpiont", "endpoint"},
    {"endp", "endpoint"},		 /* goes on where the word ends */
    {"end", ""},			 /* too short for that */
    {"login_grace_time", "login_grace"}, /* and the other way round */
    {"max_channel", "max_channels"},	 /* the nearest, not the first */
    {"no_pty", "no-pty"},
    {"max_unauthenticated_per_sources", "max_unauthenticated_per_source"},
    {"nonsense", ""},
    {"hostkeys", ""},
    {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", ""},
};

Test(nearest, table)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nearest n = {.word = cases[i].word, .len = strlen(cases[i].word)};

		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
			nearest_offer(&n, names[k]);
		cr_expect_str_eq(n.name ? n.name : "", cases[i].meant, "%s", cases[i].word);
	}
}

Test(nearest, the_word_ends_at_its_length)
{
	struct nearest n = {.word = "lisen=4", .len = 5};

	cr_expect_str_eq(nearest_hint(&n, "--"), "");
	nearest_offer(&n, "listen");
	cr_expect_str_eq(nearest_hint(&n, "--"), " (did you mean --listen?)");
}
