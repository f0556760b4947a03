// SPDX-License-Identifier: BSD-2-Clause
/* Key files as other programs write them: what libssh can read is taken, the rest named. */
#include <criterion/criterion.h>
#include <libssh/libssh.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyfile.h"
#include "keyform.h"
#include "keygen.h"

TestSuite(keyform, .init = set_up, .fini = tear_down, .timeout = 120);

static char *made(const char *how, size_t *len)
{
	char *text;

	keygen(how);
	text = keyfile_read(path, FOLDERS_STRICT, "keygen", len, &why);
	cr_assert(text, "%s", why);
	return text;
}

/* Of each cipher that ssh-keygen writes: refused by its name and with the remedy, or read by this
 * very libssh.  What it reads, nobody is told to encrypt anew. */
Test(keyform, every_cipher_of_ssh_keygen)
{
	FILE *list = popen("ssh -Q cipher", "r");
	char cipher[64], how[128], remedy[128];
	int taken = 0, refused = 0;

	cr_assert(list);
	while (fscanf(list, "%63s", cipher) == 1) {
		size_t len = 0;
		char *text;
		ssh_key key = NULL;

		snprintf(how, sizeof(how), "-t ed25519 -N pass -Z %s", cipher);
		text = made(how, &len);
		why = keyform_check_private(text, path, false);
		cr_expect(why && strstr(why, "it is encrypted") &&
			      strstr(why, "ssh-keygen -p -N '' -f /tmp"),
			  "%s: %s", cipher, why);
		why = keyform_check_private(text, path, true);
		if (!why) {
			taken++;
			cr_expect_eq(ssh_pki_import_privkey_base64(text, "pass", NULL, NULL, &key),
				     SSH_OK, "%s", cipher);
			ssh_key_free(key);
		} else {
			refused++;
			snprintf(remedy, sizeof(remedy), "ssh-keygen -p -Z aes256-ctr -f %s", path);
			cr_expect(strstr(why, path) == why && strstr(why, cipher) &&
				      strstr(why, remedy),
				  "%s", why);
			cr_expect(strstr(cipher, "gcm") || strstr(cipher, "poly1305"), "%s",
				  cipher);
		}
		keyfile_wipe(text, len);
	}
	pclose(list);
	cr_expect_geq(taken, 6);
	cr_expect_geq(refused, 3);
}

/* why: what it is refused for where nobody can be asked; NULL: taken. */
static const struct {
	const char *how, *why;
} forms[] = {
    {"-t ed25519 -N ''", NULL},
    {"-t rsa -b 2048 -m PEM -N ''", NULL},
    {"-t ecdsa -m PKCS8 -N ''", NULL},
    {"-t rsa -b 2048 -m PEM -N secret", "it is encrypted"},
    {"-t ecdsa -m PKCS8 -N secret", "it is encrypted"},
};

Test(keyform, forms_of_ssh_keygen)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		size_t len = 0;
		char *text = made(forms[i].how, &len);

		why = keyform_check_private(text, path, true);
		cr_expect_null(why, "%s", why);
		why = keyform_check_private(text, path, false);
		cr_expect_eq(!why, !forms[i].why, "%s", forms[i].how);
		if (why && forms[i].why)
			cr_expect(strstr(why, forms[i].why), "%s", why);
		keyfile_wipe(text, len);
	}
}

/* However much of it is there: what does not show its cipher never reaches libssh. */
Test(keyform, cut)
{
	size_t len = 0;
	char *text = made("-t ed25519 -N pass -Z aes256-gcm@openssh.com", &len);

	for (size_t n = strlen("-----BEGIN OPENSSH PRIVATE KEY-----"); n < len; n++) {
		char *copy = strndup(text, n);

		cr_expect_not_null(keyform_check_private(copy, path, true), "%zu", n);
		free(copy);
	}
	keyfile_wipe(text, len);
}

static const struct {
	const char *text, *why; /* NULL: it is for libssh to say */
} privates[] = {
    {"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
     "puttygen KEY -O private-openssh-new -o OUT"},
    {"PuTTY-User-Key-File-2: ssh-rsa\r\n", "puttygen KEY -O private-openssh-new -o OUT"},
    {"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", "puttygen KEY -O private-openssh-new -o OUT"},
    {"---- BEGIN SSH2 PUBLIC KEY ----\n", "that is a public key; give the private one"},
    {"ssh-ed25519 AAAA", "that is a public key; give the private one"},
    {"sk-ssh-ed25519@openssh.com AAAA", "that is a public key; give the private one"},
    {"-----BEGIN OPENSSH PRIVATE KEY-----\n", "damaged"},
    {"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"},
    {"x\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", "damaged"},
    {"nonsense\n", NULL},
    {"", NULL},
};

Test(keyform, private_forms)
{
	for (size_t i = 0; i < sizeof(privates) / sizeof(*privates); i++) {
		why = keyform_check_private(privates[i].text, "KEY", true);
		cr_expect_eq(!why, !privates[i].why, "%s: %s", privates[i].text, why);
		if (why && privates[i].why)
			cr_expect(strstr(why, "KEY: ") == why && strstr(why, privates[i].why), "%s",
				  why);
	}
}

/* NULL: a line like any other. */
static const struct {
	const char *line;
	size_t len;
	const char *why;
} publics[] = {
#define LINE(text) text, sizeof(text) - 1
    {LINE("\xff\xfes\0s\0h\0"), "iconv -f UTF-16 -t UTF-8 FILE"},
    {LINE("\xfe\xff\0s\0s\0h"), "iconv -f UTF-16 -t UTF-8 FILE"},
    {LINE("s\0s\0h\0"), "iconv -f UTF-16LE -t UTF-8 FILE"},
    {LINE("\0s\0s\0h"), "iconv -f UTF-16BE -t UTF-8 FILE"},
    {LINE("---- BEGIN SSH2 PUBLIC KEY ----\r\n"), "ssh-keygen -i -f FILE"},
    {LINE("-----BEGIN PUBLIC KEY-----\n"), "ssh-keygen -i -m PKCS8 -f FILE"},
    {LINE("-----BEGIN RSA PUBLIC KEY-----\n"), "ssh-keygen -i -m PEM -f FILE"},
    {LINE("PuTTY-User-Key-File-3: ssh-rsa\n"), "take it out"},
    {LINE("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n"), "take it out"},
    {LINE("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "take it out"},
    {LINE("-----BEGIN RSA PRIVATE KEY-----\n"), "take it out"},
    {LINE("ssh-ed25519 AAAA"), NULL},
    {LINE("# ---- BEGIN SSH2 PUBLIC KEY ----"), NULL},
    {LINE("----"), NULL},
    {LINE("\n"), NULL},
    {LINE("a"), NULL},
    {LINE("\0\0"), NULL},
    {LINE(""), NULL},
};

Test(keyform, public_forms)
{
	for (size_t i = 0; i < sizeof(publics) / sizeof(*publics); i++) {
		const char *fault = keyform_public_fault(publics[i].line, publics[i].len);

		cr_expect_eq(!fault, !publics[i].why, "%zu: %s", i, fault);
		if (fault && publics[i].why)
			cr_expect(strstr(fault, publics[i].why), "%zu: %s", i, fault);
	}
}

/* The commands do what the faults say of them, with what ssh-keygen exports. */
Test(keyform, exports_come_back)
{
	static const char *const ways[] = {"RFC4716", "PKCS8", "PEM"};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		char command[256], line[256] = "";
		const char *command_of_fault;
		const char *fault;
		FILE *f;
		size_t len = 0;

		keyfile_wipe(made("-t rsa -b 2048 -N ''", &len), 0);
		snprintf(command, sizeof(command), "ssh-keygen -e -m %s -f %s.pub > %s", ways[i],
			 path, path);
		cr_assert_eq(system(command), 0);
		f = fopen(path, "r");
		cr_assert(f && fgets(line, sizeof(line), f));
		fclose(f);
		fault = keyform_public_fault(line, strlen(line));
		cr_assert(fault, "%s: %s", ways[i], line);
		command_of_fault = strstr(fault, "ssh-keygen");
		cr_assert(command_of_fault);
		snprintf(command, sizeof(command), "%.*s%s", (int)strlen(command_of_fault) - 4,
			 command_of_fault, path);
		f = popen(command, "r");
		cr_assert(f && fgets(line, sizeof(line), f), "%s", command);
		pclose(f);
		cr_expect_eq(strncmp(line, "ssh-rsa AAAA", 12), 0, "%s: %s", command, line);
	}
}
