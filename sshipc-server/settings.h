// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SETTINGS_H
#define SSHIPC_SERVER_SETTINGS_H
/*
 * Command line and server.conf -> one struct.  Says what is wrong with them; opens nothing else.
 * settings.c has their order, settings_table.c a row for each setting.
 */
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "address.h"
#include "cidr.h"
#include "endpoint.h"
#include "explain.h"
#include "logfile.h"
#include "options.h"
#include "profile.h"

#define SETTINGS_PROGRAM "sshipc-server"

#define SETTINGS_LISTEN	   16
#define SETTINGS_HOSTKEYS  4
#define SETTINGS_ENDPOINTS 64
#define SETTINGS_USERS	   16
#define SETTINGS_LONGEST   99999999	  /* seconds, as in a line of the allow list */
#define SETTINGS_TEXTS	   SETTINGS_USERS /* the largest of these */

#define SETTINGS_DEFAULT_LISTEN "*:2245"
#define SETTINGS_CONFIG		SSHIPC_ETC "/server.conf"
#define SETTINGS_RUN		"/run/sshipc"		    /* made where it is missing */
#define SETTINGS_CONTROL	SETTINGS_RUN "/server.sock" /* where a configuration file is used */

/* Networks, and the texts that they were written as. */
struct settings_networks {
	struct cidr_list list;
	char **texts;
	size_t n;
};

/* File names or users. */
struct settings_texts {
	char *items[SETTINGS_TEXTS];
	size_t n;
};

struct settings {
	char *config; /* the file that was read, or NULL */
	struct address listen[SETTINGS_LISTEN];
	size_t n_listen;		       /* default *:2245 */
	struct settings_networks accept_proxy; /* of balancers: a PROXY header comes first */
	struct settings_texts hostkeys;
	char *allowlist;
	struct endpoint endpoints[SETTINGS_ENDPOINTS];
	size_t n_endpoints;
	char *default_endpoint; /* or NULL; goes with the file's endpoints: -e replaces it too */
	char *control;		/* a path, or NULL: none */
	bool control_by_default;
	char *control_group; /* whose members may ask it who and status; NULL: none */
	char *user; /* NULL: sshipc if it exists, else nobody; only used when started as root */
	struct settings_texts connect_as; /* names or uids, for connect-as in key lines */
	enum algorithms_profile algorithms;
	struct log_target log;
	int verbosity;	 /* log threshold: the file's (LOG_INFO) + -v - -q */
	int login_grace; /* seconds from accept to login */
	int keepalive;	 /* seconds until a silent peer is given up */
	int max_unauthenticated;
	int max_unauthenticated_per_source;
	int source_prefix_v4, source_prefix_v6; /* bits */
	int max_penalty;			/* seconds; 0: none */
	struct settings_networks unpunished;	/* whose faults are not kept; empty: nobody's */
	int max_sessions;
	int max_lifetime;  /* seconds of a session, where its key's line does not say; 0: none */
	int max_channels;  /* of one session */
	int max_opens;	   /* and other questions of one session in a second */
	int max_dials;	   /* under way at a time; a quarter of them for one key */
	int dial_timeout;  /* seconds until a connect to an endpoint is given up */
	int upgrade_drain; /* seconds that sessions of an older generation last; 0: no end */
	int drain;	   /* seconds that channels have to end in when the server stops */
	int max_held;	   /* MiB that one session holds for slow endpoints */
	int rekey_data;	   /* MiB */
	int rekey_time;	   /* seconds */
	struct cidr_list
	    pending_from;     /* whence unknown keys are remembered for approval; empty: nowhere */
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

/* The table: -T is options_print of it, and a file by itself options_read.  Faults of it start with
 * the file's name. */
extern const struct options settings_options;

/* A row's set: -e, of ctl as well.  target is a struct settings. */
const char *settings_add_endpoint(void *settings, const char *value);

/* The same for --connect-as.  texts: the struct settings_texts of a struct settings. */
const char *settings_add_connect_as(void *texts, const char *value);

/* What lines of the allow list may name; it points into s. */
struct allow_names settings_names(const struct settings *s);

/* Why it may not be one: its address is not loopback, and unsafe_endpoint is not set.  NULL: it
 * may. Static. */
const char *settings_check_endpoint(const struct settings *s, const struct endpoint *e);

/* What --control and control take: an absolute path of a socket.  NULL, or the reason (static). */
const char *settings_parse_control(const char *path, struct address *at);

/* Rows' clear, also for settings_free: each frees what the list holds.  They take a struct
 * settings, settings_texts, settings_networks. */
void settings_drop_endpoints(void *settings);
void settings_drop_texts(void *texts);
void settings_drop_networks(void *networks);

#endif
