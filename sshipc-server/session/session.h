// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SESSION_H
#define SSHIPC_SERVER_SESSION_H
/*
 * The session process: one SSH connection, from key exchange to the last byte.  Runs confined,
 * decides nothing: asks the monitor for every login and every channel, and gets connected sockets.
 */
#include <libssh/server.h>
#include <stdbool.h>
#include <sys/types.h>

#define SESSION_CHANNELS_MAX 16384	  /* the most that max_channels can be */
#define SESSION_LOGIN_BYTES  (256 * 1024) /* what a peer may send before it is logged in */

/* What it tells the monitor of. */
enum session_limit { SESSION_LIMIT_CHANNELS, SESSION_LIMIT_HELD };

#define SESSION_SIGNATURES 6 /* of logins, that a peer may have checked */

/* Why libssh refused a login by itself. */
enum session_login_fault {
	SESSION_QUERY,	       /* asked, without a signature, for what is not taken */
	SESSION_CERTIFICATE,   /* not taken, and not the same as a key */
	SESSION_UNCHECKED,     /* signed, in a way or with a key that is not taken */
	SESSION_BAD_KEY,       /* signed by a key that no list can have */
	SESSION_BAD_SIGNATURE, /* which does not verify */
	SESSION_LOGIN_FAULTS
};

/* How far a peer came that did not log in: what LEFT says. */
enum session_reached {
	SESSION_SILENT, /* it sent nothing */
	SESSION_PROXY,	/* it sent that, in place of SSH */
	SESSION_HTTP,
	SESSION_TLS,
	SESSION_OTHER,
	SESSION_GREETED, /* SSH, and no key exchange was completed */
	SESSION_KEYED,
	SESSION_REACHED
};

struct session_setup {
	ssh_bind bind;	  /* host keys and algorithms */
	bool streamlocal; /* the path can be read, see selftest.h */
	bool proof;	  /* the monitor signs, and checks logins */
	int keepalive;	  /* seconds */
	int max_held;	  /* MiB held for slow endpoints */
	int max_channels; /* of any key: it can hold no more sockets, whatever it says it closed */
	int rekey_data;	  /* MiB */
	int rekey_time;	  /* seconds */
	bool sandbox;
	pid_t parent; /* the spawner */
};

/* In the forked child: carries the connection ssh_fd, with the monitor at broker (SOCK_SEQPACKET).
 * Exits with 0 when the session is over, 1 when it could not start. */
void session_run(const struct session_setup *setup, int ssh_fd, int broker)
    __attribute__((noreturn));

#endif
