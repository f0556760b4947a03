// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the doctor (--check), called by check.c, local.c and available.c: sockets and
 * their programs, by the tables of /proc.
 * Its words are for people and nothing is decided by them, since processes of other users could put
 * a wrong name there.
 */
#include "sockets.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

enum {
	ESTABLISHED = 0x01, /* in /proc/net/tcp */
	LISTEN = 0x0a,
	LISTENING = 0x10000, /* in /proc/net/unix: __SO_ACCEPTCON */
	SOCKETS = 64,	     /* that are looked for */
};

struct sockets {
	unsigned long inodes[SOCKETS];
	size_t n;
};

static void add(struct sockets *s, unsigned long inode)
{
	if (s->n < SOCKETS)
		s->inodes[s->n++] = inode;
}

/* "0100007F:08C5", or four times as many digits before the colon: words as they are in memory. */
static void format_as_proc(const struct address *a, char out[48])
{
	uint32_t words[4];
	size_t len;
	const uint8_t *host = address_host_bytes(a, &len);

	memcpy(words, host, len);
	for (size_t i = 0; i < len / 4; i++)
		out += sprintf(out, "%08X", words[i]);
	sprintf(out, ":%04X", address_port(a));
}

/* This user's sockets that listen at the port of a, or are connected to a. */
static void find_tcp(const char *table, const struct address *a, unsigned state, struct sockets *s)
{
	FILE *f = fopen(table, "re");
	char line[512], wanted[48], remote[48];
	unsigned port, st, uid;
	unsigned long inode;

	format_as_proc(a, wanted);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*u: %*[0-9A-F]:%x %47s %x %*s %*s %*s %u %*u %lu", &port,
			   remote, &st, &uid, &inode) == 5 &&
		    st == state && uid == geteuid() &&
		    (state == LISTEN ? port == address_port(a) : strcmp(remote, wanted) == 0))
			add(s, inode);
	}
	if (f)
		fclose(f);
}

/* Those that listen at a name.  A path has many spellings: its file is recognised by its inode. */
static void find_unix(const char *name, struct sockets *s)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512], path[256];
	unsigned flags;
	unsigned long inode;
	struct stat wanted, st;
	const bool is_path = name[0] == '/' && stat(name, &wanted) == 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %*s %x %*s %*s %lu %255[^\n]", &flags, &inode, path) ==
			3 &&
		    (flags & LISTENING) &&
		    (strcmp(path, name) == 0 ||
		     (is_path && path[0] == '/' && stat(path, &st) == 0 &&
		      st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)))
			add(s, inode);
	}
	if (f)
		fclose(f);
}

/* -1: we may not look. */
static int holds_one(const char *pid, const struct sockets *s)
{
	char folder[64];
	struct dirent *e;
	struct stat st;
	DIR *d;
	int found = 0;

	snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
	d = opendir(folder);
	if (!d)
		return -1;
	while (!found && (e = readdir(d))) {
		if (fstatat(dirfd(d), e->d_name, &st, 0) != 0 || !S_ISSOCK(st.st_mode))
			continue;
		for (size_t i = 0; i < s->n; i++)
			found |= s->inodes[i] == st.st_ino;
	}
	closedir(d);
	return found;
}

static bool is_another_client(const char *pid)
{
	char path[64], text[1024] = "", name[32] = "";
	const char *ids;
	unsigned uid;
	FILE *f;

	if (strspn(pid, "0123456789") != strlen(pid) || strtol(pid, NULL, 10) == getpid())
		return false;
	snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	ids = strstr(text, "\nUid:");
	return sscanf(text, "Name: %31s", name) == 1 && strcmp(name, SETTINGS_PROGRAM) == 0 &&
	       ids && sscanf(ids, " Uid: %*u %u", &uid) == 1 && uid == geteuid();
}

static bool find_holder(const struct sockets *s, char text[SOCKETS_TEXT])
{
	DIR *d = s->n > 0 ? opendir("/proc") : NULL;
	struct dirent *e;
	int held = 0;

	text[0] = '\0';
	while (d && held != 1 && (e = readdir(d))) {
		if (!is_another_client(e->d_name) || (held = holds_one(e->d_name, s)) == 0)
			continue;
		snprintf(text, SOCKETS_TEXT, "your own tunnel%s (%s, process %.20s)",
			 held == 1 ? "" : ", it seems", SETTINGS_PROGRAM, e->d_name);
	}
	if (d)
		closedir(d);
	return text[0];
}

bool sockets_path_is_listened_on(const char *path)
{
	struct sockets s = {.n = 0};

	find_unix(path, &s);
	return s.n > 0;
}

bool sockets_own_listener(const struct address *a, char text[SOCKETS_TEXT])
{
	const char *path = address_path(a);
	struct sockets s = {.n = 0};
	char name[ADDRESS_TEXT];
	struct stat st;

	if (!address_is_unix(a)) {
		find_tcp("/proc/net/tcp", a, LISTEN, &s);
		find_tcp("/proc/net/tcp6", a, LISTEN, &s);
	} else if (!path || (stat(path, &st) == 0 && st.st_uid == geteuid())) {
		find_unix(address_format(a, name, sizeof(name)), &s);
	}
	return find_holder(&s, text);
}

bool sockets_own_connection(const struct address *a, int ours, char text[SOCKETS_TEXT])
{
	struct sockets s = {.n = 0};
	struct stat st = {.st_ino = 0};

	fstat(ours, &st);
	find_tcp("/proc/net/tcp", a, ESTABLISHED, &s);
	find_tcp("/proc/net/tcp6", a, ESTABLISHED, &s);
	for (size_t i = 0; i < s.n; i++) {
		if (s.inodes[i] == st.st_ino)
			s.inodes[i] = s.inodes[--s.n];
	}
	return find_holder(&s, text);
}
