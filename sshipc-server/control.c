// SPDX-License-Identifier: BSD-2-Clause
/*
 * The control socket's words, in the keeper, the monitor and ctl, and its path, which a generation
 * binds at its start.  It serves no caller (keeper/callers.c) and carries out no request
 * (monitor/answers.c).
 */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "caller.h"
#include "folders.h"
#include "json.h"
#include "settings.h"

/* ---- requests ---- */

const char *control_line_fault(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] < ' ' || line[i] > '~')
			return "the request is not printable ASCII";
	return len >= CONTROL_REQUEST ? "the request is too long" : NULL;
}

int control_parse(const char *line, size_t len, struct control_request *r, const char **errstr)
{
	static const char *const commands[] = {
	    [CONTROL_WHO] = "who",	   [CONTROL_KILL] = "kill",
	    [CONTROL_RELOAD] = "reload",   [CONTROL_STATUS] = "status",
	    [CONTROL_PENDING] = "pending", [CONTROL_UPGRADE] = "upgrade"};
	const char *blank = memchr(line, ' ', len);
	const size_t word = blank ? (size_t)(blank - line) : len, rest = len - word;

	*errstr = control_line_fault(line, len);
	if (*errstr)
		return -1;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strlen(commands[i]) != word || memcmp(commands[i], line, word) != 0)
			continue;
		r->command = (enum control_command)i;
		r->whom[0] = '\0';
		*errstr = "this request takes no argument";
		if (r->command != CONTROL_KILL)
			return rest == 0 ? 0 : -1;
		*errstr = "kill takes one session id, key name or fingerprint";
		if (rest < 2 || memchr(blank + 1, ' ', rest - 1))
			return -1;
		memcpy(r->whom, blank + 1, rest - 1);
		r->whom[rest - 1] = '\0';
		return 0;
	}
	*errstr = "unknown request; known are: who, kill, reload, status, pending, upgrade";
	return -1;
}

bool control_is_for_guests(enum control_command c)
{
	return c == CONTROL_WHO || c == CONTROL_STATUS;
}

void control_refuse(struct evbuffer *out, const char *error)
{
	char text[6 * CONTROL_ERROR + 64];
	struct json_out o = {text, sizeof(text), 0};

	json_put(&o, NULL, "{");
	json_put(&o, "ok", "false");
	json_text(&o, "error", error);
	json_close(&o, '}');
	evbuffer_add_printf(out, "%s\n", text);
}

/* ---- the path ---- */

/* A user who can write the folder could put another socket there, and administrators would talk to
 * it. */
int control_check(const char *path, char err[CONTROL_ERROR])
{
	char why[FOLDERS_ERROR];
	struct stat is;

	if (folders_check(path, FOLDERS_NO_STICKY, why) != 0 &&
	    (errno != ENOENT || strcmp(path, SETTINGS_CONTROL) != 0))
		snprintf(err, CONTROL_ERROR, "%s: %s", path, why);
	else if (lstat(path, &is) == 0 && !S_ISSOCK(is.st_mode))
		snprintf(err, CONTROL_ERROR, "%s: exists and is not a socket; it is left alone",
			 path);
	else
		return 0;
	return -1;
}

int control_listen(const char *path, const char *group, struct listening *out,
		   char err[CONTROL_ERROR])
{
	const struct listen_perm perm = {
	    .mode = group ? 0660 : 0600, .uid = -1, .gid = group ? caller_group(group) : -1};
	struct address at;
	const char *why = settings_parse_control(path, &at);

	errno = 0;
	if (!why && group && perm.gid < 0)
		why = "its control_group does not exist";
	if (why) {
		snprintf(err, CONTROL_ERROR, "%s: %s", path, why);
		return -1;
	}
	if (strcmp(path, SETTINGS_CONTROL) == 0)
		mkdir(SETTINGS_RUN, 0755);
	if (control_check(path, err) != 0)
		return -1;
	if (address_listen(&at, CONTROL_CLIENTS, &perm, out, err, CONTROL_ERROR) == 0)
		return 0;
	errno = 0;
	return -1;
}
