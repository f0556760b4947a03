// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "algorithms.h"
#include "fds.h"
#include "keyfile.h"
#include "selftest.h"

static const char path_off[] =
    "direct-streamlocal is off: its path cannot be read from this libssh";
static const char *said;
static unsigned asked;

static bool say(char *path, size_t size)
{
	asked++;
	snprintf(path, size, "%s", said ? said : "/sshipc-self-test");
	return said != NULL;
}

static bool can_do_without, proves;
static unsigned proofs, keys;

/* A whole key each time: nobody here signs in its place. */
static ssh_key give_key(bool whole)
{
	uint8_t blob[KEYLINE_BLOB_MAX];
	char text[KEYFILE_TEXT];
	ssh_key key = NULL;

	keys += !whole;
	if (whole || can_do_without) {
		cr_assert_gt(keyfile_new(blob, text, NULL), 0);
		ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &key);
	}
	return key;
}

static bool prove(const char *user, ssh_key key)
{
	proofs++;
	cr_expect_str_eq(user, "self-test");
	cr_expect_eq(ssh_key_type(key), SSH_KEYTYPE_ED25519);
	return proves;
}

static bool not_seen;

static bool seen(void)
{
	return !not_seen;
}

static const struct selftest_hooks hooks = {say, give_key, prove, seen};

static const struct {
	const char *said;
	bool streamlocal;
} answers[] = {
    {"/sshipc-self-test", true},
    {NULL, false}, /* the right path, with "I have not seen one" */
    {"", false},
    {"/", false},
    {"/sshipc-self-tes", false},
    {"/sshipc-self-test2", false},
    {"sshipc-self-test", false},
    {"/run/other.sock", false},
};

/* A libssh with CVE-2026-59847 rightly fails here: why tells so. */
static void judge(const struct selftest *t)
{
	cr_expect(t->works);
	cr_expect_eq(t->gcm, algorithms_cpu_has_aes(), "%s", t->why);
	cr_expect_eq(strstr(t->why, "AES-GCM is off") != NULL, !t->gcm, "%s", t->why);
}

Test(selftest, a_path_that_is_not_the_true_one_turns_streamlocal_off)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct selftest t;

		said = answers[i].said;
		asked = 0;
		can_do_without = proves = true;
		selftest_run(&hooks, &t);
		judge(&t);
		cr_expect_eq(asked, 1, "%zu: %u", i, asked);
		cr_expect_eq(t.streamlocal, answers[i].streamlocal, "%zu", i);
		cr_expect_eq(strstr(t.why, path_off) != NULL, !answers[i].streamlocal, "%zu: %s", i,
			     t.why);
		cr_expect_eq(t.why[0] == '\0', t.gcm && t.streamlocal, "%zu: %s", i, t.why);
	}
}

/* What one of the two needs of the other: no proof, then no key elsewhere. */
Test(selftest, what_is_not_seen_is_said)
{
	static const struct {
		bool can, proves, keyless;
	} rows[] = {
	    {true, true, true}, {false, true, false}, {true, false, false}, {false, false, false}};

	said = "/sshipc-self-test";
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct selftest t;

		can_do_without = rows[i].can;
		proves = rows[i].proves;
		proofs = keys = 0;
		selftest_run(&hooks, &t);
		judge(&t);
		cr_expect_eq(keys, 1);
		cr_expect_eq(proofs, 1, "%zu: %u", i, proofs);
		cr_expect_eq(t.proof, rows[i].proves, "%zu", i);
		cr_expect_eq(t.keyless, rows[i].keyless, "%zu", i);
		cr_expect_eq(strstr(t.why, "logins are as the session process says") != NULL,
			     !t.proof, "%zu: %s", i, t.why);
		cr_expect_eq(strstr(t.why, "session processes hold the private host keys") != NULL,
			     !t.keyless, "%zu: %s", i, t.why);
	}
}

Test(selftest, requests_that_cannot_be_answered_are_said)
{
	struct selftest t;

	said = "/sshipc-self-test";
	can_do_without = proves = true;
	for (int i = 0; i < 2; i++) {
		not_seen = i;
		selftest_run(&hooks, &t);
		cr_expect_eq(t.answers, !i);
		cr_expect_eq(strstr(t.why, "get no answer") != NULL, i, "%s", t.why);
	}
}

Test(selftest, a_client_does_not_ask)
{
	size_t before;
	struct selftest t;

	selftest_run(NULL, &t); /* what libraries open once stays */
	before = count_fds();
	for (int i = 0; i < 2; i++) {
		memset(&t, 0xff, sizeof(t));
		selftest_run(NULL, &t);
		judge(&t);
		cr_expect_not(t.streamlocal || t.proof || t.keyless);
		cr_expect_null(strstr(t.why, "streamlocal"), "%s", t.why);
	}
	cr_expect_eq(count_fds(), before, "descriptors leaked");
}

/* ---- a libssh that does not look at the tags of AES-GCM ---- */

static bool unchecked;

int EVP_DecryptFinal(EVP_CIPHER_CTX *ctx, unsigned char *out, int *len)
{
	static int (*real)(EVP_CIPHER_CTX *, unsigned char *, int *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "EVP_DecryptFinal");
	return real(ctx, out, len) == 1 || unchecked;
}

Test(selftest, changed_packets_that_are_taken_turn_gcm_off)
{
	struct selftest t;

	said = "/sshipc-self-test";
	selftest_run(&hooks, &t);
	judge(&t);
	unchecked = true;
	selftest_run(&hooks, &t);
	cr_expect(t.works);
	cr_expect_not(t.gcm, "offered, although changed packets are taken");
	cr_expect(strstr(t.why, "AES-GCM is off"), "%s", t.why);
}
