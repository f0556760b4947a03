// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>

#include "ctl_print.h"

#define USUAL                                                                                      \
	"{\"connection\":3,\"state\":\"up\",\"channels\":2,\"claimed_bytes_to_endpoint\":10,"      \
	"\"claimed_bytes_from_endpoint\":11,\"age_seconds\":61,\"idle_seconds\":5,"                \
	"\"endpoint\":{\"name\":\"confd\",\"last_dial\":null},\"key\":{\"name\":\"blade7\","       \
	"\"fingerprint\":\"SHA256:x\",\"channels\":7},\"source\":\"::1\",\"source_port\":9,"       \
	"\"client\":\"SSH-2.0-c\"}\n"
#define TURNED                                                                                     \
	"{\"client\":\"SSH-2.0-c\",\"source_port\":9,\"source\":\"::1\",\"key\":{\"channels\":7,"  \
	"\"state\":\"no\",\"fingerprint\":\"SHA256:x\",\"name\":\"blade7\"},\"endpoint\":{"        \
	"\"last_dial\":null,\"channels\":8,\"name\":\"confd\"},\"idle_seconds\":5,"                \
	"\"age_seconds\":61,\"claimed_bytes_from_endpoint\":11,\"claimed_bytes_to_endpoint\":10,"  \
	"\"channels\":2,\"state\":\"up\",\"connection\":3}\n"

/* A session's channels are not its key's, whichever of them the server tells first. */
Test(ctl_print, the_order_of_members_means_nothing)
{
	char answer[] = USUAL TURNED "{\"ok\":true,\"sessions\":2}\n";
#define ROW                                                                                        \
	"3   blade7  SHA256:x     [::1]:9  confd     up     2         10  11    1m01s  5s    "     \
	"SSH-2.0-c\n"

	cr_redirect_stdout();
	ctl_print_who(answer);
	fflush(stdout);
	cr_assert_stdout_eq_str("ID  KEY     FINGERPRINT  ADDRESS  ENDPOINT  STATE  CHANNELS  TO  "
				"FROM  AGE    IDLE  CLIENT\n" ROW ROW);
}

Test(ctl_print, who_was_ended)
{
	char answer[] = TURNED "{\"ok\":true,\"ended\":1}\n";

	cr_redirect_stdout();
	ctl_print_ended(answer);
	fflush(stdout);
	cr_assert_stdout_eq_str("ending session 3: blade7 (SHA256:x), [::1]:9\n");
}

Test(ctl_print, each_endpoint_of_the_status)
{
	char answer[] =
	    "{\"endpoints\":[{\"last_dial\":{\"name\":\"no\",\"age_seconds\":5,\"result\":"
	    "\"connected\"},\"address\":\"/a\",\"name\":\"a\"},{\"address\":\"/b\",\"last_dial\":"
	    "null,\"name\":\"b\"}],\"limits\":{\"max_opens\":3,\"max_held\":0},\"pending\":0,"
	    "\"pending_open\":false,\"fault\":null,\"keys\":4,\"allowlist\":\"/l\","
	    "\"unauthenticated\":1,\"sessions\":2,\"listen\":[\"[::1]:1\",\"127.0.0.1:1\"],"
	    "\"uptime_seconds\":3,\"version\":\"0\",\"generation\":3,\"channels\":4,\"totals\":{"
	    "\"logins\":5,\"opens\":6},\"logins_refused\":{\"unlisted\":7,\"source\":1},"
	    "\"opens_refused\":{\"type\":9}}\n{\"generation\":2,\"sessions\":1}\n{"
	    "\"generation\":1,\"sessions\":20}\n{\"ok\":true}\n";

	cr_redirect_stdout();
	ctl_print_status(answer);
	fflush(stdout);
	cr_assert_stdout_eq_str("version       0\n"
				"uptime        3s\n"
				"listening     [::1]:1\n"
				"listening     127.0.0.1:1\n"
				"sessions      2, 1 of them not logged in\n"
				"logins        5 granted since the start, 8 refused\n"
				"channels      4 open; 6 granted since the start, 9 refused\n"
				"limit         max_opens was reached 3 times\n"
				"allow list    /l, 4 keys in force\n"
				"endpoint      a, /a; last dial: connected, 5s ago\n"
				"endpoint      b, /b; last dial: none yet\n"
				"generation    2, older: it has 1 session left\n"
				"generation    1, older: it has 20 sessions left\n");
}

Test(ctl_print, one_of_each)
{
	char answer[] =
	    "{\"limits\":{\"max_opens\":1},\"pending\":1,\"pending_open\":true,"
	    "\"keys\":1,\"keys_without_endpoint\":1,\"allowlist\":\"/l\"}\n{\"ok\":true}\n";

	cr_redirect_stdout();
	ctl_print_status(answer);
	fflush(stdout);
	cr_assert_stdout_eq_str(
	    "version       -\n"
	    "uptime        0s\n"
	    "sessions      -, - of them not logged in\n"
	    "logins        - granted since the start, 0 refused\n"
	    "channels      - open; - granted since the start, 0 refused\n"
	    "limit         max_opens was reached 1 time\n"
	    "allow list    /l, 1 key in force\n"
	    "              1 of these lines grants nothing: their endpoints are not in the server; "
	    "sshipc-server ctl upgrade reads server.conf\n"
	    "pending       1 key; OPEN: unknown keys are remembered (pending_from)\n");
}
