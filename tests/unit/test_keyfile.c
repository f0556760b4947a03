// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyfile.h"

static char dir[] = "/tmp/sshipc-keyfile-XXXXXX";
static char path[64], pub[64];
static char fingerprint[KEYLINE_FINGERPRINT], line[KEYFILE_LINE];
static const char *why; /* the last reason, or NULL */

static void make_dir(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	snprintf(pub, sizeof(pub), "%s/key.pub", dir);
}

static void remove_dir(void)
{
	unlink(path);
	unlink(pub);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

TestSuite(keyfile, .init = make_dir, .fini = remove_dir);

static void write_to(const char *file, const char *content, size_t len)
{
	FILE *f = fopen(file, "w");

	cr_assert(f);
	cr_assert_eq(fwrite(content, 1, len, f), len);
	cr_assert_eq(fclose(f), 0);
}

static unsigned mode_of(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 ? st.st_mode & 07777 : 0;
}

static int generate(const char *comment)
{
	why = keyfile_generate(path, comment, fingerprint, line);
	return why ? -1 : 0;
}

/* The three forms of the new key are one key, by libssh's own account. */
static void expect_pair(void)
{
	ssh_key secret = NULL, public = NULL;
	unsigned char *hash = NULL;
	char *text = NULL, *shown = NULL;
	size_t len = 0, hash_len = 0;

	text = keyfile_read(path, FOLDERS_STRICT, "keygen", &len, &why);
	cr_assert(text, "%s", why);
	cr_expect_eq(strlen(text), len);
	cr_assert_eq(ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &secret), SSH_OK);
	cr_assert_eq(ssh_pki_import_pubkey_file(pub, &public), SSH_OK);
	cr_expect_eq(ssh_key_type(secret), SSH_KEYTYPE_ED25519);
	cr_expect_eq(ssh_key_cmp(secret, public, SSH_KEY_CMP_PUBLIC), 0);
	cr_assert_eq(ssh_get_publickey_hash(public, SSH_PUBLICKEY_HASH_SHA256, &hash, &hash_len),
		     0);
	shown = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, hash_len);
	cr_expect_str_eq(fingerprint, shown);
	ssh_string_free_char(shown);
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(secret);
	ssh_key_free(public);
	keyfile_wipe(text, len);
}

Test(keyfile, generate)
{
	char content[KEYFILE_LINE] = "";
	FILE *f = NULL;

	umask(0);
	cr_assert_eq(generate("blade7 of rack 3"), 0, "%s", why);
	cr_expect_eq(mode_of(path), 0600);
	cr_expect_eq(mode_of(pub), 0644);
	expect_pair();
	cr_expect_eq(strncmp(line, "ssh-ed25519 AAAA", 16), 0, "%s", line);
	cr_expect(strstr(line, " blade7 of rack 3"), "%s", line);
	f = fopen(pub, "r");
	cr_assert(f);
	cr_assert(fgets(content, sizeof(content), f));
	fclose(f);
	cr_expect_eq(strncmp(content, line, strlen(line)), 0);
	cr_expect_str_eq(content + strlen(line), "\n");
}

Test(keyfile, generate_without_comment)
{
	umask(077);
	why = keyfile_generate(path, "", fingerprint, line);
	cr_assert_null(why, "%s", why);
	cr_expect_eq(mode_of(path), 0600);
	cr_expect_eq(mode_of(pub), 0644);
	expect_pair();
}

Test(keyfile, two_keys_differ)
{
	char first[KEYLINE_FINGERPRINT];

	cr_assert_eq(generate(""), 0);
	memcpy(first, fingerprint, sizeof(first));
	unlink(path);
	unlink(pub);
	cr_assert_eq(generate(""), 0);
	cr_expect_str_neq(first, fingerprint);
}

/* What stands there is left alone, and its partner is not made. */
Test(keyfile, never_replaced)
{
	struct stat st;

	write_to(path, "mine", 4);
	cr_expect_eq(generate(""), -1);
	cr_expect(strstr(why, path) == why && strstr(why, "exists"), "%s", why);
	cr_expect(stat(path, &st) == 0 && st.st_size == 4);
	cr_expect_neq(access(pub, F_OK), 0);
	unlink(path);

	write_to(pub, "mine", 4);
	cr_expect_eq(generate(""), -1);
	cr_expect(strstr(why, pub) == why && strstr(why, "exists"), "%s", why);
	cr_expect(stat(pub, &st) == 0 && st.st_size == 4);
	cr_expect_neq(access(path, F_OK), 0);
	unlink(pub);

	/* Not through a dangling link either. */
	cr_assert_eq(symlink(pub, path), 0);
	cr_expect_eq(generate(""), -1);
	cr_expect_neq(access(pub, F_OK), 0);
}

static const struct {
	const char *comment, *why;
} not_generated[] = {
    {"a\nssh-ed25519 AAAA", "control byte"},
    {"a\rb", "control byte"},
    {"AAAAC3NzaC1lZDI1NTE5AAAAIHVzZSBvZiBhIHNlY29uZA==", "second key"},
    {NULL, "too long"}, /* a comment as long as the line may be */
};

Test(keyfile, nothing_left_behind)
{
	char longest[KEYFILE_LINE];

	memset(longest, 'c', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < sizeof(not_generated) / sizeof(*not_generated); i++) {
		const char *comment = not_generated[i].comment;

		cr_expect_eq(generate(comment ? comment : longest), -1, "%zu", i);
		cr_expect(strstr(why, not_generated[i].why), "%zu: %s", i, why);
		cr_expect_neq(access(path, F_OK), 0, "%zu", i);
		cr_expect_neq(access(pub, F_OK), 0, "%zu", i);
	}
}

/* Else a private key would have the name of what is given away. */
Test(keyfile, never_called_public)
{
	why = keyfile_generate(pub, "", fingerprint, line);
	cr_expect(why && strstr(why, ": a public key is called so; choose another name"), "%s",
		  why);
	cr_expect_neq(access(pub, F_OK), 0);
}

Test(keyfile, no_folder)
{
	why = keyfile_generate("/nonexistent/key", "", fingerprint, line);
	cr_expect_str_eq(
	    why, "/nonexistent/key: No such file or directory (its folder); make that (mkdir -p)");
}

/* which: 'r' keyfile_read, 'w' folders_open; why NULL: taken. */
static const struct {
	char which;
	mode_t mode;
	const char *why;
} modes[] = {
    {'r', 0600, NULL},
    {'r', 0400, NULL},
    {'r', 0700, NULL},
    {'r', 0640, "mode 0640 lets others read or write it; chmod 600 "},
    {'r', 0604, "mode 0604 lets others read or write it; chmod 600 "},
    {'r', 0620, "mode 0620 lets others read or write it; chmod 600 "},
    {'r', 0602, "mode 0602 lets others read or write it; chmod 600 "},
    {'r', 0610, "mode 0610 lets others read or write it; chmod 600 "},
    {'w', 0600, NULL},
    {'w', 0644, NULL},
    {'w', 0640, NULL},
    {'w', 0664, "mode 0664 lets others write it; chmod go-w "},
    {'w', 0646, "mode 0646 lets others write it; chmod go-w "},
};

/* 0 or -1 with why, whichever is asked. */
static int judge(char which)
{
	static char fault[FOLDERS_ERROR];
	char *text = NULL;
	struct stat st;
	size_t len = 0;
	int fd = -1, rc = -1;

	why = NULL;
	if (which == 'r') {
		text = keyfile_read(path, FOLDERS_STRICT, "keygen", &len, &why);
		rc = text ? 0 : -1;
		keyfile_wipe(text, len);
	} else {
		fd = folders_open(path, FOLDERS_STRICT, &st, fault);
		rc = fd < 0 ? -1 : close(fd);
		why = fd < 0 ? fault : NULL;
	}
	return rc;
}

Test(keyfile, modes)
{
	write_to(path, "x", 1);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		cr_assert_eq(chmod(path, modes[i].mode), 0);
		cr_expect_eq(judge(modes[i].which), modes[i].why ? -1 : 0, "%zu: %s", i, why);
		if (!modes[i].why)
			continue;
		cr_expect(modes[i].which == 'w' || strstr(why, path) == why, "%s", why);
		cr_expect(strstr(why, modes[i].why), "%zu: %s", i, why);
	}
}

Test(keyfile, foreign_owner)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	write_to(path, "x", 1);
	cr_assert_eq(chmod(path, 0600), 0);
	cr_assert_eq(chown(path, 4711, 4711), 0);
	for (const char *which = "rw"; *which; which++) {
		cr_expect_eq(judge(*which), -1);
		cr_expect(strstr(why, "belongs to uid 4711"), "%s", why);
	}
	/* The owner itself may use it. */
	cr_assert_eq(chmod(dir, 0755), 0);
	cr_assert_eq(seteuid(4711), 0);
	cr_expect_eq(judge('r'), 0, "%s", why);
	cr_expect_eq(judge('w'), 0, "%s", why);
	cr_assert_eq(seteuid(0), 0);
}

Test(keyfile, public_half)
{
	char public[128], words[512];
	size_t len = 0;

	snprintf(public, sizeof(public), "%s.pub", path);
	snprintf(words, sizeof(words), "%s: that is the public key; give the private one, %s",
		 public, path);
	write_to(public, "x", 1);
	for (mode_t mode = 0600; mode <= 0644; mode += 044) {
		cr_assert_eq(chmod(public, mode), 0);
		cr_expect_null(keyfile_read(public, FOLDERS_STRICT, "keygen", &len, &why));
		cr_expect_str_eq(why, words);
	}
	unlink(public);
}

Test(keyfile, not_a_regular_file)
{
	char words[512];

	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(judge('r'), -1);
	cr_expect(strstr(why, "not a regular file"), "%s", why);
	cr_expect_eq(judge('w'), -1);
	cr_expect(strstr(why, "not a regular file"), "%s", why);
	unlink(path);
	cr_expect_eq(judge('r'), -1);
	snprintf(words, sizeof(words), ": No such file or directory; keygen %s makes one", path);
	cr_expect(strstr(why, words), "%s", why);
}

static const struct {
	size_t size;
	const char *why; /* NULL: taken */
} sizes[] = {
    {0, "empty"},
    {1, NULL},
    {KEYFILE_MAX, NULL},
    {KEYFILE_MAX + 1, "too large"},
};

Test(keyfile, sizes)
{
	static char content[KEYFILE_MAX + 1];

	memset(content, 'k', sizeof(content));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *text = NULL;
		size_t len = 0;

		write_to(path, content, sizes[i].size);
		cr_assert_eq(chmod(path, 0600), 0);
		why = NULL;
		text = keyfile_read(path, FOLDERS_STRICT, "keygen", &len, &why);
		cr_expect_eq(!text, !!sizes[i].why, "%zu", sizes[i].size);
		if (text) {
			cr_expect_eq(len, sizes[i].size);
			cr_expect_eq(text[len], '\0');
			cr_expect_eq(memcmp(text, content, len), 0);
		} else {
			cr_expect(sizes[i].why && strstr(why, sizes[i].why), "%s", why);
		}
		keyfile_wipe(text, len);
	}
}

Test(keyfile, wipe_nothing)
{
	keyfile_wipe(NULL, 0);
}
