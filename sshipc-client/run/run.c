// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in both processes of run mode: run_split is called by main.c before anything is opened, the
 * rest by client.c in the process of the tunnel.  The other process may do nothing but wait and
 * become COMMAND: it opens no connection and never has a key.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "folders.h"
#include "io.h"
#include "loop.h"
#include "tty.h"
#include "variables.h"

/* The waiting process reads one byte: GO, which the variables follow, or its exit code. */
enum { GO = 255 };

enum { PATH_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) };

struct run {
	const struct settings *s;
	int pipe;  /* to the other process; -1: it has become COMMAND */
	int other; /* its pidfd */
	struct event *over;
	char dir[PATH_BYTES - 20]; /* of the private socket; "": none */
	struct spec spec;	   /* the private listener */
};

/* ---- the process that becomes the command ---- */

static void __attribute__((noreturn)) become_command(int from, char **command)
{
	FILE *in = fdopen(from, "r");
	const int word = in ? fgetc(in) : EOF;
	char *variable = NULL;
	size_t size = 0;

	if (word == EOF)
		fprintf(stderr, "sshipc-client: the process of the tunnel died\n");
	if (word != GO)
		_exit(word == EOF ? EX_SOFTWARE : word);
	/* putenv(3) keeps the string itself; one without '=' removes the variable. */
	while (getdelim(&variable, &size, '\0', in) > 0) {
		putenv(variable);
		variable = NULL;
		size = 0;
	}
	execvp(command[0], command);
	fprintf(stderr, "sshipc-client: %s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

struct run *run_split(const struct settings *s)
{
	struct run *r = xcalloc(1, sizeof(*r));
	int ends[2] = {-1, -1};
	pid_t between = -1;

	r->s = s;
	r->other = pidfd_open(getpid(), 0);
	if (r->other < 0)
		log_msg(LOG_ERR,
			"run mode needs the system call pidfd_open, which is refused here; "
			"allow it (a newer container runtime or seccomp profile does), or "
			"use -L and start COMMAND beside it");
	if (r->other < 0 || pipe2(ends, O_CLOEXEC) < 0 || (between = fork()) < 0) {
		free(r);
		return NULL;
	}
	if (between > 0) {
		close(ends[1]);
		waitpid(between, NULL, 0);
		become_command(ends[0], s->command);
	}
	/* A COMMAND that waits for all its children must not find this process among them. */
	if (fork() != 0)
		_exit(0);
	close(ends[0]);
	r->pipe = ends[1];
	tty_end_with(r->other);
	return r;
}

/* ---- the process of the tunnel ---- */

void run_watch(struct run *r, struct event_base *base, event_callback_fn ended, void *arg)
{
	r->over = loop_watch(base, r->other, EV_READ, ended, arg);
}

/* Makes a folder that only its user can enter and nobody else can replace.  A long place is left
 * out: a socket's path has few bytes. */
static int make_path(struct run *r, const char *name, char *path, size_t size)
{
	const char *places[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	char why[FOLDERS_ERROR] = "";

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const int n = snprintf(r->dir, sizeof(r->dir), "%s/sshipc-XXXXXX",
				       places[i] ? places[i] : "");

		if (places[i] && places[i][0] == '/' && !strpbrk(places[i], ":,\\") &&
		    n < (int)sizeof(r->dir) && folders_check(r->dir, FOLDERS_STRICT, why) == 0 &&
		    mkdtemp(r->dir)) {
			snprintf(path, size, "%s/%s", r->dir, name);
			return 0;
		}
	}
	r->dir[0] = '\0';
	log_msg(LOG_ERR, "cannot make a folder for the local socket in /tmp: %s",
		why[0] ? why : strerror(errno));
	return -1;
}

static struct listeners *listen_privately(struct run *r, struct event_base *base,
					  enum endpoint_kind kind)
{
	char text[PATH_BYTES] = "127.0.0.1:0";
	const char *why;

	if (!variables_want_tcp(kind, r->s->env, r->s->n_env) &&
	    make_path(r, kind == ENDPOINT_POSTGRES ? ".s.PGSQL.5432" : "sshipc.sock", text,
		      sizeof(text)) < 0)
		return NULL;
	why = spec_parse(text, false, &r->spec);
	if (why) {
		log_msg(LOG_ERR, "%s: %s", text, why);
		return NULL;
	}
	return listeners_open(base, &r->spec, 1);
}

/* ncs_cli and confd_cli read the "ssh from" of their audit log there.  Where the user has logged in
 * to this machine by ssh, the variable that is set already is the better one. */
static void write_ssh_connection(const struct run *r, FILE *out, const struct link *l)
{
	struct sockaddr_storage sa[2];
	socklen_t len[2] = {sizeof(sa[0]), sizeof(sa[1])};
	struct address a[2];
	char host[2][ADDRESS_TEXT];

	/* A --via command's socket has no address of the server. */
	if (r->s->via || getenv("SSH_CONNECTION") ||
	    getsockname(link_fd(l), (struct sockaddr *)&sa[0], &len[0]) != 0 ||
	    getpeername(link_fd(l), (struct sockaddr *)&sa[1], &len[1]) != 0)
		return;
	for (int i = 0; i < 2; i++) {
		address_from_sockaddr(&a[i], (struct sockaddr *)&sa[i], len[i]);
		address_format_host(&a[i], host[i], sizeof(host[i]));
	}
	fprintf(out, "SSH_CONNECTION=%s %u %s %u%c", host[0], address_port(&a[0]), host[1],
		address_port(&a[1]), '\0');
}

static int write_env(FILE *out, const char *assignment, const struct address *at)
{
	char *text = variables_expand(assignment, at), local[ADDRESS_TEXT];

	if (!text) {
		log_msg(LOG_ERR, "--env %s: the listener is %s, which has no such part; give -L",
			assignment, address_format(at, local, sizeof(local)));
		return EX_USAGE;
	}
	fwrite(text, strlen(text) + 1, 1, out);
	free(text);
	return 0;
}

static int write_variables(struct run *r, FILE *out, const struct address *at,
			   enum endpoint_kind kind, const struct link *l)
{
	int rc = write_env(out, "SSHIPC_ADDR={addr}", at);

	if (variables_of_kind(out, kind, at) == 0 && kind != ENDPOINT_OTHER)
		log_msg(LOG_WARNING,
			"clients of kind %s cannot use this -L: only SSHIPC_ADDR is set, their own "
			"variables are not",
			endpoint_kinds[kind]);
	if (kind == ENDPOINT_CONFD || kind == ENDPOINT_NSO)
		write_ssh_connection(r, out, l);
	for (size_t i = 0; rc == 0 && i < r->s->n_env; i++)
		rc = write_env(out, r->s->env[i], at);
	return rc;
}

/* Leaves the terminal and the process group, and closes the pipes: their readers wait for COMMAND's
 * end of file, not for this process's. */
static void detach(void)
{
	setsid();
	if (confine_null(STDIN_FILENO) < 0 || confine_null(STDOUT_FILENO) < 0)
		log_msg(LOG_WARNING, "/dev/null: %m");
}

/* A listener that names another endpoint would refuse whatever COMMAND opens. */
static int check_granted(const struct settings *s, const char *endpoint)
{
	char asks[384], why[1024];

	for (size_t i = 0; i < s->n_specs; i++) {
		snprintf(asks, sizeof(asks), "-L %s", s->specs[i].text);
		if (!destination_misses(&s->specs[i].to, asks, endpoint, why, sizeof(why)))
			continue;
		log_msg(LOG_ERR, "%s", why);
		return EX_NOPERM;
	}
	return 0;
}

int run_command(struct run *r, struct event_base *base, struct link *l,
		struct listeners **listeners, const struct status *status)
{
	const enum endpoint_kind kind =
	    status && status->knows_kind ? status->kind : ENDPOINT_OTHER;
	char *message = NULL;
	size_t size = 0;
	FILE *out = NULL;
	int rc = 0;

	if (!status)
		log_msg(LOG_WARNING,
			"the server does not tell of its endpoint: only SSHIPC_ADDR is set");
	rc = status ? check_granted(r->s, status->endpoint) : 0;
	if (rc != 0)
		return rc;
	if (status && kind == ENDPOINT_OTHER && r->s->n_env == 0)
		log_msg(LOG_WARNING,
			"the kind of the endpoint is other, so only SSHIPC_ADDR is set; have the "
			"server name it (-e NAME:KIND=ADDRESS), or give --env NAME=TEMPLATE");
	if (!*listeners)
		*listeners = listen_privately(r, base, kind);
	if (!*listeners)
		return EX_CANTCREAT;
	out = alloc_or_abort(open_memstream(&message, &size));
	fputc(GO, out);
	rc = write_variables(r, out, listeners_address(*listeners, 0), kind, l);
	if (fclose(out) != 0)
		abort();
	if (rc == 0) {
		detach();
		log_flush(); /* what is said before COMMAND runs comes before its words */
		/* A write fails only where the other process has ended: run_watch sees that. */
		io_write_all(r->pipe, message, size);
		close(r->pipe);
		r->pipe = -1;
	}
	free(message);
	return rc;
}

void run_free(struct run *r, int code)
{
	const unsigned char byte = (unsigned char)code;

	if (!r)
		return;
	if (r->pipe < 0)
		pidfd_send_signal(r->other, SIGTERM, NULL, 0);
	else if (write(r->pipe, &byte, 1) != 1)
		log_msg(LOG_DEBUG, "nobody waits for the exit code");
	loop_drop(r->over);
	if (r->dir[0])
		rmdir(r->dir);
	spec_free(&r->spec);
	close(r->other);
	free(r);
}
