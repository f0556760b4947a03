// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_ADDRESS_H
#define SSHIPC_ADDRESS_H
/*
 * One socket address, TCP (IPv4, IPv6) or Unix (path, abstract): the one place that parses, formats
 * and compares them, and opens a listening socket or starts a connect.  Resolves no names.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Room for a formatted address: a Unix path has at most 107 bytes, escaped bytes take four. */
#define ADDRESS_TEXT 512
#define ADDRESS_HOST 256 /* longest host name, with NUL */
#define ADDRESS_PEER 192 /* a described peer */

struct address {
	struct sockaddr_storage sa; /* ss_family AF_UNSPEC: unset */
	socklen_t len;
};

enum address_flags {
	/* "*:PORT" (the IPv6 wildcard, which takes IPv4 too), bare "PORT" (the same), 0.0.0.0, [::]
	 */
	ADDRESS_WILDCARD_OK = 1,
	ADDRESS_PORT_0_OK = 2, /* port 0: the kernel chooses */
};

/* Parses numeric "HOST:PORT", "[V6]:PORT" (with %scope), "/absolute/path" (at most 107 bytes),
 * "@abstract".  "localhost:PORT" is taken as 127.0.0.1.  NULL, or the reason against it (static),
 * and out is unset. */
const char *address_parse(const char *text, unsigned flags, struct address *out);

/* Splits "HOST:PORT" or "[V6]:PORT": the host without its brackets, *port pointing behind the
 * colon.  Of the two it checks only that HOST is not empty, fits, and has a colon only in brackets.
 * NULL, or the reason (static). */
const char *address_split(const char *text, char host[ADDRESS_HOST], const char **port);

/* Digits only, at most 65535.  0, or -1. */
int address_parse_port(const char *text, uint16_t *port);

/* A bare numeric host ("127.0.0.1", "::1", "fe80::1%eth0") or "localhost" (any case: 127.0.0.1),
 * and a port.  0, or -1: not numeric. */
int address_from_host(const char *host, uint16_t port, struct address *out);

/* "127.0.0.1:4565", "[::1]:22", "/run/x.sock", "@name", "unnamed" (a Unix client); unprintable
 * bytes as \xNN; "unknown" when unset.  Returns buf. */
const char *address_format(const struct address *a, char *buf, size_t size);

/* "HOST:PORT", or "[V6]:PORT" where the host has colons.  Returns buf. */
const char *address_format_port(const char *host, unsigned port, char *buf, size_t size);

/* The numeric host alone ("127.0.0.1", "::1"); a Unix address in whole.  Returns buf. */
const char *address_format_host(const struct address *a, char *buf, size_t size);

/* Same family, host and port, or same path.  IPv4-mapped IPv6 equals the IPv4 address. */
bool address_equal(const struct address *a, const struct address *b);

bool address_is_unix(const struct address *a);
const char *address_path(const struct address *a); /* NULL: no socket in the file system */
bool address_is_loopback(const struct address *a); /* 127/8, ::1 and every Unix address */
uint16_t address_port(const struct address *a);	   /* host order; 0 for Unix */

/* The host in network order, within a: *len is 4 or 16, or 0 for Unix. */
const uint8_t *address_host_bytes(const struct address *a, size_t *len);
void address_set_port(struct address *a, uint16_t port);

/* Sets a from the result of accept(2), getsockname(2) or getaddrinfo(3).  IPv4-mapped IPv6 is
 * stored as IPv4. */
void address_from_sockaddr(struct address *a, const struct sockaddr *sa, socklen_t len);

/* Starts a non-blocking connect (SOCK_CLOEXEC).  TCP sockets carry SO_LINGER {1,0} (a crash is a
 * reset, never a clean end of file), TCP_NODELAY and SO_KEEPALIVE.  Returns the socket, *pending
 * telling whether the connect is still under way (poll for POLLOUT, then address_connect_result);
 * -1 with errno on failure.  A connect that completes at once (loopback) is reported as done. A
 * full Unix backlog is errno EAGAIN.  from: the source address (port 0); NULL or unset: the
 * kernel's choice. */
int address_connect(const struct address *a, const struct address *from, bool *pending);

/* Accepts one connection of a listener that does not block: non-blocking, close-on-exec, from
 * *peer. -1: none.  *starved: for want of descriptors or memory, so that the listener stays
 * readable and should not be asked for ADDRESS_STARVED_MS (errno says which). */
#define ADDRESS_STARVED_MS 1000
int address_accept(int sock, struct address *peer, bool *starved);

/* The address of our own end of a socket, connected or listening; unset on failure. */
void address_local(int fd, struct address *out);

/* After POLLOUT: 0 when connected, else the errno of the failure. */
int address_connect_result(int fd);

/* Describes the process at the other end of a connected Unix socket (SO_PEERCRED): "process 12
 * (ncs_cli), uid 1000"; the name is the one that the process has now.  Returns buf, or NULL: no
 * Unix socket. */
const char *address_describe_peer(int fd, char *buf, size_t size);

/* Sets the options of address_connect on an accepted or connected TCP socket; no effect on Unix
 * sockets. */
void address_tune(int fd);

/* A listening socket that we own. */
struct listening {
	int fd;		   /* non-blocking, close-on-exec; -1 when closed */
	struct address at; /* with the port the kernel chose */
	dev_t dev;	   /* Unix paths: the inode that we made */
	ino_t ino;
};

/* Mode and owner of a Unix listener; -1 leaves the default. */
struct listen_perm {
	int64_t mode, uid, gid;
	bool tune; /* TCP: what is accepted inherits the options of address_tune */
};

/* Binds and listens.  perm may be NULL.  TCP: SO_REUSEADDR; "*" is dual stack where IPv6 exists,
 * else IPv4.  Unix path: a stale socket (connect gives ECONNREFUSED) is replaced; a live one, or
 * anything that is not a socket, is left alone and is a failure; bound under umask 0177, then perm
 * applied.  A path is refused where everybody can write a folder on its way that is not sticky;
 * that another user or a group can do so is a warning.  -1 with err (size bytes) naming
 * address, cause and, where it can be found, the holder. */
int address_listen(const struct address *a, int backlog, const struct listen_perm *perm,
		   struct listening *out, char *err, size_t size);

/* Takes over a socket that listens already, if it is the one that address_listen would make of a
 * TCP address (of port 0: of any port): then *out owns fd. */
bool address_adopt(const struct address *a, int fd, struct listening *out);

/* Has this machine the address, whatever the port? */
bool address_is_here(const struct address *a);

/* False for a Unix path that leads to our socket no more: it was removed or replaced. */
bool listening_in_place(const struct listening *l);

/* Closes it; unlinks a Unix path only while it is still our inode.  Safe on a closed one. */
void listening_close(struct listening *l);

#define ADDRESS_UNSENT (128 * 1024) /* bytes in the send buffer of an SSH connection */
#define ADDRESS_STALL  60	    /* seconds: pending output of it that makes no progress */

/* Sets the options of the TCP socket of an SSH connection, on either side: no Nagle delay; little
 * unsent data in the kernel, so that a small answer does not wait behind a bulk transfer; data not
 * acknowledged for keepalive seconds is a dead path. */
void address_tune_ssh(int fd, int keepalive);

#endif
