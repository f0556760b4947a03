// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>

#include "ctl_metrics.h"

#define NEW                                                                                        \
	"{\"version\":\"0.\\\"1\",\"libssh\":\"0.10\",\"generation\":2,\"sessions\":3,"            \
	"\"totals\":{\"logins\":4,\"log_lines_dropped\":0},\"limits\":{\"log lines\":5},"          \
	"\"fault\":\"/a:1: -\",\"endpoints\":[{\"name\":\"a\",\"present\":true,\"connect_us\":"    \
	"1500000,\"connect_ms\":{\"1\":2,\"1000\":3,\"more\":4}},{\"name\":\"b\",\"present\":"     \
	"null}]}\n"
#define OLD "{\"generation\":1,\"sessions\":7,\"totals\":{\"logins\":8},\"fault\":null}\n"

/* Prints the metrics of NEW and OLD, and gives the text. */
static const char *printed(bool strict)
{
	static char text[1 << 16];
	FILE *out;

	cr_redirect_stdout();
	ctl_print_metrics(NEW OLD "{\"ok\":true}\n", strict);
	fflush(stdout);
	out = cr_get_redirected_stdout();
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	return text;
}

static void expect(const char *text, const char *part)
{
	cr_expect(strstr(text, part), "no %s in %s", part, text);
}

Test(ctl_metrics, families_have_all_generations)
{
	const char *text = printed(false);

	expect(text, "# TYPE sshipc_build_info gauge\n"
		     "sshipc_build_info{generation=\"2\",version=\"0.\\\"1\",libssh=\"0.10\"} 1\n"
		     "sshipc_build_info{generation=\"1\",version=\"-\",libssh=\"-\"} 1\n"
		     "# HELP ");
	expect(text, "# TYPE sshipc_sessions gauge\nsshipc_sessions{generation=\"2\"} 3\n"
		     "sshipc_sessions{generation=\"1\"} 7\n# ");
	expect(text, "# TYPE sshipc_logins_total counter\nsshipc_logins_total{generation=\"2\"} 4\n"
		     "sshipc_logins_total{generation=\"1\"} 8\n# ");
	expect(text, "\nsshipc_limit_hits_total{generation=\"2\",limit=\"log lines\"} 5\n# ");
	expect(text, "\nsshipc_allowlist_fault{generation=\"2\"} 1\n"
		     "sshipc_allowlist_fault{generation=\"1\"} 0\n");
	expect(text, "gauge\nsshipc_endpoint_present{generation=\"2\",endpoint=\"a\"} 1\n# ");
	cr_expect_str_eq(text + strlen(text) - strlen("\n# EOF\n"), "\n# EOF\n");
}

/* Each bucket has those before it; the sum is in seconds. */
Test(ctl_metrics, histogram)
{
	expect(printed(false),
	       "# TYPE sshipc_dial_seconds histogram\n"
	       "# UNIT sshipc_dial_seconds seconds\n"
	       "sshipc_dial_seconds_bucket{generation=\"2\",endpoint=\"a\",le=\"0.001\"} 2\n"
	       "sshipc_dial_seconds_bucket{generation=\"2\",endpoint=\"a\",le=\"1.0\"} 5\n"
	       "sshipc_dial_seconds_bucket{generation=\"2\",endpoint=\"a\",le=\"+Inf\"} 9\n"
	       "sshipc_dial_seconds_count{generation=\"2\",endpoint=\"a\"} 9\n"
	       "sshipc_dial_seconds_sum{generation=\"2\",endpoint=\"a\"} 1.500000\n# ");
}

Test(ctl_metrics, to_the_letter_of_openmetrics)
{
	expect(printed(true),
	       "# TYPE sshipc_logins counter\nsshipc_logins_total{generation=\"2\"} 4\n");
}
