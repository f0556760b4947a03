// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client for --print-dbus-address, and in run mode for the {dbus} of a variable.  It
 * knows how an address is written and nothing of the protocol behind it.
 */
#include "dbus.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const char plain[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/.\\*";

void dbus_escape(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, strchr(plain, *text) ? "%c" : "%%%02x", (unsigned char)*text);
}

int dbus_unixexec(FILE *out, char *const *argv)
{
	char path[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	bool stdio = false;
	int i = 0;

	if (n < 0)
		return -1;
	path[n] = '\0';
	fputs("unixexec:path=", out);
	dbus_escape(out, path);
	/* getopt_long(3) takes an abbreviation of --stdio, too. */
	for (char *const *word = argv + 1; *word; word++)
		stdio = stdio || strncmp(*word, "--st", 4) == 0;
	if (!stdio)
		fprintf(out, ",argv%d=--stdio", ++i);
	while (*++argv) {
		if (strncmp(*argv, "--print-", 8) == 0)
			continue;
		fprintf(out, ",argv%d=", ++i);
		dbus_escape(out, *argv);
	}
	fputc('\n', out);
	return 0;
}
