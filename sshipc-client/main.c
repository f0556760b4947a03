// SPDX-License-Identifier: BSD-2-Clause
/*
 * The process of sshipc-client: options, the order of a start, and which of the client, the doctor
 * and the commands that only print is run.  It opens no connection and no listener itself.
 */
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "check.h"
#include "client.h"
#include "confine.h"
#include "dbus.h"
#include "io.h"
#include "keyblob.h"
#include "keyfile.h"
#include "selftest.h"
#include "status_socket.h"
#include "watchdog.h"

static void print_version_details(void)
{
	struct selftest t;

	selftest_run(NULL, &t);
	printf("libssh %s\nAES-GCM: %s\ndirect-streamlocal: on (to OpenSSH servers)\n",
	       ssh_version(0), t.gcm ? "on" : "off");
	if (t.why[0])
		printf("%s\n", t.why);
}

static int keygen(const char *path)
{
	char fingerprint[KEYLINE_FINGERPRINT], line[KEYFILE_LINE], comment[256] = "sshipc";
	const char *why;

	gethostname(comment, sizeof(comment) - 1);
	why = keyfile_generate(path, comment, fingerprint, line);
	if (why) {
		fprintf(stderr, "sshipc-client: %s\n", why);
		return EX_CANTCREAT;
	}
	printf("%s: Ed25519 key %s\nput this line into the server's allow list:\n%s\n", path,
	       fingerprint, line);
	return EX_OK;
}

static int carry(const struct settings *s, struct run *run)
{
	int code;

	/* If SIGCHLD was inherited as ignored, the kernel reaps our children: their exit status is
	 * lost, and a pid that we signal may be that of another process by now. */
	signal(SIGCHLD, SIG_DFL);
	/* A private key is in memory from here on. */
	if (confine_process(0) != 0)
		log_msg(LOG_WARNING, "cannot keep core dumps and debuggers away");
	confine_raise_nofile();
	ssh_init();
	code = s->check ? check_run(s) : client_run(s, run);
	ssh_finalize();
	return code;
}

int main(int argc, char **argv)
{
	static char out[1 << 16];
	static struct settings s;
	struct run *run = NULL;
	bool printing = true;
	int code;

	if (confine_open_stdio() != 0)
		return EX_OSERR;
	setvbuf(stdout, out, _IOFBF, sizeof(out)); /* so one write, whose error is known */
	alloc_must_succeed("sshipc-client: out of memory\n");
	log_init("sshipc-client", LOG_SINK_STDERR, LOG_INFO);
	options_version_details = print_version_details;
	code = settings_read(argc, argv, &s);
	if (code >= 0)
		goto out;
	/* The doctor prints its findings itself: the log is silent. */
	log_init("sshipc-client", s.log.sink,
		 s.check && s.verbosity <= LOG_INFO ? LOG_EMERG : s.verbosity);
	if (s.ask) {
		code = status_socket_ask(s.status);
		goto out;
	}
	if (s.keygen) {
		code = keygen(s.keygen);
		goto out;
	}
	if (s.print)
		options_print(&settings_options, &s);
	if (logfile_start(&s.log, s.test || s.print || s.check) != 0) {
		code = EX_CONFIG;
		goto out;
	}
	if (s.test || s.print) {
		code = EX_OK;
		goto out;
	}
	if (s.print_dbus) {
		code = dbus_unixexec(stdout, argv) == 0 ? EX_OK : EX_OSERR;
		goto out;
	}
	if (s.command && !s.check && !(run = run_split(&s))) {
		log_msg(LOG_ERR, "run mode cannot start: %m");
		code = EX_OSERR;
		goto out;
	}
	/* Whoever read "ready" may be gone long before a tunnel ends. */
	printing = s.check;
	code = carry(&s, run);
	if (code == CLIENT_AGAIN) {
		watchdog_stop();
		execv("/proc/self/exe", argv);
		log_msg(LOG_ERR, "cannot start anew: %m");
		code = EX_OSERR;
	}
out:
	settings_free(&s);
	return printing ? io_finish_stdout("sshipc-client", code) : code;
}
