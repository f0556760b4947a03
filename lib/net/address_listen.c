// SPDX-License-Identifier: BSD-2-Clause
/*
 * The listening half of address.h, in the monitor and in the client, at their start and when a
 * path is bound again.  It may neither take a path from a living program nor follow a folder that
 * is moved meanwhile: what it changes it changes by descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"
#include "folders.h"
#include "log.h"

const char *address_describe_peer(int fd, char *buf, size_t size)
{
	struct ucred peer = {.pid = 0};
	socklen_t len = sizeof(peer);
	char path[64], name[32] = "?";
	struct log_text shown;
	FILE *f = NULL;

	/* A process of another pid namespace has none. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)peer.pid);
	f = fopen(path, "re");
	if (f) {
		if (fgets(name, sizeof(name), f))
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
	}
	snprintf(buf, size, "process %d (%s), uid %u", (int)peer.pid,
		 log_escape(&shown, name, strlen(name)), peer.uid);
	return buf;
}

/* Opens the folder of a path; *name is the path's last name.  A user who may move a folder could
 * lead a path to another socket between two calls, also root's: so changes are made relative to
 * this descriptor. */
static int open_folder(const char *path, const char **name)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	*name = strrchr(path, '/') + 1;
	snprintf(folder, sizeof(folder), "%.*s", (int)(*name - path), path);
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Connects to the very socket that fd (O_PATH) stands for. */
static int connect_to(int fd)
{
	char self[32];
	struct address at;
	bool pending = false;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return address_parse(self, 0, &at) ? -1 : address_connect(&at, NULL, &pending);
}

/* Makes room in a folder, but only by removing a socket that nobody listens on. */
static int clear_stale(int folder, const char *name, char *why, size_t size)
{
	const int there = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char holder[ADDRESS_PEER];
	struct stat st;
	int fd = -1, rc = -1;

	if (there < 0) {
		if (errno == ENOENT)
			return 0;
		snprintf(why, size, "%s", strerror(errno));
		return -1;
	}
	if (fstat(there, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		snprintf(why, size, "exists and is not a socket; it is left alone");
		goto out;
	}
	fd = connect_to(there);
	if (fd < 0 && errno == ECONNREFUSED && unlinkat(folder, name, 0) == 0)
		rc = 0;
	else if (fd >= 0 && address_describe_peer(fd, holder, sizeof(holder)))
		snprintf(why, size, "in use by %s", holder);
	else if (fd >= 0)
		snprintf(why, size, "in use by another program");
	else if (errno == EAGAIN)
		snprintf(why, size, "in use by another program, whose backlog is full");
	else
		snprintf(why, size, "a socket is there and stays: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
out:
	close(there);
	return rc;
}

static int bound_socket(const struct address *a)
{
	const int on = 1, off = 0;
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc = -1, e;
	mode_t mask;

	if (fd < 0)
		return -1;
	if (!address_is_unix(a))
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&a->sa, a->len);
	e = errno;
	umask(mask);
	if (rc == 0)
		return fd;
	close(fd);
	errno = e;
	return -1;
}

bool address_adopt(const struct address *a, int fd, struct listening *out)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&out->at.sa;
	struct address wanted = *a;
	int listens = 0;
	socklen_t len = sizeof(listens);

	if (address_is_unix(a))
		return false;
	*out = (struct listening){.fd = fd};
	address_local(fd, &out->at);
	if (address_port(a) == 0)
		address_set_port(&wanted, address_port(&out->at));
	/* See bound_or_ipv4. */
	if (a->sa.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
	    in->sin_family == AF_INET && in->sin_addr.s_addr == INADDR_ANY)
		address_from_host("0.0.0.0", address_port(&wanted), &wanted);
	return address_equal(&wanted, &out->at) &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens &&
	       fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

bool address_is_here(const struct address *a)
{
	struct address any_port = *a;
	int fd;

	address_set_port(&any_port, 0);
	fd = bound_socket(&any_port);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Machines without IPv6 refuse the socket, or the address when it is switched off by sysctl. */
static int bound_or_ipv4(const struct address *a)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;
	struct address any;
	int fd = bound_socket(a);

	if (fd >= 0 || a->sa.ss_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ||
	    (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return fd;
	address_from_host("0.0.0.0", address_port(a), &any);
	return bound_socket(&any);
}

/* The socket that bind(2) has just made, in the folder that had none of this name: through a
 * descriptor of the inode. */
static int adopt_path(int folder, const char *name, const struct listen_perm *perm,
		      struct listening *out)
{
	char self[64];
	struct stat st;
	int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = -1;

	if (fd < 0)
		return -1;
	errno = ENOTSOCK;
	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_nlink != 1)
		goto out;
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	if (perm && (perm->uid >= 0 || perm->gid >= 0) &&
	    fchownat(fd, "", (uid_t)perm->uid, (gid_t)perm->gid, AT_EMPTY_PATH) < 0)
		goto out;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (perm && perm->mode >= 0 && chmod(self, (mode_t)perm->mode) < 0)
		goto out;
	rc = 0;
out:
	close(fd);
	return rc;
}

static void explain_bind(const struct address *a, char *why, size_t size)
{
	const char *cause = strerror(errno);

	if (errno == EADDRINUSE && !address_is_unix(a))
		snprintf(why, size, "%s (\"ss -ltnp sport = :%u\" shows by whom)", cause,
			 address_port(a));
	else if (errno == EADDRNOTAVAIL)
		snprintf(why, size, "%s (not an address of this machine)", cause);
	else if (errno == EINVAL && a->sa.ss_family == AF_INET6)
		snprintf(why, size,
			 "%s (a link-local address needs its interface: [fe80::1%%eth0]:PORT)",
			 cause);
	else if (errno == ENOENT && address_is_unix(a))
		snprintf(why, size,
			 "%s (the socket's folder is not there); make that folder, writable for "
			 "uid %u",
			 cause, geteuid());
	else if (errno == EACCES && address_is_unix(a))
		snprintf(why, size, "%s (uid %u may not write the socket's folder)", cause,
			 geteuid());
	else if (errno == EPERM && address_is_unix(a))
		snprintf(why, size,
			 "%s (its owner can be set with CAP_CHOWN, its group also by a member)",
			 cause);
	else if (errno == EACCES)
		snprintf(why, size, "%s (ports below 1024 need root or CAP_NET_BIND_SERVICE)",
			 cause);
	else
		snprintf(why, size, "%s", cause);
}

int address_listen(const struct address *a, int backlog, const struct listen_perm *perm,
		   struct listening *out, char *err, size_t size)
{
	const char *path = address_path(a), *name = NULL;
	char text[ADDRESS_TEXT], why[FOLDERS_ERROR] = "";
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	int folder = -1, rc = -1;

	*out = (struct listening){.fd = -1, .at = *a};
	if (path && folders_check(path, FOLDERS_SHARED, why) != 0 && errno == EPERM)
		goto out; /* bind(2) reports all other faults of the way */
	if (path && (folder = open_folder(path, &name)) < 0) {
		explain_bind(a, why, sizeof(why));
		goto out;
	}
	if (path && clear_stale(folder, name, why, sizeof(why)) < 0)
		goto out;
	out->fd = bound_or_ipv4(a);
	/* The socket does not listen yet: no connection is possible before mode and owner, and the
	 * options that it will inherit, are right. */
	if (out->fd >= 0 && perm && perm->tune)
		address_tune(out->fd);
	if (out->fd < 0 || (path && adopt_path(folder, name, perm, out) < 0) ||
	    listen(out->fd, backlog) < 0 ||
	    getsockname(out->fd, (struct sockaddr *)&ss, &len) < 0) {
		explain_bind(a, why, sizeof(why));
		goto out;
	}
	address_from_sockaddr(&out->at, (struct sockaddr *)&ss, len);
	/* A service's own folder, as /run/postgresql, is a choice that an administrator may make.
	 */
	if (path && folders_check(path, FOLDERS_PRIVATE_GROUP, why) != 0)
		log_msg(LOG_WARNING, "%s: another socket can be put in its place: %s", path, why);
	rc = 0;
out:
	if (folder >= 0)
		close(folder);
	if (rc < 0) {
		listening_close(out);
		snprintf(err, size, "%s: %s", address_format(a, text, sizeof(text)), why);
	}
	return rc;
}

/* Of a path that we bound: one that we were given may be anywhere. */
static bool is_ours(const struct listening *l, int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == l->dev &&
	       st.st_ino == l->ino;
}

bool listening_in_place(const struct listening *l)
{
	const char *path = address_path(&l->at);

	return !path || !l->ino || is_ours(l, AT_FDCWD, path);
}

void listening_close(struct listening *l)
{
	const char *path = address_path(&l->at), *name = NULL;
	int folder = -1;

	if (l->fd < 0)
		return;
	if (path && l->ino && (folder = open_folder(path, &name)) >= 0) {
		if (is_ours(l, folder, name))
			unlinkat(folder, name, 0);
		close(folder);
	}
	close(l->fd);
	l->fd = -1;
}
