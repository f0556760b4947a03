// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_SPEC_H
#define SSHIPC_CLIENT_SPEC_H
/*
 * The -L argument: where to listen, and the destination to ask the server for.  Text in, struct
 * out; opens nothing.
 */
#include "address.h"
#include "caller.h"

#define DESTINATION_HOST 256

enum destination_kind {
	/* "my key's one endpoint": "." at an sshipc-server.  For any other server host and port are
	 * those of the listener, where it is TCP on loopback with a fixed port; else host is "". */
	DESTINATION_DEFAULT,
	DESTINATION_NAME, /* an endpoint's name */
	DESTINATION_TCP,  /* host and port */
	DESTINATION_UNIX, /* a socket path */
};

struct destination {
	enum destination_kind kind;
	char host[DESTINATION_HOST]; /* name, host, or path */
	uint16_t port;		     /* DESTINATION_TCP, DESTINATION_DEFAULT */
};

struct spec {
	char *text;	 /* as given, for messages */
	char *inherited; /* "fd:NAME": a socket of the service manager's; else NULL */
	bool unsafe_listen;
	/* "localhost" is two addresses: 127.0.0.1, and that of a spec of its own, [::1] with the
	 * same port, for programs that try IPv6 first. */
	bool is_localhost, is_twin;
	struct address listen;
	struct listen_perm perm;     /* mode=, owner=, group= of a path */
	struct caller_rules callers; /* allow-uid=, allow-gid= of Unix listeners */
	struct destination to;
};

/*
 * Parses a -L argument:
 *   [bind:]port | [bind:]port:host:hostport | [bind:]port:/remote.sock | [bind:]port:NAME |
 *   /local.sock | /local.sock:host:hostport | /local.sock:/remote.sock | /local.sock:NAME
 *   fd:NAME and the same (a socket that the service manager made: activation.h)
 * then ",mode=0660", ",owner=NAME-or-uid", ",group=NAME-or-gid" (paths only),
 * ",allow-uid=NAME-or-uid" and ",allow-gid=NAME-or-gid" (Unix listeners only; these two
 * repeatable).  In a path a colon and a comma are written \: and \, and a \ as \\ (a colon in
 * /remote.sock may stand as it is); ~/ before /local.sock is the home folder.  An all-digit first
 * field is a port; bind is a numeric IPv4 address, [V6], "localhost" or "*"; without it 127.0.0.1.
 * host may be [V6].  A non-loopback bind is refused unless unsafe_listen (the message names
 * --unsafe-listen).  Port 0 is any free port.  "@name" is an abstract listener.  NULL
 * (spec_free it), or the reason (static).
 */
const char *spec_parse(const char *text, bool unsafe_listen, struct spec *out);
void spec_free(struct spec *s);

/* A path, malloc'ed, whose ~/ is the home folder: no shell has expanded it in quotes, behind
 * --OPTION= and in a file. */
char *spec_path(const char *path);

/* Makes the listener on [::1] that belongs to one that is_localhost (spec_free it). */
void spec_make_twin(const struct spec *localhost, struct spec *out);

/* A twin on a machine without IPv6 is left out. */
bool spec_is_left_out(const struct spec *s);

/* Do both listen on the same address?  Ports that the kernel chooses differ, and the service
 * manager may hand over several sockets of one name. */
bool spec_same_listener(const struct spec *a, const struct spec *b);

/* NAME, HOST:PORT or /remote.sock.  NULL, or the reason (static). */
const char *destination_parse(const char *text, struct destination *out);

/* "confd", "127.0.0.1:4565", "/run/x.sock", or "default endpoint".  Returns buf. */
const char *destination_format(const struct destination *d, char *buf, size_t size);

/* Does it name another endpoint than the key's?  Then why has the message, with the remedy; asks is
 * the option that asks for it.  An address cannot be judged here: only the server knows its
 * endpoint. */
bool destination_misses(const struct destination *d, const char *asks, const char *endpoint,
			char *why, size_t size);

#endif
