// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SETTINGS_H
#define SSHIPC_SERVER_SETTINGS_H
/*
 * Command line and server.conf -> one struct.  Says what is wrong with them; opens nothing else.
 * settings.c has the command line, settings_file.c the file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "address.h"
#include "cidr.h"
#include "endpoint.h"
#include "explain.h"
#include "log.h"
#include "profile.h"

#define SETTINGS_LISTEN	   16
#define SETTINGS_HOSTKEYS  4
#define SETTINGS_ENDPOINTS 64

#define SETTINGS_CONFIG	 "/etc/sshipc/server.conf"
#define SETTINGS_RUN	 "/run/sshipc"		     /* made where it is missing */
#define SETTINGS_CONTROL SETTINGS_RUN "/server.sock" /* where a configuration file is used */

struct settings {
	char *config; /* the file that was read, or NULL */
	struct address listen[SETTINGS_LISTEN];
	size_t n_listen; /* default *:2245 */
	char *hostkeys[SETTINGS_HOSTKEYS];
	size_t n_hostkeys;
	char *allowlist;
	struct endpoint endpoints[SETTINGS_ENDPOINTS];
	size_t n_endpoints;
	char *default_endpoint; /* or NULL; goes with the file's endpoints: -e replaces it too */
	char *control;		/* a path, or NULL: none */
	bool control_by_default;
	char *user; /* NULL: sshipc if it exists, else nobody; only used when started as root */
	enum algorithms_profile algorithms;
	enum log_sink log;
	int verbosity;	 /* log threshold: the file's (LOG_INFO) + -v - -q */
	int login_grace; /* seconds from accept to login */
	int keepalive;	 /* seconds until a silent peer is given up */
	int max_unauthenticated;
	int max_unauthenticated_per_source;
	int source_prefix_v4, source_prefix_v6; /* bits */
	int max_penalty;			/* seconds; 0: none */
	struct cidr_list unpunished;		/* whose faults are not kept; empty: nobody's */
	char **unpunished_texts;		/* the same, as written */
	size_t n_unpunished;
	int max_sessions;
	int max_channels; /* of one session */
	int max_opens;	  /* and other questions of one session in a second */
	int max_dials;	  /* under way at a time; a quarter of them for one key */
	int dial_timeout; /* seconds until a connect to an endpoint is given up */
	int max_held;	  /* MiB that one session holds for slow endpoints */
	int rekey_data;	  /* MiB */
	int rekey_time;	  /* seconds */
	struct cidr_list
	    pending_from;     /* whence unknown keys are remembered for approval; empty: nowhere */
	char *pending_text;   /* the same, as written */
	time_t pending_until; /* and how long */
	bool faulty;	      /* the file has faults, which were printed; only with test */
	bool watch;	      /* the allow list's file; default true */
	bool test, print;     /* -t, -T */
	bool unsafe_no_sandbox; /* --unsafe-no-sandbox */
	bool unsafe_endpoint;	/* endpoints may be on other machines */
	struct explain explain; /* no host key is needed for it */
	char *generate_hostkey; /* --generate-hostkey FILE: no file is read, nothing else is needed
				 */
};

/* Reads argv and the configuration file (-f; the default /etc/sshipc/server.conf is read when it
 * exists and none of -k, -a, -e was given).  Command line values replace the file's (a list as a
 * whole).  Returns -1 to go on, or the exit code after printing: 0 (--help, --version), 64 with one
 * line and a hint to --help, 78 for faults, each as FILE:LINE: text (all of them) on stderr.
 * Missing host key, allow list or endpoint: 78, saying which option or setting gives it and an
 * example.  s is settings_free's in every case. */
int settings_read(int argc, char **argv, struct settings *s);
void settings_free(struct settings *s);

/* -T: the effective settings in server.conf syntax, on stdout; the access table is main's. */
void settings_print(const struct settings *s);

/* Set by main before settings_read: prints what -V needs beyond our own version (libssh version,
 * streamlocal, AES-GCM). */
extern void (*settings_version_details)(void);

/* Between the two halves.  Everything unset, numbers as they are by default. */
void settings_defaults(struct settings *s);

/* Reads path over what s holds (its defaults); returns the number of
 * faults, each given to fault. */
int settings_read_file(const char *path, struct settings *s,
		       void (*fault)(void *arg, const char *text), void *arg);

/* Appends e, whose contents s owns from now on.  -1 with *errstr (static): too many, or one of the
 * same name or address is there; e stays the caller's. */
int settings_add_endpoint(struct settings *s, const struct endpoint *e, const char **errstr);

/* Why it may not be one: its address is not loopback, and unsafe_endpoint is not set.  NULL: it
 * may. Static. */
const char *settings_check_endpoint(const struct settings *s, const struct endpoint *e);

/* What -l and listen take: a TCP address, wildcard and port 0 included.  0, or -1 with *errstr. */
int settings_add_listen(struct settings *s, const char *text, const char **errstr);

/* What --control and control take: an absolute path of a socket.  0, or -1 with *errstr. */
int settings_check_control(const char *text, const char **errstr);

/* 0, or -1 with *errstr. */
int settings_add_hostkey(struct settings *s, const char *path, const char **errstr);

#endif
