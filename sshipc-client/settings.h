// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_SETTINGS_H
#define SSHIPC_CLIENT_SETTINGS_H
/*
 * Command line and client.conf -> one struct: settings_table.c has a row per setting, settings.c
 * the order in which they are read and what goes together.  Says what is wrong with them; opens
 * nothing else.
 */
#include <stdbool.h>
#include <stddef.h>

#include "algorithms.h"
#include "logfile.h"
#include "options.h"
#include "spec.h"

#define SETTINGS_PROGRAM     "sshipc-client"
#define SETTINGS_SYSTEM_CONF SSHIPC_ETC "/client.conf"

#define SETTINGS_SERVERS 8
#define SETTINGS_SPECS	 32
#define SETTINGS_PINS	 8
#define SETTINGS_ENV	 32
#define SETTINGS_PORT	 2245

struct settings_server {
	char *host, *user; /* user: USER@, else the local login name */
	unsigned port;	   /* default 2245 */
	char *pins[SETTINGS_PINS];
	size_t n_pins; /* 0: those of all servers hold for it */
};

struct settings {
	const char *tunnel; /* NAME of @NAME, into argv; NULL: none */
	bool tunnel_found;  /* in the file */
	bool has_tunnels;   /* the file */
	struct settings_server servers[SETTINGS_SERVERS];
	size_t n_servers;
	/* Those of the first. */
	const char *host, *user;
	unsigned port;
	enum { SETTINGS_LISTED, SETTINGS_RANDOM } order; /* in which servers are tried */
	int return_to_first;				 /* seconds; 0: never */
	char *identity;					 /* default ~/.ssh/id_ed25519 */
	char *agent_key; /* fingerprint: a key of ssh-agent instead of identity */
	struct spec specs[SETTINGS_SPECS];
	size_t n_specs;
	char *pins[SETTINGS_PINS]; /* for servers without pins of their own */
	size_t n_pins;
	char *known_hosts;	  /* default ~/.ssh/known_hosts */
	char *global_known_hosts; /* default /etc/ssh/ssh_known_hosts */
	enum algorithms_profile algorithms;
	int keepalive;	     /* seconds until a silent peer is given up; default 15 */
	int connect_timeout; /* seconds for TCP connect, key exchange and login together; default 30
			      */
	int reconnect_max;   /* seconds between attempts to connect, at most; default 30 */
	char *via;	     /* the command whose stdin and stdout are the connection; NULL: none */
	int drain;	     /* seconds that connections have to end in after a signal; default 5 */
	int hold; /* seconds that a local connection waits for the server; 0: not at all; default 10
		   */
	bool exit_on_refusal; /* also when it was let in before */
	struct log_target log;
	int verbosity; /* log threshold: LOG_INFO (with command or stdio LOG_WARNING) or the file's,
			  + -v - -q */
	bool unsafe_listen;
	char **command;		       /* run mode: as execvp(3) takes it, into argv; NULL: none */
	const char *env[SETTINGS_ENV]; /* NAME=TEMPLATE, into argv */
	size_t n_env;
	bool stdio, print_dbus;
	struct destination stdio_to;
	int ready_fd; /* 0: none */
	enum {
		SETTINGS_LISTENING,
		SETTINGS_ENDPOINT
	} ready;	  /* what "ready:" and COMMAND wait for */
	char *status;	  /* path of the socket that tells how we are; NULL: none */
	bool ask;	  /* the client that has it is asked; nothing else is read or needed */
	bool test, print; /* -t, -T as in the server */
	int argc;	  /* as it was read */
	char **argv;
	/* The doctor; with SETTINGS_CHECK_CONNECT it also opens what listeners ask for. */
	enum { SETTINGS_NO_CHECK, SETTINGS_CHECK, SETTINGS_CHECK_CONNECT } check;
	bool json;    /* what it finds */
	char *keygen; /* --keygen FILE: no file is read, nothing else is needed */
};

/* Reads argv and the configuration file (-f, default /etc/sshipc/client.conf, else
 * ~/.config/sshipc/client.conf; a default one may be missing).  Command line values replace the
 * file's (a list as a whole).  Returns -1 to go on, or the exit code after printing: 0 (--help,
 * --version), 64 with one line and a hint to --help (unknown option, bad -L, no HOST, no -L, "-p
 * 0"), 78 for faults of the file, each as FILE:LINE: text on stderr.  s is settings_free's in every
 * case. */
int settings_read(int argc, char **argv, struct settings *s);

void settings_free(struct settings *s);

/* Makes view a copy of s that has its server i alone, with the pins that hold for it.  It shares
 * all memory with s, and is not freed. */
void settings_aim(struct settings *view, const struct settings *s, size_t i);

/* The table.  options_read and options_print with it are client.conf's and -T's. */
extern const struct options settings_options;

/* Between settings.c and settings_table.c: what rows of the table name (options.h).  set_nothing is
 * for what options_given or a group's handler has read. */
const char *settings_add_server(void *settings, const char *value);
void settings_drop_servers(void *settings);
const char *settings_set_nothing(void *target, const char *value);
void settings_drop_listen(void *settings);
void settings_drop_hostkeys(void *settings);
void settings_check_keys(struct options_file *f, config_setting_t *group);
void settings_add_tunnel(struct options_file *f, config_setting_t *group, void *settings);

#endif
