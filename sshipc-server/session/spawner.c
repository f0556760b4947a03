// SPDX-License-Identifier: BSD-2-Clause
/*
 * The spawner process, executed by the monitor: it reads the monitor's orders, never a peer's
 * bytes, and forks a session for each connection.  It opens no file once it is ready.
 */
#include "spawner_main.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "algorithms.h"
#include "alloc.h"
#include "confine.h"
#include "helper.h"
#include "interposed.h"
#include "landlock.h"
#include "message.h"
#include "session.h"

struct child {
	pid_t pid;
	uint32_t conn;
};

static struct {
	struct session_setup session;
	struct child *children;
	size_t n_children, room;
	bool monitor_ended;
} sp;

static void die(const char *text)
{
	helper_fail(EX_CONFIG, text);
}

static void read_setup(void)
{
	struct message m;

	if (message_recv(HELPER_SOCKET, &m, MESSAGE_TO_SPAWNER) != 1 ||
	    m.head.type != MESSAGE_SETUP)
		_exit(0);
	sp.session.settings = m.setup;
}

/* Loads a host key into libssh and checks that libssh has the same public key: a version that
 * derives it from the private key has another one when that is left out. */
static void take_key(struct message_hostkey *m)
{
	uint8_t got[KEYLINE_BLOB_MAX];
	ssh_key key = NULL;

	if (ssh_pki_import_privkey_base64(m->text, NULL, NULL, NULL, &key) != SSH_OK)
		die("a host key cannot be used: it must be an unencrypted private key");
	if (session_key_blob(key, got) != m->blob_len || memcmp(got, m->blob, m->blob_len) != 0)
		die("a host key cannot be used: this libssh changes it; use an Ed25519 key");
	if (ssh_bind_options_set(sp.session.bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) != SSH_OK)
		die("libssh does not take a host key");
	explicit_bzero(m->text, sizeof(m->text));
}

static void prepare(void)
{
	struct selftest test;
	struct message_tested tested = {.head = {MESSAGE_TESTED, 0}};
	struct message_ready ready = {.head = {MESSAGE_READY, 0}};
	struct message m;

	/* The first use of libssh and OpenSSL: they read now whatever files they need. */
	session_selftest(&test);
	if (!test.works)
		die("the self-test of libssh failed: no session could be made with this version");
	sp.session.streamlocal = test.streamlocal;
	sp.session.keeps = test.answers;
	sp.session.proof = test.proof;
	sp.session.parent = getpid();
	sp.session.bind = ssh_bind_new();
	if (!sp.session.bind ||
	    algorithms_set_bind(sp.session.bind,
				(enum algorithms_profile)sp.session.settings.algorithms,
				test.gcm) != 0)
		die("libssh does not take our algorithm lists");
	tested.proof = test.proof;
	tested.keyless = test.keyless;
	if (message_send(HELPER_SOCKET, &tested, NULL) != 0)
		_exit(0);
	while (message_recv(HELPER_SOCKET, &m, MESSAGE_TO_SPAWNER) == 1 &&
	       m.head.type == MESSAGE_HOSTKEY)
		take_key(&m.hostkey);
	if (m.head.type != MESSAGE_START)
		_exit(0);
	if (sp.session.settings.sandbox && !confine_is_sanitized() && landlock_seal() != 0)
		die("the spawner cannot be confined (Landlock)");
	snprintf(ready.libssh, sizeof(ready.libssh), "%s", ssh_version(0));
	snprintf(ready.why, sizeof(ready.why), "%s", test.why);
	if (message_send(HELPER_SOCKET, &ready, NULL) != 0)
		_exit(0);
}

static void report_exit(uint32_t conn, int status, const struct rusage *used)
{
	const struct timeval u = used->ru_utime, k = used->ru_stime;
	const struct message_exited m = {{MESSAGE_EXITED, conn},
					 (uint64_t)(u.tv_sec + k.tv_sec) * 1000000 +
					     (uint64_t)(u.tv_usec + k.tv_usec),
					 status};

	if (!sp.monitor_ended)
		message_send(HELPER_SOCKET, &m, NULL);
}

static void spawn(const struct message *m, const sigset_t *unblocked)
{
	struct child c = {.conn = m->head.id};

	if (sp.n_children == sp.room) {
		sp.room = sp.room ? sp.room * 2 : 64;
		sp.children = xreallocarray(sp.children, sp.room, sizeof(*sp.children));
	}
	c.pid = fork();
	if (c.pid == 0) {
		signal(SIGCHLD, SIG_DFL);
		sigprocmask(SIG_SETMASK, unblocked, NULL);
		close(HELPER_SOCKET);
		helper_retitle("session");
		prctl(PR_SET_NAME, "sshipc-session");
		session_run(&sp.session, m->fds[0], m->fds[1]);
	}
	if (c.pid < 0)
		c.pid = -errno;
	else
		sp.children[sp.n_children++] = c;
	message_send(HELPER_SOCKET, &(struct message_spawned){{MESSAGE_SPAWNED, c.conn}, c.pid},
		     NULL);
	if (c.pid < 0)
		report_exit(c.conn, 0, &(struct rusage){.ru_nsignals = 0});
}

static void reap(void)
{
	struct rusage used;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
		size_t i = 0;

		while (i < sp.n_children && sp.children[i].pid != pid)
			i++;
		if (i == sp.n_children)
			continue;
		report_exit(sp.children[i].conn, status, &used);
		sp.children[i] = sp.children[--sp.n_children];
	}
}

/* Kills all children, or that of one connection: a pid that was not reaped cannot be another
 * process's. */
static void kill_children(const uint32_t *conn)
{
	for (size_t i = 0; i < sp.n_children; i++)
		if (!conn || sp.children[i].conn == *conn)
			kill(sp.children[i].pid, SIGKILL);
}

static void on_child(int sig)
{
	/* the signal only has to end ppoll */
}

void spawner_main(void)
{
	struct sigaction sa = {.sa_handler = on_child};
	sigset_t chld, unblocked;
	struct pollfd p = {.fd = HELPER_SOCKET, .events = POLLIN};

	helper_settle("sshipc-spawner");
	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &unblocked);
	confine_raise_nofile();
	/* Trap: libssh 0.12 looks up the home folder for the self-test's client, to name files that
	 * it then does not read; a uid without an entry has none. */
	setenv("HOME", "/nonexistent", 0);
	if (ssh_init() != SSH_OK)
		die("libssh cannot be initialised");
	read_setup();
	prepare();
	while (!sp.monitor_ended || sp.n_children > 0) {
		struct message m;

		if (ppoll(&p, sp.monitor_ended ? 0 : 1, NULL, &unblocked) > 0) {
			if (message_recv(HELPER_SOCKET, &m, MESSAGE_TO_SPAWNER) != 1) {
				sp.monitor_ended = true;
				kill_children(NULL);
			} else if (m.head.type == MESSAGE_SPAWN) {
				spawn(&m, &unblocked);
				message_close_fds(&m);
			} else if (m.head.type == MESSAGE_KILL) {
				kill_children(&m.head.id);
			}
		}
		reap();
	}
	_exit(0);
}
