// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the doctor (--check) alone, for what it tells people.  What other users' processes could
 * feign here is a wrong word in that text, no more.
 */
#include "beside.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
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

/* "0100007F" or four times as much: words as they are in memory. */
static void read_tcp_address(const char *hex, unsigned port, struct address *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	unsigned word[4] = {0};
	const int n = sscanf(hex, "%8x%8x%8x%8x", &word[0], &word[1], &word[2], &word[3]);

	if (n == 4) {
		memcpy(&in6.sin6_addr, word, sizeof(in6.sin6_addr));
		address_from_sockaddr(out, (struct sockaddr *)&in6, sizeof(in6));
	} else {
		memcpy(&in.sin_addr, word, sizeof(in.sin_addr));
		address_from_sockaddr(out, (struct sockaddr *)&in, sizeof(in));
	}
}

/* This user's sockets that listen at the port of a, or are connected to a. */
static void find_tcp(const char *table, const struct address *a, unsigned state, struct sockets *s)
{
	FILE *f = fopen(table, "re");
	char line[512], remote[40];
	unsigned local_port, remote_port, st, uid;
	unsigned long inode;
	struct address to;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*u: %*[0-9A-F]:%x %39[0-9A-F]:%x %x %*s %*s %*s %u %*u %lu",
			   &local_port, remote, &remote_port, &st, &uid, &inode) != 6 ||
		    st != state || uid != geteuid())
			continue;
		read_tcp_address(remote, remote_port, &to);
		if (state == LISTEN ? local_port == address_port(a) : address_equal(&to, a))
			add(s, inode);
	}
	if (f)
		fclose(f);
}

/* A path that is another user's socket is no tunnel of ours. */
static void find_unix(const char *name, struct sockets *s)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512], path[256];
	unsigned flags;
	unsigned long inode;
	struct stat st;

	if (name[0] == '/' && (stat(name, &st) < 0 || st.st_uid != geteuid()))
		name = "";
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %*s %x %*s %*s %lu %255[^\n]", &flags, &inode, path) ==
			3 &&
		    (flags & LISTENING) && strcmp(path, name) == 0)
			add(s, inode);
	}
	if (f)
		fclose(f);
}

/* -1: we may not look. */
static int holds_one(const char *pid, const struct sockets *s)
{
	char folder[64], link[320], held[64];
	unsigned long inode;
	struct dirent *e;
	DIR *d;
	int found = 0;

	snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
	d = opendir(folder);
	if (!d)
		return -1;
	while (!found && (e = readdir(d))) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%s", folder, e->d_name);
		n = readlink(link, held, sizeof(held) - 1);
		if (n < 0)
			continue;
		held[n] = '\0';
		for (size_t i = 0; sscanf(held, "socket:[%lu]", &inode) == 1 && i < s->n; i++)
			found |= s->inodes[i] == inode;
	}
	closedir(d);
	return found;
}

static bool is_another_client(const char *pid)
{
	char path[64], line[256], name[32] = "";
	unsigned uid = 0;
	bool has_uid = false;
	FILE *f;

	if (strspn(pid, "0123456789") != strlen(pid) || strtol(pid, NULL, 10) == getpid())
		return false;
	snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	f = fopen(path, "re");
	while (f && !has_uid && fgets(line, sizeof(line), f)) {
		sscanf(line, "Name: %31s", name);
		has_uid = sscanf(line, "Uid: %*u %u", &uid) == 1;
	}
	if (f)
		fclose(f);
	return has_uid && uid == geteuid() && strcmp(name, SETTINGS_PROGRAM) == 0;
}

static bool find_holder(const struct sockets *s, char text[BESIDE_TEXT])
{
	DIR *d = s->n > 0 ? opendir("/proc") : NULL;
	struct dirent *e;
	int held = 0;

	text[0] = '\0';
	while (d && held != 1 && (e = readdir(d))) {
		if (!is_another_client(e->d_name) || (held = holds_one(e->d_name, s)) == 0)
			continue;
		snprintf(text, BESIDE_TEXT, "your own tunnel%s (%s, process %.20s)",
			 held == 1 ? "" : ", it seems", SETTINGS_PROGRAM, e->d_name);
	}
	if (d)
		closedir(d);
	return text[0];
}

bool beside_listens(const struct address *a, char text[BESIDE_TEXT])
{
	struct sockets s = {.n = 0};
	char name[ADDRESS_TEXT];

	if (address_is_unix(a)) {
		find_unix(address_format(a, name, sizeof(name)), &s);
	} else {
		find_tcp("/proc/net/tcp", a, LISTEN, &s);
		find_tcp("/proc/net/tcp6", a, LISTEN, &s);
	}
	return find_holder(&s, text);
}

bool beside_connects(const struct address *a, int ours, char text[BESIDE_TEXT])
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
