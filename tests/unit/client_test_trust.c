// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "algorithms.h"
#include "keys.h"
#include "settings.h"
#include "trust.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define NAME	 "[ipc.example.org]:2245"

static char dir[] = "/tmp/sshipc-trust-XXXXXX";
static char user_file[64], global_file[64], new_file[64], text[TRUST_TEXT];
static char host[] = "IPC.example.org", other[] = "other", nowhere[] = "/dev/null";
static char below_nowhere[] = "/dev/null/x", no_folder[] = "/proc/none/known_hosts";
static struct settings settings;
static bool may_ask;

static void setup(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(user_file, sizeof(user_file), "%s/user", dir);
	snprintf(global_file, sizeof(global_file), "%s/global", dir);
	snprintf(new_file, sizeof(new_file), "%s/new/known_hosts", dir);
	settings.host = host;
	settings.port = 2245;
	settings.known_hosts = user_file;
	settings.global_known_hosts = global_file;
}

static void teardown(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_expect_eq(system(command), 0);
}

static void write_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	cr_assert(f);
	cr_assert_geq(fputs(content, f), 0);
	cr_assert_eq(fclose(f), 0);
	cr_assert_eq(chmod(path, 0600), 0);
}

static ssh_key key_of(const char *line)
{
	const char *blank = strchr(line, ' ');
	char type[64];
	ssh_key key = NULL;

	snprintf(type, sizeof(type), "%.*s", (int)(blank - line), line);
	cr_assert_eq(ssh_pki_import_pubkey_base64(blank + 1, ssh_key_type_from_name(type), &key),
		     SSH_OK);
	return key;
}

static enum trust_verdict check(const char *line)
{
	ssh_key key = key_of(line);
	enum trust_verdict verdict = trust_check(&settings, may_ask, key, text);

	ssh_key_free(key);
	return verdict;
}

TestSuite(trust, .init = setup, .fini = teardown);

Test(trust, pin_syntax)
{
	static const char *const bad[] = {
	    "",
	    "SHA256:",
	    "dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oYk",
	    "sha256:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oYk",
	    "MD5:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oYk",
	    (FP_ED "="),
	    (FP_ED "A"),
	    "SHA256:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oY",
	    "SHA256:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oY=",
	    "SHA256:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oYl",
	    "SHA256:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1o-k",
	    "SHA256:dOpLhuOXCCfwogGmRP73 EyKaXrq4F8fgvhxQMJ1oYk",
	};

	cr_expect(trust_pin_valid(FP_ED));
	cr_expect(trust_pin_valid(FP_P256));
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(trust_pin_valid(bad[i]), "\"%s\" was taken", bad[i]);
}

Test(trust, pins_decide_alone)
{
	static char first[] = FP_P256, second[] = FP_ED;

	settings.pins[0] = first;
	settings.pins[1] = second;
	settings.n_pins = 2;
	write_file(user_file, NAME " " KEY_ED2 "\n");
	cr_expect_eq(check(KEY_ED), TRUST_OK);
	cr_expect_eq(check(KEY_P256), TRUST_OK);
	cr_expect_eq(check(KEY_ED2), TRUST_CHANGED);
	cr_expect(strstr(text, NAME), "%s", text);
	cr_expect(strstr(text, FP_P256) && strstr(text, FP_ED2), "%s", text);
}

/* The server shows KEY_ED; what the user's file says of it. */
static const struct {
	const char *what, *file;
	unsigned port;
	enum trust_verdict verdict;
	const char *says; /* a part of the text */
} lines[] = {
    {"plain", NAME " " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"no newline", NAME " " KEY_ED, 2245, TRUST_OK, ""},
    {"comment", NAME " " KEY_ED " root@ipc\n", 2245, TRUST_OK, ""},
    {"tabs", "\t" NAME "\tssh-ed25519\t" BLOB_ED "\tx\n", 2245, TRUST_OK, ""},
    {"CR LF", NAME " " KEY_ED "\r\n", 2245, TRUST_OK, ""},
    {"upper case", "[IPC.Example.ORG]:2245 " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"several names", "a,b," NAME ",c " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"port 22", "ipc.example.org " KEY_ED "\n", 22, TRUST_OK, ""},
    {"port 22 in brackets", "[ipc.example.org]:22 " KEY_ED "\n", 22, TRUST_OK, ""},
    {"wildcard", "[*.example.org]:* " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"wildcard at port 22", "*.example.org " KEY_ED "\n", 22, TRUST_OK, ""},
    {"question mark", "[ip?.example.org]:2245 " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"second key", NAME " " KEY_ED2 "\n" NAME " " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"after garbage", NAME " ssh-ed25519 x\n\n#\n" NAME "\nx\n" NAME " " KEY_ED "\n", 2245,
     TRUST_OK, ""},
    {"after a certificate authority", "@cert-authority * " KEY_ED2 "\n" NAME " " KEY_ED "\n", 2245,
     TRUST_OK, ""},
    {"another revoked", "@revoked * " KEY_ED2 "\n" NAME " " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"revoked elsewhere", "@revoked other " KEY_ED "\n" NAME " " KEY_ED "\n", 2245, TRUST_OK, ""},

    {"revoked", "@revoked * " KEY_ED "\n", 2245, TRUST_CHANGED, "is revoked at "},
    {"revoked with tabs", " @revoked\t*\t" KEY_ED "\n", 2245, TRUST_CHANGED, "/user:1"},
    {"revoked first", "@revoked " NAME " " KEY_ED "\n" NAME " " KEY_ED "\n", 2245, TRUST_CHANGED,
     "/user:1"},
    {"revoked last", NAME " " KEY_ED "\n@revoked * " KEY_ED "\n", 2245, TRUST_CHANGED, "/user:2"},
    {"revoked before garbage", "@revoked * " KEY_ED "\n" NAME " x\n", 2245, TRUST_CHANGED,
     "/user:1"},
    {"changed", "#\n" NAME " " KEY_ED2 "\n", 2245, TRUST_CHANGED,
     "/user:2 has " FP_ED2 ", the server shows ssh-ed25519 " FP_ED},
    {"other type", NAME " " KEY_P256 "\n", 2245, TRUST_CHANGED, "has " FP_P256 ", of another type"},
    {"same type is shown", NAME " " KEY_P256 "\n" NAME " " KEY_ED2 "\n", 2245, TRUST_CHANGED,
     "/user:2 has " FP_ED2},
    {"first of a type is shown", NAME " " KEY_RSA2048 "\n" NAME " " KEY_P256 "\n", 2245,
     TRUST_CHANGED, "/user:1 has "},

    {"empty", "", 2245, TRUST_UNKNOWN, "--hostkey " FP_ED},
    {"comment only", "#" NAME " " KEY_ED "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"other host", "[ipc2.example.org]:2245 " KEY_ED "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"other port", "[ipc.example.org]:2246 " KEY_ED "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"without its port", "ipc.example.org " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"another without its port", "ipc.example.org " KEY_ED2 "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"revoked without its port",
     "ipc.example.org " KEY_ED "\n@revoked ipc.example.org " KEY_ED "\n", 2245, TRUST_CHANGED,
     "/user:2"},
    {"another with its port", "ipc.example.org " KEY_ED "\n" NAME " " KEY_ED2 "\n", 2245,
     TRUST_CHANGED, "/user:2 has " FP_ED2},
    {"the same key elsewhere", "ipc2.example.org " KEY_ED "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"nor the other way", NAME " " KEY_ED "\n", 22, TRUST_UNKNOWN,
     "of ipc.example.org is not known"},
    {"excluded after", "[*.example.org]:2245,!" NAME " " KEY_ED "\n", 2245, TRUST_UNKNOWN,
     "not known"},
    {"excluded before", "!" NAME ",* " KEY_ED "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"excluded by a wildcard", "*,![ipc.*]:* " KEY_ED "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"another is excluded", "*,![ipc2.*]:* " KEY_ED "\n", 2245, TRUST_OK, ""},
    {"certificate authority only", "@cert-authority * " KEY_ED "\n", 2245, TRUST_UNKNOWN,
     "not known"},
    {"unknown marker", "@what * " KEY_ED "\n", 2245, TRUST_UNKNOWN, "not known"},
    {"unusable line", "\n" NAME " ssh-ed25519 AAAA\n", 2245, TRUST_UNKNOWN,
     "/user:2 names the host, but"},
    {"unknown type", NAME " ssh-future " BLOB_ED "\n", 2245, TRUST_UNKNOWN,
     "/user:1 names the host, but"},
};

Test(trust, known_hosts_lines)
{
	for (size_t i = 0; i < COUNT(lines); i++) {
		enum trust_verdict verdict = TRUST_ERROR;

		write_file(user_file, lines[i].file);
		settings.port = lines[i].port;
		verdict = check(KEY_ED);
		cr_expect_eq(verdict, lines[i].verdict, "%s gave %d: %s", lines[i].what, verdict,
			     text);
		cr_expect(strstr(text, lines[i].says), "%s: %s", lines[i].what, text);
		cr_expect_eq(verdict == TRUST_OK, text[0] == '\0', "%s: %s", lines[i].what, text);
	}
}

Test(trust, both_files_count)
{
	cr_expect_eq(check(KEY_ED), TRUST_UNKNOWN, "both are missing");
	write_file(global_file, NAME " " KEY_ED "\n");
	cr_expect_eq(check(KEY_ED), TRUST_OK);
	write_file(user_file, NAME " " KEY_ED2 "\n");
	cr_expect_eq(check(KEY_ED), TRUST_OK);
	cr_expect_eq(check(KEY_ED2), TRUST_OK);
	write_file(global_file, "@revoked * " KEY_ED2 "\n");
	cr_expect_eq(check(KEY_ED2), TRUST_CHANGED);
	cr_expect(strstr(text, "/global:1"), "%s", text);
	settings.known_hosts = settings.global_known_hosts = nowhere;
	cr_expect_eq(check(KEY_ED), TRUST_UNKNOWN);
}

Test(trust, files_that_cannot_be_relied_on)
{
	static const struct {
		mode_t mode;
		const char *says;
	} table[] = {{0620, "chmod go-w"}, {0602, "chmod go-w"}, {0, "Permission denied"}};

	write_file(user_file, NAME " " KEY_ED "\n");
	cr_expect(geteuid() != 0 || chown(user_file, 0, 4711) == 0); /* no private group */
	cr_assert_eq(chmod(dir, 0755), 0);
	for (size_t i = 0; i < COUNT(table); i++) {
		uid_t self = geteuid();

		cr_assert_eq(chmod(user_file, table[i].mode), 0);
		if (self == 0 && table[i].mode == 0)
			cr_assert_eq(seteuid(65534), 0);
		cr_expect_eq(check(KEY_ED), TRUST_ERROR);
		cr_expect(strstr(text, table[i].says) && strstr(text, user_file), "%s", text);
		cr_assert_eq(seteuid(self), 0);
	}
	cr_assert_eq(chmod(user_file, 0600), 0);
	settings.global_known_hosts = dir;
	cr_expect_eq(check(KEY_ED), TRUST_ERROR);
	cr_expect(strstr(text, dir), "%s", text);
	settings.global_known_hosts = below_nowhere;
	cr_expect_eq(check(KEY_ED), TRUST_ERROR);
	settings.global_known_hosts = nowhere;
	cr_expect_eq(check(KEY_ED), TRUST_OK);
}

/* What ssh(1) takes, and no third user can change. */
Test(trust, files_of_others)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	write_file(user_file, NAME " " KEY_ED "\n");
	cr_assert_eq(chmod(user_file, 0664), 0); /* root:root */
	cr_expect_eq(check(KEY_ED), TRUST_OK, "%s", text);
	cr_assert_eq(chown(user_file, 4711, 4711), 0);
	cr_expect_eq(check(KEY_ED), TRUST_ERROR);
	cr_assert_eq(chmod(user_file, 0644), 0);
	cr_expect_eq(check(KEY_ED), TRUST_OK, "%s", text);
	cr_assert_eq(chmod(dir, 0777), 0);
	cr_expect_eq(check(KEY_ED), TRUST_ERROR);
	cr_expect(strstr(text, "others can write its folder"), "%s", text);
}

static void run(const char *command)
{
	cr_assert_eq(system(command), 0, "%s", command);
}

Test(trust, ssh_keygen_hashes_and_removes)
{
	char command[256], *remedy = NULL;

	if (access("/usr/bin/ssh-keygen", X_OK) < 0)
		cr_skip_test("no ssh-keygen here");
	write_file(user_file, "other " KEY_P256 "\n" NAME " " KEY_ED "\n");
	snprintf(command, sizeof(command), "ssh-keygen -q -H -f %s >%s/out 2>&1", user_file, dir);
	run(command);
	snprintf(command, sizeof(command), "grep -q '^|1|' %s && ! grep -q example %s", user_file,
		 user_file);
	run(command);
	cr_expect_eq(check(KEY_ED), TRUST_OK);
	cr_expect_eq(check(KEY_ED2), TRUST_CHANGED);
	/* What the message tells the user to do is what helps. */
	remedy = strstr(text, "ssh-keygen -R");
	cr_assert(remedy, "%s", text);
	snprintf(command, sizeof(command), "%s >%s/out 2>&1", remedy, dir);
	run(command);
	cr_expect_eq(check(KEY_ED2), TRUST_UNKNOWN);
	settings.host = other;
	settings.port = 22;
	cr_expect_eq(check(KEY_P256), TRUST_OK);
}

/* Asks on a terminal of its own; what was typed must be there before it is asked for. */
static enum trust_verdict ask(const char *line, const char *typed, char *screen, size_t size)
{
	int master = -1, status = 0;
	size_t len = 0;
	ssize_t n = 0;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid == 0) {
		enum trust_verdict verdict = check(line);

		dprintf(1, "\ntext: %s\n", text);
		_exit((int)verdict);
	}
	cr_assert_gt(pid, 0);
	cr_assert_eq(write(master, typed, strlen(typed)), (ssize_t)strlen(typed));
	while ((n = read(master, screen + len, size - len - 1)) > 0)
		len += (size_t)n;
	screen[len] = '\0';
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	close(master);
	cr_assert(WIFEXITED(status), "status %x: %s", status, screen);
	return (enum trust_verdict)WEXITSTATUS(status);
}

static const struct {
	const char *typed;
	enum trust_verdict verdict;
} answers[] = {
    {"yes\n", TRUST_OK},
    {FP_ED "\n", TRUST_OK},
    {"\ny\nYES\n" FP_ED2 "\nyes\n", TRUST_OK},
    {"no\nyes\n", TRUST_UNKNOWN},
    {"maybe\nno\n", TRUST_UNKNOWN},
    {"\4", TRUST_UNKNOWN},
    {"yes\4\4", TRUST_OK},
};

Test(trust, asks_on_the_terminal, .timeout = 60)
{
	char screen[4096];
	struct stat st;

	may_ask = true;
	for (size_t i = 0; i < COUNT(answers); i++) {
		enum trust_verdict verdict = TRUST_ERROR;

		settings.known_hosts = new_file;
		verdict = ask(KEY_ED, answers[i].typed, screen, sizeof(screen));
		cr_expect_eq(verdict, answers[i].verdict, "\"%s\": %s", answers[i].typed, screen);
		cr_expect(strstr(screen, NAME), "%s", screen);
		cr_expect(strstr(screen, "ssh-ed25519 key has the fingerprint " FP_ED), "%s",
			  screen);
		cr_expect(strstr(screen, verdict == TRUST_OK ? "recorded in" : "was not accepted"),
			  "%s", screen);
		may_ask = false;
		cr_expect_eq(check(KEY_ED), answers[i].verdict, "the next time");
		may_ask = true;
		cr_expect_eq(stat(new_file, &st), verdict == TRUST_OK ? 0 : -1);
		if (verdict != TRUST_OK)
			continue;
		cr_expect_eq(st.st_mode & 07777, 0600);
		cr_assert_eq(unlink(new_file), 0);
		*strrchr(new_file, '/') = '\0';
		cr_expect_eq(stat(new_file, &st), 0);
		cr_expect_eq(st.st_mode & 07777, 0700);
		cr_assert_eq(rmdir(new_file), 0);
		new_file[strlen(new_file)] = '/';
	}
}

Test(trust, appends_to_a_file_without_a_last_newline, .timeout = 60)
{
	char screen[4096];

	may_ask = true;
	write_file(user_file, "other " KEY_ED2);
	cr_expect_eq(ask(KEY_RSA2048, "yes\n", screen, sizeof(screen)), TRUST_OK, "%s", screen);
	may_ask = false;
	cr_expect_eq(check(KEY_RSA2048), TRUST_OK);
	cr_expect_eq(check(KEY_ED2), TRUST_CHANGED);
	cr_expect(strstr(text, "/user:2 has"), "%s", text);
}

Test(trust, accepted_but_not_recorded, .timeout = 60)
{
	char screen[4096];

	may_ask = true;
	settings.known_hosts = no_folder;
	cr_expect_eq(ask(KEY_ED, "yes\n", screen, sizeof(screen)), TRUST_OK, "%s", screen);
	cr_expect(strstr(screen, "not recorded: /proc/none/known_hosts: No such file"), "%s",
		  screen);
}

/* A changed key is never a question. */
Test(trust, asks_only_for_the_unknown, .timeout = 60)
{
	char screen[4096];

	may_ask = true;
	write_file(user_file, NAME " " KEY_ED2 "\n");
	cr_expect_eq(ask(KEY_ED, "yes\n", screen, sizeof(screen)), TRUST_CHANGED, "%s", screen);
	cr_expect_null(strstr(screen, "yes/no"), "%s", screen);
}

Test(trust, no_terminal_is_no)
{
	may_ask = true;
	setsid();
	cr_expect_eq(check(KEY_ED), TRUST_UNKNOWN);
	cr_expect(strstr(text, "add --hostkey " FP_ED), "%s", text);
}

static const struct {
	const char *file, *offer;
} offers[] = {
    {NAME " " KEY_ED "\n", "ssh-ed25519,ecdsa-sha2-nistp256,"},
    {NAME " " KEY_P384 "\n",
     "ecdsa-sha2-nistp384,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp521,"},
    {NAME " " KEY_RSA2048 "\n", "rsa-sha2-512,rsa-sha2-256,ssh-ed25519,"},
    {NAME " " KEY_RSA2048 "\n" NAME " " KEY_P256 "\n",
     "ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256,ssh-ed25519,"},
    {"other " KEY_P256 "\n@revoked * " KEY_P256 "\n" NAME " ssh-dss x\n",
     "ssh-ed25519,ecdsa-sha2-nistp256,"},
};

Test(trust, algorithms_of_recorded_keys_come_first)
{
	static char pin[] = FP_ED;
	char out[512], all[KEY_ALGORITHMS];

	key_algorithms(false, all);
	trust_algorithms(&settings, out, sizeof(out));
	cr_expect_str_eq(out, all);
	for (size_t i = 0; i < COUNT(offers); i++) {
		write_file(user_file, offers[i].file);
		trust_algorithms(&settings, out, sizeof(out));
		cr_expect_eq(strncmp(out, offers[i].offer, strlen(offers[i].offer)), 0, "%s", out);
		cr_expect_eq(strlen(out), strlen(all), "%s", out);
	}
	write_file(user_file, NAME " " KEY_RSA2048 "\n");
	settings.pins[0] = pin;
	settings.n_pins = 1;
	trust_algorithms(&settings, out, sizeof(out));
	cr_expect_str_eq(out, all);
}
