// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called once by monitor.c: after everything is bound, before the first helper
 * starts.  It only collects the rules; an access that no rule allows is denied until the next
 * start.
 */
#include "landlock_rules.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confine.h"
#include "folders.h"
#include "landlock.h"

static int allow_folder(int list, const char *path, enum landlock_access access)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	return landlock_allow(list, dirname(copy), access);
}

/* Of a path directly in "/" only the file is allowed, since the folder is everything; memory
 * without a file has such a name, too. */
static int allow_code(int list, const char *path)
{
	return strrchr(path, '/') == path ? landlock_allow(list, path, LANDLOCK_READ)
					  : allow_folder(list, path, LANDLOCK_READ);
}

/* The dialler is our own program executed again, so its files are those mapped here.
 * sshipc-session has reported the files that it maps. */
static int allow_programs(int list, const char *files)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL, one[PATH_MAX];
	size_t size = 0;
	int rc = maps ? 0 : -1;

	while (rc == 0 && getline(&line, &size, maps) > 0) {
		const char *path = strstr(line, " r-xp ") ? strchr(line, '/') : NULL;

		line[strcspn(line, "\n")] = '\0';
		if (path)
			rc = allow_code(list, path);
	}
	free(line);
	if (maps)
		fclose(maps);
	for (size_t n; rc == 0 && *files; files += n + (files[n] == '\n')) {
		n = strcspn(files, "\n");
		snprintf(one, sizeof(one), "%.*s", (int)n, files);
		if (one[0] == '/')
			rc = allow_code(list, one);
	}
	return rc;
}

struct links {
	const struct settings *s;
	int list, rc;
};

/* A release is often a link to a folder beside it.  A link that leads beneath its own folder may be
 * changed to another target there; a link that leads elsewhere may not, since the rules would have
 * to allow all that is between. */
static void follow_link(void *arg, const struct folders_step *step)
{
	struct links *l = arg;
	char path[2 * PATH_MAX], real[PATH_MAX];
	const size_t n = strlen(step->at);

	if (!step->link || l->rc != 0)
		return;
	snprintf(path, sizeof(path), "%s/%s", n > 1 ? step->at : "", step->name);
	if (n > 1 && realpath(path, real) && strncmp(real, step->at, n) == 0 && real[n] == '/')
		l->rc = landlock_allow(l->list, step->at, LANDLOCK_READ);
	else
		log_msg(LOG_NOTICE,
			"%s, on the way to %s, is a link to %s: if it comes to lead into another "
			"folder, it takes a \"sshipc-server ctl upgrade\" (Landlock)",
			path, l->s->allowlist, step->link);
}

static int allow_files(int list, const struct settings *s)
{
	struct links links = {.s = s, .list = list};

	/* /etc has users and the settings of linker and OpenSSL; then time zones; libraries read
	 * the others. */
	static const char *const read[] = {"/etc", "/usr/share/zoneinfo", "/proc/sys",
					   "/dev/urandom"};
	char real[PATH_MAX];

	for (size_t i = 0; i < sizeof(read) / sizeof(*read); i++)
		if (landlock_allow(list, read[i], LANDLOCK_READ) != 0)
			return -1;
	if (landlock_allow(list, "/dev/null", LANDLOCK_WRITE) != 0 ||
	    allow_folder(list, s->allowlist, LANDLOCK_READ) != 0)
		return -1;
	folders_walk(s->allowlist, follow_link, &links);
	if (links.rc != 0 || (s->log.path && allow_folder(list, s->log.path, LANDLOCK_MAKE) != 0))
		return -1;
	if (realpath(s->allowlist, real) && allow_folder(list, real, LANDLOCK_READ) != 0)
		return -1;
	return 0;
}

static int allow_dials(int list, const struct settings *s)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n_endpoints; i++)
		if (!address_is_unix(&s->endpoints[i].address))
			rc = landlock_allow_connect(list, address_port(&s->endpoints[i].address));
	return rc;
}

int landlock_rules_apply(const struct settings *s, const char *files)
{
	int list;

	/* A debugger or a sanitizer needs files that no rule names. */
	if (s->unsafe_no_sandbox || confine_is_sanitized())
		return 0;
	list = landlock_begin();
	if (list < 0 && errno == EOPNOTSUPP) {
		log_msg(LOG_INFO, "this kernel has no Landlock: what the monitor may read is not "
				  "limited further");
		return 0;
	}
	if (list < 0 || allow_programs(list, files) != 0 || allow_files(list, s) != 0 ||
	    allow_dials(list, s) != 0 || landlock_enforce(list) != 0) {
		log_msg(LOG_ERR, "the monitor cannot be confined (Landlock): %s", strerror(errno));
		return -1;
	}
	return 0;
}
