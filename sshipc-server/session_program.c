// SPDX-License-Identifier: BSD-2-Clause
/*
 * In the starting server (run, -t, --version), called by main.c before anything is bound.  Executes
 * the file that it has checked, by its descriptor, and waits for its one message, the report.
 */
#include "session_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "folders.h"

enum { LONGEST = 512 }; /* bytes of the path of our folder */

static const char *const places[] = {"sshipc-session", SSHIPC_LIBEXEC "/sshipc-session"};

/* In a folder that everybody may write, as /tmp, the file may be anybody's.  The owner of this
 * program is trusted, since its code runs already. */
static bool is_ours(const struct stat *st)
{
	struct stat own;

	return st->st_uid == 0 || st->st_uid == geteuid() ||
	       (stat("/proc/self/exe", &own) == 0 && own.st_uid == st->st_uid);
}

static int find(char *path, size_t size, char *err)
{
	char here[LONGEST], why[FOLDERS_ERROR] = "";
	const ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);
	struct stat st;
	int fd = -1;

	if (n < 0 || n == sizeof(here) - 1) {
		snprintf(err, SESSION_PROGRAM_ERROR,
			 "/proc/self/exe: %s: helpers are started from there; mount /proc",
			 n < 0 ? strerror(errno) : "its path is too long");
		return -1;
	}
	here[n] = '\0';
	*(strrchr(here, '/') + 1) = '\0';
	for (size_t i = 0; i < 2 && fd < 0; i++) {
		if ((size_t)snprintf(path, size, "%s%s", here, places[i]) >= size)
			continue;
		if (access(path, F_OK) != 0 && errno == ENOENT)
			continue;
		fd = folders_open(path, geteuid() == 0 ? FOLDERS_STRICT : FOLDERS_SHARED, &st, why);
		if (fd >= 0 && is_ours(&st))
			return fd;
		if (fd >= 0) {
			close(fd);
			snprintf(why, sizeof(why),
				 "belongs to uid %u, not to root, uid %u or the owner of "
				 "sshipc-server: put the one of the same build there",
				 st.st_uid, geteuid());
		}
		snprintf(err, SESSION_PROGRAM_ERROR, "%s: %s%s", path, why,
			 geteuid() == 0
			     ? "; or install the programs (make install), which root runs"
			     : "");
		return -1;
	}
	snprintf(err, SESSION_PROGRAM_ERROR,
		 "sshipc-session is neither in %s nor in %s" SSHIPC_LIBEXEC ": it carries the "
		 "sessions; install both programs of one build (make install)",
		 here, here);
	return -1;
}

int session_program_open(struct session_program *p, const struct launch_user *user,
			 char err[SESSION_PROGRAM_ERROR])
{
	char path[LONGEST + 64], text[256] = "";
	struct message m;
	int sock = -1, rc = 0, code = EX_CONFIG;

	p->fd = find(path, sizeof(path), err);
	if (p->fd < 0)
		return EX_CONFIG;
	memset(&p->report, 0, sizeof(p->report));
	/* The self-test takes seconds under valgrind, and the spawner repeats it. */
	if (launch_start(user->debug ? "version" : "selftest", p->fd, user, &sock) >= 0) {
		rc = message_recv(sock, &m, MESSAGE_OF_SPAWNER);
	} else {
		code = EX_OSERR;
		snprintf(text, sizeof(text),
			 "%s; look at TasksMax= (systemd), ulimit -u and memory", strerror(errno));
	}
	if (rc == 1 && m.head.type == MESSAGE_REPORT) {
		p->report = m.report;
	} else if (rc == 1 && m.head.type == MESSAGE_FAILED) {
		code = m.failed.code;
		snprintf(text, sizeof(text), "%s", m.failed.text);
	}
	if (sock >= 0)
		close(sock);
	if (strcmp(p->report.version, SSHIPC_VERSION) == 0)
		return 0;
	if (p->report.version[0])
		snprintf(err, SESSION_PROGRAM_ERROR,
			 "%s is of version %s, this program of " SSHIPC_VERSION
			 "; install both of one build",
			 path, p->report.version);
	else
		snprintf(err, SESSION_PROGRAM_ERROR,
			 "%s: its self-test ended without an answer%s%s", path, text[0] ? ": " : "",
			 text);
	close(p->fd);
	p->fd = -1;
	return code;
}
