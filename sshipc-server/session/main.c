// SPDX-License-Identifier: BSD-2-Clause
/*
 * sshipc-session: the only part of the server that has libssh.  Executed by sshipc-server with one
 * socket, as its self-test or as the spawner, which forks the sessions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "helper.h"
#include "interposed.h"
#include "message.h"
#include "spawner_main.h"

/* The libraries that are mapped: the monitor leaves these files readable (Landlock), since it
 * executes this program again. */
static void list_mapped(char *text, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t room = 0, used = 0;

	text[0] = '\0';
	while (maps && getline(&line, &room, maps) > 0) {
		const char *path = strstr(line, " r-xp ") ? strchr(line, '/') : NULL;

		if (path && used + strlen(path) < size)
			used += (size_t)sprintf(text + used, "%s", path);
	}
	free(line);
	if (maps)
		fclose(maps);
}

/* Without the self-test only the version: the test takes seconds under valgrind. */
static void report(bool whole)
{
	struct message_report m = {.head = {MESSAGE_REPORT, 0}, .version = SSHIPC_VERSION};
	struct selftest t;

	helper_settle("sshipc-session");
	if (!whole)
		_exit(message_send(HELPER_SOCKET, &m, NULL) != 0);
	setenv("HOME", "/nonexistent", 0); /* see spawner_main */
	if (ssh_init() != SSH_OK)
		helper_fail(EX_CONFIG, "libssh cannot be initialised");
	session_selftest(&t);
	snprintf(m.details, sizeof(m.details),
		 "libssh %s\nAES-GCM: %s\ndirect-streamlocal: %s\nlogins are verified by: %s\n"
		 "private host keys are in: %s\n%s%s",
		 ssh_version(0), t.gcm ? "on" : "off", t.streamlocal ? "on" : "off",
		 t.proof ? "the monitor" : "each session process",
		 t.keyless ? "the monitor only" : "the monitor and each session process", t.why,
		 t.why[0] ? "\n" : "");
	list_mapped(m.files, sizeof(m.files));
	_exit(message_send(HELPER_SOCKET, &m, NULL) != 0);
}

int main(int argc, char **argv)
{
	const char *role = helper_role(argv);

	prctl(PR_SET_NAME, "sshipc-session");
	if (role && strcmp(role, "spawner") == 0)
		spawner_main();
	if (role && strcmp(role, "selftest") == 0)
		report(true);
	if (role && strcmp(role, "version") == 0)
		report(false);
	fprintf(stderr, "sshipc-session " SSHIPC_VERSION ": sshipc-server starts it\n");
	return EX_USAGE;
}
