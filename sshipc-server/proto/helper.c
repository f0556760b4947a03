// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in helpers (the dialler, the spawner), called by their main functions; helper_fail also by
 * launch.c in a process that could not become one.  It may not log: a helper's last words are a
 * message to the monitor.
 */
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "message.h"

static char *own_role; /* in argv[0] */

void helper_fail(int code, const char *text)
{
	struct message_failed m = {.head = {MESSAGE_FAILED, 0}, .code = code};

	snprintf(m.text, sizeof(m.text), "%s", text);
	message_send(HELPER_SOCKET, &m, NULL);
	_exit(code);
}

void helper_fail_call(const char *call)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", call, strerror(errno));
	helper_fail(EX_OSERR, text);
}

const char *helper_role(char *const *argv)
{
	if (argv[0] && argv[1] && strncmp(argv[1], HELPER_OPTION, sizeof(HELPER_OPTION) - 1) == 0)
		return argv[1] + sizeof(HELPER_OPTION) - 1;
	if (!argv[0] || argv[1] || strncmp(argv[0], HELPER_TITLE, sizeof(HELPER_TITLE) - 1) != 0)
		return NULL;
	own_role = argv[0] + sizeof(HELPER_TITLE) - 1;
	return own_role;
}

void helper_retitle(const char *role)
{
	const size_t room = own_role ? strlen(own_role) : 0;

	if (strlen(role) <= room)
		snprintf(own_role, room + 1, "%s", role);
}

void helper_settle(const char *name)
{
	/* A terminal's ^C and a supervisor's SIGTERM to the group are the monitor's to answer. */
	static const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};

	prctl(PR_SET_NAME, name);
	alloc_must_succeed("");
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	if (!confine_is_sanitized() && confine_null_stdio() != 0)
		helper_fail_call("/dev/null");
	if (confine_drop_capabilities() != 0)
		helper_fail_call("capset");
	if (confine_process(getppid()) != 0)
		helper_fail_call("setrlimit, prctl: the helper cannot be confined");
}
