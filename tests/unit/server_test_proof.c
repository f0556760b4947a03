// SPDX-License-Identifier: BSD-2-Clause
/* A session process that was taken over: what it can have signed, and what logins it can claim. */
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "fake_session.h"
#include "hostkey.h"
#include "proof.h"
#include "sigcalls.h"

static int listener;
static struct hostkey *hostkeys[1];
static EVP_PKEY *user_key;
static uint8_t user_blob[KEYLINE_BLOB_MAX];
static size_t user_len;

static struct hostkey *make_hostkey(void)
{
	char path[128], fingerprint[KEYLINE_FINGERPRINT], public[KEYFILE_LINE];
	const char *why;
	struct hostkey *k;

	snprintf(path, sizeof(path), "%s/hostkey", fake_dir);
	why = keyfile_generate(path, "", fingerprint, public);
	cr_assert_null(why, "%s", why);
	k = hostkey_load(path, &why);
	cr_assert(k, "%s", why);
	unlink(path);
	strcat(path, ".pub");
	unlink(path);
	return k;
}

static void set_up(void)
{
	char line[512], base64[128];

	listener = fake_set_up(8);
	hostkeys[0] = make_hostkey();
	fake_view.hostkeys = hostkeys;
	fake_view.n_hostkeys = 1;
	fake_view.proof = true;
	user_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	user_len = signature_blob(user_key, user_blob);
	cr_assert_gt(user_len, 0);
	EVP_EncodeBlock((unsigned char *)base64, user_blob, (int)user_len);
	snprintf(line, sizeof(line),
		 "endpoint=\"here\" ssh-ed25519 %s listed\nendpoint=\"here\" %s other\n", base64,
		 KEY_ED2);
	fake_allow(line);
}

static void tear_down(void)
{
	EVP_PKEY_free(user_key);
	hostkey_free(hostkeys[0]);
	fake_tear_down(listener);
}

TestSuite(proof, .init = set_up, .fini = tear_down, .timeout = 60);

/* Of a new key exchange; n: length of the hash, which is given back. */
static void say_sign(struct fake *f, const char *algorithm, size_t n, struct field hostkey,
		     uint8_t hash[32])
{
	uint8_t hashed[512], secret[32];
	struct field_writer x = {hashed, 0, sizeof(hashed)};
	struct message m;

	cr_assert_eq(RAND_bytes(secret, 32), 1);
	field_put_text(&x, "SSH-2.0-them");
	field_put_text(&x, "SSH-2.0-us");
	field_put_text(&x, "KEXINIT of theirs");
	field_put_text(&x, "KEXINIT of ours");
	field_put(&x, hostkey.p, hostkey.len);
	field_put(&x, secret, sizeof(secret));
	SHA256(hashed, x.len, hash);
	m.sign =
	    (struct message_sign){.head = {MESSAGE_SIGN, 0}, .hash_len = n, .hashed_len = x.len};
	snprintf(m.sign.algorithm, sizeof(m.sign.algorithm), "%s", algorithm);
	memcpy(m.sign.hashed, hashed, x.len);
	fake_say(f, &m);
}

static struct field our_key(void)
{
	return (struct field){hostkeys[0]->blob, hostkeys[0]->blob_len};
}

/* What the monitor signed is good for its host key. */
static void exchange(struct fake *f, uint8_t hash[32])
{
	struct signature s = {.algorithm = "ssh-ed25519"};
	struct message m;

	say_sign(f, "ssh-ed25519", 32, our_key(), hash);
	cr_assert_eq(fake_hear(f, &m), MESSAGE_SIGNED);
	s.len = m.made.raw_len;
	memcpy(s.raw, m.made.raw, s.len);
	cr_expect_eq(signature_check(&s, our_key().p, our_key().len, hash, 32), SIGNATURE_GOOD);
}

/* What a login claims, and what was signed for it.  What is not given is as it should be. */
struct claim {
	const char *what, *user, *signed_user, *method, *algorithm, *signed_algorithm;
	bool other_session, other_key, changed, empty, hostbound;
};

static const struct claim honest;

static const char *or_else(const char *s, const char *usual)
{
	return s ? s : usual;
}

static void put_user_key(struct message *m, const uint8_t *blob, size_t n)
{
	memcpy(m->authorize.key, blob, n);
	m->authorize.key_len = n;
}

static void make_claim(struct message *m, const struct claim *k, const uint8_t id[32])
{
	uint8_t data[1024];
	struct field_writer d = {data, 0, sizeof(data)};
	struct signature s = {.len = sizeof(s.raw)};

	field_put(&d, id, 32);
	field_put_bytes(&d, "\x32", 1);
	field_put_text(&d, or_else(k->signed_user, "user"));
	field_put_text(&d, "ssh-connection");
	field_put_text(&d, or_else(k->method, "publickey"));
	field_put_bytes(&d, "\x01", 1);
	field_put_text(&d, or_else(k->signed_algorithm, "ssh-ed25519"));
	field_put(&d, user_blob, user_len);
	if (k->hostbound)
		field_put(&d, our_key().p, our_key().len);
	if (k->empty)
		s.len = 0;
	else
		cr_assert(signature_make(user_key, "ssh-ed25519", data, d.len, s.raw, &s.len));
	s.raw[20] ^= k->changed;
	snprintf(s.algorithm, sizeof(s.algorithm), "%s", or_else(k->algorithm, "ssh-ed25519"));
	fake_make_authorize(m, BLOB_ED2);
	if (!k->other_key)
		put_user_key(m, user_blob, user_len);
	snprintf(m->authorize.user, sizeof(m->authorize.user), "%s", or_else(k->user, "user"));
	m->authorize.signature = s;
}

static void log_in(struct fake *f, const struct claim *k)
{
	uint8_t id[32], other[32];
	struct message m;

	fake_start(f);
	exchange(f, id);
	memset(other, 7, sizeof(other));
	make_claim(&m, k, k->other_session ? other : id);
	fake_say(f, &m);
}

static void expect_violation(struct fake *f, const char *what)
{
	struct message m;

	cr_expect_eq(fake_hear(f, &m), 0, "%s: answered", what);
	fake_poll();
	cr_expect(f->closed, "%s: not ended", what);
	close(f->sock);
	cr_expect_eq(fake_logged("broke the protocol"), 1, "%s: %s", what, fake_log);
	fake_log[0] = '\0';
}

Test(proof, an_honest_login)
{
	static const struct claim rows[] = {
	    {.what = "as all do"},
	    {.what = "nameless", .user = "", .signed_user = ""},
	    {.what = "hostbound",
	     .method = "publickey-hostbound-v00@openssh.com",
	     .hostbound = true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f;
		struct message m;

		log_in(&f, &rows[i]);
		cr_expect_eq(fake_hear(&f, &m), MESSAGE_GRANT, "%s", rows[i].what);
		cr_expect_eq(fake_open(&f, 0x10001, "."), MESSAGE_OPENED);
		fake_leave(&f);
		close(accept(listener, NULL, NULL));
	}
}

Test(proof, a_claimed_login_ends_the_session)
{
	static const struct claim rows[] = {
	    {.what = "no signature", .empty = true},
	    {.what = "of another session", .other_session = true},
	    {.what = "changed", .changed = true},
	    {.what = "by another key", .other_key = true},
	    {.what = "for another user", .signed_user = "users"},
	    {.what = "of another method", .method = "hostbased"},
	    {.what = "without the server's key", .method = "publickey-hostbound-v00@openssh.com"},
	    {.what = "for another algorithm", .signed_algorithm = "ssh-ed25519x"},
	    {.what = "unknown algorithm", .algorithm = "ssh-ed25519x"},
	    {.what = "algorithm of other keys",
	     .algorithm = "rsa-sha2-512",
	     .signed_algorithm = "rsa-sha2-512"},
	    {.what = "a token's algorithm", .algorithm = "sk-ssh-ed25519@openssh.com"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f;

		log_in(&f, &rows[i]);
		expect_violation(&f, rows[i].what);
	}
	cr_expect_eq(fake_logins, 0);
}

Test(proof, no_login_before_the_key_exchange)
{
	uint8_t id[32] = {0};
	struct fake f;
	struct message m;

	fake_start(&f);
	make_claim(&m, &honest, id);
	fake_say(&f, &m);
	expect_violation(&f, "no key exchange");
}

Test(proof, a_signature_of_one_session_is_worth_nothing_in_the_next)
{
	struct fake first, second;
	uint8_t id[32], other[32];
	struct message m;

	fake_start(&first);
	exchange(&first, id);
	make_claim(&m, &honest, id);
	fake_say(&first, &m);
	cr_expect_eq(fake_hear(&first, &m), MESSAGE_GRANT);
	fake_start(&second);
	exchange(&second, other);
	make_claim(&m, &honest, id);
	fake_say(&second, &m);
	expect_violation(&second, "replayed");
	make_claim(&m, &honest, id); /* nor twice in its own */
	fake_say(&first, &m);
	expect_violation(&first, "twice");
}

/* An unlisted key is nobody's: nothing about it needs proof. */
Test(proof, an_unlisted_key_is_denied_as_ever)
{
	uint8_t id[32];
	struct fake f;
	struct message m;

	fake_start(&f);
	exchange(&f, id);
	cr_expect_eq(fake_authorize(&f, BLOB_P384, &m), MESSAGE_DENY);
	make_claim(&m, &honest, id);
	fake_say(&f, &m);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_GRANT);
	fake_leave(&f);
}

Test(proof, an_unlisted_key_waits_for_approval_only_with_proof)
{
	struct fake f;
	struct message m;

	fake_allow("");
	cr_assert_null(cidr_parse("192.0.2.0/24", &fake_settings.pending_from));
	fake_settings.pending_until = time(NULL) + 1000;
	log_in(&f, &honest);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_DENY);
	cr_expect_eq(pending_count(fake_view.pending), 1);
	fake_leave(&f);
	fake_start(&f);
	fake_make_authorize(&m, BLOB_ED2);
	fake_say(&f, &m);
	expect_violation(&f, "pending without proof");
	cr_expect_eq(pending_count(fake_view.pending), 1);
	cidr_free(&fake_settings.pending_from);
}

Test(proof, one_signature_before_login)
{
	struct fake f;
	uint8_t id[32];

	fake_start(&f);
	exchange(&f, id);
	say_sign(&f, "ssh-ed25519", 32, our_key(), id);
	expect_violation(&f, "a second one");
}

Test(proof, hashes_that_are_none)
{
	static const struct {
		const char *algorithm;
		size_t n;
	} rows[] = {{"ssh-ed25519", 0},
		    {"ssh-ed25519", 20},
		    {"ssh-ed25519", 31},
		    {"ssh-ed25519", 33},
		    {"ssh-ed25519", 47},
		    {"ssh-ed25519", 65},
		    {"ssh-ed25519", 4096},
		    {"ssh-rsa", 32},
		    {"rsa-sha2-512", 32},
		    {"ecdsa-sha2-nistp256", 32},
		    {"", 32}};
	uint8_t hash[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f;

		fake_start(&f);
		say_sign(&f, rows[i].algorithm, rows[i].n, our_key(), hash);
		expect_violation(&f, rows[i].algorithm);
	}
}

/* Else the signature of a listed key's owner for a server of the attacker's would be one for us. */
Test(proof, the_key_exchange_of_another_server)
{
	const struct field key = our_key(),
			   rows[] = {{user_blob, user_len}, {key.p, key.len - 1}, {key.p, 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t hash[32];
		struct fake f;

		fake_start(&f);
		say_sign(&f, "ssh-ed25519", 32, rows[i], hash);
		expect_violation(&f, "another host key");
	}
}

/* Too short, too long, more than fits, and what is no key exchange. */
Test(proof, malformed_exchanges)
{
	static const struct {
		size_t hashed_len, sent;
	} rows[] = {{512, 0},
		    {512, offsetof(struct message_sign, algorithm)},
		    {512, offsetof(struct message_sign, hashed) + 511},
		    {512, offsetof(struct message_sign, hashed) + 513},
		    {SIGNATURE_HASHED_MAX + 1, sizeof(struct message_sign) + 1},
		    {512, offsetof(struct message_sign, hashed) + 512}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f;
		struct message m = {.sign = {.head = {MESSAGE_SIGN, 0},
					     .hash_len = 32,
					     .hashed_len = rows[i].hashed_len,
					     .algorithm = "ssh-ed25519"}};

		fake_start(&f);
		fake_say_raw(&f, &m, rows[i].sent ? rows[i].sent : sizeof(m.head), -1);
		expect_violation(&f, "malformed");
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* New keys change nothing about the session id, and come no faster than one in 100 ms; who does not
 * wait is ended. */
Test(proof, new_keys_are_slowed)
{
	const double begun = now();
	uint8_t later[32];
	struct fake f;
	struct message m;

	log_in(&f, &honest);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_GRANT);
	/* Ten of a second at once, then ten a second. */
	for (int i = 0; i < 15; i++)
		exchange(&f, later);
	cr_expect_geq(now() - begun, 0.399);
	cr_expect_not(f.closed);
	say_sign(&f, "ssh-ed25519", 32, our_key(), later);
	say_sign(&f, "ssh-ed25519", 32, our_key(), later);
	fake_leave(&f); /* while it waits */
}

/* ---- a token that says whether it verified its user ---- */

static void token_blob(struct field_writer *w)
{
	struct field_reader r = {user_blob, user_len};

	field_take(&r);
	field_put_text(w, "sk-ssh-ed25519@openssh.com");
	field_put_bytes(w, r.p, r.left);
	field_put_text(w, "ssh:");
}

static void allow_token(const char *options)
{
	uint8_t blob[256];
	struct field_writer b = {blob, 0, sizeof(blob)};
	char base64[512], line[1024];

	token_blob(&b);
	EVP_EncodeBlock((unsigned char *)base64, blob, (int)b.len);
	snprintf(line, sizeof(line), "endpoint=\"here\"%s sk-ssh-ed25519@openssh.com %s token\n",
		 options, base64);
	fake_allow(line);
}

/* The session claims flags, the token has signed others. */
static uint32_t token_logs_in(struct fake *f, uint8_t signed_flags, uint32_t flags,
			      struct message *m)
{
	uint8_t id[32] = {0}, blob[256], data[1024], token[SIGNATURE_TOKEN_DATA];
	struct field_writer b = {blob, 0, sizeof(blob)}, d = {data, 0, sizeof(data)},
			    t = {token, SIGNATURE_TOKEN_FLAGS, sizeof(token)};
	struct signature s = {.algorithm = "sk-ssh-ed25519@openssh.com",
			      .len = sizeof(s.raw),
			      .flags = flags,
			      .counter = 7};

	fake_start(f);
	if (fake_view.proof)
		exchange(f, id);
	token_blob(&b);
	field_put(&d, id, 32);
	field_put_bytes(&d, "\x32", 1);
	field_put_text(&d, "user");
	field_put_text(&d, "ssh-connection");
	field_put_text(&d, "publickey");
	field_put_bytes(&d, "\x01", 1);
	field_put_text(&d, s.algorithm);
	field_put(&d, blob, b.len);
	SHA256((const uint8_t *)"ssh:", 4, token);
	field_put_bytes(&t, &signed_flags, 1);
	field_put_u32(&t, s.counter);
	SHA256(data, d.len, token + t.len);
	cr_assert(signature_make(user_key, "ssh-ed25519", token, sizeof(token), s.raw, &s.len));
	fake_make_authorize(m, BLOB_ED2);
	put_user_key(m, blob, b.len);
	m->authorize.signature = s;
	fake_say(f, m);
	return fake_hear(f, m);
}

static void expect_denied(struct fake *f, struct message *m, const char *remedy)
{
	const char *reason = m->deny.reason;

	cr_expect(strstr(reason, "did not verify its user (verify-required)"), "%s", reason);
	cr_expect(fake_logged(remedy), "%s", fake_log);
	fake_leave(f);
	fake_log[0] = '\0';
}

Test(proof, verify_required)
{
	enum { TOUCHED = 1, VERIFIED = 5 };
	struct fake f;
	struct message m;
	char summary[512];

	allow_token(",verify-required");
	cr_assert_eq(token_logs_in(&f, VERIFIED, VERIFIED, &m), MESSAGE_GRANT);
	cr_expect_eq(fake_open(&f, 0x10001, "."), MESSAGE_OPENED);
	close(accept(listener, NULL, NULL));
	fake_leave(&f);
	cr_assert_eq(token_logs_in(&f, TOUCHED, TOUCHED, &m), MESSAGE_DENY);
	expect_denied(&f, &m, "-O verify-required");
	token_logs_in(&f, TOUCHED, VERIFIED, &m);
	expect_violation(&f, "a PIN that was not signed");

	/* A line without it takes both; one that gets it later ends who was not verified. */
	allow_token("");
	cr_assert_eq(token_logs_in(&f, TOUCHED, TOUCHED, &m), MESSAGE_GRANT);
	allow_token(",verify-required");
	cr_expect_eq(fake_open(&f, 0x10001, "."), MESSAGE_OPENED, "not judged yet");
	close(accept(listener, NULL, NULL));
	revoke_refused(&fake_view, fake_view.allowlist, "reload", summary, sizeof(summary));
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_END, "%s", summary);
	cr_expect(strstr(summary, "1 session closed"), "%s", summary);
	fake_leave(&f);
	fake_log[0] = '\0';

	/* Nobody sees its signature: nothing is believed. */
	fake_view.proof = false;
	cr_assert_eq(token_logs_in(&f, VERIFIED, VERIFIED, &m), MESSAGE_DENY);
	expect_denied(&f, &m, "no login's signature is seen");
}

/* Where the self-test did not see the signatures: as the session says. */
Test(proof, without_the_interposition)
{
	uint8_t id[32] = {0};
	struct fake f;
	struct message m;

	fake_view.proof = false;
	fake_log_in(&f, BLOB_ED2);
	fake_leave(&f);
	fake_start(&f);
	make_claim(&m, &honest, id);
	fake_say(&f, &m);
	cr_expect_eq(fake_hear(&f, &m), MESSAGE_GRANT);
	fake_leave(&f);
	fake_start(&f);
	say_sign(&f, "ssh-ed25519", 32, our_key(), id);
	expect_violation(&f, "nobody asks us to sign then");
}
